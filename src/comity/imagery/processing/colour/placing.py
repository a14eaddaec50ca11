"""Images of one CRS on one grid, whatever their own: fine by windows, or coarse and whole."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from comity.core import InputError
from comity.imagery.processing.colour.sheets import Image, Sheet

#: Part of a pixel by which a grid may be off another and still count as the same.
_SAME = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows and columns of a north-up raster; ``transform`` from pixel corners."""

    crs: CRS
    transform: Affine
    width: int
    height: int

    def coarser(self, factor: int) -> Grid:
        """The grid of pixels ``factor`` times as large from the same corner."""
        return Grid(
            crs=self.crs,
            transform=self.transform @ Affine.scale(factor),
            width=-(-self.width // factor),
            height=-(-self.height // factor),
        )


def _at(affine: Affine, x: float, y: float) -> tuple[float, float]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def union_grid(sheets: Sequence[Sheet]) -> Grid:
    """The first image's grid, over what all cover. Raises :class:`InputError` naming what does not fit."""
    first = sheets[0]
    if first.crs is None:
        raise InputError(f"{first.path} lies on no map: orthorectify it first")
    own = first.transform
    if own.b != 0.0 or own.d != 0.0 or own.a <= 0.0 or own.e >= 0.0:
        raise InputError(f"{first.path} is not north-up: bring it to a north-up grid first")
    places: list[tuple[float, float]] = []
    for sheet in sheets:
        if sheet.crs is None:
            raise InputError(f"{sheet.path} lies on no map: orthorectify it first")
        if sheet.crs != first.crs:
            raise InputError(
                f"{sheet.path} is in {sheet.crs}, {first.path} in {first.crs}: bring all to one CRS"
            )
        rows, cols = sheet.shape
        step = ~own @ sheet.transform
        places += [_at(step, x, y) for x in (0, cols) for y in (0, rows)]
    x, y = np.array(places).T
    left, top = int(np.floor(x.min() + _SAME)), int(np.floor(y.min() + _SAME))
    right, low = int(np.ceil(x.max() - _SAME)), int(np.ceil(y.max() - _SAME))
    return Grid(
        crs=first.crs,
        transform=own @ Affine.translation(left, top),
        width=right - left,
        height=low - top,
    )


class Placed:
    """An image on a grid: read as it is where its pixels are the grid's, else resampled (cubic)."""

    def __init__(self, sheet: Sheet, grid: Grid) -> None:
        self.sheet, self.grid = sheet, grid
        self._local = threading.local()
        step = ~grid.transform @ sheet.transform
        exact = np.allclose((step.a, step.b, step.d, step.e), (1.0, 0.0, 0.0, 1.0), atol=1e-6)
        shift = np.array([step.c, step.f])
        self._shift: tuple[int, int] | None = None
        if exact and np.all(np.abs(shift - np.rint(shift)) < _SAME):
            self._shift = (int(np.rint(step.c)), int(np.rint(step.f)))
        rows, cols = sheet.shape
        xs, ys = zip(*(_at(step, x, y) for x in (0, cols) for y in (0, rows)), strict=True)
        #: Left, top, right, bottom on the grid, pixels.
        self.bounds = (min(xs), min(ys), max(xs), max(ys))

    def touches(self, window: Window) -> bool:
        """Whether it may show anything of a window of the grid."""
        left, top, right, low = self.bounds
        return bool(
            left < window.col_off + window.width
            and right > window.col_off
            and top < window.row_off + window.height
            and low > window.row_off
        )

    def read(self, window: Window) -> Image:
        """(bands, rows, cols) of a window of the grid, NaN where it shows nothing."""
        out = np.full((self.sheet.count, window.height, window.width), np.nan, np.float32)
        if not self.touches(window):
            return out
        if self._shift is None:
            return _warped(self.sheet, self._vrt(), window)
        col, row = window.col_off - self._shift[0], window.row_off - self._shift[1]
        part = self.sheet.read(col, row, window.width, window.height)
        at_row, at_col = max(0, -row), max(0, -col)
        out[:, at_row : at_row + part.shape[1], at_col : at_col + part.shape[2]] = part
        return out

    def coarse(self, grid: Grid) -> Image:
        """All of it averaged onto a coarser grid, NaN where it shows nothing."""
        with _vrt_of(self.sheet, grid, Resampling.average) as vrt:
            return _warped(self.sheet, vrt, Window(0, 0, grid.width, grid.height))

    def _vrt(self) -> WarpedVRT:
        vrt: WarpedVRT | None = getattr(self._local, "vrt", None)
        if vrt is None:
            vrt = self._local.vrt = _vrt_of(self.sheet, self.grid, Resampling.cubic)
        return vrt


class Classes:
    """A raster of classes (a cloud mask) on a grid, by nearest neighbour."""

    def __init__(self, path: Path, grid: Grid, classes: Sequence[int]) -> None:
        self.sheet = Sheet(path, bands=("mask",))
        if self.sheet.crs is None:
            raise InputError(f"{path} lies on no map: a mask lies where its image lies")
        self.grid, self.classes = grid, list(classes)
        self._local = threading.local()

    def marked(self, window: Window, grid: Grid | None = None) -> NDArray[np.bool_]:
        """Where a window of the grid (or of another grid, whole) is of one of the classes."""
        if grid is not None:
            with _vrt_of(self.sheet, grid, Resampling.mode) as vrt:
                return np.isin(np.nan_to_num(_warped(self.sheet, vrt, window)[0]), self.classes)
        vrt = getattr(self._local, "vrt", None)
        if vrt is None:
            vrt = self._local.vrt = _vrt_of(self.sheet, self.grid, Resampling.nearest)
        return np.isin(np.nan_to_num(_warped(self.sheet, vrt, window)[0]), self.classes)


def _vrt_of(sheet: Sheet, grid: Grid, how: Resampling) -> WarpedVRT:
    more: dict[str, Any] = {"add_alpha": True} if sheet.nodata is None else {"nodata": sheet.nodata}
    return WarpedVRT(
        sheet.opened(),
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=how,
        **more,
    )


def _warped(sheet: Sheet, vrt: WarpedVRT, window: Window) -> Image:
    bands = list(range(1, sheet.count + 1))
    try:
        values: Image = vrt.read(bands, window=window).astype(np.float32)
        hidden = (vrt.read_masks(bands, window=window) == 0).any(axis=0)
    except (RasterioError, OSError) as error:
        raise InputError(f"cannot read {sheet.path}: {error.__cause__ or error}") from error
    values[:, hidden | ~np.isfinite(values).all(axis=0)] = np.nan
    return values
