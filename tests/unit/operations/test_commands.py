"""What was approved stays at the last moment, and nothing is approved twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comity.core import Interval
from comity.fleet import load_programme, point_target
from comity.operations import (
    Activity,
    MemoryStore,
    add_request,
    execute_passed,
    make_plan,
    make_quote,
    place_order,
)
from comity.operations.commands import commanded_plans, uncommanded
from comity.operations.oversight import approve_plan
from comity.operations.schedules import duties
from comity.planning import GreedySolver

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
CITIES = [(31.24, 30.04, "Cairo"), (23.73, 37.98, "Athens"), (43.15, 11.59, "Djibouti")]
BY = {"by": "tests"}


@pytest.fixture(scope="module")
def ordered() -> MemoryStore:
    store = MemoryStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    order(store, CITIES[:2])
    return store


def order(store: MemoryStore, cities, now=NOW) -> str:
    interval = Interval(NOW, NOW + 4 * 86_400.0)
    targets = [point_target(*each) for each in cities]
    request = add_request(
        store, customer="capitals-exhibition", product="hr-scene", targets=targets, interval=interval, now=now
    )
    return place_order(store, make_quote(store, request.id, now=now).id, now=now).id


def planned(store: MemoryStore) -> dict[str, Activity]:
    with store.read() as work:
        return {a.id: a for a in work.activities.all(state="planned")}


class Nothing(GreedySolver):
    """Would rather do nothing at all."""

    def solve(self, problem, **how):
        return super().solve(replace(problem, opportunities=()), **how)


def test_a_new_order_takes_no_approval_from_the_others(ordered: MemoryStore) -> None:
    store = ordered.copy()
    approve_plan(store, make_plan(store, now=NOW, solver=GreedySolver()).id, now=NOW, **BY)
    before = planned(store)
    order(store, CITIES[2:], now=NOW + 60)
    make_plan(store, now=NOW + 60, solver=GreedySolver(), lead_s=60.0)
    with store.read() as work:
        plans = commanded_plans(work)
        new = [a for a in planned(store).values() if uncommanded(a, plans)]
        assert {a.order for a in new if a.kind == "acquisition"} == {"order-0002"}
        assert (work.orders.get("order-0001").status, work.orders.get("order-0002").status) == (
            "tasked",
            "scheduled",
        )
    kept = planned(store).keys() & before.keys()
    assert {a.id for a in before.values() if a.kind == "acquisition"} <= kept
    with store.read() as work:
        brought = {n for a in work.activities.all(state="planned") for n in a.carries}
    assert {a.id for a in planned(store).values() if a.kind == "acquisition"} <= brought


def test_a_plan_of_what_was_approved_is_approved(ordered: MemoryStore) -> None:
    store = ordered.copy()
    approve_plan(store, make_plan(store, now=NOW, solver=GreedySolver()).id, now=NOW, **BY)
    before = planned(store)
    again = make_plan(store, now=NOW + 60, solver=GreedySolver(), lead_s=0.0)
    assert planned(store) == before
    with store.read() as work:
        assert again.id in commanded_plans(work)
    assert duties(simulate=False)["approve"].look(store, NOW + 60).due == frozenset()


def test_what_begins_soon_stays_with_what_brings_it_and_the_rest_goes(ordered: MemoryStore) -> None:
    store = ordered.copy()
    approve_plan(store, make_plan(store, now=NOW, solver=GreedySolver()).id, now=NOW, **BY)
    before = planned(store)
    first, second = sorted(
        (a for a in before.values() if a.kind == "acquisition"), key=lambda a: a.interval.start
    )
    lead_s = first.interval.start - NOW + 1.0
    make_plan(store, now=NOW, solver=Nothing(), lead_s=lead_s)
    left = planned(store)
    assert first.id in left and second.id not in left
    assert [n for a in left.values() for n in a.carries].count(first.id) == 1
    with store.read() as work:
        assert work.tasks.get(str(first.task)).state == "planned"
        assert work.orders.get("order-0001").status == "tasked"


def test_what_nobody_was_told_of_is_no_try_and_is_planned_again(ordered: MemoryStore) -> None:
    store = ordered.copy()
    make_plan(store, now=NOW, solver=GreedySolver())
    first = min(
        (a for a in planned(store).values() if a.kind == "acquisition"), key=lambda a: a.interval.start
    )
    look = duties(simulate=False)["plan"].look
    seen = look(store, NOW)
    at = first.interval.start + 1.0
    assert execute_passed(store, now=at, simulated=False).retried == (first.task,)
    with store.read() as work:
        task = work.tasks.get(str(first.task))
    assert (task.state, task.tries, task.missed) == ("open", 0, 1)
    assert task.reason_text.startswith("not commanded")
    assert look(store, at).due - seen.due - seen.known, "a reason to plan anew"
