"""Mosaic: overlapping orthorectified images as one, balanced, along seams that do not show.

A coarse look over all images gives the balance (``colour.balance``) and the seamlines (``colour.seams``); the
pixels are then made block by block, blended across the seams over the width of the feather.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from comity.core import InputError, Progress, silent
from comity.imagery.gdal import bounded_cache
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.colour.balance import Balance, balance, no_balance
from comity.imagery.processing.colour.fusion import Image
from comity.imagery.processing.colour.placing import Classes, Grid, Placed, union_grid
from comity.imagery.processing.colour.seams import Labels, seams
from comity.imagery.processing.colour.sheets import Sheet, counts_of, out_nodata
from comity.imagery.processing.masks import CLOUD, SHADOW
from comity.imagery.processing.provenance import inherited, keep_apart
from comity.imagery.processing.raster import RasterLayout

_METHOD = "mosaic 1"
#: Pixels of the coarse look.
_COARSE = 1_000_000
#: Weight of a pixel the seams did not give to an image, and of one under cloud: shown where nothing else is.
_SPARE, _CLOUDED = 1e-6, 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicPart:
    """One image of a mosaic: per band, value = gain × count + offset; ``share`` of the mosaic it shows."""

    path: Path
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicResult:
    """What came of :func:`mosaic`.

    ``before``, ``after``: rms difference of the images in their overlaps over the mean level, before and
    after balancing; None without overlaps. ``seam_px``: pixels to one of the grid seams were sought on.
    """

    path: Path
    bands: tuple[str, ...]
    width: int
    height: int
    parts: tuple[MosaicPart, ...]
    before: float | None
    after: float | None
    seam_px: int


def mosaic(
    images: Sequence[Path],
    out: Path,
    *,
    masks: Sequence[Path | None] = (),
    balanced: bool = True,
    feather_px: float = 16.0,
    bands: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> MosaicResult:
    """Join images of one CRS, north-up, into a COG on the first one's grid, over the ground of all.

    Images on other grids of the CRS are resampled (cubic). ``masks``: class rasters of :func:`mask_image`,
    one for each image or None: what is cloud or shadow in one is taken from another that is clear there.
    ``balanced``: bring them to one level and contrast. ``feather_px``: width over which they are blended
    along seams. The first image stands on top where a seam is left open.

    Raises :class:`InputError` naming the file: another CRS or no map, other bands, type or scale.
    """
    if not images:
        raise InputError("no image to make a mosaic of")
    if masks and len(masks) != len(images):
        raise InputError(f"{len(masks)} masks for {len(images)} images: give one each")
    if not feather_px >= 0.0:
        raise InputError(f"feather {feather_px:g}: give 0 pixels or more")
    keep_apart(out, *images, *masks)
    with ExitStack() as stack:
        stack.enter_context(bounded_cache())
        sheets = [stack.enter_context(closing(Sheet(path, bands=bands))) for path in images]
        _check_alike(sheets)
        grid = union_grid(sheets)
        placed = [Placed(sheet, grid) for sheet in sheets]
        clouds = [
            None if path is None else Classes(path, grid, (CLOUD, SHADOW))
            for path in (masks or [None] * len(images))
        ]
        factor = max(1, int(np.ceil(np.sqrt(grid.width * grid.height / _COARSE))))
        labels, evened = _plan(placed, clouds, grid.coarser(factor), balanced)
        nodata = out_nodata(sheets[0])
        layout = _layout(sheets[0], grid, nodata)
        plan = _Plan(
            placed=placed,
            clouds=clouds,
            labels=labels,
            factor=factor,
            feather=feather_px,
            gains=evened.gains.astype(np.float32),
            offsets=evened.offsets.astype(np.float32),
        )
        recipe = fingerprint(_METHOD, list(images), list(masks), evened, feather_px, labels, layout)

        def render(window: Window) -> NDArray[np.generic]:
            return counts_of(plan.block(window), layout.dtype, nodata)

        write_cog(
            out,
            layout,
            render,
            recipe=recipe,
            workers=workers,
            progress=progress,
            tags=_tags(sheets),
        )
        shown = max(int((labels >= 0).sum()), 1)
        return MosaicResult(
            path=out,
            bands=layout.bands,
            width=grid.width,
            height=grid.height,
            parts=tuple(
                MosaicPart(
                    path=sheet.path,
                    gains=tuple(float(one) for one in evened.gains[index]),
                    offsets=tuple(float(one) for one in evened.offsets[index]),
                    share=float((labels == index).sum() / shown),
                )
                for index, sheet in enumerate(sheets)
            ),
            before=float(evened.before) if np.isfinite(evened.before) else None,
            after=float(evened.after) if np.isfinite(evened.after) else None,
            seam_px=factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Which image shows what, and how it is corrected."""

    placed: Sequence[Placed]
    clouds: Sequence[Classes | None]
    labels: Labels
    factor: int
    feather: float
    gains: Image
    offsets: Image

    def block(self, window: Window) -> Image:
        """Pixels (bands, rows, cols) of a window of the mosaic, NaN where no image shows anything."""
        high, wide = int(window.height), int(window.width)
        total = np.zeros((self.gains.shape[1], high, wide), np.float32)
        weight = np.zeros((high, wide), np.float32)
        shares = self._shares(window)
        # Those the seams chose first; the others only where these leave holes.
        order = sorted(range(len(self.placed)), key=lambda index: index not in shares)
        for index in order:
            chosen = shares.get(index)
            if not self.placed[index].touches(window):
                continue
            if chosen is None and bool(np.all(weight > 2.0 * _CLOUDED)):
                continue
            values = self.placed[index].read(window)
            own = np.full((high, wide), _SPARE, np.float32) if chosen is None else chosen + np.float32(_SPARE)
            # Of spare images the first is the one that counts.
            if chosen is None:
                own *= np.float32(2.0**-index)
            own[~np.isfinite(values).all(axis=0)] = 0.0
            cloud = self.clouds[index]
            if cloud is not None:
                own[cloud.marked(window)] *= np.float32(_CLOUDED)
            for band in range(total.shape[0]):
                corrected = values[band] * self.gains[index, band] + self.offsets[index, band]
                total[band] += np.where(own > 0.0, corrected, np.float32(0.0)) * own
            weight += own
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Image = np.where(weight > 0.0, total / weight, np.float32(np.nan))
        return found

    def _shares(self, window: Window) -> dict[int, Image]:
        """Weight (rows, cols) of each image the seams give something of a window or its surroundings to."""
        from scipy.ndimage import gaussian_filter

        # A Gaussian step rises from 10 to 90 % over 2.56 sigmas.
        sigma = self.feather / self.factor / 2.56
        margin = int(np.ceil(3.0 * sigma)) + 2
        rows, cols = self.labels.shape
        y = (np.arange(window.height) + window.row_off + 0.5) / self.factor - 0.5
        x = (np.arange(window.width) + window.col_off + 0.5) / self.factor - 0.5
        top, left = max(0, int(y[0]) - margin), max(0, int(x[0]) - margin)
        low, right = min(rows, int(y[-1]) + 2 + margin), min(cols, int(x[-1]) + 2 + margin)
        part = self.labels[top:low, left:right]
        shares = {}
        for index in np.unique(part[part >= 0]).tolist():
            share = (part == index).astype(np.float32)
            if sigma > 0.05:
                share = gaussian_filter(share, sigma, mode="nearest", truncate=3.0)
            share = _linear(_linear(share, y - top, 0), x - left, 1)
            if share.max() > 0.0:
                shares[index] = share
        return shares


