"""From a problem to a plan with a proven bound: prices and plans take turns.

Each step is a fixed amount of work: a round of the bound, whose shares make a plan; a batch of changes to
two plans (in two threads); two groups of satellites planned anew as whole-number programs, or two large ones
changed near the plan, where a linear program moves them. What is done next depends on the
problem and the seed alone, so that as many steps give the same plan again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from comity.core import InputError, Progress, silent
from comity.planning.paths.alone import Alone, turns_add_up
from comity.planning.paths.bounding import BoundStep, bounds
from comity.planning.paths.groups import related
from comity.planning.paths.insertion.plan import InsertionPlan
from comity.planning.paths.linear import Answer, Program, whole
from comity.planning.paths.narrowing import beside, only
from comity.planning.paths.problem import FloatArray, IntArray, PathProblem
from comity.planning.paths.proximity import solve_near
from comity.planning.paths.relaxation import BoolArray, Graph, Relaxation
from comity.planning.paths.remote import Keeper, RemoteGraph
from comity.planning.paths.resources import Coupling, couple
from comity.planning.paths.result import PathPlan
from comity.planning.paths.search import Part, Search, solve_anew
from comity.planning.paths.simulate import violations

#: Changes of each kind in a batch, batches in the first cycle of cooling and more in each later one, steps
#: beside a round of the bound.
_MOVES, _FIRST, _CYCLE, _BESIDE = 2000, 4, 12, 4
#: Batches in the longest cycle; cycles without progress (part of the value) before the search ends.
_LONGEST, _PATIENCE, _PROGRESS = 512, 6, 1e-5
#: What groups planned anew must bring (part of the value) to come again at once.
_GOOD = 1e-4
#: Heat at a cycle's start and end, slack of candidates, as parts of a node's mean value; span laid anew (s).
_HOT, _COLD, _NEAR, _SPAN_S = 0.015, 0.002, 0.03, 400.0
#: A share below this is none.
_SHARED = 1e-3
#: Nodes of a whole-number program of everything, at most, and of a group of satellites, about.
_WHOLE, _PART = 300, 1000
#: Nodes of satellites planned alone in one step, about; batches between two such steps.
_APART, _BETWEEN = 5000, 8
#: They take turns with the plan where the gap is wider than this; else they come when the search has ended.
_WIDER = 0.01
#: Below so many nodes a second thread is not worth it.
_SINGLE = 4000
#: Of a group's program: nodes of the tree, relative gap (least, most, part of the plan's), batches as long.
_TREE, _CLOSE, _WIDE, _PART_OF_GAP, _AS_LONG = 20, 2e-4, 4e-3, 0.4, 3
#: Of many satellites changed near the plan: nodes in the linear program, about; slack of these and premium of
#: the plan's (parts of a node's mean value), least and most; relative gap; batches as long.
_BROAD, _NEARER, _PREMIUM, _FINE, _BROAD_AS_LONG = 5000, 0.01, (0.02, 0.05), 1e-4, 6
_ROUNDING = 1e-9


def solve(
    problem: PathProblem,
    *,
    seed: int = 0,
    steps: int | None = None,
    wall_s: float | None = None,
    gap: float = 1e-6,
    workers: int = 2,
    progress: Progress = silent,
    start: IntArray | None = None,
    frozen: BoolArray | None = None,
    bonus: FloatArray | None = None,
    outer: Coupling | None = None,
    keeper: Keeper | None = None,
) -> PathPlan:
    """A plan of ``problem`` that the simulation accepts, and a bound on any plan at the nodes' starts.

    Stops after ``steps``, after ``wall_s`` seconds, at a relative ``gap``, or on Ctrl-C, with the best plan
    and bound so far. ``workers`` threads; results do not depend on how many. ``start``: nodes to begin with
    (as many of them as hold); ``frozen`` (n,): nodes that must be in the plan; ``bonus`` (n,) ≥ 0: what a
    node earns besides its value, counted in value and bound. ``outer``: rows that the bound is for, where
    they are looser than the plan's own (with ``frozen``: only where all nodes fit beside those). ``keeper``:
    workers for passes over the paths; results are the same. Raises :class:`InputError` where the
    satellites cannot even do nothing, or not what is frozen.
    """
    n = len(problem)
    fixed = np.zeros(n, np.bool_) if frozen is None else np.asarray(frozen, dtype=np.bool_)
    if bonus is not None:
        problem = replace(problem, value=problem.value + bonus)
    left = np.arange(n) if frozen is None else np.flatnonzero(beside(problem, fixed))
    part = problem if len(left) == n else only(problem, left)
    begin = np.empty(0, np.int64) if start is None else np.flatnonzero(np.isin(left, start))
    run = _Run(part, seed, workers, progress, wall_s, steps, gap, fixed[left], begin, outer, keeper)
    try:
        run.go()
    except KeyboardInterrupt:
        run.stopped = "interrupted"
    finally:
        if run.pair is not None:
            run.pair.shutdown()
    return run.plan(left)


class _Run:
    def __init__(
        self,
        problem: PathProblem,
        seed: int,
        workers: int,
        progress: Progress,
        wall_s: float | None,
        steps: int | None,
        gap: float,
        fixed: BoolArray,
        begin: IntArray,
        outer: Coupling | None,
        keeper: Keeper | None = None,
    ) -> None:
        self.keeper = keeper
        self.began = time.monotonic()
        self.problem, self.seed, self.workers, self.progress = problem, seed, workers, progress
        self.until = math.inf if wall_s is None else self.began + wall_s
        self.most, self.target, self.outer = steps, gap, outer
        self.rng = np.random.default_rng(seed)
        self.work = InsertionPlan(problem)
        self.twin = InsertionPlan(problem)
        if faults := violations(problem, [], []):
            raise InputError(f"no plan, not even an empty one, holds: {faults[0]}")
        held = np.flatnonzero(fixed)
        if self.work.fill(held) < len(held) and not self.settle(held):
            missing = np.setdiff1d(held, self.work.nodes)
            raise InputError(
                f"what is frozen does not hold: node {missing[0]} cannot be taken with the others"
            )
        self.work.state.frozen[held] = self.twin.state.frozen[held] = True
        self.blank = self.work.keep()
        self.work.fill(begin)
        self.worth = float(problem.value.mean()) if len(problem) else 1.0
        self.best, self.value = self.work.keep(), self.work.value
        best_of = np.zeros(problem.requests)
        np.maximum.at(best_of, problem.request, problem.value)
        self.bound = float(best_of.sum())
        self.heard = self.bound
        self.steps, self.stopped = 0, "search ended"
        self.length, self.place = _FIRST, 0
        self.history: list[tuple[float, float, float]] = []
        self.guide: BoundStep | None = None
        self.apart: Alone | None = None
        self.prices, self.cost = np.zeros(problem.requests), np.zeros(len(problem))
        self.candidates = self.work.candidates(np.empty(0, np.int64))
        self.pair = ThreadPoolExecutor(2) if workers > 1 and len(problem) > _SINGLE else None

    def settle(self, nodes: IntArray) -> bool:
        """Put ``nodes`` in with contacts shared out as a linear program says; whether all of them hold."""
        coupling = couple(self.problem)
        taken = np.zeros(len(self.problem))
        taken[nodes] = 1.0
        limit = coupling.limit - coupling.nodes @ taken + _ROUNDING * ~coupling.equal
        gain = np.zeros(len(coupling.low))
        gain[coupling.contact] = gain[
            coupling.sent
        ] = -1.0  # Sending takes energy: no more of it than needed.
        found = whole(
            Program(
                gain=gain,
                rows=coupling.extra,
                below=np.where(coupling.equal, limit, -np.inf),
                above=limit,
                low=coupling.low,
                high=coupling.high,
                whole=coupling.whole,
            )
        )
        everyone = np.arange(self.problem.satellites)
        return found.x is not None and self.work.adopt(everyone, nodes, found.x[coupling.contact])

    def hear(self, bound: float) -> None:
        """A bound amid a round: it counts only where the round is cut off."""
        self.heard = bound

    def late(self) -> bool:
        return time.monotonic() > self.until

    def done(self) -> bool:
        """Whether to stop, after a step."""
        self.history.append((time.monotonic() - self.began, self.value, self.bound))
        self.progress(self.value, self.bound, "planning")
        if self.bound - self.value <= max(self.target * self.bound, _ROUNDING):
            self.stopped = "proven"
        elif self.most is not None and self.steps >= self.most:
            self.stopped = "work"
        elif self.late():
            self.stopped = "wall"
        else:
            return False
        return True

    def go(self) -> None:
        if self.done():
            return
        problem = self.problem
        self.work.fill(np.lexsort((problem.end_s - problem.start_s, -problem.value)))
        self.note()
        if self.keeper is None:
            graph = Graph(problem, workers=self.workers)
        else:
            graph = RemoteGraph(problem, self.keeper, workers=self.workers)
        self.search = Search(Relaxation(problem, couple(problem), graph))
        self.relaxation = self.search.relaxation
        if self.outer is not None:
            self.relaxation = Relaxation(problem, self.outer, graph)
        rounds = bounds(self.relaxation, over=self.late, tell=self.hear)
        for step in rounds:
            if self.guided(step):
                return
            if step.tail:
                break
        if self.guide is not None:
            with ThreadPoolExecutor(1) as pool:
                try:
                    self.search_beside(rounds, pool)
                finally:
                    self.until = -math.inf  # A round that still runs ends as if it were late.

    def search_beside(self, rounds: Iterator[BoundStep], pool: ThreadPoolExecutor) -> None:
        """Changes and groups planned anew, so many of them beside each further round of the bound."""
        coming: Future[BoundStep | None] | None = pool.submit(next, rounds, None)
        since = 0
        for effort in self.changes():
            if self.done():
                return
            since += effort
            if since < (_BETWEEN if coming is None else _BESIDE):
                continue
            since = 0
            if coming is None:
                # A small gap is in the plan more than in the bound.
                if self.bound - self.value > _WIDER * self.bound and self.alone() and self.done():
                    return
                continue
            step = coming.result()
            if step is not None and self.guided(step):
                return
            coming = None if step is None else pool.submit(next, rounds, None)
        while coming is None and self.alone():
            if self.done():
                return

    def alone(self) -> bool:
        """Lower the bound by planning some satellites alone at the last prices; whether any were left."""
        if self.apart is None:
            assert self.guide is not None
            if self.outer is not None or not turns_add_up(self.problem):
                return False
            self.apart = Alone(self.relaxation, self.guide.prices)
        kept = self.work.keep()
        self.work.restore(self.best)
        self.search.read(self.work)
        self.work.restore(kept)
        known = self.apart.values(self.search.taken.astype(np.float64), self.search.extra)
        many = _APART * self.problem.satellites // len(self.problem)
        which = self.apart.waiting(known, min(8, max(2, many))).tolist()
        if not which:
            return False

        def bound(satellite: int) -> float:
            assert self.apart is not None
            return self.apart.bound_of(satellite, float(known[satellite]), seed=self.seed, over=self.late)

        found = [*(map if self.pair is None else self.pair.map)(bound, which)]
        if not self.late():  # Else those that were cut off could not be had again.
            for satellite, value in zip(which, found, strict=True):
                self.apart.put(satellite, value)
            self.bound = min(self.bound, self.apart.bound)
            self.steps += 1
        return True

    def changes(self) -> Iterator[int]:
        """Steps of the search, until they bring nothing any more; what each takes, in batches."""
        failures = 0
        while failures <= _PATIENCE:
            before = self.value
            if self.whole():
                yield 1
                return
            self.batch()
            yield 1
            while self.place < self.length:
                self.batch()
                yield 1
            for sweep in (self.groups, self.broad):
                gained = math.inf
                while gained > _GOOD * self.value:
                    gained = -self.value
                    yield from sweep()
                    gained += self.value
            failures = 0 if self.value > before * (1 + _PROGRESS) else failures + 1

    def guided(self, step: BoundStep) -> bool:
        """Go by ``step`` from now on; whether to stop."""
        self.bound = min(self.bound, step.bound)
        if not self.late():  # Else it was cut off: as many steps would not give its plan again.
            self.take(step)
            self.steps += 1
        return self.done()

    def take(self, step: BoundStep) -> None:
        """Go by the prices and shares of ``step`` from now on; its shares make a plan too."""
        problem, coupling = self.problem, self.relaxation.coupling
        self.guide = step
        self.prices = step.prices.requests
        self.cost = np.maximum(coupling.nodes.T @ step.prices.rows, 0.0)
        if self.outer is None and len(coupling.contact):
            prices = coupling.extra[:, coupling.contact].maximum(0.0).T @ np.maximum(step.prices.rows, 0.0)
            self.work.price(prices)
            self.twin.price(prices)
        near = np.flatnonzero((step.slack <= _NEAR * self.worth) | (step.shares > _SHARED))
        self.candidates = self.work.candidates(near)
        fresh = self.twin
        fresh.restore(self.blank)
        if self.outer is None and len(coupling.contact):
            fresh.state.reserve[:] = np.clip(step.extra[coupling.contact], 0.0, 1.0)
        shared = np.flatnonzero(step.shares > _SHARED)
        fresh.fill(shared[np.lexsort((-problem.value[shared], -step.shares[shared]))])
        fresh.fill(near[np.argsort(step.slack[near], kind="stable")])
        self.note()
        if fresh.value > self.work.value:
            self.work.restore(fresh.keep())

    def note(self) -> None:
        """Keep the plan if it is the best."""
        for work in (self.work, self.twin):
            value = work.value
            if value > self.value + _ROUNDING:
                self.best, self.value = work.keep(), value

    def batch(self) -> None:
        """Changes at the heat of the moment, of two plans; then a longer cycle begins."""
        if self.place >= self.length:
            self.place, self.length = 0, min(self.length + _CYCLE, _LONGEST)
            self.work.restore(self.best)
            self.twin.restore(self.best)
        hot, cold = _HOT * self.worth, _COLD * self.worth
        now, then = (hot * (cold / hot) ** ((self.place + k) / self.length) for k in (0, 1))
        number = self.seed * 1_000_003 + self.steps
        moves = min(max(_MOVES, self.problem.requests // 4), 20 * len(self.candidates.nodes))

        def change(work: InsertionPlan, number: int) -> None:
            work.rethread(self.candidates, self.prices, self.cost, moves, now, then, _SPAN_S, number)
            work.anneal(self.candidates, 3 * moves, now, then, number)

        if moves:
            numbers = (number, number + 500_009)
            if self.pair is None:
                for each in zip((self.work, self.twin), numbers, strict=True):
                    change(*each)
            else:
                list(self.pair.map(change, (self.work, self.twin), numbers))
        self.place += 1
        self.steps += 1
        self.note()

    def whole(self) -> bool:
        """All that can be in a better plan as one program, where that is small; whether it was."""
        assert self.guide is not None
        useful = self.guide.slack <= self.bound - self.value + _ROUNDING
        if int(useful.sum()) > _WHOLE:
            return False
        search = self.search
        self.work.restore(self.best)
        search.read(self.work)
        gained = search.improve(
            useful,
            ~self.work.state.frozen,
            nodes=100_000,
            gap=self.target,
            seed=self.seed,
            over=self.late,
        )
        if not self.late():  # What it found in part of a step could not be had again.
            if self.outer is None:
                self.bound = min(self.bound, max(search.value, search.proven))
            if gained > 0 and search.write(self.work):
                self.note()
            self.steps += 1
        return True

    def groups(self) -> Iterator[int]:
        """Every satellite once in a group that is planned anew."""
        gap = max(_CLOSE, min(_WIDE, _PART_OF_GAP * (self.bound - self.value) / self.bound))
        yield from self.sweep(partial(solve_anew, gap=gap), _NEAR, _PART, self.problem.satellites, _AS_LONG)

    def broad(self) -> Iterator[int]:
        """Every satellite once in a large group that is changed near the plan."""
        premium = self.worth * float(self.rng.uniform(*_PREMIUM))
        change = partial(solve_near, gap=_FINE, premium=premium)
        yield from self.sweep(change, _NEARER, _BROAD, -(-self.problem.satellites // 2), _BROAD_AS_LONG)

    def sweep(
        self,
        change: Callable[..., tuple[Part, Answer] | None],
        slack: float,
        nodes: int,
        most: int,
        long: int,
    ) -> Iterator[int]:
        """``change`` the plan of every satellite once, two groups at a time, of about so many ``nodes``.

        ``slack``: of these, over a node's worth; ``most``: satellites of a group; ``long``: in batches.
        """
        assert self.guide is not None
        problem, search, guide = self.problem, self.search, self.guide
        useful = (guide.slack <= slack * self.worth) | (guide.shares > _SHARED)
        near = np.flatnonzero(useful)
        size = max(2, min(most, round(nodes * problem.satellites / max(1, len(near)))))
        waiting = self.rng.permutation(problem.satellites)
        while len(waiting):
            self.work.restore(self.best)
            search.read(self.work)
            pair = []
            for _ in range(2):
                if len(waiting):
                    group = related(self.work, waiting, near, size, self.rng)
                    waiting = waiting[~np.isin(waiting, group)]
                    pair.append(group)
            change_of = partial(
                change,
                search,
                useful=useful,
                free=~self.work.state.frozen,
                portion=1.0 / len(pair),
                nodes=_TREE,
                seed=self.seed + self.steps,
                over=self.late,
            )
            denied = self.apart_of(pair, near)
            answers = [*(map if self.pair is None else self.pair.map)(change_of, pair, denied)]
            if self.late():
                yield long
                return
            gained = sum(search.accept(*answer) for answer in answers if answer is not None)
            if gained > 0 and search.write(self.work):
                self.note()
            self.steps += 1
            yield long

    def apart_of(self, pair: list[IntArray], near: IntArray) -> list[BoolArray | None]:
        """Requests that each of two groups leaves to the other: where one has a node of less slack."""
        assert self.guide is not None
        if len(pair) < 2:
            return [None]
        problem, slack = self.problem, self.guide.slack
        nearest = np.full((2, problem.requests), np.inf)
        for k, group in enumerate(pair):
            own = near[np.isin(problem.satellite[near], group)]
            np.minimum.at(nearest[k], problem.request[own], slack[own])
        ours = nearest[0] <= nearest[1]
        return [~ours, ours]

    def plan(self, left: IntArray) -> PathPlan:
        """What there is."""
        self.work.restore(self.best)
        nodes, sendings = self.work.nodes, self.work.sendings()
        if faults := violations(self.problem, nodes.tolist(), sendings):
            raise AssertionError(f"the solver broke a rule: {faults[0]}")
        value = self.work.value
        if self.stopped in ("wall", "interrupted"):
            self.bound = min(self.bound, self.heard)
        return PathPlan(
            nodes=tuple(left[nodes].tolist()),
            sendings=tuple(sendings),
            value=value,
            bound=max(self.bound, value),
            steps=self.steps,
            history=tuple(self.history),
            stopped=self.stopped,
        )
