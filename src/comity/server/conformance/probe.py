"""What the areas of the suite share: what is asked with, the server, the report, what was found so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from comity.core import Epoch
from comity.server.conformance.findings import NotSoError, Report, SkippedError
from comity.server.conformance.values import has_link, link_of, moment, need, objects
from comity.server.conformance.wire import Asker, document

STATUSES = (
    "received", "accepted", "rejected", "completed", "cancelled", "failed", "expired",
    "scheduled", "held", "processing", "reserved", "tasked", "user_cancelled",
)  # fmt: skip
SEARCH_STATUSES = ("received", "in_progress", "failed", "cancelled", "completed")
#: No page is longer, and no list of more pages is walked.
_MAX_PAGES = 200
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the suite asks with.

    ``product``: None takes the first that offers opportunities. ``now``: where the intervals begin.
    ``order``: place an order, which binds; nothing is ordered otherwise. ``wait_s``: for a search;
    ``answer_s``: for one answer; ``total_s``: for everything.
    """

    lon: float = 43.145
    lat: float = 11.588
    days: float = 7.0
    now: Epoch
    product: str | None = None
    order: bool = False
    wait_s: float = 60.0
    answer_s: float = 30.0
    total_s: float = 300.0

    @property
    def end(self) -> Epoch:
        """Where the intervals end."""
        return self.now + self.days * _DAY_S

    def body(self, datetime: str | None = None, geometry: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A search."""
        return {
            "datetime": datetime or f"{self.now.iso(0)}/{self.end.iso(0)}",
            "geometry": geometry or self.geometry("Point"),
        }

    def geometry(self, kind: str) -> dict[str, Any]:
        """A small geometry of this type about the place."""
        x, y, r = self.lon, min(max(self.lat, -89.9), 89.9), 0.01
        x = min(max(x, -179.9), 179.9)
        ring = [[x - r, y - r], [x + r, y - r], [x + r, y + r], [x - r, y + r], [x - r, y - r]]
        coordinates: dict[str, Any] = {
            "Point": [x, y],
            "MultiPoint": [[x, y]],
            "LineString": ring[:2],
            "MultiLineString": [ring[:2]],
            "Polygon": [ring],
            "MultiPolygon": [[ring]],
        }
        return {"type": kind, "coordinates": coordinates[kind]}


@dataclass(slots=True)
class Probe:
    """One check under way."""

    ask: Asker
    asked: Asked
    report: Report
    landing: dict[str, Any] = field(default_factory=dict)
    product: dict[str, Any] = field(default_factory=dict)
    queryables: dict[str, Any] = field(default_factory=dict)
    order_parameters: dict[str, Any] = field(default_factory=dict)
    #: Classes that the product declares anywhere: what it offers is asked for, whatever is missing elsewhere.
    classes: list[str] = field(default_factory=list)

    def rules(self, area: str) -> Callable[..., AbstractContextManager[None]]:
        """``rule("the text")`` of one area."""

        def rule(text: str, *, recommended: bool = False) -> AbstractContextManager[None]:
            return self.report.requirement(area, text, recommended=recommended)

        return rule

    @property
    def name(self) -> str:
        """The product, for messages."""
        return f"product {self.product.get('id')!r}"

    @property
    def search_address(self) -> str | None:
        """Where opportunities are asked for."""
        if not has_link(self.product, "opportunities"):
            return None
        return str(link_of(self.product, "opportunities", self.name)["href"])

    def declares(self, ending: str) -> bool:
        """Whether the landing page declares a class that ends so."""
        found = self.landing.get("conformsTo", [])
        return isinstance(found, list) and any(str(each).endswith(ending) for each in found)

    def follow(self, content: Mapping[str, Any], rel: str, where: str) -> dict[str, Any]:
        """The document that a link leads to."""
        return self.ask.json("GET", link_of(content, rel, where)["href"])

    def search(self, href: str | None, body: Any, prefer: str = "wait", **more: Any) -> Any:
        """The answer to a search."""
        return self.ask.ask("POST", href or "", json=body, headers={"Prefer": prefer}, **more)


def only(holds: object, why: str) -> None:
    """Skip what cannot be asked."""
    if not holds:
        raise SkippedError(why)


def with_limit(href: str, limit: int) -> str:
    """An address with ``limit``."""
    return f"{href}{'&' if '?' in href else '?'}limit={limit}"


def pages(ask: Asker, href: str, name: str, limit: int) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list; raises where they hold more than asked for, loop, or do not end."""
    step: tuple[str, str, Any] | None = ("GET", with_limit(href, limit), None)
    yield from walk(ask, step, name, limit)


def walk(
    ask: Asker, step: tuple[str, str, Any] | None, name: str, limit: int
) -> Iterator[list[dict[str, Any]]]:
    """Pages from ``step`` (method, address, body) on, by the links ``next``."""
    seen: list[tuple[str, str, Any]] = []
    while step is not None:
        if step in seen:
            raise NotSoError(f"the pages loop: {step[1][:160]} comes again")
        if len(seen) >= _MAX_PAGES:
            raise NotSoError(f"there are more than {_MAX_PAGES} pages of {limit}")
        seen.append(step)
        method, href, body = step
        more = {} if body is None else {"json": body}
        page = document(ask.ask(method, href, headers={"Prefer": "wait"}, **more))
        found = objects(page, name, "a page")
        if len(found) > limit:
            raise NotSoError(f"limit={limit} gave {len(found)}")
        yield found
        step = _following(page, body)


def _following(page: Mapping[str, Any], body: Any) -> tuple[str, str, Any] | None:
    if not has_link(page, "next"):
        return None
    link = link_of(page, "next", "the page")
    sent = link.get("body")
    if link.get("merge") and isinstance(sent, dict) and isinstance(body, dict):
        sent = {**body, **sent}
    return str(link.get("method", "GET")), link["href"], sent


def unique(ids: Sequence[object], what: str) -> None:
    """Raise where an identifier comes twice."""
    twice = [id for k, id in enumerate(ids) if id in ids[:k]]
    if twice:
        raise NotSoError(f"{what}: {str(twice[0])[:80]!r} comes twice")


def statuses(found: object, known: tuple[str, ...], where: str) -> list[dict[str, Any]]:
    """A history: fields, codes and times, in the order of time one way or the other."""
    history = objects({"statuses": found}, "statuses", where)
    if not history:
        raise NotSoError(f"{where}: there is no status")
    times = []
    for each in history:
        need(each, f"a status of {where}", timestamp=str, status_code=str, links=list)
        if each["status_code"] not in known:
            raise NotSoError(f"{where}: {each['status_code']!r} is no status code of the specification")
        times.append(moment(each["timestamp"], f"timestamp in {where}"))
    if times != sorted(times) and times != sorted(times, reverse=True):
        raise NotSoError(f"{where}: its entries are not in the order of time")
    return history if times == sorted(times) else history[::-1]
