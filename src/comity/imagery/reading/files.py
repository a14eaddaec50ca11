"""What was read as files: a view as picture or GeoTIFF, band maths of a whole image as a COG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapely.geometry.base import BaseGeometry

from comity.core import InputError, Progress, silent, whole_path, write_whole
from comity.imagery.gdal import bounded_cache
from comity.imagery.reading.expression import Expression, Floats, expression_of
from comity.imagery.reading.pictures import Ramp, picture
from comity.imagery.reading.source import Source, open_source
from comity.imagery.reading.views import View

_BLOCK = 1024


def write_view(
    view: View,
    path: Path,
    *,
    ends: tuple[tuple[float, float], ...] | None = None,
    ramp: Ramp = "grey",
    legend: str | None = None,
) -> Path:
    """Write a view as ``.png`` (:func:`comity.imagery.reading.picture`) or ``.tif`` (float32, physical, NaN).

    Raises :class:`InputError` for another ending, or a file that cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".png":
        return write_whole(path, picture(view, ends=ends, ramp=ramp, legend=legend))
    if kind not in (".tif", ".tiff"):
        raise InputError(f"{path}: write .png (a picture) or .tif (values)")
    import rasterio
    from rasterio.transform import from_bounds

    bands, height, width = view.values.shape
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": bands, "width": width, "height": height,
        "crs": view.crs, "transform": from_bounds(*view.bounds, width, height), "nodata": float("nan"),
        "compress": "DEFLATE", "predictor": 3,
    }  # fmt: skip
    with whole_path(path) as part, rasterio.open(part, "w", **profile) as image:
        image.write(view.values)
        image.descriptions = list(view.names)
        image.units = list(view.units)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMap:
    """What came of :func:`write_index`: a GeoTIFF of one band, and the figures of its valid pixels."""

    out: Path
    expression: str
    item: str
    epsg: int
    pixel_m: float
    width: int
    height: int
    valid_percent: float
    mean: float | None
    std: float | None
    min: float | None
    max: float | None


def write_index(
    place: Source | Path | str,
    out: Path,
    *,
    expression: str | Expression,
    area: BaseGeometry | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> IndexMap:
    """Write an expression (or index by name) of a whole image, block by block, as a cloud-optimised GeoTIFF.

    On the image's own grid where that is in metres and true to scale (else UTM), cut to ``area`` (lon, lat
    degrees). float32, NaN for none. A run that was killed goes on at the block it had come to.
    """
    import rasterio
    from rasterio.crs import CRS
    from rasterio.transform import Affine
    from rasterio.windows import Window

    from comity.imagery.processing.blocks import fingerprint, write_cog
    from comity.imagery.processing.provenance import keep_apart
    from comity.imagery.processing.raster import RasterLayout
    from comity.imagery.reading.grids import GridReader, area_mask, common_grid, touches

    maths = expression_of(expression) if isinstance(expression, str) else expression
    source = open_source(place)
    keep_apart(out, source.path)
    bands, _ = source.resolve(None, maths)
    grid = common_grid((source,), area)
    if not touches(source, grid):
        raise InputError(f"{source.path} does not show the area")
    reader = GridReader(source, grid, bands, maths)

    def render(window: Window) -> Floats:
        values = reader(window)
        if area is not None:
            values[:, ~area_mask(grid, window)] = np.nan
        return values

    layout = RasterLayout(
        crs=CRS.from_epsg(grid.epsg),
        transform=Affine(*grid.transform),
        width=grid.width,
        height=grid.height,
        dtype="float32",
        bands=("value",),
        nodata=float("nan"),
    )
    tags = {"COMITY_EXPRESSION": maths.text, "COMITY_ITEM": source.id}
    if source.provenance.get("comity:simulated"):
        tags["SIMULATED"] = "YES"
    if source.when is not None:
        tags["TIFFTAG_DATETIME"] = source.when.datetime.strftime("%Y:%m:%d %H:%M:%S")
    cut = b"" if area is None else area.wkb
    files = [path for path in (source.path, source.item) if path is not None]
    recipe = fingerprint("index 1", files, maths.text, cut, layout)
    with bounded_cache():
        write_cog(
            out, layout, render, recipe=recipe, block=_BLOCK, workers=workers, progress=progress, tags=tags
        )
    with rasterio.open(out) as image:
        told = image.tags(1)
    figures = {name: told.get(f"STATISTICS_{name}") for name in ("MEAN", "STDDEV", "MINIMUM", "MAXIMUM")}
    mean, std, least, most = (None if value is None else float(value) for value in figures.values())
    return IndexMap(
        out=out,
        expression=maths.text,
        item=source.id,
        epsg=grid.epsg,
        pixel_m=grid.pixel_m,
        width=grid.width,
        height=grid.height,
        valid_percent=float(told.get("STATISTICS_VALID_PERCENT", 0.0)),
        mean=mean,
        std=std,
        min=least,
        max=most,
    )
