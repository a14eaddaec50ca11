"""How good sharpening is on a pair of its own: Wald's protocol at reduced scale, QNR at full scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio.transform import Affine
from rasterio.windows import Window

from comity.core import InputError
from comity.imagery.processing.colour import fusion, kernels
from comity.imagery.processing.colour.fusion import Image
from comity.imagery.processing.colour.relation import Relation, grid_relation
from comity.imagery.processing.colour.survey import Pair, Survey, blur_of, survey
from comity.imagery.processing.quality import FullScale, ReducedScale, full_scale, reduced_scale

#: Gains at Nyquist of the filters that degrade bands and pan, as is usual where a sensor's MTF is unknown.
XS_NYQUIST, PAN_NYQUIST = 0.3, 0.15
#: Coarse pixels along the side of the part that is judged, at most; what is left out at each of its edges.
_PART_PX, _EDGE_PX = 1024, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """A ``Pair`` in memory: ``pan`` (rows, cols), ``xs`` (bands, n, m); NaN is no data."""

    pan: Image
    xs: Image
    relation: Relation

    def read_pan(self, column: int, row: int, width: int, height: int) -> Image:
        """(rows, cols), clipped."""
        return self.pan[max(0, row) : max(0, row + height), max(0, column) : max(0, column + width)]

    def read_xs(self, column: int, row: int, width: int, height: int) -> Image:
        """(bands, rows, cols), clipped."""
        return self.xs[:, max(0, row) : max(0, row + height), max(0, column) : max(0, column + width)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Quality of sharpening on a part of an image, ``part_px`` coarse pixels along its sides (rows, cols)."""

    reduced: ReducedScale
    full: FullScale
    part_px: tuple[int, int]


