"""Reading a programme: what it says, and what is said of a wrong one."""

from __future__ import annotations

import shutil
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from comity.core import ComityError, Epoch, InputError, UnknownIdError
from comity.fleet import Programme, embedded_programmes, load_programme, programme_from_text

DATA = Path(str(resources.files("comity.fleet") / "data"))
TEXT = (DATA / "joint-eo.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def programme() -> Programme:
    return load_programme("joint-eo")


def refusal(text: str, programme: Programme) -> str:
    """What is said of a programme text, read with the elements of joint-eo."""
    with pytest.raises(ComityError) as caught:
        programme_from_text(text, elements=programme.elements, name="mine.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'owner = "sputnix"',
            'owner = "sputnik"',
            "spacecraft.zorkiy-2m-1.owner = 'sputnik': no such partner: a satellite that nobody owns; "
            "did you mean 'sputnix'?",
        ),
        ('owner = "sansa"', 'owner = "xx"', "stations.hartebeesthoek.owner = 'xx': no such partner"),
        ("share = 0.36", "share = 0.35", "partners.share: the shares sum to 0.99, not 1 (0.35 + 0.38"),
        ("share = 0.36", "share = -0.36", "partners.roscosmos.share = -0.36: must be at least 0"),
        (
            'product = "vhr-scene"\nunit',
            'product = "vhr-scene"\ncurrency = "XYZ"\nunit',
            "price_book.prices.vhr-scene.currency = 'XYZ': unknown currency 'XYZ'",
        ),
        (
            'product = "vhr-scene"\nunit',
            'product = "vhr-scene"\ncurrency = "USD"\nunit',
            "price_book.prices.vhr-scene.currency = 'USD': the price book is in EUR",
        ),
        (
            'currency = "ZAR"',
            'currency = "KES"',
            "partners.sansa.currency = 'KES': price_book.rates has no rate between EUR and KES",
        ),
        ('id = "kanopus-v-3"', 'id = "kanopus-v-1"', "spacecraft.kanopus-v-1: the id is used twice"),
        ("norad_id = 43180", "norad_id = 38707", "norad_id = 38707: kanopus-v-1 has this number too"),
        ("norad_id = 43180", "norad_id = 43189", "norad_id = 43189: there are no elements for it"),
        ('product = "mr-area"\nunit', 'product = "mr-aera"\nunit', "did you mean 'mr-area'"),
        (
            'product = "hr-scene"\ndays',
            'product = "hr-scenes"\ndays',
            "requests.twenty-capitals.product = 'hr-scenes': no such product; did you mean 'hr-scene'",
        ),
        (
            'territories = ["CHN"]',
            'territories = ["CHX"]',
            "rules.cnsa-china.territories[1] = 'CHX': unknown country or territory 'CHX'",
        ),
        (
            'country = "KEN"',
            'country = "Kenia"',
            "customers.weather-service.country = 'Kenia': unknown country or territory 'Kenia'; "
            "known: Kenya (KEN)",
        ),
        ("lat_deg = 69.0", "lat_deg = 91", "stations.murmansk.lat_deg = 91: must be at most 90"),
        ("swath_km = 97", "swath_km = -97", "instruments.kshmsa-vr.swath_km = -97: must be above 0"),
        ("swath_km = 97", "swath_km = nan", "instruments.kshmsa-vr.swath_km = NaN"),
        ("pool_part = 0.10", "pool_part = 0.2", "sum to 1.10, not 1 (0.70 + 0.20 + 0.2)"),
        ("min_elevation_deg = 10", "min_elevation_deg = 95", "stations.djibouti.min_elevation_deg = 95"),
        (
            "settle_s = 10",
            "setle_s = 10",
            "platforms.kanopus-v.setle_s: unknown key; did you mean 'settle_s'?",
        ),
        ("settle_s = 10", "", "platforms.kanopus-v.settle_s: is missing"),
        ("[[partners]]", "[[partners]", "mine.toml: not TOML: Expected ']]'"),
        (
            "epoch = 2024-09-22T12:00:00Z",
            "epoch = 2024-09-22T12:00:00",
            "has no time zone: write it with a Z",
        ),
        (
            "max_off_nadir_deg = 0\n",
            "max_off_nadir_deg = 10\n",
            'instruments.gf1-wfv.max_off_nadir_deg = 10.0: must be 0 for pointing = "nadir"',
        ),
        ("coarsen_to_m = 5", "", "rules.sputnix-third-state.coarsen_to_m: is missing: coarsen to what?"),
        ("coarsen_to_m = 5", "coarsen_to_m = 4", "must be at least finer_than_m (5)"),
        ("max_gsd_m = 1.2", "max_gsd_m = 0.3", "products.vhr-scene: no instrument of the pool can make it"),
        ('= "gf2-xinhua"', '= "gf2-xinua"', "no such citation; did you mean 'gf2-xinhua'"),
        (
            "point = [38.7469, 9.0300]",
            "point = [38.7469, 91]",
            "requests.twenty-capitals.targets[1]: Addis Ababa: Point latitude 91° is outside −90 … 90",
        ),
        (
            "bbox = [40.5, 9.5, 46.5, 14.5]",
            "polygon = [[40,10],[42,12],[42,10],[40,12]]",
            "Horn of Africa: polygon 1 crosses itself at lon 41, lat 11",
        ),
        ("width_km = 25 }", 'width_km = 25, inside = ["KEN"] }', "Kenya does not adjoin Djibouti"),
        ('{ territory = "DJI" }', '{ territory = "DJI", point = [1, 2] }', "not point and territory"),
        (
            'product = "hr-area"\ndays = 7',
            'product = "hr-area"\nend = 2024-09-20T00:00:00Z',
            "requests.djibouti-territory.end = '2024-09-20T00:00:00Z': is not after the start",
        ),
    ],
)
def test_a_mistake_is_named_by_file_key_value_and_limit(
    programme: Programme, old: str, new: str, said: str
) -> None:
    assert old in TEXT
    message = refusal(TEXT.replace(old, new, 1), programme)
    assert message.startswith("mine.toml: ")
    assert said in message
    assert len(message.splitlines()) <= 2  # one mistake, and at most what follows from it


