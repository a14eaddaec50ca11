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
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon
from shapely.geometry.base import BaseGeometry

from comity.access.round_earth import lon_lat, middle, vectors
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
#: Ground that reaches as far as this along a strip has a surface: no sliver left by rounding does.
_SURE_M = 2_000.0
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


@lru_cache(maxsize=128)
def _cut(area: Area, width_km: int, code: int) -> tuple[Strip, ...]:
    width = width_km * 1e3
    length = max(MAX_LENGTH_M, 2.0 * width)
    if _area_km2(area) * 1e6 > MAX_STRIPS * width * length:
        raise _too_many(area, width_km)
    strips: list[Strip] = []
    for block in _blocks_of(area, length, code):
        across, along = block.slices(width, length)
        if len(strips) + len(across) > MAX_STRIPS:
            raise _too_many(area, width_km)
        numbers = range(len(strips) + 1, len(strips) + len(across) + 1)
        ids = [f"{area.name}/strip-{width_km}{code:02d}{number:04d}" for number in numbers]
        strips += block.strips(ids, across, along, ascending=code % 2 == 0)
    return tuple(strips)


@lru_cache(maxsize=32)
def _area_km2(area: Area) -> float:
    return area.area_km2


def _too_many(area: Area, width_km: int) -> InputError:
    return InputError(
        f"{area.name!r} ({_area_km2(area):,.0f} km²) needs more than {MAX_STRIPS:,} strips of {width_km} km: "
        "ask for smaller areas or a wider swath"
    )


@lru_cache(maxsize=32)
def _blocks_of(area: Area, length_m: float, code: int) -> tuple[_Block, ...]:
    inclination = (code // 2 + 0.5) * _INCLINATION_CLASS_DEG
    return tuple(_blocks(_world_parts(area.geometry), length_m, inclination, code % 2 == 0))


class _Block:
    """A part of an area in a plane of its own: Lambert azimuthal equal-area about its middle.

    Plane coordinates are (across, along): metres to the right of the heading, and forward.
    """

    def __init__(self, part: BaseGeometry, inclination: float, ascending: bool) -> None:
        lon, lat = lon_lat(middle(part))
        self.heading_deg = track_heading_deg(lat, inclination, ascending)
        self.lat_deg = lat
        from pyproj import Proj  # here: loading PROJ takes time that few commands need

        self._projection = Proj(proj="laea", lon_0=lon, lat_0=lat, ellps="WGS84")
        self._turn = math.radians(self.heading_deg)
        self.shape = _mended(shapely.transform(part, self.to_plane))
        points, ring = shapely.get_coordinates(
            shapely.get_rings(np.array(polygons_of(self.shape), dtype=object)), return_index=True
        )
        joined = np.flatnonzero(ring[1:] == ring[:-1])
        self._edges = np.concatenate([points[joined], points[joined + 1]], axis=1)

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

    def slices(self, width_m: float, length_m: float) -> tuple[FloatArray, FloatArray]:
        """Spans across and along, (n, 2) m each, of the strips of this block, no wider and no longer."""
        west, _, east, _ = self.shape.bounds
        count = max(1, math.ceil((east - west) / width_m - 1e-9))
        lines = west + (east - west) * np.arange(count + 1) / count
        across: list[tuple[float, float]] = []
        along: list[tuple[float, float]] = []
        for k, first, last in self._spans(lines):
            pieces = max(1, math.ceil((last - first) / length_m - 1e-9))
            step = (last - first) / pieces
            for n in range(pieces):
                across.append((float(lines[k]), float(lines[k + 1])))
                along.append(_padded(first + n * step, first + (n + 1) * step))
        return np.array(across).reshape(-1, 2), np.array(along).reshape(-1, 2)

    def _spans(self, lines: FloatArray) -> Iterator[tuple[int, float, float]]:
        """Where along the heading is ground, band by band between ``lines``; short gaps do not count."""
        from comity.access.reach.kernels import band_spans  # only a search loads the compiler

        room = 4 * len(lines)
        while True:
            bands, spans = np.empty(room, np.int64), np.empty((room, 2))
            found = band_spans(self._edges, lines[:-1], lines[1:], MAX_GAP_M, bands, spans)
            if found <= room:
                break
            room = found
        unsure = set(bands[:found][spans[:found, 1] - spans[:found, 0] <= _SURE_M].tolist())
        for k, rows in groupby(
            zip(bands[:found].tolist(), spans[:found].tolist(), strict=True), itemgetter(0)
        ):
            known = (
                self._with_surface(*lines[k : k + 2].tolist()) if k in unsure else (row for _, row in rows)
            )
            for first, last in known:
                yield k, first, last

    def _with_surface(self, west: float, east: float) -> list[tuple[float, float]]:
        """The same of one band, where some of it may be no more than a hair: what has a surface."""
        _, south, _, north = self.shape.bounds
        parts = polygons_of(shapely.intersection(self.shape, shapely.box(west, south, east, north)))
        return _merged(sorted((p.bounds[1], p.bounds[3]) for p in parts if p.area > 1.0))

    def strips(
        self, ids: list[str], across: FloatArray, along: FloatArray, *, ascending: bool
    ) -> list[Strip]:
        """The strips on these spans (n, 2)."""
        if not ids:
            return []
        sides = np.stack([across.mean(axis=1), across[:, 0], across[:, 1]], axis=1)
        forward = np.linspace(along[:, 0], along[:, 1], SAMPLES, axis=-1)
        plane = np.stack(np.broadcast_arrays(sides[:, :, None], forward[:, None, :]), axis=-1)
        lines = self.to_earth(plane.reshape(-1, 2)).reshape(plane.shape)
        outlines = self._outlines(ids, across, along)
        return [
            Strip(
                id=id,
                heading_deg=self.heading_deg,
                ascending=ascending,
                width_m=float(wide[1] - wide[0]),
                length_m=float(long[1] - long[0]),
                polygon=outline,
                centre=line[0],
                left=line[1],
                right=line[2],
            )
            for id, wide, long, outline, line in zip(ids, across, along, outlines, lines, strict=True)
        ]

    def _outlines(self, ids: list[str], across: FloatArray, along: FloatArray) -> list[BaseGeometry]:
        boxes = shapely.box(
            across[:, 0] - _SKIRT_M, along[:, 0] - _SKIRT_M, across[:, 1] + _SKIRT_M, along[:, 1] + _SKIRT_M
        )
        plane, owner = shapely.get_coordinates(shapely.segmentize(boxes, _EDGE_STEP_M), return_index=True)
        ring = self.to_earth(plane)
        begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
        ends = np.append(begins[1:], len(ring))
        ring[ends - 1] = ring[begins]
        same = owner[1:] == owner[:-1]
        coarse = np.zeros(len(ids), dtype=np.bool_)
        coarse[owner[1:][same & (np.abs(np.diff(ring[:, 0])) > _MAX_TURN_DEG)]] = True
        polygons = shapely.polygons(shapely.linearrings(ring, indices=owner))
        outlines: list[BaseGeometry] = np.asarray(polygons, dtype=object).reshape(-1).tolist()
        for k in np.flatnonzero(coarse).tolist():  # hard by a pole, or over the antimeridian
            outlines[k] = self._turning(plane[begins[k] : ends[k]], ids[k])
        return outlines

    def _turning(self, plane: FloatArray, what: str) -> BaseGeometry:
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
    reach = vectors(shapely.get_coordinates(fine)) @ middle(fine)
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
