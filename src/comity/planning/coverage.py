"""What a set of opportunities is worth.

A point task earns value × quality of the one opportunity taken. An area earns, for each of its cells,
value × weight × the best quality among the opportunities taken that cover the cell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.planning.instance import Instance
from comity.planning.model import Opportunity, Task


class Tally:
    """Running worth of what is taken: ask for a gain, then add."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._points: dict[str, float] = {}
        self._weights: dict[str, NDArray[np.float64]] = {}
        self._best: dict[str, NDArray[np.float64]] = {}
        for task in self._tasks.values():
            if task.cells is not None:
                self._weights[task.id] = task.value * np.array(task.cells)
                self._best[task.id] = np.zeros(len(task.cells))

    def gain(self, opportunity: Opportunity) -> float:
        """What taking it would add (programme currency); 0 for a point that is already taken."""
        task = self._tasks[opportunity.task]
        if task.cells is None:
            return 0.0 if task.id in self._points else task.value * opportunity.quality
        cells = list(opportunity.cells or ())
        better = np.maximum(0.0, opportunity.quality - self._best[task.id][cells])
        return float(self._weights[task.id][cells] @ better)

    def adds_cover(self, opportunity: Opportunity) -> bool:
        """Whether it covers anything of weight that nothing taken covers yet."""
        task = self._tasks[opportunity.task]
        if task.cells is None:
            return task.id not in self._points
        cells = list(opportunity.cells or ())
        return bool(((self._best[task.id][cells] <= 0) & (self._weights[task.id][cells] > 0)).any())

    def add(self, opportunity: Opportunity) -> None:
        """Take it."""
        task = self._tasks[opportunity.task]
        if task.cells is None:
            self._points[task.id] = task.value * opportunity.quality
        else:
            cells = list(opportunity.cells or ())
            self._best[task.id][cells] = np.maximum(self._best[task.id][cells], opportunity.quality)

    def covered(self, task: str) -> float:
        """Part 0 … 1 of the task that is taken, whatever the quality (by weight for an area)."""
        cells = self._tasks[task].cells
        if cells is None:
            return 1.0 if task in self._points else 0.0
        return float(np.array(cells)[self._best[task] > 0].sum())

    def values(self) -> dict[str, float]:
        """Earned value by task, 0 where nothing is taken."""
        return {
            id: self._points.get(id, 0.0) if task.cells is None else float(self._weights[id] @ self._best[id])
            for id, task in self._tasks.items()
        }

    @property
    def total(self) -> float:
        """Sum of all values."""
        return sum(self.values().values())


def sum_of_best(instance: Instance) -> float:
    """A bound that always holds: every task, or cell, at the best quality that any opportunity has."""
    tally = Tally(instance.tasks.values())
    best: dict[str, Opportunity] = {}
    for o in instance.ops:
        if o.cells is not None:
            tally.add(o)
        elif o.task not in best or o.quality > best[o.task].quality:
            best[o.task] = o
    for o in best.values():
        tally.add(o)
    return tally.total


@dataclass(frozen=True, slots=True)
class Step:
    """``worth`` is earned when at least one of ``ops`` or of an earlier step's is taken."""

    worth: float
    ops: tuple[int, ...]


def cell_steps(instance: Instance, task: str, most: int) -> list[tuple[Step, ...]]:
    """The worth of an area as stairs: one tuple of steps per group of cells covered by the same set.

    With qualities q₁ > q₂ > … of the opportunities that cover a group of worth w, step l is worth
    w·(q_l − q_{l+1}); taking one of quality q_l earns the steps l, l+1, … which sum to w·q_l: exactly
    the best quality counts. Where a group has more than ``most`` qualities, near ones are rounded *up*
    to the best of their bin, finely near the top: the stairs then never understate the worth.
    """
    cells = instance.tasks[task].cells
    if cells is None:
        raise ValueError(f"task {task!r} is a point")
    covering: dict[int, list[int]] = defaultdict(list)
    for k in instance.of_task[task]:
        for cell in instance.ops[k].cells or ():
            covering[cell].append(k)
    groups: dict[tuple[int, ...], float] = defaultdict(float)
    for cell, ops in covering.items():
        groups[tuple(ops)] += instance.tasks[task].value * cells[cell]
    return [_stairs(instance, ops, worth, most) for ops, worth in groups.items() if worth > 0]


def _stairs(instance: Instance, ops: tuple[int, ...], worth: float, most: int) -> tuple[Step, ...]:
    levels: dict[float, list[int]] = defaultdict(list)
    for k in ops:
        levels[instance.ops[k].quality].append(k)
    qualities = sorted(levels, reverse=True)
    if len(qualities) > most:
        top, span = qualities[0], qualities[0] - qualities[-1]
        bins: dict[int, list[int]] = defaultdict(list)
        for q in qualities:
            bins[int(((top - q) / span) ** 0.5 * (most - 1) + 1e-9)] += levels[q]
        levels = {max(instance.ops[k].quality for k in members): members for members in bins.values()}
        qualities = sorted(levels, reverse=True)
    below = [*qualities[1:], 0.0]
    return tuple(
        Step(worth * (q - lower), tuple(levels[q])) for q, lower in zip(qualities, below, strict=True)
    )
