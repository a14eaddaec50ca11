"""``comity serve`` as a person starts it: the ready line, a token for each role, a graceful end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from comity.fleet import load_programme
from comity.server.walk import walk_over_http
from comity.stores import SqlStore


def start(*arguments: str, cwd: Path) -> tuple[subprocess.Popen[str], dict]:
    process = subprocess.Popen(
        [sys.executable, "-m", "comity", "serve", "--port", "0", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(f"the server did not start: {process.communicate()[1]}")
    return process, json.loads(line)


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=40)
    return log


def test_the_demo_runs_the_road_by_itself_serves_every_role_and_goes_on_where_it_stopped(
    tmp_path: Path,
) -> None:
    process, ready = start("--demo", "--speed", "7200", "--allow-network", "127.0.0.0/8", cwd=tmp_path)
    try:
        assert set(ready["tokens"]) == {"operator", "planner", "partner", "customer"}
        assert ready["simulated"] is True
        for role, token in ready["tokens"].items():
            me = httpx.get(f"{ready['base_url']}/auth/me", headers={"Authorization": f"Bearer {token}"})
            assert me.json()["role"] == role
        assert set(ready["customers"]) >= {"dj-environment", "port-logistics"}
        assert httpx.get(f"{ready['base_url']}/readyz").json()["status"] == "ready"
        operator = {"Authorization": f"Bearer {ready['tokens']['operator']}"}
        key = httpx.post(f"{ready['base_url']}/auth/credentials", headers=operator, json={}).json()["secret"]
        walked = walk_over_http(ready, customer="port-logistics", lon=43.14, lat=11.6)
    finally:
        log = stop(process)
    lines = [json.loads(line) for line in log.splitlines() if line.strip()]
    assert {"request", "job-done", "Application shutdown complete."} <= {line["event"] for line in lines}
    assert key not in log and ready["tokens"]["operator"] not in log
    told = [m["data"]["status"]["status_code"] for m in walked.told if m["data"].get("order") == walked.order
            and m["type"] == "order.status"]  # fmt: skip
    assert {"received", "accepted", "scheduled", "tasked", "processing"} <= set(told)
    assert [m["data"]["item"] for m in walked.told if m["type"] == "item.offered"] == [walked.item]
    process, again = start("--demo", cwd=tmp_path)
    try:
        with httpx.Client(base_url=again["base_url"], headers={"X-API-Key": key}) as client:
            assert client.get("/auth/me").json()["role"] == "operator"
            order = client.get(f"/stapi/orders/{walked.order}").json()
            assert order["status"]["status_code"] == "completed"
            assert client.get("/operator/programme").json()["now"] > order["status"]["timestamp"]
            assert client.get("/operator/audit/check").json()["whole"] is True
            jobs = client.get("/jobs?limit=1000").json()["jobs"]
        assert {job["state"] for job in jobs} <= {"done", "queued", "running"}
        assert sum(job["kind"] == "process" and walked.item in job["result"]["items"] for job in jobs) == 1
    finally:
        stop(process)


def test_without_a_database_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "comity", "serve", "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "comity serve --demo" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--speed", "5"], "--speed, 1 … 100000, is for the simulated time of --demo"),
        (["--demo", "--speed", "0.5"], "--speed, 1 … 100000"),
        (["--demo", "--auto", "plan,dance"], "'dance' is no standing work; there are plan, approve"),
        (["--demo", "--plan-every", "-1"], "outside 0 … 30 days"),
        (["--demo", "--workers", "-1"], "job_threads -1 is outside 0…64"),
        (["--demo", "--trust-proxy", "10.0.0.7,proxy"], "--trust-proxy 'proxy' is no address or network"),
        (["--demo", "--endpoint", "https://s3.example"], "name the bucket too (to, --to)"),
    ],
)
def test_what_it_cannot_do_by_itself_is_said(here, words: list[str], said: str) -> None:
    ran = here("serve", "--port", "0", *words)
    assert ran.code == 2 and said in " ".join(ran.err.split())


def test_a_first_start_that_is_refused_does_not_use_up_the_first_operators_secret(
    here, tmp_path: Path
) -> None:
    place = str(tmp_path / "comity.db")
    store = SqlStore(place)
    with store.begin() as work:
        work.set_programme(load_programme("joint-eo"))
    store.close()
    words = ["--db", place, "--dir", str(tmp_path / "out"), "--auto", "none"]
    ran = here("serve", "--port", "0", *words, "--allow-network", "10.0.0.0/99")
    assert ran.code == 2 and "10.0.0.0/99" in ran.err
    process, ready = start(*words, cwd=tmp_path)
    stop(process)
    assert ready["first_operator"]["client_secret"]


def test_a_database_url_that_cannot_be_read_is_said_without_its_password(here) -> None:
    ran = here("serve", "--port", "0", "--db", "postgresql+psycopg://us:secret@host:abc/db")
    assert (ran.code, "secret" in ran.err, "Traceback" in ran.err) == (2, False, False)
    assert "database URL cannot be read" in ran.err
