"""Images of a field that is known everywhere: what is read of them can be computed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import Affine

Field = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

#: Djibouti lies on the edge of UTM zones 37 and 38 north.
LON, LAT = 42.0, 11.5


def plane(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """A reflectance that grows to the east and the north: a place can be told by it."""
    return 0.3 + 0.5 * (lon - LON) + 0.3 * (lat - LAT)


def make_image(
    path: Path,
    fields: dict[str, Field],
    *,
    epsg: int = 32638,
    pixel: float = 100.0,
    size: tuple[int, int] = (240, 300),
    centre: tuple[float, float] = (LON, LAT),
    scale: float = 1e-4,
    offset: float = 0.0,
    dtype: str = "uint16",
    nodata: float | None = 0,
    hole: tuple[slice, slice] | None = None,
    descriptions: bool = True,
    file_scale: bool = True,
    date: str | None = "2024:09:23 07:12:07",
) -> Path:
    """A tiled GeoTIFF with overviews, ``size`` (rows, cols) pixels around ``centre`` (lon, lat)."""
    rows, cols = size
    there = Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = there.transform(*centre)
    west = round((x - cols / 2 * pixel) / pixel) * pixel
    north = round((y + rows / 2 * pixel) / pixel) * pixel
    xs, ys = np.meshgrid(west + pixel * (np.arange(cols) + 0.5), north - pixel * (np.arange(rows) + 0.5))
    lon, lat = there.transform(xs, ys, direction="INVERSE")
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": len(fields), "width": cols, "height": rows,
        "crs": f"EPSG:{epsg}", "transform": Affine(pixel, 0, west, 0, -pixel, north), "nodata": nodata,
        "tiled": True, "blockxsize": 128, "blockysize": 128,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as image:
        for number, (name, field) in enumerate(fields.items(), 1):
            counts = (field(np.asarray(lon), np.asarray(lat)) - offset) / scale
            counts = np.rint(counts).clip(1, 65_535) if dtype == "uint16" else counts
            if hole is not None:
                counts[hole] = nodata
            image.write(counts.astype(dtype), number)
            if descriptions:
                image.set_band_description(number, name)
        if file_scale:
            image.scales, image.offsets = (scale,) * len(fields), (offset,) * len(fields)
        if date:
            image.update_tags(TIFFTAG_DATETIME=date)
        image.build_overviews([2, 4], rasterio.enums.Resampling.average)
    return path


def make_item(
    image: Path, when: str, names: Sequence[str], *, bands: Sequence[dict[str, Any]] | None = None
) -> Path:
    """A STAC 1.1 Item of an image, as others would write it."""
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": image.stem, "geometry": None,
        "properties": {"datetime": when, "platform": "Test-1", "eo:cloud_cover": 3.5},
        "assets": {
            "thumbnail": {"href": "./t.png", "type": "image/png", "roles": ["thumbnail"]},
            "data": {
                "href": f"./{image.name}", "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
                "bands": bands or [{"name": f"B{n}", "eo:common_name": c} for n, c in enumerate(names, 1)],
                "file:checksum": "1220ab",
            },
        },
        "links": [],
    }  # fmt: skip
    path = image.with_suffix(".json")
    path.write_text(json.dumps(item))
    return path
