"""The script `run`, in a copy of the checkout with stand-ins for uv and Python: what it starts, and when."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = """\
version = 1
[[package]]
name = "uv"
version = "9.9.9"
wheels = [{{ url = "file://{wheel}", hash = "sha256:{digest}" }}]
"""
#: Stands in for uv: notes its arguments and makes a .venv whose python notes its own.
UV = """\
#!/bin/sh
[ "$1" = --version ] && exit 0
echo "uv $* ($UV_PYTHON_DOWNLOADS)" >>"$LOG"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
cat >"$UV_PROJECT_ENVIRONMENT/bin/python" <<'END'
#!/bin/sh
[ "$1" = -c ] && [ $# = 2 ] && case $2 in *version_info*) exit 0 ;; esac
[ "$3" = _warm ] && echo "warm" >>"$LOG" && exit 0
echo "python $* in $PWD" >>"$LOG"
[ "${FAIL-}" != "$2" ]
END
chmod +x "$UV_PROJECT_ENVIRONMENT/bin/python"
"""


class Checkout:
    """A copy of what `run` needs, in a folder with a space in its name."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.bin.mkdir()
        self.root.mkdir()
        for name in ("run", "tools/fetch_uv.py", "pyproject.toml"):
            (self.root / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "uv.lock").write_text("version = 1\n")
        (self.root / "benchmarks").mkdir()
        (self.root / "benchmarks" / "access.py").touch()
        for program in ("sh", "cat", "cksum", "dirname", "env", "ls", "mkdir", "mv", "rm", "sed", "chmod"):
            (self.bin / program).symlink_to(shutil.which(program) or f"/bin/{program}")
        self.program("python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        shell = shutil.which("dash") or "/bin/sh"
        return subprocess.run(
            [shell, str(self.root / "run"), *arguments],
            env={"PATH": str(self.bin), "LOG": str(self.log), "HOME": str(self.bin), **environment},
            cwd=self.bin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def did(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_demo_sets_up_once_from_the_lock_and_runs_where_the_caller_stands(checkout: Checkout) -> None:
    checkout.program("uv", UV)
    done = checkout.run("demo", "--dir", "my demo")
    assert done.returncode == 0, done.stderr
    sync, warm, demo = checkout.did()
    assert warm == "warm"
    assert "sync" in sync and "--frozen" in sync and "--inexact" in sync and sync.endswith("(never)")
    assert demo == f"python -m comity demo --dir my demo in {checkout.bin}"

    checkout.run("windows", "--help-me")
    assert [line.split()[0] for line in checkout.did()] == ["python"]  # no second set-up
    (checkout.root / "uv.lock").write_text("version = 1\nrevision = 2\n")
    checkout.run("windows", "--help-me")
    assert [line.split()[0] for line in checkout.did()] == ["uv", "warm", "python"]  # the lock changed


def test_exit_codes_pass_through_and_checks_stop_at_the_first_failure(checkout: Checkout) -> None:
    checkout.program("uv", UV)
    assert checkout.run("windows", FAIL="comity").returncode == 1
    checkout.did()
    assert checkout.run("test", "-k", "one", FAIL="mypy").returncode == 1
    assert [line.split(" in ")[0] for line in checkout.did() if line.startswith("python")] == [
        "python -m ruff check",
        "python -m ruff format --check",
        "python -m mypy",
    ]
    assert checkout.run("test", "-k", "one").returncode == 0
    last = checkout.did()[-1]
    assert last == f"python -m pytest -k one in {checkout.root}"


def test_an_unknown_benchmark_lists_those_there_are(checkout: Checkout) -> None:
    for name in (["nosuch"], ["../tools/fetch_uv"], [""], []):
        done = checkout.run("bench", *name)
        assert (done.returncode, checkout.did()) == (2, [])
        assert "there are: access" in done.stderr
    checkout.program("uv", UV)
    assert checkout.run("bench", "access", "--row", "2").returncode == 0
    sync, _, bench = checkout.did()
    assert "--group bench" in sync
    assert bench.startswith(f"python {checkout.root}/benchmarks/access.py --row 2 in")


def test_an_old_python_is_named(checkout: Checkout) -> None:
    checkout.program("python3", '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    done = checkout.run("demo")
    assert done.returncode == 1
    assert "no Python 3.11 or later on PATH (python3 is: Python 3.9.2)" in done.stderr


def wheel(checkout: Checkout, name: str) -> Path:
    file = checkout.root / name
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", UV)
    return file


def test_without_uv_venv_and_pip_the_pinned_wheel_is_fetched_and_checked(checkout: Checkout) -> None:
    """Debian's python3 has neither ensurepip nor pip."""
    checkout.program(
        "python3", f'#!/bin/sh\n[ "$1 $2" = "-m venv" ] && exit 1\nexec "{sys.executable}" "$@"\n'
    )
    arch, system = os.uname().machine, os.uname().sysname
    tags = f"manylinux_2_17_{arch}.musllinux_1_1_{arch}" if system == "Linux" else f"macosx_11_0_{arch}"
    file = wheel(checkout, f"uv-9.9.9-py3-none-{tags}.whl")
    lock = checkout.root / "uv.lock"
    url = str(file).replace(" ", "%20")

    lock.write_text(LOCK.format(wheel=url, digest="0" * 64))
    done = checkout.run("demo")
    assert done.returncode == 1
    assert "uv.lock says sha256:0000" in done.stderr
    assert not (checkout.root / ".uv" / "bin" / "uv").exists()

    lock.write_text(LOCK.format(wheel=url, digest=sha256(file.read_bytes()).hexdigest()))
    done = checkout.run("demo")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in checkout.did()] == ["uv", "warm", "python"]
    assert sorted(p.name for p in (checkout.root / ".uv").iterdir()) == ["bin"]


@pytest.mark.parametrize(
    ("system", "machine", "libc", "file"),
    [
        ("Linux", "x86_64", "glibc", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("Linux", "x86_64", "", "musllinux_1_1_x86_64"),
        ("Linux", "aarch64", "glibc", "manylinux_2_17_aarch64"),
        ("Linux", "aarch64", "", "musllinux_1_1_aarch64"),
        ("Darwin", "arm64", "", "macosx_11_0_arm64"),
        ("Darwin", "x86_64", "", "macosx_10_12_x86_64"),
    ],
)
def test_the_lock_has_a_wheel_of_uv_for_each_platform(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str, file: str
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    import fetch_uv

    found = fetch_uv.wheel_for(fetch_uv.pinned(ROOT / "uv.lock"), system, machine, libc)
    assert file in found["url"]
