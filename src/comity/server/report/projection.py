"""Map projections of the page's maps, and SVG paths in them.

The world is drawn in Equal Earth (Šavrič, Patterson, Jenny 2018, IJGIS 33(3), eqs. 9 and 10), regions in
Lambert's azimuthal equal-area projection about their centre (Snyder 1987, eqs. 24-2 … 24-4). Both are
taken on a sphere: at the scale of a picture the ellipsoid does not show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry import LineString, MultiLineString, Polygon
from shapely.geometry.base import BaseGeometry

from comity.fleet.antimeridian import unwrap

FloatArray = NDArray[np.float64]

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_M = math.sqrt(3.0) / 2.0
#: Half width and half height of the whole world in Equal Earth, on a unit sphere.
EQUAL_EARTH_X, EQUAL_EARTH_Y = 2.706629983696, 1.317362759157
#: Longest edge (degrees) drawn straight on the world map.
_EDGE_DEG = 3.0


class Projection(Protocol):
    """Longitude and latitude (n,) degrees → x east and y north (n,) on a unit sphere."""

    def __call__(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]: ...


def equal_earth(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Equal Earth about longitude 0; see :class:`Projection`."""
    theta = np.arcsin(_M * np.sin(np.radians(lat)))
    t2 = theta * theta
    t6 = t2 * t2 * t2
    slope = _A1 + 3 * _A2 * t2 + t6 * (7 * _A3 + 9 * _A4 * t2)
    x = np.radians(lon) * np.cos(theta) / (_M * slope)
    return x, theta * (_A1 + _A2 * t2 + t6 * (_A3 + _A4 * t2))


