"""Plans: some satellites at a time are planned anew in whole numbers, the others being as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack

from comity.planning.paths.insertion import kernels
from comity.planning.paths.insertion.plan import InsertionPlan
from comity.planning.paths.linear import Answer, Program, whole
from comity.planning.paths.problem import FloatArray, IntArray
from comity.planning.paths.relaxation import BoolArray, Relaxation
from comity.planning.paths.resources import Coupling
from comity.planning.paths.simulate import Sending, battery_dip, violations

_HELD = 0.5
_ROUNDING = 1e-9
_BATTERY_TRIES = 4


class Search:
    """A plan that is changed for the better, satellites by satellites.

    ``taken`` (n,): the nodes in the plan; ``extra`` (q,): the resources' variables.
    """

    def __init__(self, relaxation: Relaxation) -> None:
        self.relaxation = relaxation
        self.taken = np.zeros(len(relaxation.problem), np.bool_)
        self.extra = np.zeros(len(relaxation.coupling.low))
        #: Bound of the last part planned anew, among plans that leave the rest.
        self.proven = np.inf
        self.rows_of_extra = relaxation.coupling.extra.tocsc()
        self.rows_of_nodes = relaxation.coupling.nodes.tocsc()
        self.defines = _defines(relaxation.coupling)

    @property
    def value(self) -> float:
        """What the plan is worth."""
        return float(self.relaxation.problem.value[self.taken].sum())

    def improve(
        self,
        useful: BoolArray,
        free: BoolArray,
        *,
        nodes: int,
        gap: float,
        seed: int,
        over: Callable[[], bool],
    ) -> float:
        """Plan everything anew with the ``useful`` (n,) nodes; what the plan gains.

        ``free`` (n,): the nodes that may change; the others stay in the plan or out of it. ``nodes``: of the
        solver's tree, at most. ``over()``, asked often: nothing is found any more.
        """
        everyone = np.arange(self.relaxation.problem.satellites)
        part = Part(self, everyone, useful, free)
        return self.accept(part, part.solve(nodes=nodes, gap=gap, seed=seed, over=over))

    def accept(self, part: Part, found: Answer) -> float:
        """Take over what was ``found`` for a part, if it is better and holds; what the plan gains."""
        self.proven = found.bound
        for k in range(_BATTERY_TRIES):
            if found.x is None:
                return 0.0
            kept, value = (self.taken.copy(), self.extra.copy()), self.value
            part.put(found.x)
            # The rows leave out what a battery does between checkpoints: the simulation decides.
            dips = self._dips(part.group)
            if self.value > value + _ROUNDING and not dips:
                return self.value - value
            better = self.value > value + _ROUNDING
            self.taken, self.extra = kept
            if not better:
                return 0.0
            # More than the dip: the next answer may have another one, between two checkpoints as well.
            part.spare({s: 2**k * dip for s, dip in dips.items()})
            found = part.again()
        return 0.0

    def read(self, plan: InsertionPlan) -> None:
        """Go on from what the compiled search has."""
        coupling = self.relaxation.coupling
        self.taken[:] = False
        self.taken[plan.nodes] = True
        z = np.zeros(len(coupling.low))
        z[coupling.contact] = plan.state.used
        if len(coupling.sent):
            z[coupling.sent] = plan.state.sent / np.maximum(plan.facts.carries, 1e-300)
        rows = coupling.extra.tocsr()
        limit = coupling.limit - coupling.nodes @ self.taken.astype(np.float64)
        kernels.levels(
            rows.indptr, rows.indices, rows.data, limit, coupling.equal, self.defines, coupling.high, z
        )
        self.extra = z

    def write(self, plan: InsertionPlan) -> bool:
        """Put the plan into the compiled search, if that finds that it holds."""
        coupling = self.relaxation.coupling
        everyone = np.arange(self.relaxation.problem.satellites)
        return plan.adopt(everyone, np.flatnonzero(self.taken), self.extra[coupling.contact])

    def sendings(self) -> list[Sending]:
        """How the contacts are used."""
        problem, coupling = self.relaxation.problem, self.relaxation.coupling
        if problem.contacts is None:
            return []
        sent = np.minimum(self.extra[coupling.sent], 1.0)
        use = np.clip(self.extra[coupling.contact], sent, 1.0)
        if not problem.contacts.shared:
            use = np.round(use + _HELD - _ROUNDING)
        bits = problem.contacts.bits
        return [
            Sending(contact=c, bits=float(bits[c] * sent[c]), share=float(use[c]))
            for c in np.flatnonzero(sent > _ROUNDING).tolist()
        ]

    def violations(self) -> list[str]:
        """What the plan breaks: nothing, or there is an error in the solver."""
        return violations(self.relaxation.problem, np.flatnonzero(self.taken).tolist(), self.sendings())

    def _dips(self, group: IntArray) -> dict[int, float]:
        """Satellites of ``group`` whose battery does not last, and by what part of its capacity."""
        problem = self.relaxation.problem
        if problem.battery is None:
            return {}
        by_satellite: dict[int, list[Sending]] = {}
        for one in self.sendings():
            if problem.contacts is not None:
                by_satellite.setdefault(int(problem.contacts.satellite[one.contact]), []).append(one)
        found = {}
        offsets = self.relaxation.graph.offsets
        for s in group.tolist():
            own = (offsets[s] + np.flatnonzero(self.taken[offsets[s] : offsets[s + 1]])).tolist()
            dip, _ = battery_dip(problem, s, own, by_satellite.get(s, []))
            if dip > 0.0:
                found[s] = 1.05 * dip / float(problem.battery.capacity_j[s])
        return found


def _defines(coupling: Coupling) -> IntArray:
    """(rows,): the level (of a store, a battery) that a row gives from those before it, −1 for none."""
    rows = coupling.extra.tocsr()
    count, q = rows.shape
    level = np.ones(q, np.bool_)
    level[coupling.contact] = level[coupling.sent] = False
    last = np.full(count, -1)
    of_row = np.repeat(np.arange(count), np.diff(rows.indptr))
    np.maximum.at(last, of_row, np.where(level[rows.indices], rows.indices, -1))
    found = np.full(count, -1, np.int64)
    about = np.flatnonzero((last >= 0) & (coupling.equal | coupling.charge[last]))
    _, first = np.unique(last[about], return_index=True)
    found[about[first]] = last[about[first]]
    return found


class Part:
    """The program of a part of the plan, the rest being as it is.

    The satellites of ``group``, with their nodes that are ``free`` and ``useful`` (n,) or in the plan.
    ``portion``: of what is left of an antenna (others may be given the rest at the same time). ``denied``
    (r,): requests that the part leaves alone.
    """

    def __init__(
        self,
        search: Search,
        group: IntArray,
        useful: BoolArray,
        free: BoolArray,
        *,
        portion: float = 1.0,
        denied: BoolArray | None = None,
    ) -> None:
        self.search, self.group = search, group
        relaxation = search.relaxation
        problem, coupling, graph = relaxation.problem, relaxation.coupling, relaxation.graph
        of_group = np.zeros(problem.satellites, np.bool_)
        of_group[group] = True
        own = of_group[problem.satellite]
        self.mine = own & free
        others = search.taken & ~self.mine
        gone = np.zeros(problem.requests, np.bool_) if denied is None else denied.copy()
        gone[problem.request[others]] = True
        allowed = self.mine & ((useful & ~gone[problem.request]) | search.taken)
        staying = others & own
        graph.beside(allowed, staying)
        self.chosen = np.flatnonzero(allowed & ((problem.value > 0) | search.taken))
        self.gain = problem.value[self.chosen]
        self.columns = np.flatnonzero(of_group[coupling.satellite])
        extra = search.rows_of_extra[:, self.columns]
        touched = np.unique(extra.indices)
        rows = extra.tocsr()[touched]
        nodes = search.rows_of_nodes[:, self.chosen].tocsr()[touched]
        outside = search.extra.copy()
        outside[self.columns] = 0.0
        limit = coupling.limit[touched] - coupling.extra[touched] @ outside
        limit -= coupling.nodes[touched] @ staying.astype(np.float64)
        if portion < 1.0:
            now = rows @ search.extra[self.columns] + nodes @ search.taken[self.chosen].astype(np.float64)
            with_others = np.diff(coupling.extra[touched].indptr) > np.diff(rows.indptr)
            limit = np.where(with_others, now + portion * np.maximum(limit - now, 0.0), limit)
        n, q = len(self.chosen), len(self.columns)
        requests, place = np.unique(problem.request[self.chosen], return_inverse=True)
        served = csr_matrix((np.ones(n), (place, np.arange(n))), shape=(len(requests), n + q))
        starts, members = graph.cliques(self.chosen)
        cliques = csr_matrix((np.ones(len(members)), members, starts), shape=(len(starts) - 1, n + q))
        self.rows = vstack((served, hstack((nodes, rows)), cliques), format="csr")
        equal = np.where(coupling.equal[touched], limit, -np.inf)
        self.below = np.concatenate(
            (np.full(len(requests), -np.inf), equal, np.full(len(starts) - 1, -np.inf))
        )
        self.above = np.concatenate((np.ones(len(requests)), limit, np.ones(len(starts) - 1)))
        self.least = coupling.low.copy()

    def spare(self, dips: dict[int, float]) -> None:
        """Batteries are to keep so much more of their capacity, by satellite."""
        coupling = self.search.relaxation.coupling
        for s, dip in dips.items():
            self.least[coupling.charge & (coupling.satellite == s)] += dip
        self.least = np.minimum(self.least, coupling.high)

    def solve(
        self, *, nodes: int, gap: float, seed: int, over: Callable[[], bool], sparse: bool = False
    ) -> Answer:
        """The best for this part. ``sparse``: most of it is resources that hardly change."""
        self.again = partial(self.solve, nodes=nodes, gap=gap, seed=seed, over=over, sparse=sparse)
        return whole(
            self.program(), nodes=nodes, gap=gap, hint=self.hint(), seed=seed, over=over, sparse=sparse
        )

    def program(self) -> Program:
        """As it stands."""
        coupling = self.search.relaxation.coupling
        n = len(self.chosen)
        low, high = self.least[self.columns], coupling.high[self.columns]
        return Program(
            gain=np.concatenate((self.gain, np.zeros(len(self.columns)))),
            rows=self.rows,
            below=self.below,
            above=self.above,
            low=np.concatenate((np.zeros(n), low)),
            high=np.concatenate((np.ones(n), np.maximum(high, low))),
            whole=np.concatenate((np.ones(n, np.bool_), coupling.whole[self.columns])),
        )

    def hint(self) -> FloatArray | None:
        """What the plan has now, None for nothing."""
        now = self.search.taken[self.chosen].astype(np.float64)
        return np.concatenate((now, self.search.extra[self.columns])) if now.any() else None

    def put(self, x: FloatArray) -> None:
        """Into the plan."""
        n = len(self.chosen)
        coupling = self.search.relaxation.coupling
        self.search.taken[self.mine] = False
        self.search.taken[self.chosen[x[:n] > _HELD]] = True
        self.search.extra[self.columns] = np.clip(
            x[n:], coupling.low[self.columns], coupling.high[self.columns]
        )


def solve_anew(
    search: Search,
    group: IntArray,
    denied: BoolArray | None,
    *,
    useful: BoolArray,
    free: BoolArray,
    portion: float,
    nodes: int,
    gap: float,
    seed: int,
    over: Callable[[], bool],
) -> tuple[Part, Answer]:
    """The best found for the plan of ``group``, all else being as it is."""
    part = Part(search, group, useful, free, portion=portion, denied=denied)
    return part, part.solve(nodes=nodes, gap=gap, seed=seed, over=over)
