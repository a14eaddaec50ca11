"""GeoJSON as it goes out: rounded coordinates, and bounding boxes that know the antimeridian."""

from __future__ import annotations

from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Polygon, mapping
from shapely.geometry.base import BaseGeometry

#: Decimals of a degree: 0.1 m.
_DECIMALS = 6


def geometry_document(geometry: BaseGeometry) -> dict[str, Any]:
    """GeoJSON of a geometry, to 0.1 m."""
    if isinstance(geometry, Polygon):
        return {"type": "Polygon", "coordinates": _rings(geometry)}
    if isinstance(geometry, MultiPolygon):
        return {"type": "MultiPolygon", "coordinates": [_rings(part) for part in geometry.geoms]}
    rounded = shapely.transform(geometry, lambda xy: xy.round(_DECIMALS), include_z=False)
    return {name: _lists(part) for name, part in mapping(rounded).items()}


def _rings(polygon: Polygon) -> list[list[list[float]]]:
    """Outer ring first; this is most of what an answer is made of."""
    rings = polygon.exterior, *polygon.interiors
    return [shapely.get_coordinates(ring).round(_DECIMALS).tolist() for ring in rings]


def bbox(geometry: BaseGeometry) -> list[float]:
    """West, south, east, north (RFC 7946 §5); over the antimeridian the west is greater than the east."""
    west, south, east, north = geometry.bounds
    parts = shapely.get_parts(geometry)
    if west <= -180.0 and east >= 180.0 and len(parts) > 1:
        bounds = shapely.bounds(parts)
        right, left = bounds[bounds[:, 2] >= 180.0], bounds[bounds[:, 0] <= -180.0]
        if right[:, 0].min() > left[:, 2].max():  # else it goes round the Earth
            middle = bounds[(bounds[:, 2] < 180.0) & (bounds[:, 0] > -180.0)]
            starts = [*right[:, 0], *(b[0] for b in middle if b[0] > 0)]
            ends = [*left[:, 2], *(b[2] for b in middle if b[0] <= 0)]
            west, east = min(starts), max(ends)
    return [round(float(v), _DECIMALS) for v in (west, south, east, north)]


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lists(part) for name, part in value.items()}
    return [_lists(part) for part in value] if isinstance(value, list | tuple) else value
