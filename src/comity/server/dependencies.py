"""What routes ask FastAPI for: the operator, the caller with the scopes it needs, the operation's id.

@router.get("/orders")
def orders(operator: OperatorDep, caller: Annotated[Caller, scoped("orders:read")]) -> …
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import Depends, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer, OAuth2, SecurityScopes
from pydantic import BaseModel, ConfigDict

from comity.commerce import Quote
from comity.core import UnknownIdError
from comity.fleet import Request as CustomerRequest
from comity.operations import ItemRecord, Order, UnitOfWork
from comity.server.identity.caller import SCOPES, Caller
from comity.server.identity.service import require
from comity.server.operator import Operator

_oauth = OAuth2(
    scheme_name="oauth2",
    description="Tokens of this server, by client credentials or (embedded default) by password.",
    flows=cast(
        Any,
        {
            "clientCredentials": {"tokenUrl": "auth/token", "scopes": SCOPES},
            "password": {"tokenUrl": "auth/token", "scopes": SCOPES},
        },
    ),
    auto_error=False,
)
_bearer = HTTPBearer(scheme_name="bearer", description="An access token or an API key.", auto_error=False)
_key = APIKeyHeader(
    name="X-API-Key",
    scheme_name="apiKey",
    description="An API key made at /auth/credentials.",
    auto_error=False,
)


class Wire(BaseModel):
    """What comes in: nothing that is not asked for, no NaN and no infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=10_000)


def operator(request: Request) -> Operator:
    """The operator this server runs."""
    return cast(Operator, request.app.state.operator)


def optional_caller(request: Request) -> Caller | None:
    """The caller, None for nobody; what is shown and not good is an error all the same.

    The front (:mod:`comity.server.front`) has looked at the headers before any route is chosen.
    """
    state = request.scope.get("state", {})
    if error := state.get("auth_error"):
        raise error
    return cast("Caller | None", state.get("caller"))


def caller(
    scopes: SecurityScopes,
    found: Annotated[Caller | None, Depends(optional_caller)],
    _one: Annotated[Any, Depends(_oauth)],
    _two: Annotated[Any, Depends(_bearer)],
    _three: Annotated[Any, Depends(_key)],
) -> Caller:
    """The caller, who holds all scopes asked for."""
    return require(found, scopes.scopes)


def scoped(*scopes: str) -> Any:
    """For a parameter: ``caller: Annotated[Caller, scoped("orders:read")]``."""
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise ValueError(f"unknown scope {unknown[0]!r}")
    return Security(caller, scopes=list(scopes))


def operation_id(request: Request) -> str:
    """An identifier of what this request does: the same for each try with the same ``Idempotency-Key``.

    A worker may die between the effect and its answer; the next try runs the route again. Routes that name
    their records by this id, and go on from what they find under it, do nothing twice.
    """
    # What the front says of a request with a key: whose it is, the key, and a hash of all that was asked.
    told = request.scope.get("state", {}).get("operation")
    return f"op-{uuid4().hex[:24] if told is None else hashlib.sha256(told.encode()).hexdigest()[:24]}"


OperatorDep = Annotated[Operator, Depends(operator)]
OperationId = Annotated[str, Depends(operation_id)]
#: How many entries a page holds; the server's own limit cuts it.
Limit = Annotated[int, Query(ge=1, le=1000, description="Most entries of one page.")]

#: For ``openapi_extra=`` of a POST that changes nothing (a search): neither logged nor kept for replay.
READS = {"x-comity-changes": False}
#: The same for one that is kept, and so logged, where it is asked to be answered later.
READS_AT_ONCE = {"x-comity-changes": "respond-async"}


def wants_async(prefer: str | None) -> bool:
    """Whether a ``Prefer`` header (RFC 7240) asks for an answer later."""
    wanted = {part.split(";")[0].split("=")[0].strip().lower() for part in (prefer or "").split(",")}
    return "respond-async" in wanted


# -- one tenant's records: what is another's is unknown, not forbidden -------------------------------------


def order_of(work: UnitOfWork, who: Caller, id: str) -> Order:
    """The order, if the caller may see it; else :class:`UnknownIdError`."""
    order = work.orders.get(id)
    if not who.sees(order.customer):
        raise UnknownIdError("order", id)
    return order


def request_of(work: UnitOfWork, who: Caller, id: str) -> CustomerRequest:
    """The customer's request, if the caller may see it."""
    request = work.requests.get(id)
    if not who.sees(request.customer.id):
        raise UnknownIdError("request", id)
    return request


def quote_of(work: UnitOfWork, who: Caller, id: str) -> Quote:
    """The quote, if the caller may see it."""
    quote = work.quotes.get(id)
    if not who.sees(work.requests.get(quote.request).customer.id):
        raise UnknownIdError("quote", id)
    return quote


def item_of(work: UnitOfWork, who: Caller, id: str) -> ItemRecord:
    """The delivered item, if the caller may see it."""
    item = work.items.get(id)
    if not who.sees(work.orders.get(item.order).customer):
        raise UnknownIdError("item", id)
    return item
