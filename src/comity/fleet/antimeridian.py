"""Rings of longitude and latitude on a round Earth: antimeridian and poles.

Polygons leave here cut at ±180° (RFC 7946 §3.1.9) and closed along the poles they enclose, so that plain
planar geometry in lon, lat holds for them. Edges are straight in lon, lat (RFC 7946 §3.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient
from shapely.validation import explain_validity

from comity.core import InputError

FloatArray = NDArray[np.float64]

#: Longest edge of a bounding box.
_MAX_EDGE_DEG = 90.0
_PLACE = re.compile(r"^(.*?)\[\s*(\S+)\s+(\S+?)\s*\]$")


def polygon_on_earth(
    shell: FloatArray, holes: Sequence[FloatArray] = (), what: str = "polygon"
) -> BaseGeometry:
    """A Polygon or MultiPolygon within ±180° from rings that may cross the antimeridian or hold a pole.

    Parameters
    ----------
    shell, holes : closed rings, (n, 2) lon, lat degrees. A step of more than 180° (and less than 360°) from
        one vertex to the next is taken as crossing the antimeridian; longitudes beyond ±180° go on past it.
        A ring that goes once round the Earth holds the pole of the hemisphere it lies in.
    what : how to call it in an error.

    Raises
    ------
    InputError : a ring crosses itself, has no area, winds more than once, or a hole lies outside.
    """
    outer = _region(shell, what)
    inner = [_region(hole, f"hole {number} of {what}") for number, hole in enumerate(holes, start=1)]
    result = _wrap(outer)
    for number, hole in enumerate(inner, start=1):
        wrapped = _wrap(hole)
        stray = shapely.difference(wrapped, result)
        if stray.area > 1e-9 * wrapped.area:
            place = stray.representative_point()
            raise InputError(
                f"hole {number} of {what} lies outside it or in another hole, "
                f"near lon {place.x:.6g}, lat {place.y:.6g}"
            )
        result = shapely.difference(result, wrapped)
    if result.is_empty:
        raise InputError(f"{what} has no area left beside its holes")
    return tidy(result)


def mended_on_earth(shell: FloatArray, holes: Sequence[FloatArray] = ()) -> BaseGeometry:
    """:func:`polygon_on_earth` for rings nobody drew: what rounding spoilt is mended instead of refused.

    180° and −180° are one meridian here, never the two ends of a parallel. What has no area comes out as an
    empty MultiPolygon. A ring that winds more than once raises :class:`InputError`.
    """
    result = _wrap(_mended(shell))
    for hole in holes:
        result = shapely.difference(result, _wrap(_mended(hole)))
    return tidy(result)


def bounding_box(
    west: float, south: float, east: float, north: float, what: str = "bounding box"
) -> BaseGeometry:
    """The area between two meridians and two parallels, degrees; ``west > east`` crosses the antimeridian.

    No edge of it is between 180° and 360° long, so that it can only be read in one way. Raises
    :class:`InputError` for bounds out of range or in the wrong order.
    """
    for lat in (south, north):
        if not -90.0 <= lat <= 90.0:
            raise InputError(f"latitude {lat:g}° of {what} is outside ±90 (west, south, east, north)")
    for lon in (west, east):
        if not -180.0 <= lon <= 180.0:
            raise InputError(f"longitude {lon:g}° of {what} is outside ±180 (west, south, east, north)")
    if south >= north:
        raise InputError(f"{what}: south {south:g} is not below north {north:g}")
    if (east - west) % 360.0 == 0.0 and west >= east:
        raise InputError(f"{what}: west {west:g} and east {east:g} are one meridian")
    spans = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
    boxes = [shapely.box(left, south, right, north) for left, right in spans if left < right]
    return tidy(shapely.segmentize(MultiPolygon(boxes), _MAX_EDGE_DEG))


def tidy(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry, outer rings anticlockwise (RFC 7946 §3.1.6); lines, points dropped."""
    parts = [orient(part) for part in polygons_of(geometry) if part.area > 0.0]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """The Polygons in a geometry of any kind, in its order."""
    if isinstance(geometry, Polygon):
        return [] if geometry.is_empty else [geometry]
    return [polygon for part in getattr(geometry, "geoms", ()) for polygon in polygons_of(part)]


