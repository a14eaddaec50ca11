"""What the road does when things cross: replans under way, overlapping strips, parts, several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import shapely

from comity.core import InputError, Interval, StateError, ThreadExecutor
from comity.fleet import area_target, load_programme, point_target, territory, territory_target
from comity.operations import (
    Activity,
    ItemRecord,
    MemoryStore,
    Outcome,
    add_request,
    cancel_order,
    deliver,
    execute,
    export_plan,
    judge_items,
    make_plan,
    make_quote,
    offered_items,
    place_order,
    walk,
)
from comity.operations.delivery import waiting_products
from comity.operations.oversight import veto, withhold
from comity.planning import GreedySolver, Stop

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
DAY = 86_400.0
CITIES = [point_target(31.24, 30.04, "Cairo"), point_target(23.73, 37.98, "Athens")]


def quoted(targets, product: str, customer: str, days: int) -> MemoryStore:
    store = MemoryStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    interval = Interval(NOW, NOW + days * DAY)
    add_request(
        store,
        customer=customer,
        product=product,
        targets=targets,
        interval=interval,
        now=NOW,
        max_cloud=0.3,
    )
    make_quote(store, "request-0001", now=NOW)
    return store


@pytest.fixture(scope="module")
def cities_quoted() -> MemoryStore:
    return quoted(CITIES, "hr-scene", "capitals-exhibition", 3)


@pytest.fixture(scope="module")
def area_quoted() -> MemoryStore:
    box = shapely.box(42.4, 11.2, 43.2, 11.9)
    return quoted([area_target(box, "Obock")], "hr-area", "dj-environment", 2)


@pytest.fixture
def cities(cities_quoted: MemoryStore) -> MemoryStore:
    return ordered(cities_quoted)


@pytest.fixture
def area(area_quoted: MemoryStore) -> MemoryStore:
    return ordered(area_quoted)


def ordered(store: MemoryStore) -> MemoryStore:
    store = store.copy()
    place_order(store, "quote-0001", now=NOW)
    return store


def plan(store: MemoryStore, at=NOW):
    return make_plan(store, now=at, solver=GreedySolver())


def activities(store: MemoryStore, **equal: str) -> list[Activity]:
    with store.begin() as work:
        return sorted(work.activities.all(**equal), key=lambda a: a.interval.start)


def done(*acts: Activity) -> list[Outcome]:
    return [
        Outcome(activity=a.id, state="done", cloud=0.0 if a.kind == "acquisition" else None) for a in acts
    ]


def offer(store: MemoryStore, acts: Iterable[Activity]) -> None:
    with store.begin() as work:
        for a in acts:
            item = ItemRecord(
                id=f"item-{a.id}", activity=a.id, order=a.order, task=a.task, target="x", path="x.json",
                image="x.tif", quicklook="x.png", cloud=0.0, native_gsd_m=2.0, delivered_gsd_m=2.0,
                pixel_m=2.0, area_part=1.0, delivered=NOW, state="offered",
            )  # fmt: skip
            work.items.put(item)


def task_of(store: MemoryStore, id: str):
    with store.begin() as work:
        return work.tasks.get(id)


def test_what_has_begun_is_not_planned_twice(cities: MemoryStore) -> None:
    plan(cities)
    first = activities(cities, kind="acquisition")[0]
    plan(cities, at=first.interval.end + 1.0)
    again = [a.task for a in activities(cities, kind="acquisition", state="planned")]
    assert sorted(again) == ["order-0001/athens", "order-0001/cairo"]
    assert task_of(cities, str(first.task)).state == "planned"


def test_an_order_with_a_task_under_way_stays_scheduled_when_the_rest_finds_no_place(
    cities: MemoryStore,
) -> None:
    plan(cities)
    first = activities(cities, kind="acquisition")[0]
    with cities.begin() as work:
        found = work.opportunities.all()[0]
        work.opportunities.put(replace(found, windows=()))
    plan(cities, at=first.interval.end + 1.0)
    with cities.begin() as work:
        assert work.orders.get("order-0001").status == "scheduled"


def test_strips_under_way_are_not_planned_twice_nor_counted_as_got(area: MemoryStore) -> None:
    plan(area)
    first = activities(area, kind="acquisition")[0]
    plan(area, at=first.interval.start + 0.5)
    assert task_of(area, str(first.task)).got == ()
    later = [a for a in activities(area, kind="acquisition", state="planned") if a.id != first.id]
    assert later
    assert not set(first.cells) & {cell for a in later for cell in a.cells}


def test_a_plan_is_made_while_an_otherwise_idle_spacecraft_sends(cities: MemoryStore) -> None:
    plan(cities)
    for downlink in activities(cities, kind="downlink"):
        store = cities.copy()
        at = downlink.interval.start + 0.5
        execute(store, now=at, report=done(*(a for a in activities(store) if a.interval.end <= at)))
        assert plan(store, at=at)


def test_an_image_finer_than_the_nominal_gsd_comes_under_the_rule_for_it(
    cities_quoted: MemoryStore,
) -> None:
    """Kanopus-V 1 flies so low that its nominal 2.1 m is 1.65 m: foreign territory is delivered at 2 m."""
    store = cities_quoted.copy()
    with store.begin() as work:
        found = work.opportunities.all()[0]
        low = tuple(w for w in found.windows if w.spacecraft == "kanopus-v-1" and w.best.gsd_m < 2.0)
        assert low
        work.opportunities.put(replace(found, windows=low))
    place_order(store, "quote-0001", now=NOW)
    plan(store)
    execute(store, now=NOW, report=done(*activities(store)))
    for product in waiting_products(store, NOW):
        assert product.acquisition.native_gsd_m < 2.0 == product.acquisition.delivered_gsd_m
        assert product.activity.licence is not None
        assert product.activity.licence.rule == "roscosmos-two-metres"


def test_an_image_sent_in_parts_is_received_when_all_parts_are(cities: MemoryStore) -> None:
    plan(cities)
    image = activities(cities, kind="acquisition")[0]
    sent = next(d for d in activities(cities, kind="downlink") if image.id in d.carries)
    begun = replace(sent, id="first-part", carries=(), begins=(image.id,))
    with cities.begin() as work:
        work.activities.put(begun)
    lost = cities.copy()
    report = [*done(image, sent), Outcome(activity=begun.id, state="failed", text="rain fade")]
    assert execute(lost, now=NOW, report=report).received == 0
    # Stations may report before the satellite, and the last part before the first.
    assert execute(cities, now=NOW, report=done(sent)).received == 0
    assert execute(cities, now=NOW, report=done(image)).received == 0
    assert execute(cities, now=NOW, report=done(begun)).received == 1
    with cities.begin() as work:
        assert work.activities.get(image.id).received_by == sent.station


def test_a_part_of_an_area_is_paid_for_as_that_part(area_quoted: MemoryStore) -> None:
    """A quote for the fifth of an area that has windows is invoiced whole when that fifth is delivered."""
    store = area_quoted.copy()
    with store.begin() as work:
        found = work.opportunities.all()[0]
        one = tuple(w for w in found.windows if w.target == found.windows[0].target)
        work.opportunities.put(replace(found, windows=one))
    quote = make_quote(store, "request-0001", now=NOW)
    place_order(store, quote.id, now=NOW)
    plan(store)
    execute(store, now=NOW, report=done(*activities(store)))
    offer(store, activities(store, kind="acquisition"))
    judge_items(store, offered_items(store), now=NOW + DAY)
    with store.begin() as work:
        billing = work.billings.get("order-0001")
    assert billing.invoiced.amount >= billing.reserved.amount * Decimal("0.98")


def test_refusing_a_strip_keeps_what_another_shows_of_it(area: MemoryStore) -> None:
    plan(area)
    execute(area, now=NOW, report=done(*activities(area)))
    first, *others = activities(area, kind="acquisition")
    held = {cell for other in others for cell in other.cells}
    assert set(first.cells) & held
    offer(area, [first, *others])
    judge_items(area, offered_items(area, item=f"item-{first.id}"), now=NOW + DAY, refuse="haze")
    task = task_of(area, str(first.task))
    assert task.state == "open"
    assert set(task.got) == held


def test_what_is_planned_over_a_finished_area_is_dropped_and_the_order_completes(area: MemoryStore) -> None:
    plan(area)
    strips = activities(area, kind="acquisition")
    late = strips[-1]
    with area.begin() as work:
        task = work.tasks.get(str(late.task))
        every = tuple(range(len(task.cell_points)))
        work.activities.put(replace(strips[0], cells=every))
    mine = [strips[0], *(d for d in activities(area, kind="downlink") if strips[0].id in d.carries)]
    execute(area, now=strips[0].interval.end, report=done(*mine))
    offer(area, [strips[0]])
    judge_items(area, offered_items(area), now=strips[0].interval.end)
    assert task_of(area, str(late.task)).state == "done"
    assert not activities(area, kind="acquisition", state="planned")
    with area.begin() as work:
        assert work.orders.get("order-0001").status == "completed"
        assert work.billings.get("order-0001").closed


def test_refusing_an_item_of_a_cancelled_order_tries_nothing_again(cities: MemoryStore) -> None:
    plan(cities)
    execute(cities, now=NOW, report=done(*activities(cities)))
    offer(cities, activities(cities, kind="acquisition"))
    cancel_order(cities, "order-0001", now=NOW)
    assert judge_items(cities, offered_items(cities), now=NOW, refuse="no use").retried == ()
    with cities.begin() as work:
        assert {task.state for task in work.tasks.all()} == {"cancelled"}
        billing = work.billings.get("order-0001")
        assert billing.credited == billing.reserved


def test_a_word_given_while_the_plan_is_made_is_not_lost(area: MemoryStore) -> None:
    plan(area)
    first = activities(area, kind="acquisition")[0]
    mine = [first, *(d for d in activities(area, kind="downlink") if first.id in d.carries)]
    execute(area, now=NOW, report=done(*mine))
    offer(area, [first])

    class Slow(GreedySolver):
        def solve(self, problem, **how):
            judge_items(area, offered_items(area), now=NOW, refuse="haze")
            return super().solve(problem, **how)

    with pytest.raises(StateError, match="changed while the plan was made"):
        make_plan(area, now=first.interval.end, solver=Slow())
    assert not set(first.cells) & set(task_of(area, str(first.task)).got)


def test_orders_that_come_and_go_while_the_plan_is_made_do_not_spoil_it(cities: MemoryStore) -> None:
    plan(cities)
    gone = activities(cities, kind="acquisition")[0]

    class Meanwhile(GreedySolver):
        def solve(self, problem, **how):
            make_quote(cities, "request-0001", now=NOW)
            place_order(cities, "quote-0002", now=NOW)
            cancel_order(cities, "order-0001", now=NOW)
            return super().solve(problem, **how)

    made = make_plan(cities, now=NOW, solver=Meanwhile())
    assert made.id == "plan-0002"
    mine = [a for a in activities(cities, order="order-0001") if a.kind == "acquisition"]
    assert gone.id in {a.id for a in mine} and {a.state for a in mine} == {"dropped"}
    assert activities(cities, order="order-0002") == []
    with cities.begin() as work:
        assert work.orders.get("order-0001").status == "user_cancelled"
    make_plan(cities, now=NOW, solver=GreedySolver())
    assert activities(cities, order="order-0002", state="planned")


def test_a_booking_repeated_under_its_name_is_the_same_booking(cities: MemoryStore) -> None:
    made = plan(cities)
    activity = activities(cities, kind="acquisition")[0]
    craft = PROGRAMME.craft(activity.spacecraft)
    who = {"partner": craft.owner, "reason": "r", "now": NOW, "by": "tests"}
    first = [veto(cities, made.id, [activity.id], id="withheld-a", **who) for _ in range(2)]
    assert first[0] == first[1] and len(first[0]) == 1
    asset = {"kind": "spacecraft", "asset": craft.id, "interval": Interval(NOW, NOW + 60.0)}
    second = [withhold(cities, id="withheld-b", **asset, **who) for _ in range(2)]
    assert second[0] == second[1]
    with cities.begin() as work:
        assert len(work.withheld.all()) == 2


def test_a_second_deliver_does_not_offer_again_what_was_accepted(cities: MemoryStore, tmp_path: Path) -> None:
    plan(cities)
    execute(cities, now=NOW, report=done(*activities(cities)))

    class Overtaken(ThreadExecutor):
        def map(self, function: Callable, items: Iterable):
            made = list(super().map(function, items))
            deliver(cities, tmp_path, now=NOW, max_pixels=10_000, executor=ThreadExecutor(2))
            judge_items(cities, offered_items(cities), now=NOW)
            return iter(made)

    assert deliver(cities, tmp_path, now=NOW, max_pixels=10_000, executor=Overtaken(1)) == []
    with cities.begin() as work:
        assert {item.state for item in work.items.all()} == {"accepted"}


def test_delivering_into_another_folder_says_so_before_anything_is_made(
    cities: MemoryStore, tmp_path: Path
) -> None:
    plan(cities)
    acts = activities(cities)
    first = [a for a in acts if a.spacecraft == acts[0].spacecraft]
    execute(cities, now=NOW, report=done(*first))
    assert deliver(cities, tmp_path / "one", now=NOW, max_pixels=10_000, executor=ThreadExecutor(2))
    execute(cities, now=NOW, report=done(*(a for a in acts if a not in first)))
    with pytest.raises(InputError, match=r"two does not hold stac/order-0001"):
        deliver(cities, tmp_path / "two", now=NOW, max_pixels=10_000, executor=ThreadExecutor(2))
    assert not (tmp_path / "two").exists()
    assert deliver(cities, tmp_path / "one", now=NOW, max_pixels=10_000, executor=ThreadExecutor(2))


def test_a_later_quote_counts_only_the_days_that_are_left() -> None:
    store = quoted([point_target(36.82, -1.29, "Nairobi")], "wide-daily", "weather-service", 3)
    again = make_quote(store, "request-0001", now=NOW + 2 * DAY)
    with store.begin() as work:
        first = work.quotes.get("quote-0001")
    assert [line.quantity for line in first.lines] == [3]
    assert [line.quantity for line in again.lines] == [1]


def test_a_request_that_nothing_can_be_planned_for_ends_the_walk_as_failed(tmp_path: Path) -> None:
    """Nobody can promise a sky without any cloud: the plans are empty, and the walk says so."""
    store = quoted(CITIES[:1], "hr-scene", "capitals-exhibition", 2)
    with store.begin() as work:
        request = replace(work.requests.all()[0], max_cloud=0.0)
    result = walk(
        MemoryStore(),
        replace(PROGRAMME, requests=(request,)),
        tmp_path,
        now=NOW,
        seed=1,
        stops=(Stop(wall_s=2),),
    )
    assert [order.status for order in result.orders] == ["failed"]


def test_an_export_leaves_no_tasking_of_an_earlier_plan(cities: MemoryStore, tmp_path: Path) -> None:
    plan(cities)
    first = export_plan(cities, tmp_path, now=NOW)
    with cities.begin() as work:
        gone = work.activities.all(kind="acquisition")[0]
        for a in work.activities.all(spacecraft=gone.spacecraft):
            work.activities.put(replace(a, state="dropped"))
    second = export_plan(cities, tmp_path, now=NOW)
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(second) < set(first)


def test_new_elements_make_a_plan_look_for_new_windows(cities: MemoryStore) -> None:
    before = plan(cities)
    moved = {
        norad: replace(e, epoch=e.epoch + 600, mean_anomaly_deg=e.mean_anomaly_deg / 2)
        for norad, e in PROGRAMME.elements.items()
    }
    with cities.begin() as work:
        work.set_programme(replace(PROGRAMME, elements=moved))
    after = plan(cities)
    assert {a.elements_epoch for a in activities(cities, plan=after.id, kind="acquisition")} <= {
        e.epoch for e in moved.values()
    }
    assert after.problem.opportunities != before.problem.opportunities


def test_a_scene_beside_a_border_shows_nothing_finer_than_the_neighbour_is_licensed() -> None:
    """Loyada lies in Djibouti, a third of the frame around it in Somaliland: that part is cut off."""
    store = ordered(quoted([point_target(43.22, 11.47, "Loyada")], "hr-scene", "dj-environment", 7))
    plan(store)
    execute(store, now=NOW, report=done(*activities(store)))
    (work,) = waiting_products(store, NOW)
    assert work.acquisition.delivered_gsd_m < 5.0
    beyond = territory("somaliland").geometry
    assert work.activity.footprint.intersection(beyond).area > 0.05 * work.activity.footprint.area
    assert work.acquisition.footprint.intersection(beyond).area < 1e-6
    assert work.acquisition.footprint.intersects(territory("DJI").geometry)


def test_a_request_too_long_or_too_wide_to_search_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="limit is 366"):
        quoted(CITIES, "hr-scene", "capitals-exhibition", 50 * 365)
    with pytest.raises(InputError, match="split it"):
        quoted([territory_target("RUS")], "hr-area", "capitals-exhibition", 7)
