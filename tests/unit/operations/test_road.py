"""The use cases, in memory: what happens to orders, tasks and money when things go right and wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from comity.core import InputError, Interval, StateError, UnknownIdError
from comity.fleet import load_programme, point_target
from comity.operations import (
    ItemRecord,
    MemoryStore,
    Outcome,
    add_request,
    cancel_order,
    execute,
    expire_tasks,
    explain_order,
    judge_items,
    make_plan,
    make_quote,
    place_order,
    settle,
)
from comity.planning import GreedySolver

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
DAY = 86_400.0


@pytest.fixture(scope="module")
def quoted() -> MemoryStore:
    """A request for Cairo and Athens over three days, quoted."""
    store = MemoryStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    add_request(
        store,
        customer="capitals-exhibition",
        product="hr-scene",
        targets=[point_target(31.24, 30.04, "Cairo"), point_target(23.73, 37.98, "Athens")],
        interval=Interval(NOW, NOW + 3 * DAY),
        now=NOW,
        max_cloud=0.3,
    )
    make_quote(store, "request-0001", now=NOW)
    return store


@pytest.fixture
def ordered(quoted: MemoryStore) -> MemoryStore:
    """The same, ordered; each test gets a copy of its own."""
    store = quoted.copy()
    place_order(store, "quote-0001", now=NOW)
    return store


def planned(store: MemoryStore):
    make_plan(store, now=NOW, solver=GreedySolver())
    with store.begin() as work:
        return work.activities.all(state="planned")


def item_of(store: MemoryStore, activity_id: str, cloud: float) -> ItemRecord:
    with store.begin() as work:
        activity = work.activities.get(activity_id)
        item = ItemRecord(
            id=f"item-{activity_id}",
            activity=activity_id,
            order=activity.order,
            task=activity.task,
            target="x",
            path="x.json",
            image="x.tif",
            quicklook="x.png",
            cloud=cloud,
            native_gsd_m=2.0,
            delivered_gsd_m=2.0,
            pixel_m=2.0,
            area_part=1.0,
            delivered=NOW,
            state="offered",
        )
        work.items.put(item)
    return item


def report(activities, *, failed=(), cloud=0.0) -> list[Outcome]:
    return [
        Outcome(
            activity=a.id,
            state="failed" if a.id in failed else "done",
            cloud=cloud if a.kind == "acquisition" and a.id not in failed else None,
            text="thruster fault" if a.id in failed else "",
        )
        for a in activities
    ]


def test_an_order_walks_to_completed_and_its_money_is_shared_out(ordered: MemoryStore) -> None:
    activities = planned(ordered)
    acquisitions = [a for a in activities if a.kind == "acquisition"]
    assert {a.task for a in acquisitions} == {"order-0001/cairo", "order-0001/athens"}
    done = execute(ordered, now=NOW, report=report(activities))
    assert (done.failed, done.received) == (0, 2)
    items = [item_of(ordered, a.id, 0.1) for a in acquisitions]
    judge_items(ordered, items, now=NOW + DAY, within_limits=True)
    summary = settle(ordered, now=NOW + 2 * DAY)
    with ordered.begin() as work:
        order = work.orders.get("order-0001")
        assert [s.code for s in order.statuses] == [
            "received",
            "accepted",
            "scheduled",
            "processing",
            "completed",
        ]
        paid = sum(
            (t.amount.amount for s in summary.statements for t in s.totals if t.kind in ("split", "pool")),
            Decimal(0),
        )
        assert paid == work.billings.get("order-0001").invoiced.amount > 0


def test_a_failed_acquisition_is_tried_again_and_a_cloudy_item_is_not_charged(ordered: MemoryStore) -> None:
    activities = planned(ordered)
    cairo = next(a for a in activities if a.task == "order-0001/cairo" and a.kind == "acquisition")
    athens = next(a for a in activities if a.task == "order-0001/athens" and a.kind == "acquisition")
    summary = execute(ordered, now=NOW, report=report(activities, failed={cairo.id}, cloud=0.9))
    assert summary.retried == ("order-0001/cairo",)
    result = judge_items(ordered, [item_of(ordered, athens.id, 0.9)], now=athens.interval.end)
    assert result.accepted
    with ordered.begin() as work:
        assert work.billings.get("order-0001").invoiced.amount > 0
    again = make_plan(ordered, now=athens.interval.end, solver=GreedySolver())
    assert {t.id for t in again.problem.tasks} == {"order-0001/cairo"}


def test_refusing_over_the_limit_reopens_the_task_and_time_over_credits_it(ordered: MemoryStore) -> None:
    activities = planned(ordered)
    execute(ordered, now=NOW, report=report(activities, cloud=0.9))
    items = [item_of(ordered, a.id, 0.9) for a in activities if a.kind == "acquisition"]
    result = judge_items(ordered, items, now=NOW + 2 * DAY, within_limits=True)
    assert len(result.refused) == len(result.retried) == 2
    expire_tasks(ordered, now=NOW + 4 * DAY)
    with ordered.begin() as work:
        billing = work.billings.get("order-0001")
        assert billing.closed
        assert billing.credited == billing.reserved
        assert work.orders.get("order-0001").status == "failed"


def test_a_report_is_taken_in_whole_or_not_at_all(ordered: MemoryStore) -> None:
    activities = planned(ordered)
    good = report(activities)
    for bad in (
        [*good, good[0]],
        [*good, Outcome(activity="nobody", state="done")],
        [replace(good[0], cloud=1.5), *good[1:]],
    ):
        with pytest.raises((InputError, UnknownIdError)):
            execute(ordered, now=NOW, report=bad)
        with ordered.begin() as work:
            assert all(a.state == "planned" for a in work.activities.all())
    execute(ordered, now=NOW, report=good)
    with pytest.raises(InputError, match="already done"):
        execute(ordered, now=NOW, report=good)


def test_cancelling_drops_what_is_planned_and_credits_all_but_the_offered(ordered: MemoryStore) -> None:
    activities = planned(ordered)
    first = min((a for a in activities if a.kind == "acquisition"), key=lambda a: a.interval.start)
    mine = [a for a in activities if a.id == first.id or first.id in a.carries]
    execute(ordered, now=NOW, report=report(mine))
    item = item_of(ordered, first.id, 0.0)
    order = cancel_order(ordered, "order-0001", now=NOW + DAY, reason="budget")
    assert order.status == "user_cancelled"
    with ordered.begin() as work:
        acquisitions = work.activities.all(kind="acquisition", state="planned")
        assert not acquisitions
        assert work.billings.get("order-0001").open.amount > 0
    judge_items(ordered, [item], now=NOW + DAY)
    with ordered.begin() as work:
        billing = work.billings.get("order-0001")
        assert billing.closed
        assert billing.invoiced.amount > 0 < billing.credited.amount
    with pytest.raises(StateError, match="already user_cancelled"):
        cancel_order(ordered, "order-0001", now=NOW + DAY)


def test_a_quote_is_ordered_once_and_not_after_it_expired(quoted: MemoryStore) -> None:
    late = quoted.copy()
    with pytest.raises(StateError, match="ask for a new quote"):
        place_order(late, "quote-0001", now=NOW + 30 * DAY)
    place_order(late, "quote-0001", now=NOW)
    with pytest.raises(StateError, match="already ordered as order-0001"):
        place_order(late, "quote-0001", now=NOW)


def test_replanning_replaces_the_future_and_keeps_the_past(ordered: MemoryStore) -> None:
    before = planned(ordered)
    make_plan(ordered, now=NOW + 600, solver=GreedySolver())
    with ordered.begin() as work:
        assert all(
            a.state == ("planned" if a.interval.start < NOW + 600 else "dropped")
            for a in work.activities.all(plan="plan-0001")
        )
        tasks = [a.task for a in work.activities.all(kind="acquisition", state="planned")]
    assert len(tasks) == len(set(tasks)) == len({a.task for a in before if a.task})


def test_the_explanation_names_every_task(ordered: MemoryStore) -> None:
    planned(ordered)
    account = explain_order(ordered, "order-0001")
    assert {each.task.id for each in account.tasks} == {"order-0001/cairo", "order-0001/athens"}
    assert all(each.activities or each.reason_text for each in account.tasks)
