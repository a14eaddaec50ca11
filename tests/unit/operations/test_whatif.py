"""What if, of the operator's own state: the difference is that of plans really made; nothing is stored."""

from __future__ import annotations

import pytest

from comity.core import InputError, Interval, StateError, UnknownIdError
from comity.fleet import load_programme, point_target
from comity.operations import (
    MemoryStore,
    add_request,
    make_plan,
    make_quote,
    place_order,
    what_if_planned,
)
from comity.planning import Stop

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
WORK = Stop(work=0.5)
PLACES = {"Cairo": (31.24, 30.04), "Athens": (23.73, 37.98), "Alexandria": (29.92, 31.2)}


@pytest.fixture(scope="module")
def state() -> MemoryStore:
    """Cairo and Athens ordered, Alexandria asked for."""
    store = MemoryStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    for names in (("Cairo", "Athens"), ("Alexandria",)):
        add_request(
            store,
            customer="capitals-exhibition",
            product="hr-scene",
            targets=[point_target(*PLACES[name], name) for name in names],
            interval=Interval(NOW, NOW + 3 * 86_400.0),
            now=NOW,
            max_cloud=0.3,
        )
    place_order(store, make_quote(store, "request-0001", now=NOW).id, now=NOW)
    return store


def records(store: MemoryStore) -> list[object]:
    with store.begin() as work:
        kept = (
            work.requests,
            work.quotes,
            work.orders,
            work.tasks,
            work.plans,
            work.activities,
            work.billings,
        )
        return [*(record for each in kept for record in each.all()), *work.ledger()]


def planned_value(store: MemoryStore) -> float:
    return make_plan(store, now=NOW, stop=WORK).solution.bound.value


def test_one_more_order_earns_what_a_plan_with_it_would(state: MemoryStore) -> None:
    before = records(state)
    found = what_if_planned(state, now=NOW, add=["request-0002"], stop=WORK)
    assert records(state) == before
    real = state.copy()
    place_order(real, make_quote(real, "request-0002", now=NOW).id, now=NOW)
    assert found.before.bound.value == pytest.approx(planned_value(state.copy()))
    assert found.after.bound.value == pytest.approx(planned_value(real))
    assert 0 <= found.least <= found.difference <= found.most
    (gained,) = (e for e in found.orders if e.added)
    assert (gained.served_before, gained.served_after) == (0, 1)
    assert sum(e.difference for e in found.orders) == pytest.approx(found.difference)


def test_a_satellite_less_hits_the_order_that_it_served(state: MemoryStore) -> None:
    plan = make_plan(state.copy(), now=NOW, stop=WORK)
    chosen = {a.opportunity for a in plan.solution.acquisitions}
    crafts = sorted({o.spacecraft for o in plan.problem.opportunities if o.id in chosen})
    found = what_if_planned(state, now=NOW, without=crafts, stop=WORK)
    assert found.difference <= 0
    assert found.most <= 0
    left = {o.id: o.spacecraft for o in plan.problem.opportunities}
    assert not {left[a.opportunity] for a in found.after.acquisitions} & set(crafts)
    everything = what_if_planned(state, now=NOW, without=[c.id for c in PROGRAMME.spacecraft], stop=WORK)
    assert everything.after.bound.value == 0
    assert [(e.order, e.served_after) for e in everything.orders] == [("order-0001", 0)]


def test_what_the_state_does_not_have_is_refused(state: MemoryStore) -> None:
    with pytest.raises(UnknownIdError, match="nope"):
        what_if_planned(state, now=NOW, without=["nope"])
    with pytest.raises(InputError, match="ordered already, as order-0001"):
        what_if_planned(state, now=NOW, add=["request-0001"])
    with pytest.raises(InputError, match="nothing is changed"):
        what_if_planned(state, now=NOW)
    with pytest.raises(StateError, match="ended"):
        what_if_planned(state, now=NOW + 4 * 86_400.0, add=["request-0002"])
