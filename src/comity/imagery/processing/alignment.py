"""Where each band of a camera is expected to see what the reference band sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.geometry.cameras import CameraModel
from comity.imagery.geometry.location import Relief, locate_on
from comity.imagery.geometry.model import SensorModel
from comity.imagery.processing.registration import Surface

Floats = NDArray[np.float64]

#: Pixels from node to node; linear between.
_STEP = 32


def reference_of(bands: Sequence[str]) -> str:
    """The band that the others are laid on unless one is named: green, else pan, else the middle one."""
    for name in ("green", "pan"):
        if name in bands:
            return name
    return bands[len(bands) // 2]


@dataclass(frozen=True, slots=True)
class BandMap:
    """From pixels of the reference band to those of another.

    ``columns``, ``rows`` (n, m): what to add to (column, row) at every 32nd pixel centre; linear between.
    """

    columns: Floats
    rows: Floats

    @property
    def idle(self) -> bool:
        """Whether it moves nothing."""
        return not (self.columns.any() or self.rows.any())

    def window(self, column: float, row: float, columns: int, rows: int) -> tuple[Floats, Floats]:
        """Places (rows, columns) in the other band of a block of pixels that begins at (column, row)."""
        at_column = column + np.arange(columns, dtype=np.float64)
        at_row = row + np.arange(rows, dtype=np.float64)
        across, along = _weights(at_column, self.columns.shape[1]), _weights(at_row, self.columns.shape[0])
        first, last = int(along.argmax(axis=1)[0]), int(along.argmax(axis=1)[-1]) + 2
        left, right = int(across.argmax(axis=1)[0]), int(across.argmax(axis=1)[-1]) + 2
        first, left = max(first - 1, 0), max(left - 1, 0)
        near = (slice(first, last), slice(left, right))
        moved = [along[:, near[0]] @ one[near] @ across[:, near[1]].T for one in (self.columns, self.rows)]
        return at_column[None, :] + moved[0], at_row[:, None] + moved[1]

    def with_surface(self, surface: Surface) -> BandMap:
        """The same with a measured shift."""
        row, column = np.indices(self.columns.shape) * float(_STEP)
        more = surface.at(column, row)
        return BandMap(self.columns + more[0], self.rows + more[1])


def _weights(at: Floats, nodes: int) -> Floats:
    """(len(at), nodes) weights of a line through nodes."""
    left = np.clip((at // _STEP).astype(int), 0, nodes - 2)
    part = at / _STEP - left
    weights = np.zeros((len(at), nodes))
    weights[np.arange(len(at)), left] = 1.0 - part
    weights[np.arange(len(at)), left + 1] = part
    return weights


def band_map(model: SensorModel, reference: str, band: str, relief: Relief) -> BandMap:
    """The map that the geometry expects; without band lines in it, none moves."""
    rows, columns = model.shape
    row, column = np.meshgrid(
        np.arange(0, rows + _STEP, _STEP, dtype=float),
        np.arange(0, columns + _STEP, _STEP, dtype=float),
        indexing="ij",
    )
    still = BandMap(np.zeros_like(column), np.zeros_like(row))
    if not isinstance(model, CameraModel) or not model.camera.bands or band == reference:
        return still
    lon, lat, height = locate_on(model.for_band(reference), relief, column, row)
    there = model.for_band(band).project(lon, lat, height)
    moved = (there[0] - column, there[1] - row)
    return BandMap(*(_filled(one) for one in moved))


def _filled(values: Floats) -> Floats:
    """Unknown nodes, beside the image or where there is no relief, as the known ones on average."""
    known = np.isfinite(values)
    return np.where(known, values, float(np.median(values[known])) if known.any() else 0.0)
