"""Which satellites are planned anew together: they could serve the same requests or use one antenna."""

from __future__ import annotations

import numpy as np

from comity.planning.paths.insertion.plan import InsertionPlan
from comity.planning.paths.problem import FloatArray, IntArray

#: Of a satellite beside another one: what a request that both could serve counts to one that it does serve,
#: and what a contact does that it uses where the other could.
_OPEN, _SENDS = 0.05, 2.0


def related(
    plan: InsertionPlan, waiting: IntArray, near: IntArray, size: int, rng: np.random.Generator
) -> IntArray:
    """The first of ``waiting`` and those that could serve most of the same requests, sorted.

    Those that serve them now, or send at an antenna when it could, count for more.
    """
    problem, first = plan.problem, waiting[0]
    shared = np.zeros(problem.requests)
    shared[problem.request[near[problem.satellite[near] == first]]] = 1.0
    common = _OPEN * _sums(problem.satellite[near], shared[problem.request[near]], problem.satellites)
    taken = plan.nodes
    common += _sums(problem.satellite[taken], shared[problem.request[taken]], problem.satellites)
    contacts = problem.contacts
    if contacts is not None:
        facts, used = plan.facts, plan.state.used
        who = np.repeat(np.arange(len(contacts)), np.diff(facts.line_at))
        wanted = np.zeros(len(plan.state.load), np.bool_)
        wanted[facts.line[contacts.satellite[who] == first]] = True
        weights = used[who] * wanted[facts.line]
        common += _SENDS * _sums(contacts.satellite[who], weights, problem.satellites)
    rank = common[waiting] * rng.uniform(0.5, 1.0, len(waiting))
    rank[0] = np.inf
    return np.sort(waiting[np.argsort(-rank, kind="stable")[:size]])


def _sums(places: IntArray, weights: FloatArray, count: int) -> FloatArray:
    return np.asarray(np.bincount(places, weights=weights, minlength=count), dtype=np.float64)
