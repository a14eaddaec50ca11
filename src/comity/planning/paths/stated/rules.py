"""Rules between nodes as rows: duty, shares, knapsacks, forbidden combinations, groups, fairness."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths.stated.nodes import Nodes
from comity.planning.paths.stated.rows import Rows
from comity.planning.paths.stated.worth import Worth
from comity.planning.problem import PlanningProblem

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Rounding that a limit leaves (the checker leaves as much).
_ROUNDING = 1e-9


def add_rules(problem: PlanningProblem, nodes: Nodes, rows: Rows, worth: Worth) -> None:
    """All of them."""
    of_opportunity = _by_opportunity(problem, nodes)
    _duties(problem, nodes, rows)
    _shares(problem, nodes, rows)
    for sack in problem.capacities:
        parts = [
            (of_opportunity[id], amount) for id, amount in zip(sack.opportunities, sack.amounts, strict=True)
        ]
        _weighed(rows, [(own, w) for own, w in parts if len(own) and w > 0], sack.most)
    for rule in problem.forbidden:
        own = [of_opportunity[id] for id in dict.fromkeys(rule.opportunities)]
        if all(len(each) for each in own):
            rows.row(np.concatenate(own), 1.0, [], len(own) - 1.0)
    _groups(problem, nodes, rows, worth)
    _fairness(problem, nodes, rows, worth)


def add_sacks(problem: PlanningProblem, nodes: Nodes, rows: Rows) -> None:
    """Duty, shares, knapsacks and the most of groups, of points to be had once: rows of nodes alone."""
    _duties(problem, nodes, rows)
    _shares(problem, nodes, rows)
    if problem.capacities:
        of_opportunity = _by_opportunity(problem, nodes)
        for sack in problem.capacities:
            parts = [
                (of_opportunity[id], amount)
                for id, amount in zip(sack.opportunities, sack.amounts, strict=True)
            ]
            _weighed(rows, [(own, w) for own, w in parts if len(own) and w > 0], sack.most)
    group_of = np.array([r.group or "" for r in problem.requests])[nodes.request]
    for group in problem.groups:
        own = np.flatnonzero(group_of == group.id)
        if group.most is not None and len(own):
            rows.row(own, 1.0, [], float(group.most))


def _by_opportunity(problem: PlanningProblem, nodes: Nodes) -> dict[str, IntArray]:
    order = np.argsort(nodes.opportunity, kind="stable")
    cuts = np.searchsorted(nodes.opportunity[order], np.arange(len(problem.opportunities) + 1))
    return {o.id: order[cuts[k] : cuts[k + 1]] for k, o in enumerate(problem.opportunities)}


def _weighed(rows: Rows, parts: list[tuple[IntArray, float]], most: float) -> None:
    if sum(w for _, w in parts) <= most:
        return
    where = np.concatenate([own for own, _ in parts])
    factors = np.concatenate([np.full(len(own), w) for own, w in parts])
    scale = max(float(factors.max()), 1e-300)
    rows.row(where, factors / scale, [], (most + _ROUNDING * max(1.0, abs(most))) / scale)


def _duties(problem: PlanningProblem, nodes: Nodes, rows: Rows) -> None:
    lasting = nodes.end_s - nodes.start_s
    for k, satellite in enumerate(problem.satellites):
        if not satellite.duty:
            continue
        own = np.flatnonzero(nodes.satellite == k)
        for duty in satellite.duty:
            for first, last in duty.spans:
                if duty.most_s is not None:
                    # A bucket counts the least of its starts: the overlap rises, stays, falls.
                    inside = [
                        np.maximum(0.0, np.minimum(at[own] + lasting[own], last) - np.maximum(at[own], first))
                        for at in (nodes.start_s, nodes.late_s)
                    ]
                    seconds = np.minimum(*inside)
                    here = seconds > 0
                    if here.any():
                        most = duty.most_s + _ROUNDING * max(1.0, duty.most_s)
                        scale = float(seconds.max())
                        rows.row(own[here], seconds[here] / scale, [], most / scale)
                if duty.most_count is not None:
                    here = (nodes.start_s[own] >= first) & (nodes.late_s[own] < last)
                    if here.any():
                        rows.row(own[here], 1.0, [], float(duty.most_count))


def _shares(problem: PlanningProblem, nodes: Nodes, rows: Rows) -> None:
    lasting = nodes.end_s - nodes.start_s
    partner_of = np.array([r.partner or "" for r in problem.requests])
    for share in problem.shares:
        chosen = np.array([s.id in share.satellites for s in problem.satellites], dtype=np.bool_)
        own = np.flatnonzero(chosen[nodes.satellite] & (partner_of[nodes.request] == share.partner))
        if not len(own):
            continue
        if share.most_s is not None:
            most = share.most_s + _ROUNDING * max(1.0, share.most_s)
            scale = max(float(lasting[own].max()), 1e-9)
            rows.row(own, lasting[own] / scale, [], most / scale)
        if share.most_count is not None:
            rows.row(own, 1.0, [], float(share.most_count))


def _groups(problem: PlanningProblem, nodes: Nodes, rows: Rows, worth: Worth) -> None:
    members: dict[str, list[int]] = defaultdict(list)
    for k, request in enumerate(problem.requests):
        if request.group is not None:
            members[request.group].append(k)
    for group in problem.groups:
        own = members[group.id]
        if group.most is not None and len(own) > group.most:
            terms = []
            for k in own:
                served = rows.variable(0.0, 1.0)
                terms.append((served, 1.0))
                _needs(nodes, rows, worth, k, served)
            rows.row([], 1.0, terms, float(group.most))
        if group.all_or_none and own:
            earning = [k for k in own if problem.requests[k].value > 0 and len(_earning(worth, k))]
            if len(earning) < len(own):
                for k in own:
                    worth.useless[worth.of[k]] = ~nodes.frozen[worth.of[k]]
                continue
            whole = rows.variable(0.0, 1.0, whole=True)
            for k in own:
                _needs(nodes, rows, worth, k, whole)
                rows.row(_earning(worth, k), -1.0, [(whole, 1.0)], 0.0)
                if made := worth.complete[k]:
                    rows.row([], 1.0, [(whole, 1.0), *((y, -1.0) for y in made)], 0.0)


def _earning(worth: Worth, k: int) -> IntArray:
    own = worth.of[k]
    return own[(worth.chance[own] > 0) & ~worth.useless[own]]


def _needs(nodes: Nodes, rows: Rows, worth: Worth, k: int, by: int) -> None:
    """Nodes of request k only where variable ``by`` is 1."""
    own = worth.of[k]
    if not len(own):
        return
    if worth.alone[own].all():
        rows.row(own, 1.0, [(by, -1.0)], 0.0)
        return
    for o in np.unique(nodes.opportunity[own]):
        rows.row(own[nodes.opportunity[own] == o], 1.0, [(by, -1.0)], 0.0)


def _fairness(problem: PlanningProblem, nodes: Nodes, rows: Rows, worth: Worth) -> None:
    for partner in problem.partners:
        if partner.alone_value is None or partner.fair_fraction <= 0:
            continue
        least = partner.fair_fraction * partner.alone_value
        mine = np.array([r.partner == partner.id for r in problem.requests], dtype=np.bool_)
        own = np.flatnonzero(mine[nodes.request] & (rows.value > 0))
        terms = [(y, -gain) for y, gain, k in worth.earned if mine[k]]
        scale = max(1.0, least)
        rows.row(
            own,
            -rows.value[own] / scale,
            [(y, factor / scale) for y, factor in terms],
            -(least - _ROUNDING * scale) / scale,
        )
