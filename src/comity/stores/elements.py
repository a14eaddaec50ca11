"""Orbital elements over HTTP, from CelesTrak's GP service or any address that serves a TLE or an OMM."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from comity import __version__
from comity.core import Clock, ComityError, Epoch, InputError, SystemClock, write_text, write_whole
from comity.orbits import (
    Catalogue,
    MeanElements,
    Skipped,
    elements_to_omm_json,
    parse_elements,
    read_elements,
)

#: CelesTrak's general perturbations service (celestrak.org/NORAD/documentation/gp-data-formats.php).
CELESTRAK = "https://celestrak.org/NORAD/elements/gp.php"
#: CelesTrak updates its data every two hours, asks not to be called more often, and blocks who does.
FRESH_S = 7_200.0
MAX_BYTES = 128 * 2**20
MAX_WAIT_S = 60.0
_RETRY_STATUS = frozenset({429, 500, 502, 503, 504})
#: What CelesTrak says in plain text, with status 200 or 403, when called again too soon …
_NOT_UPDATED = "GP data has not updated"
#: … and, with status 200 or 404, when it has nothing to give.
_REFUSALS = ("No GP data found", "Invalid query")
_VALIDATORS = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))


class SourceError(ComityError):
    """An outside source did not give what was asked; nothing on disk was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementsUpdate:
    """What one update did.

    ``fetched``: whether the file was written; ``note`` says why not. ``catalogue``: the file as it
    stands now. ``added``, ``changed``, ``removed``: objects against the file as it stood before.
    ``absent``: NORAD ids that were asked for and are not in the answer.
    """

    destination: Path
    fetched: bool
    note: str
    catalogue: Catalogue
    added: int = 0
    changed: int = 0
    removed: int = 0
    absent: tuple[int, ...] = ()


def celestrak_urls(
    *, group: str | None = None, norad_ids: Sequence[int] = (), base: str = CELESTRAK
) -> tuple[str, ...]:
    """Addresses of a CelesTrak group, or of single objects, at ``base``; the answers are OMM in JSON.

    JSON, because a TLE cannot carry the six-digit catalogue numbers in use since 2026.
    """
    queries: list[tuple[str, str | int]] = [("CATNR", norad_id) for norad_id in norad_ids]
    if group is not None:
        queries.append(("GROUP", group))
    if not queries:
        raise InputError("name a group or a catalogue number to fetch")
    joint = "&" if "?" in base else "?"
    return tuple(f"{base}{joint}{urlencode({key: value, 'FORMAT': 'json'})}" for key, value in queries)


