"""Two catalogues behind one set of routes: what was delivered, and what of it is for sale again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from comity.commerce import archive_price
from comity.core import UnknownIdError
from comity.fleet import Customer
from comity.operations.archive import Extent, FoundItem, Lot, Page, Search, SearchTooLongError
from comity.operations.archive_sales import SHELF, NotLicensedError, Shelf
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import ForbiddenError, UnavailableError
from comity.server.stac import documents as docs
from comity.server.stac.documents import GEOJSON, Addresses, Json, link

#: A search that took too long may be asked again, better narrowed.
_RETRY_S = 30.0


class View(Protocol):
    """A catalogue as a caller sees it."""

    @property
    def at(self) -> Addresses:
        """Where it is."""
        ...

    @property
    def id(self) -> str: ...
    @property
    def about(self) -> str:
        """What it holds, after the programme's title."""
        ...

    def search(self, caller: Caller, search: Search) -> Page:
        """The items that a search finds for this caller."""
        ...

    def get(self, caller: Caller, collection: str, id: str) -> FoundItem:
        """One item; raises :class:`UnknownIdError` for what the caller does not see."""
        ...

    def extents(self, caller: Caller) -> list[Extent]:
        """What each collection holds for this caller."""
        ...

    def document(self, caller: Caller, found: FoundItem) -> Json:
        """An Item as this caller gets it."""
        ...


def owner_of(caller: Caller) -> str | None:
    """Whose items the caller sees: None for everyone's."""
    if caller.sees_all:
        return None
    # a partner is no customer: nothing delivered is its own
    return caller.tenant if caller.role == "customer" else ""


def readable(caller: Caller, found: FoundItem) -> bool:
    """Whether the caller may read the product itself: a customer once it is accepted, pictures before."""
    return caller.sees_all or found.state == "accepted"


class Delivered:
    """What was delivered; each tenant sees its own."""

    id = "comity"
    about = "Archive of {}: everything delivered; each tenant finds its own."

    def __init__(self, operator: Operator, at: Addresses) -> None:
        self.at = at
        self._archive = operator.sql.archive

    def search(self, caller: Caller, search: Search) -> Page:
        """The caller's items that a search finds."""
        return _searched(self._archive, replace(search, owner=owner_of(caller)))

    def get(self, caller: Caller, collection: str, id: str) -> FoundItem:
        """One of the caller's items."""
        return self._archive.get(collection, id, owner=owner_of(caller))

    def extents(self, caller: Caller) -> list[Extent]:
        """What each collection holds of the caller's."""
        return self._archive.extents(owner=owner_of(caller))

    def document(self, caller: Caller, found: FoundItem) -> Json:
        """An Item with its files, as far as the caller may read them."""
        return docs.item(self.at, found, files=readable(caller, found))


class ForSale:
    """What of the archive a caller may buy: a customer what its licences allow, the operator's people all."""

    id = "comity-archive"
    about = "{}: what is in the archive and may be ordered at once, at the price of the archive."

    def __init__(self, operator: Operator, at: Addresses) -> None:
        self.at = at
        self.shelf = Shelf()
        self._operator = operator
        self._archive = operator.sql.archive

    def search(self, caller: Caller, search: Search) -> Page:
        """The items that a search finds among those offered to the caller."""
        if caller.role == "partner":
            return Page(items=(), next=None)
        offers = self.shelf.offers(
            self._operator.programme, self._customer(caller), self._archive.lots(), self._operator.now()
        )
        return _searched(self._archive, replace(search, owner=SHELF, offers=offers))

    def get(self, caller: Caller, collection: str, id: str) -> FoundItem:
        """One item for sale; :class:`ForbiddenError` names the rule where the caller may not buy it."""
        if caller.role == "partner":
            raise UnknownIdError("item for sale", id)
        found = self._archive.get(collection, id, owner=SHELF, listed=True)
        try:
            self.shelf.check(
                self._operator.programme,
                self._customer(caller),
                self._lot(found),
                found,
                self._operator.now(),
            )
        except NotLicensedError as error:
            raise ForbiddenError(str(error)) from error
        return found

    def extents(self, caller: Caller) -> list[Extent]:
        """What each collection holds of what is offered to the caller."""
        if caller.role == "partner":
            return []
        offers = self.shelf.offers(
            self._operator.programme, self._customer(caller), self._archive.lots(), self._operator.now()
        )
        lots = {number for offer in offers for number in offer.lots}
        return self._archive.extents(owner=SHELF, lots=lots) if lots else []

    def document(self, caller: Caller, found: FoundItem) -> Json:
        """An Item with its price and how to order it; nothing of who had it taken."""
        programme, one, lot = self._operator.programme, found.item, self._lot(found)
        here = self.at("collections", one.collection, "items", one.id)
        collection = self.at("collections", one.collection)
        more: Json = {}
        price = archive_price(programme.price_book, lot.product, lot.partner)
        if price is not None:
            more["comity:price"] = {
                "amount": str(price.amount),
                "currency": programme.price_book.currency,
                "unit": price.unit,
                "minimum": str(price.minimum),
            }
        customer = self._customer(caller)
        if customer is not None:
            native = float(one.document["properties"]["comity:native_gsd_m"])
            more["comity:delivered_gsd_m"] = self.shelf.delivered_gsd_m(
                programme, customer, lot, native, self._operator.now()
            )
        picture = {"href": f"{here}/preview.png", "type": "image/png", "roles": ["thumbnail"],
                   "title": "Preview, coarse"}  # fmt: skip
        return {
            **one.document,
            "collection": one.collection,
            "properties": {**one.document["properties"], **more},
            "assets": {"thumbnail": picture},
            "links": [
                link("self", here, GEOJSON),
                link("root", self.at.root),
                link("parent", collection),
                link("collection", collection),
                link("create-quote", f"{here}/quotes", method="POST", title="What it costs, bindingly"),
                link("create-order", f"{here}/orders", GEOJSON, method="POST", title="Order it"),
            ],
        }

    def _customer(self, caller: Caller) -> Customer | None:
        return None if caller.sees_all else self._operator.programme.customer(caller.tenant)

    def _lot(self, found: FoundItem) -> Lot:
        return self._archive.lots()[found.item.lot or 0]


def _searched(archive: Any, search: Search) -> Page:
    try:
        page: Page = archive.search(search)
    except SearchTooLongError as error:
        raise UnavailableError(str(error), _RETRY_S) from error
    return page
