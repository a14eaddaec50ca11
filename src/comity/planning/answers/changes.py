"""Problems with something added or taken away, and what that does to a plan."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from comity.core import InputError, UnknownIdError, read_text
from comity.planning.answers.sending import one_load_each
from comity.planning.problem import (
    Activity,
    Downlink,
    Opportunity,
    Plan,
    PlanningProblem,
    Request,
    problem_lines,
    worth_of,
)
from comity.planning.problem.fields import Misfit, read

#: Two starts closer than this (s) are the same.
_SAME_S = 1e-6


def problem_hash(problem: PlanningProblem) -> str:
    """SHA-256 of the problem's canonical text: which problem a stored plan is of."""
    digest = sha256()
    for piece in problem_lines(problem):
        digest.update(piece.encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A request with its opportunities."""

    request: Request
    opportunities: tuple[Opportunity, ...]


def read_addition(path: Path) -> Addition:
    """``{"request": {…}, "opportunities": […]}`` from a file; raises :class:`InputError` naming the field."""
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    try:
        addition: Addition = read(Addition, data)
    except Misfit as misfit:
        raise InputError(f"{path}: {misfit}") from None
    for o in addition.opportunities:
        if o.request != addition.request.id:
            raise InputError(
                f"{path}: opportunity {o.id!r} is of request {o.request!r}, not of {addition.request.id!r}"
            )
    return addition


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different: satellites, stations and partners (with all that is theirs) gone, requests dropped
    or added."""

    without_satellites: tuple[str, ...] = ()
    without_stations: tuple[str, ...] = ()
    without_partners: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    add: tuple[Addition, ...] = ()


def changed(problem: PlanningProblem, change: Change) -> PlanningProblem:
    """The problem with ``change``; raises :class:`UnknownIdError` for what it does not have.

    What refers to something that is gone goes with it, also frozen activities of a satellite that is gone.
    """
    gone = set(change.without_partners)
    for kind, named, known in (
        ("satellite", change.without_satellites, [s.id for s in problem.satellites]),
        ("station", change.without_stations, [s.id for s in problem.stations]),
        ("partner", change.without_partners, [p.id for p in problem.partners]),
        ("request", change.drop, [r.id for r in problem.requests]),
    ):
        for id in named:
            if id not in known:
                raise UnknownIdError(kind, id, tuple(known))
    less = problem
    if gone or change.without_satellites or change.without_stations or change.drop:
        less = restricted(
            problem,
            requests={r.id for r in problem.requests if r.id not in change.drop and r.partner not in gone},
            satellites={
                s.id
                for s in problem.satellites
                if s.id not in change.without_satellites and s.partner not in gone
            },
            stations={
                s.id
                for s in problem.stations
                if s.id not in change.without_stations and s.partner not in gone
            },
            partners={p.id for p in problem.partners} - gone,
        )
    requests = less.requests + tuple(a.request for a in change.add)
    opportunities = less.opportunities + tuple(o for a in change.add for o in a.opportunities)
    for kind, ids in (("request", [r.id for r in requests]), ("opportunity", [o.id for o in opportunities])):
        if len(set(ids)) < len(ids):
            twice = next(id for id in reversed(ids) if ids.count(id) > 1)
            raise InputError(f"cannot add {kind} {twice!r}: the problem has one of that id")
    return replace(less, requests=requests, opportunities=opportunities)


def restricted(
    problem: PlanningProblem,
    *,
    requests: Collection[str],
    satellites: Collection[str],
    stations: Collection[str],
    partners: Collection[str],
) -> PlanningProblem:
    """The part of a problem that lies between these."""
    kept = tuple(o for o in problem.opportunities if o.request in requests and o.satellite in satellites)
    names = {o.id for o in kept}
    contacts = tuple(c for c in problem.contacts if c.satellite in satellites and c.station in stations)
    passes = {c.id for c in contacts}
    return replace(
        problem,
        requests=tuple(r for r in problem.requests if r.id in requests),
        opportunities=kept,
        satellites=tuple(
            s if s.partner in partners else replace(s, partner=None)
            for s in problem.satellites
            if s.id in satellites
        ),
        stations=tuple(
            s if s.partner in partners else replace(s, partner=None)
            for s in problem.stations
            if s.id in stations
        ),
        contacts=contacts,
        transitions=tuple(t for t in problem.transitions if t.first in names and t.second in names),
        forbidden=tuple(f for f in problem.forbidden if names.issuperset(f.opportunities)),
        capacities=tuple(
            replace(
                c,
                opportunities=tuple(id for id in c.opportunities if id in names),
                amounts=tuple(x for id, x in zip(c.opportunities, c.amounts, strict=True) if id in names),
            )
            for c in problem.capacities
        ),
        partners=tuple(p for p in problem.partners if p.id in partners),
        shares=tuple(
            replace(s, satellites=tuple(id for id in s.satellites if id in satellites))
            for s in problem.shares
            if s.partner in partners
        ),
        vetoes=tuple(
            v
            for v in problem.vetoes
            if v.satellite in satellites and (v.request in requests or v.partner in partners)
        ),
        exclusives=tuple(
            e for e in problem.exclusives if e.satellite in satellites and e.partner in partners
        ),
        frozen=tuple(a for a in problem.frozen if a.opportunity in names),
        frozen_downlinks=tuple(downlinks_of(problem.frozen_downlinks, names, passes)),
        previous=tuple(a for a in problem.previous if a.opportunity in names),
    )


def downlinks_of(
    downlinks: Iterable[Downlink], opportunities: Collection[str], contacts: Collection[str]
) -> list[Downlink]:
    """What of ``downlinks`` sends ``opportunities`` (or what was stored) in ``contacts``."""

    def wanted(d: Downlink) -> bool:
        return all(x.opportunity is None or x.opportunity in opportunities for x in d.loads)

    found = []
    for d in downlinks:
        if d.contact in contacts:
            found += [d] if wanted(d) else [each for each in one_load_each([d]) if wanted(each)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A request that two plans serve differently.

    ``how``: ``lost`` (earned before, not after), ``won``, ``less``, ``more``, or ``moved`` (for the same).
    """

    request: str
    how: Literal["lost", "won", "less", "more", "moved"]
    earned_before: float
    earned_after: float
    before: tuple[Activity, ...]
    after: tuple[Activity, ...]


def moves(
    problem: PlanningProblem, plan: Plan, after_problem: PlanningProblem, after: Plan
) -> tuple[Moved, ...]:
    """Requests that ``after`` serves differently from ``plan``, those that lose most first."""
    earned = worth_of(problem, plan.activities).requests
    earned_after = worth_of(after_problem, after.activities).requests
    acts, acts_after = _by_request(problem, plan), _by_request(after_problem, after)
    found = []
    for id in dict.fromkeys([*acts, *acts_after]):
        before, now = acts.get(id, ()), acts_after.get(id, ())
        a, b = earned.get(id, 0.0), earned_after.get(id, 0.0)
        if _same(before, now) and a == b:
            continue
        how: Literal["lost", "won", "less", "more", "moved"] = "moved"
        slack = 1e-9 * max(1.0, abs(a))
        if a > 0 >= b:
            how = "lost"
        elif b > 0 >= a:
            how = "won"
        elif abs(a - b) > slack:
            how = "less" if b < a else "more"
        found.append(Moved(request=id, how=how, earned_before=a, earned_after=b, before=before, after=now))
    return tuple(sorted(found, key=lambda m: (m.earned_after - m.earned_before, m.request)))


def _by_request(problem: PlanningProblem, plan: Plan) -> dict[str, tuple[Activity, ...]]:
    owner = {o.id: o.request for o in problem.opportunities}
    found: dict[str, tuple[Activity, ...]] = {}
    for a in sorted(plan.activities, key=lambda a: (a.start_s, a.opportunity)):
        found[owner[a.opportunity]] = (*found.get(owner[a.opportunity], ()), a)
    return found


def _same(a: tuple[Activity, ...], b: tuple[Activity, ...]) -> bool:
    return len(a) == len(b) and all(
        x.opportunity == y.opportunity and abs(x.start_s - y.start_s) <= _SAME_S
        for x, y in zip(a, b, strict=True)
    )
