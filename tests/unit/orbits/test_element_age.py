"""How far elements are to be trusted, in the words every command uses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comity.core import Epoch, InputError
from comity.orbits import OLD_DAYS, age_warnings, expected_error_km, parse_tle

KANOPUS = parse_tle(
    "1 43180U 18014A   24266.19573193  .00005778  00000+0  25421-3 0  9991",
    "2 43180  97.3867 172.3278 0001890  78.1503 281.9945 15.22250606368396",
    "KANOPUS-V 3",
)
GEO = replace(KANOPUS, name="ARABSAT", norad_id=2, mean_motion=1.0027, mean_motion_dot=0.0)


def test_errors_grow_by_two_kilometres_a_day_and_then_by_drag() -> None:
    still = replace(KANOPUS, mean_motion_dot=0.0)
    assert expected_error_km(still, 20.0) == pytest.approx(40.0)
    assert expected_error_km(still, -20.0) == pytest.approx(40.0)
    # 15 % of 5.778e-5 · 60² revolutions of 2π · 6 875 km
    assert expected_error_km(KANOPUS, 60.0) == pytest.approx(0.15 * 5.778e-5 * 3600 * 43_200, rel=0.01)
    # nobody is farther off than half way round
    assert expected_error_km(KANOPUS, 5_000.0) == pytest.approx(21_600, rel=0.01)
    assert expected_error_km(GEO, 60.0) is None


def test_the_oldest_are_named_and_the_rest_counted() -> None:
    at = KANOPUS.epoch + 20 * 86_400
    fresh = replace(KANOPUS, epoch=at)
    assert age_warnings([fresh, replace(KANOPUS, epoch=at + OLD_DAYS * 86_400)], at) == []
    older = [replace(KANOPUS, name=f"OLD {k}", epoch=at + -(30 + k) * 86_400) for k in range(5)]
    lines = age_warnings([fresh, *older, GEO], at)
    assert [line.split(" are ")[0] for line in lines[:3]] == [
        f"the elements of OLD {k} (43180)" for k in (4, 3, 2)
    ]
    assert lines[0].endswith("are 34 days from the interval: it may be 433 km off along its track")
    assert lines[3:] == ["so are those of 3 more objects (over 14 days)"]
    assert age_warnings([GEO], at)[0].endswith("it may be many km off along its track")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eccentricity": 1.0}, r"eccentricity 1 is outside \[0, 1\): the orbit is not closed"),
        ({"eccentricity": -0.1}, r"eccentricity -0.1 is outside \[0, 1\)$"),
        ({"mean_motion": 0.0}, "mean motion 0 rev/day is outside 0 … 18"),
        ({"mean_motion": float("nan")}, "mean_motion nan is not a finite number"),
        ({"inclination_deg": 181.0}, "inclination 181° is outside 0 … 180"),
        ({"epoch": Epoch.from_iso("2024-09-22"), "norad_id": -1}, "catalogue number -1 is negative"),
    ],
)
def test_elements_of_no_closed_orbit_are_refused(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(KANOPUS, **change)
