"""Areas on the globe as planar lon/lat shapes: antimeridian, poles, validity, metres.

Every shape Comity keeps lies in −180 ≤ lon ≤ 180, −90 ≤ lat ≤ 90, cut at the antimeridian as RFC 7946
§3.1.9 asks. Input may cross it in any of the usual ways: longitudes past ±180, or an edge that jumps by
more than 180° (which is then taken the short way round).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from shapely import affinity
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from comity.core import InputError

Positions = Sequence[Sequence[float]] | NDArray[np.float64]

Mapping = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_GEOD = Geod(ellps="WGS84")
_GLOBE = CRS.from_epsg(4326)
#: Within this distance of its centre an azimuthal equidistant projection stretches by < 0.03 %.
_PIECE_M = 250_000.0


def check_position(lon: float, lat: float, what: str = "position") -> tuple[float, float]:
    """The position itself, or :class:`InputError` naming the coordinate that is out of range."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise InputError(f"{what}: ({lon}, {lat}) is not a position")
    if not -90.0 <= lat <= 90.0:
        raise InputError(f"{what}: latitude {lat:g} is outside −90…90 (order is longitude, latitude)")
    if not -180.0 <= lon <= 180.0:
        raise InputError(f"{what}: longitude {lon:g} is outside −180…180")
    return float(lon), float(lat)


def polygon(rings: Sequence[Positions], what: str = "polygon", repair: bool = False) -> MultiPolygon:
    """A polygon on the globe from its rings (exterior first), degrees lon, lat.

    Rings may cross the antimeridian or run round a pole; longitudes may go from −360 to 360. With
    ``repair`` an invalid shape is mended (data we ship), without it is refused (data someone drew):
    :class:`InputError` names what crosses where.
    """
    unwrapped = [_unwrap(np.asarray(ring, dtype=float), what) for ring in rings]
    if not unwrapped:
        raise InputError(f"{what}: no ring")
    shell = unwrapped[0]
    holes = [_beside(hole, shell) for hole in unwrapped[1:]]
    flat: BaseGeometry = Polygon(shell, holes)
    if not flat.is_valid:
        if not repair:
            reason = shapely.is_valid_reason(flat)
            raise InputError(f"{what}: {_spoken(reason)}")
        flat = shapely.make_valid(flat, method="structure", keep_collapsed=False)
    cut = _into_one_world(flat)
    if not repair and (cut.is_empty or cut.area == 0):
        raise InputError(f"{what}: encloses no area")
    return cut


def bounding_box(west: float, south: float, east: float, north: float, what: str = "bbox") -> MultiPolygon:
    """The area between two meridians and two parallels; ``west > east`` crosses the antimeridian."""
    check_position(west, south, what)
    check_position(east, north, what)
    if south >= north:
        raise InputError(f"{what}: south {south:g} is not below north {north:g}")
    if west == east:
        raise InputError(f"{what}: west and east are both {west:g}")
    if west < east:
        return MultiPolygon([box(west, south, east, north)])
    return MultiPolygon([box(west, south, 180.0, north), box(-180.0, south, east, north)])


def area_km2(shape: BaseGeometry) -> float:
    """Surface of a shape on the WGS-84 ellipsoid, km²; points and lines have none.

    Edges are straight in lon, lat (RFC 7946 §3.1.1). Measured in the cylindrical equal-area projection
    of the ellipsoid (Snyder 1987, *Map Projections*, USGS PP 1395, eq. 3-12), edges in steps of 0.1°.
    """
    parts = _polygons(shape)
    if not parts:
        return 0.0
    fine = shapely.segmentize(MultiPolygon(parts), 0.1)
    return float(shapely.transform(fine, _equal_area).area) / 1e6


def widest_m(shape: BaseGeometry) -> float:
    """Mean width (m) of the widest of a shape's polygons: twice the area over the perimeter, geodesic."""
    widths = [2e6 * area_km2(part) / _GEOD.geometry_length(part.boundary) for part in _polygons(shape)]
    return max(widths, default=0.0)


def buffer_m(shape: BaseGeometry, distance_m: float) -> BaseGeometry:
    """Everything within ``distance_m`` of a point, line or multi-line, cut at the antimeridian.

    Long lines are buffered in pieces, each in its own azimuthal equidistant projection, so that the
    distance is true on the ellipsoid to better than 0.1 % however long the line is.
    """
    if shape.is_empty:
        return shape
    pieces: list[Point | LineString]
    if isinstance(shape, Point):
        pieces = [shape]
    elif isinstance(shape, LineString):
        pieces = [*_pieces(shape)]
    elif isinstance(shape, MultiLineString):
        pieces = [piece for line in shape.geoms for piece in _pieces(line)]
    else:
        raise InputError(f"cannot buffer a {shape.geom_type}")
    buffered = [_buffer_piece(piece, distance_m) for piece in pieces]
    return shapely.union_all(buffered)


def distance_m(shape: BaseGeometry, lon: float, lat: float) -> float:
    """Distance (m) from a position to the nearest point of a shape near it (azimuthal equidistant)."""
    there, _ = _plane(lon, lat)
    near = shape.intersection(box(lon - 3, max(lat - 1.5, -90), lon + 3, min(lat + 1.5, 90)))
    if near.is_empty:
        return math.inf
    return float(shapely.transform(near, there).distance(Point(0.0, 0.0)))


