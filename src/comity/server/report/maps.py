"""The page's maps: what is drawn where, as plain data for the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import shapely
from shapely.geometry import LineString, MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from comity.commerce import summarise
from comity.fleet import territories
from comity.operations.records import Activity
from comity.server.report import text
from comity.server.report.lookup import Lookup
from comity.server.report.projection import Canvas, dense, region_canvas, split_at_antimeridian, world_canvas
from comity.server.report.tracks import Track

#: Outlines of the world are thinned to this (degrees): about 10 km, a quarter of a pixel of the map.
WORLD_TOLERANCE_DEG = 0.12
#: An area wider or higher than this (degrees) is not zoomed in on: the world map shows it.
REGION_MAX_DEG = 30.0
MAX_REGIONS = 4

Symbol = Literal["dot", "ring", "cross", "triangle", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A line or an area: SVG path data, style classes, and what hovering says."""

    path: str
    css: str
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A symbol of constant size at ``x``, ``y``, perhaps with a ``label`` beside it."""

    x: float
    y: float
    symbol: Symbol
    css: str
    tip: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Things that are switched on and off together; ``title`` is empty for the ground under them."""

    id: str
    title: str
    shapes: tuple[Shape, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.shapes or self.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """One map: ``width`` × ``height`` drawing units, layers from the ground up, ``summary`` for readers
    who do not see it."""

    id: str
    title: str
    summary: str
    width: int
    height: int
    layers: tuple[Layer, ...]

    @property
    def switches(self) -> tuple[Layer, ...]:
        """The layers a reader can hide."""
        return tuple(layer for layer in self.layers if layer.title and not layer.empty)


def world_map(lookup: Lookup, tracks: Sequence[Track]) -> MapView:
    """The whole world in Equal Earth."""
    canvas = world_canvas()
    drawn = _drawn(lookup.account.activities)
    layers = (
        Layer(id="ground", title="", shapes=_world_ground(canvas)),
        _footprints(lookup, canvas, drawn),
        Layer(id="tracks", title="Ground tracks", shapes=_track_shapes(lookup, canvas, tracks)),
        _targets(lookup, canvas),
        _stations(lookup, canvas),
    )
    places = sum(len(request.targets) for request in lookup.account.requests)
    summary = (
        f"World map in Equal Earth projection: {text.plural(places, 'target')}, "
        f"{text.plural(len(lookup.account.programme.stations), 'ground station')}, "
        f"{text.plural(len(tracks), 'pass', 'passes')} and the ground of "
        f"{text.plural(len(drawn), 'acquisition')}. The tables below hold the same facts."
    )
    return MapView(
        id="world", title="The world", summary=summary, width=canvas.width, height=canvas.height, layers=layers
    )


def region_maps(lookup: Lookup, tracks: Sequence[Track]) -> list[MapView]:
    """A map of each region in which areas were ordered; areas that touch share one."""
    areas = [
        (target.geometry, request.customer.name)
        for request in lookup.account.requests
        for target in request.targets
        if target.geometry.geom_type != "Point" and _extent(target.geometry) <= REGION_MAX_DEG
    ]
    groups: list[tuple[BaseGeometry, set[str]]] = []
    for geometry, customer in areas:
        frame, names = shapely.box(*geometry.bounds), {customer}
        for other in [group for group in groups if group[0].intersects(frame)]:
            merged = shapely.box(*shapely.union(frame, other[0]).bounds)
            if _extent(merged) <= REGION_MAX_DEG:
                groups.remove(other)
                frame, names = merged, names | other[1]
        groups.append((frame, names))
    groups.sort(key=lambda group: _extent(group[0]))
    return [
        _region_map(lookup, tracks, frame.bounds, sorted(names), k)
        for k, (frame, names) in enumerate(groups[:MAX_REGIONS], start=1)
    ]


def _region_map(
    lookup: Lookup,
    tracks: Sequence[Track],
    bounds: tuple[float, float, float, float],
    customers: list[str],
    number: int,
) -> MapView:
    canvas = region_canvas(bounds)
    view = _view_box(canvas, bounds)
    drawn = [a for a in _drawn(lookup.account.activities) if a.footprint is not None and a.footprint.intersects(view)]
    labels = _territory_labels(canvas, view)
    layers = (
        Layer(id="ground", title="", shapes=_region_ground(canvas, view)),
        Layer(id="areas", title="Areas ordered", shapes=_areas(lookup, canvas, view)),
        _footprints(lookup, canvas, drawn, view),
        Layer(id="borders", title="Borders", shapes=_borders(canvas, view), marks=labels),
        Layer(id="tracks", title="Ground tracks", shapes=_track_shapes(lookup, canvas, tracks, view)),
        _targets(lookup, canvas, view, labels=True),
        _stations(lookup, canvas, view),
    )
    where = ", ".join(mark.label for mark in labels) or "open sea"
    summary = (
        f"Map of the areas ordered by {', '.join(customers)} ({where}), with the ground of "
        f"{text.plural(len(drawn), 'acquisition')}; areas that a licence refuses or coarsens are hatched. "
        "The order tables hold the same facts."
    )
    return MapView(
        id=f"region-{number}",
        title="Area ordered by " + ", ".join(customers),
        summary=summary,
        width=canvas.width,
        height=canvas.height,
        layers=layers,
    )


@cache
def _world_outlines() -> tuple[BaseGeometry, BaseGeometry]:
    """Land and the borders between territories, thinned for the world map."""
    whole = [territories.territory(id).geometry for id in territories.territory_ids()]
    land = shapely.simplify(whole, WORLD_TOLERANCE_DEG, preserve_topology=False)
    borders = shapely.simplify(territories.borders_in(-180, -90, 180, 90), WORLD_TOLERANCE_DEG)
    parts = [part for part in shapely.get_parts(land) if part.area > WORLD_TOLERANCE_DEG**2]
    return shapely.multipolygons(parts), borders


def _world_ground(canvas: Canvas) -> tuple[Shape, ...]:
    land, borders = _world_outlines()
    lines = [LineString([(lon, -90), (lon, 90)]) for lon in range(-150, 180, 30)]
    lines += [LineString([(-180, lat), (180, lat)]) for lat in range(-60, 90, 30)]
    sphere = shapely.box(-180, -90, 180, 90)
    return (
        Shape(path=canvas.path(dense(sphere)), css="sea"),
        Shape(path=canvas.path(dense(MultiLineString(lines))), css="graticule"),
        Shape(path=canvas.path(dense(land)), css="land"),
        Shape(path=canvas.path(borders), css="border"),
    )


def _view_box(canvas: Canvas, bounds: tuple[float, float, float, float]) -> BaseGeometry:
    """A box in degrees that surely covers the drawing of a region."""
    west, south, east, north = bounds
    wide, high = canvas.width / canvas.scale, canvas.height / canvas.scale  # radians of arc
    top = min(89.0, max(abs(south), abs(north)))
    reach_lon = np.degrees(wide) / max(0.05, np.cos(np.radians(top)))
    reach_lat = np.degrees(high)
    lon, lat = (west + east) / 2, (south + north) / 2
    return shapely.box(
        max(-180.0, lon - reach_lon), max(-90.0, lat - reach_lat), min(180.0, lon + reach_lon), min(90.0, lat + reach_lat)
    )


def _region_ground(canvas: Canvas, view: BaseGeometry) -> tuple[Shape, ...]:
    tolerance = np.degrees(0.4 / canvas.scale)
    land = territories.land_in(*view.bounds)
    west, south, east, north = view.bounds
    step = next(s for s in (0.5, 1.0, 2.0, 5.0, 10.0) if canvas.width / canvas.scale / np.radians(s) < 12 or s == 10.0)
    first_lon, first_lat = np.ceil(west / step) * step, np.ceil(south / step) * step
    lines = [LineString([(lon, south), (lon, north)]) for lon in np.arange(first_lon, east, step)]
    lines += [LineString([(west, lat), (east, lat)]) for lat in np.arange(first_lat, north, step)]
    return (
        Shape(path=f"M0,0h{canvas.width}v{canvas.height}h-{canvas.width}z", css="sea"),
        Shape(path=canvas.path(land.simplify(tolerance)), css="land"),
        Shape(path=canvas.path(shapely.segmentize(MultiLineString(lines), step / 4)), css="graticule"),
    )


def _borders(canvas: Canvas, view: BaseGeometry) -> tuple[Shape, ...]:
    lines = territories.borders_in(*view.bounds).simplify(np.degrees(0.3 / canvas.scale))
    path = canvas.path(lines)
    return (Shape(path=path, css="border", tip=f"Borders: {territories.SOURCE}"),) if path else ()


def _territory_labels(canvas: Canvas, view: BaseGeometry) -> tuple[Mark, ...]:
    """Names of territories inside the drawing, where there is room for them."""
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [canvas.width, canvas.height]
    frame = shapely.box(*(corner[0] + 30), *(corner[2] - 30))
    marks = []
    for id, _ in territories.territories_at(view):
        place = territories.territory(id)
        ground = place.geometry.intersection(view)
        xy = shapely.transform(ground, lambda c: canvas.points(c[:, 0], c[:, 1])).buffer(0).intersection(frame)
        if xy.area > 0.004 * canvas.width * canvas.height:
            largest = max(shapely.get_parts(xy), key=lambda part: part.area)
            point = shapely.maximum_inscribed_circle(largest).coords[0]
            marks.append(Mark(x=round(point[0], 1), y=round(point[1], 1), symbol="text", css="territory", label=place.name))
    return tuple(marks)


def _areas(lookup: Lookup, canvas: Canvas, view: BaseGeometry) -> tuple[Shape, ...]:
    """Ordered areas: hatched where a licence refuses or coarsens them."""
    shapes = []
    for quote in lookup.account.quotes:
        request = lookup.requests.get(quote.request)
        licences = {licence.target: licence for licence in summarise(quote.decisions)}
        for target in request.targets if request else ():
            if target.geometry.geom_type == "Point" or not target.geometry.intersects(view):
                continue
            licence = licences.get(target.id)
            effect = licence.effect if licence else "allow"
            shape = target.geometry.simplify(np.degrees(0.3 / canvas.scale))
            tip = f"{target.name}\n{licence.text if licence else 'No licence decision is stored.'}"
            shapes.append((_extent(target.geometry), Shape(path=canvas.path(shape), css=f"area {effect}", tip=tip)))
    return tuple(shape for _, shape in sorted(shapes, key=lambda pair: -pair[0]) if shape.path)


def _drawn(activities: Sequence[Activity]) -> list[Activity]:
    """Acquisitions whose ground is shown: everything but what a later plan dropped, big ones first."""
    found = [a for a in activities if a.kind == "acquisition" and a.state != "dropped" and a.footprint is not None]
    return sorted(found, key=lambda a: -(a.footprint.area if a.footprint is not None else 0.0))


def _footprints(
    lookup: Lookup, canvas: Canvas, acquisitions: Sequence[Activity], view: BaseGeometry | None = None
) -> Layer:
    shapes, marks = [], []
    for activity in acquisitions:
        if activity.footprint is None:
            continue
        ground = split_at_antimeridian(activity.footprint)
        if view is not None:
            ground = ground.intersection(view)
        css = f"footprint {activity.state} {lookup.partner_css(lookup.owner(activity.spacecraft))}"
        tip = acquisition_tip(lookup, activity)
        # A scene of 12 km is three units of the world map: a dot marks where to zoom in.
        if view is None and _extent(ground) < 1.5:
            centre = ground.centroid
            x, y = canvas.point(centre.x, centre.y)
            marks.append(Mark(x=x, y=y, symbol="dot", css=css, tip=tip))
        path = canvas.path(dense(ground))
        if path:
            shapes.append(Shape(path=path, css=css, tip=tip))
    return Layer(id="footprints", title="Acquired ground", shapes=tuple(shapes), marks=tuple(marks))


def acquisition_tip(lookup: Lookup, activity: Activity) -> str:
    """What hovering over an acquisition says."""
    lines = [
        f"{lookup.target_name(activity.order, activity.target)} · {lookup.craft_name(activity.spacecraft)}",
        f"{text.span(activity.interval)} UTC",
        f"{activity.state}{' (simulated)' if activity.simulated else ''}"
        + (f": {activity.outcome}" if activity.outcome else ""),
    ]
    if activity.look is not None:
        look = activity.look
        lines.append(
            f"GSD {text.gsd(look.gsd_m)}, off-nadir {text.bearing(look.off_nadir_deg)}, "
            f"Sun {text.bearing(look.sun_elevation_deg)} high"
        )
    if activity.cloud is not None:
        lines.append(f"cloud {text.percent(activity.cloud)}")
    lines.append(f"for {lookup.customer_name(activity.order)} ({activity.order})")
    return "\n".join(lines)


def _track_shapes(
    lookup: Lookup, canvas: Canvas, tracks: Sequence[Track], view: BaseGeometry | None = None
) -> tuple[Shape, ...]:
    shapes = []
    for track in tracks:
        line = track.line if view is None else track.line.intersection(view)
        path = "" if line.is_empty else canvas.path(line)
        if path:
            css = f"track {lookup.partner_css(lookup.owner(track.spacecraft))}"
            tip = f"{lookup.craft_name(track.spacecraft)}\n{text.span(track.interval)} UTC"
            shapes.append(Shape(path=path, css=css, tip=tip))
    return tuple(shapes)


def _targets(lookup: Lookup, canvas: Canvas, view: BaseGeometry | None = None, *, labels: bool = False) -> Layer:
    """Points asked for, and on the world map the middle of each area."""
    done = {(t.order, t.target) for t in lookup.account.tasks if t.state in ("acquired", "done")}
    order_of = {order.request: order.id for order in lookup.account.orders}
    marks = []
    for request in lookup.account.requests:
        for target in request.targets:
            is_point = target.geometry.geom_type == "Point"
            place = target.geometry if is_point else target.geometry.representative_point()
            if view is not None and not (is_point and place.intersects(view)):
                continue
            state = "done" if (order_of.get(request.id), target.id) in done else "open"
            x, y = canvas.point(place.x, place.y)
            if view is not None and not (0 <= x <= canvas.width and 0 <= y <= canvas.height):
                continue
            said = "acquired" if state == "done" else "not acquired"
            tip = f"{target.name}\n{request.product.title} for {request.customer.name}\n{said}"
            label = target.name if labels else ""
            marks.append(Mark(x=x, y=y, symbol="ring", css=f"target {state}", tip=tip, label=label))
    return Layer(id="targets", title="Targets", marks=tuple(marks))


def _stations(lookup: Lookup, canvas: Canvas, view: BaseGeometry | None = None) -> Layer:
    marks = []
    for station in lookup.account.programme.stations:
        if view is not None and not view.intersects(Point(station.lon_deg, station.lat_deg)):
            continue
        x, y = canvas.point(station.lon_deg, station.lat_deg)
        if not (0 <= x <= canvas.width and 0 <= y <= canvas.height):
            continue
        used = [a for a in lookup.account.activities if a.station == station.id and a.state in ("done", "planned")]
        tip = (
            f"{station.name} · {lookup.partner_name(station.owner)}\n{text.plural(len(used), 'downlink')}, "
            f"above {text.bearing(station.min_elevation_deg)}, {text.quantity(station.downlink_bps / 1e6, 'Mbit/s')}"
        )
        css = f"station {lookup.station_css(station.id)}"
        marks.append(Mark(x=x, y=y, symbol="triangle", css=css, tip=tip, label=station.name))
    return Layer(id="stations", title="Ground stations", marks=tuple(marks))


def _extent(geometry: BaseGeometry) -> float:
    west, south, east, north = geometry.bounds
    return float(max(east - west, north - south))
