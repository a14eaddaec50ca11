"""The customer's area against what an image shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.fleet.areas import area_km2
from comity.imagery.geometry.location import Relief, locate_on
from comity.imagery.geometry.model import SensorModel

#: Points along a side of an image by which its outline on the ground is drawn.
_SIDE = 17
#: What rounding may take off a whole area.
_WHOLE = 0.9995


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """``seen``: the part of the area in the image, lon, lat. ``fraction`` of ``asked_km2`` it is."""

    seen: BaseGeometry
    asked_km2: float
    fraction: float


def outline(path: Path, model: SensorModel, dem: Relief) -> BaseGeometry:
    """The ground an image in sensor geometry shows, lon, lat degrees, drawn along its border on the relief.

    Raises :class:`InputError` when the elevation model does not reach under any of it.
    """
    rows, cols = model.shape
    along = np.linspace(0.0, 1.0, _SIDE)
    zero, one = np.zeros(_SIDE), np.ones(_SIDE)
    col = np.concatenate([along, one, along[::-1], zero]) * cols - 0.5
    row = np.concatenate([zero, along, one, along[::-1]]) * rows - 0.5
    lon, lat, _ = locate_on(model, dem, col, row)
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        raise InputError(f"{name_of(dem)} does not cover the ground of {path}")
    if not known.all():
        # The rest is told at the height of what is known: an outline need not be right to a pixel.
        height = float(np.nanmedian(locate_on(model, dem, col[known], row[known])[2]))
        flat_lon, flat_lat = model.locate(col, row, height)
        lon, lat = np.where(known, lon, flat_lon), np.where(known, lat, flat_lat)
    shape = Polygon(np.column_stack([lon, lat])[np.isfinite(lon) & np.isfinite(lat)])
    return shape if shape.is_valid else shapely.make_valid(shape)


def name_of(dem: Relief) -> str:
    """An elevation model in an error message."""
    path = getattr(dem, "path", None)
    return f"DEM {path}" if path is not None else "the elevation model"


def coverage(area: BaseGeometry, shown: BaseGeometry, *, least: float | None, name: str) -> Coverage:
    """How much of ``area`` lies in ``shown``.

    ``least``: fraction that is asked for; None takes any part. Raises :class:`InputError` when the area lies
    wholly outside, or less of it than ``least`` is shown.
    """
    seen = shapely.intersection(area, shown)
    asked = area_km2(area)
    polygons = [part for part in shapely.get_parts(seen) if part.geom_type == "Polygon" and part.area > 0]
    if not polygons:
        raise InputError(
            f"{name} lies outside the image: the area spans {_extent(area)}, the image {_extent(shown)}"
        )
    seen = shapely.union_all(polygons)
    fraction = min(1.0, area_km2(seen) / asked)
    if fraction >= _WHOLE:
        fraction = 1.0
    if least is not None and fraction < least:
        raise InputError(
            f"{name}: the image shows {100 * fraction:.1f} % of the area, {100 * least:g} % is asked for "
            "(--partial takes what there is)"
        )
    return Coverage(seen=seen, asked_km2=asked, fraction=fraction)


def _extent(shape: BaseGeometry) -> str:
    west, south, east, north = shape.bounds
    return f"lon {west:.4f} … {east:.4f}, lat {south:.4f} … {north:.4f}"
