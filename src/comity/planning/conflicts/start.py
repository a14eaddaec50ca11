"""A good plan before any bound is known: local search that puts one choice in and whatever it hurts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from comity.planning.conflicts.graph import Graph, bits

#: Steps without a better plan before the search gives up; a step costs some 10 µs.
_PATIENCE_PER_CHOICE = 10
_LEAST_PATIENCE = 500
#: A step may make the plan worse than the last one, not worse than the one this many steps ago
#: (late acceptance, Burke & Bykov 2017): no temperature, so no scale of values to know.
_MEMORY = 400
_LOOK_STEPS = 256


class _Taken:
    """The choices taken, and what they use up."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.mask = 0
        self.used = [0.0] * len(graph.most)
        self._sets_of: list[list[int]] = [[] for _ in graph.choices]
        for each in graph.larger:
            mask = sum(1 << k for k in each)
            for k in each:
                self._sets_of[k].append(mask & ~(1 << k))

    def in_the_way(self, k: int) -> int:
        """Mask of what has to go before k fits; 0 if it fits."""
        graph = self._graph
        values = graph.values
        out = graph.excluded[k] & self.mask
        left = self.mask & ~out
        for rest in self._sets_of[k]:
            if rest & left == rest:
                worst = 1 << min(bits(rest), key=lambda j: (values[j], j))
                out |= worst
                left &= ~worst
        for q, amounts in enumerate(graph.amounts):
            over = self.used[q] + amounts[k] - graph.most[q] - sum(amounts[j] for j in bits(out))
            if amounts[k] > 0 and over > 1e-9 * graph.most[q]:
                # what another capacity has put out already is counted above
                there = (j for j in bits(left & ~out) if amounts[j] > 0)
                for j in sorted(there, key=lambda j: (values[j] / amounts[j], j)):
                    out |= 1 << j
                    over -= amounts[j]
                    if over <= 1e-9 * graph.most[q]:
                        break
        return out

    def swap(self, k: int, out: int) -> None:
        """Take k instead of ``out``."""
        self.mask = self.mask & ~out | 1 << k
        for q, amounts in enumerate(self._graph.amounts):
            self.used[q] += amounts[k] - sum(amounts[j] for j in bits(out))


def greedy_start(graph: Graph) -> tuple[int, ...]:
    """A valid plan, rising: the dearest choices first, those that exclude few others before the rest."""
    taken = _Taken(graph)
    by_worth = sorted(
        range(len(graph.choices)), key=lambda k: (-graph.values[k], graph.excluded[k].bit_count(), k)
    )
    for k in by_worth:
        if not taken.in_the_way(k):
            taken.swap(k, 0)
    return tuple(bits(taken.mask))


def improved(
    graph: Graph, plan: Sequence[int], seed: int, enough: Callable[[], bool] = lambda: False
) -> tuple[int, ...]:
    """``plan`` made better by local search until that no longer pays, or ``enough`` says so.

    The same graph, plan and seed give the same result unless ``enough`` cut in.
    """
    count = len(graph.choices)
    if count == 0:
        return ()
    random = Random(seed)
    values = graph.values
    taken = _Taken(graph)
    for k in plan:
        taken.swap(k, 0)
    best = value = sum(values[k] for k in plan)
    best_mask = taken.mask
    memory = [value] * _MEMORY
    patience = max(_LEAST_PATIENCE, _PATIENCE_PER_CHOICE * count)
    step = last_better = 0
    while step - last_better < patience and not (step % _LOOK_STEPS == 0 and enough()):
        step += 1
        k = random.randrange(count)
        if taken.mask >> k & 1:
            continue
        out = taken.in_the_way(k)
        changed = value + values[k] - sum(values[j] for j in bits(out))
        slot = step % _MEMORY
        if changed >= value or changed >= memory[slot]:
            taken.swap(k, out)
            value = changed
        memory[slot] = max(memory[slot], value)
        if value > best * (1 + 1e-12):
            best, best_mask, last_better = value, taken.mask, step
    return tuple(bits(best_mask))
