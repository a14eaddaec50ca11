"""The whole road in one walk: a programme's own requests from quote to settlement, execution simulated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from comity.core import Epoch, Executor, Progress, StateError, silent
from comity.fleet import Programme
from comity.operations.closing import expire_tasks
from comity.operations.delivery import deliver, judge_items, offered_items
from comity.operations.execution import execute
from comity.operations.mosaics import make_mosaics
from comity.operations.orders import make_quote, place_order
from comity.operations.plans import make_plan
from comity.operations.ports import Store
from comity.operations.records import ItemRecord, Order, PlanRecord
from comity.operations.settlement import SettlementSummary, settle
from comity.operations.tasking import export_plan
from comity.planning import Stop

Step = Callable[[str], Progress]
DAY_S = 86_400.0
#: More rounds than any request of ours lasts; a guard, not a plan.
MAX_ROUNDS = 20
#: Longer side of a walk's quicklooks: it makes a hundred of them.
QUICKLOOK_PX = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What came of a walk. ``seconds``: wall time by step, in the order walked."""

    orders: tuple[Order, ...]
    plans: tuple[PlanRecord, ...]
    items: tuple[ItemRecord, ...]
    settlement: SettlementSummary
    ended: Epoch
    seconds: dict[str, float]


def walk(
    store: Store,
    programme: Programme,
    folder: Path,
    *,
    now: Epoch,
    seed: int,
    stops: tuple[Stop, ...],
    replan_after_s: float = 1.5 * DAY_S,
    max_pixels: int = 600_000,
    executor: Executor | None = None,
    step: Step = lambda title: silent,
) -> Walk:
    """Walk ``programme``'s requests along the road, planning anew as the days go by.

    Each round plans with its entry of ``stops`` (the last one again for the rest), writes what an
    operator would send, simulates ``replan_after_s`` of what happens, delivers, and takes a
    contract-abiding customer's word, until no order has anything open. ``step``: called with a title,
    gives the progress callback of that step.
    """
    seconds: dict[str, float] = {}

    def timed(name: str, since: float) -> None:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - since

    begun = time.perf_counter()
    with store.begin() as work:
        work.set_programme(programme)
        for request in programme.requests:
            work.requests.put(request)
    orders = []
    for request in programme.requests:
        quote = make_quote(
            store, request.id, now=now, executor=executor, progress=step(f"opportunities of {request.id}")
        )
        if quote.orderable:
            orders.append(place_order(store, quote.id, now=now).id)
    timed("opportunities, licences and quotes", begun)
    plans: list[PlanRecord] = []
    at = now
    while len(plans) < MAX_ROUNDS:
        begun = time.perf_counter()
        number = len(plans) + 1
        stop = stops[min(number, len(stops)) - 1]
        try:
            plan = make_plan(
                store,
                now=at,
                seed=seed,
                stop=stop,
                lead_s=None,
                executor=executor,
                progress=step(f"plan {number}"),
            )
        except StateError:
            break  # nothing is open or aboard any more
        plans.append(plan)
        if plan.solution.acquisitions or plan.solution.downlinks:
            export_plan(store, folder / "export" / plan.id, now=at)
        timed("plans", begun)
        at = at + replan_after_s
        execute(store, now=at, until=at, seed=seed)
        begun = time.perf_counter()
        products = step(f"products {number}")
        deliver(
            store,
            folder,
            now=at,
            seed=seed,
            max_pixels=max_pixels,
            quicklook_px=QUICKLOOK_PX,
            executor=executor,
            progress=products,
        )
        timed("products", begun)
        judge_items(store, offered_items(store), now=at, within_limits=True)
        expire_tasks(store, now=at)
    begun = time.perf_counter()
    make_mosaics(store, folder, quicklook_px=QUICKLOOK_PX, progress=step("mosaics"))
    timed("mosaics", begun)
    begun = time.perf_counter()
    summary = settle(store, now=at, folder=folder / "statements")
    timed("settlement", begun)
    with store.begin() as work:
        return Walk(
            orders=tuple(work.orders.get(id) for id in orders),
            plans=tuple(plans),
            items=tuple(work.items.all()),
            settlement=summary,
            ended=at,
            seconds=seconds,
        )
