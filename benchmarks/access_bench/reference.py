"""The truth that windows are held against: a dense scan of the ``sgp4`` package, bisected on SGP4 itself.

Written for this benchmark, apart from Comity's code: positions from ``sgp4``, sidereal time and polar motion
from ``erfa``, Earth orientation read from IERS's ``finals2000A`` and interpolated linearly. Between samples,
every extremum that could hide a window (or a gap) is searched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import astropy_iers_data
import erfa
import numpy as np
from numpy.typing import NDArray
from sgp4.api import Satrec

from access_bench.job import FloatArray, Job

STEP_S = 5.0
#: An extremum of the clearance between two samples of a low orbit is nearer than this to the samples (m).
NEAR_M = 20_000.0
_UNIX_JD = 2_440_587.5
_UNIX_MJD = 40_587.0


class Earth:
    """TEME → ITRF over a job's time span (IAU 1982 sidereal time, polar motion), and its sites."""

    def __init__(self, job: Job) -> None:
        unix = job.begin.timestamp()
        day, rest = divmod(unix, 86_400.0)
        self.jd, self.rest_s = _UNIX_JD + day, rest
        self.knots_s, self.xp, self.yp, self.ut1_utc = _orientation(job, unix)
        a, f = 6_378_137.0, 1.0 / 298.257223563
        lon, lat, height = np.radians(np.array(job.sites)).T
        height = np.array([site[2] for site in job.sites])
        e2 = f * (2.0 - f)
        normal = a / np.sqrt(1.0 - e2 * np.sin(lat) ** 2)
        self.up = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
        self.place = (normal + height)[:, None] * self.up
        self.place[:, 2] -= normal * e2 * np.sin(lat)

    def fixed(self, teme_m: FloatArray, seconds: FloatArray) -> FloatArray:
        """Positions (n, 3) m in ITRF."""
        ut1_utc = np.interp(seconds, self.knots_s, self.ut1_utc)
        angle = erfa.gmst82(self.jd, (self.rest_s + seconds + ut1_utc) / 86_400.0)
        cos, sin = np.cos(angle), np.sin(angle)
        x = cos * teme_m[:, 0] + sin * teme_m[:, 1]
        y = cos * teme_m[:, 1] - sin * teme_m[:, 0]
        pef = np.stack([x, y, teme_m[:, 2]], axis=1)
        # one matrix for the middle of each hour: the pole moves by less than a millimetre in an hour
        hour = np.floor(seconds / 3600.0)
        for one in np.unique(hour):
            there = hour == one
            xp = float(np.interp(3600.0 * one + 1800.0, self.knots_s, self.xp))
            yp = float(np.interp(3600.0 * one + 1800.0, self.knots_s, self.yp))
            pef[there] = pef[there] @ erfa.pom00(xp, yp, 0.0).T
        return pef


