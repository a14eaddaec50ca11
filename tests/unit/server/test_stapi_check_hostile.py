"""The conformance suite before what is no STAPI server: a clear message, in bounded time, never a crash."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from comity.cli.main import main
from comity.core import Epoch
from comity.server.conformance import Asked, Report, check_server

NOW = Epoch.from_iso("2026-01-01T00:00:00Z")
CORE = "https://stapi.example.com/v0.1.0/core"
PRODUCT = {
    "type": "Collection", "stapi_type": "Product", "stapi_version": "0.1.0", "id": "p", "description": "d",
    "license": "x", "conformsTo": ["https://geojson.org/schema/Point.json"], "links": [],
}  # fmt: skip
TYPES = [7, "text", None, True, [], [[]], {}, [7], {"a": {"b": []}}, [{"id": 5, "links": 5}]]


class Site(http.server.BaseHTTPRequestHandler):
    """``/NAME/…`` is the server of that name."""

    tokens: ClassVar[list[str]] = []
    quit = threading.Event()

    def do_GET(self) -> None:
        name = self.path.split("?")[0].strip("/").split("/")
        getattr(self, f"_{name[0]}")(name[1:])

    do_POST = do_GET

    def _json(self, content: Any) -> None:
        self._give(json.dumps(content).encode(), "application/json")

    def _give(self, content: bytes, kind: str, status: int = 200, **more: str) -> None:
        self.send_response(status)
        for header, value in {"Content-Type": kind, "Content-Length": str(len(content)), **more}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(content)

    def _page(self, rest: list[str]) -> None:
        self._give(b"<!doctype html><title>\x1b[31mnot for you</title>", "text/html")

    def _hangs(self, rest: list[str]) -> None:
        self.quit.wait()

    def _drips(self, rest: list[str]) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.quit.wait(0.05):
            self.wfile.write(b" ")
            self.wfile.flush()

    def _huge(self, rest: list[str]) -> None:
        self.send_response(200)
        self.end_headers()
        part = b" " * 2**20
        while not self.quit.is_set():
            self.wfile.write(part)

    def _deep(self, rest: list[str]) -> None:
        self._give(b"[" * 1_000_000 + b"]" * 1_000_000, "application/json")

    def _moved(self, rest: list[str]) -> None:
        self._give(b"", "text/plain", 302, Location="https://elsewhere.example/stapi")

    def _odd(self, rest: list[str]) -> None:
        """A landing page whose parts are of any type, one after the other."""
        kind = TYPES[int(rest[0])]
        self._json({"id": "x", "description": "", "conformsTo": [kind, CORE], "links": kind})

    def _oddlists(self, rest: list[str]) -> None:
        """A good landing page over lists of anything."""
        kind, *more = rest
        base = f"{self._base}/oddlists/{kind}"
        if not more:
            self._json(self._landing(base))
            return
        odd = TYPES[int(kind)]
        self._json({"products": odd, "features": odd, "conformsTo": odd, "links": odd})

    def _loops(self, rest: list[str]) -> None:
        """Every page of products says that the first is the next."""
        base = f"{self._base}/loops"
        if rest == ["products"]:
            link = {"rel": "next", "href": f"{base}/products?limit=1"}
            self._json({"products": [PRODUCT], "links": [link]})
        elif rest:
            self._json({"type": "FeatureCollection", "features": [], "conformsTo": [CORE], "links": []})
        else:
            self._json(self._landing(base))

    def _steals(self, rest: list[str]) -> None:
        """Links to another origin, which notes the tokens that it is shown."""
        if self.headers["Host"].startswith("localhost"):
            self.tokens.append(self.headers.get("Authorization", ""))
        port = self.server.server_address[1]  # type: ignore[index]
        self._json(self._landing(f"http://localhost:{port}/steals"))

    @property
    def _base(self) -> str:
        return f"http://{self.headers['Host']}"

    @staticmethod
    def _landing(base: str) -> dict[str, Any]:
        links = [{"rel": rel, "href": f"{base}/{rel}"} for rel in ("conformance", "products", "orders")]
        return {"id": "x", "description": "", "conformsTo": [CORE], "links": links}

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the other side has gone: it was meant to
            super().handle()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Site.quit.set()
    server.shutdown()
    server.server_close()
    thread.join()


def check(url: str, answer_s: float = 5.0, **headers: str) -> Report:
    asked = Asked(now=NOW, order=True, answer_s=answer_s, total_s=60.0, wait_s=0.4)
    with httpx.Client(headers=headers) as client:
        return check_server(client, url, asked)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("page", "is not JSON (text/html)"),
        ("hangs", "timed out"),
        ("drips", "took longer"),
        ("huge", "more than 33,554,432 bytes"),
        ("deep", "nested too deep"),
        ("moved", "answered 302 (to https://elsewhere.example/stapi), not 200"),
    ],
)
def test_what_is_no_stapi_server_is_told_in_a_line(site: str, name: str, says: str) -> None:
    report = check(f"{site}/{name}", 0.4 if name in ("hangs", "drips") else 60.0)
    assert not report.conforms
    assert [finding.outcome for finding in report.findings] == ["fail"]
    assert says in report.findings[0].detail, report.findings[0].detail
    assert len(report.findings[0].detail) < 400


@pytest.mark.parametrize("number", range(len(TYPES)))
def test_answers_of_any_shape_are_findings(site: str, number: int) -> None:
    for name in ("odd", "oddlists"):
        report = check(f"{site}/{name}/{number}")
        assert not report.conforms and report.count("fail") > 0


def test_pages_that_loop_are_told(site: str) -> None:
    report = check(f"{site}/loops")
    assert any("the pages loop" in finding.detail for finding in report.findings)


def test_the_token_goes_to_the_server_alone(site: str) -> None:
    check(f"{site}/steals", Authorization="Bearer secret")
    assert Site.tokens and set(Site.tokens) == {""}


def test_the_command_says_it_and_exits_with_1(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["comity", "stapi-check", *words])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return end.value.code, told.out + told.err

    junit = tmp_path / "found.xml"
    secure = site.replace("http://", "https://")
    for url, says in ((f"{site}/page", "is not JSON"), (secure, "SSL"), ("http://127.0.0.1:1", "refused")):
        code, told = run(url, "--time-limit", "5", "--junit", str(junit))
        assert code == 1, told
        assert says in told and "0 kept, 1 not kept" in told
        assert "\x1b[31m" not in told
        assert junit.read_text().count("<failure") == 1
    assert run("ftp://x") == (
        2,
        "comity: 'ftp://x' is not the address of a server: give http(s)://HOST/PATH\n",
    )
