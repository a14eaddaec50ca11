"""Fetching elements from a server that behaves as real ones do: it fails, stalls, refuses and lies."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from comity.cli import main
from comity.core import Epoch, FixedClock, InputError
from comity.stores import SourceError, fetch_elements

T0 = Epoch.from_iso("2024-09-22T12:00:00Z")
TLE = """\
DJIBOUTI-1A
1 58266U 23174L   24266.17459346  .00031533  00000+0  11796-2 0  9993
2 58266  97.4531 340.5139 0010671 253.0537 106.9532 15.27208561 48480
ISS (ZARYA)
1 25544U 98067A   24266.39798760  .00041594  00000+0  74589-3 0  9997
2 25544  51.6398 193.8799 0007144  19.4394  84.7888 15.49480284473626
"""
Script = Callable[[BaseHTTPRequestHandler, int], None]


def omm(norad_id: int, name: str, epoch: str = "2024-09-22T04:11:21.355104") -> dict[str, object]:
    return {
        "OBJECT_NAME": name, "OBJECT_ID": "2023-174AN", "EPOCH": epoch, "MEAN_MOTION": 15.20611932,
        "ECCENTRICITY": 0.0010921, "INCLINATION": 97.4372, "RA_OF_ASC_NODE": 338.4431,
        "ARG_OF_PERICENTER": 108.512, "MEAN_ANOMALY": 251.7341, "EPHEMERIS_TYPE": 0,
        "CLASSIFICATION_TYPE": "U", "NORAD_CAT_ID": norad_id, "ELEMENT_SET_NO": 999,
        "REV_AT_EPOCH": 4751, "BSTAR": 0.00039012,
        "MEAN_MOTION_DOT": 8.421e-05, "MEAN_MOTION_DDOT": 0,
    }  # fmt: skip


def answer(handler: BaseHTTPRequestHandler, body: str | bytes, status: int = 200, **headers: str) -> None:
    content = body.encode() if isinstance(body, str) else body
    handler.send_response(status)
    handler.send_header("Content-Length", headers.pop("length", str(len(content))))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


class Server:
    """A local server whose ``script(handler, n)`` answers the n-th request; it keeps what was asked."""

    def __init__(self) -> None:
        self.script: Script = lambda handler, n: answer(handler, TLE)
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers)))
                outer.script(self, len(outer.asked))

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/gp.php"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "elements.txt"


def test_a_server_that_fails_twice_is_asked_a_third_time(server: Server, file: Path) -> None:
    def script(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n == 1:
            answer(handler, "busy", 503, Retry_After="7")
        elif n == 2:
            answer(handler, TLE[:200], length=str(len(TLE)))  # the connection breaks half-way
        else:
            answer(handler, TLE)

    server.script = script
    waits: list[float] = []
    result = fetch_elements(server.url, destination=file, sleep=waits.append, clock=FixedClock(T0))
    assert waits == [7.0, 2.0]  # what the server asked for, then our own back-off
    assert (result.fetched, result.added) == (True, 2)
    assert file.read_text() == TLE
    assert {e.name for e in result.catalogue.elements} == {"DJIBOUTI-1A", "ISS (ZARYA)"}


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (lambda h: answer(h, "<html><body>Sign in to the hotel</body></html>"), "without elements"),
        (lambda h: answer(h, "No GP data found"), "No GP data found"),
        (lambda h: answer(h, 'Invalid query: "GROUP=nosuch"', 200), "nosuch"),
        (lambda h: answer(h, "Forbidden", 403), "blocks who asks too often"),
        (lambda h: answer(h, "\x00\x01\x02 no elements at all"), "expected TLE"),
        (lambda h: answer(h, "[]"), "no elements"),
        (lambda h: answer(h, json.dumps([omm(58266, "DJIBOUTI-1A")])[:-40]), "JSON"),
        (lambda h: answer(h, TLE[:95]), "no usable elements"),
        (lambda h: answer(h, "x" * 5000), "larger than"),
        (lambda h: answer(h, "", 429, Retry_After="86400"), "asks to wait 86400 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_elements_never_replaces_them(
    server: Server, file: Path, reply: Callable[[BaseHTTPRequestHandler], None], says: str
) -> None:
    file.write_text(TLE)
    server.script = lambda handler, n: reply(handler)
    with pytest.raises((SourceError, InputError)) as caught:
        fetch_elements(server.url, destination=file, max_bytes=4000, sleep=lambda s: None)
    assert says in str(caught.value)
    assert file.read_text() == TLE
    assert [p.name for p in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("drip", [False, True], ids=["silent", "dripping"])
def test_a_slow_server_is_given_up(server: Server, file: Path, drip: bool) -> None:
    over = threading.Event()

    def script(handler: BaseHTTPRequestHandler, n: int) -> None:
        if drip:
            handler.send_response(200)
            handler.end_headers()
        while not over.wait(0.05):
            if drip:
                try:
                    handler.wfile.write(b"1")
                except OSError:
                    return

    server.script = script
    start = time.monotonic()
    try:
        with pytest.raises(SourceError, match=r"127\.0\.0\.1 after 2 tries: no full answer in 0\.4 s"):
            fetch_elements(server.url, destination=file, timeout_s=0.4, retries=1, sleep=lambda s: None)
    finally:
        over.set()
    assert time.monotonic() - start < 5


def test_offline_says_so(file: Path) -> None:
    file.write_text(TLE)
    with pytest.raises(
        SourceError, match=r"could not get elements from 127\.0\.0\.1 after 3 tries: .*unchanged"
    ):
        fetch_elements("http://127.0.0.1:9/x", destination=file, retries=2, sleep=lambda s: None)
    assert file.read_text() == TLE


def test_the_source_is_left_alone_for_two_hours_and_then_asked_conditionally(
    server: Server, file: Path
) -> None:
    def script(handler: BaseHTTPRequestHandler, n: int) -> None:
        if handler.headers["If-None-Match"] == '"v1"':
            answer(handler, b"", 304)
        else:
            answer(handler, TLE, ETag='"v1"')

    server.script = script
    fetch_elements(server.url, destination=file, clock=FixedClock(T0))
    again = fetch_elements(server.url, destination=file, clock=FixedClock(T0 + 3600))
    assert not again.fetched and "60 min ago" in again.note and len(again.catalogue.elements) == 2
    assert len(server.asked) == 1
    later = fetch_elements(server.url, destination=file, clock=FixedClock(T0 + 7300))
    assert not later.fetched and len(server.asked) == 2
    assert not fetch_elements(server.url, destination=file, clock=FixedClock(T0 + 7400)).fetched
    assert len(server.asked) == 2  # the 304 counts as an answer
    file.write_text(TLE.splitlines(keepends=True)[0])  # someone spoilt the file: it is fetched in full
    assert fetch_elements(server.url, destination=file, clock=FixedClock(T0 + 7500)).added == 2


def test_celestrak_saying_not_updated_leaves_the_file(server: Server, file: Path) -> None:
    fetch_elements(server.url, destination=file, clock=FixedClock(T0))
    said = "GP data has not updated since your last successful\ndownload of GROUP=active at 2024-09-22 12:00"
    server.script = lambda handler, n: answer(handler, said, 403)
    result = fetch_elements(server.url, destination=file, clock=FixedClock(T0 + 8000))
    assert not result.fetched and "GROUP=active" in result.note
    with pytest.raises(SourceError, match="not updated"):
        fetch_elements(server.url, destination=file.with_name("other.txt"))


def test_the_command_narrows_joins_and_names_what_is_absent(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mine.json"

    def script(handler: BaseHTTPRequestHandler, n: int) -> None:
        found = {"58266": [omm(58266, "DJIBOUTI-1A")], "100001": [omm(100001, "NEW")]}
        number = handler.path.partition("CATNR=")[2].partition("&")[0]
        answer(handler, json.dumps(found.get(number, [])) if number in found else "No GP data found")

    server.script = script

    def comity(*arguments: str) -> int:
        always = ["--source", server.url, "--out", str(out), "--now", "2024-09-23T04:11:22Z"]
        monkeypatch.setattr(sys, "argv", ["comity", "elements", "update", *always, *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0)

    assert comity("--catnr", "58266", "--catnr", "100001") == 0
    assert [r["NORAD_CAT_ID"] for r in json.loads(out.read_text())] == [58266, 100001]
    assert [path for path, _ in server.asked] == [
        "/gp.php?CATNR=58266&FORMAT=json",
        "/gp.php?CATNR=100001&FORMAT=json",
    ]
    assert "2 objects" in (said := capsys.readouterr().out) and "median 1.0 d" in said

    newer = [omm(58266, "DJIBOUTI-1A", "2024-09-23T04:00:00"), omm(25544, "ISS")]
    server.script = lambda handler, n: answer(handler, json.dumps(newer))
    assert comity("--programme", "joint-eo", "--group", "active") == 3
    told = capsys.readouterr()
    assert "1 object from 127.0.0.1 — 0 new, 1 with newer elements, 1 gone" in told.out
    assert "absent: " in told.err and "absent: 58266" not in told.err
    assert [r["NORAD_CAT_ID"] for r in json.loads(out.read_text())] == [58266]
