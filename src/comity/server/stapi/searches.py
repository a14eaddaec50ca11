"""Searches that are answered later: their records, histories and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from comity.core import Interval, StateError, UnknownIdError
from comity.operations import (
    Asked,
    OpportunitySearch,
    SearchStatus,
    UnitOfWork,
    cancel_search,
)
from comity.server.dependencies import scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import responses
from comity.server.stapi import wire
from comity.server.stapi.documents import (
    GEOJSON,
    Addresses,
    GeoJsonResponse,
    json_response,
    link,
    time_text,
)
from comity.server.stapi.paging import (
    DEFAULT_LIMIT,
    Next,
    PageLimit,
    cut,
    in_order,
    newest_first,
    start_of,
)

#: Who turns a kept search into a page of its answer: (search, asked, start, limit) → document.
Answer = Callable[[UnitOfWork, OpportunitySearch, Asked, int, int], tuple[list[dict[str, Any]], int]]

Searcher = Annotated[Caller, scoped("opportunities")]


def search_of(work: UnitOfWork, caller: Caller, id: str) -> OpportunitySearch:
    """The search, if the caller may see it; another's is unknown."""
    search = work.searches.get(id)
    if not caller.sees(search.customer):
        raise UnknownIdError("search", id)
    return search


def status_document(status: SearchStatus, links: list[dict[str, Any]]) -> dict[str, Any]:
    """A STAPI Opportunity Search Status."""
    made: dict[str, Any] = {"timestamp": time_text(status.at), "status_code": status.code}
    if status.reason_code is not None:
        made["reason_code"] = status.reason_code
    if status.reason_text is not None:
        made["reason_text"] = status.reason_text
    return {**made, "links": links}


def record_document(
    search: OpportunitySearch, asked: Asked, interval: Interval, at: Addresses
) -> dict[str, Any]:
    """A STAPI Opportunity Search Record.

    ``request`` is the specification's field; ``opportunity_request`` what its reference server calls it, with
    the interval closed.
    """
    request: dict[str, Any] = {"datetime": asked.datetime, "geometry": dict(asked.geometry)}
    if asked.filter is not None:
        request["filter"] = dict(asked.filter)
    here = at("searches", "opportunities", search.id)
    results = link(
        "opportunities", at("products", search.product, "opportunities", search.id), GEOJSON, "What was found"
    )
    done = [results] if search.status == "completed" else []
    links = [link("self", here), link("monitor", at("searches", "opportunities", search.id, "statuses"))]
    links.append(link("product", at("products", search.product)))
    if search.status in ("received", "in_progress"):
        links.append(link("cancel", at("searches", "opportunities", search.id, "cancel"), method="POST"))
    return {
        "id": search.id,
        "product_id": search.product,
        "request": request,
        "opportunity_request": {**request, "datetime": interval.iso()},
        "status": status_document(search.statuses[-1], done),
        "links": [*links, *done],
    }


