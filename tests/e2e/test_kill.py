"""A process killed at any moment loses nothing and doubles nothing: the next call goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from comity.core import Epoch
from comity.operations import read_account
from comity.stores import SqlStore

NOW = "2024-09-22T12:00:00Z"
DAYS_LATER = "2024-09-25T12:00:00Z"


def start(*words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "comity", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def read(db: Path):
    store = SqlStore(str(db))
    try:
        return read_account(store, Epoch.from_iso(NOW))
    finally:
        store.close()


@pytest.fixture(scope="module")
def ordered(comity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with an order of five cities."""
    db = tmp_path_factory.mktemp("kill") / "comity.db"
    points = ["Cairo=31.24,30.04", "Nairobi=36.82,-1.29", "Athens=23.73,37.98", "Riyadh=46.71,24.63"]
    words = [word for point in points for word in ("--point", point)]
    who = ("--customer", "capitals-exhibition", "--product", "hr-scene", "--programme", "joint-eo")
    assert comity("request", "add", *who, *words, "--max-cloud", "1", "--db", db).code == 0
    assert comity("quote", "request-0001", "--db", db).code == 0
    assert comity("order", "quote-0001", "--db", db).code == 0
    return db


@pytest.mark.parametrize("after_s", [0.6, 1.5, 2.5])
def test_plan_make_killed(comity, ordered: Path, tmp_path: Path, after_s: float) -> None:
    db = Path(shutil.copy(ordered, tmp_path / "comity.db"))
    process = start("plan", "make", "--time-limit", "20", "--db", db)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(read(db).plans)
    assert comity("plan", "make", "--time-limit", "2", "--db", db).code == 0
    account = read(db)
    assert len(account.plans) == before + 1
    planned = [a.task for a in account.activities if a.kind == "acquisition" and a.state == "planned"]
    assert planned
    assert len(planned) == len(set(planned))


def test_deliver_killed_again_and_again_ends_with_each_image_once(
    comity, ordered: Path, tmp_path: Path
) -> None:
    db, out = Path(shutil.copy(ordered, tmp_path / "comity.db")), tmp_path / "out"
    assert comity("plan", "make", "--time-limit", "2", "--db", db).code == 0
    assert comity("execute", "--seed", "3", "--db", db).code == 0
    whole = tmp_path / "whole.db"
    shutil.copy(db, whole)
    assert comity("deliver", "--out", tmp_path / "whole", "--max-pixels", "200000", "--db", whole).code == 0
    for after_s in (0.8, 1.2, 1.6, 2.0):
        process = start("deliver", "--out", out, "--max-pixels", "200000", "--db", db)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert comity("deliver", "--out", out, "--max-pixels", "200000", "--db", db).code == 0
    expected, got = read(whole), read(db)
    assert [i.id for i in got.items] == [i.id for i in expected.items] != []
    for item in got.items:
        assert (out / item.image).read_bytes() == (tmp_path / "whole" / item.image).read_bytes()
    names = {p.relative_to(out) for p in out.rglob("*") if p.is_file()}
    assert names == {
        p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.is_file()
    }
