"""Searches that are answered later."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from comity.server.conformance.findings import NotSoError
from comity.server.conformance.probe import SEARCH_STATUSES, Probe, only, pages, statuses
from comity.server.conformance.values import link_of, need, need_value, objects
from comity.server.conformance.wire import document

_NEXT = {
    "received": ("received", "in_progress", "cancelled", "failed", "completed"),
    "in_progress": ("in_progress", "completed", "failed", "cancelled"),
}


def check_later(probe: Probe) -> None:
    """The life of a search that is kept."""
    rule, ask, asked = probe.rules("later"), probe.ask, probe.asked
    href = probe.search_address
    offered = href is not None and any("async" in each for each in probe.classes)
    body = asked.body()
    record: dict[str, Any] = {}
    ended: dict[str, Any] = {}
    with rule("Prefer: respond-async is answered 201 with Location and a search record"):
        only(offered, "no product declares asynchronous opportunities")
        answer = probe.search(href, body, "respond-async", status=(201,))
        content = document(answer)
        if "location" not in answer.headers:
            raise NotSoError("the header Location is missing")
        record = content
    where = answer.headers["location"] if record else ""
    with rule("Preference-Applied says respond-async"):
        only(record, "there is no record")
        told = answer.headers.get("preference-applied")
        if told != "respond-async":
            raise NotSoError("the header is missing" if told is None else f"it is {told!r}")
    with rule("a search record has id, product_id, request, status and a link to itself"):
        only(record, "there is no record")
        need(record, "the record", id=str, product_id=str, request=dict, status=dict)
        need_value(record, "the record", product_id=probe.product["id"])
        statuses([record["status"]], SEARCH_STATUSES, "the record")
        link_of(record, "self", "the record")
    with rule("its request is what was asked for"):
        only(record, "there is no record")
        need(record, "the record", request=dict)
        for name, value in body.items():
            if record["request"].get(name) != value:
                raise NotSoError(
                    f"request.{name} is {str(record['request'].get(name))[:80]}, not {str(value)[:80]}"
                )
    with rule("Location and the link self lead to the record"):
        only(record, "there is no record")
        for address in (where, link_of(record, "self", "the record")["href"]):
            need_value(ask.json("GET", address), "it", id=record["id"])
    with rule("the search comes to an end, with a link to its opportunities when completed"):
        only(record, "there is no record")
        ended = _ended(probe, where)
        found = probe.follow(ended, "opportunities", "the completed record")
        need(found, "what was found", id=str)
        for each in objects(found, "features", "what was found"):
            need(each, "an opportunity", type=str, stapi_type=str, stapi_version=str)
            need_value(each, "an opportunity", type="Feature", stapi_type="Opportunity")
    with rule("monitor gives the search's history, which ends as the record does"):
        known = probe.declares("/searches-opportunity-statuses")
        only(record and known, "the class searches-opportunity-statuses is not declared")
        page = probe.follow(record, "monitor", "the record")
        need(page, "the history", statuses=list, links=list)
        history = statuses(page["statuses"], SEARCH_STATUSES, "the history")
        codes = [each["status_code"] for each in history]
        for code, following in pairwise(codes):
            if following not in _NEXT.get(code, ()):
                raise NotSoError(f"{code} is followed by {following}")
        if ended and codes[-1] != ended["status"]["status_code"]:
            raise NotSoError(f"it ends with {codes[-1]}, the record with {ended['status']['status_code']}")
    with rule("the list of searches can be read, and holds the search"):
        only(probe.declares("/searches-opportunity"), "the class is not declared")
        href = link_of(probe.landing, "search-records", "the landing page")["href"]
        page = ask.json("GET", href)
        need(page, "it", links=list)
        name = next((n for n in ("search_records", "records") if n in page), "search_records")
        objects(page, name, "it")
        ids = (each.get("id") for some in pages(ask, href, name, 100) for each in some)
        if record and record["id"] not in ids:
            raise NotSoError(f"no page holds {record['id']!r}")
    with rule("a search that is not there answers 404"):
        only(probe.declares("/searches-opportunity"), "the class is not declared")
        href = link_of(probe.landing, "search-records", "the landing page")["href"]
        ask.ask("GET", f"{href.split('?')[0].rstrip('/')}/no-such-search-7c1", status=(404,))


def _ended(probe: Probe, where: str) -> dict[str, Any]:
    deadline = time.monotonic() + probe.asked.wait_s
    while True:
        record = probe.ask.json("GET", where)
        need(record, "the record", status=dict)
        code = record["status"].get("status_code")
        if code == "completed":
            return record
        if code in ("failed", "cancelled") or time.monotonic() > deadline:
            raise NotSoError(f"it is {code}: {record['status'].get('reason_text', '')}")
        probe.ask.wait(0.25)
