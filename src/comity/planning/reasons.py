"""Why a task is not, or not wholly, in a plan: found anew from the problem and the plan alone."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

from comity.core import UnknownIdError
from comity.planning.coverage import Tally
from comity.planning.downlink import Downlinks, Session, Shortfall
from comity.planning.instance import overlaps
from comity.planning.model import Opportunity, Problem, Reason, ReasonCode, Solution, Task
from comity.planning.slew import Turns

#: Part of a task that may be missing without a reason being due.
_WHOLE = 1 - 1e-9
#: How many chances of a task, best first, are looked at.
_CHANCES = 200


def explain(problem: Problem, solution: Solution, task_id: str) -> Reason | None:
    """Why this task is not wholly in the plan; None where it is. Unknown ids raise UnknownIdError."""
    tasks = {task.id: task for task in problem.tasks}
    if task_id not in tasks:
        raise UnknownIdError("task", task_id, tuple(tasks))
    return _Case(problem, solution).explain(tasks[task_id])


def explain_all(problem: Problem, solution: Solution) -> tuple[Reason, ...]:
    """Reasons for all tasks that are not wholly in the plan, in the problem's order."""
    case = _Case(problem, solution)
    found = (case.explain(task) for task in problem.tasks)
    return tuple(reason for reason in found if reason is not None)


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """What keeps one opportunity out."""

    code: ReasonCode
    text: str
    by: tuple[str, ...] = ()


