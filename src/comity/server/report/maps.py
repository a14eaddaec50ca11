"""The page's maps: what is drawn where, as plain data for the template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from comity.commerce import TargetLicence, summarise
from comity.operations.records import Activity
from comity.server.report import text
from comity.server.report.drawing import Layer, MapView, Mark, Shape, spread_labels
from comity.server.report.ground import borders, region_ground, territory_labels, view_box, world_ground
from comity.server.report.lookup import Lookup, short_name
from comity.server.report.projection import Canvas, dense, region_canvas, world_canvas
from comity.server.report.tracks import Track

#: An area wider or higher than this (degrees) is not zoomed in on: the world map shows it.
REGION_MAX_DEG = 30.0
MAX_REGIONS = 4
#: Labels are placed for maps about so wide on the screen (px).
SHOWN_PX = 1_150.0
#: Footprints over this part of a region are drawn lightly: many of them lie on each other.
_WIDE_PART = 0.4


def world_map(lookup: Lookup, tracks: Sequence[Track]) -> MapView:
    """The whole world in Equal Earth."""
    canvas = world_canvas()
    drawn = _drawn(lookup.account.activities)
    layers = (
        Layer(id="ground", title="", shapes=world_ground(canvas)),
        *_footprints(lookup, canvas, drawn),
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
        layers=spread_labels(layers, canvas.width, SHOWN_PX),
    )


def region_maps(lookup: Lookup, tracks: Sequence[Track]) -> list[MapView]:
    """A map of each region in which areas were ordered, small ones first.

    Areas of one request that touch share a map, and so do requests whose regions are of like size; a
    wide region does not swallow a small one inside it.
    """
    regions: list[_Region] = []
    for request in lookup.account.requests:
        for target in request.targets:
            if target.geometry.geom_type != "Point":
                frame = shapely.box(*target.geometry.bounds)
                mine = _Region(frame=frame, requests=frozenset((request.id,)))
                regions = _joined(regions, mine, lambda one, two: one.requests == two.requests)
    joined: list[_Region] = []
    for region in sorted(regions, key=lambda region: _extent(region.frame)):
        joined = _joined(joined, region, _alike)
    joined.sort(key=lambda region: _extent(region.frame))
    return [_region_map(lookup, tracks, region, k) for k, region in enumerate(joined[:MAX_REGIONS], start=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """A box (degrees) and the requests it is drawn for."""

    frame: BaseGeometry
    requests: frozenset[str]


def _joined(regions: list[_Region], new: _Region, fit: Callable[[_Region, _Region], bool]) -> list[_Region]:
    """The regions with one more, which takes in those that it touches and fits."""
    rest = []
    for other in regions:
        if other.frame.intersects(new.frame) and fit(other, new):
            frame = shapely.box(*shapely.union(other.frame, new.frame).bounds)
            new = _Region(frame=frame, requests=new.requests | other.requests)
        else:
            rest.append(other)
    return [region for region in (*rest, new) if _extent(region.frame) <= REGION_MAX_DEG]


def _alike(one: _Region, two: _Region) -> bool:
    both = _extent(shapely.union(one.frame, two.frame))
    return both <= 2.0 * min(_extent(one.frame), _extent(two.frame))


def _region_map(lookup: Lookup, tracks: Sequence[Track], region: _Region, number: int) -> MapView:
    canvas = region_canvas(region.frame.bounds)
    view = view_box(canvas, region.frame.bounds)
    drawn = [a for a in _drawn(lookup.account.activities) if _belongs(lookup, a, region, view)]
    passes = [
        t
        for t in tracks
        if any(a.spacecraft == t.spacecraft and a.interval.start in t.interval for a in drawn)
    ]
    labels = territory_labels(canvas, view)
    layers = (
        region_ground(canvas, view),
        Layer(id="areas", title="Areas ordered", shapes=_areas(lookup, canvas, region)),
        *_footprints(lookup, canvas, drawn, view),
        Layer(id="borders", title="Borders", shapes=borders(canvas, view), marks=labels),
        Layer(id="tracks", title="Ground tracks", shapes=_track_shapes(lookup, canvas, passes, view)),
        _targets(lookup, canvas, view, labels=True),
        _stations(lookup, canvas, view),
    )
    where = ", ".join(mark.label for mark in labels) or "open sea"
    customers = sorted({lookup.requests[id].customer.name for id in region.requests})
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
        layers=spread_labels(layers, canvas.width, SHOWN_PX),
    )


def _belongs(lookup: Lookup, activity: Activity, region: _Region, view: BaseGeometry) -> bool:
    """Whether an acquisition is drawn in a region: made for it, or of a point inside it."""
    request = lookup.request_of(activity.order)
    target = lookup.target(activity.order, activity.target)
    if activity.footprint is None or not activity.footprint.intersects(view):
        return False
    point = target is not None and target.geometry.geom_type == "Point"
    return point or (request is not None and request.id in region.requests)


def _areas(lookup: Lookup, canvas: Canvas, region: _Region) -> tuple[Shape, ...]:
    """Ordered areas, large ones first: hatched where a licence refuses or coarsens them."""
    shapes = []
    for quote in lookup.account.quotes:
        request = lookup.requests.get(quote.request) if quote.request in region.requests else None
        licences = {licence.target: licence for licence in summarise(quote.decisions)}
        for target in request.targets if request else ():
            if target.geometry.geom_type == "Point" or not target.geometry.intersects(region.frame):
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
) -> tuple[Layer, Layer]:
    """What failed or was refused, and over it what was acquired or is planned."""
    shapes: dict[bool, list[Shape]] = {True: [], False: []}
    marks: dict[bool, list[Mark]] = {True: [], False: []}
    for activity in acquisitions:
        if activity.footprint is None:
            continue
        ground = activity.footprint if view is None else activity.footprint.intersection(view)
        states = {item.state for item in lookup.items_of.get(activity.id, ())}
        state = "refused" if states == {"refused"} else activity.state
        lost = state in ("refused", "failed")
        css = f"footprint {state} {lookup.partner_css(lookup.owner(activity.spacecraft))}"
        if view is not None and _extent(activity.footprint) > _WIDE_PART * _extent(view):
            css += " wide"
        tip = acquisition_tip(lookup, activity)
        # A scene of 12 km is three units of the world map: a dot marks where to zoom in.
        if view is None and _extent(ground) < 1.5:
            x, y = canvas.point(ground.centroid.x, ground.centroid.y)
            marks[lost].append(Mark(x=x, y=y, symbol="dot", css=css, tip=tip))
        path = canvas.path(dense(ground))
        if path:
            shapes[lost].append(Shape(path=path, css=css, tip=tip))
    return (
        Layer(id="refused", title="Refused or failed", shapes=tuple(shapes[True]), marks=tuple(marks[True])),
        Layer(
            id="footprints", title="Acquired ground", shapes=tuple(shapes[False]), marks=tuple(marks[False])
        ),
    )


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
        judged = {item.state for item in lookup.items_of.get(activity.id, ())}
        lines.append(", ".join((f"cloud {text.percent(activity.cloud)}", *sorted(judged))))
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
        marks.append(Mark(x=x, y=y, symbol="triangle", css=css, tip=tip, label=short_name(station.name)))
    return Layer(id="stations", title="Ground stations", marks=tuple(marks))


def _extent(geometry: BaseGeometry) -> float:
    west, south, east, north = geometry.bounds
    return float(max(east - west, north - south))
