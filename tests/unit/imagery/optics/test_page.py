"""The page on nanosatellites tells what its snippets compute."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[4] / "docs" / "optics.md"


def test_every_row_that_is_computed_stands_in_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(script, str(PAGE), "exec"), {})
    lines = told.getvalue().splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 10
    shown = re.findall(r"^\| \d.*\|$", text, re.MULTILINE)
    assert rows == shown
    for figure in lines[-1].split(" m")[:-1]:
        assert f"{figure.strip()} m" in text
