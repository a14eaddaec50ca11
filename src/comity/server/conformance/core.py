"""Landing page and conformance."""

from __future__ import annotations

from comity.server.conformance.findings import NotSoError
from comity.server.conformance.probe import Probe, only
from comity.server.conformance.values import has_link, link_of, links_of, need
from comity.server.conformance.wire import document, media_type

CORE = "https://stapi.example.com/v0.1.0/core"


def check_core(probe: Probe) -> None:
    """Fill ``probe.landing``, where it can be read at all."""
    rule, ask = probe.rules("core"), probe.ask
    with rule("GET / is a landing page with id, description, conformsTo and links"):
        answer = ask.ask("GET", ask.base)
        found = document(answer)
        need(found, "the landing page", id=str, description=str, conformsTo=list, links=list)
        links_of(found, "the landing page")
        probe.landing = found
    landing, page = probe.landing, "the landing page"
    if not landing:
        return
    with rule("the landing page is application/json"):
        if media_type(answer) != "application/json":
            raise NotSoError(f"it is {media_type(answer) or 'without a media type'}")
    with rule("conformsTo holds addresses, among them the class core of 0.1.0"):
        wrong = [each for each in landing["conformsTo"] if not (isinstance(each, str) and "://" in each)]
        if wrong or CORE not in landing["conformsTo"]:
            raise NotSoError(f"conformsTo has {landing['conformsTo']}, not {CORE}")
    for rel in ("conformance", "products", "orders"):
        with rule(f"the landing page links to {rel}, which answers 200"):
            ask.ask("GET", link_of(landing, rel, page)["href"])
    with rule("the landing page links to itself", recommended=True):
        found = probe.follow(landing, "self", page)
        if found.get("id") != landing["id"]:
            raise NotSoError(f"self leads to {str(found.get('id'))[:80]!r}, not {landing['id']!r}")
    for rel in ("service-desc", "service-doc"):
        with rule(f"the landing page links to {rel}, which answers 200", recommended=True):
            answer = ask.ask("GET", link_of(landing, rel, page)["href"])
            if rel == "service-desc" and "openapi" not in answer.text[:100_000]:
                raise NotSoError("it is no OpenAPI document")
    with rule("GET /conformance says the same as the landing page"):
        found = probe.follow(landing, "conformance", page)
        need(found, "/conformance", conformsTo=list)
        if sorted(map(str, found["conformsTo"])) != sorted(map(str, landing["conformsTo"])):
            raise NotSoError(f"{found['conformsTo']} against {landing['conformsTo']}")
    with rule("links that carry a method name GET or POST"):
        for each in landing["links"]:
            if each.get("method", "GET") not in ("GET", "POST"):
                raise NotSoError(f"the link {each['rel']} has method {each['method']!r}")
    with rule("search-records is linked where the class searches-opportunity is declared, and only there"):
        declared, linked = probe.declares("/searches-opportunity"), has_link(landing, "search-records")
        only(declared or linked, "the class is not declared")
        if not declared:
            raise NotSoError("there is a link and no class")
        link_of(landing, "search-records", page)
    with rule("what is not there answers 404", recommended=True):
        ask.ask("GET", f"{ask.base.rstrip('/')}/no-such-thing-7c1", status=(404,))
