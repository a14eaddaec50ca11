"""Reference passes from dense ``sgp4`` states, for ``comity validate access``; nothing of Comity is used.

    python tests/validation/make_reference_windows.py choose CATALOGUE.3le   # writes catalogue-300.3le
    python tests/validation/make_reference_windows.py windows                # writes windows-sgp4.csv.gz

They lie in the ``data`` folders of ``orbits`` and ``access``, where ``comity validate`` reads them.

Method: ``sgp4`` states of the TLE lines every 5 s, GMST (IAU 1982) with UT1 and polar motion from the IERS
finals2000A file, WGS-84 sites; sign changes of the height above the mask are bisected on fresh ``sgp4``
states to below 1e-6 s. Every local extremum within 3 km of the mask is scanned again at 5 ms, so that no pass
hides between two states.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import astropy_iers_data
import numpy as np
from reference_tables import ACCESS, ORBITS, versions, write_table
from sgp4.api import Satrec

CATALOGUE = ORBITS / "catalogue-300.3le"
WINDOWS = ACCESS / "windows-sgp4.csv.gz"

START = "2024-09-22T00:00:00Z"
DAY_UTC_JD = 2460575.5  # 2024-09-22T00:00:00 UTC
DAY_MJD = 60575
SPAN_S = 86_400.0
STEP_S = 5.0
MASK_DEG = 10.0
NEAR_M = 3_000.0

#: name: lon, lat, altitude above the ellipsoid (m)
SITES = {
    "djibouti": (43.145, 11.588, 15.0),
    "lac-assal": (42.416, 11.652, -155.0),
    "north-pole": (0.0, 90.0, 0.0),
    "south-pole": (45.0, -90.0, 2835.0),
    "antimeridian-fiji": (180.0, -16.8, 5.0),
    "antimeridian-chukotka": (-179.99, 65.2, 120.0),
    "svalbard": (15.39, 78.23, 450.0),
    "punta-arenas": (-70.87, -52.94, 30.0),
    "quito": (-78.5, -0.2, 2850.0),
    "beijing": (116.4, 39.9, 50.0),
}


def earth_orientation():
    """UT1−UTC (s), xp, yp (rad) as functions of seconds since the day began; no leap second is near."""
    rows = {}
    for line in Path(astropy_iers_data.IERS_A_FILE).read_text().splitlines():
        mjd = int(float(line[7:15]))
        if DAY_MJD - 1 <= mjd <= DAY_MJD + 2:
            rows[mjd] = float(line[154:165]), float(line[134:144]), float(line[144:154])  # Bulletin B
    days = sorted(rows)
    at = (np.array(days) - DAY_MJD) * 86_400.0
    table = np.array([rows[d] for d in days])
    arcsec = math.pi / 648_000.0
    return lambda t: (
        np.interp(t, at, table[:, 0]),
        np.interp(t, at, table[:, 1]) * arcsec,
        np.interp(t, at, table[:, 2]) * arcsec,
    )


ORIENTATION = earth_orientation()


def earth_fixed(satellite, t):
    """(n, 3) km, ITRF, at seconds ``t`` of the day; None when ``sgp4`` reports an error."""
    error, r, _ = satellite.sgp4_array(np.full(len(t), DAY_UTC_JD), t / 86_400.0)
    if error.any():
        return None
    ut1_utc, xp, yp = ORIENTATION(t)
    centuries = ((DAY_UTC_JD - 2451545.0) + (t + ut1_utc) / 86_400.0) / 36_525.0
    seconds = (
        67310.54841
        + (876_600 * 3_600.0 + 8_640_184.812866) * centuries
        + 0.093104 * centuries**2
        - 6.2e-6 * centuries**3
    )
    gmst = (seconds % 86_400.0) * (2 * math.pi / 86_400.0)
    c, s = np.cos(gmst), np.sin(gmst)
    x, y, z = c * r[:, 0] + s * r[:, 1], c * r[:, 1] - s * r[:, 0], r[:, 2]
    return np.stack([x + xp * z, y - yp * z, z - xp * x + yp * y], axis=-1)


def site_frame(lon, lat, altitude):
    """Position (3,) km and ellipsoid normal (3,)."""
    a, f = 6378.137, 1 / 298.257223563
    e2 = f * (2 - f)
    lon, lat = math.radians(lon), math.radians(lat)
    n = a / math.sqrt(1 - e2 * math.sin(lat) ** 2)
    h = altitude / 1000.0
    up = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
    return np.array([(n + h) * up[0], (n + h) * up[1], (n * (1 - e2) + h) * up[2]]), up


def above_mask(fixed, position, up):
    """Height (m) above the cone of the mask, and elevation (deg)."""
    d = fixed - position
    distance = np.linalg.norm(d, axis=-1)
    along = d @ up
    elevation = np.degrees(np.arcsin(along / distance))
    return 1000.0 * (along - math.sin(math.radians(MASK_DEG)) * distance), elevation


def passes(line1, line2):
    """Rows (site, start s, end s, greatest elevation deg) of one object; None when it has decayed."""
    satellite = Satrec.twoline2rv(line1, line2)
    grid = np.arange(0.0, SPAN_S + STEP_S / 2, STEP_S)
    fixed = earth_fixed(satellite, grid)
    if satellite.error or fixed is None:
        return None
    # Long after decay sgp4's drag polynomials may throw an object far out without an error code.
    if np.linalg.norm(fixed, axis=1).max() > 3 * 6378.135 * (1 + satellite.alta):
        return None
    rows = []
    for name, place in SITES.items():
        position, up = site_frame(*place)
        height, elevation = above_mask(fixed, position, up)
        times, signs, tops = grid, height > 0, elevation
        climbs = np.diff(height) > 0
        turning = (climbs[:-1] != climbs[1:]) & (abs(height[1:-1]) < NEAR_M)
        for k in np.nonzero(turning)[0] + 1:
            fine = np.arange(grid[k - 1], grid[k + 1], 0.005)
            h, e = above_mask(earth_fixed(satellite, fine), position, up)
            times, signs, tops = np.append(times, fine), np.append(signs, h > 0), np.append(tops, e)
        order = np.argsort(times, kind="stable")
        times, signs, tops = times[order], signs[order], tops[order]
        change = np.nonzero(signs[:-1] != signs[1:])[0]
        low, high, rising = times[change].copy(), times[change + 1].copy(), signs[change + 1]
        for _ in range(32):
            middle = 0.5 * (low + high)
            if len(middle):
                up_here = above_mask(earth_fixed(satellite, middle), position, up)[0] > 0
                high = np.where(up_here == rising, middle, high)
                low = np.where(up_here == rising, low, middle)
        edges = list(0.5 * (low + high))
        edges = ([0.0] if signs[0] else []) + edges + ([SPAN_S] if signs[-1] else [])
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            inside = (times >= start) & (times <= end)
            rows.append((name, start, end, float(tops[inside].max()) if inside.any() else MASK_DEG))
    return rows


def objects(text):
    """(name, line 1, line 2) of a 3LE text."""
    lines = text.splitlines()
    return [(lines[k].strip(), lines[k + 1], lines[k + 2]) for k in range(0, len(lines) - 2, 3)]


def choose(full, count=300, seed=20240922):
    """A stratified subset of a catalogue: every kind of orbit, with the rare ones over-represented."""
    kinds = {
        "molniya": (25, lambda n, e, i, q, old: e > 0.5 and 1.9 < n < 2.1),
        "eccentric": (20, lambda n, e, i, q, old: e > 0.3),
        "very-high": (6, lambda n, e, i, q, old: n < 0.9),
        "geostationary": (25, lambda n, e, i, q, old: 0.99 < n < 1.01 and i < 1 and not old),
        "geosynchronous": (15, lambda n, e, i, q, old: 0.99 < n < 1.01 and i > 5 and not old),
        "navigation": (20, lambda n, e, i, q, old: 1.5 < n < 2.5),
        "decaying": (20, lambda n, e, i, q, old: q < 300),
        "retrograde": (15, lambda n, e, i, q, old: i > 101),
        "old": (34, lambda n, e, i, q, old: old),
    }
    named = ("KANOPUS", "RESURS-P", "ZORKIY", "DJIBOUTI", "METEOR-M2", "ARKTIKA", "GAOFEN-1", "GAOFEN-2")
    rng = np.random.default_rng(seed)
    pool = []
    for entry in objects(Path(full).read_text()):
        l1, l2 = entry[1], entry[2]
        if any(sum(int(c) if c.isdigit() else c == "-" for c in x[:68]) % 10 != int(x[68]) for x in (l1, l2)):
            continue
        n, e, i = float(l2[52:63]), float("0." + l2[26:33]), float(l2[8:16])
        q = (398600.8 / (n * 2 * math.pi / 86400) ** 2) ** (1 / 3) * (1 - e) - 6378.1
        age = 366 * (24 - int(l1[18:20]) % 100) + 266 - float(l1[20:32])
        pool.append((entry, (n, e, i, q, abs(age) > 60)))
    taken = {k for k, (entry, _) in enumerate(pool) if entry[0].startswith(named)}
    for wanted, belongs in kinds.values():
        of_kind = [k for k, (_, facts) in enumerate(pool) if k not in taken and belongs(*facts)]
        taken.update(int(k) for k in rng.permutation(of_kind)[:wanted])
    rest = [k for k in range(len(pool)) if k not in taken]
    taken.update(int(k) for k in rng.permutation(rest)[: max(0, count - len(taken))])
    chosen = [pool[k][0] for k in sorted(taken)][:count]
    CATALOGUE.write_text("".join(f"{a}\n{b}\n{c}\n" for a, b, c in chosen))


def write_windows():
    rows = []
    for _, line1, line2 in objects(CATALOGUE.read_text()):
        found = passes(line1, line2)
        if found is None:
            rows.append((line1[2:7].strip(), "", "", "", ""))  # decayed: no position that day
            continue
        for site, start, end, top in found:
            rows.append((line1[2:7].strip(), site, f"{start:.5f}", f"{end:.5f}", f"{top:.4f}"))
    about = {
        "program": "sgp4 package, dense",
        "versions": versions("sgp4", "astropy-iers-data"),
        "propagation": f"sgp4 every {STEP_S:g} s, every near miss again at 5 ms",
        "frames": "TEME to PEF by GMST (IAU 1982), to ITRF by polar motion",
        "earth_orientation": "IERS finals2000A, Bulletin B",
        "search": "bisection on sgp4 states to 1e-6 s",
        "start": START,
        "span_s": SPAN_S,
        "mask_deg": MASK_DEG,
        "shortest_s": 0.0,
    }
    write_table(WINDOWS, about, ["norad_id", "site", "start_s", "end_s", "max_elevation_deg"], rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["choose"] and len(sys.argv) == 3:
        choose(sys.argv[2])
    elif sys.argv[1:] == ["windows"]:
        write_windows()
    else:
        sys.exit(__doc__)
