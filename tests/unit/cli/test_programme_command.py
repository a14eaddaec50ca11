"""``comity programme``: what a person sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from comity.cli.common import open_store
from comity.cli.programme import app
from comity.core import InputError


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("narrow")
def test_check_shows_partners_fleet_prices_rules_and_what_is_assumed() -> None:
    result = CliRunner().invoke(app, ["check", "joint-eo"])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for line in (
        "cnsa China National Space Administration CHN CNY 38 % 6 4",
        "Gaofen-2 40118 cnsa 2024-09-22 04:38 gf2-pms 0.8 45.3 35°*",
        "Meteor-M2 3 57166 roscosmos 2024-09-22 03:45 kmss-2 55 1000 fixed",
        "Djibouti-1A 58266 cerd 2024-09-22 04:11 no imager",
        "Hartebeesthoek (SANSA) sansa 27.71 -25.89 5°",
        "hr-area High resolution area 3 20% 1.20 EUR a km² 900.00 EUR",
        "1 EUR = 1.1166 USD 2024-09-20 European Central Bank",
        "70 % to the satellites' owners, 20 % to the stations', 10 % to all by share",
        "twenty-capitals capitals-exhibition hr-scene 20 20%",
        "The programme is in order.",
        "figures are assumed, not published",
    ):
        assert line in text
    assert "cnsa-third-state cnsa any territory" in text and "refuse" in text
    assert max(len(line) for line in result.output.splitlines()) <= 120


@pytest.mark.usefixtures("narrow")
def test_check_lists_the_source_of_every_figure_when_asked() -> None:
    result = CliRunner().invoke(app, ["check", "joint-eo", "--sources"])
    text = " ".join(result.output.split())
    assert "instrument pss-mss" in text and "Canopus-V" in text
    assert "assumed: no data sheet of this 12U CubeSat's" in text


def test_check_of_a_wrong_file_says_what_is_wrong_and_prints_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('id = "x"\ntitle = "y"\n')
    result = CliRunner().invoke(app, ["check", str(bad)])
    assert isinstance(result.exception, InputError)
    assert "currency: is missing" in str(result.exception)
    assert result.output == ""


def test_use_makes_a_database_run_the_programme(tmp_path: Path) -> None:
    database = tmp_path / "operator.db"
    result = CliRunner().invoke(app, ["use", "joint-eo", "--db", str(database)])
    assert result.exit_code == 0, result.output
    assert "now runs joint-eo" in result.output
    with open_store(str(database)) as store, store.begin() as work:
        assert work.programme().craft("gaofen-2").owner == "cnsa"
