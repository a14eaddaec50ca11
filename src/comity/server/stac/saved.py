"""Saved searches: kept item searches that tell of what comes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from comity.operations.saved_searches import (
    SHELVES,
    SavedSearch,
    SearchMatch,
    change_saved_search,
    matches_of,
    save_search,
    saved_search_of,
    saved_searches_of,
)
from comity.server.dependencies import Limit, OperationId, Wire, scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import ForbiddenError, responses
from comity.server.stac.answers import answer
from comity.server.stac.asking import from_body
from comity.server.stac.documents import GEOJSON, Addresses, Json, link

Keeper = Annotated[Caller, scoped("webhooks")]


class SavedBody(Wire):
    """What is looked for; everything that is asked has to hold."""

    bbox: list[float] | None = Field(default=None, examples=[[42, 10, 44, 13]])
    datetime: str | None = None
    intersects: dict[str, Any] | None = None
    collections: list[str] | None = None
    filter: dict[str, Any] | None = Field(default=None, description="CQL2 JSON.")


class SavedSearchIn(Wire):
    """A search to keep."""

    title: str = Field(default="", max_length=200)
    over: list[Literal["delivered", "for-sale"]] = Field(
        default=list(SHELVES), min_length=1, max_length=2, description="Own items, what is for sale, or both."
    )
    search: SavedBody = Field(description="As the body of an item search.")


def router(operator: Operator, at: Addresses, for_sale: Addresses) -> APIRouter:
    """``/saved-searches``."""
    routes = APIRouter(prefix="/saved-searches", tags=["Saved searches"])

    def told(saved: SavedSearch) -> Json:
        here = at("saved-searches", saved.id)
        return {
            "id": saved.id,
            "title": saved.title,
            "over": list(saved.over),
            "search": dict(saved.body),
            "created": saved.created.iso(3),
            "state": saved.state,
            "links": [link("self", here), link("matches", f"{here}/matches")],
        }

    def match(one: SearchMatch) -> Json:
        root = at if one.shelf == "delivered" else for_sale
        return {
            "id": one.id,
            "over": one.shelf,
            "collection": one.collection,
            "item": one.item,
            "datetime": one.at.iso(3),
            "links": [link("item", root("collections", one.collection, "items", one.item), GEOJSON)],
        }

    @routes.post(
        "",
        operation_id="createSavedSearch",
        summary="Be told of items that a search finds",
        status_code=201,
        responses=responses(400, 401, 403, 413, 429),
    )
    def create(asked: SavedSearchIn, operation: OperationId, caller: Keeper) -> Response:
        """Webhooks hear `search.match` of each item that comes from now on; `…/matches` lists them too."""
        tenant = _customer(caller)
        body = asked.search.model_dump(exclude_none=True)
        search = from_body(tenant, body).search
        saved = save_search(
            operator.store,
            search,
            tenant=tenant,
            title=asked.title,
            over=asked.over,
            body=body,
            now=operator.now(),
            id=operation.replace("op-", "saved-search-", 1),
        )
        made = answer(told(saved), status=201)
        made.headers["Location"] = at("saved-searches", saved.id)
        return made

    @routes.get("", operation_id="listSavedSearches", summary="Own saved searches")
    def listed(caller: Keeper) -> Response:
        found = [told(one) for one in saved_searches_of(operator.store, _customer(caller))]
        return answer({"saved_searches": found, "links": [link("self", at("saved-searches"))]})

    @routes.get("/{saved_id}", operation_id="getSavedSearch", summary="One saved search")
    def one(saved_id: str, caller: Keeper) -> Response:
        with operator.store.read() as work:
            return answer(told(saved_search_of(work, saved_id, _customer(caller))))

    @routes.delete(
        "/{saved_id}", operation_id="deleteSavedSearch", summary="Be told no more", status_code=204
    )
    def delete(saved_id: str, caller: Keeper) -> None:
        change_saved_search(operator.store, saved_id, tenant=_customer(caller), state="deleted")

    @routes.post("/{saved_id}/pause", operation_id="pauseSavedSearch", summary="Pause a saved search")
    def pause(saved_id: str, caller: Keeper) -> Response:
        """Of what comes meanwhile it is never told."""
        return answer(
            told(change_saved_search(operator.store, saved_id, tenant=_customer(caller), state="paused"))
        )

    @routes.post("/{saved_id}/resume", operation_id="resumeSavedSearch", summary="Resume a saved search")
    def resume(saved_id: str, caller: Keeper) -> Response:
        return answer(
            told(change_saved_search(operator.store, saved_id, tenant=_customer(caller), state="active"))
        )

    @routes.get(
        "/{saved_id}/matches", operation_id="listSearchMatches", summary="What it found, newest first"
    )
    def matches(
        saved_id: str,
        caller: Keeper,
        limit: Limit = 100,
        next: Annotated[str | None, Query(max_length=200, description="From the link next.")] = None,
    ) -> Response:
        found = matches_of(operator.store, saved_id, tenant=_customer(caller), limit=limit + 1, before=next)
        shown = found[:limit]
        here = at("saved-searches", saved_id, "matches")
        links = [link("self", here)]
        if len(found) > limit:
            links.append(link("next", f"{here}?limit={limit}&next={shown[-1].id}"))
        return answer({"matches": [match(one) for one in shown], "links": links})

    return routes


def _customer(caller: Caller) -> str:
    """The tenant that is told."""
    if caller.role != "customer":
        raise ForbiddenError("saved searches are a customer's: it alone has items delivered or on offer")
    return caller.tenant
