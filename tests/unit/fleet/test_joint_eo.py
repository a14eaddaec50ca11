"""The embedded programme joint-eo: facts a reader can check."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from comity.commerce import decide
from comity.fleet import GroundStation, Instrument, Programme, Source, Spacecraft, area_km2, load_programme
from comity.orbits import read_elements


@pytest.fixture(scope="module")
def programme() -> Programme:
    return load_programme("joint-eo")


def test_the_fleet_is_the_real_one(programme: Programme) -> None:
    numbers = {craft.name: craft.norad_id for craft in programme.spacecraft}
    assert numbers == {
        "Kanopus-V 1": 38707,
        "Kanopus-V 3": 43180,
        "Kanopus-V 4": 43181,
        "Kanopus-V 5": 43876,
        "Kanopus-V 6": 43877,
        "Kanopus-V-IK": 42825,
        "Resurs-P 4": 59371,
        "Zorkiy-2M 1": 57177,
        "Zorkiy-2M 2": 59064,
        "Gaofen-1": 39150,
        "Gaofen-1 02": 43259,
        "Gaofen-1 03": 43260,
        "Gaofen-1 04": 43262,
        "Gaofen-2": 40118,
        "Gaofen-6": 43484,
        "Meteor-M2 3": 57166,
        "Meteor-M2 4": 59051,
        "Djibouti-1A": 58266,
    }
    for craft in programme.spacecraft:
        elements = programme.elements[craft.norad_id]
        assert elements.name.casefold() == craft.name.casefold()
        assert 0 < elements.age_s(programme.epoch or elements.epoch) < 86_400, craft.id
        assert "2024-09-22" in elements.source
    assert programme.craft("djibouti-1a").instruments == ()  # a data relay: no camera is invented for it


def test_its_elements_are_those_of_the_catalogue(programme: Programme, shared_data: Path) -> None:
    catalogue = read_elements(shared_data / "orbits" / "active-2024-09-22.3le").elements
    real = {one.norad_id: one for one in catalogue}
    for number, elements in programme.elements.items():
        for field in fields(elements):
            if field.name != "source":
                assert getattr(elements, field.name) == getattr(real[number], field.name)


def test_every_figure_has_a_source_and_assumptions_say_so(programme: Programme) -> None:
    def figures(kind: type, without: set[str]) -> set[str]:
        return {field.name for field in fields(kind)} - without - {"id", "name", "sources"}

    def check(owner: str, sources: dict[str, Source], wanted: set[str]) -> None:
        assert wanted <= set(sources), (owner, wanted - set(sources))
        for source in sources.values():
            assert source.assumed == source.text.startswith("assumed"), owner
            assert len(source.text) > 15, owner

    for craft in programme.spacecraft:
        check(
            craft.id,
            craft.sources,
            figures(Spacecraft, {"norad_id", "owner", "instruments", "note"}),
        )
        for item in craft.instruments:
            optional = {"ms_gsd_m"} if item.ms_gsd_m is None else set()
            check(item.id, item.sources, figures(Instrument, {"pointing"} | optional))
    for station in programme.stations:
        optional = {"horizon"} if station.horizon is None else set()
        check(station.id, station.sources, figures(GroundStation, {"owner"} | optional))
    published = {i.id for c in programme.spacecraft for i in c.instruments if not i.sources["gsd_m"].assumed}
    assert len(published) == 11  # all imagers but Zorkiy-2M's, of which no data sheet was found


def test_stations_of_at_least_three_owners_span_the_globe(programme: Programme) -> None:
    assert len(programme.stations) >= 8
    assert len({station.owner for station in programme.stations}) >= 4
    assert {station.owner for station in programme.stations} <= {p.id for p in programme.partners}
    assert (
        min(s.lat_deg for s in programme.stations) < -20 and max(s.lat_deg for s in programme.stations) > 67
    )


def test_the_ministry_asks_for_its_land_and_a_band_in_each_neighbour(programme: Programme) -> None:
    land, bands = programme.requests[0], programme.requests[1]
    assert [t.territory for t in land.targets] == ["DJI"]
    assert [t.territory for t in bands.targets] == ["ERI", "ETH", "somaliland"]
    assert all(0.05 <= request.max_cloud <= 0.2 for request in (land, bands))
    assert land.interval.duration_s == 7 * 86_400
    for band in bands.targets:
        assert band.territories == (band.territory,)
        assert 1_000 < area_km2(band.geometry) < 10_000
        assert not band.geometry.intersects(land.targets[0].geometry.buffer(-0.001))


def test_the_exhibition_asks_for_twenty_capitals_each_in_its_own_country(programme: Programme) -> None:
    capitals = next(r for r in programme.requests if r.id == "twenty-capitals")
    assert len(capitals.targets) == len({t.territory for t in capitals.targets}) == 20
    assert {t.name: t.territory for t in capitals.targets}["Brasilia"] == "BRA"
    assert len({t.id for r in programme.requests for t in r.targets}) == 26


def test_own_territory_is_free_and_a_neighbours_is_refused_or_coarsened(programme: Programme) -> None:
    def delivered(owner: str, request: int, target: int, gsd_m: float) -> float | str:
        wish = programme.requests[request]
        decision = decide(
            programme.rules,
            customer=wish.customer,
            target=wish.targets[target],
            owner=owner,
            gsd_m=gsd_m,
            at=wish.created,
        )
        return decision.effect if decision.deliver_gsd_m is None else decision.deliver_gsd_m

    for owner in ("roscosmos", "cnsa", "sputnix"):
        assert delivered(owner, 0, 0, 2.1) == 2.1
    for band in range(3):
        assert delivered("cnsa", 1, band, 2.0) == "refuse"
        assert delivered("roscosmos", 1, band, 2.1) == 10.0
        assert delivered("sputnix", 1, band, 2.5) == 5.0
    names = [t.name for t in programme.requests[2].targets]
    assert delivered("cnsa", 2, names.index("Nairobi"), 2.0) == 2.0
    assert delivered("cnsa", 2, names.index("Nairobi"), 0.8) == 2.0
    assert delivered("cnsa", 2, names.index("Beijing"), 2.0) == 10.0
    assert delivered("roscosmos", 2, names.index("Paris"), 1.0) == 1.0  # the exhibition's own country
    assert delivered("roscosmos", 3, 0, 1.0) == 1.0
    assert delivered("roscosmos", 4, 0, 60.0) == 60.0
