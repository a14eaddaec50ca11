"""A search that is answered later goes over the states at hand, too, and tells how far it is."""

from __future__ import annotations

from comity.core import Interval
from comity.fleet import load_programme, point_target
from comity.operations import Asked, draft_request, find_opportunities, open_search, run_search
from comity.operations.memory_jobs import MemoryJobStore
from comity.operations.sky import KeptFleet

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None


def test_a_kept_search_uses_the_states_at_hand_and_tells_its_progress() -> None:
    store = MemoryJobStore()
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    week = Interval(NOW, NOW + 2 * 86_400.0)
    asked = Asked(
        request="",
        customer="dj-environment",
        product="hr-scene",
        datetime=week.iso(),
        geometry={"type": "Point", "coordinates": [43.1, 11.6]},
    )
    request = draft_request(
        PROGRAMME,
        customer=PROGRAMME.customer("dj-environment"),
        product="hr-scene",
        targets=[point_target(43.1, 11.6, "here")],
        interval=week,
        now=NOW,
    )
    fleet, told = KeptFleet(), []
    opened = [
        open_search(store, request, asked, licensed=True, now=NOW, at=NOW),
        open_search(store, request, asked, licensed=True, now=NOW, at=NOW),
    ]
    run_search(
        store,
        opened[0].id,
        now=NOW,
        trajectories=fleet.trajectories,
        progress=lambda done, total, what: told.append((done, total)),
    )
    ended = run_search(store, opened[1].id, now=NOW)  # from the elements alone
    assert ended.status == "completed"
    assert told[-1][0] == told[-1][1] == len(told) > 1
    kept, alone = (find_opportunities(store, one.request, now=NOW).windows for one in opened)
    assert len(kept) == len(alone) > 0
    for one, other in zip(kept, alone, strict=True):
        assert (one.spacecraft, one.instrument) == (other.spacecraft, other.instrument)
        assert abs(one.interval.start - other.interval.start) < 2e-3
