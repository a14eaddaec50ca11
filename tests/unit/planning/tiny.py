"""Problems small enough to solve by trying everything, and the trying."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

from hypothesis import strategies as st
from ortools.linear_solver import pywraplp

from comity.core import Epoch
from comity.planning import Contact, Opportunity, Problem, SpacecraftLimits, Task

START = Epoch.from_iso("2024-09-22T00:00:00Z")
CRAFTS = ("sat-a", "sat-b")
STATIONS = ("north", "south")


def toward(degrees: float) -> tuple[float, float, float]:
    """Unit vector at this angle in a plane."""
    return (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0)


def craft(id: str, **changes: float) -> SpacecraftLimits:
    """A spacecraft that turns 10° in about 11 s and settles in 2 s."""
    figures = {
        "slew_rate_rad_s": math.radians(2.0),
        "slew_acceleration_rad_s2": math.radians(0.5),
        "settle_s": 2.0,
        "memory_bits": 100.0,
        "stored_bits": 0.0,
    }
    return SpacecraftLimits(id=id, **(figures | changes))


def look(
    id: str,
    task: str,
    spacecraft: str,
    start_s: float,
    end_s: float,
    angle_deg: float = 0.0,
    quality: float = 1.0,
    bits: float = 10.0,
    cells: tuple[int, ...] | None = None,
) -> Opportunity:
    """An opportunity that holds one direction."""
    return Opportunity(
        id=id,
        task=task,
        spacecraft=spacecraft,
        start_s=start_s,
        end_s=end_s,
        from_direction=toward(angle_deg),
        to_direction=toward(angle_deg),
        quality=quality,
        bits=bits,
        cells=cells,
    )


def contact(
    id: str, spacecraft: str, station: str, start_s: float, end_s: float, rate: float = 1.0
) -> Contact:
    """A contact at 1 bit/s unless said otherwise."""
    return Contact(id=id, spacecraft=spacecraft, station=station, start_s=start_s, end_s=end_s, rate_bps=rate)


def problem(
    tasks: list[Task],
    opportunities: list[Opportunity],
    contacts: list[Contact],
    spacecraft: list[SpacecraftLimits] | None = None,
    horizon_s: float = 1000.0,
    antennas: dict[str, int] | None = None,
    busy_spacecraft: dict[str, tuple[tuple[float, float], ...]] | None = None,
    busy_stations: dict[str, tuple[tuple[float, float], ...]] | None = None,
) -> Problem:
    """A problem with sat-a, sat-b and the stations north and south unless said otherwise."""
    return Problem(
        start=START,
        horizon_s=horizon_s,
        tasks=tuple(tasks),
        opportunities=tuple(opportunities),
        contacts=tuple(contacts),
        spacecraft=tuple(spacecraft or [craft(id) for id in CRAFTS]),
        antennas=antennas or dict.fromkeys(STATIONS, 1),
        busy_spacecraft=busy_spacecraft or {},
        busy_stations=busy_stations or {},
    )


def point(id: str, value: float = 100.0) -> Task:
    """A point task."""
    return Task(id=id, order="order-" + id, value=value)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Two spacecraft, two stations, up to eight opportunities; everything is scarce."""
    horizon = 200.0
    tasks = [point(f"p{k}", draw(st.integers(0, 20)) * 5.0) for k in range(draw(st.integers(2, 6)))]
    cells = (0.5, 0.2, 0.2, 0.1)
    if draw(st.booleans()):
        tasks.append(Task(id="area", order="order-area", value=120.0, cells=cells))
    opportunities = []
    for k in range(draw(st.integers(2, 8))):
        task = draw(st.sampled_from(tasks))
        start = draw(st.integers(0, 150))
        end = start + draw(st.integers(2, 15))
        covered = draw(st.sets(st.integers(0, 3), min_size=1)) if task.cells is not None else None
        opportunities.append(
            Opportunity(
                id=f"o{k}",
                task=task.id,
                spacecraft=draw(st.sampled_from(CRAFTS)),
                start_s=float(start),
                end_s=float(end),
                from_direction=toward(draw(st.integers(-40, 40))),
                to_direction=toward(draw(st.integers(-40, 40))),
                quality=draw(st.sampled_from([0.3, 0.5, 0.8, 1.0])),
                bits=float(draw(st.one_of(st.just(0), st.integers(10, 40)))),
                cells=None if covered is None else tuple(sorted(covered)),
            )
        )
    contacts = []
    for k in range(draw(st.integers(0, 7))):
        start = draw(st.integers(-10, 170))
        contacts.append(
            contact(
                f"c{k}",
                draw(st.sampled_from(CRAFTS)),
                draw(st.sampled_from(STATIONS)),
                float(start),
                float(start + draw(st.integers(5, 60))),
                draw(st.sampled_from([1.0, 1.5, 2.0])),
            )
        )
    span = st.tuples(st.integers(0, 150), st.integers(1, 30)).map(lambda s: (float(s[0]), float(sum(s))))
    return problem(
        tasks,
        opportunities,
        contacts,
        [
            craft(
                id,
                memory_bits=float(draw(st.integers(40, 70))),
                stored_bits=float(draw(st.sampled_from([0, 0, 0, 15]))),
            )
            for id in CRAFTS
        ],
        horizon,
        {id: draw(st.integers(1, 2)) for id in STATIONS},
        {"sat-a": (draw(span),)} if draw(st.booleans()) else {},
        {"north": (draw(span),)} if draw(st.booleans()) else {},
    )


