"""L2A: reflectance of the ground from reflectance at the top of the atmosphere.

Two methods, named in the metadata of what they make. ``6s-like``: the clear atmosphere of
:mod:`comity.imagery.processing.atmosphere`, its aerosol given or estimated from the darkest ground.
``dark-object``: the darkest pixels of a band are taken for ground of 1 % and what they show above that for
haze (Chavez, "Image-based atmospheric corrections", PE&RS 62(9), 1996), divided by the transmittance of
the molecules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError, Progress, silent
from comity.imagery.processing.atmosphere import Air, BandAir, Look, band_air
from comity.imagery.processing.readout import Readout, Small, read_small
from comity.imagery.scenery.spectra import BANDS, Band

Floats = NDArray[np.float64]
Method = Literal["6s-like", "dark-object"]

METHODS: Mapping[str, str] = {
    "6s-like": (
        "6S-like: Rayleigh and aerosol scattering by adding and doubling, gases after Bird & Riordan, "
        "uniform Lambertian ground; no adjacency effect, no relief"
    ),
    "dark-object": (
        "dark-object subtraction (Chavez 1996): darkest ground taken for 1 %, transmittance of the molecules"
    ),
}
#: Reflectance the darkest ground is taken for (Chavez 1996), and its share of the pixels.
DARK = 0.01
DARK_PERCENTILE = 0.1
#: Counts of surface reflectance: 1 count = 1e-4, 0 = no data.
SCALE = 1e-4
_AOT_LIMITS = (0.0, 1.5)
_KEPT_TAGS = (
    "SIMULATED",
    "TIFFTAG_DATETIME",
    "TIFFTAG_COPYRIGHT",
    "COMITY_START",
    "COMITY_GEOMETRY",
    "COMITY_RELIEF",
    "COMITY_RESAMPLING",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCorrection:
    """How one band was corrected: ρ = (top − path) / gain / (1 + spherical (top − path) / gain)."""

    band: str
    path: float
    gain: float
    spherical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceResult:
    """``image``: the L2A file. ``method``: as in ``METHODS``. ``air``: None for dark objects.

    ``aot_estimated``: whether the aerosol came from the image. ``negative``: share of valid values that
    came out below 0 and were written as the least valid count.
    """

    image: Path
    method: str
    air: Air | None
    look: Look
    aot_estimated: bool
    bands: tuple[BandCorrection, ...]
    negative: float


def surface_reflectance(
    image: Path,
    out: Path,
    *,
    look: Look,
    method: str = "6s-like",
    air: Air | None = None,
    estimate_aot: bool = True,
    bands: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> SurfaceResult:
    """Correct an image of top-of-atmosphere reflectance and write it as a COG of surface reflectance.

    ``image``: counts with a scale (and offset) to reflectance, or floating-point reflectance 0…1; plain
    counts are refused, for an atmosphere cannot be taken off what has no unit. ``look``: Sun and view at the
    image's centre. ``air``: water vapour, ozone, aerosol model and altitude; its ``aot550`` counts unless
    ``estimate_aot``: then the aerosol is such that the darkest ground in the shortest band has
    ``DARK``. ``bands``: names, when the file has none.

    Raises :class:`InputError` naming the file for counts without a scale, bands unknown or outside
    0.40…1.06 µm, values that are no reflectance.
    """
    from comity.imagery.processing.blocks import fingerprint, write_cog
    from comity.imagery.processing.provenance import keep_apart
    from comity.imagery.processing.raster import RasterLayout

    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: there are {', '.join(METHODS)}")
    keep_apart(out, image)
    small = read_small(image, bands=bands)
    if not small.is_reflectance:
        raise InputError(
            f"{image} holds plain counts, no reflectance: make it L1B first, or give the file its scale "
            "(gdal_edit.py -scale)"
        )
    _check_reflectance(image, small)
    known = _bands(image, small.bands)
    if method == "6s-like":
        air = air or Air()
        if estimate_aot:
            air = estimate_aerosol(small, look, air)
        corrections = tuple(
            _of_model(band.name, band_air(band.centre_um, band.width_um, air, look)) for band in known
        )
    else:
        if air is not None:
            raise InputError("dark-object subtraction knows no atmosphere: leave it out, or use 6s-like")
        corrections = tuple(
            dark_object(band, values[small.valid], look)
            for band, values in zip(known, small.values, strict=True)
        )
    layout = RasterLayout(
        crs=small.crs,
        transform=small.transform,
        width=small.full_width,
        height=small.full_height,
        dtype="uint16",
        bands=tuple(band.name for band in known),
        nodata=0,
        scales=(SCALE,) * len(known),
        offsets=(0.0,) * len(known),
    )
    reader = Readout(image, bands=bands)
    negative, total = [0], [0]

    def render(window: object) -> NDArray[np.uint16]:
        values, valid = reader.window(window)
        out_counts = np.zeros(values.shape, np.uint16)
        below = 0
        for number, correction in enumerate(corrections):
            ground = correct(values[number], correction)
            below += int(np.count_nonzero((ground < 0) & valid))
            counts = np.clip(np.rint(ground / SCALE), 1, 65_535)
            out_counts[number] = np.where(valid, counts, 0).astype(np.uint16)
        negative[0] += below
        total[0] += int(valid.sum()) * len(corrections)
        return out_counts

    recipe = fingerprint("surface 1", image, method, look, air, corrections)
    tags = {
        **{key: value for key, value in reader.tags.items() if key in _KEPT_TAGS},
        "COMITY_LEVEL": "L2A",
        "COMITY_QUANTITY": "surface reflectance",
        "COMITY_ATMOSPHERE": METHODS[method],
    }
    if air is not None:
        tags["COMITY_AOT_550"] = f"{air.aot550:.3f}" + (
            " (estimated from dark ground)" if estimate_aot else ""
        )
        tags["COMITY_AEROSOL"] = air.aerosol
    write_cog(out, layout, render, recipe=recipe, workers=workers, progress=progress, tags=tags)
    return SurfaceResult(
        image=out,
        method=method,
        air=air,
        look=look,
        aot_estimated=air is not None and estimate_aot,
        bands=corrections,
        negative=negative[0] / total[0] if total[0] else 0.0,
    )


def correct(top: NDArray[np.float32] | Floats, by: BandCorrection) -> Floats:
    """Ground reflectance from reflectance at the top of the atmosphere."""
    y = (np.asarray(top, np.float64) - by.path) / by.gain
    return np.asarray(y / (1.0 + by.spherical * y))


def dark_object(band: Band, top: NDArray[np.float32] | Floats, look: Look) -> BandCorrection:
    """The correction of one band from its own darkest valid pixels, ``top`` (n,) reflectance."""
    if top.size == 0:
        raise InputError(f"band {band.name} has no valid pixel to find dark ground in")
    clean = band_air(band.centre_um, band.width_um, Air(aot550=0.0), look).scattered
    gain = clean.down * clean.up
    path = max(0.0, float(np.percentile(top, DARK_PERCENTILE)) - DARK * gain)
    return BandCorrection(band=band.name, path=path, gain=gain, spherical=0.0)


def estimate_aerosol(small: Small, look: Look, air: Air) -> Air:
    """The same air with the aerosol that gives the darkest ground in the shortest band ``DARK``.

    The optical thickness is sought in 0…1.5; ground darker than clean air can explain gives 0.
    """
    known = [(BANDS[name], index) for index, name in enumerate(small.bands) if name in BANDS]
    shortest, index = min((one for one in known if one[0].name != "pan"), key=lambda one: one[0].centre_um)
    top = float(np.percentile(small.values[index][small.valid], DARK_PERCENTILE))

    def ground(aot: float) -> float:
        model = band_air(shortest.centre_um, 0.0, replace(air, aot550=aot), look)
        return float(model.to_surface(np.array(top)))

    low, high = _AOT_LIMITS
    if ground(low) <= DARK:
        return replace(air, aot550=0.0)
    if ground(high) >= DARK:
        return replace(air, aot550=high)
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if ground(middle) > DARK else (low, middle)
    return replace(air, aot550=round((low + high) / 2, 3))


def _of_model(name: str, air: BandAir) -> BandCorrection:
    s = air.scattered
    return BandCorrection(
        band=name, path=air.path, gain=air.gas * air.water * s.down * s.up, spherical=s.spherical
    )


def _bands(image: Path, names: Sequence[str]) -> tuple[Band, ...]:
    for name in names:
        if name not in BANDS:
            raise InputError(
                f"{image}: band {name!r} is no STAC common name: name the bands in order, e.g. "
                "--bands red,green,blue,nir"
            )
    return tuple(BANDS[name] for name in names)


def _check_reflectance(image: Path, small: Small) -> None:
    if not small.valid.any():
        raise InputError(f"{image} has no valid pixel")
    middle = float(np.median(small.values[:, small.valid]))
    if not 0.0 <= middle <= 1.5 or not math.isfinite(middle):
        raise InputError(f"{image}: the median value is {middle:g}: that is no reflectance (0…1)")
