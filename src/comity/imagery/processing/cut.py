"""The customer's cut: an image on a map, cropped to an area and blank outside it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from comity.core import InputError, Progress, silent
from comity.fleet import area_from_geometry
from comity.imagery.gdal import bounded_cache
from comity.imagery.processing.areas import read_area
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.colour.sheets import Sheet, counts_of, out_nodata
from comity.imagery.processing.provenance import keep_apart
from comity.imagery.processing.raster import RasterLayout

_METHOD = "cut 1"
#: An edge of the area is followed on the map to this part of a pixel.
_EDGE_PX = 0.1
#: Pixels of a side of what is looked at together.
_BLOCK = 2048
#: Metadata that belong to the file, not to the image.
_OWN_TAGS = ("AREA_OR_POINT", "OVR_RESAMPLING_ALG")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutResult:
    """What came of :func:`cut`. ``covered``: share of the area's pixels that have data (0 … 1)."""

    path: Path
    bands: tuple[str, ...]
    width: int
    height: int
    covered: float


def cut(
    image: Path,
    area: Path | BaseGeometry,
    out: Path,
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> CutResult:
    """Crop an image to an area (GeoJSON file, or polygon in lon, lat degrees) and blank what lies outside.

    Pixels stay those of the image: nothing is resampled. A pixel belongs to the area if its centre does, or,
    of an area so thin that it holds no centre, if it touches it. Raises :class:`InputError` naming the
    file: the image lies on no map, or has no data in the area.
    """
    keep_apart(out, image)
    shape = read_area(area) if isinstance(area, Path) else area_from_geometry(area, "area").geometry
    with bounded_cache(), closing(Sheet(image)) as sheet:
        if sheet.crs is None:
            raise InputError(f"{image} lies on no map: orthorectify it first")
        ground = _on_map(shape, sheet)
        left, top, wide, high = _window(ground, sheet, area)
        nodata = out_nodata(sheet)
        layout = RasterLayout(
            crs=sheet.crs,
            transform=sheet.transform @ Affine.translation(left, top),
            width=wide,
            height=high,
            dtype=sheet.dtype,
            bands=sheet.bands,
            nodata=nodata,
            scales=sheet.scales,
            offsets=sheet.offsets,
        )
        touched = _no_centre(ground, layout)
        if not _holds_data(sheet, ground, layout, (left, top), touched):
            raise InputError(f"{image} has no data in {_called(area)}: nothing to cut")

        def render(window: Window) -> NDArray[np.generic]:
            values = sheet.read(left + window.col_off, top + window.row_off, window.width, window.height)
            values[:, _outside(ground, layout, window, touched)] = np.nan
            return counts_of(values, layout.dtype, nodata)

        write_cog(
            out,
            layout,
            render,
            recipe=fingerprint(_METHOD, image, ground.wkb, layout),
            workers=workers,
            progress=progress,
            tags={key: value for key, value in sheet.tags.items() if key not in _OWN_TAGS},
        )
    with closing(Sheet(out)) as made:
        percent = float(made.opened().tags(1).get("STATISTICS_VALID_PERCENT", "0"))
    wanted = max(ground.area / abs(layout.transform.determinant), 1.0)
    return CutResult(
        path=out,
        bands=layout.bands,
        width=wide,
        height=high,
        covered=min(1.0, percent / 100.0 * wide * high / wanted),
    )


def _called(area: Path | BaseGeometry) -> str:
    return str(area) if isinstance(area, Path) else "the area"


def _on_map(shape: BaseGeometry, sheet: Sheet) -> BaseGeometry:
    """The area on the image's map; edges, straight in lon, lat, followed to part of a pixel."""
    from pyproj import CRS as ProjCrs
    from pyproj import Transformer

    crs = ProjCrs.from_wkt(sheet.crs.to_wkt())  # type: ignore[union-attr]
    there = Transformer.from_crs(4326, crs, always_xy=True)
    pixel = float(np.sqrt(abs(sheet.transform.determinant)))

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(there.transform(points[:, 0], points[:, 1]))

    found, before = shapely.transform(shape, project), None
    for pieces in (16, 128, 1024):
        fine = shapely.segmentize(shape, max(shape.length / pieces, 1e-9))
        before, found = found, shapely.transform(fine, project)
        if not np.isfinite(found.bounds).all():
            raise InputError(f"the area is too far from the map of {sheet.path} ({sheet.crs})")
        if shapely.hausdorff_distance(before.boundary, found.boundary) < _EDGE_PX * pixel:
            break
    return shapely.make_valid(found)


def _window(ground: BaseGeometry, sheet: Sheet, area: Path | BaseGeometry) -> tuple[int, int, int, int]:
    """Column, row, width, height of the image's pixels the area lies in."""
    back, (rows, cols) = ~sheet.transform, sheet.shape
    places = shapely.get_coordinates(ground)
    x = back.a * places[:, 0] + back.b * places[:, 1] + back.c
    y = back.d * places[:, 0] + back.e * places[:, 1] + back.f
    left, top = max(0, int(np.floor(x.min() + 1e-6))), max(0, int(np.floor(y.min() + 1e-6)))
    right, low = min(cols, int(np.ceil(x.max() - 1e-6))), min(rows, int(np.ceil(y.max() - 1e-6)))
    if left >= right or top >= low:
        raise InputError(
            f"{_called(area)} lies outside {sheet.path}: the image has columns 0 … {cols} and rows "
            f"0 … {rows}, the area {x.min():.0f} … {x.max():.0f} and {y.min():.0f} … {y.max():.0f}"
        )
    return left, top, right - left, low - top


def _outside(ground: BaseGeometry, layout: RasterLayout, window: Window, touched: bool) -> NDArray[np.bool_]:
    """Which pixels of a window of the cut lie outside the area."""
    shift = layout.transform @ Affine.translation(window.col_off, window.row_off)
    high, wide = int(window.height), int(window.width)
    corners = [
        (shift.a * x + shift.b * y + shift.c, shift.d * x + shift.e * y + shift.f)
        for x, y in ((0, 0), (wide, 0), (wide, high), (0, high))
    ]
    part = shapely.intersection(ground, shapely.Polygon(corners))
    polygons = [one for one in shapely.get_parts(part) if one.area > 0.0]
    if not polygons:
        return np.ones((high, wide), bool)
    found: NDArray[np.bool_] = geometry_mask(polygons, (high, wide), shift, all_touched=touched)
    return found


def _blocks(layout: RasterLayout) -> list[Window]:
    return [
        Window(col, row, min(_BLOCK, layout.width - col), min(_BLOCK, layout.height - row))
        for row in range(0, layout.height, _BLOCK)
        for col in range(0, layout.width, _BLOCK)
    ]


def _no_centre(ground: BaseGeometry, layout: RasterLayout) -> bool:
    """Whether the area holds no pixel's centre."""
    return all(_outside(ground, layout, window, False).all() for window in _blocks(layout))


def _holds_data(
    sheet: Sheet, ground: BaseGeometry, layout: RasterLayout, first: tuple[int, int], touched: bool
) -> bool:
    """Whether the image has a valid pixel in the area; reads until it finds one."""
    for window in _blocks(layout):
        within = ~_outside(ground, layout, window, touched)
        if not within.any():
            continue
        values = sheet.read(first[0] + window.col_off, first[1] + window.row_off, window.width, window.height)
        if (np.isfinite(values).all(axis=0) & within).any():
            return True
    return False
