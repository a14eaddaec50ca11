"""Upper bounds step by step: prices first by a smooth descent, then from linear programs over a core.

Where those programs would be too large, the descent goes on instead, at less and less heat.

Use::

    relaxation = Relaxation(problem, couple(problem), Graph(problem))
    for step in bounds(relaxation, over=late):
        ...  # step.bound, step.prices, step.slack, step.shares, step.extra

Every step's ``bound`` holds and never rises. What is done from one step to the next is counted, never timed:
the caller stops by ``over`` (asked often, also while a linear program runs), by closing the generator, or by
Ctrl-C (KeyboardInterrupt passes through; the last step stands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack

from comity.planning.paths.descent import Descent
from comity.planning.paths.linear import Optimum, Program, optimum
from comity.planning.paths.problem import FloatArray
from comity.planning.paths.relaxation import BoolArray, Prices, Relaxation

#: Levels of the descent: how many, steps in each, and first and last heat and stiffness over a node's worth.
_LEVELS, _STEPS = 60, 5
_HEAT, _STIFFNESS = (0.1, 0.007), (1.2, 0.03)
#: First and last stiffness over the prices of a store or a battery, and levels until prices count so.
_HELD, _WARM = (0.2, 0.01), 20
#: Nodes per request in the first levels, in the later ones at most, and in the first core.
_SPREAD, _MOST, _CORE = 15, 15, 5.0
#: Nodes of the descent, at most (besides those in use).
_NODES = 100_000
#: Where the core's linear program would be larger (columns), the descent goes on by so many levels instead.
_LARGEST, _TAIL = 40_000, 60
#: Below this heat (over a node's worth) the nodes are chosen: those of least slack.
_CHOSEN_BELOW = 0.04
#: The graph is narrowed again when the heat has fallen by this.
_NARROWER = 0.6
#: Largest part of the core that a round adds, and mixtures of best prices with the linear program's.
_ADDED, _PARTS = 0.3, (1.0, 0.5, 0.2, 0.06)
_ROUNDS = 12
#: How far beyond the last heat and stiffness the descent goes then (1: not).
_FURTHER = 1.6
#: A step is shown after so many levels.
_EACH = 10
_SHARE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoundStep:
    """State of the bound after a step.

    ``step``: 0, 1, …; ``bound``: the best so far, at ``prices``. ``slack`` (n,) ≥ 0: by how much it falls
    when a node must be in the plan (a plan worth more than ``bound − slack[v]`` does without v).
    ``shares`` (n,): parts of the nodes in a solution of the relaxation, nearly feasible or a linear
    program's optimum; ``extra`` (q,): the resources' variables beside them. ``core_value``: optimum of the
    last linear program, 0 while there is none: about what the bound is falling to; nodes
    missing from the core lower it, sets of nodes weaker than paths raise it, so it bounds nothing.
    ``last``: nothing more would follow. ``tail``: what follows lowers the bound a little, the prices are
    good.
    """

    step: int
    bound: float
    prices: Prices
    slack: FloatArray
    shares: FloatArray
    extra: FloatArray
    core_value: float = 0.0
    last: bool = False
    tail: bool = False


def _never() -> bool:
    return False


def bounds(
    relaxation: Relaxation,
    *,
    over: Callable[[], bool] = _never,
    close: float = 1e-4,
    tell: Callable[[float], None] | None = None,
) -> Iterator[BoundStep]:
    """Better and better bounds, until ``over()`` or the bound is within the part ``close`` of its limit.

    ``tell``: called with each better bound, also amid a step.
    """
    run = _Run(relaxation, over, tell)
    yield from run.descend()
    yield from run.core(close)


class _Run:
    def __init__(
        self, relaxation: Relaxation, over: Callable[[], bool], tell: Callable[[float], None] | None
    ) -> None:
        self.relaxation, self.over, self.tell = relaxation, over, tell
        self.steps = 0
        problem, coupling = relaxation.problem, relaxation.coupling
        self.shares, self.extra = np.zeros(len(problem)), coupling.low.copy()
        self.core_value, self.large = 0.0, False
        # Each request at its best: with no resource used, the simplest prices there are.
        top = np.zeros(problem.requests)
        np.maximum.at(top, problem.request, problem.value)
        self.best = Prices(requests=top, rows=np.zeros(len(coupling.limit)))
        self.bound = relaxation.price(self.best).bound
        self.offer(relaxation.zero())

    def offer(self, prices: Prices) -> float:
        """Take ``prices`` if they are the best; their bound."""
        bound = self.relaxation.price(prices).bound
        if bound < self.bound:
            self.bound, self.best = bound, prices
            if self.tell is not None:
                self.tell(bound)
        return bound

    def step(self, *, last: bool = False, tail: bool = False) -> BoundStep:
        self.steps += 1
        return BoundStep(
            step=self.steps - 1,
            bound=self.bound,
            prices=self.best,
            slack=self.relaxation.slack(self.best),
            shares=self.shares,
            extra=self.extra,
            core_value=self.core_value,
            last=last,
            tail=tail,
        )

    def descend(self) -> Iterator[BoundStep]:
        problem, relaxation = self.relaxation.problem, self.relaxation
        descent = Descent(relaxation)
        n = len(problem)
        if n == 0:
            yield self.step(last=True)
            return
        worth = float(problem.value.mean()) or 1.0
        descent.restrict(_spread(relaxation, max(2, min(_SPREAD, _NODES // max(1, problem.requests)))))
        narrowed = np.inf
        first = min(n, int(_CORE * problem.requests), _NODES // 2)
        self.large = first + len(relaxation.coupling.low) > _LARGEST
        levels = _LEVELS + _TAIL * self.large
        for k in range(levels):
            if self.over():
                break
            part = min(_FURTHER, k / (_LEVELS - 1))
            heat = worth * _HEAT[0] * (_HEAT[1] / _HEAT[0]) ** part
            again = k > _LEVELS and k % _EACH == 0
            if again or (heat < _CHOSEN_BELOW * worth and heat < _NARROWER * narrowed):
                slack = relaxation.slack(relaxation.proper(descent.prices))
                most = min(_MOST * problem.requests, _NODES, n) - 1
                near = slack <= np.partition(slack, most)[most]
                descent.restrict(near | (descent.shares > _SHARE))
                narrowed = heat
            stiffness = worth * _STIFFNESS[0] * (_STIFFNESS[1] / _STIFFNESS[0]) ** part
            held = _HELD[0] * (_HELD[1] / _HELD[0]) ** part * min(1.0, k / _WARM)
            descent.level(heat, stiffness, held, _STEPS, self.over)
            self.offer(relaxation.proper(descent.prices))
            self.shares, self.extra = descent.shares, descent.extra
            if k % _EACH == _EACH - 1 and k < levels - 1:
                if k >= _LEVELS - 1 and not self.over():
                    self.settle(relaxation.proper(descent.prices))
                yield self.step(tail=k >= _LEVELS - 1)
        self.start = relaxation.proper(descent.prices)
        if not self.over():
            self.start = self.settle(self.start)
        yield self.step(last=self.large)

    def settle(self, prices: Prices) -> Prices:
        """Offer ``prices`` once more, :meth:`settled`."""
        better = self.settled(prices)
        if better is None:
            return prices
        self.offer(better)
        return better

    def settled(self, prices: Prices) -> Prices | None:
        """With the best prices of the rows that no node is in, the other prices as they are."""
        coupling = self.relaxation.coupling
        inner = np.diff(coupling.nodes.indptr) == 0
        if not inner.any():
            return None
        found = self.solve(
            Program(
                gain=coupling.gain - coupling.extra[~inner].T @ prices.rows[~inner],
                rows=coupling.extra[inner],
                below=np.where(coupling.equal, coupling.limit, -np.inf)[inner],
                above=coupling.limit[inner],
                low=coupling.low,
                high=coupling.high,
            )
        )
        if found is None:
            return None
        rows = prices.rows.copy()
        rows[inner] = found.duals
        return self.relaxation.proper(Prices(requests=prices.requests, rows=rows))

    def solve(self, program: Program) -> Optimum | None:
        """Its optimum; None where it was given up or failed."""
        return optimum(program, over=self.over)

    def core(self, close: float) -> Iterator[BoundStep]:
        """Linear programs over a growing core, their prices mixed with the best so far."""
        relaxation, problem = self.relaxation, self.relaxation.problem
        n = len(problem)
        if n == 0 or self.large:
            return
        slack = relaxation.slack(self.start)
        first = min(n, int(_CORE * problem.requests), _NODES // 2)
        inside = (slack <= np.partition(slack, first - 1)[first - 1]) | (self.shares > 1e-3)
        for k in range(_ROUNDS):
            if self.over():
                return
            found = self.solve(self.program(inside))
            if found is None:
                if not self.over():
                    yield self.step(last=True)
                return
            self.core_value = found.value
            count = int(inside.sum())
            chosen = np.flatnonzero(inside)
            self.shares = np.zeros(n)
            self.shares[chosen] = found.x[: len(chosen)]
            self.extra = found.x[len(chosen) :]
            r = problem.requests
            m = len(relaxation.coupling.limit)
            prices = relaxation.proper(Prices(requests=found.duals[:r], rows=found.duals[r : r + m]))
            centre = self.best
            wanted = np.full(n, np.inf)
            for part in _PARTS:
                mixed = centre.towards(prices, part)
                self.offer(mixed)
                np.minimum(wanted, relaxation.slack(mixed), out=wanted)
            wanted[inside] = np.inf
            most = min(int(_ADDED * count) + 1, n) - 1
            fresh = wanted <= min(0.05 * float(problem.value.mean()), float(np.partition(wanted, most)[most]))
            done = self.bound - self.core_value <= close * self.bound or not fresh.any() or k == _ROUNDS - 1
            yield self.step(last=done, tail=True)
            if done:
                return
            inside |= fresh

    def program(self, inside: BoolArray) -> Program:
        """The linear program over the nodes marked in (n,): requests, resources, sets that exclude."""
        problem, coupling = self.relaxation.problem, self.relaxation.coupling
        chosen = np.flatnonzero(inside)
        n, q = len(chosen), len(coupling.low)
        starts, members = self.relaxation.graph.cliques(chosen)
        requests = csr_matrix(
            (np.ones(n), (problem.request[chosen], np.arange(n))), shape=(problem.requests, n + q)
        )
        resources = hstack((coupling.nodes.tocsc()[:, chosen], coupling.extra))
        sets = csr_matrix((np.ones(len(members)), members, starts), shape=(len(starts) - 1, n + q))
        below = np.full(problem.requests + len(coupling.limit) + len(starts) - 1, -np.inf)
        resource_rows = slice(problem.requests, problem.requests + len(coupling.limit))
        below[resource_rows] = np.where(coupling.equal, coupling.limit, -np.inf)
        return Program(
            gain=np.concatenate((problem.value[chosen], coupling.gain)),
            rows=vstack((requests, resources, sets), format="csr"),
            below=below,
            above=np.concatenate((np.ones(problem.requests), coupling.limit, np.ones(len(starts) - 1))),
            low=np.concatenate((np.zeros(n), coupling.low)),
            high=np.concatenate((np.ones(n), coupling.high)),
        )


def _spread(relaxation: Relaxation, most: int) -> BoolArray:
    """At most so many nodes of each request, (n,), spread evenly over them."""
    problem = relaxation.problem
    n = len(problem)
    order = np.argsort(problem.request, kind="stable")
    first = np.searchsorted(problem.request[order], np.arange(problem.requests + 1))
    count = np.diff(first)[problem.request[order]]
    rank = np.arange(n) - first[problem.request[order]]
    keep = np.zeros(n, np.bool_)
    keep[order] = (rank * most) // np.maximum(count, most) != ((rank - 1) * most) // np.maximum(count, most)
    return keep