def test_all_mistakes_are_said_at_once_and_the_list_is_cut_at_ten(programme: Programme) -> None:
    wrong = TEXT.replace("share = 0.36", "share = 0.30").replace('"gf2-pms"]', '"gf2pms"]')
    wrong = wrong.replace("altitude_m = 15\n", 'altitude_m = "high"\n')
    said = refusal(wrong, programme)
    assert "the shares sum to 0.94" in said
    assert "did you mean 'gf2-pms'" in said
    assert "stations.djibouti.altitude_m = 'high'" in said

    many = refusal(TEXT.replace("days = 7", "dayz = 7").replace("antennas = ", "antenna = "), programme)
    assert len(many.splitlines()) == 11
    assert many.splitlines()[-1].startswith("… and ")


def test_missing_empty_and_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnknownIdError, match="unknown programme 'joint'; known: joint-eo"):
        load_programme("joint")
    with pytest.raises(InputError, match=r"gone\.toml: No such file"):
        load_programme(tmp_path / "gone.toml")
    with pytest.raises(InputError, match="Is a directory"):
        load_programme(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text(" \n")
    with pytest.raises(InputError, match="is empty"):
        load_programme(bad)
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        load_programme(bad)
    bad.write_text(TEXT)
    with pytest.raises(InputError, match=r"elements = 'joint-eo\.3le': .*No such file"):
        load_programme(bad)


def test_a_truncated_element_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TEXT)
    lines = (DATA / "joint-eo.3le").read_text().splitlines()
    lines[1] = lines[1][:40]
    (tmp_path / "joint-eo.3le").write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        load_programme(tmp_path / "mine.toml")
    assert "KANOPUS-V 1" in str(caught.value) and "norad_id = 38707" in str(caught.value)


def test_a_users_own_file_reads_like_the_embedded_one(tmp_path: Path, programme: Programme) -> None:
    for name in ("joint-eo.toml", "joint-eo.3le"):
        shutil.copy(DATA / name, tmp_path)
    assert load_programme(str(tmp_path / "joint-eo.toml")) == programme
    assert embedded_programmes() == ("joint-eo",)


def test_a_stored_programme_reads_back_the_same_from_text_and_elements(programme: Programme) -> None:
    again = programme_from_text(programme.text, elements=programme.elements)
    assert again == programme
    assert programme_from_text(programme.text, elements=programme.elements, requests=False).requests == ()
    with pytest.raises(InputError, match="is relative to the programme's folder"):
        programme_from_text(programme.text)


def test_numbers_are_exact_and_units_are_si_inside(programme: Programme) -> None:
    assert sum(partner.share for partner in programme.partners) == Decimal(1)
    book = programme.price_book
    assert book.satellite_part + book.station_part + book.pool_part == Decimal(1)
    assert next(price.amount for price in book.prices if price.product == "hr-area") == Decimal("1.20")
    camera = programme.instrument("gaofen-2", "gf2-pms")
    assert (camera.swath_m, camera.reference_altitude_m) == (45_300.0, 631_000.0)
    assert programme.craft("kanopus-v-3").downlink_bps == pytest.approx(245.76e6)
    assert programme.epoch == Epoch.from_iso("2024-09-22T12:00:00Z")
    daily = programme.product("wide-daily")
    assert (daily.repeat_s, daily.min_swath_m) == (86_400.0, 700_000.0)
