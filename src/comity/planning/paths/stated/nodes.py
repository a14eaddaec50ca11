"""Nodes of a planning problem: every start that every opportunity may have, as arrays."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths.stated.pointing import Pointings, angles, turns_s
from comity.planning.problem import PlanningProblem, Satellite

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: More starts than this are thinned (the plan) and gathered in buckets (the bound).
MOST_NODES = 4_000_000
#: Buckets at the most in a window whose start is free; the plan tries a start in each.
FREE_BUCKETS = 24
#: Kept between activities beyond what is needed (s), so that rounding never makes a plan too tight.
SLACK_S = 2e-7
_HAIR = 1e-9
#: What the checker lets pass (s).
_LENIENT_S = 1.1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """Acquisitions at fixed starts, (n,) each, sorted by satellite and start.

    ``opportunity``, ``request``, ``satellite``: places in the problem's tuples. ``first``, ``last``
    (n, width): where it looks at its start and end. ``pointed``: whether it has a pointing. ``frozen``: it
    belongs to every plan. ``late_s``: the latest start that a node stands for (its start, but for a
    bucket). ``complete``: the nodes are all the starts there are.
    """

    opportunity: IntArray
    request: IntArray
    satellite: IntArray
    start_s: FloatArray
    late_s: FloatArray
    end_s: FloatArray
    first: FloatArray
    last: FloatArray
    pointed: BoolArray
    frozen: BoolArray
    complete: bool

    def __len__(self) -> int:
        return len(self.opportunity)


def starts_of(problem: PlanningProblem) -> tuple[IntArray, FloatArray, FloatArray, BoolArray, bool]:
    """Starts of all opportunities: (opportunity, start_s, late_s, frozen), and whether they are complete.

    A free start is cut in buckets, from ``start_s`` to ``late_s`` each.
    """
    opportunities = problem.opportunities
    of_request = {r.id: r for r in problem.requests}
    first = np.array([o.start_s for o in opportunities], dtype=np.float64)
    length = np.array([o.duration_s for o in opportunities], dtype=np.float64)
    end = np.array([o.end_s for o in opportunities], dtype=np.float64)
    step = np.array([o.step_s or 0.0 for o in opportunities], dtype=np.float64)
    release = np.array([of_request[o.request].release_s or 0.0 for o in opportunities], dtype=np.float64)
    due = np.array(
        [math.inf if (d := of_request[o.request].due_s) is None else d for o in opportunities], np.float64
    )
    early = np.maximum(np.maximum(first, release), problem.frozen_until_s)
    late = np.minimum(np.minimum(end, due), problem.horizon_s) - length
    grid = step > 0
    unit = np.where(grid, step, 1.0)
    low = np.where(grid, np.ceil((early - first) / unit - _HAIR), 0.0)
    high = np.where(grid, np.floor((late - first) / unit + _HAIR), 0.0)
    count = np.where(grid, high - low + 1, late - early > -_HAIR)
    free = ~grid & (late - early > _HAIR)
    frozen_at = {a.opportunity: a.start_s for a in problem.frozen}
    held = np.array([o.id in frozen_at for o in opportunities], dtype=np.bool_)
    free &= ~held
    # A bucket is no longer than the activity it stands for: then order by start is an order of any plan.
    width = np.maximum((late - early) / FREE_BUCKETS, 1.0)
    width = np.minimum(width, np.where(length > 0, length, 1.0))
    pieces = np.where(free, np.ceil((late - early) / np.where(free, width, 1.0)), count)
    pieces = np.maximum(pieces, 0).astype(np.int64)
    pieces[held] = 1
    every = max(1, math.ceil(pieces[~free].sum() / MOST_NODES))
    taken = np.where(free | held, pieces, -(-pieces // every))
    which = np.repeat(np.arange(len(opportunities)), taken)
    place = np.arange(len(which)) - np.repeat(np.cumsum(taken) - taken, taken)
    span = (late - early) / np.maximum(pieces, 1)
    start = np.where(
        free[which],
        early[which] + place * span[which],
        np.where(grid[which], first[which] + (low[which] + place * every) * step[which], early[which]),
    )
    until = np.where(free[which], early[which] + (place + 1) * span[which], start)
    frozen = held[which]
    if len(frozen_at):
        at = np.array([frozen_at.get(o.id, 0.0) for o in opportunities])
        start, until = np.where(frozen, at[which], start), np.where(frozen, at[which], until)
    return which, start, until, frozen, every == 1 and not free.any()


def start_count(problem: PlanningProblem) -> int:
    """How many nodes the problem would have, more or less, counted without making them."""
    total = 0.0
    for o in problem.opportunities:
        free = max(0.0, o.end_s - o.start_s - o.duration_s)
        if o.step_s is not None:
            total += free // o.step_s + 1
        else:
            total += FREE_BUCKETS if free > 0 else 1
    return int(total)


def nodes_of(problem: PlanningProblem, *, buckets: bool = False) -> Nodes:
    """The nodes that ``problem`` allows, each for itself: not vetoed, off busy and foreign spans.

    ``buckets``: a free start's nodes stand for all starts from ``start_s`` to ``late_s``; else they are
    starts to try.
    """
    which, start, until, frozen, complete = starts_of(problem)
    if not buckets:
        start = until = np.where(until > start, _spread(which, start, until), start)
    satellites = {s.id: k for k, s in enumerate(problem.satellites)}
    requests = {r.id: k for k, r in enumerate(problem.requests)}
    satellite_of = np.array([satellites[o.satellite] for o in problem.opportunities], dtype=np.int64)
    request_of = np.array([requests[o.request] for o in problem.opportunities], dtype=np.int64)
    length = np.array([o.duration_s for o in problem.opportunities], dtype=np.float64)
    end = start + length[which]
    good = _allowed(problem, which, satellite_of, request_of, start, until, end) | frozen
    which, start, until, end, frozen = which[good], start[good], until[good], end[good], frozen[good]
    order = np.lexsort((which, end, start, satellite_of[which]))
    which, frozen = which[order], frozen[order]
    start, until, end = start[order], until[order], end[order]
    first, last, pointed = _looks(problem, which, start, until, end, satellite_of)
    return Nodes(
        opportunity=which,
        request=request_of[which],
        satellite=satellite_of[which],
        start_s=start,
        late_s=until,
        end_s=end,
        first=first,
        last=last,
        pointed=pointed,
        frozen=frozen,
        complete=complete,
    )


def _spread(which: IntArray, start: FloatArray, until: FloatArray) -> FloatArray:
    """Starts to try, one in each bucket: from the first bucket's start to the last one's end."""
    pieces = np.bincount(which)
    place = np.arange(len(which)) - np.searchsorted(which, which)
    part = place / np.maximum(pieces[which] - 1, 1)
    return np.asarray(start + part * (until - start))


def _allowed(
    problem: PlanningProblem,
    which: IntArray,
    satellite_of: IntArray,
    request_of: IntArray,
    start: FloatArray,
    until: FloatArray,
    end: FloatArray,
) -> BoolArray:
    """Whether some start of a node is off spans that are not its own, and its satellite not vetoed."""
    names = {s.id: k for k, s in enumerate(problem.satellites)}
    good = np.ones(len(which), np.bool_)
    vetoed = {(v.satellite, v.request, v.partner) for v in problem.vetoes}
    partner_of = {r.id: r.partner for r in problem.requests}
    if vetoed:
        barred = np.zeros(len(problem.opportunities), np.bool_)
        for k, o in enumerate(problem.opportunities):
            p = partner_of[o.request]
            barred[k] = (o.satellite, o.request, None) in vetoed or (
                p is not None and (o.satellite, None, p) in vetoed
            )
        good &= ~barred[which]
    own = satellite_of[which]
    for k, satellite in enumerate(problem.satellites):
        for a, b in satellite.busy:
            # In a bucket: only where every start meets the span.
            good &= ~((own == k) & (until < b - _HAIR) & (end > a + _HAIR))
    partners = np.array([hash_of(r.partner, problem) for r in problem.requests], dtype=np.int64)
    for use in problem.exclusives:
        a, b = use.span
        foreign = partners[request_of[which]] != hash_of(use.partner, problem)
        good &= ~((own == names[use.satellite]) & foreign & (until < b - _HAIR) & (end > a + _HAIR))
    return good


def hash_of(partner: str | None, problem: PlanningProblem) -> int:
    """Place of a partner in the problem, −1 for none."""
    return next((k for k, p in enumerate(problem.partners) if p.id == partner), -1)


def _looks(
    problem: PlanningProblem,
    which: IntArray,
    start: FloatArray,
    until: FloatArray,
    end: FloatArray,
    satellite_of: IntArray,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Pointing at start and end of each node (in the middle of a bucket), 0 where there is none."""
    pointings = [o.pointing for o in problem.opportunities]
    turning = np.array([s.slew is not None for s in problem.satellites], dtype=np.bool_)
    has = np.array([p is not None for p in pointings], dtype=np.bool_)
    pointed = has[which] & turning[satellite_of[which]]
    width = 3
    parts = []
    by_metric: dict[str, list[int]] = defaultdict(list)
    for k, s in enumerate(problem.satellites):
        if s.slew is not None:
            by_metric[s.slew.metric].append(k)
    middle = (start + until) / 2
    for own in by_metric.values():
        slew = problem.satellites[own[0]].slew
        mine = np.isin(satellite_of, own) & has
        index = np.flatnonzero(mine)
        if slew is None or not len(index):
            continue
        place = np.full(len(pointings), -1, dtype=np.int64)
        place[index] = np.arange(len(index))
        table = Pointings([p for k in index.tolist() if (p := pointings[k]) is not None], slew.metric)
        at = np.flatnonzero(mine[which])
        lasting = end[at] - start[at]
        parts.append(
            (
                at,
                table.at(place[which[at]], middle[at]),
                table.at(place[which[at]], middle[at] + lasting),
            )
        )
        width = max(width, table.width)
    first, last = np.zeros((len(which), width)), np.zeros((len(which), width))
    for at, a, b in parts:
        first[at, : a.shape[1]] = a
        last[at, : b.shape[1]] = b
    return first, last, pointed


