"""Territories: borders of the world, their neighbours, bands along common borders, land.

Borders are Natural Earth's 1:10m Admin-0 *countries* (4.1.0, public domain), which draws de facto
control on the ground. Comity takes no position on anybody's status by using that line; it needs one
line, names it, and uses the same one everywhere. Positions are quantised to about 400 m × 190 m.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

import shapely
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, box
from shapely.geometry.base import BaseGeometry

from comity.core import InputError, UnknownIdError
from comity.fleet.antimeridian import bounding_box, mended_on_earth, polygons_of
from comity.fleet.areas import area_km2
from comity.fleet.distances import buffer_m, distance_m, widest_m
from comity.fleet.topojson import Topology

SOURCE = "Natural Earth 4.1.0, 1:10m Admin 0 countries (de facto boundaries), via world-atlas 2.0.2"
#: A place this near to a coast lies on it as far as the border data can tell.
COAST_TOLERANCE_M = 5_000.0
#: An area touches a territory with this fraction of its surface, or with a piece of this mean width (m).
#: An outline drawn from another map runs some hundred metres beside our border, and nobody means the
#: sliver between the two, however long.
TOUCH_FRACTION, TOUCH_WIDTH_M = 0.01, 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """A territory and its outline.

    ``id``: ISO 3166-1 alpha-3, or a slug such as ``"somaliland"`` where ISO has no code of its own.
    ``iso``: the alpha-3 code or None. ``geometry``: lon, lat degrees, cut at the antimeridian.
    """

    id: str
    name: str
    iso: str | None
    geometry: MultiPolygon
    source: str = SOURCE


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    alpha2: str
    index: int
    name: str
    aliases: tuple[str, ...]
    bounds: tuple[float, float, float, float]


def territory(code_or_name: str) -> Territory:
    """The territory with this ISO 3166-1 code (alpha-3, alpha-2), slug or English name.

    Case and accents do not matter. Raises :class:`UnknownIdError` naming near matches.
    """
    return _territory(_row(code_or_name).id)


def territory_id(code_or_name: str) -> str:
    """The id of a territory without reading its outline; unknown: :class:`UnknownIdError`."""
    return _row(code_or_name).id


def territory_ids() -> tuple[str, ...]:
    """Every id, sorted: ISO alpha-3 codes first, then the slugs."""
    return tuple(_rows())


def territory_name(id: str) -> str:
    """The English name that belongs to an id."""
    return _row(id).name


def territory_at(shape: BaseGeometry) -> str | None:
    """Id of the territory a place lies in: the one with the largest part of it, None at sea.

    A point within ``COAST_TOLERANCE_M`` of land counts as on it: harbours and small islands must not
    fall into the sea because a 1:10m coast is drawn with a broad pen.
    """
    parts = territories_at(shape)
    return parts[0][0] if parts else None


def territories_at(shape: BaseGeometry) -> tuple[tuple[str, float], ...]:
    """All territories an area touches with the fraction of its surface (0…1) in each, largest first.

    Parts below both ``TOUCH_FRACTION`` and ``TOUCH_WIDTH_M`` are a difference between two maps, not a
    place somebody wants, and are left out. For a point: the one territory, with fraction 1. Fractions
    sum to less than 1 where part is sea.
    """
    if shape.is_empty:
        raise InputError("an empty shape lies nowhere")
    if isinstance(shape, Point):
        id = _at_point(shape)
        return ((id, 1.0),) if id else ()
    whole = area_km2(shape)
    if whole == 0:
        raise InputError(f"a {shape.geom_type} without surface lies in no territory: give a point or an area")
    found = []
    for row in _near(shape.bounds):
        outline = _territory(row.id).geometry
        part = outline.intersection(shape) if outline.intersects(shape) else MultiPolygon()
        fraction = min(area_km2(part) / whole, 1.0)
        if fraction >= TOUCH_FRACTION or widest_m(part) >= TOUCH_WIDTH_M:
            found.append((row.id, fraction))
    return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def neighbours(of: Territory) -> tuple[Territory, ...]:
    """Territories that share a land border with this one, by name.

    Found in the border lines themselves: two territories adjoin where one line serves both.
    """
    rows = {row.index: row for row in _rows().values()}
    found = [rows[n] for n in _topology().neighbours(_row(of.id).index)]
    return tuple(_territory(row.id) for row in sorted(found, key=lambda row: row.name))


def common_border(one: Territory, other: Territory) -> MultiLineString:
    """The line two territories share; empty when they do not adjoin."""
    lines = _topology().common_arcs(_row(one.id).index, _row(other.id).index)
    return MultiLineString([LineString(line) for line in lines])


def border_band(neighbour: Territory, *, of: Territory, width_m: float) -> MultiPolygon:
    """The part of ``neighbour`` within ``width_m`` (geodesic) of its common border with ``of``.

    Raises :class:`InputError` when the two do not adjoin or the width is not positive.
    """
    if not width_m > 0:
        raise InputError(f"a band {width_m:g} m wide is none: give a width above 0")
    line = common_border(neighbour, of)
    if line.is_empty:
        names = ", ".join(item.name for item in neighbours(of)) or "none"
        raise InputError(f"{neighbour.name} does not adjoin {of.name} (its neighbours: {names})")
    near = buffer_m(shapely.line_merge(line), width_m)
    return _multi(neighbour.geometry.intersection(near))


def land_in(west: float, south: float, east: float, north: float) -> MultiPolygon:
    """Land inside a box (degrees; ``west > east`` crosses the antimeridian), borders dissolved."""
    area = bounding_box(west, south, east, north)
    parts = [_territory(row.id).geometry.intersection(area) for row in _near(area.bounds)]
    return _multi(shapely.union_all(parts))


def borders_in(west: float, south: float, east: float, north: float) -> MultiLineString:
    """Borders between territories inside a box (degrees), for drawing; coasts are left out."""
    area = bounding_box(west, south, east, north)
    rows = _near(area.bounds)
    topology = _topology()
    used = [topology.arcs_of(row.index) for row in rows]
    shared = {arc for i, arcs in enumerate(used) for other in used[i + 1 :] for arc in arcs & other}
    lines = [LineString(topology.arc(arc)) for arc in sorted(shared)]
    clipped = shapely.line_merge(MultiLineString(lines)).intersection(area) if lines else MultiLineString()
    parts = shapely.get_parts(clipped)
    return MultiLineString([part for part in parts if part.geom_type == "LineString" and not part.is_empty])


@cache
def _topology() -> Topology:
    packed = (resources.files("comity.fleet") / "data" / "countries-10m.topojson.gz").read_bytes()
    return Topology(gzip.decompress(packed), "countries")


@cache
def _rows() -> dict[str, _Row]:
    """Names, codes and bounds by id: what can be answered without opening the outlines."""
    text = (resources.files("comity.fleet") / "data" / "territories.csv").read_text(encoding="utf-8")
    rows = {}
    for item in csv.DictReader(text.splitlines()):
        west, south, east, north = (float(item[key]) for key in ("west", "south", "east", "north"))
        rows[item["id"]] = _Row(
            id=item["id"],
            alpha2=item["alpha2"],
            index=int(item["index"]),
            name=item["name"],
            aliases=tuple(item["aliases"].split("|")) if item["aliases"] else (),
            bounds=(west, south, east, north),
        )
    return rows


@cache
def _names() -> dict[str, str]:
    names = {}
    for row in _rows().values():
        for name in (row.id, row.alpha2, row.name, *row.aliases):
            if name:
                names[_key(name)] = row.id
    return names


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("’", "'")).encode("ascii", "ignore").decode()
    words = "".join(c if c.isalnum() else "" if c in "'’" else " " for c in plain.casefold())
    return " ".join(words.split())


def _row(code_or_name: str) -> _Row:
    names = _names()
    id = names.get(_key(code_or_name))
    if id is None:
        near = difflib.get_close_matches(_key(code_or_name), list(names), n=4, cutoff=0.6)
        known = tuple(dict.fromkeys(f"{_rows()[names[n]].name} ({names[n]})" for n in near))
        raise UnknownIdError("country or territory", code_or_name, known)
    return _rows()[id]


@cache
def _territory(id: str) -> Territory:
    row = _rows()[id]
    parts = [
        part
        for rings in _topology().polygons(row.index)
        for part in polygons_of(mended_on_earth(rings[0], rings[1:]))
    ]
    if not parts:  # a reef smaller than the border data's grain: one grain at its place
        parts = [box(*row.bounds)]
    outline = MultiPolygon(parts)
    if not outline.is_valid:  # quantisation lets a few islets overlap
        outline = _multi(shapely.union_all(parts))
    shapely.prepare(outline)
    return Territory(id=id, name=row.name, iso=id if row.alpha2 else None, geometry=outline)


def _near(bounds: tuple[float, float, float, float], margin_deg: float = 0.0) -> list[_Row]:
    west, south, east, north = bounds
    return [
        row
        for row in _rows().values()
        if row.bounds[0] - margin_deg <= east
        and row.bounds[2] + margin_deg >= west
        and row.bounds[1] - margin_deg <= north
        and row.bounds[3] + margin_deg >= south
    ]


def _at_point(point: Point) -> str | None:
    rows = _near(point.bounds)
    # Small territories first: Lesotho before the country around it costs less to decode.
    for row in sorted(rows, key=lambda row: _extent(row.bounds)):
        if _territory(row.id).geometry.covers(point):
            return row.id
    reach = COAST_TOLERANCE_M / 111_000.0
    margin = min(180.0, reach / max(0.01, abs(shapely.get_y(point) - 90.0) / 90.0)) if reach else 0.0
    nearest: tuple[float, str] | None = None
    for row in _near(point.bounds, margin):
        near = _territory(row.id).geometry
        away = distance_m(near, point.x, point.y)
        if away <= COAST_TOLERANCE_M and (nearest is None or (away, row.id) < nearest):
            nearest = (away, row.id)
    return nearest[1] if nearest else None


def _extent(bounds: tuple[float, float, float, float]) -> float:
    return (bounds[2] - bounds[0]) * (bounds[3] - bounds[1])


def _multi(shape: BaseGeometry) -> MultiPolygon:
    return MultiPolygon([part for part in polygons_of(shape) if part.area > 0])


__all__ = [
    "COAST_TOLERANCE_M",
    "SOURCE",
    "Territory",
    "border_band",
    "borders_in",
    "common_border",
    "land_in",
    "neighbours",
    "territories_at",
    "territory",
    "territory_at",
    "territory_id",
    "territory_ids",
    "territory_name",
]