def unwrap(lon: FloatArray, lat: FloatArray, *, keep_full_turns: bool = True) -> FloatArray:
    """Longitudes (n,) degrees of a line made continuous: no step is longer than 180°.

    Two steps stay as they are: one along a pole, which has no length, and one of exactly 360°, which runs
    along a parallel round the whole Earth (as in a world-wide box) unless ``keep_full_turns`` is false: then
    both its ends are the same meridian.
    """
    step = np.diff(lon)
    turns = np.round(step / 360.0) * 360.0
    turns[(np.abs(lat[1:]) == 90.0) & (lat[1:] == lat[:-1])] = 0.0
    if keep_full_turns:
        turns[np.abs(step) == 360.0] = 0.0
    return np.asarray(lon - np.concatenate([[0.0], np.cumsum(turns)]), dtype=np.float64)


def _region(ring: FloatArray, what: str) -> Polygon:
    """One ring as a valid polygon in continuous longitudes (perhaps beyond ±180°)."""
    lon, lat = ring[:, 0], ring[:, 1]
    polygon = _closed(unwrap(lon, lat), lat, what)
    if not polygon.is_valid and np.any(np.abs(np.diff(lon)) == 360.0):
        # 180 → −180 may also be one point written twice where the ring crosses the antimeridian.
        other = _closed(unwrap(lon, lat, keep_full_turns=False), lat, what)
        polygon = other if other.is_valid else polygon
    if polygon.convex_hull.area == 0.0:
        raise InputError(f"{what} has no area: its points lie on one line")
    if not polygon.is_valid:
        raise InputError(f"{what} {_crossing(polygon)}")
    return polygon


def _closed(lon: FloatArray, lat: FloatArray, what: str) -> Polygon:
    turn = round(float(lon[-1] - lon[0]) / 360.0)
    if abs(turn) > 1 or (turn == 0 and np.ptp(lon) > 360.0):
        raise InputError(f"{what} winds round the Earth more than once")
    ring = np.stack([lon, lat], axis=-1)
    if turn:
        pole = 90.0 if float(np.mean(lat[:-1])) >= 0.0 else -90.0
        # Go up to the pole from the vertex nearest to it: nothing of the ring is in the way there.
        top = int(np.argmin(np.abs(pole - lat[:-1])))
        ring = np.concatenate([ring[top:-1], ring[: top + 1] + np.array([lon[-1] - lon[0], 0.0])])
        ring = np.concatenate([ring, [[ring[-1, 0], pole], [ring[0, 0], pole]], ring[:1]])
    return Polygon(ring)


def _crossing(polygon: Polygon) -> str:
    reason = explain_validity(polygon)
    found = _PLACE.match(reason)
    if found is None:
        return f"is not valid: {reason}"
    kind, lon, lat = found.group(1), float(found.group(2)), float(found.group(3))
    wrapped = (lon + 180.0) % 360.0 - 180.0
    verb = "crosses itself" if "elf-intersection" in kind else f"is not valid ({kind})"
    return f"{verb} at lon {wrapped:.6g}, lat {lat:.6g}: draw it without the crossing"


def _mended(ring: FloatArray) -> BaseGeometry:
    """One ring as polygons in continuous longitudes, valid whatever it is."""
    lon, lat = ring[:, 0], ring[:, 1]
    polygon = _closed(unwrap(lon, lat, keep_full_turns=False), lat, "outline")
    return (
        polygon if polygon.is_valid else shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    )


def _wrap(polygon: BaseGeometry) -> BaseGeometry:
    """Polygons in continuous longitudes cut at every 180° + k·360° and brought back to ±180°."""
    if polygon.is_empty:
        return polygon
    west, _, east, _ = polygon.bounds
    if west >= -180.0 and east <= 180.0:
        return polygon
    first, last = int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east + 180.0) / 360.0))
    parts: list[Polygon] = []
    for k in range(first, last):
        piece = shapely.intersection(polygon, shapely.box(360.0 * k - 180.0, -90.0, 360.0 * k + 180.0, 90.0))
        parts += [shapely.affinity.translate(part, -360.0 * k) for part in polygons_of(piece)]
    return shapely.union_all(parts) if len(parts) > 1 else parts[0]
