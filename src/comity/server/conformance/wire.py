"""Asking a server: within bounds of time and size, the token only to the server itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from comity.server.conformance.findings import NotSoError, OutOfTimeError

#: The largest answer that is read, bytes.
MAX_ANSWER = 32 * 2**20


class Asker:
    """Asks one server; answers that are not as they should be raise :class:`NotSoError`.

    ``answer_s``: the longest that one answer may take; ``total_s``: all of them together.
    """

    def __init__(self, client: httpx.Client, base: str, *, answer_s: float, total_s: float) -> None:
        self._client = client
        self._answer_s = answer_s
        self._until = time.monotonic() + total_s
        self._total_s = total_s
        self.base = base

    def url(self, href: str) -> str:
        """The address of a link; relative ones are the landing page's."""
        return urljoin(self.base.rstrip("/") + "/", href)

    def ask(
        self,
        method: str,
        href: str,
        *,
        status: Sequence[int] = (200,),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """The answer, whose status is one of ``status``."""
        answer = self.send(method, href, headers=headers, **more)
        if answer.status_code not in status:
            wanted = " or ".join(map(str, status))
            where = f" (to {answer.headers['location']})" if answer.is_redirect else ""
            raise NotSoError(
                f"{method} {answer.url} answered {answer.status_code}{where}, not {wanted}: {excerpt(answer)}"
            )
        return answer

    def send(
        self, method: str, href: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """The answer, whatever its status."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutOfTimeError(f"the {self._total_s:g} s for the whole check are over")
        until = time.monotonic() + min(left, self._answer_s)
        try:
            url = self.url(href)
            if urlsplit(url).scheme not in ("http", "https"):
                raise NotSoError(f"{url[:200]} is no address of the web")
            request = self._client.build_request(
                method, url, headers=dict(headers or {}), timeout=min(left, self._answer_s), **more
            )
            if _origin(url) != _origin(self.base):
                for name in ("authorization", "x-api-key"):
                    request.headers.pop(name, None)
            answer = self._client.send(request, stream=True)
            try:
                return _whole(answer, until, self._answer_s)
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            told = str(error) or type(error).__name__
            raise NotSoError(f"{method} {href[:200]}: no answer: {told}") from error

    def json(self, method: str, href: str, **more: Any) -> dict[str, Any]:
        """The JSON object that is answered."""
        return document(self.ask(method, href, **more))

    def wait(self, seconds: float) -> None:
        """Wait, no longer than there is time."""
        time.sleep(max(0.0, min(seconds, self._until - time.monotonic())))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _whole(answer: httpx.Response, until: float, answer_s: float) -> httpx.Response:
    """The answer with its body, read within ``until`` and :data:`MAX_ANSWER`."""
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise NotSoError(f"{answer.url}: more than {MAX_ANSWER:,} bytes")
        if time.monotonic() > until:
            raise NotSoError(f"{answer.url}: the answer took longer than {answer_s:g} s")
    headers = [
        (name, value)
        for name, value in answer.headers.multi_items()
        if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
    ]
    return httpx.Response(
        answer.status_code, headers=headers, content=b"".join(parts), request=answer.request
    )


def excerpt(answer: httpx.Response) -> str:
    """The beginning of an answer, on one line."""
    return " ".join(answer.text[:160].split())


def document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer."""
    try:
        content = json.loads(answer.content)
    except RecursionError as error:
        raise NotSoError(f"{answer.url} is JSON nested too deep to be read") from error
    except ValueError as error:
        kind = answer.headers.get("content-type", "no media type")
        raise NotSoError(f"{answer.url} is not JSON ({kind}): {excerpt(answer)[:80]!r}") from error
    if not isinstance(content, dict):
        raise NotSoError(f"{answer.url} holds a {type(content).__name__}, not a JSON object")
    return content


def media_type(answer: httpx.Response) -> str:
    """The media type without its parameters."""
    return str(answer.headers.get("content-type", "")).split(";")[0].strip().lower()
