"""A problem indexed for the solvers: what can be taken at all, and what excludes what."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass

from comity.planning.model import Opportunity, Problem, SpacecraftLimits, Task
from comity.planning.slew import Turns
from comity.planning.solver import Deadline, Stop

#: Most of the time limit that goes into leaving opportunities out.
_THIN = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Usable opportunities by spacecraft, then start; everything else refers to their positions.

    ``turns``: per spacecraft, which of its opportunities cannot be taken together (slew).
    ``alike``: per opportunity, the spacecraft's of the same point task, as bits from its first one on.
    ``of_craft`` / ``of_task``: positions by spacecraft (in time order, without gaps) and by task.
    """

    problem: Problem
    ops: tuple[Opportunity, ...]
    tasks: dict[str, Task]
    limits: dict[str, SpacecraftLimits]
    turns: dict[str, Turns]
    alike: tuple[int, ...]
    of_craft: dict[str, tuple[int, ...]]
    of_task: dict[str, tuple[int, ...]]

    def rivals(self, a: int, b: int) -> bool:
        """Whether ``a`` and ``b`` are of one spacecraft that cannot turn from one to the other in time."""
        craft = self.ops[a].spacecraft
        if craft != self.ops[b].spacecraft:
            return False
        first = self.of_craft[craft][0]
        return self.turns[craft].excludes(a - first, b - first)

    def number(self, op: int) -> int:
        """Which of its spacecraft's opportunities ``op`` is, from 0."""
        return op - self.of_craft[self.ops[op].spacecraft][0]

    def excluded(self, op: int) -> int:
        """What cannot be taken with ``op`` on the same spacecraft, as bits from its first opportunity on."""
        own = self.number(op)
        return (self.turns[self.ops[op].spacecraft].mask(own) | self.alike[op]) & ~(1 << own)

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


def prepare(problem: Problem, deadline: Deadline | None = None) -> Instance:
    """Index ``problem``, less opportunities that another one replaces at no loss.

    Those that are not found within a part of the ``deadline``'s time are kept.
    """
    tasks = {task.id: task for task in problem.tasks}
    limits = {craft.id: craft for craft in problem.spacecraft}
    ops = sorted(
        (o for o in problem.opportunities if usable(o, problem, tasks[o.task], limits[o.spacecraft])),
        key=lambda o: (o.spacecraft, o.start_s, o.id),
    )
    instance = _index(problem, ops, tasks, limits)
    dominated = _dominated(instance, deadline or Deadline(Stop()))
    if not dominated:
        return instance
    return _index(problem, [o for k, o in enumerate(ops) if k not in dominated], tasks, limits)


def _index(
    problem: Problem, ops: list[Opportunity], tasks: dict[str, Task], limits: dict[str, SpacecraftLimits]
) -> Instance:
    of_craft: dict[str, list[int]] = {id: [] for id in limits}
    of_task: dict[str, list[int]] = {id: [] for id in tasks}
    for k, o in enumerate(ops):
        of_craft[o.spacecraft].append(k)
        of_task[o.task].append(k)
    return Instance(
        problem=problem,
        ops=tuple(ops),
        tasks=tasks,
        limits=limits,
        alike=_alike(ops, tasks, of_craft),
        turns={id: Turns([ops[k] for k in members], limits[id]) for id, members in of_craft.items()},
        of_craft={id: tuple(members) for id, members in of_craft.items()},
        of_task={id: tuple(members) for id, members in of_task.items()},
    )


def _alike(ops: list[Opportunity], tasks: dict[str, Task], of_craft: dict[str, list[int]]) -> tuple[int, ...]:
    masks: dict[tuple[str, str], int] = defaultdict(int)
    for craft, members in of_craft.items():
        for number, k in enumerate(members):
            if tasks[ops[k].task].cells is None:
                masks[craft, ops[k].task] |= 1 << number
    return tuple(masks.get((o.spacecraft, o.task), 0) for o in ops)


def _dominated(instance: Instance, deadline: Deadline) -> set[int]:
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
        if deadline.used > _THIN:
            break  # Fewer left out is only slower to search.
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
        and _excludes_less(instance, a, b, same)
    )


def _excludes_less(instance: Instance, a: int, b: int, same: set[int]) -> bool:
    """Whether every rival of ``a`` but ``same`` is one of ``b`` too; all are of one spacecraft."""
    turns = instance.turns[instance.ops[a].spacecraft]
    more = turns.mask(instance.number(a)) & ~turns.mask(instance.number(b))
    for k in same:
        more &= ~(1 << instance.number(k))
    return more == 0
