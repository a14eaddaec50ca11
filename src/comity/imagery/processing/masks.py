"""Cloud, cloud shadow and water in images of a few visible and near-infrared bands.

With no thermal or shortwave infrared band a cloud is known by being bright, white, smooth and large, and
by the shadow it throws where the Sun says; snow and salt of the same colour can be taken for it. The
tests follow Fmask (Zhu & Woodcock, RSE 118, 2012): brightness and whiteness for clouds, shadows as dark
places in the near infrared that fit the clouds' outline moved along the Sun's azimuth by some height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError, Progress, silent
from comity.imagery.processing.readout import Small, read_small
from comity.imagery.processing.shapes import dilated, local_mean, opened, shifted

Array = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Classes of the mask file.
NODATA, CLEAR, WATER, SHADOW, CLOUD = 0, 1, 2, 3, 4
CLASSES = {NODATA: "no data", CLEAR: "clear land", WATER: "water", SHADOW: "cloud shadow", CLOUD: "cloud"}

#: Reflectance at the top of the atmosphere above which a thick cloud's core and its rim lie.
_CORE, _RIM = 0.36, 0.21
#: Highest departure of a cloud's bands from their mean, as a part of it (whiteness).
_WHITENESS = 0.12
#: Salt and sand grow brighter towards the infrared, snow darker; a cloud does neither. Blue / nir of a
#: cloud's core, and how blue its rim may be.
_BLUE_NIR = (0.86, 1.10)
_BLUE_NIR_RIM = 1.35
#: Clouds narrower than this are roofs, roads and foam.
_NARROWEST_CLOUD_M = 70.0
#: Water narrower than this is not told from shadow.
_NARROWEST_WATER_M = 12.0
_SMALLEST_WATER_M2 = 2_500.0
#: Cloud heights that are tried for a shadow, m.
_HEIGHTS_M = (200.0, 6_000.0)
#: Path reflectance of clean air in blue, Sun 45° high: what dark ground shows where nothing is calibrated.
_BLUE_PATH = 0.080


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where the Sun and the sensor stand, seen from the ground: degrees, azimuths from *grid* north."""

    sun_elevation_deg: float
    sun_azimuth_deg: float
    view_zenith_deg: float = 0.0
    view_azimuth_deg: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFigures:
    """Fractions 0…1 of the valid pixels, and how they were found.

    ``usable``: neither cloud nor its shadow. ``values``: "reflectance", or "counts" with the scale guessed
    from the darkest ground. ``cloud_height_m``: at which the clouds fit their shadows; None where there are
    none or no Sun was given. ``valid``: fraction of the raster with data.
    """

    cloud: float
    shadow: float
    water: float
    usable: float
    valid: float
    values: str
    cloud_height_m: float | None
    notes: tuple[str, ...] = ()


def classify(
    small: Small, geometry: Geometry | None = None, *, pixel_m: float | None = None
) -> tuple[NDArray[np.uint8], MaskFigures]:
    """Classes (rows, cols) of an image that fits in memory, as in ``CLASSES``, and their fractions.

    ``geometry``: for shadows; without it none are looked for, and the figures say so. ``pixel_m``: side of
    a pixel of ``small`` where the raster lies on no map. Raises :class:`InputError` for no valid pixel,
    and where the pixel's size is not known.
    """
    pixel = pixel_m or small.pixel_m
    if pixel is None:
        raise InputError("the size of a pixel on the ground is not known: the image lies on no map in metres")
    if not small.valid.any():
        raise InputError("the image has no valid pixel")
    notes: list[str] = []
    values, how = _reflectance(small, notes)
    cloud = _clouds(values, small.bands, small.valid, pixel, notes)
    water = _water(values, small.bands, small.valid & ~cloud, pixel, notes)
    shadow = np.zeros_like(cloud)
    height = None
    if geometry is None:
        notes.append("no Sun position: cloud shadows were not looked for")
    elif cloud.any():
        shadow, height = _shadows(values, small.bands, small.valid, cloud, water, geometry, pixel)
        if height is None and (small.valid & ~cloud).mean() > 0.02:
            notes.append("no shadow fits the clouds: they may be snow, ice or salt, or all but one sheet")
    classes = np.where(small.valid, CLEAR, NODATA).astype(np.uint8)
    classes[water] = WATER
    classes[shadow] = SHADOW
    classes[cloud] = CLOUD
    return classes, figures(classes, how, height, tuple(notes))


