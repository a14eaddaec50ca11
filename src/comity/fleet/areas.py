"""Areas of interest: GeoJSON in, checked geometry on the WGS-84 ellipsoid out.

Everything that lets a user say where goes through here, so that a latitude of 91 or an outline that
crosses itself is refused in the same words everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.fleet.antimeridian import polygon_on_earth, polygons_of, tidy
from comity.orbits.geodesy import (
    EQUATORIAL_RADIUS_M,
    FLATTENING,
    check_geodetic,
)

FloatArray = NDArray[np.float64]

#: More vertices than this are refused: thin the outline first.
MAX_VERTICES = 100_000
#: Longitudes may run past the antimeridian, but not round twice.
MAX_LONGITUDE_DEG = 360.0
#: Anything smaller (m²) is no area.
MIN_AREA_M2 = 1.0
#: A ring whose ends are this near (0.1 mm) is closed; rounding did it.
_CLOSURE_DEG = 1e-9
#: Straight edges in lon, lat are measured in steps of this (deg).
_EDGE_STEP_DEG = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A place to image: ``geometry`` is a Polygon or MultiPolygon, or one Point.

    Lon, lat degrees, WGS-84, longitudes within ±180°: areas over the antimeridian are cut there
    (RFC 7946 §3.1.9) and areas that hold a pole reach along ±90°. Edges are straight in lon, lat. A Point
    may carry its height above the ellipsoid (m) as third coordinate.
    """

    name: str
    geometry: BaseGeometry

    @property
    def is_point(self) -> bool:
        """Whether it is a single point."""
        return isinstance(self.geometry, Point)

    @property
    def area_km2(self) -> float:
        """Surface on the ellipsoid, km² (0 for a point)."""
        return area_km2(self.geometry)


def features_of(content: object) -> list[Mapping[str, Any]]:
    """The Features of a parsed GeoJSON object (RFC 7946): those of a FeatureCollection, or the object itself.

    Raises :class:`InputError`: not a GeoJSON object, not WGS-84, a FeatureCollection without a Feature.
    """
    content = _geojson(content)
    if content["type"] != "FeatureCollection":
        return [content]
    features = _listed(content.get("features"), "the FeatureCollection")
    if not features:
        raise InputError("the FeatureCollection holds no feature")
    return [_geojson(feature) for feature in features]


def area_from_geojson(content: object, name: str) -> Area:
    """An area from a parsed GeoJSON geometry or Feature.

    Polygons and MultiPolygons are joined into one area; a single Point is taken as a point target, and
    nothing else is. Longitudes beyond ±180° (to ±360°) and rings that jump from 179° to −179° cross the
    antimeridian. Heights are dropped, except a Point's.

    Raises
    ------
    InputError : naming the value: latitude or longitude out of range, NaN, a ring with fewer than four
        positions, not closed or crossing itself, no surface, too many vertices, another geometry type, or
        coordinates that are not WGS-84 lon, lat.
    """
    geometries = list(_geometries(content))
    if not geometries:
        raise InputError("there is no geometry: it should hold a GeoJSON Polygon")
    kinds = [geometry["type"] for geometry in geometries]
    if kinds == ["Point"]:
        return Area(name=name, geometry=_point(geometries[0].get("coordinates")))
    polygons: list[BaseGeometry] = []
    vertices = 0
    for geometry, kind in zip(geometries, kinds, strict=True):
        if kind not in ("Polygon", "MultiPolygon"):
            raise InputError(
                f"a {kind} is not an area: give Polygons or MultiPolygons, or one Point as a point target"
            )
        coordinates = geometry.get("coordinates")
        for rings in [coordinates] if kind == "Polygon" else _listed(coordinates, "MultiPolygon"):
            what = f"polygon {len(polygons) + 1}"
            arrays = [
                _ring(ring, what if number == 0 else f"hole {number} of {what}")
                for number, ring in enumerate(_listed(rings, what))
            ]
            if not arrays:
                raise InputError(f"{what} is empty: it has no ring")
            vertices += sum(len(array) for array in arrays)
            _check_vertices(vertices)
            polygons.append(polygon_on_earth(arrays[0], arrays[1:], what))
    if not polygons:
        raise InputError("the geometry is empty: it should hold a GeoJSON Polygon")
    return Area(name=name, geometry=_joined(polygons))


def area_from_geometry(geometry: BaseGeometry, name: str) -> Area:
    """An area from a shapely Polygon, MultiPolygon or Point in lon, lat degrees, checked in the same way.

    Raises :class:`InputError` as :func:`area_from_geojson` does.
    """
    if isinstance(geometry, Point):
        return Area(name=name, geometry=_point([float(c) for place in geometry.coords for c in place]))
    polygons = polygons_of(geometry)
    if not polygons:
        raise InputError(f"{geometry.geom_type} of {name!r} is not an area: give a Polygon or MultiPolygon")
    _check_vertices(int(shapely.get_num_coordinates(geometry)))
    parts: list[BaseGeometry] = []
    for number, polygon in enumerate(polygons, start=1):
        what = f"polygon {number} of {name!r}"
        rings = [shapely.get_coordinates(ring) for ring in (polygon.exterior, *polygon.interiors)]
        for ring in rings:
            _check_range(ring, what)
        parts.append(polygon_on_earth(rings[0], rings[1:], what))
    return Area(name=name, geometry=_joined(parts))


def area_km2(geometry: BaseGeometry) -> float:
    """Surface of a geometry within ±180° on the WGS-84 ellipsoid, km²; points and lines have none.

    Edges are straight in lon, lat (RFC 7946 §3.1.1). Measured in the authalic cylindrical projection (Snyder,
    *Map Projections*, USGS PP 1395, eq. 3-12 and 10-15), which keeps areas exactly and does not mind poles
    or great extent, as geodesics do.
    """
    return float(surfaces_m2(np.array([geometry], dtype=object))[0]) / 1e6