def _equal_area(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) degrees → (n, 2) m in a plane where surfaces are true."""
    e2 = _GEOD.f * (2.0 - _GEOD.f)
    e = math.sqrt(e2)
    sine = np.sin(np.radians(lonlat[:, 1]))
    q = (1.0 - e2) * (sine / (1.0 - e2 * sine**2) + np.arctanh(e * sine) / e)
    return np.column_stack([_GEOD.a * np.radians(lonlat[:, 0]), _GEOD.a * q / 2.0])


def _plane(lon: float, lat: float) -> tuple[Mapping, Mapping]:
    """Azimuthal equidistant projection about a centre (degrees → m) and its inverse, (n, 2) arrays."""
    flat = CRS.from_proj4(f"+proj=aeqd +lat_0={lat} +lon_0={lon} +ellps=WGS84 +units=m")
    there = Transformer.from_crs(_GLOBE, flat, always_xy=True)
    back = Transformer.from_crs(flat, _GLOBE, always_xy=True)
    return (
        lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])),
        lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1])),
    )


def _buffer_piece(piece: Point | LineString, distance: float) -> BaseGeometry:
    centre = piece if isinstance(piece, Point) else piece.interpolate(0.5, normalized=True)
    there, back = _plane(centre.x, centre.y)
    flat = shapely.transform(piece, there).buffer(distance, quad_segs=16)
    ring = shapely.get_coordinates(shapely.transform(flat, back).exterior)
    return polygon([ring], repair=True)


def _pieces(line: LineString) -> list[LineString]:
    """Cut a line into stretches of at most two ``_PIECE_M``."""
    coords = np.array(line.coords)
    steps = np.asarray(_GEOD.inv(coords[:-1, 0], coords[:-1, 1], coords[1:, 0], coords[1:, 1])[2])
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(1, math.ceil(along[-1] / (2 * _PIECE_M)))
    cuts = np.unique(np.searchsorted(along, np.linspace(0, along[-1], count + 1)[1:-1]))
    edges = [0, *[int(c) for c in cuts if 0 < c < len(coords) - 1], len(coords) - 1]
    return [LineString(coords[a : b + 1]) for a, b in pairwise(edges)]


def _unwrap(ring: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """Closed ring with continuous longitudes; one that runs round a pole is closed over that pole."""
    if ring.ndim != 2 or ring.shape[1] < 2 or len(ring) < 3:
        raise InputError(f"{what}: a ring needs three or more [lon, lat] positions, got {len(ring)}")
    ring = ring[:, :2].copy()
    bad = ~np.isfinite(ring).all(axis=1) | (np.abs(ring[:, 1]) > 90.0) | (np.abs(ring[:, 0]) > 360.0)
    if bad.any():
        lon, lat = ring[np.argmax(bad)]
        wrong = (
            f"latitude {lat:g} is outside −90…90"
            if abs(lat) > 90
            else f"longitude {lon:g} is outside −360…360"
        )
        raise InputError(f"{what}: {wrong} at ({lon:g}, {lat:g})")
    if not np.array_equal(ring[0], ring[-1]) and not _same_place(ring[0], ring[-1]):
        ring = np.vstack([ring, ring[:1]])
    ring[:, 0] = np.unwrap(ring[:, 0], period=360.0)
    turn = ring[-1, 0] - ring[0, 0]
    if abs(turn) > 180.0:
        pole = 90.0 if ring[:, 1].mean() > 0 else -90.0
        ring = np.vstack([ring, [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]])
    return ring


def _same_place(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(a[1] == b[1] and (a[0] - b[0]) % 360.0 == 0.0)


def _beside(hole: NDArray[np.float64], shell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift a hole by whole turns until it lies in the shell's range of longitudes."""
    middle = (shell[:, 0].min() + shell[:, 0].max()) / 2
    turns = round((middle - (hole[:, 0].min() + hole[:, 0].max()) / 2) / 360.0)
    shifted: NDArray[np.float64] = hole + np.array([360.0 * turns, 0.0])
    return shifted


def _into_one_world(flat: BaseGeometry) -> MultiPolygon:
    if flat.is_empty:
        return MultiPolygon()
    west, _, east, _ = flat.bounds
    if west >= -180.0 and east <= 180.0:
        return MultiPolygon(_polygons(flat))
    parts: list[Polygon] = []
    for turn in range(math.floor((west + 180.0) / 360.0), math.ceil((east + 180.0) / 360.0)):
        world = box(-180.0 + 360.0 * turn, -90.0, 180.0 + 360.0 * turn, 90.0)
        parts += [affinity.translate(part, -360.0 * turn) for part in _polygons(flat.intersection(world))]
    return MultiPolygon(_polygons(shapely.union_all(parts)))


def _polygons(shape: BaseGeometry) -> list[Polygon]:
    """The polygons inside any shape, without slivers of no area."""
    if isinstance(shape, Polygon):
        return [shape] if shape.area > 0 else []
    if hasattr(shape, "geoms"):
        return [part for member in shape.geoms for part in _polygons(member)]
    return []


def _spoken(reason: str) -> str:
    """Shapely's ``Self-intersection[41.2 11.3]`` as words."""
    kind, _, place = reason.partition("[")
    place = ", ".join(f"{float(x):.4f}" for x in place.rstrip("]").split()[:2])
    return f"{kind.lower()} at ({place}): the outline must not cross itself"