def _linear(image: Image, places: NDArray[np.float64], axis: int) -> Image:
    """An image read at places along an axis, linear between pixels, level beyond the ends."""
    last = image.shape[axis] - 1
    at = np.clip(places, 0.0, last)
    first = np.minimum(at.astype(np.int64), max(last - 1, 0))
    share = (at - first).astype(np.float32)
    shape = (-1, 1) if axis == 0 else (1, -1)
    one, other = np.take(image, first, axis), np.take(image, np.minimum(first + 1, last), axis)
    found: Image = one + (other - one) * share.reshape(shape)
    return found


def _plan(
    placed: Sequence[Placed], clouds: Sequence[Classes | None], coarse: Grid, balanced: bool
) -> tuple[Labels, Balance]:
    whole = Window(0, 0, coarse.width, coarse.height)
    images = [one.coarse(coarse) for one in placed]
    clear = [
        np.ones((coarse.height, coarse.width), bool) if cloud is None else ~cloud.marked(whole, coarse)
        for cloud in clouds
    ]
    unclouded = [np.where(seen, image, np.float32(np.nan)) for image, seen in zip(images, clear, strict=True)]
    evened = balance(unclouded) if balanced else no_balance(len(images), images[0].shape[0])
    for index, image in enumerate(images):
        image *= evened.gains[index].astype(np.float32)[:, None, None]
        image += evened.offsets[index].astype(np.float32)[:, None, None]
    return seams(images, clear), evened


def _check_alike(sheets: Sequence[Sheet]) -> None:
    first = sheets[0]
    for sheet in sheets[1:]:
        for what, one, other in (
            ("bands", sheet.bands, first.bands),
            ("pixel type", sheet.dtype, first.dtype),
            ("scale", sheet.scales, first.scales),
            ("offset", sheet.offsets, first.offsets),
        ):
            if one != other:
                raise InputError(
                    f"{sheet.path} has {what} {one}, {first.path} {other}: not one kind of image"
                )


def _layout(first: Sheet, grid: Grid, nodata: float) -> RasterLayout:
    return RasterLayout(
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        dtype=first.dtype,
        bands=first.bands,
        nodata=nodata,
        scales=first.scales,
        offsets=first.offsets,
    )


def _tags(sheets: Sequence[Sheet]) -> dict[str, str]:
    tags = {"PROCESSING": "mosaic", "SOURCES": " ".join(sheet.path.name for sheet in sheets)[:2000]}
    return inherited(*(sheet.tags for sheet in sheets)) | tags