def figures(
    classes: NDArray[np.uint8], values: str, height: float | None, notes: tuple[str, ...] = ()
) -> MaskFigures:
    """Fractions of each class among the valid pixels."""
    counts = np.bincount(classes.ravel(), minlength=5)
    valid = max(int(counts[1:].sum()), 1)
    return MaskFigures(
        cloud=float(counts[CLOUD] / valid),
        shadow=float(counts[SHADOW] / valid),
        water=float(counts[WATER] / valid),
        usable=float((counts[CLEAR] + counts[WATER]) / valid),
        valid=float(counts[1:].sum() / classes.size),
        values=values,
        cloud_height_m=height,
        notes=notes,
    )


def mask_image(
    image: Path,
    out: Path,
    geometry: Geometry | None = None,
    *,
    bands: Sequence[str] | None = None,
    max_pixels: int = 4_000_000,
    workers: int | None = None,
    progress: Progress = silent,
) -> MaskFigures:
    """Write the class mask of an orthorectified image on the image's own grid, as a COG of one byte.

    The classes are found on the image averaged to at most ``max_pixels`` and enlarged; nodata is the image's
    own, pixel by pixel. Raises :class:`InputError` naming the file.
    """
    from comity.imagery.processing.blocks import fingerprint, write_cog
    from comity.imagery.processing.provenance import keep_apart
    from comity.imagery.processing.raster import RasterLayout
    from comity.imagery.processing.readout import Readout

    keep_apart(out, image)
    small = read_small(image, bands=bands, max_pixels=max_pixels)
    try:
        classes, found = classify(small, geometry)
    except InputError as error:
        raise InputError(f"{image}: {error}") from error
    reader = Readout(image, bands=bands)
    if reader.crs is None:
        raise InputError(f"{image} lies on no map: orthorectify it first")
    rows = np.minimum((np.arange(reader.height) + 0.5) / small.step[0], classes.shape[0] - 1).astype(int)
    cols = np.minimum((np.arange(reader.width) + 0.5) / small.step[1], classes.shape[1] - 1).astype(int)
    filled = np.where(classes == NODATA, CLEAR, classes)

    def render(window: object) -> NDArray[np.uint8]:
        _, valid = reader.window(window)
        r, c = window.row_off, window.col_off  # type: ignore[attr-defined]
        part = filled[np.ix_(rows[r : r + valid.shape[0]], cols[c : c + valid.shape[1]])]
        return np.where(valid, part, NODATA)[None].astype(np.uint8)

    layout = RasterLayout(
        crs=reader.crs,
        transform=reader.transform,
        width=reader.width,
        height=reader.height,
        dtype="uint8",
        bands=("mask",),
        nodata=NODATA,
    )
    tags = {"CLASSES": "; ".join(f"{value} {name}" for value, name in CLASSES.items())}
    if "SIMULATED" in reader.tags:
        tags["SIMULATED"] = reader.tags["SIMULATED"]
    write_cog(
        out,
        layout,
        render,
        recipe=fingerprint("mask 1", image, geometry, bands, max_pixels),
        workers=workers,
        progress=progress,
        tags=tags,
        overviews="nearest",
    )
    return found


