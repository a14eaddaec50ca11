"""``comity serve`` as a person starts it: the ready line, a token for each role, a graceful end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


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


def test_the_demo_serves_every_role_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    process, ready = start("--demo", cwd=tmp_path)
    try:
        assert set(ready["tokens"]) == {"operator", "planner", "partner", "customer"}
        for role, token in ready["tokens"].items():
            me = httpx.get(f"{ready['base_url']}/auth/me", headers={"Authorization": f"Bearer {token}"})
            assert me.json()["role"] == role
        assert set(ready["customers"]) >= {"dj-environment", "port-logistics"}
        assert httpx.get(f"{ready['base_url']}/readyz").json()["status"] == "ready"
        operator = {"Authorization": f"Bearer {ready['tokens']['operator']}"}
        key = httpx.post(f"{ready['base_url']}/auth/credentials", headers=operator, json={}).json()["secret"]
    finally:
        log = stop(process)
    assert all(json.loads(line) for line in log.splitlines() if line.startswith("{"))
    assert key not in log and ready["tokens"]["operator"] not in log
    process, again = start("--demo", cwd=tmp_path)
    try:
        me = httpx.get(f"{again['base_url']}/auth/me", headers={"X-API-Key": key})
        assert me.json()["role"] == "operator"
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
