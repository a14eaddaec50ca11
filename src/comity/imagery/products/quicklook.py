"""Quicklook: a small PNG to look at, with what it is written on it."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from shapely.geometry.base import BaseGeometry

from comity.imagery.grid import ImageGrid
from comity.imagery.products.geotiff import NODATA

_GAMMA = 1 / 1.5
_SHOULDER = 0.84
#: Median of floats beyond which they are counts, not reflectance.
_NO_REFLECTANCE = 2.0
#: Counts (reflectance × 10 000) above which nothing is taken for haze.
_DARKEST = 2_600.0
#: Haze is blue: the darkest of each band is taken off nearly whole in blue, less so in red.
_HAZE = (0.82, 0.87, 0.92)
_NO_HAZE = (0.86, 0.86, 0.85)
_BANNER = (24, 28, 34)
_MARK = (255, 176, 59)


def quicklook_png(
    image: DatasetReader,
    grid: ImageGrid | None,
    caption: Sequence[str],
    mark: str | None,
    cloud: float,
    borders: BaseGeometry | None = None,
    size_px: int = 1024,
    *,
    names: Sequence[str] | None = None,
    counts_only: bool = False,
    banner: bool = True,
) -> bytes:
    """A PNG of an image, its longer side at most ``size_px``, over a banner of text.

    ``caption``: lines of the banner. ``mark`` ("SIMULATED") is stamped on picture and banner; None for what
    was really taken. ``cloud``: fraction under cloud, 0…1.
    ``borders``: lines in lon/lat to draw thinly, where a ``grid`` says how. ``names``: of the bands, where
    the file has none. ``counts_only``: the values are no reflectance, each band is stretched by itself.
    ``banner``: False leaves only the picture, the mark on it. Colours: red, green, blue where the instrument
    has them, else what is nearest to them, else grey; the ground is stretched to its own range, and
    clouds are compressed above it.
    """
    scale = max(1.0, max(image.width, image.height) / size_px)
    width, height = max(1, round(image.width / scale)), max(1, round(image.height / scale))
    names = [str(name) for name in names or image.descriptions]
    chosen = _channels(names)
    counts = image.read(
        [names.index(name) + 1 for name in chosen],
        out_shape=(len(chosen), height, width),
        resampling=Resampling.average,
    )
    valid = (np.isfinite(counts) & (counts != NODATA)).all(axis=0)
    if counts.dtype.kind == "f" and not counts_only:
        counts = _of_reflectance(counts, valid)
    if counts_only or counts.dtype.kind == "f":
        counts = _levelled(counts, valid)
    picture = _stretch(_coloured(chosen, counts), valid, _HAZE if "blue" in chosen else _NO_HAZE, cloud)
    shown = Image.fromarray(picture)
    if grid is not None and borders is not None and not borders.is_empty:
        _draw_borders(shown, grid, borders, width / grid.width, height / grid.height)
    if mark is not None:
        _stamp(shown, mark)
    framed = _with_banner(shown, [_plain(line) for line in caption], mark) if banner else shown
    out = io.BytesIO()
    framed.save(out, "PNG", compress_level=2)
    return out.getvalue()


def _channels(names: Sequence[str]) -> tuple[str, ...]:
    """The bands to make a picture of: true colour, what is nearest to it, or one in grey."""
    for wanted in (("red", "green", "blue"), ("red", "green", "nir"), ("red", "nir")):
        if set(wanted) <= set(names):
            return wanted
    return ("pan" if "pan" in names else names[0],)


def _of_reflectance(values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Floats (bands, h, w) as counts of reflectance × 10 000; as they are where they are no reflectance."""
    if not valid.any() or float(np.median(values[:, valid])) > _NO_REFLECTANCE:
        return values
    return np.where(valid, np.clip(values * 10_000.0, 1, 65_535), 0).astype(np.uint16)