class _Case:
    """A plan laid open: what each spacecraft does, what each task earned, which sessions are held."""

    def __init__(self, problem: Problem, solution: Solution) -> None:
        self._problem = problem
        self._limits = {limits.id: limits for limits in problem.spacecraft}
        self._chances: dict[str, list[Opportunity]] = defaultdict(list)
        self._tally = Tally(problem.tasks)
        self._taken: dict[str, list[Opportunity]] = {limits.id: [] for limits in problem.spacecraft}
        self._values = solution.task_values
        by_id = {o.id: o for o in problem.opportunities}
        for o in problem.opportunities:
            self._chances[o.task].append(o)
        for acquisition in solution.acquisitions:
            o = by_id[acquisition.opportunity]
            self._tally.add(o)
            self._taken[o.spacecraft].append(o)
        contacts = {c.id: c for c in problem.contacts}
        held: dict[str, list[Session]] = defaultdict(list)
        for d in solution.downlinks:
            contact = contacts[d.contact]
            held[contact.spacecraft].append(Session(d.start_s, d.end_s, d.bits, d.contact, contact.station))
        self._downlinks = Downlinks(problem)
        for craft, taken in self._taken.items():
            taken.sort(key=lambda o: o.start_s)
            self._downlinks.book(craft, tuple(held[craft]))

    def explain(self, task: Task) -> Reason | None:
        """The reason for this task, None where it is wholly planned."""
        covered = self._tally.covered(task.id)
        if covered >= _WHOLE:
            return None
        part = f"{covered:.0%} of the area is planned; for the rest, " if covered > 0 else ""
        chances = self._chances[task.id]
        if not chances:
            return self._reason(task, part, self._no_window())
        wanted = [(gain, o) for o in chances if (gain := self._missing(task, o)) > 0]
        if not wanted:
            worthless = task.value <= 0 or not self._seen(task)
            if task.cells is not None and not worthless:
                return self._reason(task, part, self._no_window(" of the missing part"))
            best = max(o.quality for o in chances)
            text = f"it would earn nothing: its value is {task.value:g}, the best quality {best:g}."
            return self._reason(task, part, _Obstacle("not-worth", text))
        # The best chance decides the reason; a chance that only a short search missed is told first.
        wanted.sort(key=lambda pair: (-pair[0], pair[1].start_s, pair[1].id))
        obstacles = [(o, gain, self._obstacle(o, gain)) for gain, o in wanted[:_CHANCES]]
        for o, _, obstacle in obstacles:
            if obstacle.code == "time-limit":
                return self._reason(task, part, obstacle, o, len(wanted))
        o, _, obstacle = obstacles[0]
        return self._reason(task, part, obstacle, o, len(wanted))

    def _missing(self, task: Task, o: Opportunity) -> float:
        """Worth that ``o`` would add by what is not covered at all."""
        return self._tally.gain(o) if self._tally.adds_cover(o) else 0.0

    def _seen(self, task: Task) -> bool:
        return any(o.quality > 0 for o in self._chances[task.id])

    def _no_window(self, what: str = "") -> _Obstacle:
        start, end = self._problem.start, self._problem.start + self._problem.horizon_s
        view = f"no spacecraft has a suitable view{what} between {start.iso(0)} and {end.iso(0)}."
        return _Obstacle("no-window", view)

    def _reason(
        self, task: Task, part: str, obstacle: _Obstacle, o: Opportunity | None = None, chances: int = 0
    ) -> Reason:
        text = obstacle.text
        if o is not None:
            best = "the only chance" if chances == 1 else f"the best of {chances} chances"
            text = f"{best}, {o.spacecraft} at {self._at(o.start_s)}, {text}"
        text = part + text
        return Reason(task=task.id, code=obstacle.code, text=text[0].upper() + text[1:], by=obstacle.by)

    def _at(self, seconds: float) -> str:
        return (self._problem.start + seconds).iso(0)

    def _obstacle(self, o: Opportunity, gain: float) -> _Obstacle:
        """Why ``o`` is not in the plan: the spacecraft is busy, its memory full, no downlink, or nothing."""
        limits = self._limits[o.spacecraft]
        if overlaps(o.start_s, o.end_s, self._problem.busy_spacecraft.get(o.spacecraft, ())):
            return _Obstacle("beaten", "falls into time for which the spacecraft is already committed.")
        if o.bits > limits.memory_bits:
            text = f"records {_gbit(o.bits)}, more than the memory holds ({_gbit(limits.memory_bits)})."
            return _Obstacle("memory", text)
        rivals = self._rivals(o)
        if rivals:
            return self._beaten(o, rivals, gain)
        taken = self._taken[o.spacecraft]
        at = bisect_left([t.start_s for t in taken], o.start_s)
        acts = [*taken[:at], o, *taken[at:]]
        fitted = self._downlinks.fit(o.spacecraft, acts)
        if isinstance(fitted, Shortfall):
            return self._short(o, acts, fitted)
        return _Obstacle("time-limit", "was still open when the search ended; a longer search would take it.")

    def _rivals(self, o: Opportunity) -> list[Opportunity]:
        """Acquisitions of the plan that leave the spacecraft no time for ``o``."""
        pairs = sorted([*self._taken[o.spacecraft], o], key=lambda t: t.start_s)
        at = next(k for k, t in enumerate(pairs) if t is o)
        turns = Turns(pairs, self._limits[o.spacecraft])
        return [t for k, t in enumerate(pairs) if turns.excludes(at, k)]

    def _beaten(self, o: Opportunity, rivals: list[Opportunity], gain: float) -> _Obstacle:
        by = tuple(dict.fromkeys(r.task for r in rivals if r.task != o.task))
        when = self._at(min(r.start_s for r in rivals))
        acts = "another image" if len(rivals) == 1 else f"{len(rivals)} other images"
        if not by:
            acts += " of the same area"
        more = ", which earns more" if self._loss(rivals) > gain else ""
        text = f"is lost to {acts} that the spacecraft takes around then, from {when}{more}."
        return _Obstacle("beaten", text, by)

    def _loss(self, rivals: list[Opportunity]) -> float:
        """Worth that the plan would lose without ``rivals``."""
        tasks = dict.fromkeys(r.task for r in rivals)
        without = Tally(task for task in self._problem.tasks if task.id in tasks)
        for taken in self._taken.values():
            for t in taken:
                if t.task in tasks and t not in rivals:
                    without.add(t)
        return sum(self._values.get(task, 0.0) for task in tasks) - without.total

    def _short(self, o: Opportunity, acts: list[Opportunity], short: Shortfall) -> _Obstacle:
        """``acts``: those of the spacecraft's plan and ``o``, by time."""
        on_board = acts[short.first : short.last + 1]
        by = tuple(dict.fromkeys(t.task for t in on_board if t is not o and t.task != o.task))
        if short.kind == "memory":
            memory = self._limits[o.spacecraft].memory_bits
            text = (
                f"would fill the memory: with it {_gbit(short.bits)} are on board by "
                f"{self._at(on_board[-1].start_s)}, before a downlink, and {_gbit(memory)} fit."
            )
            return _Obstacle("memory", text, by)
        end = self._at(self._problem.horizon_s)
        if isinstance(Downlinks(self._problem).fit(o.spacecraft, [o]), Shortfall):
            text = f"could not be sent: no station contact for it is left before {end}."
            return _Obstacle("downlink", text)
        text = f"could not be sent: the contacts left before {end} are taken up by other images."
        return _Obstacle("downlink", text, by)


def _gbit(bits: float) -> str:
    return f"{bits / 1e9:,.1f} Gbit"