@dataclass(frozen=True, slots=True)
class Azimuthal:
    """Lambert azimuthal equal-area about (``lon0``, ``lat0``) degrees; see :class:`Projection`."""

    lon0: float
    lat0: float

    def __call__(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
        phi, phi0 = np.radians(lat), math.radians(self.lat0)
        turn = np.radians(np.asarray(lon) - self.lon0)
        cos_c = math.sin(phi0) * np.sin(phi) + math.cos(phi0) * np.cos(phi) * np.cos(turn)
        k = np.sqrt(2.0 / np.maximum(1.0 + cos_c, 1e-9))
        x = k * np.cos(phi) * np.sin(turn)
        y = k * (math.cos(phi0) * np.sin(phi) - math.sin(phi0) * np.cos(phi) * np.cos(turn))
        return x, y


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A projection fitted to a drawing: ``width`` × ``height`` units, y downwards.

    ``left`` and ``top``: projected x and y of the drawing's upper left corner; ``scale``: units for one
    Earth radius. ``digits``: decimals that coordinates are written with.
    """

    projection: Projection
    left: float
    top: float
    scale: float
    width: int
    height: int
    digits: int = 1

    def points(self, lon: FloatArray, lat: FloatArray) -> FloatArray:
        """Drawing coordinates (n, 2) of positions in degrees."""
        x, y = self.projection(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        return np.stack([(x - self.left) * self.scale, (self.top - y) * self.scale], axis=-1)

    def point(self, lon: float, lat: float) -> tuple[float, float]:
        """Drawing coordinates of one position, rounded."""
        x, y = self.points(np.array([lon]), np.array([lat]))[0]
        return round(float(x), self.digits), round(float(y), self.digits)

    def path(self, geometry: BaseGeometry) -> str:
        """SVG path data of a line or polygon in lon, lat degrees, nothing for an empty one."""
        return "".join(
            _trace(self.points(line[:, 0], line[:, 1]), closed, self.digits)
            for line, closed in _lines(geometry)
        )


def world_canvas(width: int = 10_000) -> Canvas:
    """The whole world, with a margin of about one per cent.

    The land in ``data/world-land.path`` is drawn in it: draw it anew when this changes.
    """
    scale = width / (2 * EQUAL_EARTH_X * 1.01)
    top = EQUAL_EARTH_Y * 1.01
    return Canvas(
        projection=equal_earth,
        left=-EQUAL_EARTH_X * 1.01,
        top=top,
        scale=scale,
        width=width,
        height=math.ceil(2 * top * scale),
    )


def region_canvas(
    bounds: tuple[float, float, float, float], width: int = 1_000, margin: float = 0.08
) -> Canvas:
    """The region west, south, east, north (degrees), with ``margin`` of its size around it.

    A region higher than wide, or much wider than high, is widened to at least 3:2 and at most 2:1.
    """
    west, south, east, north = bounds
    projection = Azimuthal((west + east) / 2, (south + north) / 2)
    edge = np.linspace(0.0, 1.0, 17)
    lon = np.concatenate(
        [west + (east - west) * edge, west + (east - west) * edge, 0 * edge + west, 0 * edge + east]
    )
    lat = np.concatenate([0 * edge + south, 0 * edge + north, *[south + (north - south) * edge] * 2])
    x, y = projection(lon, lat)
    wide, high = float(np.ptp(x)), float(np.ptp(y))
    middle_x, middle_y = float(x.min()) + wide / 2, float(y.min()) + high / 2
    wide, high = max(wide, 1e-4) * (1 + 2 * margin), max(high, 1e-4) * (1 + 2 * margin)
    wide, high = max(wide, high * 3 / 2), max(high, wide / 2)
    scale = width / wide
    return Canvas(
        projection=projection,
        left=middle_x - wide / 2,
        top=middle_y + high / 2,
        scale=scale,
        width=width,
        height=round(high * scale),
    )


def line_on_earth(lon: FloatArray, lat: FloatArray) -> BaseGeometry:
    """A line through positions (n,) degrees, cut where it crosses the antimeridian."""
    whole = LineString(np.stack([unwrap(lon, lat), lat], axis=-1))
    west, _, east, _ = whole.bounds
    parts: list[BaseGeometry] = []
    for turn in range(math.floor((west + 180) / 360), math.ceil((east - 180) / 360) + 1):
        window = shapely.box(-180 + 360 * turn, -90, 180 + 360 * turn, 90)
        parts += shapely.get_parts(translate(whole.intersection(window), -360.0 * turn)).tolist()
    lines = [part for part in parts if isinstance(part, LineString) and not part.is_empty]
    return lines[0] if len(lines) == 1 else MultiLineString(lines)


def dense(geometry: BaseGeometry) -> BaseGeometry:
    """Edges cut so that a curved projection draws them curved."""
    return shapely.segmentize(geometry, _EDGE_DEG)


def _lines(geometry: BaseGeometry) -> Iterator[tuple[FloatArray, bool]]:
    """Every ring (True) and line (False) of a geometry, (n, 2) each."""
    for part in getattr(geometry, "geoms", [geometry]):
        if isinstance(part, Polygon):
            for ring in (part.exterior, *part.interiors):
                yield np.asarray(ring.coords)[:, :2], True
        elif isinstance(part, LineString):
            yield np.asarray(part.coords)[:, :2], False
        elif hasattr(part, "geoms"):
            yield from _lines(part)


def _trace(points: FloatArray, closed: bool, digits: int) -> str:
    """Relative path data; points that round to the same place are drawn once."""
    unit = 10**digits
    steps = np.rint(points * unit).astype(np.int64)
    keep = np.ones(len(steps), dtype=bool)
    keep[1:] = np.any(steps[1:] != steps[:-1], axis=1)
    steps = steps[keep]
    if closed and len(steps) > 1 and (steps[0] == steps[-1]).all():
        steps = steps[:-1]
    if len(steps) < (3 if closed else 2):
        return ""
    first, *rest = np.concatenate([steps[:1], np.diff(steps, axis=0)])
    body = "".join(_pair(dx, dy, unit, digits) for dx, dy in rest)
    start = _pair(first[0], first[1], unit, digits).lstrip()
    return f"M{start}l{body.lstrip()}{'z' if closed else ''}"


def _pair(dx: int, dy: int, unit: int, digits: int) -> str:
    return f" {_plain(dx, unit, digits)},{_plain(dy, unit, digits)}"


def _plain(value: int, unit: int, digits: int) -> str:
    """``value / unit`` without needless zeros."""
    if not digits:
        return str(value)
    text = f"{value / unit:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
