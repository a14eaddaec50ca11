"""Passes of a real catalogue over ground sites: Comity beside Skyfield, in the same run.

./run bench access [--row N]

Prints a JSON object per row: wall seconds of both (best of three for Comity, once for the peer), their ratio,
and how far the results agree. Nothing is asserted; the numbers are of this machine.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import skyfield
from skyfield.api import EarthSatellite, load, wgs84

from comity.access import Site, StationWindow, station_windows
from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation, MeanElements, read_elements, sgp4_trajectories, to_tle

CATALOGUE = Path(__file__).parents[1] / "tests" / "validation" / "data" / "catalogue-300.3le"
DAY = Interval.from_iso("2024-09-22/2024-09-23")
MASK_DEG = 10.0
SITES = [
    Site(name=name, lon_deg=lon, lat_deg=lat, altitude_m=altitude, min_elevation_deg=MASK_DEG)
    for name, lon, lat, altitude in (
        ("djibouti", 43.145, 11.588, 15.0),
        ("moscow", 37.6, 55.9, 170.0),
        ("miyun", 116.9, 40.4, 100.0),
        ("hartebeesthoek", 27.71, -25.89, 1540.0),
        ("kiruna", 21.0643, 67.8934, 400.0),
    )
]
#: Ends nearer than this are of the same pass; Skyfield's own are good to about 0.6 s.
SAME_S = 2.0
Passes = list[tuple[int, str, float, float]]


def with_comity(elements: list[MeanElements]) -> list[StationWindow]:
    """All windows, from mean elements to the list."""
    trajectories, _ = sgp4_trajectories(elements, EarthOrientation.bundled())
    return station_windows(trajectories, SITES, DAY)


def usable(elements: Sequence[MeanElements]) -> list[MeanElements]:
    """Those that do not decay within the day: the peer would find passes of the others all the same."""
    decayed: set[int] = set()
    trajectories, refused = sgp4_trajectories(elements, EarthOrientation.bundled())
    station_windows(trajectories, SITES, DAY, on_error=lambda one, error: decayed.add(one.norad_id))
    decayed |= {error.norad_id for error in refused}
    return [one for one in elements if one.norad_id not in decayed]


def with_skyfield(elements: list[MeanElements]) -> Passes:
    """Whole passes by ``EarthSatellite.find_events``: NORAD id, site, rise and set (s of the day)."""
    scale = load.timescale(builtin=True)
    start = scale.from_datetime(DAY.start.datetime)
    end = scale.from_datetime(DAY.end.datetime)
    places = [(site.name, wgs84.latlon(site.lat_deg, site.lon_deg, site.altitude_m)) for site in SITES]
    found: Passes = []
    for one in elements:
        line1, line2 = to_tle(one)
        satellite = EarthSatellite(line1, line2, one.name, scale)
        for name, place in places:
            rise: float | None = None
            for moment, event in zip(*satellite.find_events(place, start, end, MASK_DEG), strict=True):
                seconds = Epoch.from_datetime(moment.utc_datetime()) - DAY.start
                if event == 0:
                    rise = seconds
                elif event == 2 and rise is not None:
                    found.append((one.norad_id, name, rise, seconds))
                    rise = None
    return found


def agreement(ours: list[StationWindow], theirs: Passes) -> dict[str, Any]:
    """How many whole passes both have, ends within :data:`SAME_S`, and how far these lie apart.

    Skyfield joins passes of highly elliptic orbits such as Molniya's, whose gap at perigee is short.
    """
    mine: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for window in ours:
        if DAY.start < window.interval.start and window.interval.end < DAY.end:
            span = (window.interval.start - DAY.start, window.interval.end - DAY.start)
            mine.setdefault((window.norad_id, window.target), []).append(span)
    nearest = [
        min((max(abs(a - rise), abs(b - fall)) for a, b in mine.get((norad_id, site), [])), default=SAME_S)
        for norad_id, site, rise, fall in theirs
    ]
    same = [apart for apart in nearest if apart < SAME_S]
    return {
        "whole_passes": sum(map(len, mine.values())),
        "peer_whole_passes": len(theirs),
        "in_both": len(same),
        "largest_difference_s": round(max(same, default=0.0), 3),
    }


def best_of(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Least wall seconds of so many calls, and the last result."""
    least, result = float("inf"), None
    for _ in range(times):
        begun = time.perf_counter()
        result = work()
        least = min(least, time.perf_counter() - begun)
    return least, result


def row(number: int, objects: int) -> dict[str, Any]:
    """One comparison over the first so many objects of the catalogue."""
    elements = usable(read_elements(CATALOGUE).elements[:objects])  # this also loads the compiled kernels
    ours_s, ours = best_of(3, lambda: with_comity(elements))
    theirs_s, theirs = best_of(1, lambda: with_skyfield(elements))
    return {
        "row": number,
        "what": f"{len(elements)} objects × {len(SITES)} sites × 1 day, mask {MASK_DEG:g}°",
        "peer": f"skyfield {skyfield.__version__}",
        "comity_s": round(ours_s, 3),
        "peer_s": round(theirs_s, 3),
        "ratio": round(theirs_s / ours_s, 1),
        **agreement(ours, theirs),
    }


ROWS = {1: 30, 2: 100, 3: 300}


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", type=int, choices=sorted(ROWS), help="only this row (default: all)")
    asked = parser.parse_args().row
    for number, objects in ROWS.items():
        if asked in (None, number):
            print(json.dumps(row(number, objects), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