def router(operator: Operator, at: Addresses, answer: Answer) -> APIRouter:
    """``/searches/opportunities`` and the answers below products."""
    routes = APIRouter(tags=["STAPI opportunities"])

    @routes.get(
        "/searches/opportunities",
        operation_id="listSearches",
        summary="Own searches, newest first",
        responses={200: {"model": wire.SearchRecords}, **responses(400, 401, 403)},
    )
    def searches(caller: Searcher, limit: PageLimit = DEFAULT_LIMIT, next: Next = None) -> Response:
        only = {} if caller.sees_all else {"customer": caller.tenant}
        with operator.store.read() as work:
            page = newest_first(
                lambda count, before, after: work.searches.page(count, before=before, after=after, **only),
                limit,
                next,
                lambda s: s.id,
                lambda id: caller.sees(work.searches.get(id).customer),
            )
            records = [_record(work, search, at) for search in page.found]
        here = at("searches", "opportunities")
        links = [link("self", here), link("root", at()), *page.links(here, limit)]
        return json_response({"search_records": records, "links": links})

    @routes.get(
        "/searches/opportunities/{search_id}",
        operation_id="getSearch",
        summary="A search",
        responses={200: {"model": wire.SearchRecord}, **responses(401, 403, 404)},
    )
    def search(search_id: str, caller: Searcher) -> Response:
        with operator.store.read() as work:
            return json_response(_record(work, search_of(work, caller, search_id), at))

    @routes.get(
        "/searches/opportunities/{search_id}/statuses",
        operation_id="listSearchStatuses",
        summary="A search's history, oldest first",
        responses={200: {"model": wire.SearchStatuses}, **responses(400, 401, 403, 404)},
    )
    def statuses(
        search_id: str,
        caller: Searcher,
        limit: PageLimit = DEFAULT_LIMIT,
        next: Next = None,
    ) -> Response:
        with operator.store.read() as work:
            found = search_of(work, caller, search_id)
        page = in_order(list(found.statuses), limit, next)
        here = at("searches", "opportunities", search_id, "statuses")
        links = [link("self", here), link("search-record", at("searches", "opportunities", search_id))]
        return json_response(
            {
                "statuses": [status_document(entry, []) for entry in page.found],
                "links": [*links, *page.links(here, limit)],
            }
        )

    @routes.post(
        "/searches/opportunities/{search_id}/cancel",
        operation_id="cancelSearch",
        summary="Cancel a search",
        responses={200: {"model": wire.SearchRecord}, **responses(400, 401, 403, 404, 409)},
    )
    def cancel(search_id: str, caller: Searcher, body: wire.CancelBody | None = None) -> Response:
        """A search that has ended answers 409."""
        with operator.store.read() as work:
            search_of(work, caller, search_id)
        reason = body.reason if body else ""
        cancelled = cancel_search(operator.store, search_id, now=operator.now(), reason=reason)
        with operator.store.read() as work:
            return json_response(_record(work, cancelled, at))

    @routes.get(
        "/products/{product_id}/opportunities/{collection_id}",
        operation_id="getOpportunities",
        response_class=GeoJsonResponse,
        summary="What a search found",
        responses={200: {"model": wire.Opportunities}, **responses(400, 401, 403, 404, 409)},
    )
    def results(
        product_id: str,
        collection_id: str,
        request: Request,
        caller: Searcher,
        limit: PageLimit = DEFAULT_LIMIT,
        next: Next = None,
    ) -> Response:
        """409 while the search is under way, or where it failed."""
        with operator.store.read() as work:
            found = search_of(work, caller, collection_id)
            if found.product != product_id:
                raise UnknownIdError("opportunity collection", collection_id)
            if found.status != "completed":
                why = found.statuses[-1].reason_text
                raise StateError(f"{collection_id} is {found.status}{f': {why}' if why else ''}")
            asked = work.asked.get(found.request)
            document = answer_page(work, answer, found, asked, limit, next, at)
        return json_response(document, media_type=GEOJSON)

    return routes


def answer_page(
    work: UnitOfWork,
    answer: Answer,
    search: OpportunitySearch,
    asked: Asked,
    limit: int,
    given: str | None,
    at: Addresses,
) -> dict[str, Any]:
    """The Opportunity Collection of a completed search."""
    start = start_of(given)
    features, total = answer(work, search, asked, start, limit)
    here = at("products", search.product, "opportunities", search.id)
    page = cut(features, start, limit, total)
    body: dict[str, Any] = {"datetime": asked.datetime, "geometry": dict(asked.geometry)}
    links = [
        link("self", here, GEOJSON),
        link("search-record", at("searches", "opportunities", search.id)),
        link(
            "create-order",
            at("products", search.product, "orders"),
            GEOJSON,
            "Order",
            method="POST",
            body={**body, "order_parameters": {}},
        ),
        *page.links(here, limit, GEOJSON),
    ]
    return {
        "type": "FeatureCollection",
        "id": search.id,
        "features": features,
        "numberMatched": total,
        "links": links,
    }


def _record(work: UnitOfWork, search: OpportunitySearch, at: Addresses) -> dict[str, Any]:
    interval = work.requests.get(search.request).interval
    return record_document(search, work.asked.get(search.request), interval, at)
