"""Seeded instances of the planning problem: real orbits, requests over land, resources that bind.

One table (:mod:`comity.planning.paths.scene`) gives both forms: the arrays of :func:`generate`, for fleets of
any size, and the problem of :func:`generate_problem`, which files hold. They describe the same instance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from comity.core import InputError, Progress, silent
from comity.planning.paths import scene as made
from comity.planning.paths.problem import Agility, Battery, Contacts, PathProblem, Store
from comity.planning.paths.scene import Recipe, Scene, build
from comity.planning.problem import (
    Battery as StatedBattery,
)
from comity.planning.problem import (
    Contact,
    Opportunity,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    Span,
    Station,
    validate_problem,
)

#: The largest that is made.
MOST_SATELLITES, MOST_REQUESTS = 2_000, 100_000
_LEAST_HOURS, _MOST_HOURS = 0.5, 72.0
#: The largest fleet's plan covers a span of its rolling day; see :func:`standard`.
_ROLLING_FROM, _ROLLING_S, _ROLLING_BEGINS_S = 400, 6_300.0, 28_800.0
#: Daily acquisitions of a satellite that the recipe's figures are meant for, and how far they are scaled.
_EVEN, _LEAST_EASE, _MOST_EASE = 100.0, 0.4, 1.6
#: Satellites times requests up to which targets are taken from farther off (least elevation, degrees).
_WIDE, _WIDE_DEG, _NARROW_DEG = 100_000, 52.0, 58.0


def standard(satellites: int, requests: int, *, seed: int = 0, hours: float | None = None) -> Recipe:
    """The recipe for a fleet and its demand: supply of power, memory and contact time somewhat below it.

    Time is not what is short, unless the demand is far above a day's acquisitions: agile satellites see each
    place often enough. A day plan begins with charged batteries and memories partly full; a third of the
    fleet is short over the whole day of each resource, so that what to spare it for is one choice, not one
    per orbit. Power, memory or contacts without limit would serve nearly all.

    ``hours``: None for a day, or 105 minutes of a rolling plan where there are 400 satellites or more.
    Raises :class:`InputError` for sizes out of range.
    """
    if not (1 <= satellites <= MOST_SATELLITES and 1 <= requests <= MOST_REQUESTS):
        raise InputError(
            f"{satellites} satellites and {requests} requests: an instance has 1 … {MOST_SATELLITES:,} "
            f"and 1 … {MOST_REQUESTS:,}"
        )
    if hours is not None and not _LEAST_HOURS <= hours <= _MOST_HOURS:
        raise InputError(f"{hours:g} hours: an instance lasts {_LEAST_HOURS:g} … {_MOST_HOURS:g}")
    rolling = satellites >= _ROLLING_FROM if hours is None else 3600.0 * hours <= made.SHORT_S
    horizon = (_ROLLING_S if rolling else made.DAY_S) if hours is None else 3600.0 * hours
    # Acquisitions of each satellite in a day that would serve every request: supply follows demand.
    daily = requests / satellites * made.DAY_S / horizon
    ease = min(_MOST_EASE, max(_LEAST_EASE, (daily / _EVEN) ** 1.15))
    usual = Recipe(
        satellites=satellites,
        requests=requests,
        seed=seed,
        horizon_s=horizon,
        min_elevation_deg=_WIDE_DEG if satellites * requests <= _WIDE else _NARROW_DEG,
        memory=round(69.0 * ease, 1),
        send_bps=round(6.9e8 * ease, -7),
        per_orbit=round(8.75 * ease, 2),
        charged=round(min(1.0, ease), 2),
    )
    if not rolling:
        return usual
    return replace(
        usual,
        begin_s=_ROLLING_BEGINS_S,
        min_elevation_deg=76.0,
        polar=4,
        home=8,
        antennas=2,
        shared=True,
        memory=50.0,
        send_bps=4.0e8,
        per_orbit=7.0,
        stock=0.87,
        charged=0.14,
    )


def generate(recipe: Recipe, *, progress: Progress = silent) -> PathProblem:
    """The instance of ``recipe`` as arrays."""
    return arrays_of(build(recipe, progress=progress))


def generate_problem(recipe: Recipe, *, progress: Progress = silent) -> PlanningProblem:
    """The instance of ``recipe`` in the form that files hold."""
    return problem_of(build(recipe, progress=progress))


def arrays_of(scene: Scene) -> PathProblem:
    """The scene as arrays: a node for each start of each opportunity."""
    recipe = scene.recipe
    starts, satellites = recipe.starts, recipe.satellites
    start = np.round(scene.start_s[:, None] + np.arange(starts) * scene.step_s[:, None], 1).ravel()
    who, what = np.repeat(scene.satellite, starts), np.repeat(scene.request, starts)
    sights = scene.sights.reshape(-1, 2, 3)
    # Unit vectors to the last bit: a file's digits are not.
    sights = sights / np.linalg.norm(sights, axis=2)[:, :, None]
    order = np.lexsort((what, start, who))
    start, who, what, sights = start[order], who[order], what[order], sights[order]
    lasting = scene.duration_s[what]
    slots, copies = len(scene.slot), recipe.antennas
    station = np.repeat(scene.slot_station, copies) * copies + np.tile(np.arange(copies), slots)
    craft = np.repeat(scene.slot_satellite, copies)
    opens = np.repeat(scene.slot, copies).astype(np.float64) * recipe.slot_s
    return PathProblem(
        horizon_s=recipe.horizon_s,
        requests=recipe.requests,
        satellite=who,
        request=what,
        start_s=start,
        end_s=start + lasting,
        value=(scene.worth[scene.request] * scene.chance).repeat(starts)[order],
        first=np.ascontiguousarray(sights[:, 0]),
        last=np.ascontiguousarray(sights[:, 1]),
        bits=made.RECORD_BPS * lasting,
        energy_j=made.CAMERA_W * lasting + made.TURN_J,
        agility=Agility(
            rate_rad_s=np.full(satellites, made.RATE_RAD_S),
            acceleration_rad_s2=np.full(satellites, made.ACCELERATION_RAD_S2),
            settle_s=np.full(satellites, made.SETTLE_S),
        ),
        store=Store(capacity_bits=scene.memory_bits, initial_bits=scene.stored_bits, deliver=recipe.deliver),
        contacts=Contacts(
            satellite=craft,
            antenna=station,
            start_s=opens,
            end_s=opens + recipe.slot_s,
            bits=scene.send_bps[craft] * recipe.slot_s,
        ),
        battery=Battery(
            capacity_j=np.full(satellites, made.BATTERY_J),
            floor_j=np.full(satellites, (1.0 - made.DISCHARGE) * made.BATTERY_J),
            initial_j=scene.initial_j,
            load_w=np.full(satellites, made.LOAD_W),
            solar_w=scene.charge_w,
            transmit_w=np.full(satellites, made.TRANSMIT_W),
            eclipse_satellite=scene.eclipse_satellite,
            eclipse_start_s=scene.eclipse_start_s,
            eclipse_end_s=scene.eclipse_end_s,
        ),
    )


def problem_of(scene: Scene) -> PlanningProblem:
    """The scene as a problem: a contact for each slot, a pointing sample at each start and end.

    What an acquisition draws, its turn included, is its ``power_w``.
    """
    recipe = scene.recipe
    problem = PlanningProblem(
        name=f"{recipe.satellites} satellites, {recipe.requests} requests, seed {recipe.seed}",
        start=recipe.epoch,
        horizon_s=recipe.horizon_s,
        requests=tuple(
            Request(id=f"r{k}", value=value, deliver_by_s=float(recipe.horizon_s) if recipe.deliver else None)
            for k, value in enumerate(scene.worth.tolist())
        ),
        opportunities=tuple(_opportunities(scene)),
        satellites=tuple(_satellites(scene)),
        stations=tuple(Station(id=name, antennas=recipe.antennas) for name, _, _ in scene.stations),
        contacts=tuple(_contacts(scene)),
    )
    validate_problem(problem)
    return problem


def _opportunities(scene: Scene) -> list[Opportunity]:
    found = []
    columns = (scene.satellite, scene.request, scene.start_s, scene.step_s, scene.chance, scene.sights)
    rows = zip(*(each.tolist() for each in columns), strict=True)
    last = scene.recipe.starts - 1
    for k, (satellite, request, start, step, chance, sights) in enumerate(rows):
        lasting = float(scene.duration_s[request])
        samples = {}
        for j, (first, then) in enumerate(sights):
            at = round(start + j * step, 1)
            samples[at] = tuple(first)
            samples[round(at + lasting, 1)] = tuple(then)
        times = sorted(samples)
        found.append(
            Opportunity(
                id=f"o{k}",
                request=f"r{request}",
                satellite=scene.names[satellite],
                start_s=start,
                # A hair more than the last start needs, and less than another one would.
                end_s=round(start + last * step + lasting + (0.05 if last else 0.0), 2),
                duration_s=lasting,
                step_s=step if last else None,
                pointing=Pointing(at_s=tuple(times), samples=tuple(samples[t] for t in times)),
                bits=made.RECORD_BPS * lasting,
                power_w=round(made.CAMERA_W + made.TURN_J / lasting, 6),
                probability=chance,
            )
        )
    return found


def _satellites(scene: Scene) -> list[Satellite]:
    horizon = scene.recipe.horizon_s
    slew = Slew(
        rate_rad_s=made.RATE_RAD_S, acceleration_rad_s2=made.ACCELERATION_RAD_S2, settle_s=made.SETTLE_S
    )
    found = []
    for s, name in enumerate(scene.names):
        own = scene.eclipse_satellite == s
        lit: list[Span] = []
        now = 0.0
        for a, b in zip(scene.eclipse_start_s[own].tolist(), scene.eclipse_end_s[own].tolist(), strict=True):
            if a > now:
                lit.append((now, a))
            now = b
        if now < horizon:
            lit.append((now, float(horizon)))
        found.append(
            Satellite(
                id=name,
                slew=slew,
                memory_bits=float(scene.memory_bits[s]),
                stored_bits=float(scene.stored_bits[s]),
                battery=StatedBattery(
                    capacity_j=made.BATTERY_J,
                    initial_j=float(scene.initial_j[s]),
                    least_j=(1.0 - made.DISCHARGE) * made.BATTERY_J,
                    idle_w=made.LOAD_W,
                    sending_w=made.TRANSMIT_W,
                    charge_w=float(scene.charge_w[s]),
                    sunlit=tuple(lit),
                ),
            )
        )
    return found


def _contacts(scene: Scene) -> list[Contact]:
    slot_s = scene.recipe.slot_s
    rows = zip(scene.slot_satellite.tolist(), scene.slot_station.tolist(), scene.slot.tolist(), strict=True)
    return [
        Contact(
            id=f"c{k}",
            satellite=scene.names[satellite],
            station=scene.stations[station][0],
            start_s=number * slot_s,
            end_s=(number + 1) * slot_s,
            rate_bps=float(scene.send_bps[satellite]),
        )
        for k, (satellite, station, number) in enumerate(rows)
    ]
