"""The exact solver: greedy start, CP-SAT on what is left to decide, sessions, polish."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from comity.core import InputError, Progress, silent
from comity.planning.coverage import sum_of_best
from comity.planning.flow import downlink_flow
from comity.planning.formulation import Formulation
from comity.planning.greedy import BEST_METHOD, greedy
from comity.planning.instance import Instance, prepare
from comity.planning.model import Bound, Problem, Solution
from comity.planning.packing import packed_pieces
from comity.planning.result import assemble
from comity.planning.search import Outcome, run
from comity.planning.selection import Selection, Sessions, carry_out, fill, without_idle
from comity.planning.solver import Deadline, OutOfTimeError, Stop
from comity.planning.validation import validate

#: Part of the time limit kept for sessions, polish and reasons.
_RESERVE = 0.06
#: How many times finer an area's worth is modelled once the rounded model is solved to the end.
_FINER = 4


@dataclass(slots=True)
class _Best:
    """The best plan and the least bound so far; kept up to date so that an interrupt loses nothing."""

    selection: Selection
    upper: float
    method: str
    work: float = 0.0

    @property
    def gap(self) -> float:
        return 0.0 if self.upper <= 0 else (self.upper - self.selection.worth) / self.upper

    def offer(self, selection: Selection) -> None:
        if selection.worth > self.selection.worth:
            self.selection = selection

    def prove(self, upper: float, method: str) -> None:
        if upper < self.upper:
            self.upper, self.method = upper, method


@dataclass(frozen=True, slots=True, kw_only=True)
class CpSatSolver:
    """OR-Tools CP-SAT on :class:`comity.planning.formulation.Formulation`, started from a greedy plan.

    ``workers``: threads. ``most_steps``: how finely the areas' worth is modelled at first; above it,
    qualities are rounded up, which keeps the bound true and makes it looser.
    """

    name: ClassVar[str] = "cp-sat"
    workers: int = 2
    most_steps: int = 25_000

    def __post_init__(self) -> None:
        if self.workers < 1 or self.most_steps < 1:
            raise InputError(f"workers is {self.workers}, most_steps {self.most_steps}: 1 is the least")

    def solve(self, problem: Problem, *, seed: int, stop: Stop, progress: Progress = silent) -> Solution:
        """See :class:`comity.planning.Solver`."""
        validate(problem)
        deadline = Deadline(stop)
        instance = prepare(problem, deadline)
        best = _Best(Selection(instance), sum_of_best(instance), BEST_METHOD)
        draft = Selection(instance)
        stopped = ""
        try:
            message = f"choosing from {len(problem.opportunities)} opportunities"
            progress(0, stop.wall_s or 1, message)
            greedy(draft, deadline)
            best.offer(draft)
            stopped = self._search(instance, best, seed, stop, deadline, progress)
        except OutOfTimeError:
            pass  # The best so far, and its bound, stand.
        except KeyboardInterrupt:
            stopped = ", interrupted"
            # It may have come between two halves of a step: build the draft anew from what was taken.
            best.offer(carry_out(instance, draft.taken))
        worth = best.selection.worth
        bound = Bound(value=worth, upper=max(worth, best.upper), method=best.method + stopped)
        return assemble(best.selection, bound, solver=self.name, work=best.work, seed=seed)

    def _search(
        self, instance: Instance, best: _Best, seed: int, stop: Stop, deadline: Deadline, progress: Progress
    ) -> str:
        """Improve ``best``; where rounded stairs were solved to the end, look again with finer ones."""
        flow = downlink_flow(instance, deadline)
        steps = self.most_steps
        while best.gap > stop.gap and not deadline.passed:
            if stop.work is not None and best.work >= stop.work:
                break
            formulation = Formulation(instance, flow, steps, deadline)
            formulation.hint(best.selection)
            outcome = run(
                formulation.model,
                seed=seed,
                stop=stop if stop.work is None else replace(stop, work=stop.work - best.work),
                deadline=deadline,
                reserve_s=_RESERVE * (stop.wall_s or 0.0),
                workers=self.workers,
                unit=formulation.worth_unit,
                known=(best.selection.worth, best.upper),
                progress=progress,
            )
            self._take(instance, best, formulation, outcome)
            if outcome.interrupted:
                return ", interrupted"
            if formulation.exact or not outcome.proven:
                break
            steps *= _FINER
        return ""

    @staticmethod
    def _take(instance: Instance, best: _Best, formulation: Formulation, outcome: Outcome) -> None:
        """Turn what CP-SAT found into a plan with sessions, and its bound into worth."""
        best.work += outcome.work
        if outcome.bound is not None:
            best.prove(outcome.bound * formulation.worth_unit, "CP-SAT bound")
        if outcome.values is not None:
            chosen = without_idle(instance, formulation.chosen(outcome.values))
            known = _sessions(instance, formulation, outcome.values, chosen)
            selection = carry_out(instance, chosen, known)
            fill(selection, range(len(instance.ops)))
            best.offer(selection)


def _sessions(
    instance: Instance, formulation: Formulation, values: tuple[int, ...], chosen: set[int]
) -> Sessions | None:
    """Sessions that follow the model's own downlinks, None where rounding leaves a spacecraft short."""
    sent = formulation.sent_bits(values)
    pieces = packed_pieces(formulation.flow, sent, instance.problem.antennas)
    empty = Selection(instance)
    sessions: Sessions = {}
    for craft, members in instance.of_craft.items():
        taken = [instance.ops[k] for k in members if k in chosen]
        if taken:
            found = empty.downlinks.fit(craft, taken, pieces[craft])
            if not isinstance(found, tuple):
                return None
            sessions[craft] = found
    return sessions