def _orientation(job: Job, unix: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    first, last = unix / 86_400.0 + _UNIX_MJD - 1.5, (unix + job.duration_s) / 86_400.0 + _UNIX_MJD + 1.5
    rows = []
    for line in Path(astropy_iers_data.IERS_A_FILE).read_text(encoding="ascii").splitlines():
        day = float(line[7:15])
        if first <= day <= last:
            rows.append((day, float(line[18:27]), float(line[37:46]), float(line[58:68])))
    day, xp, yp, ut1_utc = np.array(rows).T
    arcsec = math.pi / 648_000.0
    return (day - _UNIX_MJD) * 86_400.0 - unix, xp * arcsec, yp * arcsec, ut1_utc


class Clearance:
    """Metres by which one satellite clears the job's condition over each site: positive inside a window."""

    def __init__(self, job: Job, earth: Earth, lines: tuple[str, str]) -> None:
        self.earth = earth
        self.satellite = Satrec.twoline2rv(*lines)
        self.sine = math.sin(math.radians(job.mask_deg))
        self.cosine = None if job.half_cone_deg is None else math.cos(math.radians(job.half_cone_deg))

    def position(self, seconds: FloatArray) -> FloatArray:
        """(n, 3) m, ITRF."""
        days = np.full(len(seconds), self.earth.jd)
        codes, km, _ = self.satellite.sgp4_array(days, (self.earth.rest_s + seconds) / 86_400.0)
        if codes.any():
            raise ValueError(f"SGP4 gives error {codes.max()} for {self.satellite.satnum}")
        return self.earth.fixed(km * 1e3, seconds)

    def at(self, seconds: FloatArray, site: NDArray[np.int64]) -> FloatArray:
        """At ``seconds`` (n,) over ``site`` (n,)."""
        x = self.position(seconds)
        d = x - self.earth.place[site]
        distance = np.sqrt(np.einsum("ij,ij->i", d, d))
        height = np.einsum("ij,ij->i", d, self.earth.up[site])
        return self._value(x, np.einsum("ij,ij->i", x, d), distance, height)

    def everywhere(self, seconds: FloatArray) -> FloatArray:
        """(n, m): at ``seconds`` (n,) over every site."""
        x = self.position(seconds)
        place, up = self.earth.place, self.earth.up
        along = x @ place.T
        square = np.einsum("ij,ij->i", x, x)[:, None]
        distance = np.sqrt(square + np.einsum("ij,ij->i", place, place) - 2.0 * along)
        height = x @ up.T - np.einsum("ij,ij->i", place, up)
        return self._value(x, square - along, distance, height)

    def _value(
        self, x: FloatArray, inward: FloatArray, distance: FloatArray, height: FloatArray
    ) -> FloatArray:
        if self.cosine is None:
            return height - self.sine * distance
        radius = np.sqrt(np.einsum("ij,ij->i", x, x))
        radius = radius if inward.ndim == 1 else radius[:, None]
        return np.asarray(np.minimum(inward / radius - self.cosine * distance, height))


def windows_of(job: Job) -> FloatArray:
    """Every window (n, 4): satellite, site, start (s), end (s), by satellite, site, start."""
    earth = Earth(job)
    found = [
        np.insert(_of_one(job, Clearance(job, earth, lines)), 0, k, axis=1)
        for k, lines in enumerate(job.lines)
    ]
    return np.concatenate(found)


def _of_one(job: Job, clearance: Clearance) -> FloatArray:
    """(n, 3): site, start, end of one satellite."""
    count = math.ceil(job.duration_s / STEP_S)
    seconds = np.linspace(0.0, job.duration_s, count + 1)
    value = clearance.everywhere(seconds)
    inside = value > 0.0
    node, site = np.nonzero(inside[:-1] != inside[1:])
    low, high, rising = seconds[node], seconds[node + 1], inside[node + 1, site]
    for sign in (1.0, -1.0):
        turned = sign * value
        middle = turned[1:-1]
        peak = (middle <= 0.0) & (middle > -NEAR_M) & (middle >= turned[:-2]) & (middle >= turned[2:])
        at, where = np.nonzero(peak)
        if not len(at):
            continue
        top, height = _extremum(clearance, sign, seconds[at], seconds[at + 2], where)
        real = height > 0.0
        top, where, at = top[real], where[real], at[real]
        low = np.concatenate([low, seconds[at], top])
        high = np.concatenate([high, top, seconds[at + 2]])
        site = np.concatenate([site, where, where])
        rising = np.concatenate([rising, np.full(len(top), sign > 0.0), np.full(len(top), sign < 0.0)])
    for _ in range(32):
        middle = 0.5 * (low + high)
        upper = (clearance.at(middle, site) > 0.0) == rising
        high, low = np.where(upper, middle, high), np.where(upper, low, middle)
    edge = 0.5 * (low + high)
    every = np.arange(len(job.sites))
    starts = _sorted(every[inside[0]], 0.0, site[rising], edge[rising])
    ends = _sorted(every[inside[-1]], job.duration_s, site[~rising], edge[~rising])
    if not np.array_equal(starts[:, 0], ends[:, 0]) or (starts[:, 1] > ends[:, 1]).any():
        raise ValueError("rises and sets of the reference do not pair: its step is too long for this orbit")
    return np.column_stack([starts, ends[:, 1]])


def _extremum(
    clearance: Clearance, sign: float, low: FloatArray, high: FloatArray, site: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Where in [low, high] sign × clearance is greatest, and how great: a comb drawn tighter four times."""
    teeth = 21
    rows = np.arange(len(low))
    for _ in range(4):
        comb = np.linspace(low, high, teeth, axis=1)
        heights = sign * clearance.at(comb.ravel(), np.repeat(site, teeth)).reshape(-1, teeth)
        best = np.argmax(heights, axis=1)
        low = comb[rows, np.maximum(best - 1, 0)]
        high = comb[rows, np.minimum(best + 1, teeth - 1)]
    return comb[rows, best], heights[rows, best]


def _sorted(first: NDArray[np.int64], at: float, site: NDArray[np.int64], edge: FloatArray) -> FloatArray:
    rows = np.column_stack([np.append(first, site), np.append(np.full(len(first), at), edge)])
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How found windows stand to true ones: counts, and edge differences (s) of those matched one to one.

    ``joined``: true or found windows that meet two or more of the other kind. Edges at the ends of the time
    span are not events and are left out.
    """

    windows: int
    true_windows: int
    missed: int
    longest_missed_s: float
    invented: int
    joined: int
    edge_p50_s: float
    edge_p99_s: float
    edge_max_s: float


def compare(truth: FloatArray, found: FloatArray, duration_s: float) -> Agreement:
    """Hold found windows (n, 4) against the true ones; both: satellite, site, start, end."""
    truth, found = _on_one_axis(truth, duration_s), _on_one_axis(found, duration_s)
    first, past = np.searchsorted(found[:, 1], truth[:, 0]), np.searchsorted(found[:, 0], truth[:, 1])
    back, forth = np.searchsorted(truth[:, 1], found[:, 0]), np.searchsorted(truth[:, 0], found[:, 1])
    met, meets = past - first, forth - back
    missed, invented = met <= 0, meets <= 0
    single = np.flatnonzero(met == 1)
    single = single[meets[first[single]] == 1]
    a, b = truth[single], found[first[single]]
    whole_start, whole_end = a[:, 2] > 1e-3, a[:, 3] < duration_s - 1e-3
    edges = np.concatenate([np.abs(a[:, 2] - b[:, 2])[whole_start], np.abs(a[:, 3] - b[:, 3])[whole_end]])
    p50, p99, most = np.quantile(edges, [0.5, 0.99, 1.0]) if len(edges) else (math.nan,) * 3
    return Agreement(
        windows=len(found),
        true_windows=len(truth),
        missed=int(missed.sum()),
        longest_missed_s=round(float(np.max((truth[:, 1] - truth[:, 0])[missed], initial=0.0)), 3),
        invented=int(invented.sum()),
        joined=int((met > 1).sum() + (meets > 1).sum()),
        edge_p50_s=float(f"{p50:.3g}"),
        edge_p99_s=float(f"{p99:.3g}"),
        edge_max_s=float(f"{most:.3g}"),
    )


def _on_one_axis(windows: FloatArray, duration_s: float) -> FloatArray:
    """(n, 4): start and end with every pair on its own stretch of one axis, sorted; then start, end."""
    offset = (windows[:, 0] * 100_000.0 + windows[:, 1]) * (duration_s + 1_000.0)
    rows = np.column_stack([windows[:, 2] + offset, windows[:, 3] + offset, windows[:, 2:]])
    return rows[np.argsort(rows[:, 0], kind="stable")]
