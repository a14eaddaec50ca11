"""The example in docs/planning.md runs and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "planning.md"


def test_the_example_on_the_page_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    code, printed = blocks[:2]
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == printed
