"""Orthorectification: an image in sensor geometry laid on the map over relief, from file to file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comity.core import Progress, silent
from comity.imagery.gdal import bounded_cache
from comity.imagery.geometry.dem import Dem, FlatDem
from comity.imagery.geometry.images import SensorImage, open_image
from comity.imagery.geometry.location import Relief
from comity.imagery.processing.blocks import fingerprint, processors, write_cog
from comity.imagery.processing.mapgrid import Bounds, native_gsd, ortho_layout
from comity.imagery.processing.orthorectifier import Orthorectifier, name_of, orthorectifier, out_nodata
from comity.imagery.processing.provenance import inherited, keep_apart
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.processing.resampling.filters import make_filter

__all__ = ["OrthoResult", "Orthorectifier", "orthorectifier", "orthorectify", "out_nodata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrthoResult:
    """What an orthorectification made.

    ``native_gsd_m``: of the image on the ground at its centre, along rows and columns. ``grid_error_px``: the
    largest difference seen between positions used and the model's own, at cell middles. ``heights_m``:
    least and most ellipsoidal height met. ``beyond_model``: whether these leave the heights the model was
    made for. ``geometry``, ``relief``: what they were taken from, in words.
    """

    path: Path
    crs: str
    res: float
    width: int
    height: int
    bands: tuple[str, ...]
    native_gsd_m: tuple[float, float]
    grid_error_px: float
    heights_m: tuple[float, float]
    beyond_model: bool
    geometry: str
    relief: str
    resampling: str


def orthorectify(
    image: Path | SensorImage,
    dem: Path | Dem | FlatDem | Relief,
    out: Path,
    *,
    geoid: str | Path = "egm96",
    crs: str | int | None = None,
    res: float | None = None,
    bounds: Bounds | None = None,
    layout: RasterLayout | None = None,
    resampling: str = "cubic",
    block: int | None = None,
    workers: int | None = None,
    progress: Progress = silent,
    tags: dict[str, str] | None = None,
) -> OrthoResult:
    """Lay an image on the map as a cloud-optimised GeoTIFF.

    ``dem``: heights above ``geoid``; an opened :class:`Dem` brings its own. ``crs``: EPSG code or any name of
    a projection, None: the UTM zone (or UPS) of the image's centre. ``res``: pixel size in its units, None:
    the image's own at its centre, to three digits. ``bounds``: west, south, east, north in it, None: the
    whole image. ``layout``: the grid of another raster instead of these three (its bands and type are the
    image's). No data: 0 of unsigned types, NaN of floats, else the image's own or the least value.

    A run that was killed goes on when it is started again. Raises :class:`InputError` naming file and cause:
    the image or its model is at fault, the relief does not cover it or has a hole in it, the bounds lie
    outside it, the disk is full.
    """
    opened = image if isinstance(image, SensorImage) else open_image(image)
    relief = Dem(dem, geoid) if isinstance(dem, Path) else dem
    keep_apart(out, opened.path, relief.path if isinstance(relief, Dem) else None)
    filter_name = make_filter(resampling).name
    grid = layout if layout is not None else ortho_layout(opened, relief, crs=crs, res=res, bounds=bounds)
    grid = _with_pixels_of(grid, opened)
    threads = workers or processors()
    size = block if block is not None else (2048 if threads <= 4 else 1024)
    told = {
        **inherited(opened.tags),
        "COMITY_LEVEL": "L1C",
        "COMITY_GEOMETRY": opened.geometry,
        "COMITY_RELIEF": name_of(relief),
        "COMITY_RESAMPLING": filter_name,
        **(tags or {}),
    }
    # A rigorous model is known by its file: its splines have no form to take a fingerprint of.
    model = opened.model if opened.geometry_path is None else opened.geometry_path
    recipe = fingerprint(
        "ortho 1", opened.path, opened.origin, model, opened.nodata, _parts_of(relief), grid, filter_name
    )
    with bounded_cache(), orthorectifier(opened, relief, grid, resampling) as ortho:
        write_cog(
            out, grid, ortho.render, recipe=recipe, block=size, workers=threads, progress=progress, tags=told
        )
    least, most = ortho.heights_m
    low, high = opened.model.heights_m
    return OrthoResult(
        path=out,
        crs=grid.crs.to_string(),
        res=abs(grid.transform.a),
        width=grid.width,
        height=grid.height,
        bands=opened.bands,
        native_gsd_m=native_gsd(opened, relief),
        grid_error_px=ortho.error_px,
        heights_m=(least, most),
        beyond_model=bool(least < low or most > high),
        geometry=opened.geometry,
        relief=name_of(relief),
        resampling=filter_name,
    )


def _with_pixels_of(grid: RasterLayout, image: SensorImage) -> RasterLayout:
    return RasterLayout(
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        dtype=image.dtype,
        bands=image.bands,
        nodata=out_nodata(image),
        scales=image.scales,
        offsets=image.offsets,
    )


def _parts_of(relief: Relief) -> tuple[Any, ...]:
    """What a fingerprint takes of it."""
    if isinstance(relief, Dem):
        return (relief.path, relief.name, relief.voids)
    return (name_of(relief),)
