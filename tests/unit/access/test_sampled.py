"""A fleet searched together, its states kept: it finds what each of its spacecraft finds alone."""

from __future__ import annotations

import numpy as np
import pytest

from comity.access import ImagingWindow, constellation_windows, imaging_windows, sampled_fleet
from comity.core import Interval
from comity.fleet import load_programme, point_target, territory_target
from comity.operations.sky import KeptFleet, trajectories_of
from comity.orbits import EarthOrientation

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
EOP = EarthOrientation.bundled()
DAY_S = 86_400.0
FLEET = [craft for craft in PROGRAMME.spacecraft if craft.instruments]
PLAIN = trajectories_of(PROGRAMME)
#: On the equator and by a pole, beside an area: agile instruments and such that look straight down.
TARGETS = [point_target(43.1, 11.6, "Djibouti"), point_target(20.0, 80.0, "far"), territory_target("DJI")]


def assert_same(found: list[ImagingWindow], wanted: list[ImagingWindow]) -> None:
    def name(window: ImagingWindow) -> tuple[str, str, str, int]:
        return window.spacecraft, window.instrument, window.target, round(window.best.at.tai_ns / 60e9)

    found, wanted = sorted(found, key=name), sorted(wanted, key=name)
    assert [name(one)[:3] for one in found] == [name(one)[:3] for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert abs(one.interval.start - other.interval.start) < 2e-3
        assert abs(one.interval.end - other.interval.end) < 2e-3
        assert np.isclose(one.best.off_nadir_deg, other.best.off_nadir_deg, atol=1e-3)
        assert one.elements.epoch == other.elements.epoch


@pytest.mark.parametrize(
    ("begin", "end", "limits"),
    [
        (0.3171, 1.2, {}),
        (2.9, 3.0, {"max_off_nadir_deg": 30.0}),
        (0.0, 1.0, {"min_sun_elevation_deg": 20.0, "max_gsd_m": 3.0, "light": "day"}),
        (2.5, 3.2, {"side": "left", "direction": "descending"}),  # leaves what is kept
    ],
)
def test_a_fleet_finds_what_each_finds_alone(begin: float, end: float, limits: dict[str, object]) -> None:
    kept = sampled_fleet(PLAIN, Interval(NOW, NOW + 3 * DAY_S), EOP)
    interval = Interval(NOW + begin * DAY_S, NOW + end * DAY_S)
    fleet = [(craft, kept[craft.norad_id]) for craft in FLEET]
    found, refused = constellation_windows(fleet, TARGETS, interval, **limits)  # type: ignore[arg-type]
    alone = [
        window
        for craft in FLEET
        for window in imaging_windows(craft, PLAIN[craft.norad_id], TARGETS, interval, **limits)  # type: ignore[arg-type]
    ]
    assert not refused
    assert len(alone) > 10
    assert_same(found, alone)


def test_kept_states_move_on_with_time_and_serve_until_then() -> None:
    fleet = KeptFleet()
    first = fleet.trajectories(PROGRAMME, NOW)
    assert fleet.trajectories(PROGRAMME, NOW + 1.2 * DAY_S) is first
    fleet.renew(PROGRAMME, NOW + 0.2 * DAY_S)
    assert fleet.trajectories(PROGRAMME, NOW) is first
    fleet.renew(PROGRAMME, NOW + 0.8 * DAY_S)
    assert fleet.trajectories(PROGRAMME, NOW + 0.8 * DAY_S) is not first
    # weeks later nobody has called: the first to ask is served from states of then
    late = NOW + 30 * DAY_S
    craft = FLEET[0]
    moved = fleet.trajectories(PROGRAMME, late)[craft.norad_id]
    week = Interval(late, late + DAY_S)
    assert_same(
        imaging_windows(craft, moved, TARGETS[:1], week),
        imaging_windows(craft, PLAIN[craft.norad_id], TARGETS[:1], week),
    )