def _levelled(counts: NDArray[np.uint16], valid: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Plain counts (bands, h, w) as if they were reflectance: every band between the same ends."""
    out = np.zeros(counts.shape, np.uint16)
    if not valid.any():
        return out
    for number, band in enumerate(counts):
        low, high = np.percentile(band[valid], (0.5, 98.5))
        level = (band.astype(np.float32) - low) * (2_600.0 / max(high - low, 1.0)) + 500.0
        out[number] = np.where(valid, np.clip(level, 1, 12_000), 0).astype(np.uint16)
    return out


def _coloured(chosen: Sequence[str], counts: NDArray[np.uint16]) -> list[NDArray[np.uint16]]:
    """Red, green and blue (h, w) from the bands read, (bands, h, w)."""
    if len(counts) == 1:
        return [counts[0]] * 3
    if "blue" in chosen:
        return list(counts)
    seen = counts.astype(np.float32)
    red, nir = seen[0], seen[-1]
    # Without blue: clouds are as bright in red as in infrared, sand less so, plants hardly. That ratio
    # makes a blue that keeps clouds white and sand yellow, and a green where plants are.
    ratio = np.clip(red / np.maximum(nir, 1.0), 0.0, 1.06)
    plants = np.clip((np.float32(0.62) - ratio) * np.float32(2.5), 0.0, 1.0)
    if "green" in chosen:
        green = seen[1] + np.float32(0.1) * plants * nir
        blue = seen[1] * ratio
    else:
        green = (
            red * np.minimum(np.float32(0.25) + np.float32(0.75) * ratio, 1.0)
            + np.float32(0.16) * plants * nir
        )
        blue = red * ratio**3
    return [counts[0], *(np.clip(one, 1, 65_535).astype(np.uint16) for one in (green, blue))]


def _stretch(
    rgb: list[NDArray[np.uint16]], valid: NDArray[np.bool_], haze: tuple[float, float, float], cloud: float
) -> NDArray[np.uint8]:
    """Counts of red, green and blue (h, w) as (h, w, 3) bytes; nodata black.

    ``haze``: parts of the darkest of each colour that are taken off. ``cloud``: fraction of the picture
    that is cloud.
    """
    out = np.zeros((*valid.shape, 3), np.uint8)
    # Every third pixel each way tells the range well enough.
    thin = valid[::3, ::3]
    if not thin.any():
        thin, seen = valid, np.stack([one[valid] for one in rgb]).astype(np.float32)
    else:
        seen = np.stack([one[::3, ::3][thin] for one in rgb]).astype(np.float32)
    if seen.size == 0:
        return out
    dark = np.minimum(np.percentile(seen, 0.5, axis=1), _DARKEST)
    # A blue made from other bands has no haze of its own: where plants are it is darker than the sea.
    floor = (dark if haze is _HAZE else np.full(3, dark[0])) * np.array(haze)
    peak = (seen - floor[:, None]).max(axis=0)
    # Clouds are the brightest part, snow or not: below them the ground's own range is what counts.
    rank = 97.0 * (1.0 - cloud) if cloud < 0.95 else 97.0
    top = max(1.15 * float(np.percentile(peak, rank)), 500.0)
    limit = max(9_000.0 / top, 1.5)
    for channel, (one, low) in enumerate(zip(rgb, floor, strict=True)):
        x = np.maximum(np.arange(int(one.max()) + 1, dtype=np.float32) - low, 0.0) / top
        above = (1.0 - np.exp(-1.6 * (np.clip(x, 1.0, limit) - 1.0))) / (1.0 - np.exp(-1.6 * (limit - 1.0)))
        tone = np.where(
            x < 1.0, _SHOULDER * np.minimum(x, 1.0) ** _GAMMA, _SHOULDER + (1 - _SHOULDER) * above
        )
        out[..., channel] = (tone * 255.0 + 0.5).astype(np.uint8)[one]
    out[~valid] = 0
    return out


def _draw_borders(picture: Image.Image, grid: ImageGrid, borders: BaseGeometry, sx: float, sy: float) -> None:
    there = Transformer.from_crs(4326, grid.epsg, always_xy=True)
    over = Image.new("RGBA", picture.size)
    pen = ImageDraw.Draw(over)
    for line in shapely.get_parts(borders):
        lon, lat = shapely.get_coordinates(line).T
        x, y = (np.asarray(part) for part in there.transform(lon, lat))
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            continue
        points = np.column_stack([(x - grid.west) / grid.pixel_m * sx, (grid.north - y) / grid.pixel_m * sy])
        pen.line([tuple(point) for point in points.tolist()], fill=(255, 255, 255, 130), width=1)
    picture.paste(over, (0, 0), over)


def _plain(text: str) -> str:
    """Text in the letters that the built-in font has: accents go, other scripts become ``?``."""
    kept = "°·−–×%"
    out = []
    for letter in text:
        if letter.isascii() or letter in kept:
            out.append(letter)
        else:
            out.append(unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?")
    return "".join(out)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _stamp(picture: Image.Image, mark: str) -> None:
    size = max(10, min(picture.size) // 28)
    over = Image.new("RGBA", picture.size)
    pen = ImageDraw.Draw(over)
    font = _font(size)
    right = pen.textlength(mark, font=font)
    at = (max(2.0, picture.size[0] - right - size * 0.6), size * 0.4)
    pen.text((at[0] + 1, at[1] + 1), mark, font=font, fill=(0, 0, 0, 150))
    pen.text(at, mark, font=font, fill=(255, 255, 255, 190))
    picture.paste(over, (0, 0), over)


def _with_banner(picture: Image.Image, caption: Sequence[str], mark: str | None) -> Image.Image:
    size = 15
    font = _font(size)
    probe = ImageDraw.Draw(picture)
    badge = probe.textlength(mark, font=font) + 18 if mark is not None else -8
    widest = max((probe.textlength(line, font=font) for line in caption), default=0.0)
    width = max(picture.size[0], int(badge + widest + 32))
    banner = 14 + len(caption) * (size + 6)
    framed = Image.new("RGB", (width, picture.size[1] + banner), _BANNER)
    framed.paste(picture, ((width - picture.size[0]) // 2, 0))
    pen = ImageDraw.Draw(framed)
    top = picture.size[1]
    if mark is not None:
        pen.rectangle((8, top + 8, 8 + badge, top + 8 + size + 8), fill=_MARK)
        pen.text((17, top + 10), mark, font=font, fill=(20, 20, 20))
    for number, line in enumerate(caption):
        pen.text((badge + 20, top + 9 + number * (size + 6)), line, font=font, fill=(230, 233, 238))
    return framed
