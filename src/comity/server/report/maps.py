"""The page's maps: what is drawn where, as plain data for the template."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from comity.commerce import TargetLicence, summarise
from comity.operations.records import Activity
from comity.server.report import text
from comity.server.report.drawing import Layer, MapView, Mark, Shape
from comity.server.report.ground import borders, region_ground, territory_labels, view_box, world_ground
from comity.server.report.lookup import Lookup
from comity.server.report.projection import Canvas, dense, region_canvas, split_at_antimeridian, world_canvas
from comity.server.report.tracks import Track

#: An area wider or higher than this (degrees) is not zoomed in on: the world map shows it.
REGION_MAX_DEG = 30.0
MAX_REGIONS = 4


def world_map(lookup: Lookup, tracks: Sequence[Track]) -> MapView:
    """The whole world in Equal Earth."""
    canvas = world_canvas()
    drawn = _drawn(lookup.account.activities)
    layers = (
        Layer(id="ground", title="", shapes=world_ground(canvas)),
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
        id="world",
        title="The world",
        summary=summary,
        width=canvas.width,
        height=canvas.height,
        layers=layers,
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
    view = view_box(canvas, bounds)
    drawn = [
        a
        for a in _drawn(lookup.account.activities)
        if a.footprint is not None and a.footprint.intersects(view)
    ]
    labels = territory_labels(canvas, view)
    layers = (
        region_ground(canvas, view),
        Layer(id="areas", title="Areas ordered", shapes=_areas(lookup, canvas, view)),
        _footprints(lookup, canvas, drawn, view),
        Layer(id="borders", title="Borders", shapes=borders(canvas, view), marks=labels),
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


def _areas(lookup: Lookup, canvas: Canvas, view: BaseGeometry) -> tuple[Shape, ...]:
    """Ordered areas, large ones first: hatched where a licence refuses or coarsens them."""
    shapes = []
    for quote in lookup.account.quotes:
        request = lookup.requests.get(quote.request)
        licences = {licence.target: licence for licence in summarise(quote.decisions)}
        for target in request.targets if request else ():
            if target.geometry.geom_type == "Point" or not target.geometry.intersects(view):
                continue
            licence = licences.get(target.id)
            path = canvas.path(target.geometry.simplify(np.degrees(0.3 / canvas.scale)))
            css = f"area {licence.effect if licence else 'allow'}"
            tip = f"{target.name}\n{_licence_words(lookup, licence)}"
            shapes.append((_extent(target.geometry), Shape(path=path, css=css, tip=tip)))
    return tuple(shape for _, shape in sorted(shapes, key=lambda pair: -pair[0]) if shape.path)


def _licence_words(lookup: Lookup, licence: TargetLicence | None) -> str:
    if licence is None:
        return "no licence decision is stored"
    if licence.effect == "refuse":
        return "refused by licence: " + "; ".join(dict.fromkeys(d.reason for d in licence.refusals))
    owners = ", ".join(dict.fromkeys(lookup.partner_name(grant.owner) for grant in licence.grants))
    limit = f" at {text.gsd(licence.deliver_gsd_m or 0.0)} or coarser" if licence.effect == "coarsen" else ""
    return f"delivered{limit} by {owners}"


def _drawn(activities: Sequence[Activity]) -> list[Activity]:
    """Acquisitions whose ground is shown: everything but what a later plan dropped, big ones first."""
    found = [
        a for a in activities if a.kind == "acquisition" and a.state != "dropped" and a.footprint is not None
    ]
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


def _targets(
    lookup: Lookup, canvas: Canvas, view: BaseGeometry | None = None, *, labels: bool = False
) -> Layer:
    """Points asked for, and on the world map the middle of each area."""
    done = {(t.order, t.target) for t in lookup.account.tasks if t.state in ("acquired", "done")}
    order_of = {order.request: order.id for order in lookup.account.orders}
    marks = []
    for request in lookup.account.requests:
        for target in request.targets:
            is_point = target.geometry.geom_type == "Point"
            place = Point(target.geometry.centroid if is_point else target.geometry.representative_point())
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
        used = [
            a for a in lookup.account.activities if a.station == station.id and a.state in ("done", "planned")
        ]
        tip = (
            f"{station.name} · {lookup.partner_name(station.owner)}\n{text.plural(len(used), 'downlink')}, "
            f"above {text.bearing(station.min_elevation_deg)}, "
            f"{text.quantity(station.downlink_bps / 1e6, 'Mbit/s')}"
        )
        css = f"station {lookup.station_css(station.id)}"
        marks.append(Mark(x=x, y=y, symbol="triangle", css=css, tip=tip, label=station.name))
    return Layer(id="stations", title="Ground stations", marks=tuple(marks))


def _extent(geometry: BaseGeometry) -> float:
    west, south, east, north = geometry.bounds
    return float(max(east - west, north - south))
