"""What is known of the ground: measured relief, climate, towns. Loaded on first use, once per process.

Relief: ITU-R P.1511-2 heights above mean sea level, 5′. Climate: monthly rain of ITU-R P.837-7 (0.25°)
and monthly mean surface temperature of ITU-R P.1510-1 (0.75°). All come with the package ``itur``, whose
arrays are read without importing it. Towns: GeoNames (CC BY 4.0), places of 25 000 people and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter, uniform_filter

from comity.core import ComityError

Floats = NDArray[np.float64]

RELIEF_SOURCE = "ITU-R P.1511-2 topographic heights, 5′ (package itur)"
CLIMATE_SOURCE = "ITU-R P.837-7 monthly rain and P.1510-1 monthly temperature (package itur)"
TOWNS_SOURCE = "GeoNames (geonames.org), CC BY 4.0, places of 25 000 people and more"


@dataclass(frozen=True, slots=True)
class LonLatGrid:
    """Values on a regular grid over the whole globe.

    ``values`` (rows, cols), row 0 at ``lat0`` going by ``dlat``, column 0 at ``lon0`` going by
    ``dlon`` > 0; degrees.
    """

    values: NDArray[np.float32] | NDArray[np.float16] | NDArray[np.int16]
    lon0: float
    lat0: float
    dlon: float
    dlat: float

    def window(self, lon: Floats, lat: Floats, margin: int = 8) -> tuple[Floats, Floats]:
        """The part of the grid around lon, lat (degrees, any turn), and where they lie in it.

        Returns the window's values (rows, cols) and positions (2, …) as row, column.
        """
        turn = round(360.0 / self.dlon)
        col = (lon - self.lon0) / self.dlon
        row = np.clip((lat - self.lat0) / self.dlat, 0, self.values.shape[0] - 1)
        first_row = max(0, int(row.min()) - margin)
        last_row = min(self.values.shape[0], int(row.max()) + margin + 2)
        first_col = int(np.floor(col.min())) - margin
        last_col = int(np.floor(col.max())) + margin + 2
        columns = np.arange(first_col, last_col) % turn
        return (
            self.values[first_row:last_row][:, columns].astype(np.float64),
            np.array([row - first_row, col - first_col]),
        )

    def sample(self, lon: Floats, lat: Floats) -> Floats:
        """Bilinear values at lon, lat (degrees, any turn); shape of ``lon``."""
        values, at = self.window(lon, lat, margin=2)
        return np.asarray(map_coordinates(values, at, order=1, mode="nearest"))


@dataclass(frozen=True, slots=True)
class Relief:
    """Measured relief at some places; each array has the places' shape.

    ``height_m`` above mean sea level, bicubic. ``scatter_m``: standard deviation of the heights within
    about 15 km. ``lake``: about 1 on lakes wider than some 20 km, 0.5 on their shores, else 0.
    """

    height_m: Floats
    scatter_m: Floats
    lake: Floats


@dataclass(frozen=True, slots=True)
class Climate:
    """Climate at some places; each array has the places' shape.

    ``aridity``: yearly rain over yearly evaporation demand (Holdridge's PET), 0 desert, 1 balance.
    ``season``: how far plants are in leaf this month, 0…1. ``temperature_c``: this month's mean at
    the surface; ``warmest_c`` that of the warmest month. ``coldest_c`` likewise.
    """

    aridity: Floats
    season: Floats
    temperature_c: Floats
    warmest_c: Floats
    coldest_c: Floats


@dataclass(frozen=True, slots=True)
class Towns:
    """Positions (degrees) and people (thousands) of towns, three arrays of one length."""

    lon: Floats
    lat: Floats
    people_k: Floats


def package_array(name: str) -> NDArray[np.float32]:
    """An array of the package ``itur`` by its path under ``itur/data``, e.g. ``1511/v2_topo``."""
    path = _itur_data() / f"{name}.npz"
    try:
        with np.load(path) as stored:
            return np.asarray(stored["arr_0"], np.float32)
    except FileNotFoundError as error:
        raise ComityError(f"{path} is missing: reinstall the package itur") from error


@cache
def _itur_data() -> Path:
    spec = find_spec("itur")
    if spec is None or not spec.submodule_search_locations:
        raise ComityError("the package itur, which holds relief and climate, is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


@cache
def _heights() -> LonLatGrid:
    """Heights above mean sea level, whole metres; sea 0."""
    whole = np.rint(package_array("1511/v2_topo")).astype(np.int16)
    return LonLatGrid(whole, -180.125, 90.125, 1 / 12, -1 / 12)


def relief(lon: Floats, lat: Floats) -> Relief:
    """Relief at lon, lat (degrees)."""
    values, at = _heights().window(lon, lat)
    mean = uniform_filter(values, 3, mode="nearest")
    scatter = np.sqrt(np.maximum(uniform_filter(values * values, 3, mode="nearest") - mean * mean, 0.0))
    smooth = spline_filter(values, order=3, mode="nearest")
    return Relief(
        height_m=map_coordinates(smooth, at, order=3, mode="nearest", prefilter=False),
        scatter_m=map_coordinates(scatter, at, order=1, mode="nearest"),
        # Unfiltered cubic splines round the corners of 5′ cells.
        lake=map_coordinates(_lakes(values), at, order=3, mode="nearest", prefilter=False),
    )


def _lakes(h: Floats) -> Floats:
    """1 where the relief is dead level with its neighbours and not sea: a lake's surface."""
    level = np.abs(h) > 0.5
    steps = ((0, 1), (0, -1), (1, 1), (1, -1))
    for axis, shift in steps:
        level &= np.abs(h - np.roll(h, shift, axis)) < 0.6
    lake = level.copy()
    for axis, shift in steps:
        lake |= np.roll(level, shift, axis) & (np.abs(h - np.roll(h, shift, axis)) < 0.6)
    return lake.astype(np.float64)


def reference_height(lon: Floats, lat: Floats) -> Floats:
    """Height (m) that P.1510's temperatures belong to: the relief at their own 0.75° grain."""
    values, at = _heights().window(lon, lat, margin=10)
    return np.asarray(map_coordinates(uniform_filter(values, 9, mode="nearest"), at, order=1, mode="nearest"))


#: Lakes of the Afar and Jordan rifts too narrow for a 5′ relief: lon, lat of the centre, half axes
#: (km), azimuth of the long one (degrees). Extents from published areas and lengths, rounded.
_SMALL_LAKES = (
    ("Assal", 42.415, 11.665, 6.0, 3.2, 130.0),
    ("Abbe", 41.78, 11.17, 9.0, 6.0, 45.0),
    ("Afrera", 40.90, 13.28, 6.5, 4.5, 160.0),
    ("Karum", 40.36, 14.06, 5.0, 3.5, 150.0),
    ("Dead Sea", 35.50, 31.55, 25.0, 7.0, 5.0),
)


def small_lakes_m(lon: Floats, lat: Floats) -> Floats:
    """About the distance (m) to the nearest small lake of the list, negative inside; at most 1e5."""
    nearest = np.full(lon.shape, 1e5)
    for _, lon0, lat0, long_km, short_km, azimuth in _SMALL_LAKES:
        turn = np.radians(azimuth)
        east = ((lon - lon0 + 180.0) % 360.0 - 180.0) * 111.32 * np.cos(np.radians(lat0))
        north = (lat - lat0) * 110.57
        along = (east * np.sin(turn) + north * np.cos(turn)) / long_km
        across = (east * np.cos(turn) - north * np.sin(turn)) / short_km
        nearest = np.minimum(nearest, (np.hypot(along, across) - 1.0) * short_km * 1000.0)
    return nearest


@cache
def _rain(month: int) -> LonLatGrid:
    # Half precision keeps a year of maps small; three digits are more than the maps are worth.
    whole = package_array(f"837/v7_mt_month{month:02d}").astype(np.float16)
    return LonLatGrid(whole, -180.125, -90.125, 0.25, 0.25)


@cache
def _temperature(month: int) -> LonLatGrid:
    return LonLatGrid(package_array(f"1510/v1_t_month{month:02d}"), -180.0, -90.0, 0.75, 0.75)


def climate(lon: Floats, lat: Floats, month: int) -> Climate:
    """Climate in a month (1…12)."""
    months = range(1, 13)
    rain = np.array([_rain(m).sample(lon, lat) for m in months])
    warmth = np.array([_temperature(m).sample(lon, lat) - 273.15 for m in months])
    demand = 58.93 * np.clip(warmth, 0.0, 30.0).mean(axis=0) + 60.0
    now = month - 1
    recent = 0.5 * rain[now] + 0.3 * rain[now - 1] + 0.2 * rain[now - 2]
    thirst = 4.9 * np.clip(warmth[now], 0.0, 30.0) + 5.0
    moist = np.clip(recent / thirst, 0.0, 1.0)
    warm = np.clip((0.6 * warmth[now] + 0.4 * warmth[now - 1] - 2.0) / 8.0, 0.0, 1.0)
    return Climate(
        aridity=rain.sum(axis=0) / demand,
        season=np.sqrt(moist) * warm,
        temperature_c=warmth[now],
        warmest_c=warmth.max(axis=0),
        coldest_c=warmth.min(axis=0),
    )


@cache
def towns() -> Towns:
    """Every town of the list."""
    with (
        (resources.files("comity.imagery") / "data" / "cities.npz").open("rb") as file,
        np.load(file) as stored,
    ):
        return Towns(
            stored["lon_mdeg"] / 1000.0,
            stored["lat_mdeg"] / 1000.0,
            stored["population_k"].astype(np.float64),
        )


def towns_in(bounds_deg: Sequence[float]) -> Towns:
    """Towns inside west, south, east, north (degrees; longitudes may run past ±180), in that turn."""
    west, south, east, north = bounds_deg
    every = towns()
    lon = west + (every.lon - west) % 360.0
    inside = (lon <= east) & (every.lat >= south) & (every.lat <= north)
    return Towns(lon[inside], every.lat[inside], every.people_k[inside])
