"""Every command and snippet of the documentation runs.

The convention, page by page, in one new folder each:

- a ``console`` block: each line ``$ command`` is run; lines without ``$`` are what it prints, shortened, and
  are not compared. ``# exit code 2`` at a command's end says what it ends in, else it must end in 0.
  ``./run X`` is ``comity X``; ``./run demo`` without further words is the one demo of this test session.
- a ``python`` block: all blocks of a page are one script.
- ``<!-- file: NAME -->`` before any block writes it to NAME; ``<!-- not run: WHY -->`` leaves it out.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>file|not run): (?P<word>.+?) -->\n+)?"
    r"^(?P<dent> *)```(?P<kind>\w+)[^\n]*\n(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the mark before it."""

    kind: str
    body: str
    mark: str
    word: str


def blocks(page: Path) -> Iterator[Block]:
    for m in FENCE.finditer(page.read_text(encoding="utf-8")):
        body = re.sub(rf"^{m['dent']}", "", m["body"], flags=re.MULTILINE)
        yield Block(m["kind"], body, m["mark"] or "", m["word"] or "")


def commands(body: str) -> Iterator[tuple[str, int]]:
    """Commands of a console block with the exit code expected; a trailing backslash goes on."""
    for line in body.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found = EXIT_CODE.search(line)
            yield EXIT_CODE.sub("", line[2:]), int(found[1]) if found else 0


def runnable(page: Path) -> bool:
    return any(b.kind in ("console", "python") and b.mark != "not run" for b in blocks(page))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder in which ``comity`` and ``./run`` are this Comity."""
    for folder in ("bin", "page"):
        (tmp_path / folder).mkdir()
    for program in (tmp_path / "bin" / "comity", tmp_path / "page" / "run"):
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m comity "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "page"


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=lambda page: page.name)
def test_the_page_runs(page: Path, shell: Path, request: pytest.FixtureRequest) -> None:
    script = ""
    for block in blocks(page):
        if block.mark == "file":
            (shell / block.word).write_text(block.body, encoding="utf-8")
        elif block.mark == "not run":
            assert len(block.word) > 5, "say why it is not run"
        elif block.kind == "python":
            script += block.body
        elif block.kind == "console":
            for command, code in commands(block.body):
                run_command(command, code, shell, request)
    if script:
        (shell / "snippets.py").write_text(script, encoding="utf-8")
        run_command(f"'{sys.executable}' -W error snippets.py", 0, shell, request)


def run_command(command: str, code: int, folder: Path, request: pytest.FixtureRequest) -> None:
    if command == "./run demo":
        shutil.copytree(request.getfixturevalue("demo").folder, folder / "joint-eo-demo")
        return
    if command.split()[:2] in (["./run", "test"], ["./run", "bench"]):
        return  # this test is part of the one; the other needs its peers
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=300)
    told = f"$ {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert done.returncode == code, told
    assert "Traceback" not in done.stderr, told


def test_the_navigation_names_every_page() -> None:
    named = set(re.findall(r"(\w[\w-]*\.md)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert named == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_links_lead_to_files_that_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
