"""Where a pixel of one image lies in another: the pan and the bands, through their models or their grids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rasterio.transform import Affine

from comity.core import InputError
from comity.imagery.geometry.model import SensorModel

Floats = NDArray[np.float64]
#: Column and row of an image → height above the ellipsoid, m, of the ground seen there.
Heights = Callable[[Floats, Floats], Floats]

#: Pixels between the nodes at which models are asked, and how many nodes at most along a side.
_NODE_PX, _MOST_NODES = 128, 513
_NO_SHIFT = np.zeros((2, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """A function of (column, row) with two values, known at evenly spaced nodes, linear between and beyond.

    ``step``: pixels between nodes along a row and a column. ``values``: (2, rows, cols), 2 × 2 nodes or more.
    """

    step: tuple[float, float]
    values: Floats

    def __call__(self, column: ArrayLike, row: ArrayLike) -> tuple[Floats, Floats]:
        """The values at pixels."""
        x, y = np.broadcast_arrays(
            np.asarray(column, np.float64) / self.step[0], np.asarray(row, np.float64) / self.step[1]
        )
        _, high, wide = self.values.shape
        i = np.clip(np.floor(y), 0, high - 2).astype(np.int64)
        j = np.clip(np.floor(x), 0, wide - 2).astype(np.int64)
        fx, fy = x - j, y - i
        v = self.values
        top = v[:, i, j] * (1.0 - fx) + v[:, i, j + 1] * fx
        low = v[:, i + 1, j] * (1.0 - fx) + v[:, i + 1, j + 1] * fx
        found = top * (1.0 - fy) + low * fy
        return found[0], found[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """From pixel centres of the pan to pixel centres of the bands, and back.

    ``shift``: (2, 3), what is added to the pan position of a coarse pixel (column and row, pan pixels) as
    found by measurement: constant, per column and per row of the pan.
    """

    pan_shape: tuple[int, int]
    xs_shape: tuple[int, int]
    to_xs: Lattice
    to_pan: Lattice
    shift: Floats = field(default_factory=lambda: _NO_SHIFT)

    @property
    def ratio(self) -> float:
        """Pan pixels along the side of a coarse pixel, in the middle of the image."""
        rows, cols = self.xs_shape
        x, y = self.to_pan(np.array([0.0, 1.0, 0.0]) + cols / 2, np.array([0.0, 0.0, 1.0]) + rows / 2)
        return float(np.sqrt(abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))))

    def pan_at(self, column: ArrayLike, row: ArrayLike) -> tuple[Floats, Floats]:
        """Column and row of the pan where pixels of the bands lie."""
        x, y = self.to_pan(column, row)
        dx, dy = self._shift_at(x, y)
        return x + dx, y + dy

    def xs_at(self, column: ArrayLike, row: ArrayLike) -> tuple[Floats, Floats]:
        """Column and row of the bands where pixels of the pan lie."""
        x, y = np.asarray(column, np.float64), np.asarray(row, np.float64)
        dx, dy = self._shift_at(x, y)
        return self.to_xs(x - dx, y - dy)

    def shifted(self, shift: Floats) -> Relation:
        """The same relation with this measured shift in place of its own."""
        return replace(self, shift=np.asarray(shift, np.float64))

    def _shift_at(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        a, b = self.shift
        return a[0] + a[1] * x + a[2] * y, b[0] + b[1] * x + b[2] * y


def grid_relation(pan_shape: tuple[int, int], pan: Affine, xs_shape: tuple[int, int], xs: Affine) -> Relation:
    """The relation of two rasters of one CRS; transforms from pixel corners, as in GDAL."""
    centre = Affine.translation(0.5, 0.5)
    forth = ~centre @ ~xs @ pan @ centre
    return Relation(
        pan_shape=pan_shape,
        xs_shape=xs_shape,
        to_xs=_affine_lattice(forth, pan_shape),
        to_pan=_affine_lattice(~forth, xs_shape),
    )


def model_relation(pan: SensorModel, xs: SensorModel, heights: Heights | None = None) -> Relation:
    """The relation of two images in sensor geometry, over their ground.

    ``heights``: of the ground seen at pixels of the pan; None for the middle of the models' heights, enough
    for sensors that look through one telescope at one time. Raises :class:`InputError` where the models
    do not meet.
    """
    bottom = max(pan.heights_m[0], xs.heights_m[0])
    top = min(pan.heights_m[1], xs.heights_m[1])
    middle = 0.5 * (bottom + top)

    def forth(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        height = np.full(column.shape, middle) if heights is None else heights(column, row)
        return xs.project(*pan.locate(column, row, height), height)

    to_xs = _lattice(forth, pan.shape)
    if not np.isfinite(to_xs.values).all():
        raise InputError("the pan does not look at the ground the bands were taken of: not one scene?")
    rough = _inverse_affine(to_xs, pan.shape)

    def back(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        # The lattice is near affine: a few steps of the affine's inverse on what is left.
        x, y = rough[0] @ _ones(column, row), rough[1] @ _ones(column, row)
        for _ in range(6):
            u, v = to_xs(x, y)
            x = x + rough[0, 1] * (column - u) + rough[0, 2] * (row - v)
            y = y + rough[1, 1] * (column - u) + rough[1, 2] * (row - v)
        return x, y

    # As many nodes as the pan has over the same ground.
    apart = _NODE_PX / np.sqrt(abs(np.linalg.det(rough[:, 1:])))
    return Relation(
        pan_shape=pan.shape, xs_shape=xs.shape, to_xs=to_xs, to_pan=_lattice(back, xs.shape, apart)
    )


def _ones(column: Floats, row: Floats) -> Floats:
    return np.stack([np.ones(column.size), column.ravel(), row.ravel()])


def _lattice(
    function: Callable[[Floats, Floats], tuple[Floats, Floats]],
    shape: tuple[int, int],
    apart: float = _NODE_PX,
) -> Lattice:
    rows, cols = shape
    high, wide = (min(_MOST_NODES, max(2, int(np.ceil(size / apart)) + 1)) for size in shape)
    step = (max(cols - 1, 1) / (wide - 1), max(rows - 1, 1) / (high - 1))
    x, y = np.meshgrid(np.arange(wide) * step[0], np.arange(high) * step[1])
    u, v = function(x.ravel(), y.ravel())
    return Lattice(step=step, values=np.stack([np.reshape(u, x.shape), np.reshape(v, x.shape)]))


def _affine_lattice(affine: Affine, shape: tuple[int, int]) -> Lattice:
    step = (float(max(shape[1] - 1, 1)), float(max(shape[0] - 1, 1)))
    x, y = np.meshgrid([0.0, step[0]], [0.0, step[1]])
    values = [affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f]
    return Lattice(step=step, values=np.stack(values))


def _inverse_affine(lattice: Lattice, shape: tuple[int, int]) -> Floats:
    """(2, 3): least-squares affine from the lattice's values back to its pixels."""
    _, high, wide = lattice.values.shape
    x, y = np.meshgrid(np.arange(wide) * lattice.step[0], np.arange(high) * lattice.step[1])
    known = _ones(lattice.values[0], lattice.values[1]).T
    found, *_ = np.linalg.lstsq(known, np.stack([x.ravel(), y.ravel()], axis=1), rcond=None)
    turned: Floats = found.T
    return turned
