"""What is killed: a PostgreSQL cluster of one's own, and `comity serve` processes on one database."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


class Postgres:
    """A cluster in a folder, on a socket in it; with PostgreSQL's own, durable settings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs()
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        folder.mkdir(parents=True, exist_ok=True)
        if self._as:
            shutil.chown(folder, "postgres")
        user = "postgres"
        self._run("initdb", "--pgdata", self._data, "--auth", "trust", "--encoding", "UTF8", "-U", user)
        self.url = f"postgresql+psycopg://{user}@/postgres?host={folder}"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *words: str, check: bool = True) -> int:
        # cd: the postgres user may not read the folder this was started in.
        done = subprocess.run(
            [*self._as, str(self._programs / program), *words],
            cwd="/",
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if check and done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.returncode

    def start(self) -> None:
        """Start; after a kill as often as it takes: the dead one's children hold the memory for a moment."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}'"
        words = ["--pgdata", self._data, "--log", str(self._folder / "log"), "--wait", "--silent"]
        for _ in range(50):
            if self._run("pg_ctl", *words, "--options", options, "start", check=False) == 0:
                return
            time.sleep(0.2)
        raise RuntimeError(f"PostgreSQL does not start: see {self._folder / 'log'}")

    def kill(self) -> None:
        """SIGKILL to the postmaster."""
        lines = Path(self._data, "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)

    def stop_at_once(self) -> None:
        """``pg_ctl stop -m immediate``: no checkpoint, connections cut."""
        self._run("pg_ctl", "--pgdata", self._data, "--mode", "immediate", "--silent", "stop", check=False)


def _programs() -> Path:
    """Where PostgreSQL's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    named = shutil.which("initdb")
    if not found and named is None:
        raise RuntimeError("PostgreSQL is not installed (initdb is neither in /usr/lib/postgresql nor PATH)")
    return found[-1].parent if found else Path(str(named)).parent


class Server:
    """One `comity serve`, on a port of its own."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self.port = _free_port()
        self._argv = [sys.executable, "-m", "comity", "serve", *words, "--port", str(self.port)]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start; it is not waited for."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=log)

    def ensure(self) -> None:
        """Start it again where it has ended, e.g. because the database was away."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """SIGKILL, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds: float) -> bool:
        """SIGTERM; whether it ended in time."""
        if self._process is None:
            return True
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
