"""Planning problems at any size, from circular orbits over a turning sphere.

Rough on purpose (no drag, no oblateness but the Sun-synchronous node): what matters here is that
windows, strips, passes and slews have the sizes and the coincidences of the real thing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch
from comity.planning import Contact, Opportunity, Problem, SpacecraftLimits, Task

MU, EARTH, SPIN = 3.986004418e14, 6_371_000.0, 7.2921159e-5
STATIONS = ((37.6, 55.7), (104.0, 30.6), (42.6, 11.5), (73.4, 55.0), (129.7, 62.0), (-70.9, -53.0))
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Craft:
    id: str
    altitude_m: float
    inclination: float
    node: float
    phase: float
    swath_m: float
    max_off_nadir: float
    rate_bps: float

    def state(self, t: Array) -> tuple[Array, Array]:
        """Inertial position (n, 3) m and unit velocity direction (n, 3)."""
        a = EARTH + self.altitude_m
        u = self.phase + math.sqrt(MU / a**3) * t
        node = self.node + (2e-7 * t if self.inclination > 1.6 else 0.0 * t)
        cu, su, cn, sn = np.cos(u), np.sin(u), np.cos(node), np.sin(node)
        ci, si = math.cos(self.inclination), math.sin(self.inclination)
        r = np.stack([cn * cu - sn * su * ci, sn * cu + cn * su * ci, su * si], axis=-1)
        v = np.stack([-cn * su - sn * cu * ci, -sn * su + cn * cu * ci, cu * si], axis=-1)
        return a * r, v


def _ground(lon: float, lat: float, t: Array) -> Array:
    """Inertial unit vector (n, 3) of a point that turns with the Earth."""
    theta = math.radians(lon) + SPIN * t
    c = math.cos(math.radians(lat))
    return np.stack([c * np.cos(theta), c * np.sin(theta), np.full_like(t, math.sin(math.radians(lat)))], -1)


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _look(craft: _Craft, target: Array, t: Array) -> tuple[Array, Array]:
    """Unit line of sight (n, 3) and off-nadir angle (n,) rad from the craft to ``target`` (n, 3)."""
    r, _ = craft.state(t)
    los = EARTH * target - r
    los /= np.linalg.norm(los, axis=1)[:, None]
    nadir = -r / np.linalg.norm(r, axis=1)[:, None]
    return los, np.arccos(np.clip((los * nadir).sum(1), -1, 1))


def constellation(
    *,
    spacecraft: int = 18,
    days: float = 7.0,
    points: int = 100,
    areas: int = 2,
    cells: int = 1000,
    memory_bits: float = 8e11,
    seed: int = 0,
    step_s: float = 10.0,
) -> Problem:
    """A joint operator's week: ``points`` targets, ``areas`` territories of ``cells`` cells each."""
    rng = np.random.default_rng(seed)
    horizon = days * 86_400
    t = np.arange(0.0, horizon, step_s)
    sun = np.array([1.0, 0.0, 0.0])
    fleet = [
        _Craft(
            id=f"sat-{k + 1}",
            altitude_m=float(rng.uniform(480e3, 650e3)),
            inclination=math.radians(97.8),
            node=math.radians(rng.choice([-22.5, 157.5]) + rng.uniform(-12, 12)),
            phase=float(rng.uniform(0, 2 * math.pi)),
            swath_m=float(rng.choice([14e3, 23e3, 38e3, 45e3, 60e3])),
            max_off_nadir=math.radians(rng.choice([25, 30, 35, 40])),
            rate_bps=float(rng.choice([3e8, 6e8, 9e8])),
        )
        for k in range(spacecraft)
    ]
    clusters = rng.uniform([-120, -45], [150, 60], (max(1, points // 5), 2))
    places = [
        tuple(clusters[rng.integers(len(clusters))] + rng.normal(0, 4, 2))
        if rng.random() < 0.6
        else tuple(rng.uniform([-120, -45], [150, 60]))
        for _ in range(points)
    ]
    centres = [(42.6 + 9 * k, 11.7 + 6 * k) for k in range(areas)]
    half = 100e3
    side = math.ceil(math.sqrt(cells))
    grid = (np.arange(side) + 0.5) / side * 2 * half - half
    gx, gy = (g.ravel()[:cells] for g in np.meshgrid(grid, grid))
    weights = rng.uniform(0.5, 1.5, cells)
    weights /= weights.sum()

    tasks = [
        Task(id=f"point-{k}", order=f"order-{k // 10}", value=float(rng.integers(5, 60)) * 100)
        for k in range(points)
    ]
    tasks += [
        Task(id=f"area-{k}", order=f"area-{k}", value=60_000.0, cells=tuple(weights)) for k in range(areas)
    ]
    opportunities: list[Opportunity] = []
    contacts: list[Contact] = []

    def add(task: str, craft: _Craft, start: float, end: float, at: Array, quality: float, covered=None):
        look, _ = _look(craft, at, np.array([start, end]))
        opportunities.append(
            Opportunity(
                id=f"{task}/{craft.id}/{len(opportunities)}",
                task=task,
                spacecraft=craft.id,
                start_s=start,
                end_s=end,
                from_direction=tuple(look[0]),
                to_direction=tuple(look[1]),
                quality=quality,
                bits=craft.rate_bps * (end - start),
                cells=covered,
            )
        )

    clear = rng.uniform(0.4, 0.9, points + areas)
    suits = rng.random((spacecraft, points)) < 0.3
    suits[rng.integers(spacecraft, size=points), np.arange(points)] = True
    first_day = np.where(rng.random(points) < 0.3, rng.integers(0, max(1, int(days)), points), -1)
    for number, craft in enumerate(fleet):
        r, _ = craft.state(t)
        for k, (lon, lat) in enumerate(places + centres):
            if k < points and not suits[number, k]:
                continue
            target = _ground(lon, lat, t)
            lit = target @ sun > math.sin(math.radians(15))
            near = (r * target).sum(1) > EARTH
            if k < points and first_day[k] >= 0:
                near &= np.abs(t - (first_day[k] + 0.5) * 86_400) < 43_200
            index = np.flatnonzero(lit & near)
            if not len(index):
                continue
            _, off = _look(craft, target[index], t[index])
            reach = craft.max_off_nadir + (0.1 if k >= points else 0.0)
            mask = np.zeros(len(t), dtype=bool)
            mask[index] = off < reach
            angle = np.full(len(t), np.inf)
            angle[index] = off
            for a, b in _runs(mask):
                best = a + int(np.argmin(angle[a : b + 1]))
                if k < points:
                    for s in sorted({best, *np.linspace(a, b, 5).astype(int).tolist()})[:5]:
                        start = float(t[s])
                        end = start + 6.0
                        if end > horizon:
                            continue
                        good = 1 - 0.4 * float(angle[s] / craft.max_off_nadir) ** 2
                        add(f"point-{k}", craft, start, end, _ground(lon, lat, np.array([start, end])),
                            float(clear[k] * good))  # fmt: skip
                    continue
                _strips(
                    add, craft, k - points, lon, lat, float(t[best]), half, gx, gy, float(clear[k]), horizon
                )
        for j, (lon, lat) in enumerate(STATIONS):
            up = _ground(lon, lat, t)
            los = r - EARTH * up
            high = (los * up).sum(1) / np.linalg.norm(los, axis=1) > math.sin(math.radians(10))
            for a, b in _runs(high):
                if b - a >= 12:
                    contacts.append(
                        Contact(
                            id=f"{craft.id}/gs-{j}/{len(contacts)}",
                            spacecraft=craft.id,
                            station=f"gs-{j}",
                            start_s=float(t[a]),
                            end_s=float(t[b]),
                            rate_bps=3e8,
                        )
                    )
    limits = [
        SpacecraftLimits(
            id=c.id,
            slew_rate_rad_s=math.radians(1.0),
            slew_acceleration_rad_s2=math.radians(0.2),
            settle_s=5.0,
            memory_bits=memory_bits,
        )
        for c in fleet
    ]
    return Problem(
        start=Epoch.from_iso("2024-09-22T00:00:00Z"),
        horizon_s=horizon,
        tasks=tuple(tasks),
        opportunities=tuple(opportunities),
        contacts=tuple(contacts),
        spacecraft=tuple(limits),
        antennas={f"gs-{j}": 1 + j % 2 for j in range(len(STATIONS))},
        busy_spacecraft={},
        busy_stations={},
    )


def _strips(add, craft, k, lon, lat, t0, half, gx, gy, clear, horizon):
    """Cut the square of area ``k`` into strips along the ground track of the pass nearest at ``t0``."""
    east = _ground(lon + 90, 0, np.array([t0]))[0]
    up = _ground(lon, lat, np.array([t0]))[0]
    north = np.cross(up, east)
    _, v = craft.state(np.array([t0]))
    a = EARTH + craft.altitude_m
    speed = math.sqrt(MU / a) * EARTH / a
    heading = np.array([v[0] @ east * math.sqrt(MU / a) - SPIN * a * math.cos(math.radians(lat)),
                        v[0] @ north * math.sqrt(MU / a)])  # fmt: skip
    heading /= np.linalg.norm(heading)
    across = gx * heading[1] - gy * heading[0]
    along = gx * heading[0] + gy * heading[1]
    for c in np.arange(across.min() + craft.swath_m / 2, across.max(), craft.swath_m * 0.95):
        covered = np.flatnonzero(np.abs(across - c) < craft.swath_m / 2)
        if not len(covered):
            continue
        lo, hi = float(along[covered].min()), float(along[covered].max())
        start, end = t0 + lo / speed, t0 + max(hi, lo + 5e3) / speed
        if start < 0 or end > horizon:
            continue

        def ground(s: float, c: float = c) -> Array:
            x = c * heading[1] + s * heading[0]
            y = -c * heading[0] + s * heading[1]
            point = up + (x * east + y * north) / EARTH
            return point / np.linalg.norm(point)

        ends = np.array([ground(lo), ground(hi)])
        _, off = _look(craft, ends, np.array([start, end]))
        worst = float(off.max())
        if worst > craft.max_off_nadir:
            continue
        good = 1 - 0.4 * (worst / craft.max_off_nadir) ** 2
        add(f"area-{k}", craft, start, end, ends, clear * good, tuple(int(i) for i in covered))