def fetch_elements(
    urls: str | Sequence[str],
    *,
    destination: Path,
    keep: Collection[int] | None = None,
    force: bool = False,
    timeout_s: float = 60.0,
    retries: int = 3,
    fresh_s: float = FRESH_S,
    max_bytes: int = MAX_BYTES,
    transport: httpx.BaseTransport | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> ElementsUpdate:
    """Bring ``destination`` up to date with what ``urls`` serve, in any format Comity reads.

    The file is replaced in one step, and only by an answer that holds at least one good element
    set. The same request is not repeated within ``fresh_s`` seconds (``force`` overrides); after
    that it is conditional (ETag, Last-Modified). What was asked, and when, is kept beside the file
    in ``<name>.source.json``.

    Parameters
    ----------
    urls : http(s) addresses; the answers of several are joined.
    keep : NORAD ids to keep of the answers; None keeps all. What is joined or cut is written as OMM JSON.
    timeout_s : the longest one try may take, from connecting to the last byte.
    retries : further tries after a connection error, a time-out, or status 429, 500, 502, 503, 504,
        waiting 1, 2, 4 … s between them, or as long as ``Retry-After`` says up to a minute.
    max_bytes : the largest answer accepted, decompressed.
    transport, clock, sleep : the outside world, replaceable in tests.

    Raises
    ------
    SourceError : the source could not be reached or refused.
    InputError : an address that is not http(s), or an answer that holds no elements.
    """
    sources = (urls,) if isinstance(urls, str) else tuple(urls)
    for url in sources:
        _check_url(url)
    if destination.is_dir() or not destination.parent.is_dir():
        raise InputError(f"cannot write {destination}: it must name a file in a folder that exists")
    now = (clock or SystemClock()).now()
    request: dict[str, Any] = {"sources": list(sources), "keep": None if keep is None else sorted(keep)}
    note_file = destination.with_name(destination.name + ".source.json")
    past = _past(note_file, destination, request)
    fresh = _fresh(past, now, fresh_s)
    if fresh and not force:
        return _unchanged(destination, keep, fresh)

    conditional = past["validators"] if past and not force and len(sources) == 1 else {}
    headers = {"User-Agent": f"comity/{__version__}"}
    client = httpx.Client(transport=transport, timeout=timeout_s, follow_redirects=True, headers=headers)
    with client:
        source = _Source(client, timeout_s, retries, max_bytes, sleep)
        answers = [source.get(url, conditional) for url in sources]
    note: dict[str, Any] = {**request, "fetched": now.iso()}
    refusal = next((answer.note for answer in answers if answer.note), None)
    if refusal is not None:
        if past is None:
            raise SourceError(f"{sources[0]}: {refusal}; wait, or keep the file you have")
        write_text(note_file, json.dumps({**past, **note}, indent=1))
        return _unchanged(destination, keep, refusal)

    body, catalogue = _usable(sources, [answer.body for answer in answers], keep, destination)
    before = _epochs(destination)
    write_whole(destination, body)
    validators = answers[0].validators if len(answers) == 1 else {}
    note |= {"sha256": hashlib.sha256(body).hexdigest(), "validators": validators}
    write_text(note_file, json.dumps(note, indent=1))
    after = _newest(catalogue)
    return ElementsUpdate(
        destination=destination,
        fetched=True,
        note="",
        catalogue=catalogue,
        added=len(after.keys() - before.keys()),
        changed=sum(before[i] != epoch for i, epoch in after.items() if i in before),
        removed=len(before.keys() - after.keys()),
        absent=_absent(keep, catalogue),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer: its body and cache validators, or, where ``note`` is set, word that nothing is new."""

    body: bytes = b""
    validators: dict[str, str] = field(default_factory=dict)
    note: str = ""


class _Retry(Exception):
    """This try failed in a way that another may not; ``wait_s`` is what the server asked for."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class _Source:
    """Gets addresses with patience."""

    client: httpx.Client
    timeout_s: float
    retries: int
    max_bytes: int
    sleep: Callable[[float], None]

    def get(self, url: str, headers: dict[str, str]) -> _Answer:
        tries = self.retries + 1
        for attempt in range(tries):
            try:
                return self._try(url, headers)
            except _Retry as error:
                reason, asked_s = str(error), error.wait_s
            except httpx.TimeoutException:
                reason, asked_s = f"no full answer in {self.timeout_s:g} s", None
            except httpx.TransportError as error:
                reason, asked_s = str(error) or type(error).__name__, None
            except (httpx.InvalidURL, httpx.HTTPError) as error:  # a redirection that leads nowhere
                raise SourceError(f"{url}: {error}; elements on disk unchanged") from error
            wait_s = float(2**attempt) if asked_s is None else asked_s
            if wait_s > MAX_WAIT_S:
                tries = attempt + 1
                reason += f", and asks to wait {wait_s:.0f} s"
            if attempt + 1 >= tries:
                break
            self.sleep(wait_s)
        times = "1 try" if tries == 1 else f"{tries} tries"
        host = httpx.URL(url).host
        raise SourceError(
            f"could not get elements from {host} after {times}: {reason}; elements on disk unchanged"
        )

    def _try(self, url: str, headers: dict[str, str]) -> _Answer:
        deadline = time.monotonic() + self.timeout_s
        with self.client.stream("GET", url, headers=headers) as response:
            body = bytearray()
            for (
                chunk
            ) in response.iter_bytes():  # as they come: a chunk size would wait for a slow drip to fill it
                body += chunk
                if len(body) > self.max_bytes:
                    raise SourceError(f"{url}: the answer is larger than {self.max_bytes:,} bytes; not used")
                if time.monotonic() > deadline:
                    raise _Retry(f"no full answer in {self.timeout_s:g} s")
        status, text = response.status_code, body[:300].decode("utf-8", "replace").strip()
        if status == 304 or text.startswith(_NOT_UPDATED):
            return _Answer(note="the source has nothing newer" if status == 304 else " ".join(text.split()))
        if status in _RETRY_STATUS:
            raise _Retry(f"status {status}", _retry_after_s(response))
        refused = text.startswith(_REFUSALS) or not response.is_success
        if refused or text[:5].lower() in ("<!doc", "<html"):
            said = f": {' '.join(text.split())[:120]!r}" if text and text[0] != "<" else ""
            way_out = " (CelesTrak blocks who asks too often: wait two hours)" if status == 403 else ""
            raise SourceError(f"{url} answered status {status} without elements{said}{way_out}")
        validators = {ask: response.headers[told] for ask, told in _VALIDATORS if told in response.headers}
        return _Answer(bytes(body), validators)


def _check_url(url: str) -> None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InputError(f"{url!r} is not an address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InputError(f"{url!r} is not an address that starts with https:// or http:// and names a host")


def _retry_after_s(response: httpx.Response) -> float | None:
    """The header Retry-After (RFC 9110, 10.2.3) in seconds, None where absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _past(note_file: Path, destination: Path, request: dict[str, Any]) -> dict[str, Any] | None:
    """The note of the last fetch, if it was the same request and ``destination`` is still what it wrote."""
    try:
        note = json.loads(note_file.read_bytes())
        digest = hashlib.sha256(destination.read_bytes()).hexdigest()
        if note["sha256"] != digest or any(note[key] != value for key, value in request.items()):
            return None
        validators = {str(key): str(value) for key, value in note["validators"].items()}
        return {**note, "fetched": Epoch.from_iso(note["fetched"]).iso(), "validators": validators}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
        return None  # no note, or not one of ours: fetch as if for the first time


def _fresh(past: dict[str, Any] | None, now: Epoch, fresh_s: float) -> str:
    """Why the source need not be asked again yet, or nothing."""
    age_s = now - Epoch.from_iso(past["fetched"]) if past else -1.0
    if not 0 <= age_s < fresh_s:
        return ""
    return f"fetched {age_s / 60:.0f} min ago; the source is asked again after {fresh_s / 60:.0f} min"


def _unchanged(destination: Path, keep: Collection[int] | None, note: str) -> ElementsUpdate:
    catalogue = read_elements(destination)
    absent = _absent(keep, catalogue)
    return ElementsUpdate(
        destination=destination, fetched=False, note=note, catalogue=catalogue, absent=absent
    )


def _absent(keep: Collection[int] | None, catalogue: Catalogue) -> tuple[int, ...]:
    return tuple(sorted(set(keep or ()) - {e.norad_id for e in catalogue.elements}))


def _newest(catalogue: Catalogue) -> dict[int, Epoch]:
    """The newest epoch of each object, by NORAD id."""
    newest: dict[int, Epoch] = {}
    for one in catalogue.elements:
        newest[one.norad_id] = max(one.epoch, newest.get(one.norad_id, one.epoch))
    return newest


def _epochs(path: Path) -> dict[int, Epoch]:
    """As :func:`_newest` for a file; nothing where there is no readable file yet."""
    try:
        return _newest(read_elements(path))
    except InputError:
        return {}


def _usable(
    sources: Sequence[str], bodies: Sequence[bytes], keep: Collection[int] | None, destination: Path
) -> tuple[bytes, Catalogue]:
    """What to write, and what it holds: an answer as it came, or, joined or cut to ``keep``, OMM in JSON."""
    elements: list[MeanElements] = []
    skipped: list[Skipped] = []
    for url, body in zip(sources, bodies, strict=True):
        try:
            catalogue = parse_elements(body.decode("utf-8", "replace").removeprefix("\ufeff"), url)
        except InputError as error:
            raise InputError(f"{url}: {error}; {destination} unchanged") from error
        elements += catalogue.elements
        skipped += catalogue.skipped
    if len(bodies) == 1 and keep is None:
        return bodies[0], catalogue
    if keep is not None:
        # What could not be read may be any object: it is a loss only if an asked one is absent.
        elements = [one for one in elements if one.norad_id in keep]
        skipped = []
    if not elements:
        raise SourceError(f"{sources[0]} has none of the objects asked for; {destination} unchanged")
    kept = Catalogue(elements=tuple(elements), skipped=tuple(skipped))
    return elements_to_omm_json(elements).encode(), kept