def _reflectance(small: Small, notes: list[str]) -> tuple[Array, str]:
    """Reflectance; of plain counts a guess of it, good to a factor of two."""
    if small.is_reflectance:
        return small.values, "reflectance"
    if "blue" in small.bands:
        dark = float(np.percentile(small.values[small.bands.index("blue")][small.valid], 0.5))
        path = _BLUE_PATH
    else:
        # Shadow and deep water in red or pan: thin air and a little ground.
        dark = float(np.percentile(small.values[:, small.valid].min(axis=0), 0.5))
        path = 0.045
    notes.append(
        "plain counts: scaled so that the darkest ground shows what clean air does; an image all under "
        "cloud, or of bright desert alone, cannot be told that way"
    )
    return small.values * np.float32(path / max(dark, 1.0)), "counts"


def _clouds(values: Array, bands: Sequence[str], valid: Flags, pixel: float, notes: list[str]) -> Flags:
    from scipy import ndimage

    named = {name: values[index] for index, name in enumerate(bands)}
    visible = [named[name] for name in ("blue", "green", "red") if name in named] or [values[0]]
    with np.errstate(invalid="ignore", divide="ignore"):
        bright = np.minimum.reduce(visible)
        white = np.ones_like(valid)
        if len(visible) > 1:
            mean = sum(visible) / np.float32(len(visible))
            spread = np.maximum.reduce([np.abs(one - mean) for one in visible]) / mean
            white &= spread < _WHITENESS
        else:
            notes.append("one visible band: clouds are told by brightness and size alone")
        if "nir" in named:
            ratio = named.get("blue", visible[0]) / named["nir"]
            white &= (ratio > _BLUE_NIR[0]) & (ratio < _BLUE_NIR_RIM)
            blue = ratio > _BLUE_NIR[1]
        else:
            blue = np.zeros_like(valid)
        rim = valid & white & (bright > _RIM)
        core = rim & (bright > _CORE)
        snowy = int((core & blue).sum())
        core &= ~blue
    if snowy > 0.01 * valid.sum():
        notes.append(
            f"{100 * snowy / valid.sum():.0f} % is white and bluer than cloud: snow or ice, not counted as "
            "cloud"
        )
    if not core.any():
        return np.zeros_like(valid)
    radius = _NARROWEST_CLOUD_M / 2 / pixel
    if radius >= 0.75:
        core = opened(core, radius)
    # A rim belongs to the core it touches.
    labels, count = ndimage.label(rim | core)
    keep = np.zeros(count + 1, bool)
    keep[np.unique(labels[core])] = True
    keep[0] = False
    cloud = keep[labels]
    if radius >= 0.75:
        cloud = opened(cloud, radius / 2)
        cloud = dilated(cloud, max(1.0, min(radius / 2, 20.0 / pixel)))
    return np.asarray(ndimage.binary_fill_holes(cloud), bool) & valid


def _water(values: Array, bands: Sequence[str], where: Flags, pixel: float, notes: list[str]) -> Flags:
    from scipy import ndimage

    named = {name: values[index] for index, name in enumerate(bands)}
    if "nir" not in named or "green" not in named:
        notes.append("no green or no near-infrared band: water was not looked for")
        return np.zeros_like(where)
    if not where.any():
        return np.zeros_like(where)
    red = named.get("red", named["green"])
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (named["green"] - named["nir"]) / (named["green"] + named["nir"])
        wet = where & (named["nir"] < 0.11) & (index > 0.08) & (named["nir"] < red * np.float32(1.02))
    radius = _NARROWEST_WATER_M / 2 / pixel
    if radius >= 0.75:
        wet = opened(wet, radius)
    least = _SMALLEST_WATER_M2 / pixel**2
    if least > 1.0 and wet.any():
        labels, count = ndimage.label(wet)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        large = sizes >= least
        large[0] = False
        wet = large[labels]
    return np.asarray(wet, bool)


