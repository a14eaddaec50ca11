"""Orthorectification: an image in sensor geometry laid on the map over relief.

Per block of output pixels the model is asked exactly at a grid of nodes, each at three heights; between nodes
positions are linear, in height quadratic, and every pixel takes its own height from the relief. The grid is
halved until positions at the middles of its cells agree with the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from comity.core import InputError
from comity.imagery.geometry.dem import Dem, FlatDem
from comity.imagery.geometry.images import ImageReader, SensorImage
from comity.imagery.geometry.location import Relief
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.processing.resampling import kernels
from comity.imagery.processing.resampling.filters import make_filter

Floats = NDArray[np.float64]

#: Pixels between nodes, first and at the least, and the error in pixels above which they are halved.
_STEP, _LEAST_STEP, _ERROR_PX = 64, 4, 0.01
#: Cells of nodes across an image at the least.
_CELLS = 12
#: Relief that is no grid of posts is asked at every so many output pixels.
_RELIEF_STEP = 4
#: Source samples (pixels × bands) held at a time for a block; what needs more is rendered in quarters.
_SAMPLES = 40_000_000


@contextmanager
def orthorectifier(
    image: SensorImage, relief: Relief, layout: RasterLayout, resampling: str = "cubic"
) -> Iterator[Orthorectifier]:
    """An :class:`Orthorectifier` for windows of ``layout``; the image is closed at the end."""
    with image.reader() as reader:
        yield Orthorectifier(image, relief, layout, resampling, reader)


class Orthorectifier:
    """Renders windows of a map from an image; safe from several threads.

    ``error_px``, ``heights_m``: as in :class:`OrthoResult`, of what was rendered so far.
    """

    def __init__(
        self, image: SensorImage, relief: Relief, layout: RasterLayout, resampling: str, reader: ImageReader
    ) -> None:
        self.image, self.relief, self.layout = image, relief, layout
        self._reader = reader
        self._local = local()
        self._lock = Lock()
        self.error_px = 0.0
        self.heights_m = (math.inf, -math.inf)
        self._wkt = layout.crs.to_wkt()
        self._nodata = out_nodata(image)
        span = self._span()
        self._filter = make_filter(resampling, *span)
        # Cells well smaller than the image, so that those at its edge do not reach to where the model ends.
        most = min(image.shape) / (_CELLS * max(*span, 1e-9))
        self._step = 2 ** max(int(math.log2(min(most, _STEP))), 0) if most >= 1.0 else 1

    def _span(self) -> tuple[float, float]:
        """Source columns and rows that an output pixel spans at the image's centre."""
        rows, columns = self.image.shape
        column, row = 0.5 * (columns - 1), 0.5 * (rows - 1)
        height = _middle_height(self.image, self.relief)
        lon, lat = self.image.model.locate(column, row, height)
        x, y = self._there().transform(float(lon), float(lat))
        a, b, _, d, e, _ = self.layout.transform[:6]
        lon, lat = self._back().transform([x, x + a, x + b], [y, y + d, y + e])
        c, r = self.image.model.project(lon, lat, height)
        return math.hypot(c[1] - c[0], c[2] - c[0]), math.hypot(r[1] - r[0], r[2] - r[0])

    def _back(self) -> Transformer:
        if not hasattr(self._local, "back"):  # pyproj's objects belong to the thread that made them
            self._local.back = Transformer.from_crs(self._wkt, "OGC:CRS84", always_xy=True)
        back: Transformer = self._local.back
        return back

    def _there(self) -> Transformer:
        return Transformer.from_crs("OGC:CRS84", self._wkt, always_xy=True)

    def ground(self, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """(lon, lat) of centres of output pixels, degrees."""
        a, b, c, d, e, f = self.layout.transform[:6]
        x, y = column + 0.5, row + 0.5
        lon, lat = self._back().transform(a * x + b * y + c, d * x + e * y + f)
        lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        finite = np.isfinite(lon) & np.isfinite(lat)
        return np.where(finite, lon, math.nan), np.where(finite, lat, math.nan)

    def render(self, window: Window) -> NDArray[Any]:
        """(bands, rows, cols) of a window of the layout."""
        columns, rows, frame = self.positions(window)
        if frame is None:
            shape = (len(self.image.bands), window.height, window.width)
            return np.full(shape, self._nodata, self.image.dtype)
        if frame[2] * frame[3] * len(self.image.bands) > _SAMPLES and min(window.width, window.height) > 64:
            return self._in_quarters(window)
        first_column, first_row, width, height = frame
        pixels = self._reader.read(Window(first_column, first_row, width, height))
        return self._filter.apply(pixels, self.image.nodata, columns, rows, self._nodata)

    def _in_quarters(self, window: Window) -> NDArray[Any]:
        out = np.empty((len(self.image.bands), window.height, window.width), self.image.dtype)
        half_rows, half_cols = window.height // 2, window.width // 2
        for row, rows in ((0, half_rows), (half_rows, window.height - half_rows)):
            for col, cols in ((0, half_cols), (half_cols, window.width - half_cols)):
                part = Window(window.col_off + col, window.row_off + row, cols, rows)
                out[:, row : row + rows, col : col + cols] = self.render(part)
        return out

    def positions(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int, int, int] | None]:
        """(columns, rows, frame): where output pixels fall in the source, counted from the frame's corner.

        ``frame``: first column, first row, width and height of the part of the source they need, None if
        they see nothing of it. Raises :class:`InputError` where the relief is unknown under the image.
        """
        while True:
            step = self._step
            columns, rows, found, error = self._positions(window, step)
            # An infinite error is a cell half beyond the model: those are cut as fine as it takes.
            if error <= _ERROR_PX or step <= (1 if math.isinf(error) else _LEAST_STEP):
                break
            with self._lock:
                self._step = min(self._step, step // 2)
        with self._lock:
            self.error_px = max(self.error_px, error if math.isfinite(error) else 0.0)
        if not found[0] <= found[1]:
            return columns, rows, None
        margin = self._filter.margin
        length, width = self.image.shape
        first_column = max(int(found[0]) - margin, 0)
        first_row = max(int(found[2]) - margin, 0)
        frame = (
            first_column,
            first_row,
            min(int(found[1]) + margin + 2, width) - first_column,
            min(int(found[3]) + margin + 2, length) - first_row,
        )
        # Positions were counted from the middle of what the nodes see, to keep single precision precise.
        here = columns > kernels.NOWHERE / 10
        columns[here] += np.float32(found[7] - first_column)
        rows[here] += np.float32(found[8] - first_row)
        return columns, rows, frame

    def _positions(
        self, window: Window, step: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Floats, float]:
        shape = (window.height, window.width)
        columns = np.full(shape, kernels.NOWHERE, np.float32)
        rows = np.full(shape, kernels.NOWHERE, np.float32)
        found = np.zeros(9)
        found[0], found[1] = math.inf, -math.inf
        down = window.row_off + np.arange(math.ceil(window.height / step) + 1) * float(step)
        along = window.col_off + np.arange(math.ceil(window.width / step) + 1) * float(step)
        grid_c, grid_r = np.meshgrid(along, down)
        lon, lat = self.ground(grid_c, grid_r)
        if not self._near(lon, lat):
            return columns, rows, found, 0.0
        posts, post_column, post_row, undulation = self._relief(window, lon, lat, step)
        known = posts[np.isfinite(posts)]
        if known.size:
            least = float(known.min()) + float(np.nanmin(undulation))
            most = float(known.max()) + float(np.nanmax(undulation))
        else:
            least = most = _middle_height(self.image, self.relief)
            least, most = (0.5 * sum(self.image.model.heights_m),) * 2 if math.isnan(least) else (least, most)
        height, spread = 0.5 * (least + most), max(0.5 * (most - least), 1.0)
        nodes = self._nodes(lon, lat, height, spread, post_column, post_row, undulation)
        length, width = self.image.shape
        seen = np.isfinite(nodes[0]) & np.isfinite(nodes[3])
        self._check_heights(seen, lon, lat, least, most)
        if seen.any():
            found[7] = round(float(np.clip(np.median(nodes[0][seen]), 0, width)))
            found[8] = round(float(np.clip(np.median(nodes[3][seen]), 0, length)))
        source = (float(width), float(length), found[7], found[8])
        kernels.positions(nodes, step, posts, height, spread, source, columns, rows, found)
        if found[4] > 0:
            self._refuse_hole(window, found)
        if not found[0] <= found[1]:
            return columns, rows, found, 0.0
        if _torn(nodes, seen, width, length):
            return columns, rows, found, math.inf
        with self._lock:
            self.heights_m = (min(self.heights_m[0], least), max(self.heights_m[1], most))
        return columns, rows, found, self._error(window, step, columns, rows, found)

    def _near(self, lon: Floats, lat: Floats) -> bool:
        """Whether any node can be in the image, at any of the model's heights and with a wide margin."""
        if not np.isfinite(lon).any():
            return False
        length, width = self.image.shape
        low, high = self.image.model.heights_m
        middle = _middle_height(self.image, self.relief)
        for height in (low, high, middle):
            c, r = self.image.model.project(lon, lat, height)
            if not np.isfinite(c).any():
                continue
            # A block larger than the image may hold it between its nodes: their hull decides.
            slack_c = 0.25 * width + 100.0 + _largest_gap(c)
            slack_r = 0.25 * length + 100.0 + _largest_gap(r)
            if (
                np.nanmax(c) >= -slack_c
                and np.nanmin(c) <= width + slack_c
                and np.nanmax(r) >= -slack_r
                and np.nanmin(r) <= length + slack_r
            ):
                return True
        return False

    def _relief(
        self, window: Window, lon: Floats, lat: Floats, step: int
    ) -> tuple[NDArray[np.float32], Floats, Floats, Floats]:
        """Posts under the nodes, where the nodes stand among them, what to add for the geoid."""
        flat = np.zeros(lon.shape)
        if isinstance(self.relief, FlatDem):
            return np.full((2, 2), self.relief.height_m, np.float32), flat + 0.5, flat + 0.5, flat
        if isinstance(self.relief, Dem):
            column, row = self.relief.posts.place(lon, lat)
            undulation = flat if self.relief.geoid is None else self.relief.geoid.undulation_m(lon, lat)
            posts, first_column, first_row, column = _posts_under(self.relief, column, row)
            return posts, column - first_column, row - first_row, undulation
        every = _RELIEF_STEP
        down = window.row_off + np.arange(window.height // every + step // every + 3) * float(every)
        along = window.col_off + np.arange(window.width // every + step // every + 3) * float(every)
        posts = self.relief.heights(*self.ground(*np.meshgrid(along, down))).astype(np.float32)
        row, column = np.indices(lon.shape) * (step / every)
        return posts, column, row, flat

    def _nodes(
        self,
        lon: Floats,
        lat: Floats,
        height: float,
        spread: float,
        post_column: Floats,
        post_row: Floats,
        undulation: Floats,
    ) -> Floats:
        nodes = np.empty((9, *lon.shape))
        project = self.image.model.project
        for first, (low, middle, high) in zip(
            (0, 3),
            zip(*(project(lon, lat, height + k * spread) for k in (-1.0, 0.0, 1.0)), strict=True),
            strict=True,
        ):
            nodes[first] = middle
            nodes[first + 1] = 0.5 * (high - low)
            nodes[first + 2] = 0.5 * (high + low) - middle
        nodes[6], nodes[7], nodes[8] = post_column, post_row, undulation
        nodes[6:8][~np.isfinite(nodes[6:8])] = -1e6  # off the relief: a hole where the image looks
        nodes[8][~np.isfinite(nodes[8])] = 0.0
        return nodes

    def _check_heights(
        self, seen: NDArray[np.bool_], lon: Floats, lat: Floats, least: float, most: float
    ) -> None:
        """A model that says nothing at the relief's heights, but does at its own, must not leave a blank."""
        if seen.all():
            return
        low, high = self.image.model.heights_m
        length, width = self.image.shape
        c, r = self.image.model.project(lon[~seen], lat[~seen], 0.5 * (low + high))
        with np.errstate(invalid="ignore"):
            if np.any((c >= 0) & (c <= width - 1) & (r >= 0) & (r <= length - 1)):
                raise InputError(
                    f"{self.image.path}: its model holds for heights of {low:.0f} … {high:.0f} m, the relief "
                    f"under it has {least:.0f} … {most:.0f} m ({name_of(self.relief)}): is that the right "
                    "DEM, or the geoid missing?"
                )

    def _refuse_hole(self, window: Window, found: Floats) -> None:
        lon, lat = self.ground(np.array([window.col_off + found[6]]), np.array([window.row_off + found[5]]))
        where = f"{lon[0]:.5f}° E, {lat[0]:.5f}° N"
        if isinstance(self.relief, Dem):
            covered = bool(self.relief.posts.covers(*self.relief.posts.place(lon, lat))[0])
            path = self.relief.path
            if covered:
                raise InputError(
                    f"DEM {path} has a hole under the image at {where}: fill it, or if it is sea say so "
                    "(--voids sea)"
                )
            raise InputError(f"DEM {path} does not cover the image: it has no height at {where}")
        raise InputError(f"the relief has no height under the image at {where}")

    def _error(
        self,
        window: Window,
        step: int,
        columns: NDArray[np.float32],
        rows: NDArray[np.float32],
        found: Floats,
    ) -> float:
        """Largest difference from the model's own positions at middles of cells."""
        r, c = (
            grid.ravel()
            for grid in np.meshgrid(
                np.arange(step // 2, window.height, step),
                np.arange(step // 2, window.width, step),
                indexing="ij",
            )
        )
        here = columns[r, c] > kernels.NOWHERE / 10
        if not here.any():
            return 0.0
        r, c = r[here], c[here]
        lon, lat = self.ground(window.col_off + c.astype(float), window.row_off + r.astype(float))
        exact = self.image.model.project(lon, lat, self.relief.heights(lon, lat))
        off = np.hypot(columns[r, c] + found[7] - exact[0], rows[r, c] + found[8] - exact[1])
        return float(np.nanmax(off, initial=0.0))


def out_nodata(image: SensorImage) -> float:
    """The nodata value of what is made from an image."""
    dtype = np.dtype(image.dtype)
    if dtype.kind == "u":
        return 0.0
    if dtype.kind == "f":
        return math.nan
    return float(np.iinfo(dtype).min) if image.nodata is None else image.nodata


def _posts_under(dem: Dem, column: Floats, row: Floats) -> tuple[NDArray[np.float32], int, int, Floats]:
    """The posts about some places, the number of the first, and the columns made continuous."""
    posts = dem.posts
    finite = np.isfinite(column) & np.isfinite(row)
    if not finite.any():
        return np.full((2, 2), np.nan, np.float32), 0, 0, column
    if posts.whole_round:
        turn = float(posts.columns)
        start = column[finite].flat[0]
        column = start + (column - start + 0.5 * turn) % turn - 0.5 * turn
    first_row = int(np.clip(np.floor(row[finite].min()) - 1, 0, posts.rows - 1))
    last_row = int(np.clip(np.ceil(row[finite].max()) + 2, first_row + 1, posts.rows))
    first, last = int(np.floor(column[finite].min())) - 1, int(np.ceil(column[finite].max())) + 2
    if posts.whole_round and (first < 0 or last > posts.columns):
        strip = dem.window(first_row, last_row, 0, posts.columns)
        return (
            np.ascontiguousarray(strip[:, np.arange(first, last) % posts.columns]),
            first,
            first_row,
            column,
        )
    first = min(max(first, 0), posts.columns - 1)
    last = min(max(last, first + 1), posts.columns)
    return np.ascontiguousarray(dem.window(first_row, last_row, first, last)), first, first_row, column


def _torn(nodes: Floats, seen: NDArray[np.bool_], width: int, length: int) -> bool:
    """Whether a cell that may hold part of the image has corners of which the model says nothing."""
    if seen.all():
        return False
    slack_c, slack_r = _largest_gap(nodes[0]), _largest_gap(nodes[3])
    with np.errstate(invalid="ignore"):
        inside = (nodes[0] > -slack_c) & (nodes[0] < width + slack_c)
        inside &= (nodes[3] > -slack_r) & (nodes[3] < length + slack_r)

    def corners(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(flags[:-1, :-1] | flags[1:, :-1] | flags[:-1, 1:] | flags[1:, 1:])

    return bool((corners(inside) & corners(~seen)).any())


def _largest_gap(values: Floats) -> float:
    gaps = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1)]
    known = np.concatenate([gap[np.isfinite(gap)] for gap in gaps])
    return float(known.max()) if known.size else 0.0


def _middle_height(image: SensorImage, relief: Relief) -> float:
    """About the height of the ground in the middle of the image; that of the model where it is unknown."""
    low, high = image.model.heights_m
    middle = 0.5 * (low + high)
    rows, columns = image.shape
    lon, lat = image.model.locate(0.5 * (columns - 1), 0.5 * (rows - 1), middle)
    height = float(np.asarray(relief.heights(lon, lat)))
    return height if math.isfinite(height) else middle


def name_of(relief: Relief) -> str:
    """What a relief is called in a product's metadata."""
    return str(getattr(relief, "name", type(relief).__name__))
