"""Resampling filters, and one call for all: nearest, bilinear, cubic, Lanczos; wider where they shrink."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.processing.resampling import kernels

Resampling = Literal["nearest", "bilinear", "cubic", "lanczos"]
#: Half width of each filter in pixels.
_REACH = {"bilinear": 1.0, "cubic": 2.0, "lanczos": 3.0}
#: Fractions of a pixel that weights are tabled for.
_PHASES = 1024
#: Source pixels per output pixel from which a filter is widened.
_SHRINKS = 1.05


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter for one ratio of pixel sizes. ``columns``, ``rows``: weights (phases + 1, taps) float32."""

    name: Resampling
    columns: NDArray[np.float32]
    rows: NDArray[np.float32]

    @property
    def margin(self) -> int:
        """Source pixels needed around a position."""
        return int(max(self.columns.shape[1], self.rows.shape[1]) // 2 + 1)

    def apply(
        self,
        source: NDArray[Any],
        nodata: float | None,
        columns: NDArray[np.float32],
        rows: NDArray[np.float32],
        out_nodata: float,
    ) -> NDArray[Any]:
        """Values (bands, …) at positions in ``source`` (bands, rows, cols), in its type.

        ``nodata``: of the source, as far as it has one; NaN never counts. ``out_nodata`` stands where there
        is no value; no value of an integer type comes out as that.
        """
        signed = source.dtype.kind == "i"  # rounded here: the kernels cut off what follows the point
        out = np.full((source.shape[0], *columns.shape), out_nodata, np.float32 if signed else source.dtype)
        is_float = source.dtype.kind == "f"
        nothing = math.nan if nodata is None else nodata
        holes = (is_float or nodata is not None) and bool(kernels.has_value(source, nothing, is_float))
        limits = _limits(source.dtype, out_nodata)
        tables = (self.columns, self.rows)
        if self.name == "nearest":
            kernels.nearest(source, nothing, columns, rows, limits, out)
        elif holes:
            kernels.taps_among_holes(source, nothing, columns, rows, *tables, limits, out)
        elif self.columns.shape[1] == self.rows.shape[1] == 4:
            kernels.four_by_four(source, columns, rows, *tables, limits, out)
        elif self.columns.shape[1] == self.rows.shape[1] == 2:
            kernels.two_by_two(source, columns, rows, *tables, limits, out)
        else:
            kernels.taps(source, columns, rows, *tables, limits, out)
        return np.floor(out).astype(source.dtype) if signed else out


def make_filter(name: str, column_ratio: float = 1.0, row_ratio: float = 1.0) -> Filter:
    """The filter for output pixels of so many source columns and rows.

    Cubic is Keys' with a = −½, Lanczos has three lobes. Where output pixels are larger than the source's the
    filter is widened by the ratio, against aliasing; nearest is not. Raises :class:`InputError` for what is
    no filter.
    """
    if name not in get_args(Resampling):
        raise InputError(f"resampling {name!r}: give one of {', '.join(get_args(Resampling))}")
    kind: Resampling = name  # type: ignore[assignment]
    if kind == "nearest":
        none = np.ones((_PHASES + 1, 2), np.float32)
        return Filter(kind, none, none)
    return Filter(kind, _table(kind, column_ratio), _table(kind, row_ratio))


def _table(name: str, ratio: float) -> NDArray[np.float32]:
    wide = ratio if ratio > _SHRINKS else 1.0
    half = math.ceil(_REACH[name] * wide - 1e-9)
    fraction = np.arange(_PHASES + 1) / _PHASES
    offset = np.arange(1 - half, half + 1)
    x = np.abs(offset[None, :] - fraction[:, None]) / wide
    weights = _weights(name, x)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _weights(name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    if name == "bilinear":
        return np.maximum(1.0 - x, 0.0)
    if name == "cubic":
        near = (1.5 * x - 2.5) * x * x + 1.0
        far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))
    return np.where(x < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


def _limits(dtype: np.dtype[Any], out_nodata: float) -> tuple[np.float32, np.float32, np.float32]:
    if dtype.kind == "f":
        most = np.float32(np.finfo(np.float32).max)
        return -most, most, np.float32(0.0)
    info = np.iinfo(dtype)
    low, high = float(info.min), float(info.max)
    if out_nodata == low:
        low += 1.0
    elif out_nodata == high:
        high -= 1.0
    most = np.float32(high)
    if float(most) > high:
        most = np.nextafter(most, np.float32(0.0))
    return np.float32(low), most, np.float32(0.5)