def _shadows(
    values: Array,
    bands: Sequence[str],
    valid: Flags,
    cloud: Flags,
    water: Flags,
    geometry: Geometry,
    pixel: float,
) -> tuple[Flags, float | None]:
    """Dark places that fit the clouds moved by one height, and that height."""
    from scipy import ndimage

    names = list(bands)
    band = values[names.index("nir")] if "nir" in names else values[-1]
    open_ground = valid & ~cloud
    if not open_ground.any():
        return np.zeros_like(cloud), None
    # How much darker than its like around, over some kilometres: land in infrared, water in green.
    reach = max(3, round(min(1_500.0 / pixel, min(cloud.shape) / 4)))
    depth = np.zeros(cloud.shape, np.float32)
    for ground, seen in (
        (open_ground & ~water, band),
        (open_ground & water, values[names.index("green")] if "green" in names else band),
    ):
        if ground.sum() > 100:
            usual = local_mean(seen, ground, reach)
            with np.errstate(invalid="ignore", divide="ignore"):
                dark = np.clip(1.0 - seen / usual, -0.5, 0.8)
            depth[ground] = dark[ground]
    height = _height(depth, open_ground, cloud, geometry, pixel)
    if height is None:
        return np.zeros_like(cloud), None
    rows, cols = offset_px(geometry, height, pixel)
    moved = shifted(cloud, rows, cols)
    around = dilated(moved, max(1.0, min(60.0, 0.08 * height) / pixel))
    smooth = ndimage.uniform_filter(depth, size=max(1, round(30.0 / pixel)))
    found = moved | (around & (smooth > 0.15))
    # Clouds beyond the image's edge, or in its nodata, throw shadows into it too.
    unseen = open_ground & ~shifted(valid, rows, cols)
    inside = moved & open_ground
    if unseen.any() and inside.sum() > max(30.0, 0.2 * cloud.sum()):
        usual_depth = float(np.median(depth[inside]))
        dark = unseen & (smooth > max(0.15, 0.6 * usual_depth))
        found |= opened(dark, max(1.0, _NARROWEST_CLOUD_M / 2 / pixel))
    return np.asarray(found & open_ground, bool), height


def offset_px(geometry: Geometry, height_m: float, pixel_m: float) -> tuple[float, float]:
    """From where a cloud is seen to its shadow, (rows, cols) pixels of a north-up image.

    The cloud is seen beyond the point below it, away from the sensor; its shadow falls away from the Sun.
    """
    sun = height_m / math.tan(math.radians(max(geometry.sun_elevation_deg, 5.0)))
    view = height_m * math.tan(math.radians(geometry.view_zenith_deg))
    s, v = math.radians(geometry.sun_azimuth_deg), math.radians(geometry.view_azimuth_deg)
    east = -sun * math.sin(s) + view * math.sin(v)
    north = -sun * math.cos(s) + view * math.cos(v)
    return -north / pixel_m, east / pixel_m


def _height(depth: Array, dry: Flags, cloud: Flags, geometry: Geometry, pixel: float) -> float | None:
    """The height at which the moved clouds fall on the darkest ground; None where nothing stands out."""
    shrink = max(1, round(math.sqrt(cloud.size / 400_000)))
    small_depth = np.where(dry, depth, 0.0)[::shrink, ::shrink]
    small_dry, small_cloud = dry[::shrink, ::shrink], cloud[::shrink, ::shrink]
    best, scores = None, []
    heights = np.geomspace(*_HEIGHTS_M, 90)
    seen: set[tuple[int, int]] = set()
    for height in heights:
        shift = offset_px(geometry, float(height), pixel * shrink)
        cell = (round(shift[0]), round(shift[1]))
        if cell in seen:
            continue
        seen.add(cell)
        under = shifted(small_cloud, *shift) & small_dry
        count = int(under.sum())
        # A sliver of shadow at the image's edge falls on something dark too easily.
        if count < 30 or count < 0.06 * small_cloud.sum():
            continue
        score = float(small_depth[under].mean())
        scores.append(score)
        if best is None or score > best[0]:
            best = (score, float(height))
    if best is None or best[0] < 0.08 or best[0] - float(np.median(scores)) < 0.03:
        return None
    return best[1]
