"""Problem files: what is refused, and in which words."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from comity.core import Epoch, InputError, UnknownIdError
from comity.planning.problem import (
    Activity,
    Capacity,
    Downlink,
    Forbidden,
    Load,
    Opportunity,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    parse_problem,
    problem_schema,
    read_problem,
    shipped_schema,
    validate_problem,
    write_problem,
)

SLEW = Slew(rate_rad_s=0.02, acceleration_rad_s2=0.01, settle_s=5.0)
DOWN = Pointing(at_s=(0.0,), samples=((0.0, 0.0, -1.0),))
HEAD = '"format": "comity-planning-problem", "version": 1, "start": "2026-01-01T00:00:00Z"'


def opportunity(id: str, start_s: float, request: str = "r", **more: object) -> Opportunity:
    window = {"start_s": start_s, "end_s": start_s + 10, "duration_s": 10.0, **more}
    return Opportunity(id=id, request=request, satellite="s", **window)  # type: ignore[arg-type]


STORED = Load(opportunity=None, bits=1.0)
GOOD = PlanningProblem(
    start=Epoch.from_iso("2026-01-01T00:00:00Z"),
    horizon_s=1000.0,
    requests=(Request(id="r", value=5.0), Request(id="q", value=3.0)),
    opportunities=(opportunity("a", 100.0, pointing=DOWN), opportunity("b", 130.0, "q", pointing=DOWN)),
    satellites=(Satellite(id="s", slew=SLEW, memory_bits=10.0),),
)


def test_the_shipped_schema_is_the_one_of_the_types() -> None:
    assert json.loads(shipped_schema()) == problem_schema()
    jsonschema.Draft202012Validator.check_schema(problem_schema())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"requests": (Request(id="r", value=-5.0), GOOD.requests[1])}, r"\(r\).value: must be"),
        ({"requests": (Request(id="r", value=1.0),) * 2}, "request id 'r' is used twice"),
        ({"requests": (Request(id="r", value=1.0, release_s=9.0, due_s=8.0),)}, "before its release"),
        ({"requests": (Request(id="r", value=float("nan")),)}, "must be a finite number"),
        ({"requests": (Request(id="r", value=1.0, cells=(0.5, 0.4)),)}, "sum to 0.9"),
        ({"opportunities": (opportunity("a", 10.0, "nobody"),)}, "request of opportunity 'a': 'nobody'"),
        ({"opportunities": (opportunity("a", 10.0, end_s=5.0),)}, "ends at 5 s, before it starts at 10 s"),
        ({"opportunities": (opportunity("a", 10.0, duration_s=11.0),)}, "lasts 11 s, its window"),
        ({"opportunities": (opportunity("a", 995.0),)}, r"after the horizon \(1000 s\)"),
        ({"opportunities": (opportunity("a", 10.0, cells=(0,)),)}, "must both have cells"),
        (
            {"opportunities": (opportunity("a", 1.0, pointing=Pointing(at_s=(0.0,), samples=((0, 0, 2),))),)},
            "length 2, it must be 1",
        ),
        ({"forbidden": (Forbidden(opportunities=("a", "zz")),)}, "forbidden combination: 'zz'"),
        ({"capacities": (Capacity(id="c", most=1, opportunities=("a",), amounts=()),)}, "and 0 amounts"),
        ({"satellites": (Satellite(id="s", memory_bits=1.0, stored_bits=2.0),)}, "stores 2 bits"),
        ({"horizon_s": 1e18}, r"horizon is 1e\+18 s, at most 1e\+09 s"),
        ({"requests": tuple(replace(r, value=1e308) for r in GOOD.requests)}, r"sum to inf, at most 1e\+15"),
        (
            {"opportunities": (opportunity("a", 10.0, end_s=90.0, step_s=1e-9),)},
            "give a step_s above 1e-09 s",
        ),
        ({"previous": (Activity(opportunity="a", start_s=100.0),) * 2}, "previous plan has 'a' twice"),
        ({"satellites": (Satellite(id="s", slew=Slew(rate_rad_s=1.0)),)}, "both a rate and an acceleration"),
        (
            {"frozen": (Activity(opportunity="a", start_s=90.0),)},
            "frozen part of the plan breaks a rule: window",
        ),
        (
            {
                "frozen": (
                    Activity(opportunity="a", start_s=100.0),
                    Activity(opportunity="b", start_s=130.0),
                ),
                "satellites": (Satellite(id="s", slew=replace(SLEW, settle_s=25.0)),),
            },
            "frozen part of the plan breaks a rule: turn: 20.000 s for 0.0000°, 25.000 s needed",
        ),
        (
            {"frozen_downlinks": (Downlink(contact="c", start_s=0, end_s=1, loads=(STORED,)),)},
            "contact of a frozen downlink: 'c'",
        ),
    ],
)
def test_a_contradiction_is_refused_by_name(change: dict[str, object], says: str) -> None:
    validate_problem(GOOD)
    with pytest.raises((InputError, UnknownIdError), match=says):
        validate_problem(replace(GOOD, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1"),
        ("[]", "expected"),
        ("{}", '"format" must be'),
        (f"{{{HEAD.replace('1,', '2,', 1)}}}", '"version" is 2'),
        (f'{{{HEAD}, "horizon_s": 0}}', "horizon_s: must be above 0"),
        (f'{{{HEAD}, "horizon_s": NaN}}', "NaN is not a number of JSON"),
        (f'{{{HEAD}, "horizon_s": 1e999}}', "finite"),
        (f'{{{HEAD}, "horizon_s": {"9" * 5000}}}', "digits"),
        (f'{{{HEAD}, "horizon_s": 9}} x', "more after the end"),
        (f'{{{HEAD}, "horizon_s": 9, "horizon_s": 9}}', "stands twice"),
        (f'{{{HEAD}, "horizon_s": 9, "requests": [{{"id": "r"}}]}}', "'value' is missing"),
        (f'{{{HEAD}, "horizon_s": 9, "requests": [{{"id": "r", "vlaue": 1}}]}}', "unknown key 'vlaue'"),
        (f'{{{HEAD}, "horizon_s": 9, "requests": [{{"id": "r", "id": "r"}}]}}', "'id' stands twice"),
        (f'{{{HEAD}, "horizon_s": true}}', "must be a number"),
        (f'{{{HEAD}, "requests": {"[" * 100_000}', "nested too deep|must be an object"),
    ],
)
def test_a_bad_file_is_refused_by_line_or_field(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_problem(text)


def test_a_million_requests_are_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{{HEAD}, "horizon_s": 9, "requests": [')
        file.writelines(f'{{"id": "r{k}", "value": 1}},' for k in range(1_000_000))
        file.write('{"id": "last", "value": 1}]}')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="more than 500,000 requests, the most that is read: split"):
        read_problem(path)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 400_000


def test_a_file_is_written_whole_and_read_back(tmp_path: Path) -> None:
    path = write_problem(tmp_path / "problem.json", GOOD)
    assert read_problem(path) == GOOD
    with pytest.raises(InputError, match=r"cannot read .*absent\.json"):
        read_problem(tmp_path / "absent.json")
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="not UTF-8"):
        read_problem(path)
