"""From what a customer sends to a request of ours: whose, where, when, within which limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from comity.core import Epoch, InputError, UnknownIdError
from comity.fleet import Customer, Product, Programme, Request, Target, targets_from_geojson
from comity.operations import Asked, draft_request
from comity.orbits import PropagationError
from comity.server.identity.caller import OPERATOR_TENANT, Caller
from comity.server.problems import FieldError, ForbiddenError
from comity.server.stapi.documents import GEOMETRIES
from comity.server.stapi.filters import GSD, Filter, read_filter
from comity.server.stapi.intervals import MAX_S, AskedInterval, read_interval
from comity.server.stapi.products import queryables
from comity.services.imaging import OutOfReachError

#: More than this is refused: an order of a country has some hundred vertices, of a coast some thousand.
MAX_VERTICES = 10_000
MAX_POINTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked, read: ``request`` has no id yet. ``licensed``: asked for a customer."""

    request: Request
    when: AskedInterval
    filter: Filter
    asked: Asked
    licensed: bool


def customer_of(programme: Programme, caller: Caller, named: str | None) -> Customer | None:
    """For whom a caller asks: a customer for itself, the operator's people for whom they name (or nobody)."""
    if caller.role == "customer":
        if named is not None and named != caller.tenant:
            raise ForbiddenError("a customer asks for itself only")
        return programme.customer(caller.tenant)
    if not caller.sees_all:
        raise ForbiddenError("opportunities and orders are for customers and the operator")
    if named is None:
        return None
    try:
        return programme.customer(named)
    except UnknownIdError as error:
        raise FieldError(str(error), field="query.customer", value=named) from error


@contextmanager
def within_reach(wish: Wish) -> Iterator[None]:
    """A time for which there is no position, or no orientation of the Earth, is told of ``datetime``."""
    try:
        yield
    except FieldError:
        raise
    except (PropagationError, InputError) as error:
        raise FieldError(
            f"{wish.request.interval.end} is too far ahead: {error}",
            field="body.datetime",
            value=wish.asked.datetime,
        ) from error


def read_wish(
    programme: Programme,
    product: Product,
    customer: Customer | None,
    *,
    datetime: str,
    geometry: Mapping[str, Any],
    filter: Mapping[str, Any] | None,
    now: Epoch,
    longest_s: float = MAX_S,
    order_parameters: Mapping[str, Any] | None = None,
) -> Wish:
    """Read and check a search or an order; raises :class:`FieldError` naming what is wrong where."""
    when = read_interval(datetime, now, field="body.datetime", longest_s=longest_s)
    limits = read_filter(filter, queryables(programme, product)["properties"], field="body.filter")
    targets = read_targets(geometry, field="body.geometry")
    who = customer or Customer(
        id=OPERATOR_TENANT, name=programme.title, country="", kind="government", currency=programme.currency
    )
    try:
        request = draft_request(
            programme,
            customer=who,
            product=product.id,
            targets=targets,
            interval=when.interval,
            now=now,
            **limits.limits(),
        )
    except OutOfReachError as error:
        field = "body.geometry" if error.what == "area" else f"body.filter.{GSD}"
        if error.what == "gsd" and limits.max_gsd_m is None:
            field = "path.product_id"
        raise FieldError(str(error), field=field, value=error.value, limit=error.limit) from error
    except InputError as error:
        raise FieldError(str(error), field="body") from error
    return Wish(
        request=request,
        when=when,
        filter=limits,
        licensed=customer is not None,
        asked=Asked(
            request="",
            customer=who.id,
            product=product.id,
            datetime=datetime,
            geometry=geometry,
            filter=filter or None,
            order_parameters=order_parameters or {},
        ),
    )


def read_targets(geometry: Mapping[str, Any], *, field: str) -> tuple[Target, ...]:
    """The places of a GeoJSON geometry: each point of a MultiPoint is one."""
    kind = geometry.get("type")
    if kind not in GEOMETRIES:
        raise FieldError(
            f"geometry type {str(kind)[:40]!r} is not offered: give a {', '.join(GEOMETRIES)}",
            field=f"{field}.type",
            value=str(kind),
            limit=", ".join(GEOMETRIES),
        )
    coordinates = geometry.get("coordinates")
    count = _vertices(coordinates)
    if count > MAX_VERTICES:
        raise FieldError(
            f"it has more than {MAX_VERTICES:,} vertices: simplify it",
            field=f"{field}.coordinates",
            value=coordinates,
            limit=MAX_VERTICES,
        )
    content: Mapping[str, Any] = geometry
    if kind == "MultiPoint":
        if not isinstance(coordinates, list) or not 1 <= len(coordinates) <= MAX_POINTS:
            raise FieldError(
                f"a MultiPoint holds 1 to {MAX_POINTS} points",
                field=f"{field}.coordinates",
                value=coordinates,
                limit=MAX_POINTS,
            )
        content = {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}}
                for place in coordinates
            ],
        }
    try:
        return targets_from_geojson(json.dumps(content), "target", "geometry")
    except InputError as error:
        raise FieldError(str(error), field=f"{field}.coordinates", value=coordinates) from error


def _vertices(coordinates: object) -> int:
    """Positions in nested lists, counted no further than the limit."""
    count, level = 0, [coordinates]
    while level:
        node = level.pop()
        if not isinstance(node, list):
            continue
        if node and not isinstance(node[0], list):
            count += 1
            if count > MAX_VERTICES:
                break
        else:
            level.extend(node)
            if len(level) > 2 * MAX_VERTICES:
                return len(level)
    return count
