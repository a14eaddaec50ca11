"""Over the order's cloud limit: a clearer image is tried while there is time, then the customer decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import shapely

from comity.core import Epoch, Interval
from comity.fleet import area_target, load_programme, point_target
from comity.operations import (
    Activity,
    MemoryStore,
    Outcome,
    add_request,
    deliver,
    execute,
    expire_tasks,
    held_for_clouds,
    judge_items,
    make_plan,
    make_quote,
    offered_items,
    place_order,
)
from comity.planning import GreedySolver

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
DAY = 86_400.0
TASK = "order-0001/cairo"


def quoted(target, product: str, customer: str, days: int) -> MemoryStore:
    store = MemoryStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    add_request(
        store, customer=customer, product=product, targets=[target], now=NOW, max_cloud=0.2,
        interval=Interval(NOW, NOW + days * DAY),
    )  # fmt: skip
    make_quote(store, "request-0001", now=NOW)
    return store


@pytest.fixture(scope="module")
def cairo() -> MemoryStore:
    return quoted(point_target(31.24, 30.04, "Cairo"), "hr-scene", "capitals-exhibition", 4)


@pytest.fixture
def store(cairo: MemoryStore) -> MemoryStore:
    copied = cairo.copy()
    place_order(copied, "quote-0001", now=NOW)
    return copied


@pytest.fixture(scope="module")
def obock() -> MemoryStore:
    box = shapely.box(42.4, 11.2, 43.2, 11.9)
    return quoted(area_target(box, "Obock"), "hr-area", "dj-environment", 2)


def plan(store: MemoryStore, at: Epoch) -> list[Activity]:
    make_plan(store, now=at, solver=GreedySolver())
    with store.begin() as work:
        return sorted(work.activities.all(state="planned"), key=lambda a: a.interval.start)


def report(store: MemoryStore, acts: list[Activity], clouds: float | Mapping[str, float]) -> Epoch:
    """Everything happens; returns when the last of it is over."""
    cloud = {a.id: clouds if isinstance(clouds, float) else clouds.get(a.id, 0.0) for a in acts}
    outcomes = [
        Outcome(activity=a.id, state="done", cloud=cloud[a.id] if a.kind == "acquisition" else None)
        for a in acts
    ]
    execute(store, now=NOW, report=outcomes)
    return max(a.interval.end for a in acts)


def task(store: MemoryStore, id: str = TASK):
    with store.begin() as work:
        return work.tasks.get(id)


def order(store: MemoryStore):
    with store.begin() as work:
        return work.orders.get("order-0001")


def test_a_cloudy_image_is_held_back_and_the_plan_tries_again(store: MemoryStore, tmp_path: Path) -> None:
    acts = plan(store, NOW)
    first = next(a for a in acts if a.kind == "acquisition")
    at = report(store, acts, 0.6)
    assert (task(store).state, task(store).reason_code) == ("open", "cloud")
    assert (
        "try 1: cloud 60% is over the limit of 20%; a clearer one is planned until" in task(store).reason_text
    )
    entry = order(store).statuses[-1]
    assert (entry.code, entry.reason_code) == ("accepted", "cloud")
    assert "cloud 60% is over the limit of 20%" in str(entry.reason_text)
    assert deliver(store, tmp_path, now=at, max_pixels=10_000) == []
    assert held_for_clouds(store, at) == [first.id]
    assert expire_tasks(store, now=at) == ()
    again = plan(store, at)
    second = next(a for a in again if a.kind == "acquisition")
    assert second.interval.start > at
    at = report(store, again, 0.1)
    (item,) = deliver(store, tmp_path, now=at, max_pixels=10_000)
    assert (item.activity, item.state_reason) == (second.id, "")
    judge_items(store, [item], now=at, within_limits=True)
    assert task(store).state == "done"
    assert order(store).status == "completed"
    assert deliver(store, tmp_path, now=NOW + 9 * DAY, max_pixels=10_000) == [], (
        "the cloudy one is left aside"
    )
    assert held_for_clouds(store, at) == []


@pytest.mark.parametrize("word", ["accept", "refuse"])
def test_when_time_is_over_the_customer_decides_on_the_least_cloudy(
    store: MemoryStore, tmp_path: Path, word: str
) -> None:
    at, tries = NOW, []
    for cloud in (0.5, 0.3, 0.7):
        acts = plan(store, at)
        shots = [a for a in acts if a.kind == "acquisition"]
        if not shots:
            break
        at = report(store, acts, cloud)
        tries.append((cloud, shots[0].id))
    assert len(tries) >= 2
    end = task(store).interval.end + 1.0
    assert expire_tasks(store, now=end) == (), "it waits for the customer"
    (item,) = deliver(store, tmp_path, now=end, max_pixels=10_000)
    assert (item.cloud, item.activity) == min(tries)
    assert item.state_reason == "cloud 30% is over the limit of 20%; no clearer one was taken in time"
    entry = order(store).statuses[-1]
    assert (entry.code, entry.reason_code) == ("processing", "cloud")
    assert f"{item.id}: cloud 30% is over the limit" in str(entry.reason_text)
    assert str(entry.reason_text).endswith("accept or refuse it")
    assert deliver(store, tmp_path, now=end, max_pixels=10_000) == []
    judge_items(
        store, offered_items(store), now=end, refuse=None if word == "accept" else "too cloudy for us"
    )
    with store.begin() as work:
        billing = work.billings.get("order-0001")
        assert billing.closed
        if word == "accept":
            assert billing.invoiced == billing.reserved
            assert (task(store).state, order(store).status) == ("done", "completed")
        else:
            assert billing.credited == billing.reserved
            assert (task(store).state, order(store).status) == ("failed", "failed")
    assert deliver(store, tmp_path, now=end + DAY, max_pixels=10_000) == [], "it is asked once"


def test_a_last_try_that_ends_with_the_window_goes_to_the_customer_at_once(store: MemoryStore) -> None:
    acts = plan(store, NOW)
    outcomes = [Outcome(activity=a.id, state="done", cloud=0.9 if a.task else None) for a in acts]
    end = task(store).interval.end
    summary = execute(store, now=end + 1.0, report=outcomes)
    assert (summary.cloudy, summary.over_limit) == ((), (TASK,))
    assert task(store).reason_text.endswith("the customer decides")


def test_of_an_area_only_what_no_clear_strip_shows_goes_to_the_customer(
    obock: MemoryStore, tmp_path: Path
) -> None:
    store = obock.copy()
    place_order(store, "quote-0001", now=NOW)
    acts = plan(store, NOW)
    shots = [a for a in acts if a.kind == "acquisition"]
    assert len(shots) >= 2
    cloudy = max(shots, key=lambda a: len(a.cells))
    report(store, acts, {cloudy.id: 0.8})
    area = str(cloudy.task)
    clear = {cell for a in shots if a is not cloudy for cell in a.cells}
    missing = set(cloudy.cells) - clear
    assert missing
    assert set(task(store, area).got) == clear
    end = task(store, area).interval.end + 1.0
    items = deliver(store, tmp_path, now=end, max_pixels=10_000)
    assert {i.activity for i in items} == {a.id for a in shots}
    assert [i.activity for i in items if i.state_reason] == [cloudy.id]
    judge_items(store, items, now=end)
    assert set(task(store, area).got) == clear | set(cloudy.cells)
    expire_tasks(store, now=end)
    assert order(store).status == "completed"


def test_an_order_of_which_another_target_came_stays_in_processing() -> None:
    store = MemoryStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    add_request(
        store, customer="capitals-exhibition", product="hr-scene", now=NOW, max_cloud=0.2,
        targets=[point_target(31.24, 30.04, "Cairo"), point_target(23.73, 37.98, "Athens")],
        interval=Interval(NOW, NOW + 3 * DAY),
    )  # fmt: skip
    make_quote(store, "request-0001", now=NOW)
    place_order(store, "quote-0001", now=NOW)
    acts = plan(store, NOW)
    report(store, acts, {a.id: 0.7 for a in acts if a.task == TASK})
    last = order(store).statuses[-2:]
    assert [(entry.code, entry.reason_code) for entry in last] == [
        ("processing", None),
        ("processing", "cloud"),
    ]
    assert str(last[0].reason_text) == "order-0001/athens acquired"


def test_an_unreported_cloud_counts_as_clear(store: MemoryStore, tmp_path: Path) -> None:
    acts = plan(store, NOW)
    execute(store, now=NOW, report=[Outcome(activity=a.id, state="done") for a in acts])
    at = max(a.interval.end for a in acts)
    assert task(store).state == "acquired"
    assert len(deliver(store, tmp_path, now=at, max_pixels=10_000)) == 1