def best_by_trying(given: Problem) -> float:
    """Worth of the best plan: every subset, richest first, until one can be carried out."""
    subsets = [c for n in range(len(given.opportunities) + 1) for c in combinations(given.opportunities, n)]
    worths = sorted(((_worth(given, s), i) for i, s in enumerate(subsets)), reverse=True)
    return next(worth for worth, i in worths if worth >= 0 and _possible(given, subsets[i]))


def _worth(given: Problem, subset: tuple[Opportunity, ...]) -> float:
    total = 0.0
    for task in given.tasks:
        mine = [o for o in subset if o.task == task.id]
        if task.cells is None:
            if len(mine) > 1:
                return -1.0
            total += sum(task.value * o.quality for o in mine)
        else:
            for cell, weight in enumerate(task.cells):
                total += task.value * weight * max((o.quality for o in mine if cell in o.cells), default=0.0)
    return total


def _possible(given: Problem, subset: tuple[Opportunity, ...]) -> bool:
    limits = {s.id: s for s in given.spacecraft}
    for o in subset:
        if any(o.start_s < b and a < o.end_s for a, b in given.busy_spacecraft.get(o.spacecraft, ())):
            return False
    for a, b in combinations(sorted(subset, key=lambda o: (o.start_s, o.end_s)), 2):
        if a.spacecraft == b.spacecraft and b.start_s < a.end_s + _turn(a, b, limits[a.spacecraft]) - 1e-9:
            return False
    return _sendable(given, subset, limits)


def _turn(a: Opportunity, b: Opportunity, limits: SpacecraftLimits) -> float:
    dot = sum(x * y for x, y in zip(a.to_direction, b.from_direction, strict=True))
    angle = math.acos(max(-1.0, min(1.0, dot)))
    rate, acceleration = limits.slew_rate_rad_s, limits.slew_acceleration_rad_s2
    if angle <= rate**2 / acceleration:
        return limits.settle_s + 2 * math.sqrt(angle / acceleration)
    return limits.settle_s + rate / acceleration + angle / rate


def _sendable(given: Problem, subset: tuple[Opportunity, ...], limits: dict[str, SpacecraftLimits]) -> bool:
    """A linear programme over elementary spans: can the data of ``subset`` be held and sent?"""
    closed: dict[str, list[tuple[float, float]]] = {c.id: [] for c in given.contacts}
    for c in given.contacts:
        settle = limits[c.spacecraft].settle_s
        closed[c.id] += given.busy_spacecraft.get(c.spacecraft, ())
        closed[c.id] += given.busy_stations.get(c.station, ())
        closed[c.id] += [
            (o.start_s - settle, o.end_s + settle) for o in subset if o.spacecraft == c.spacecraft
        ]
    edges = {0.0, given.horizon_s}
    for c in given.contacts:
        edges |= {c.start_s, c.end_s, *(t for span in closed[c.id] for t in span)}
    times = sorted(t for t in edges if 0 <= t <= given.horizon_s)
    lp = pywraplp.Solver.CreateSolver("GLOP")
    seconds = {}
    for a, b in pairwise(times):
        for c in given.contacts:
            if c.start_s <= a and b <= c.end_s and not any(x < b and a < y for x, y in closed[c.id]):
                seconds[c, a] = lp.NumVar(0, b - a, "")
        for id in limits:
            lp.Add(lp.Sum([s for (c, t), s in seconds.items() if t == a and c.spacecraft == id]) <= b - a)
        for id, antennas in given.antennas.items():
            shared = [s for (c, t), s in seconds.items() if t == a and c.station == id]
            lp.Add(lp.Sum(shared) <= antennas * (b - a))
    for id, craft_limits in limits.items():
        acts = sorted((o for o in subset if o.spacecraft == id), key=lambda o: o.start_s)
        if not any(o.bits > 0 for o in acts):
            continue
        own = [(t, c.rate_bps * s) for (c, t), s in seconds.items() if c.spacecraft == id]
        recorded = craft_limits.stored_bits + sum(o.bits for o in acts)
        lp.Add(lp.Sum([bits for _, bits in own]) >= recorded - 1e-6)
        for t in times:
            before = craft_limits.stored_bits + sum(o.bits for o in acts if o.start_s < t)
            lp.Add(lp.Sum([bits for u, bits in own if u < t]) <= before)
        for o in acts:
            on_board = craft_limits.stored_bits + sum(p.bits for p in acts if p.start_s <= o.start_s)
            sent = lp.Sum([bits for u, bits in own if u < o.start_s])
            lp.Add(sent >= on_board - craft_limits.memory_bits - 1e-6)
    return lp.Solve() == pywraplp.Solver.OPTIMAL