def degraded(
    pair: Pair, relation: Relation, *, xs_nyquist: float = XS_NYQUIST, pan_nyquist: float = PAN_NYQUIST
) -> tuple[Arrays, Image]:
    """A pair made coarser by its own ratio, and the bands as acquired: what sharpening it should give.

    Of the middle of the image. The pan is blurred onto the pixels of the bands (so that what is measured
    is sharpening, not registration), the bands onto pixels that hold a whole number of theirs.
    """
    ratio = max(2, round(relation.ratio))
    left, top, wide, high = _part(relation, ratio)
    reference = pair.read_xs(left, top, wide, high)
    at = relation.pan_at(*np.meshgrid(np.arange(left, left + wide), np.arange(top, top + high)))
    pan = _blurred_pan(pair, at, blur_of(pan_nyquist, relation.ratio))
    inside = np.isfinite(pan).mean()
    if inside < 0.5 or np.isfinite(reference).mean() < 0.5:
        raise InputError("less than half of the image's middle has data: its sharpening cannot be judged")
    places = np.meshgrid(*(np.arange(size // ratio) * ratio + 0.5 * (ratio - 1.0) for size in (wide, high)))
    sigma = blur_of(xs_nyquist, ratio)
    xs = np.stack([kernels.blur_at(np.ascontiguousarray(band), *places, sigma) for band in reference])
    coarse = grid_relation(pan.shape, Affine.identity(), xs.shape[1:], Affine.scale(ratio))
    return Arrays(pan=pan, xs=xs, relation=coarse), reference


def sharpened(pair: Pair, found: Survey, window: Window) -> Image:
    """Sharpened values (bands, rows, cols) of a window of the pan, NaN for none."""
    relation, injection = found.relation, found.injection
    left, top, wide, high = (
        int(value) for value in (window.col_off, window.row_off, window.width, window.height)
    )
    step, margin = fusion.NODE_STEP, fusion.MARGIN_PX
    along, down = step * np.arange(-(-wide // step) + 1.0), step * np.arange(-(-high // step) + 1.0)
    nodes = relation.xs_at(*np.meshgrid(left + along, top + down))
    rows, cols = relation.xs_shape
    col0, col1 = max(0, int(nodes[0].min()) - margin), min(cols, int(nodes[0].max()) + margin)
    row0, row1 = max(0, int(nodes[1].min()) - margin), min(rows, int(nodes[1].max()) + margin)
    if col0 >= col1 or row0 >= row1:
        return np.full((injection.gains.size, high, wide), np.nan, np.float32)
    xs = pair.read_xs(col0, row0, col1 - col0, row1 - row0)
    at = relation.pan_at(*np.meshgrid(np.arange(col0, col1), np.arange(row0, row1)))
    reach = int(np.ceil(3.5 * injection.blur_px)) + 2
    x0, y0 = max(0, min(left, int(at[0].min()) - reach)), max(0, min(top, int(at[1].min()) - reach))
    x1, y1 = max(left + wide, int(at[0].max()) + reach), max(top + high, int(at[1].max()) + reach)
    return fusion.sharpen(
        pair.read_pan(x0, y0, x1 - x0, y1 - y0),
        xs,
        (at[0] - x0, at[1] - y0),
        (nodes[0] - col0, nodes[1] - row0),
        injection,
        inner=(slice(top - y0, top - y0 + high), slice(left - x0, left - x0 + wide)),
    )


def full_scale_of(
    pair: Pair, relation: Relation, image: Image, *, first: tuple[int, int] = (0, 0)
) -> FullScale:
    """QNR of a sharpened image (bands, rows, cols), its first pixel (column, row) ``first`` of the pan."""
    ratio = relation.ratio
    left, top, wide, high = _part(relation, 1)
    left, top = left + _EDGE_PX, top + _EDGE_PX
    wide, high = wide - 2 * _EDGE_PX, high - 2 * _EDGE_PX
    at = relation.pan_at(*np.meshgrid(np.arange(left, left + wide), np.arange(top, top + high)))
    coarse = _blurred_pan(pair, at, blur_of(PAN_NYQUIST, ratio))
    x = round(float(at[0].min()) - 0.5 * (ratio - 1.0)), round(float(at[0].max()) + 0.5 * (ratio + 1.0))
    y = round(float(at[1].min()) - 0.5 * (ratio - 1.0)), round(float(at[1].max()) + 0.5 * (ratio + 1.0))
    pan = pair.read_pan(x[0], y[0], x[1] - x[0], y[1] - y[0])
    part = image[:, y[0] - first[1] : y[1] - first[1], x[0] - first[0] : x[1] - first[0]]
    return full_scale(part, pan, pair.read_xs(left, top, wide, high), coarse)


def assess(pair: Pair, found: Survey) -> Assessment:
    """Judge the sharpening of a surveyed pair, on the middle of the image.

    Raises :class:`InputError` where there is too little image to judge.
    """
    small, reference = degraded(pair, found.relation)
    again = survey(small, register=False)
    high, wide = small.pan.shape
    made = sharpened(small, again, Window(0, 0, wide, high))
    edge = np.s_[:, _EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
    reduced = reduced_scale(made[edge], reference[edge], ratio=small.relation.ratio)
    left, top, across, down = _part(found.relation, 1)
    x, y = found.relation.pan_at([left, left + across], [top, top + down])
    rows, cols = found.relation.pan_shape
    x0, y0 = max(0, int(x.min()) - 8), max(0, int(y.min()) - 8)
    x1, y1 = min(cols, int(x.max()) + 8), min(rows, int(y.max()) + 8)
    image = sharpened(pair, found, Window(x0, y0, x1 - x0, y1 - y0))
    return Assessment(
        reduced=reduced,
        full=full_scale_of(pair, found.relation, image, first=(x0, y0)),
        part_px=(down, across),
    )


def _part(relation: Relation, multiple: int) -> tuple[int, int, int, int]:
    """Column, row, width, height of the middle of the bands, whose pan pixels lie within the pan."""
    rows, cols = relation.xs_shape
    x, _ = relation.pan_at(np.arange(cols), np.full(cols, 0.5 * rows))
    _, v = relation.pan_at(np.full(rows, 0.5 * cols), np.arange(rows))
    half = 0.5 * relation.ratio
    across = np.flatnonzero((x >= half) & (x < relation.pan_shape[1] - half))
    down = np.flatnonzero((v >= half) & (v < relation.pan_shape[0] - half))
    sizes = [min(_PART_PX, one.size) // multiple * multiple for one in (across, down)]
    if min(sizes) < 16 * multiple:
        raise InputError("pan and bands share too little ground: sharpening cannot be judged")
    left, top = (
        int(one[0]) + (one.size - size) // 2 for one, size in zip((across, down), sizes, strict=True)
    )
    return left, top, sizes[0], sizes[1]


def _blurred_pan(pair: Pair, at: tuple[np.ndarray, np.ndarray], sigma: float) -> Image:
    reach = int(np.ceil(3.5 * sigma)) + 2
    x0, y0 = max(0, int(at[0].min()) - reach), max(0, int(at[1].min()) - reach)
    pan = pair.read_pan(x0, y0, int(at[0].max()) + reach - x0, int(at[1].max()) + reach - y0)
    found: Image = kernels.blur_at(np.ascontiguousarray(pan), at[0] - x0, at[1] - y0, sigma)
    return found
