"""Covers of exclusions by cliques: one "at most one of these" says more than many pairs."""

from __future__ import annotations

from collections.abc import Iterable

from comity.planning.instance import Instance


def rival_cliques(instance: Instance) -> list[tuple[int, ...]]:
    """Cliques of opportunities that cover every pair of rivals; also one per point task.

    Opportunities of one point task exclude each other too, so they may join a clique for free.
    """
    cliques = [
        ops for task, ops in instance.of_task.items() if instance.tasks[task].cells is None and len(ops) > 1
    ]
    uncovered = [set(r) for r in instance.rivals]
    for k in range(len(instance.ops)):
        while uncovered[k]:
            clique = _grow(instance, [k, min(uncovered[k])], uncovered)
            for a in clique:
                uncovered[a].difference_update(clique)
            cliques.append(tuple(sorted(clique)))
    return cliques


def _excluded(instance: Instance, k: int) -> set[int]:
    """What cannot be taken with ``k`` on the same spacecraft."""
    found = set(instance.rivals[k])
    o = instance.ops[k]
    if o.cells is None:
        found.update(r for r in instance.of_task[o.task] if instance.ops[r].spacecraft == o.spacecraft)
        found.discard(k)
    return found


def _grow(instance: Instance, clique: list[int], uncovered: list[set[int]]) -> list[int]:
    """Make ``clique`` maximal, preferring what covers most pairs that are still uncovered."""
    common = _excluded(instance, clique[0])
    for k in clique[1:]:
        common &= _excluded(instance, k)
    while common:
        inside = set(clique)
        best = max(common, key=lambda k: (len(uncovered[k] & inside), -k))
        clique.append(best)
        common &= _excluded(instance, best)
    return clique


def cliques_among(instance: Instance, ops: Iterable[int]) -> list[tuple[int, ...]]:
    """Split ``ops`` (of one spacecraft, in time order) into few cliques."""
    cliques: list[list[int]] = []
    for k in sorted(ops):
        excluded = _excluded(instance, k)
        for clique in cliques:
            if excluded.issuperset(clique):
                clique.append(k)
                break
        else:
            cliques.append([k])
    return [tuple(c) for c in cliques]
