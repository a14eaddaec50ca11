"""Passes in pieces: whatever is cut to fit in memory is what one search would have found."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import pytest

import comity.orbits
from comity.access import Site, StationWindow, station_windows
from comity.cli.passes import check_size, cut, stream_passes
from comity.cli.window_output import MAX_TABLE_ROWS, write_station_windows
from comity.core import Epoch, InputError, Interval, silent
from comity.orbits import (
    EarthOrientation,
    PropagationError,
    Trajectory,
    read_elements,
    select,
    sgp4_trajectories,
)

CATALOGUE = Path(comity.orbits.__file__).with_name("data") / "catalogue-300.3le"
START = Epoch.from_iso("2024-09-22T00:00:00Z")
DAYS = Interval(START, START + 3 * 86_400)
SITES = [
    Site(name="Assal", lon_deg=42.4, lat_deg=11.6, altitude_m=-155.0, min_elevation_deg=10.0),
    Site(name="Pole", lon_deg=0.0, lat_deg=90.0, min_elevation_deg=0.0),
]


def trajectories(names: str) -> list[Trajectory]:
    found, refused = sgp4_trajectories(
        select(read_elements(CATALOGUE).elements, names), EarthOrientation.bundled()
    )
    assert not refused
    return list(found)


def no_error(trajectory: Trajectory, error: PropagationError) -> None:
    raise error


def key(window: StationWindow) -> tuple[str, str, Epoch]:
    return window.spacecraft, window.target, window.interval.start


@pytest.mark.parametrize("held", [10_000, 40, 3])
def test_blocks_of_objects_and_pieces_of_time_find_the_same(held: int) -> None:
    """Down to pieces of a few hours, that cut passes; a geostationary pass goes on through all of them."""
    objects = trajectories("KANOPUS-V 3,58266")
    geo = [one for one in _geostationary() if station_windows([one], SITES, DAYS)][:1]
    assert geo
    whole = station_windows([*objects, *geo], SITES, DAYS)
    streamed = list(
        stream_passes([*objects, *geo], SITES, DAYS, on_error=no_error, progress=silent, held=held)
    )
    assert len(streamed) == len(whole)
    for ours, theirs in zip(sorted(streamed, key=key), sorted(whole, key=key), strict=True):
        assert (ours.spacecraft, ours.norad_id, ours.target) == (
            *(theirs.spacecraft, theirs.norad_id, theirs.target),
        )
        assert ours.interval.start - theirs.interval.start == pytest.approx(0.0, abs=2e-3)
        assert ours.interval.end - theirs.interval.end == pytest.approx(0.0, abs=2e-3)
        assert ours.max_elevation_deg == pytest.approx(theirs.max_elevation_deg, abs=1e-4)
        assert ours.elements.age_s == pytest.approx(theirs.elements.age_s, abs=1e-2)
    if held == 10_000:
        assert [key(w) for w in streamed] == [key(w) for w in whole]


def _geostationary() -> list[Trajectory]:
    slow = [one for one in read_elements(CATALOGUE).elements if 0.99 < one.mean_motion < 1.01]
    return list(sgp4_trajectories(slow, EarthOrientation.bundled())[0])


def test_pieces_leave_no_gap() -> None:
    parts = list(cut(DAYS, 7))
    assert (parts[0].start, parts[-1].end) == (DAYS.start, DAYS.end)
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))


def test_an_object_that_decays_leaves_nothing_behind_however_it_is_cut() -> None:
    (lost,) = trajectories("81696")
    (good,) = trajectories("KANOPUS-V 3")
    errors: list[str] = []
    found = list(
        stream_passes(
            [lost, good],
            SITES,
            Interval(Epoch.from_iso("2024-09-08T12:00:00Z"), Epoch.from_iso("2024-09-13T12:00:00Z")),
            on_error=lambda trajectory, error: errors.append(str(error)),
            progress=silent,
            held=3,
        )
    )
    assert len(errors) == 1
    assert "(81696): SGP4 has no position" in errors[0]
    assert {w.norad_id for w in found} == {43180}


def test_work_that_would_fill_a_disk_is_refused_with_the_way_out() -> None:
    ten_years = Interval(Epoch.from_iso("2014-09-22"), Epoch.from_iso("2024-09-22"))
    with pytest.raises(InputError, match=r"11,168 objects × 100 sites × 3,653\.0 days make about 1\.7e\+10"):
        check_size(11_168, 100, ten_years)
    check_size(11_168, 100, Interval(START, START + 7 * 86_400))
    check_size(1, 1, ten_years)


def test_nothing_is_written_before_the_search_has_begun_well() -> None:
    def failing():  # type: ignore[no-untyped-def]
        raise InputError("no object can be used")
        yield

    for form in ("csv", "json", "table"):
        out = io.StringIO()
        with pytest.raises(InputError):
            write_station_windows(failing(), out, form)
        assert out.getvalue() == ""


def test_json_of_a_stream_is_json_of_a_list() -> None:
    windows = station_windows(trajectories("KANOPUS-V 3"), SITES, DAYS)
    for some in (windows, windows[:1], []):
        out = io.StringIO()
        write_station_windows(iter(some), out, "json")
        loaded = json.loads(out.getvalue())
        assert len(loaded) == len(some)
        assert out.getvalue() == json.dumps(loaded, indent=1, ensure_ascii=False) + "\n"


def test_a_table_of_too_many_rows_is_refused_without_holding_them() -> None:
    (window, *_) = station_windows(trajectories("KANOPUS-V 3"), SITES, DAYS)
    taken = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal taken
        while True:
            taken += 1
            yield window

    with pytest.raises(
        InputError, match="more than 100,000 windows are too many for a table: use --format csv"
    ):
        write_station_windows(endless(), io.StringIO(), "table")
    assert taken == MAX_TABLE_ROWS + 1
