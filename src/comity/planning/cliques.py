"""Covers of exclusions by cliques: one "at most one of these" says more than many pairs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from comity.planning.instance import Instance
from comity.planning.slew import among
from comity.planning.solver import Deadline


def rival_cliques(instance: Instance, deadline: Deadline) -> list[tuple[int, ...]]:
    """Cliques of opportunities that cover every pair of rivals; also one per point task.

    Opportunities of one point task exclude each other too, so they may join a clique for free. Raises
    :class:`comity.planning.solver.OutOfTimeError` when the ``deadline`` comes first.
    """
    cliques = [
        ops for task, ops in instance.of_task.items() if instance.tasks[task].cells is None and len(ops) > 1
    ]
    for craft, members in sorted(instance.of_craft.items()):
        cover = _Cover(instance, craft)
        for k in range(len(members)):
            while (other := cover.uncovered(k)) is not None:
                deadline.check()
                cliques.append(tuple((members[0] + cover.grow(k, other)).tolist()))
    return cliques


class _Cover:
    """The rivals of one spacecraft, numbered from its first opportunity, while cliques cover them."""

    def __init__(self, instance: Instance, craft: str) -> None:
        turns, members = instance.turns[craft], instance.of_craft[craft]
        self._low = [turns.low(k) for k in range(len(members))]
        self._rows = [turns.row(k) for k in range(len(members))]
        self._open = [row.copy() for row in self._rows]
        self._task, self._same = _tasks(instance, members)

    def uncovered(self, k: int) -> int | None:
        """The first rival that no clique has together with ``k``, None where all are covered."""
        row = self._open[k]
        at = int(row.argmax())
        return self._low[k] + at if row[at] else None

    def grow(self, k: int, other: int) -> NDArray[np.int64]:
        """A maximal clique from these two, preferring what covers most pairs that are still uncovered."""
        clique = [k, other]
        common = self._excluded(k)
        common = common[self._excludes(other, common)]
        covers = self._pairs(k, common).astype(np.int64) + self._pairs(other, common)
        while len(common):
            best = int(common[covers.argmax()])
            clique.append(best)
            stays = self._excludes(best, common)
            common = common[stays]
            covers = covers[stays] + self._pairs(best, common)
        found: NDArray[np.int64] = np.sort(np.array(clique, dtype=np.int64))
        for a in clique:
            row, at = self._open[a], found - self._low[a]
            row[at[(at >= 0) & (at < len(row))]] = False
        return found

    def _excluded(self, k: int) -> NDArray[np.int64]:
        """What cannot be taken with ``k`` on the same spacecraft, in order."""
        found = self._low[k] + np.flatnonzero(self._rows[k])
        same = self._same.get(int(self._task[k]))
        if same is not None:
            found = np.union1d(found, same)
        others: NDArray[np.int64] = found[found != k]
        return others

    def _excludes(self, k: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of ``others`` cannot be taken with ``k``; not ``k`` itself."""
        found = among(others, self._low[k], self._rows[k])
        if int(self._task[k]) in self._same:
            found |= (self._task[others] == self._task[k]) & (others != k)
        return found

    def _pairs(self, k: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of ``others`` make an uncovered pair with ``k``."""
        return among(others, self._low[k], self._open[k])


def _tasks(
    instance: Instance, members: tuple[int, ...]
) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
    """A number for each opportunity's task, and of every point task the opportunities among ``members``."""
    numbers: dict[str, int] = {}
    task = np.array([numbers.setdefault(instance.ops[k].task, len(numbers)) for k in members], dtype=np.int64)
    points = {number for id, number in numbers.items() if instance.tasks[id].cells is None}
    order = np.argsort(task, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(task, minlength=len(numbers)))[:-1]) if len(task) else []
    return task, {number: part for number, part in enumerate(parts) if number in points}


def cliques_among(instance: Instance, ops: Iterable[int]) -> list[tuple[int, ...]]:
    """Split ``ops`` (of one spacecraft, in time order) into few cliques."""
    cliques: list[list[int]] = []
    masks: list[int] = []
    for k in sorted(ops):
        others, own = ~instance.excluded(k), 1 << instance.number(k)
        for number, mask in enumerate(masks):
            if not mask & others:
                cliques[number].append(k)
                masks[number] |= own
                break
        else:
            cliques.append([k])
            masks.append(own)
    return [tuple(c) for c in cliques]
