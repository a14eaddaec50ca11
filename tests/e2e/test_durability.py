"""Killed, stopped and cut off from its database, the server loses nothing, doubles nothing and recovers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from comity.fleet import load_programme
from comity.stores import SqlStore

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "server.py"


def start(*words: str) -> tuple[subprocess.Popen[str], dict]:
    argv = [sys.executable, "-m", "comity", "serve", "--port", "0", "--log", "error", *words]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:  # nothing follows the ready line
        return process, json.loads(said.readline() or "{}")


def until(true, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_under_kills_no_order_is_lost_doubled_or_in_an_impossible_state(database: str) -> None:
    if database == "postgresql" and not (
        shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    ):
        message = "PostgreSQL is not installed (no initdb)"
        if os.environ.get("COMITY_REQUIRE_DATABASE"):
            pytest.fail(message)
        pytest.skip(message)
    argv = [sys.executable, BENCHMARK.name, "--row", "chaos", "--database", database]
    argv += ["--customers", "10", "--seconds", "5", "--servers", "2", "--lease", "3"]
    done = subprocess.run(
        argv, cwd=BENCHMARK.parent, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["value"], done.stderr) == (0, "")
    assert row["kills"] and row["acknowledged_orders"] > 0
    assert row["orders"] >= row["acknowledged_orders"]
    assert "500" not in row["answers"]


def test_sigterm_hands_a_running_job_back_and_ends_open_streams(tmp_path: Path) -> None:
    place = str(tmp_path / "comity.db")
    store = SqlStore(place)
    with store.begin() as work:
        work.set_programme(load_programme("joint-eo"))
    (tmp_path / "settings.toml").write_text("job_grace_s = 0.5\nprepare = false\n")
    words = ["--db", place, "--dir", str(tmp_path / "out"), "--settings", str(tmp_path / "settings.toml")]
    process, ready = start(*words, "--auto", "none", "--allow-network", "127.0.0.0/8")
    base = ready["base_url"]
    first = ready["first_operator"]
    token = httpx.post(
        f"{base}/auth/token",
        data={"grant_type": "client_credentials"},
        auth=(first["client_id"], first["client_secret"]),
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    deaf = socket.create_server(("127.0.0.1", 0))  # takes calls and never answers
    url = f"https://127.0.0.1:{deaf.getsockname()[1]}/"
    hook = httpx.post(f"{base}/webhooks", headers=headers, json={"url": url}).json()
    job = httpx.post(f"{base}/webhooks/{hook['id']}/test", headers=headers).json()
    lines: list[str] = []

    def watch() -> None:
        with httpx.stream("GET", f"{base}/jobs/{job['id']}/events", headers=headers, timeout=60.0) as stream:
            for line in stream.iter_lines():
                lines.append(line)  # noqa: PERF402 - as they come

    watching = threading.Thread(target=watch)
    watching.start()

    def kept():
        with store.begin_jobs() as jobs:
            return jobs.get(job["id"])

    until(lambda: any('"running"' in line for line in lines))
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    watching.join(timeout=5)
    assert not watching.is_alive()
    assert (kept().state, kept().worker) == ("queued", "")
    store.close()
    deaf.close()


def test_processes_share_a_port_a_dead_one_is_replaced_and_all_stop_together(
    database_url: str, tmp_path: Path
) -> None:
    words = ["--demo", "--db", database_url, "--dir", str(tmp_path), "--auto", "none", "--processes", "2"]
    if database_url.startswith("sqlite"):
        argv = [sys.executable, "-m", "comity", "serve", "--port", "0", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "one writer at a time" in done.stderr
        return
    process, ready = start(*words)

    def children() -> list[int]:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    before = children()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(children()) == 2 and before[0] not in children())
    assert httpx.get(f"{ready['base_url']}/readyz").json()["status"] == "ready"
    headers = {"Authorization": f"Bearer {ready['tokens']['customer']}"}
    assert httpx.get(f"{ready['base_url']}/auth/me", headers=headers).status_code == 200
    alive = children()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in alive)
