"""A fleet's day as a planning problem, made of random windows: sizes and shortages like the real thing."""

from __future__ import annotations

import math
import random

from comity.core import Epoch
from comity.planning.problem import (
    Battery,
    Contact,
    Opportunity,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    Station,
)

START = Epoch.from_iso("2026-04-14T00:00:00Z")
DAY_S = 86_400.0
ORBIT_S = 5_700.0


def fleet_problem(
    satellites: int = 20, requests: int = 2_000, chances: int = 7, *, seed: int = 0, day_s: float = DAY_S
) -> PlanningProblem:
    """Windows crowd around a few times of each orbit; memory, energy and contacts bind."""
    rng = random.Random(seed)
    orbits = int(day_s // ORBIT_S)
    crowded = [[rng.uniform(300, 2_400) for _ in range(3)] for _ in range(satellites)]
    opportunities = []
    for r in range(requests):
        for c in range(rng.randint(1, 2 * chances - 1)):
            s = rng.randrange(satellites)
            start = rng.randrange(orbits) * ORBIT_S + rng.choice(crowded[s]) + rng.gauss(0, 60)
            start = round(min(max(0.0, start), day_s - 200), 1)
            across, along = rng.uniform(-0.5, 0.5), 0.4
            opportunities.append(
                Opportunity(
                    id=f"r{r}.{c}", request=f"r{r}", satellite=f"s{s}",
                    start_s=start, end_s=start + 100, duration_s=10, step_s=15,
                    pointing=Pointing(
                        at_s=(start, start + 100), samples=(_look(across, along), _look(across, -along))
                    ),
                    bits=8e9, probability=rng.choice((1.0, 0.8, 0.6)),
                )
            )  # fmt: skip
    contacts = []
    for s in range(satellites):
        for k in range(orbits):
            at = k * ORBIT_S + 2_700 + rng.uniform(0, 600)
            station = f"g{rng.randrange(3)}"
            contacts.append(
                Contact(
                    id=f"c{s}.{k}", satellite=f"s{s}", station=station,
                    start_s=at, end_s=min(day_s, at + rng.uniform(200, 500)), rate_bps=3e8,
                )
            )  # fmt: skip
    sunlit = tuple((k * ORBIT_S + 2_000, k * ORBIT_S + 5_600) for k in range(orbits))
    battery = Battery(
        capacity_j=3e5, initial_j=2.5e5, least_j=1.5e5, idle_w=30, imaging_w=500, slew_w=100,
        sending_w=50, charge_w=90, sunlit=sunlit,
    )  # fmt: skip
    return PlanningProblem(
        name=f"fleet of {satellites}",
        start=START,
        horizon_s=day_s,
        requests=tuple(
            Request(
                id=f"r{r}", value=float(rng.randint(1, 50)), deliver_within_s=rng.choice((None, 20_000.0))
            )
            for r in range(requests)
        ),
        opportunities=tuple(opportunities),
        satellites=tuple(
            Satellite(
                id=f"s{s}",
                slew=Slew(rate_rad_s=0.03, acceleration_rad_s2=0.01, settle_s=5),
                memory_bits=1e11,
                battery=battery,
            )
            for s in range(satellites)
        ),
        stations=tuple(Station(id=f"g{k}", antennas=1 + k % 2, setup_s=60) for k in range(3)),
        contacts=tuple(contacts),
    )


def _look(across: float, along: float) -> tuple[float, float, float]:
    size = math.sqrt(across**2 + along**2 + 1)
    return along / size, across / size, -1 / size
