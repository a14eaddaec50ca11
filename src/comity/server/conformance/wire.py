"""Asking a server and looking into its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import httpx

from comity.server.conformance.findings import NotSoError

#: The largest answer that is read, bytes.
MAX_ANSWER = 32 * 2**20


class Asker:
    """Asks one server; answers that are not as they should be raise :class:`NotSoError`."""

    def __init__(self, client: httpx.Client, base: str) -> None:
        self._client = client
        self.base = base

    def ask(
        self,
        method: str,
        href: str,
        *,
        status: Sequence[int] = (200,),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """The answer, whose status is one of ``status``. Relative addresses are the landing page's."""
        url = urljoin(self.base.rstrip("/") + "/", href)
        try:
            answer = self._client.request(method, url, headers=dict(headers or {}), **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotSoError(f"{method} {url}: no answer: {error}") from error
        if answer.status_code not in status:
            wanted = " or ".join(map(str, status))
            raise NotSoError(
                f"{method} {url} answered {answer.status_code}, not {wanted}: {answer.text[:160]}"
            )
        return answer

    def json(self, method: str, href: str, **more: Any) -> dict[str, Any]:
        """The JSON object that is answered."""
        return document(self.ask(method, href, **more))


def document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer."""
    if len(answer.content) > MAX_ANSWER:
        raise NotSoError(f"{answer.url}: {len(answer.content):,} bytes are too many")
    try:
        content = answer.json()
    except ValueError as error:
        raise NotSoError(f"{answer.url} is not JSON: {answer.text[:80]!r}") from error
    if not isinstance(content, dict):
        raise NotSoError(f"{answer.url} holds a {type(content).__name__}, not a JSON object")
    return content


def need(content: Mapping[str, Any], where: str, **kinds: type | tuple[type, ...]) -> None:
    """Fields that must be there, with their kinds."""
    for name, kind in kinds.items():
        if name not in content:
            raise NotSoError(f"{where} has no {name!r}")
        if not isinstance(content[name], kind):
            raise NotSoError(f"{where}: {name!r} is a {type(content[name]).__name__}")


def need_value(content: Mapping[str, Any], where: str, **values: object) -> None:
    """Fields that must have just this value."""
    for name, value in values.items():
        if content.get(name) != value:
            raise NotSoError(f"{where}: {name!r} is {content.get(name)!r}, not {value!r}")


def links_of(content: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The links of a document, each with an address and a relation."""
    links = content.get("links")
    if not isinstance(links, list):
        raise NotSoError(f"{where} has no list of links")
    for each in links:
        if not isinstance(each, dict) or not all(isinstance(each.get(k), str) for k in ("href", "rel")):
            raise NotSoError(f"{where}: {str(each)[:80]} is no link: it needs href and rel")
    return links


def link_of(content: Mapping[str, Any], rel: str, where: str) -> dict[str, Any]:
    """The first link of this relation."""
    for each in links_of(content, where):
        if each["rel"] == rel:
            return each
    raise NotSoError(f"{where} has no link with rel {rel!r}")
