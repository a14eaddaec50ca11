"""What ``comity validate`` reruns: every published figure within its tolerance, as the documents tell it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from comity.access import published as access
from comity.cli import validate as command
from comity.cli.main import build_app
from comity.core import Check, Comparison, compared
from comity.imagery import published as imagery
from comity.orbits import published as orbits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "validation.md"
CHECKS = {
    f"{name} {one.name}": one
    for name, package in (("orbits", orbits), ("access", access), ("imagery", imagery))
    for one in package.checks()
}
ROW = re.compile(
    r"^\| (?P<figure>[^|]+) \| (?P<source>[^|]+) \| (?P<tolerance>\S+) (?P<unit>\S+) \| "
    r"(?P<difference>\S+) \S+ \|$",
    re.MULTILINE,
)


@cache
def run(name: str) -> Sequence[Comparison]:
    return CHECKS[name].run()


@pytest.mark.parametrize("name", CHECKS)
def test_every_figure_is_within_its_tolerance(name: str) -> None:
    for one in run(name):
        assert one.passed, f"{one.figure}: {one.difference:g} {one.unit} against {one.source}"


def test_nothing_passes_without_values_or_with_none() -> None:
    def line(differences: list[float]) -> Comparison:
        return compared("figure", "source", np.array(differences), 1.0, "m", "why")

    assert line([0.5, -0.9]).passed
    assert line([0.5, -1.1]).difference == 1.1
    assert not line([0.5, -1.1]).passed
    assert not line([]).passed
    assert not line([0.0, np.nan]).passed


def test_the_page_tells_what_is_found() -> None:
    """Every figure stands in docs/validation.md with source and tolerance, and a difference of this size."""
    rows = [m.groupdict() for m in ROW.finditer(PAGE.read_text(encoding="utf-8"))]
    found = [one for name in CHECKS for one in run(name)]
    assert [(r["figure"], r["source"]) for r in rows] == [(one.figure, one.source) for one in found]
    for row, one in zip(rows, found, strict=True):
        assert float(row["tolerance"]) == one.tolerance, one.figure
        assert row["unit"] == one.unit
        told = float(row["difference"])
        # what is told is never much better than what is found; below a fiftieth of the tolerance it is noise
        assert one.difference <= 1.5 * told + one.tolerance / 50.0, f"{one.figure}: {one.difference:g}"


def test_the_command_fails_where_a_figure_does(monkeypatch: pytest.MonkeyPatch) -> None:
    good = compared("good", "a book", np.array([0.1]), 1.0, "m", "printed to 1 m")
    bad = compared("bad", "a paper", np.array([2.0]), 1.0, "m", "printed to 1 m")
    monkeypatch.setattr(command, "PACKAGES", ("orbits",))

    def ending(lines: list[Comparison], *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(orbits, "checks", lambda: (Check(name="one", run=lambda: lines),))
        result = CliRunner().invoke(build_app("validate"), ["validate", *arguments])
        return result.exit_code, result.stdout

    code, text = ending([good])
    assert code == 0
    assert "a book" in text
    assert "all within" in text
    code, text = ending([good, bad])
    assert code == 1
    assert "FAIL" in text
    code, text = ending([good, bad], "orbits", "--json")
    assert code == 1
    assert [row["passed"] for row in json.loads(text)] == [True, False]
