"""Areas cut into strips that one pass of an instrument can take.

A strip runs along the ground track, is no wider than the swath, and as long as the area is there (600 km or
twice its width at most). Passes northward and southward get different strips.

**Numbers.** ``AREA/strip-N`` always means the same ground for the same area outline: N is written
``W…WCCKKKK`` with W the widest a strip of this cut may be (whole km), CC the heading class and KKKK the
strip's place in the cut (from the west, as seen along the heading, then along it). The heading class is
2·⌊inclination/4°⌋, plus 1 for southward passes: 48 and 49 for every Sun-synchronous orbit. So N
depends on the instrument's swath and the orbit's kind, not on which spacecraft asked or when, and
spacecraft of one kind share their strips. ``DJI/strip-21480007`` is the seventh 21 km strip for
northward passes of Sun-synchronous orbits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.fleet import Area, Instrument
from comity.fleet.antimeridian import polygon_on_earth, polygons_of
from comity.orbits.earth import ROTATION_RATE
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M

FloatArray = NDArray[np.float64]

#: Neighbouring strips overlap by at least this part of the swath.
MIN_OVERLAP = 0.05
#: An instrument that looks straight down cannot be aimed: its strips are this part of the swath, so that
#: passes within a quarter of the swath of a strip's centre line take it whole.
NADIR_PART = 0.5
#: No strip is longer (about 90 s of imaging), unless it is wide: then twice its width. Longer ones are cut
#: into equal parts.
MAX_LENGTH_M = 600_000.0
#: Nor shorter: an instrument is not switched on for less (about 1.5 s).
MIN_LENGTH_M = 10_000.0
#: Parts of one strip further apart along the track than this are imaged separately.
MAX_GAP_M = 40_000.0
#: More strips than this in one cut are refused: the number has four digits.
MAX_STRIPS = 9_999
#: Points along each strip at which a pass is examined.
SAMPLES = 5

#: The strip's outline is drawn this much wider on each side, so that neighbours leave no gap by rounding.
_SKIRT_M = 25.0
_EDGE_STEP_M = 5_000.0
_EDGE_STEP_DEG = 0.05
#: Edges of an outline near a pole are halved until they span less longitude than this, 12 times at most.
_MAX_TURN_DEG = 2.0
_MAX_HALVINGS = 12
_INCLINATION_CLASS_DEG = 4.0
_REVOLUTIONS_PER_DAY = 15.0
#: Widest block across the track (m), and the most its meridians may lean against the middle one (rad).
_MAX_ACROSS_M = 1_500_000.0
_MAX_CONVERGENCE = 0.15
#: A block may exceed its limits by this much: cut out of a larger one and turned, it often does a little.
_BLOCK_TOLERANCE = 1.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """One piece of an area, imaged in one go.

    ``id`` is ``AREA/strip-N`` (numbering: see the module). ``polygon`` is the strip's ground (lon, lat,
    cut at the antimeridian), a rectangle along ``heading_deg`` (of the track, clockwise from north, at
    the middle of the block it was cut in). ``centre``, ``left`` and ``right`` are (5, 2) lon, lat along the
    strip from its first end to its last, on the centre line and the two edges seen along the heading.
    """

    id: str
    heading_deg: float
    ascending: bool
    width_m: float
    length_m: float
    polygon: BaseGeometry
    centre: FloatArray
    left: FloatArray
    right: FloatArray


def strip_width_km(instrument: Instrument, altitude_m: float) -> int:
    """Widest strip (whole km) that ``instrument`` takes from a mean ``altitude_m``, with its overlap.

    The nadir swath at that altitude (rounded down to 10 km, so that a decaying orbit keeps its strips for
    long), less 5 % or more; half of that for instruments that cannot be aimed.

    Raises :class:`InputError` where the swath is too narrow to cut areas for.
    """
    altitude = math.floor(altitude_m / 10_000.0) * 10_000.0
    swath = instrument.swath_m * altitude / instrument.reference_altitude_m
    part = NADIR_PART if instrument.pointing == "nadir" else 1.0
    width = math.floor(swath * (1.0 - MIN_OVERLAP) * part / 1_000.0)
    if width < 1:
        raise InputError(
            f"{instrument.name}: a swath of {swath / 1e3:.2f} km is too narrow for strips (1 km and overlap)"
        )
    return width


def heading_class(inclination_deg: float, ascending: bool) -> int:
    """Two digits that name orbits of like heading: 48 (northward) and 49 for Sun-synchronous ones."""
    return 2 * min(44, int(inclination_deg / _INCLINATION_CLASS_DEG)) + (not ascending)


def track_heading_deg(lat_deg: float, inclination_deg: float, ascending: bool) -> float:
    """Heading of the ground track (deg clockwise from north) at a latitude, on the turning Earth.

    Of a circular orbit at 15 rev/day; those from 14 to 15.7 differ by less than 0.5° except near
    the track's turn. Beyond the turn: due east or west. sin β = cos i / cos φ (Vallado, *Fundamentals
    of Astrodynamics*, launch azimuth), less the ground's own speed eastward.
    """
    cos_lat = max(1e-9, math.cos(math.radians(lat_deg)))
    sine = max(-1.0, min(1.0, math.cos(math.radians(inclination_deg)) / cos_lat))
    north = math.sqrt(1.0 - sine * sine) * (1.0 if ascending else -1.0)
    rate = 2.0 * math.pi * _REVOLUTIONS_PER_DAY / 86_400.0
    return math.degrees(math.atan2(sine - ROTATION_RATE * cos_lat / rate, north)) % 360.0


def cut_into_strips(area: Area, width_km: int, inclination_deg: float, ascending: bool) -> tuple[Strip, ...]:
    """All strips of an area for one width and kind of orbit; together they cover it.

    Large areas are cut into blocks first (about as long as a strip may be, and so wide that the track's
    heading turns by about 0.15 rad to either side), each with strips along its own middle's heading.
    Strips of a block are of equal width, at most ``width_km``. Results are kept for the next call.

    Raises
    ------
    InputError : the area is a point, or needs more than 9 999 strips.
    """
    if area.is_point:
        raise InputError(f"{area.name!r} is a point: only areas are cut into strips")
    return _cut(area, width_km, heading_class(inclination_deg, ascending))


@lru_cache(maxsize=512)
def _cut(area: Area, width_km: int, code: int) -> tuple[Strip, ...]:
    ascending = code % 2 == 0
    inclination = (code // 2 + 0.5) * _INCLINATION_CLASS_DEG
    width = width_km * 1e3
    length = max(MAX_LENGTH_M, 2.0 * width)
    too_many = InputError(
        f"{area.name!r} ({area.area_km2:,.0f} km²) needs more than {MAX_STRIPS:,} strips of {width_km} km: "
        "ask for smaller areas or a wider swath"
    )
    if area.area_km2 * 1e6 > MAX_STRIPS * width * length:
        raise too_many
    strips: list[Strip] = []
    for block in _blocks(_world_parts(area.geometry), length, inclination, ascending):
        for across, along in block.slices(width, length):
            if len(strips) == MAX_STRIPS:
                raise too_many
            number = f"{width_km}{code:02d}{len(strips) + 1:04d}"
            strips.append(block.strip(f"{area.name}/strip-{number}", across, along, ascending))
    return tuple(strips)


class _Block:
    """A part of an area in a plane of its own: Lambert azimuthal equal-area about its middle.

    Plane coordinates are (across, along): metres to the right of the heading, and forward.
    """

    def __init__(self, part: BaseGeometry, inclination: float, ascending: bool) -> None:
        lon, lat = _lon_lat(_middle(part))
        self.heading_deg = track_heading_deg(lat, inclination, ascending)
        self.lat_deg = lat
        from pyproj import Proj  # here: loading PROJ takes time that few commands need

        self._projection = Proj(proj="laea", lon_0=lon, lat_0=lat, ellps="WGS84")
        self._turn = math.radians(self.heading_deg)
        self.shape = _mended(shapely.transform(part, self.to_plane))

    def to_plane(self, lonlat: FloatArray) -> FloatArray:
        """(n, 2) lon, lat degrees → (n, 2) across, along m."""
        x, y = self._projection(lonlat[:, 0], lonlat[:, 1])
        c, s = math.cos(self._turn), math.sin(self._turn)
        return np.stack([x * c - y * s, x * s + y * c], axis=-1)

    def to_earth(self, plane: FloatArray) -> FloatArray:
        """The way back."""
        c, s = math.cos(self._turn), math.sin(self._turn)
        across, along = plane[:, 0], plane[:, 1]
        lon, lat = self._projection(across * c + along * s, along * c - across * s, inverse=True)
        return np.stack([lon, lat], axis=-1)

    def slices(
        self, width_m: float, length_m: float
    ) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
        """(across, along) spans of the strips of this block, no wider and no longer than said."""
        west, south, east, north = self.shape.bounds
        count = max(1, math.ceil((east - west) / width_m - 1e-9))
        shapely.prepare(self.shape)
        for k in range(count):
            across = west + (east - west) * k / count, west + (east - west) * (k + 1) / count
            part = shapely.intersection(self.shape, shapely.box(across[0], south, across[1], north))
            spans = sorted((p.bounds[1], p.bounds[3]) for p in polygons_of(part) if p.area > 1.0)
            for first, last in _merged(spans):
                pieces = max(1, math.ceil((last - first) / length_m - 1e-9))
                step = (last - first) / pieces
                for n in range(pieces):
                    yield across, _padded(first + n * step, first + (n + 1) * step)

    def strip(
        self, id: str, across: tuple[float, float], along: tuple[float, float], ascending: bool
    ) -> Strip:
        """The strip on these spans."""
        left, right = across
        forward = np.linspace(*along, SAMPLES)
        lines = (
            self.to_earth(np.stack([np.full(SAMPLES, side), forward], axis=-1))
            for side in ((left + right) / 2.0, left, right)
        )
        centre, left_edge, right_edge = lines
        return Strip(
            id=id,
            heading_deg=self.heading_deg,
            ascending=ascending,
            width_m=right - left,
            length_m=along[1] - along[0],
            polygon=self._outline(across, along, id),
            centre=centre,
            left=left_edge,
            right=right_edge,
        )

    def _outline(self, across: tuple[float, float], along: tuple[float, float], what: str) -> BaseGeometry:
        box = shapely.box(
            across[0] - _SKIRT_M, along[0] - _SKIRT_M, across[1] + _SKIRT_M, along[1] + _SKIRT_M
        )
        plane = shapely.get_coordinates(shapely.segmentize(box, _EDGE_STEP_M))
        ring = self.to_earth(plane)
        for _ in range(_MAX_HALVINGS):
            # Hard by a pole a straight edge in lon, lat is no straight line: halve what turns too far.
            turn = np.abs((np.diff(ring[:, 0]) + 180.0) % 360.0 - 180.0)
            coarse = np.flatnonzero(turn > _MAX_TURN_DEG)
            if not len(coarse):
                break
            plane = np.insert(plane, coarse + 1, (plane[coarse] + plane[coarse + 1]) / 2.0, axis=0)
            ring = self.to_earth(plane)
        ring[-1] = ring[0]
        return polygon_on_earth(ring, (), what)


def _blocks(
    parts: list[BaseGeometry], length_m: float, inclination: float, ascending: bool
) -> Iterator[_Block]:
    """Blocks small enough for one heading, from parts each within a hemisphere."""
    for part in parts:
        block = _Block(part, inclination, ascending)
        west, south, east, north = block.shape.bounds
        lean = math.tan(math.radians(abs(block.lat_deg)))  # how fast meridians turn across the block
        widest = min(_MAX_ACROSS_M, 2.0 * _MAX_CONVERGENCE * EQUATORIAL_RADIUS_M / max(1e-9, lean))
        # Near a pole no heading holds for long; cutting finer would not mend that.
        widest = max(widest, MAX_LENGTH_M / 2.0)
        wide, long = (east - west) / widest, (north - south) / length_m
        if max(wide, long) <= _BLOCK_TOLERANCE:
            yield block
            continue
        if wide >= long:
            edges = np.linspace(west, east, math.ceil(wide) + 1)
            boxes = [shapely.box(a, south, b, north) for a, b in pairwise(edges)]
        else:
            edges = np.linspace(south, north, math.ceil(long) + 1)
            boxes = [shapely.box(west, a, east, b) for a, b in pairwise(edges)]
        pieces = [_polygons(shapely.intersection(block.shape, box), _EDGE_STEP_M) for box in boxes]
        smaller = [shapely.transform(piece, block.to_earth) for piece in pieces if not piece.is_empty]
        yield from _blocks(smaller, length_m, inclination, ascending)


def _world_parts(geometry: BaseGeometry) -> list[BaseGeometry]:
    """An area, finely divided; in tiles where it reaches further than 50° from its middle."""
    fine = _polygons(geometry, _EDGE_STEP_DEG)
    middle = _middle(fine)
    reach = _vectors(shapely.get_coordinates(fine)) @ middle
    if float(reach.min()) > math.cos(math.radians(50.0)):
        return [fine]
    tiles = [
        shapely.box(lon, lat, lon + 60.0, lat + 45.0)
        for lat in (-90.0, -45.0, 0.0, 45.0)
        for lon in np.arange(-180.0, 180.0, 60.0)
    ]
    cut = [_polygons(shapely.intersection(geometry, tile), _EDGE_STEP_DEG) for tile in tiles]
    return [piece for piece in cut if not piece.is_empty]


def _polygons(geometry: BaseGeometry, step: float) -> BaseGeometry:
    """The polygons of a geometry with no edge longer than ``step``."""
    fine: BaseGeometry = shapely.segmentize(MultiPolygon(polygons_of(geometry)), step)
    return fine


def _mended(shape: BaseGeometry) -> BaseGeometry:
    """A shape that came into a plane, valid there.

    Seams along the antimeridian and into a pole fall together; rounding to a decimetre closes them.
    """
    rounded = np.array(polygons_of(shapely.transform(shape, lambda plane: np.round(plane, 1))), dtype=object)
    valid = shapely.make_valid(rounded, method="structure", keep_collapsed=False)
    return shapely.segmentize(shapely.union_all(valid), _EDGE_STEP_M)


def _middle(part: BaseGeometry) -> FloatArray:
    """Unit vector to the middle of the box around the points (nought where they surround the Earth)."""
    vectors = _vectors(shapely.get_coordinates(part))
    middle = (vectors.min(axis=0) + vectors.max(axis=0)) / 2.0
    length = float(np.linalg.norm(middle))
    return np.asarray(middle / length if length > 1e-6 else np.zeros(3), dtype=np.float64)


def _vectors(lonlat: FloatArray) -> FloatArray:
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _lon_lat(vector: FloatArray) -> tuple[float, float]:
    x, y, z = (float(v) for v in vector)
    # rounded, so that noise in the last place cannot move a cut
    return round(math.degrees(math.atan2(y, x)), 6), round(math.degrees(math.atan2(z, math.hypot(x, y))), 6)


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sorted spans, with those less than ``MAX_GAP_M`` apart joined."""
    joined: list[tuple[float, float]] = []
    for first, last in spans:
        if joined and first - joined[-1][1] <= MAX_GAP_M:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def _padded(first: float, last: float) -> tuple[float, float]:
    lack = max(0.0, MIN_LENGTH_M - (last - first)) / 2.0
    return first - lack, last + lack
