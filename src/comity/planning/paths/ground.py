"""The ground of generated instances: places on land, stations, and the slots in which they receive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from comity.access import Site, window_table
from comity.core import Interval
from comity.fleet import land_in
from comity.orbits import Trajectory, up_vector
from comity.planning.paths.problem import FloatArray, IntArray

#: Ground stations: name, lon, lat (degrees); those that polar orbits see on every orbit first.
POLAR = (
    ("Svalbard", 15.4, 78.2),
    ("Troll", 2.5, -72.0),
    ("Inuvik", -133.5, 68.3),
    ("Kiruna", 21.1, 67.9),
    ("Fairbanks", -147.5, 64.9),
    ("Tromso", 18.9, 69.7),
)
#: Those that see a satellite some times a day.
HOME = (
    ("Hartebeesthoek", 27.7, -25.9),
    ("Shadnagar", 78.2, 17.0),
    ("Dongara", 115.3, -29.0),
    ("Cordoba", -64.5, -31.5),
    ("Maspalomas", -15.6, 27.8),
    ("Miyun", 117.0, 40.4),
    ("Mauritius", 57.5, -20.3),
    ("Cuiaba", -56.1, -15.6),
    ("Malindi", 40.2, -3.0),
    ("Hawaii", -155.7, 19.0),
    ("Singapore", 103.8, 1.3),
    ("Awarua", 168.4, -46.5),
)
_SOUTH_DEG, _NORTH_DEG = -56.0, 68.0
_SPREAD_DEG = 4.0
#: Sine of the Sun's elevation.
_BRIGHT = 0.25
_MIN_ELEVATION_DEG = 5.0


def places(
    count: int, clustered: float, rng: np.random.Generator, sun: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Longitudes and latitudes (degrees) on land: a ``clustered`` part of them about centres.

    ``sun`` (3,): only where this direction (Earth-fixed) is well above the horizon.
    """
    land = _land()
    sines = (math.sin(math.radians(_SOUTH_DEG)), math.sin(math.radians(_NORTH_DEG)))

    def on_land(lon: FloatArray, lat: FloatArray) -> NDArray[np.bool_]:
        found = np.asarray(shapely.contains_xy(land, lon, lat), dtype=bool)
        return found if sun is None else found & (up_vector(lon, lat) @ sun > _BRIGHT)

    def anywhere(wanted: int) -> tuple[FloatArray, FloatArray]:
        lons: list[FloatArray] = []
        lats: list[FloatArray] = []
        found = 0
        while found < wanted:
            x = rng.uniform(-180.0, 180.0, 4 * wanted + 64)
            y = np.degrees(np.arcsin(rng.uniform(*sines, len(x))))
            ok = on_land(x, y)
            lons.append(x[ok])
            lats.append(y[ok])
            found += int(ok.sum())
        return np.concatenate(lons)[:wanted], np.concatenate(lats)[:wanted]

    centres = anywhere(max(40, count // 60))
    lon, lat = anywhere(count)
    pending = np.arange(int(clustered * count))
    while len(pending):
        k = rng.integers(0, len(centres[0]), len(pending))
        y = centres[1][k] + rng.normal(0.0, _SPREAD_DEG, len(pending))
        x = centres[0][k] + rng.normal(0.0, _SPREAD_DEG, len(pending)) / np.cos(np.radians(centres[1][k]))
        ok = on_land(x, y)
        lon[pending[ok]], lat[pending[ok]] = x[ok], y[ok]
        pending = pending[~ok]
    # What a file holds: a metre or so.
    return np.round(lon, 5), np.round(lat, 5)


@cache
def _land() -> Any:
    land = land_in(-180.0, _SOUTH_DEG, 180.0, _NORTH_DEG)
    shapely.prepare(land)
    return land


def slots(
    crafts: Sequence[Trajectory],
    stations: Sequence[tuple[str, float, float]],
    licensed: NDArray[np.bool_],
    interval: Interval,
    slot_s: float,
) -> tuple[IntArray, IntArray, IntArray]:
    """Satellite, station and number of each slot: from ``number · slot_s``, for ``slot_s``, wholly in a pass.

    ``licensed`` (satellites, stations): who may send to whom. Sorted by satellite, slot, station.
    """
    sites = [
        Site(name=name, lon_deg=lon, lat_deg=lat, min_elevation_deg=_MIN_ELEVATION_DEG)
        for name, lon, lat in stations
    ]
    table = window_table(crafts, sites, interval, position_error_m=10.0)
    last = int((interval.end - interval.start) // slot_s)
    first = np.maximum(0, np.ceil(table.start_s / slot_s)).astype(np.int64)
    beyond = np.minimum(last, np.floor(table.end_s / slot_s)).astype(np.int64)
    kept = licensed[table.spacecraft, table.site] & (beyond > first)
    who, where = table.spacecraft[kept].astype(np.int64), table.site[kept].astype(np.int64)
    first, count = first[kept], (beyond - first)[kept]
    begin = np.repeat(np.cumsum(count) - count, count)
    number = np.repeat(first, count) + np.arange(int(count.sum())) - begin
    who, where = np.repeat(who, count), np.repeat(where, count)
    order = np.lexsort((where, number, who))
    return who[order], where[order], number[order]
