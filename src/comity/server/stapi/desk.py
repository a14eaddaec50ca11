"""Taking quotes and orders. Each is named by its operation, so that a second try goes on with the first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from comity.commerce import Quote
from comity.core import StateError, UnknownIdError
from comity.fleet import Customer, Programme
from comity.operations import Asked, Order, UnitOfWork, make_quote, place_order
from comity.server.dependencies import quote_of
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import FieldError, NotNowError, UnprocessableError
from comity.server.stapi import wire
from comity.server.stapi.asking import Wish, read_wish, within_reach
from comity.server.stapi.filters import LIMITS
from comity.server.stapi.products import find_product
from comity.services.imaging import suitable_instruments


def asked_of(work: UnitOfWork, request_id: str) -> Asked | None:
    """The words of a request, None where it did not come over STAPI."""
    try:
        return work.asked.get(request_id)
    except UnknownIdError:
        return None


class Desk:
    """Takes quotes and orders."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def wish(
        self, programme: Programme, product_id: str, customer: Customer | None, body: wire.OrderBody
    ) -> Wish:
        """What is wanted; raises :class:`FieldError` for a filter that an order cannot hold."""
        product = find_product(programme, product_id)
        if customer is None:
            raise FieldError("name the customer: ?customer=ID", field="query.customer")
        wish = read_wish(
            programme,
            product,
            customer,
            datetime=body.datetime,
            geometry=body.geometry,
            filter=body.filter,
            now=self._operator.now(),
            order_parameters=body.order_parameters.model_dump(exclude_none=True),
        )
        if not wish.filter.bound:
            names = ", ".join(f"{name} {op}" for name, op in LIMITS.items())
            raise FieldError(
                f"an order can be bound to {names}, joined by 'and'; the rest filters opportunities only",
                field="body.filter",
                value=str(body.filter),
                limit=names,
            )
        check_reach(self._operator, programme, wish)
        return wish

    def quote(self, wish: Wish, operation: str) -> Quote:
        """The price of a wish, kept."""
        operator, now = self._operator, self._operator.now()
        id = operation.replace("op-", "request-", 1)
        with operator.store.begin() as work:
            earlier = work.quotes.all(request=id)
            if earlier:
                return earlier[-1]
            if asked_of(work, id) is None:
                work.requests.put(replace(wish.request, id=id))
                work.asked.put(replace(wish.asked, request=id))
        return make_quote(
            operator.store,
            id,
            now=now,
            executor=operator.executor,
            trajectories=operator.fleet.trajectories,
            once=True,
        )

    def order(self, wish: Wish, operation: str) -> Order:
        """Quote and order in one: the customer takes the price, up to ``max_price``."""
        quote = self.quote(wish, operation)
        if not quote.orderable:
            raise UnprocessableError(
                "nothing of it can be ordered: " + " ".join(entry.text for entry in quote.not_offered)
            )
        check_price(quote, wish.asked.order_parameters.get("max_price"))
        return self._place(quote.id, retried=True)

    def order_quote(self, body: wire.OrderBody, product: str, caller: Caller, retried: bool) -> Order:
        """Order a quote that was asked for before; the body must say what it was made for."""
        quote_id = body.order_parameters.quote or ""
        with self._operator.store.read() as work:
            quote = quote_of(work, caller, quote_id)
            asked = asked_of(work, quote.request)
        said = {"datetime": body.datetime, "geometry": body.geometry, "filter": body.filter or None}
        if asked is None:
            raise FieldError(
                f"{quote_id} was not made over this interface", field="body.order_parameters.quote"
            )
        if quote.product != product:
            raise FieldError(
                f"{quote_id} is for product {quote.product}",
                field="path.product_id",
                value=product,
                limit=quote.product,
            )
        for name, value in said.items():
            if getattr(asked, name) != value:
                raise FieldError(
                    f"{quote_id} was made for another {name}: order what was quoted, or without a quote",
                    field=f"body.{name}",
                    value=str(value),
                    limit=str(getattr(asked, name)),
                )
        check_price(quote, body.order_parameters.max_price)
        if not quote.orderable:
            raise UnprocessableError(f"{quote_id} offers nothing to order")
        try:
            placed = self._place(quote_id, retried)
        except StateError as error:
            now = self._operator.now()
            limit = None if quote.valid_at(now) else quote.valid_until.iso()
            field = "body.order_parameters.quote"
            raise NotNowError(str(error), field=field, value=quote_id, limit=limit) from error
        if body.order_parameters.reference is not None:
            with self._operator.store.begin() as work:
                parameters = body.order_parameters.model_dump(exclude_none=True)
                work.asked.put(replace(asked, order_parameters=parameters))
        return placed

    def _place(self, quote_id: str, retried: bool) -> Order:
        return place_order(self._operator.store, quote_id, now=self._operator.now(), again=retried)


def check_reach(operator: Operator, programme: Programme, wish: Wish) -> None:
    """Refuse, before anything is kept, an interval in which the elements give no position any more."""
    trajectories = operator.fleet.trajectories(programme, operator.now())
    for craft in {craft.id: craft for craft, _ in suitable_instruments(programme, wish.request)}.values():
        with within_reach(wish):
            trajectories[craft.norad_id].itrf(wish.request.interval.end, np.zeros(1))


def check_price(quote: Quote, limit: float | None, *, field: str = "body.order_parameters.max_price") -> None:
    """Raise :class:`FieldError` where a quote costs more than the customer wants to pay."""
    total = quote.total
    if limit is not None and float(total.amount) > limit:
        raise FieldError(
            f"it costs {total.amount} {total.currency}, more than {limit:g}; {quote.id} says of what",
            field=field,
            value=limit,
            limit=str(total.amount),
        )
