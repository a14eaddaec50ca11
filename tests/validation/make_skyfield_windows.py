"""Reference passes by Skyfield's positions and a bisection of their own, for ``comity validate access``.

    python tests/validation/make_skyfield_windows.py    # writes windows-skyfield.csv.gz of comity.access

Needs ``skyfield``, ``astropy-iers-data`` and ``sgp4``. Skyfield turns SGP4's TEME to GCRS and on to ITRF
(``skyfield.framelib.itrs``), with UT1 and polar motion of the IERS file. Positions stand every 10 s, and
every 0.25 s where the height above the mask turns near zero; edges are bisected on Skyfield's own positions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import astropy_iers_data
import numpy as np
from make_reference_windows import CATALOGUE, MASK_DEG, SITES, SPAN_S, START, objects
from reference_tables import ACCESS, versions, write_table
from skyfield.api import EarthSatellite, Loader, wgs84
from skyfield.data import iers
from skyfield.framelib import itrs

STEP_S = 10.0
#: A turn of the height above the mask this near to zero (m) is looked at again, ten times as finely.
NEAR_M = 15_000.0
HALVINGS = 20


def timescale():
    """Skyfield's time scale on the IERS file that the package carries, polar motion included."""
    folder = Path(tempfile.mkdtemp())
    (folder / "finals2000A.all").write_bytes(Path(astropy_iers_data.IERS_A_FILE).read_bytes())
    load = Loader(str(folder), verbose=False)
    ts = load.timescale(builtin=False)
    with (folder / "finals2000A.all").open("rb") as f:
        iers.install_polar_motion_table(ts, iers.parse_x_y_dut1_from_finals_all(f))
    return ts


def main():
    ts = timescale()
    sin_mask = np.sin(np.radians(MASK_DEG))
    places = {}
    for name, (lon, lat, altitude) in SITES.items():
        place = wgs84.latlon(lat, lon, altitude)
        a, b = np.radians([lon, lat])
        up = np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
        places[name] = place.itrs_xyz.km * 1e3, up

    def at(seconds):
        return ts.utc(2024, 9, 22, 0, 0, np.asarray(seconds))

    def fixed(satellite, t):
        position = satellite.at(t)
        return position.frame_xyz(itrs).km.T * 1e3, np.array(
            [m is None for m in np.atleast_1d(position.message)]
        )

    def height(xyz, place):
        d = xyz - place[0]
        return d @ place[1] - sin_mask * np.linalg.norm(d, axis=-1)

    grid = np.arange(0.0, SPAN_S + STEP_S / 2, STEP_S)
    coarse = at(grid)
    rows, edges = [], []
    for name, line1, line2 in objects(CATALOGUE.read_text()):
        number = line1[2:7].strip()
        satellite = EarthSatellite(line1, line2, name, ts)
        xyz, fine = fixed(satellite, coarse)
        distance = np.linalg.norm(xyz, axis=-1)
        # past a decay sgp4 may throw an object far out without an error
        if not (fine.all() and distance.max() < 3.0 * 6_378_135.0 * (1.0 + satellite.model.alta)):
            rows.append((number, "", "", ""))
            continue
        for site, place in places.items():
            value, t = height(xyz, place), grid
            climbs = np.diff(value) > 0
            turns = 1 + np.flatnonzero((climbs[:-1] != climbs[1:]) & (np.abs(value[1:-1]) < NEAR_M))
            if len(turns):
                extra = np.unique(np.concatenate([np.linspace(grid[k - 1], grid[k + 1], 81) for k in turns]))
                extra = np.setdiff1d(extra, grid)
                more = height(fixed(satellite, at(extra))[0], place)
                t, value = np.append(t, extra), np.append(value, more)
                order = np.argsort(t)
                t, value = t[order], value[order]
            above = value > 0
            change = np.flatnonzero(above[:-1] != above[1:])
            edges.append(
                (number, site, satellite, place, t[change], t[change + 1], above[change + 1], above[0])
            )
    # one object after another would compute Skyfield's nutation for a handful of times, again and again
    low = np.concatenate([e[4] for e in edges])
    high = np.concatenate([e[5] for e in edges])
    rising = np.concatenate([e[6] for e in edges])
    cuts = np.cumsum([0] + [len(e[4]) for e in edges])
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        value = np.empty(len(middle))
        moments = at(middle)
        for k, (_, _, satellite, place, *_rest) in enumerate(edges):
            span = slice(cuts[k], cuts[k + 1])
            if cuts[k] < cuts[k + 1]:
                value[span] = height(fixed(satellite, moments[span])[0], place)
        up = (value > 0) == rising
        high, low = np.where(up, middle, high), np.where(up, low, middle)
    root = 0.5 * (low + high)
    for k, (number, site, *_rest, starts_above) in enumerate(edges):
        times = list(root[cuts[k] : cuts[k + 1]])
        times = ([0.0] if starts_above else []) + times
        times += [SPAN_S] if len(times) % 2 else []
        rows += [(number, site, f"{a:.4f}", f"{b:.4f}") for a, b in zip(times[::2], times[1::2], strict=True)]
    about = {
        "program": "Skyfield",
        "versions": versions("skyfield", "sgp4", "astropy-iers-data"),
        "propagation": "sgp4 package, through skyfield.api.EarthSatellite",
        "frames": "TEME to GCRS by Skyfield, GCRS to ITRF by skyfield.framelib.itrs, polar motion installed",
        "earth_orientation": "IERS finals2000A, Bulletin A",
        "search": f"positions every {STEP_S:g} s, near misses every 0.25 s, bisection to 1e-5 s",
        "start": START,
        "span_s": SPAN_S,
        "mask_deg": MASK_DEG,
        "shortest_s": 0.25,
    }
    write_table(ACCESS / "windows-skyfield.csv.gz", about, ["norad_id", "site", "start_s", "end_s"], rows)


if __name__ == "__main__":
    main()