def surfaces_m2(geometries: NDArray[Any]) -> FloatArray:
    """Surfaces of an array of geometries as :func:`area_km2` has them, but m²; same shape."""
    fine = shapely.segmentize(geometries, _EDGE_STEP_DEG)
    return np.asarray(shapely.area(shapely.transform(fine, _equal_area)), dtype=np.float64)


def _equal_area(lonlat: FloatArray) -> FloatArray:
    """(n, 2) lon, lat degrees → (n, 2) m in the cylindrical equal-area projection of WGS-84."""
    e = math.sqrt(FLATTENING * (2.0 - FLATTENING))
    s = np.sin(np.radians(lonlat[:, 1]))
    q = (1.0 - e * e) * (s / (1.0 - (e * s) ** 2) + np.arctanh(e * s) / e)
    return np.stack([EQUATORIAL_RADIUS_M * np.radians(lonlat[:, 0]), EQUATORIAL_RADIUS_M * q / 2.0], axis=-1)


def _geometries(content: object) -> Iterator[Mapping[str, Any]]:
    """The plain geometries in a GeoJSON geometry or Feature."""
    content = _geojson(content)
    if content["type"] == "GeometryCollection":
        for geometry in _listed(content.get("geometries"), "the GeometryCollection"):
            yield from _geometries(geometry)
    elif content["type"] == "Feature":
        if content.get("geometry") is not None:
            yield from _geometries(content["geometry"])
    else:
        yield content


def _geojson(content: object) -> Mapping[str, Any]:
    """The same object, once it is known to be GeoJSON of some type."""
    if not isinstance(content, Mapping):
        raise InputError(f"this is not a GeoJSON object but a {type(content).__name__}")
    if not isinstance(content.get("type"), str):
        raise InputError(f"this is not GeoJSON: its type is {_shown(content.get('type'))}")
    _check_crs(content)
    return content


def _check_crs(content: Mapping[str, Any]) -> None:
    """Refuse the ``crs`` of GeoJSON 2008 unless it says what RFC 7946 implies."""
    crs = content.get("crs")
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    said = str(properties.get("name") if isinstance(properties, Mapping) else crs)
    if not said.upper().endswith(("CRS84", "EPSG:4326", "EPSG::4326")):
        raise InputError(f"coordinates are in {said}: convert them to WGS-84 lon, lat (RFC 7946)")


def _listed(value: object, what: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{what} holds {_shown(value)} where a list belongs")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _position(value: object, what: str) -> list[float]:
    numbers = _listed(value, f"a position of {what}")
    if len(numbers) < 2 or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise InputError(f"{_shown(list(numbers))} in {what} is not a position [lon, lat]")
    try:
        return [float(n) for n in numbers]
    except OverflowError as error:
        raise InputError(f"{_shown(list(numbers))} in {what} is not a place") from error


def _point(value: object) -> Point:
    if not value:
        raise InputError("the Point is empty: it has no coordinates")
    position = _position(value, "the Point")
    height = position[2] if len(position) > 2 else 0.0
    try:
        lon, lat, height = check_geodetic(position[0], position[1], height)
    except InputError as error:
        raise InputError(f"Point {error}") from error
    return Point(lon, lat, height) if len(position) > 2 else Point(lon, lat)


def _ring(value: object, what: str) -> FloatArray:
    """A closed ring (n, 2), checked for range, closure and number of positions."""
    positions = _listed(value, what)
    _check_vertices(len(positions))
    ring = np.array([_position(position, what)[:2] for position in positions], dtype=np.float64).reshape(
        -1, 2
    )
    _check_range(ring, what)
    if len(ring) < 4:
        raise InputError(f"{what} has {len(ring)} positions: a ring needs 4 or more, the last like the first")
    turn = round((ring[-1, 0] - ring[0, 0]) / 360.0) * 360.0
    first = ring[0] + np.array([turn, 0.0])
    if np.abs(ring[-1] - first).max() > _CLOSURE_DEG:
        raise InputError(
            f"{what} is not closed: it starts at {ring[0].tolist()} and ends at {ring[-1].tolist()}; "
            "repeat the first position at the end"
        )
    ring[-1] = first
    return ring


def _check_range(ring: FloatArray, what: str) -> None:
    """Refuse NaN and coordinates off the Earth by value."""
    bad = ~np.isfinite(ring).all(axis=1)
    if bad.any():
        k = int(np.argmax(bad))
        raise InputError(f"{ring[k].tolist()} in {what} (position {k + 1}) is not a place: not finite")
    for column, name, limit in ((1, "latitude", 90.0), (0, "longitude", MAX_LONGITUDE_DEG)):
        bad = np.abs(ring[:, column]) > limit
        if bad.any():
            k = int(np.argmax(bad))
            raise InputError(
                f"{name} {ring[k, column]:g}° in {what} (position {k + 1}) is outside ±{limit:g} "
                "(positions are [lon, lat])"
            )


def _check_vertices(count: int) -> None:
    if count > MAX_VERTICES:
        raise InputError(f"the outline has {count:,} vertices, the limit is {MAX_VERTICES:,}: simplify it")


def _joined(polygons: Sequence[BaseGeometry]) -> BaseGeometry:
    geometry = polygons[0] if len(polygons) == 1 else tidy(shapely.union_all(list(polygons)))
    surface = 1e6 * area_km2(geometry)
    if surface < MIN_AREA_M2:
        raise InputError(f"the area is {surface:.3g} m²: less than {MIN_AREA_M2:g} m² is no area")
    return geometry
