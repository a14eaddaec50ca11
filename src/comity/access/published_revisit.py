"""Coverage and revisit against the figures that missions and papers publish."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage import Grid, Options, Sensor, coverage, equal_area_grid, points_grid
from comity.core import Comparison, Epoch, Interval, compared, data_text, reference_table
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory, Trajectory, parse_elements

FloatArray = NDArray[np.float64]

PACKAGE = "comity.access"
START = Epoch.from_iso("2024-09-22")

_ROSETTE_REV_PER_DAY = 2.5
_MU = 398_600.8e9
_SPHERE_M = 6_371_008.8
#: Searched on either side of a published angle (deg), in so many halvings: to 0.3°.
_SPREAD_DEG, _HALVINGS = 1.25, 3


def revisit() -> list[Comparison]:
    elements = parse_elements(data_text(PACKAGE, "sentinel-landsat.3le"), "sentinel-landsat.3le").elements
    crafts = {one.name: SGP4Trajectory(one, EarthOrientation.bundled()) for one in elements}
    swath_m = {"SENTINEL-2A": 290e3, "SENTINEL-2B": 290e3, "LANDSAT 8": 185e3, "LANDSAT 9": 185e3}
    by_day = Options(min_sun_elevation_deg=0.0, starts=0)

    def revisit_days(names: Sequence[str], grid: Grid, days: float) -> tuple[FloatArray, FloatArray]:
        """Mean and longest whole gap of each cell, days."""
        sensors = [Sensor(swath_m=swath_m[name]) for name in names]
        span = Interval(START, START + days * 86_400.0)
        found = coverage([crafts[name] for name in names], sensors, grid, span, options=by_day)
        return found.revisit_mean_s / 86_400.0, found.revisit_max_s / 86_400.0

    equator = points_grid([(float(lon), 0.0) for lon in np.arange(-180.0, 180.0, 1.0)])
    midway = points_grid([(float(lon), 45.0) for lon in np.arange(-180.0, 180.0, 1.0)])
    table = reference_table(PACKAGE, "land-points.csv.gz")
    land = points_grid([(float(a), float(b)) for a, b in table.numbers("lon_deg", "lat_deg")])
    sentinels: tuple[str, ...] = ("SENTINEL-2A", "SENTINEL-2B")
    landsats: tuple[str, ...] = ("LANDSAT 8", "LANDSAT 9")
    esa = "ESA, Sentinel-2 Mission Guide: swath 290 km, 10 days at the equator with one satellite, 5 with two"
    usgs = "USGS: swath 185 km, every point once in 16 days, repeat coverage every 8 days with two"
    drift = "the longest gap of every place, elements of one day propagated over the cycles"
    lines = []
    for figure, source, names, days, published in (
        ("Sentinel-2A alone at the equator, 10 days", esa, sentinels[:1], 31.0, 10.0),
        ("Sentinel-2A and 2B at the equator, 5 days", esa, sentinels, 21.0, 5.0),
        ("Landsat 8 alone at the equator, 16 days", usgs, landsats[:1], 33.5, 16.0),
        ("Landsat 8 and 9 at the equator, 8 days", usgs, landsats, 20.0, 8.0),
    ):
        _, longest = revisit_days(names, equator, days)
        found = np.array([np.nanmax(longest) - published])
        lines.append(compared(f"revisit: {figure}", source, found, 0.05, "days", drift, count=len(equator)))
    mean, _ = revisit_days(sentinels, midway, 31.0)
    lines.append(
        compared(
            "revisit: Sentinel-2A and 2B at 45° N, mean 2–3 days",
            "ESA, Sentinel-2 Mission Guide: 2–3 days at mid-latitudes with two satellites",
            np.array([np.nanmedian(mean) - 2.5]),
            0.5,
            "days",
            "median over longitudes, against the middle of the range",
            count=len(midway),
        )
    )
    both = "median over places of their mean revisit; theirs over a year, ours over 40 days on land"
    for several, source, published, tolerance in (
        (
            (*landsats, *sentinels),
            "Li & Chen 2020, Sensors 20(22), 6631: Landsat 8, 9, Sentinel-2A, 2B, 2.3 days",
            2.3,
            0.3,
        ),
        (
            (landsats[0], *sentinels),
            "Li & Roy 2017, Remote Sensing 9(9), 902: Landsat 8, Sentinel-2A, 2B, 2.9 days",
            2.9,
            0.4,
        ),
    ):
        mean, _ = revisit_days(several, land, 40.0)
        lines.append(
            compared(
                f"revisit: {len(several)} satellites over the world's land, {published:g} days",
                source,
                np.array([np.nanmedian(mean) - published]),
                tolerance,
                "days",
                both,
                count=len(land),
            )
        )
    return lines


def continuous_coverage() -> list[Comparison]:
    """The smallest ground circle with which a rosette never leaves a place on Earth out of sight."""
    source = "Ballard 1980, IEEE Trans. AES-16(5): best rosettes for single visibility"
    why = "searched in steps of 0.3° on 500 km cells, which may leave the worst place out"
    lines = []
    for count, phase, inclination_deg, published_deg in ((5, 1, 43.66, 69.15), (9, 7, 70.54, 54.81)):
        found = _least_angle_deg(_rosette(count, phase, inclination_deg), published_deg)
        lines.append(
            compared(
                f"continuous coverage: rosette ({count},{count},{phase}) at {inclination_deg}°, "
                f"{published_deg}° of arc",
                source,
                np.array([found - published_deg]),
                0.8,
                "°",
                why,
                count=1,
            )
        )
    return lines


def _rosette(count: int, phase: int, inclination_deg: float) -> list[SGP4Trajectory]:
    """One satellite in each of ``count`` planes: Ballard's rosette (count, count, phase)."""
    return [
        SGP4Trajectory(
            MeanElements(
                name=f"ROSETTE {k + 1}",
                norad_id=99_001 + k,
                cospar_id="",
                epoch=START,
                mean_motion=_ROSETTE_REV_PER_DAY,
                eccentricity=1e-6,
                inclination_deg=inclination_deg,
                raan_deg=360.0 * k / count,
                arg_of_perigee_deg=0.0,
                mean_anomaly_deg=(360.0 * phase * k / count) % 360.0,
                bstar=0.0,
                mean_motion_dot=0.0,
                mean_motion_ddot=0.0,
            ),
            EarthOrientation.bundled(),
        )
        for k in range(count)
    ]


def _least_angle_deg(crafts: Sequence[Trajectory], about_deg: float) -> float:
    """Least arc between a place and the ground point below a craft that leaves no gap, to 0.3°.

    Where there is none within the spread, an end of it: farther from the published angle than is allowed.
    """
    grid = equal_area_grid(500e3)
    rate = _ROSETTE_REV_PER_DAY * 2.0 * math.pi / 86_400.0
    ratio = _SPHERE_M / (_MU / rate**2) ** (1.0 / 3.0)

    def unbroken(angle_deg: float) -> bool:
        angle = math.radians(angle_deg)
        elevation = math.degrees(math.atan2(math.cos(angle) - ratio, math.sin(angle)))
        sensor = Sensor(min_elevation_deg=elevation)
        found = coverage(crafts, sensor, grid, Interval(START, START + 86_400.0), options=Options(starts=0))
        return bool(found.longest_gap_s.max() == 0.0)

    low, high = about_deg - _SPREAD_DEG, about_deg + _SPREAD_DEG
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if unbroken(middle) else (middle, high)
    return high
