"""A problem indexed for the solvers: what can be taken at all, and what excludes what."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass

from comity.planning.model import Opportunity, Problem, SpacecraftLimits, Task
from comity.planning.slew import rival_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Usable opportunities by spacecraft, then start; everything else refers to their positions.

    ``rivals``: per opportunity, those of the same spacecraft that cannot be taken with it (slew).
    ``of_craft`` / ``of_task``: positions by spacecraft (in time order) and by task.
    """

    problem: Problem
    ops: tuple[Opportunity, ...]
    tasks: dict[str, Task]
    limits: dict[str, SpacecraftLimits]
    rivals: tuple[frozenset[int], ...]
    of_craft: dict[str, tuple[int, ...]]
    of_task: dict[str, tuple[int, ...]]

    def block(self, op: int) -> tuple[float, float]:
        """Span (s) in which no downlink may run if ``op`` is taken: the act and settling around it."""
        o = self.ops[op]
        settle = self.limits[o.spacecraft].settle_s
        return o.start_s - settle, o.end_s + settle


def overlaps(start_s: float, end_s: float, spans: tuple[tuple[float, float], ...]) -> bool:
    """Whether [start, end] shares more than an instant with one of ``spans``."""
    return any(start_s < b and a < end_s for a, b in spans)


def usable(opportunity: Opportunity, problem: Problem, task: Task, limits: SpacecraftLimits) -> bool:
    """Whether taking it alone could earn anything: worth above 0, spacecraft not committed, it fits."""
    worth = task.value * opportunity.quality
    if task.cells is not None:
        worth *= sum(task.cells[c] for c in opportunity.cells or ())
    busy = problem.busy_spacecraft.get(opportunity.spacecraft, ())
    return (
        worth > 0
        and opportunity.bits <= limits.memory_bits
        and not overlaps(opportunity.start_s, opportunity.end_s, busy)
    )


def prepare(problem: Problem, *, thin: bool = True) -> Instance:
    """Index ``problem``; with ``thin`` leave out opportunities that another one replaces at no loss."""
    tasks = {task.id: task for task in problem.tasks}
    limits = {craft.id: craft for craft in problem.spacecraft}
    ops = sorted(
        (o for o in problem.opportunities if usable(o, problem, tasks[o.task], limits[o.spacecraft])),
        key=lambda o: (o.spacecraft, o.start_s, o.id),
    )
    instance = _index(problem, ops, tasks, limits)
    if not thin:
        return instance
    dominated = _dominated(instance)
    return _index(problem, [o for k, o in enumerate(ops) if k not in dominated], tasks, limits)


def _index(
    problem: Problem, ops: list[Opportunity], tasks: dict[str, Task], limits: dict[str, SpacecraftLimits]
) -> Instance:
    of_craft: dict[str, list[int]] = {id: [] for id in limits}
    of_task: dict[str, list[int]] = {id: [] for id in tasks}
    for k, o in enumerate(ops):
        of_craft[o.spacecraft].append(k)
        of_task[o.task].append(k)
    rivals: list[set[int]] = [set() for _ in ops]
    for id, members in of_craft.items():
        for i, j in rival_pairs([ops[k] for k in members], limits[id]):
            rivals[members[i]].add(members[j])
            rivals[members[j]].add(members[i])
    return Instance(
        problem=problem,
        ops=tuple(ops),
        tasks=tasks,
        limits=limits,
        rivals=tuple(frozenset(r) for r in rivals),
        of_craft={id: tuple(members) for id, members in of_craft.items()},
        of_task={id: tuple(members) for id, members in of_task.items()},
    )


def _dominated(instance: Instance) -> set[int]:
    """Positions that can go: in any plan, another opportunity of the same task may stand in for each.

    a stands in for b when it is worth as much, records no more, excludes nothing that b does not, keeps
    off every contact, and no contact lies between the two (so that memory and downlinks do not notice).
    """
    starts: dict[str, list[float]] = defaultdict(list)
    ends: dict[str, list[float]] = defaultdict(list)
    for contact in instance.problem.contacts:
        insort(starts[contact.spacecraft], contact.start_s)
        insort(ends[contact.spacecraft], contact.end_s)
    gone: set[int] = set()
    for task, members in instance.of_task.items():
        groups: dict[tuple[str, int, int], list[int]] = defaultdict(list)
        for k in members:
            o = instance.ops[k]
            middle = (o.start_s + o.end_s) / 2
            before = bisect_left(starts[o.spacecraft], middle), bisect_left(ends[o.spacecraft], middle)
            groups[o.spacecraft, *before].append(k)
        for (craft, _, _), group in groups.items():
            free = []
            for k in group:
                a, b = instance.block(k)
                # Contacts that begin before the block is over, less those that end before it begins.
                if bisect_left(starts[craft], b) == bisect_right(ends[craft], a):
                    free.append(k)
            point = instance.tasks[task].cells is None
            for b in group:
                same = set(group) if point else {b}
                if any(a != b and a not in gone and _stands_in(instance, a, b, same) for a in free):
                    gone.add(b)
    return gone


def _stands_in(instance: Instance, a: int, b: int, same: set[int]) -> bool:
    """``same``: opportunities that are excluded with b anyway, because its task wants only one."""
    first, second = instance.ops[a], instance.ops[b]
    covers = second.cells is None or first.cells is None or set(second.cells) <= set(first.cells)
    return (
        first.quality >= second.quality
        and first.bits <= second.bits
        and covers
        and instance.rivals[a] - same <= instance.rivals[b]
    )
