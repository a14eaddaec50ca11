"""What if: the plan of the operator's own state with something added or taken away; the state stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from comity.core import Epoch, Executor, InputError, Progress, ThreadExecutor, silent
from comity.operations.memory import MemoryStore
from comity.operations.orders import make_quote, place_order
from comity.operations.plans import problem_of
from comity.operations.ports import Store
from comity.operations.situation import ready_situation
from comity.planning import CpSatSolver, Problem, Solution, Solver, Stop, check

#: A difference this small (part of the value) is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEffect:
    """What an order earns in both plans, and how many of its ``tasks`` each serves.

    ``added``: it is only tried out.
    """

    order: str
    customer: str
    product: str
    added: bool
    tasks: int
    earned_before: float
    earned_after: float
    served_before: int
    served_after: int

    @property
    def difference(self) -> float:
        """Earned after less before."""
        return self.earned_after - self.earned_before


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWhatIf:
    """Both plans, made anew from the same state, and the difference.

    ``difference``: value after less before, as planned; the best plans' lies in ``least`` … ``most``, by both
    bounds. ``orders``: those that earn another sum, the hardest hit first; ``unchanged``: how many do not.
    """

    currency: str
    before: Solution
    after: Solution
    difference: float
    least: float
    most: float
    orders: tuple[OrderEffect, ...]
    unchanged: int


def what_if_planned(
    store: Store,
    *,
    now: Epoch,
    without: Sequence[str] = (),
    without_stations: Sequence[str] = (),
    add: Sequence[str] = (),
    drop: Sequence[str] = (),
    seed: int = 0,
    stop: Stop | None = None,
    solver: Solver | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> PlanWhatIf:
    """Plan twice from ``now``, as :func:`comity.operations.make_plan` does: as it is, and changed.

    ``without``, ``without_stations``: spacecraft and stations that are not there from now on (what has begun
    goes on). ``add``: requests in the store, quoted and ordered for the trial. ``drop``: orders left out.
    Raises :class:`comity.core.UnknownIdError` for what the state does not have, :class:`InputError` where a
    request is ordered already or nothing is changed, :class:`comity.core.StateError` where there is nothing
    to plan.
    """
    if not (without or without_stations or add or drop):
        raise InputError("nothing is changed: name a spacecraft, a station, a request or an order")
    trial = MemoryStore.scratch(store)
    with trial.begin() as work:
        programme = work.programme()
        for craft in without:
            programme.craft(craft)
        for station in without_stations:
            programme.station(station)
        for name in drop:
            work.orders.get(name)
        for request in add:
            work.requests.get(request)
            if known := work.orders.all(request=request):
                raise InputError(f"{request} is ordered already, as {known[0].id}: add one that is not")
    added = {
        place_order(
            trial, make_quote(trial, request, now=now, executor=executor, progress=progress).id, now=now
        ).id
        for request in dict.fromkeys(add)
    }
    situation = ready_situation(trial, now, lead_s=None, executor=executor, progress=progress)
    with trial.begin() as work:
        orders = {order.id: order for order in work.orders.all()}
    everything = problem_of(situation, executor or ThreadExecutor())
    chosen, stop = solver or CpSatSolver(), stop or Stop(wall_s=30.0)

    def solve(problem: Problem, at_least: Solution | None = None) -> Solution:
        found = chosen.solve(problem, seed=seed, stop=stop, progress=progress)
        if at_least is not None and at_least.bound.value > found.bound.value:
            # With nothing taken away the plan before is one of this problem too.
            upper = max(found.bound.upper, at_least.bound.value)
            bound = replace(found.bound, value=at_least.bound.value, upper=upper)
            found = replace(at_least, bound=bound, reasons=())
        if violations := check(problem, found):
            raise InputError(f"the solver's plan breaks {len(violations)} constraints: {violations[0]}")
        return found

    before_problem = _less(everything, orders=added)
    after_problem = _less(everything, crafts=without, stations=without_stations, orders=drop)
    takes = bool(without or without_stations or drop)
    before = solve(before_problem)
    after = solve(after_problem, before if not takes else None)
    least, most = after.bound.value - before.bound.upper, after.bound.upper - before.bound.value
    if takes and not add and not any(s.stored_bits for s in everything.spacecraft if s.id in without):
        least, most = min(least, 0.0), min(most, 0.0)
    elif add and not takes:
        least, most = max(least, 0.0), max(most, 0.0)
    effects = []
    for id, order in orders.items():
        mine = [t.id for t in everything.tasks if t.order == id]
        if mine:
            earned = [[s.task_values.get(t, 0.0) for t in mine] for s in (before, after)]
            effects.append(
                OrderEffect(
                    order=id,
                    customer=order.customer,
                    product=order.product,
                    added=id in added,
                    tasks=len(mine),
                    earned_before=sum(earned[0]),
                    earned_after=sum(earned[1]),
                    served_before=sum(v > 0 for v in earned[0]),
                    served_after=sum(v > 0 for v in earned[1]),
                )
            )
    slack = _ROUNDING * max(1.0, before.bound.value)
    hit = [e for e in effects if abs(e.difference) > slack]
    return PlanWhatIf(
        currency=programme.currency,
        before=before,
        after=after,
        difference=after.bound.value - before.bound.value,
        least=least,
        most=most,
        orders=tuple(sorted(hit, key=lambda e: (e.difference, e.order))),
        unchanged=len(effects) - len(hit),
    )


def _less(
    problem: Problem,
    *,
    crafts: Sequence[str] = (),
    stations: Sequence[str] = (),
    orders: Sequence[str] | set[str] = (),
) -> Problem:
    """Without opportunities and contacts of ``crafts``, contacts of ``stations``, tasks of ``orders``."""
    tasks = tuple(t for t in problem.tasks if t.order not in orders)
    kept = {t.id for t in tasks}
    return replace(
        problem,
        tasks=tasks,
        opportunities=tuple(
            o for o in problem.opportunities if o.task in kept and o.spacecraft not in crafts
        ),
        contacts=tuple(
            c for c in problem.contacts if c.spacecraft not in crafts and c.station not in stations
        ),
        # What is on board of one that is not there needs no contact.
        spacecraft=tuple(s for s in problem.spacecraft if s.id not in crafts),
        busy_spacecraft={k: v for k, v in problem.busy_spacecraft.items() if k not in crafts},
    )
