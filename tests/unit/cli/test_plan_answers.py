"""``comity plan explain``, ``whatif``, ``rush`` and fair or repeated solving as scripts meet them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from comity.cli.main import main

Run = Callable[..., tuple[int, str, str]]

HEAD = {
    "format": "comity-planning-problem", "version": 1, "start": "2026-04-14T04:00:00Z", "horizon_s": 3600,
}  # fmt: skip


def chance(id: str, request: str, satellite: str, start_s: float) -> dict[str, object]:
    window = {"start_s": start_s, "end_s": start_s + 30, "duration_s": 30}
    return {"id": id, "request": request, "satellite": satellite, **window}


POOL = HEAD | {
    "partners": [{"id": "north"}, {"id": "south"}],
    "satellites": [{"id": "sn", "partner": "north"}, {"id": "ss", "partner": "south"}],
    "requests": [
        {"id": "assab", "value": 90, "partner": "north"},
        {"id": "berbera", "value": 70, "partner": "north"},
        {"id": "cairo", "value": 50, "partner": "south"},
    ],
    "opportunities": [
        chance("a1", "assab", "ss", 600), chance("b1", "berbera", "sn", 900),
        chance("c1", "cairo", "ss", 610),
    ],
}  # fmt: skip
FIRE = {"request": {"id": "fire", "value": 60}, "opportunities": [chance("f1", "fire", "sn", 890)]}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """``run(*words)`` → exit code, standard output, standard error of ``comity plan`` in a new folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["comity", "plan", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


@pytest.fixture
def solved(run: Run) -> Run:
    """The pool in ``pool.json``, its plan in ``out/plan.json``, a rush order in ``fire.json``."""
    Path("pool.json").write_text(json.dumps(POOL))
    Path("fire.json").write_text(json.dumps(FIRE))
    assert run("solve", "pool.json", "--work-limit", "1", "--out", "out")[0] == 0
    return run


def test_explain_works_on_files_and_still_on_orders(solved: Run) -> None:
    code, shown, _ = solved("explain", "pool.json", "out/plan.json")
    assert code == 0 and "cairo" in shown and "beaten 1" in shown
    code, shown, _ = solved("explain", "pool.json", "out/plan.json", "--request", "cairo", "--json")
    (reason,) = json.loads(shown)["reasons"]
    assert (reason["code"], reason["loss"], reason["rivals"][0]["opportunity"]) == ("beaten", 90, "a1")
    assert solved("explain", "pool.json", "out/plan.json", "--request", "assab")[1] == (
        "assab: wholly in the plan\n"
    )
    code, _, err = solved("explain", "pool.json", "out/plan.json", "--request", "zz")
    assert code == 2 and "unknown request 'zz'" in err
    code, _, err = solved("explain", "order-0001")
    assert code == 2 and "there is no database" in err


def test_a_plan_of_another_problem_is_told(solved: Run) -> None:
    Path("other.json").write_text(json.dumps(POOL | {"horizon_s": 3500}))
    for command in (("explain",), ("whatif", "--drop", "cairo"), ("rush", "--add", "fire.json")):
        code, _, err = solved(command[0], "other.json", "out/plan.json", *command[1:])
        assert code == 2 and "out/plan.json is the plan of another problem (SHA-256" in err
    code, shown, _ = solved("check", "other.json", "out/plan.json")
    assert code == 0 and "made for another problem" in shown


def test_whatif_gives_the_difference_and_its_interval(solved: Run) -> None:
    code, shown, _ = solved("whatif", "pool.json", "out/plan.json", "--without", "ss", "--work-limit", "1")
    assert code == 0 and "this is the true difference" in shown
    words = ("--without-partner", "south", "--add", "fire.json", "--work-limit", "1", "--json")
    found = json.loads(solved("whatif", "pool.json", *words)[1])
    assert found["difference"] == -90  # assab is lost, and fire is worth less than berbera in its way
    assert found["true_difference"] == {"least": -90, "most": -90, "certain": True}
    code, _, err = solved("whatif", "pool.json", "out/plan.json")
    assert code == 2 and "nothing is changed" in err
    code, _, err = solved("whatif", "pool.json", "--without", "qq")
    assert code == 2 and "unknown satellite 'qq'; known: sn, ss" in err


def test_a_rush_order_is_placed_written_and_explained(solved: Run) -> None:
    code, shown, _ = solved("rush", "pool.json", "out/plan.json", "--add", "fire.json")
    assert code == 0 and "fire is not placed: beaten" in shown
    code, shown, _ = solved(
        "rush", "pool.json", "out/plan.json", "--add", "fire.json", "--must", "--out", "new"
    )
    assert code == 0 and "fire: f1 on sn at 2026-04-14T04:14:50Z" in shown and "berbera" in shown
    assert solved("check", "new/problem.json", "new/plan.json")[1] == "value 150, 0 violations\n"
    assert "berbera" in solved("explain", "new/problem.json", "new/plan.json")[1]
    Path("bad.json").write_text(json.dumps(FIRE | {"request": {"id": "fire", "value": -1}}))
    code, _, err = solved("rush", "pool.json", "out/plan.json", "--add", "bad.json")
    assert code == 2 and "bad.json: request.value: must be at least 0, is -1" in err


def test_fair_and_repeated_solving(solved: Run) -> None:
    words = ("--fair", "0.9", "--work-limit", "2", "--out", "fair", "--json")
    report = json.loads(solved("solve", "pool.json", *words)[1])["report"]
    assert (report["value"], report["fairness"]["price"]) == (120, 40)
    assert [(p["partner"], p["earned"], p["alone"]) for p in report["partners"]] == [
        ("north", 70, 70), ("south", 50, 50)
    ]  # fmt: skip
    assert solved("check", "fair/problem.json", "fair/plan.json")[0] == 0
    words = (
        "--previous",
        "fair/plan.json",
        "--frozen-until",
        "620",
        "--churn-price",
        "1",
        "--work-limit",
        "1",
    )
    report = json.loads(solved("solve", "pool.json", *words, "--json")[1])["report"]
    assert (report["value"], report["replanned"]["frozen"]) == (120, 1)  # cairo has begun
    report = json.loads(solved("solve", "pool.json", *words[:2], "--churn-price", "1", "--json")[1])["report"]
    assert (report["value"], report["churn"]) == (159, 1)
    code, _, err = solved("solve", "pool.json", "--churn-price", "1")
    assert code == 2 and "need --previous" in err
    Path("plain.json").write_text(json.dumps(HEAD))
    code, _, err = solved("solve", "plain.json", "--fair", "0.5")
    assert code == 2 and "--fair needs partners" in err