def from_rest_s(problem: PlanningProblem, nodes: Nodes) -> FloatArray:
    """Turn and settling (s) that each node needs as its satellite's first with a pointing, (n,)."""
    need = np.zeros(len(nodes))
    for k, satellite in enumerate(problem.satellites):
        if satellite.slew is None or satellite.rest is None:
            continue
        own = np.flatnonzero((nodes.satellite == k) & nodes.pointed)
        if len(own):
            need[own] = _rest(satellite, nodes, own)
    return need


def _rest(satellite: Satellite, nodes: Nodes, own: IntArray) -> FloatArray:
    slew, rest = satellite.slew, satellite.rest
    assert slew is not None and rest is not None
    table = Pointings([rest], slew.metric)
    origin = table.at(np.zeros(len(own), np.int64), nodes.start_s[own])
    return turns_s(slew, angles(origin, nodes.first[own, : table.width], slew.metric))


def never_first(problem: PlanningProblem, nodes: Nodes) -> BoolArray:
    """Nodes too early for the turn from rest that nothing can precede, (n,)."""
    exact = nodes.late_s <= nodes.start_s
    early = np.zeros(len(nodes), np.bool_)
    need = from_rest_s(problem, nodes)
    for k, satellite in enumerate(problem.satellites):
        if satellite.slew is None or satellite.rest is None:
            continue
        own = (nodes.satellite == k) & nodes.pointed
        late = own & exact & (nodes.start_s - satellite.ready_s < need - _LENIENT_S)
        fine = own & ~late
        if late.any():
            # One that may be first must have ended before it.
            least = float(nodes.end_s[fine].min(initial=math.inf)) + satellite.slew.settle_s
            early |= late & (nodes.start_s < least - _LENIENT_S)
    return early
