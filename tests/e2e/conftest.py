"""One demo for all end-to-end tests, and a way to call the command line."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from comity.cli import main


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str


Comity = Callable[..., Ran]


@pytest.fixture(scope="session")
def comity() -> Comity:
    """Run ``comity`` with the given words in ``cwd``; returns code and output, never a traceback."""

    def run(*words: str | Path, cwd: Path | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "comity", *map(str, words)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@dataclass(frozen=True)
class Demo:
    """What one run of ``comity demo`` left and said."""

    folder: Path
    out: str


@pytest.fixture(scope="session")
def demo(comity: Comity, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The whole road, walked once with seed 1; once for all processes, where tests run in several."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo" / "joint-eo"
    folder.parent.mkdir(exist_ok=True)
    said = folder.parent / "said.txt"
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.is_file():
            ran = comity("demo", "--dir", folder, "--seed", "1")
            assert ran.code == 0, ran.err
            said.write_text(ran.out, encoding="utf-8")
    return Demo(folder, said.read_text(encoding="utf-8"))


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run ``comity`` in this process, in ``tmp_path``: the same command line without a new start."""

    def run(*words: str | Path) -> Ran:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["comity", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, said.out, said.err)

    return run
