"""The ground under the maps: land, borders, graticule, names of territories."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiLineString
from shapely.geometry.base import BaseGeometry

from comity.fleet import territories
from comity.server.report.drawing import Layer, Mark, Shape
from comity.server.report.projection import Canvas, dense

#: Land of the world map as SVG path data, in the units of :func:`world_canvas`; :mod:`world_land` draws it.
WORLD_FILE = "data/world-land.path"
#: Distance of the graticule's lines (degrees): the finest that gives a region no more than a dozen.
GRATICULE_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_EARTH_RADIUS_KM = 6_371.0


def world_ground(canvas: Canvas) -> tuple[Shape, ...]:
    """Sea, graticule and land of the whole world."""
    lines = [LineString([(lon, -90), (lon, 90)]) for lon in range(-150, 180, 30)]
    lines += [LineString([(-180, lat), (180, lat)]) for lat in range(-60, 90, 30)]
    sphere = shapely.box(-180, -90, 180, 90)
    return (
        Shape(path=canvas.path(dense(sphere)), css="sea"),
        Shape(path=canvas.path(dense(MultiLineString(lines))), css="graticule"),
        Shape(path=(resources.files("comity.server.report") / WORLD_FILE).read_text("ascii"), css="land"),
    )


def view_box(canvas: Canvas, bounds: tuple[float, float, float, float]) -> BaseGeometry:
    """A box in degrees that surely covers the drawing of a region."""
    west, south, east, north = bounds
    wide, high = canvas.width / canvas.scale, canvas.height / canvas.scale  # radians of arc
    top = min(89.0, max(abs(south), abs(north)))
    reach_lon = np.degrees(wide) / max(0.05, np.cos(np.radians(top)))
    reach_lat = np.degrees(high)
    lon, lat = (west + east) / 2, (south + north) / 2
    box: BaseGeometry = shapely.box(
        max(-180.0, lon - reach_lon),
        max(-90.0, lat - reach_lat),
        min(180.0, lon + reach_lon),
        min(90.0, lat + reach_lat),
    )
    return box


def region_ground(canvas: Canvas, view: BaseGeometry) -> Layer:
    """Sea, land, a graticule with its degrees written at the left and lower edge, and a scale bar."""
    tolerance = np.degrees(0.4 / canvas.scale)
    land = territories.land_in(*view.bounds)
    west, south, east, north = view.bounds
    across = float(np.degrees(canvas.width / canvas.scale))
    step = next((s for s in GRATICULE_STEPS if across / s < 12), GRATICULE_STEPS[-1])
    meridians = np.arange(np.ceil(west / step) * step, east, step)
    parallels = np.arange(np.ceil(south / step) * step, north, step)
    lines = [LineString([(lon, south), (lon, north)]) for lon in meridians]
    lines += [LineString([(west, lat), (east, lat)]) for lat in parallels]
    along = np.linspace(0.0, 1.0, 201)
    marks = []
    for lon in meridians:
        xy = canvas.points(np.full(201, lon), south + (north - south) * along)
        x = float(np.interp(-(canvas.height - 6.0), -xy[:, 1], xy[:, 0]))
        if 90 < x < canvas.width - 30:
            label = _degrees(lon, "E", "W")
            marks.append(Mark(x=round(x, 1), y=canvas.height - 6.0, symbol="text", css="degree", label=label))
    for lat in parallels:
        xy = canvas.points(west + (east - west) * along, np.full(201, lat))
        y = float(np.interp(22.0, xy[:, 0], xy[:, 1]))
        if 14 < y < canvas.height - 60:
            label = _degrees(lat, "N", "S")
            marks.append(Mark(x=22.0, y=round(y, 1), symbol="text", css="degree", label=label))
    bar, bar_label = _scale_bar(canvas)
    return Layer(
        id="ground",
        title="",
        shapes=(
            Shape(path=f"M0,0h{canvas.width}v{canvas.height}h-{canvas.width}z", css="sea"),
            Shape(path=canvas.path(land.simplify(tolerance)), css="land"),
            Shape(path=canvas.path(shapely.segmentize(MultiLineString(lines), step / 4)), css="graticule"),
            bar,
        ),
        marks=(*marks, bar_label),
    )


def _degrees(value: float, positive: str, negative: str) -> str:
    figure = f"{abs(value):g}°"
    return figure + ("" if value == 0 else positive if value > 0 else negative)


def _scale_bar(canvas: Canvas) -> tuple[Shape, Mark]:
    """A bar of a round length, at most a fifth of the width, in the lower left corner."""
    widest_km = 0.2 * canvas.width / canvas.scale * _EARTH_RADIUS_KM
    power = 10.0 ** np.floor(np.log10(widest_km))
    length_km = max(f * power for f in (1.0, 2.0, 5.0) if f * power <= widest_km)
    units = length_km / _EARTH_RADIUS_KM * canvas.scale
    y = canvas.height - 26
    bar = Shape(path=f"M14,{y - 5}v5h{units:.1f}v-5", css="scalebar")
    return bar, Mark(
        x=14 + round(units / 2, 1), y=y - 8, symbol="text", css="degree", label=f"{length_km:g} km"
    )


def borders(canvas: Canvas, view: BaseGeometry) -> tuple[Shape, ...]:
    """Borders between territories, coasts left out."""
    lines = territories.borders_in(*view.bounds).simplify(np.degrees(0.3 / canvas.scale))
    path = canvas.path(lines)
    return (Shape(path=path, css="border", tip=f"Borders: {territories.SOURCE}"),) if path else ()


def territory_labels(canvas: Canvas, view: BaseGeometry) -> tuple[Mark, ...]:
    """Names of territories inside the drawing, where there is room for them."""
    frame = shapely.box(30, 30, canvas.width - 30, canvas.height - 30)
    marks = []
    for id, _ in territories.territories_at(view):
        place = territories.territory(id)
        xy = shapely.transform(place.geometry.intersection(view), _to(canvas))
        shown = xy.buffer(0).intersection(frame)
        if shown.area > 0.004 * canvas.width * canvas.height:
            largest = max(shapely.get_parts(shown), key=lambda part: part.area)
            x, y = shapely.maximum_inscribed_circle(largest).coords[0]
            marks.append(Mark(x=round(x, 1), y=round(y, 1), symbol="text", css="territory", label=place.name))
    return tuple(marks)


def _to(canvas: Canvas) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Degrees (n, 2) → drawing units (n, 2)."""
    return lambda lonlat: canvas.points(lonlat[:, 0], lonlat[:, 1])
