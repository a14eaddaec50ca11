"""``comity plan solve``, ``convert`` and ``check`` as scripts meet them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from comity.cli.main import main

SPOT = "3\n0 5 2 1 0 13 900\n1 4 1 2 450\n2 3 1 3 0\n2\n2 0 1 13 2\n3 0 1 2 1 2 3\n900\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(*words)`` → exit code, standard output, standard error of ``comity plan`` with these words."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["comity", "plan", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


def test_a_problem_is_converted_solved_written_and_checked(run: Run, tmp_path: Path) -> None:
    source, problem, out = tmp_path / "tiny.spot", tmp_path / "tiny.json", tmp_path / "out"
    source.write_text(SPOT)
    assert run("convert", str(source), str(problem))[0] == 0
    code, shown, _ = run("solve", str(problem), "--work-limit", "5", "--seed", "3", "--json")
    assert code == 0
    report = json.loads(shown)["report"]
    assert (report["value"], report["upper"], report["gap"], report["stopped"]) == (9, 9, 0, "proven")
    assert report["upper_for"] == "the problem as stated"
    assert run("solve", str(source), "--out", str(out))[0] == 0
    assert sorted(p.name for p in out.iterdir()) == ["plan.json", "report.json", "solution.txt"]
    assert (out / "solution.txt").read_text() == "0 1\n1 2\n"
    assert run("check", str(problem), str(out / "plan.json"))[:2] == (0, "value 9, 0 violations\n")
    plan = json.loads((out / "plan.json").read_text())
    plan["plan"]["activities"].append({"opportunity": "2=3", "start_s": 0.0})
    (out / "plan.json").write_text(json.dumps(plan))
    code, shown, _ = run("check", str(problem), str(out / "plan.json"))
    assert code == 2
    assert "forbidden: 0=1, 1=2, 2=3 must not all be taken" in shown


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "not valid JSON from line 1 on"), ("", "expected"), ('{"format": "x"}', '"format" must be')],
)
def test_a_bad_problem_is_one_line(run: Run, tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    code, out, err = run("solve", str(path))
    assert (code, out) == (2, "")
    assert err.strip().startswith(f"comity: {path}: ") and says in err
    code, _, err = run("solve", str(path), "--work-limit", "-1")
    assert code == 2 and "must be above 0" in err


def test_an_out_that_cannot_be_a_folder_is_refused_before_the_search(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("kept")
    absent = tmp_path / "absent.json"  # read only after --out was looked at
    code, _, err = run("solve", str(absent), "--out", str(tmp_path / "taken" / "plan"))
    assert code == 2
    assert "is a file, --out takes a folder" in err
    assert (tmp_path / "taken").read_text() == "kept"
