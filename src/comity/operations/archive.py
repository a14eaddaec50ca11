"""The archive: what was delivered, as STAC Items that can be searched."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import shapely
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from comity.core import ComityError, InputError
from comity.operations.filters import Node, Spatial, conjuncts, matches
from comity.operations.queryables import QUERYABLES, Queryable, Value, queryable, utc_us

Json = Mapping[str, Any]
#: Most items of a page, and how many there are where nobody says.
MAX_LIMIT = 1_000
DEFAULT_LIMIT = 10
#: Most boxes that stand for the area of a search; a geometry of more parts is stood for by one around all.
_MAX_BOXES = 4
#: Properties of the index that are no property of the document: they stand beside it.
_BESIDE = ("id", "collection", "geometry")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveItem:
    """An Item as it is indexed.

    ``owner``: the tenant it belongs to. ``record``: the :class:`ItemRecord` it was delivered as, None for
    what was made of several. ``path``: of its JSON in the delivery folder. ``digest``: SHA-256 of that file.
    ``document``: its content, its assets named relative to ``path``. ``lot``: number of the :class:`Lot` of
    what is for sale, which has no file and is nobody's; None for what was delivered.
    """

    id: str
    collection: str
    owner: str
    record: str | None
    path: str
    digest: str
    document: Json
    lot: int | None = None

    @property
    def geometry(self) -> BaseGeometry:
        """The ground it shows."""
        return shape(self.document["geometry"])

    def facts(self) -> dict[str, Value]:
        """The values it is searched by, by the queryables' ``column``."""
        properties = self.document["properties"]
        told: dict[str, Value] = {"id": self.id, "collection": self.collection}
        for name, asked in QUERYABLES.items():
            if name not in _BESIDE:
                told[asked.column] = _fact(asked, properties.get(name))
        if told["start_us"] is None or told["end_us"] is None:
            told["start_us"] = told["end_us"] = told["at_us"]
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What decides for whom an image of the archive is for sale, the same for many images.

    ``partner``: owner of the spacecraft. ``customer``: who it was taken for. ``gsd_m``: as fine as the
    licences take it to be. ``territories``: that it shows, the largest part first.
    """

    product: str
    partner: str
    customer: str
    gsd_m: float
    territories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a customer is offered: images of these lots that ended by ``until_us`` (µs of UTC since 1970)."""

    lots: frozenset[int]
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be listed for sale: a product's images by these spacecraft (their names) that ended by
    ``until_us``, unless they were taken for one of ``not_of``."""

    product: str
    platforms: frozenset[str]
    not_of: frozenset[str]
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """An Item as a search finds it; ``state``: the customer's word on it (offered, accepted, refused)."""

    item: ArchiveItem
    state: str


@dataclass(frozen=True, slots=True)
class SortKey:
    """A property to sort by; items that do not have it come last."""

    property: Queryable
    descending: bool = False


def sort_key(name: str, *, descending: bool = False) -> SortKey:
    """The key for a property; raises :class:`InputError` for one that has no order."""
    found = queryable(name)
    if found.kind == "geometry":
        raise InputError("sortby: a geometry has no order")
    return SortKey(found, descending)


class SearchTooLongError(ComityError):
    """A search that was ended because it took too long."""

    def __init__(self, longest_s: float) -> None:
        super().__init__(
            f"the search took longer than {longest_s:g} s and was ended: name an area, a time, collections, "
            "or a filter that more items fit"
        )


NEWEST_FIRST = (SortKey(QUERYABLES["datetime"], True),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for. None: any.

    ``owner``: the only tenant whose items are seen. ``area``: that the geometry intersects, lon, lat degrees.
    ``start_us`` … ``end_us``: µs of UTC since 1970, both ends in it, that the acquisition overlaps.
    ``after``: the ``next`` of the page before. ``offers``: what is for sale is looked through, so far as it
    is offered; None: what was delivered.
    """

    owner: str | None
    offers: tuple[Offer, ...] | None = None
    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    area: BaseGeometry | None = None
    start_us: int | None = None
    end_us: int | None = None
    filter: Node | None = None
    sort: tuple[SortKey, ...] = field(default=NEWEST_FIRST)
    limit: int = DEFAULT_LIMIT
    after: str | None = None

    def areas(self) -> list[BaseGeometry]:
        """The geometries that every item found touches."""
        asked = [one.geometry for one in conjuncts(self.filter)
                 if isinstance(one, Spatial) and one.op != "s_disjoint"]  # fmt: skip
        return [*([] if self.area is None else [self.area]), *asked]

    def digest(self) -> str:
        """What the token of a page is bound to: the order of the items."""
        keys = [f"{'-' if key.descending else '+'}{key.property.name}" for key in self.sort]
        return hashlib.sha256(",".join(keys).encode()).hexdigest()[:8]

    def token(self, values: Sequence[Value], number: int) -> str:
        """The token of the page after the item with these values of the sort keys."""
        text = json.dumps([self.digest(), *values, number], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def place(self) -> tuple[tuple[Value, ...], int] | None:
        """Where the page begins; raises :class:`InputError` for a token of another search."""
        if self.after is None:
            return None
        try:
            padded = self.after + "=" * (-len(self.after) % 4)
            told = json.loads(base64.b64decode(padded.encode("ascii"), b"-_", validate=True))
            digest, *values, number = told
        except (binascii.Error, ValueError, TypeError, RecursionError) as error:
            raise InputError("token is no token of this search: follow the link next") from error
        kinds = [_KINDS[key.property.kind] for key in self.sort]
        fits = (
            digest == self.digest()
            and len(values) == len(kinds)
            and all(one is None or type(one) in kind for one, kind in zip(values, kinds, strict=True))
            and type(number) is int
            and all(abs(one) < 2**62 for one in (*values, number) if type(one) is int)
            and "\0" not in json.dumps(values, ensure_ascii=False)
        )
        if not fits:
            raise InputError("token belongs to another search: keep sortby, and follow the link next")
        return tuple(values), number


_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,), "number": (float, int), "time": (int,), "flag": (bool, int),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Items in the order asked for, and the token of the next page, None at the end."""

    items: tuple[FoundItem, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a collection holds: ``bbox`` west, south, east, north; times in µs of UTC since 1970."""

    collection: str
    items: int
    bbox: tuple[float, float, float, float]
    start_us: int
    end_us: int


class Archive(Protocol):
    """Searching what was delivered; never waits for a transaction of the operator."""

    def search(self, search: Search) -> Page:
        """The items that fulfil all that is asked; raises :class:`InputError` for another search's token."""
        ...

    def get(self, collection: str, id: str, *, owner: str | None, listed: bool = False) -> FoundItem:
        """One item; raises :class:`UnknownIdError` where there is none, or none of this owner.

        ``listed``: of those for sale, not of those delivered.
        """
        ...

    def extents(self, *, owner: str | None, lots: Iterable[int] | None = None) -> list[Extent]:
        """Every collection with items of this owner (None: of anyone), by name; or with some in ``lots``."""
        ...

    def lots(self) -> dict[int, Lot]:
        """Every lot by number."""
        ...


class ArchiveIndex(Protocol):
    """Writing the archive's index, inside a unit of work."""

    def put(self, items: Iterable[ArchiveItem]) -> None:
        """Add items, or replace those of the same collection and id."""
        ...

    def digests(self) -> dict[tuple[str, str], str]:
        """Items of no record of their own (mosaics), by collection and id, with the digest of their file."""
        ...

    def indexed(self, records: Iterable[str]) -> frozenset[str]:
        """Those of the records whose items are in the index."""
        ...

    def lot(self, lot: Lot) -> int:
        """The number of a lot; a new one gets one."""
        ...

    def lots(self) -> dict[int, Lot]:
        """Every lot by number."""
        ...

    def unlisted(self, wanted: Iterable[Wanted], limit: int) -> list[ArchiveItem]:
        """Accepted items that are wanted and were not looked at yet."""
        ...

    def settle(self, items: Iterable[ArchiveItem]) -> None:
        """Note of delivered items that they were looked at: they are for sale now, or never will be."""
        ...

    def secret(self) -> str:
        """What names for sale are made with, so that nobody can tell whose they were; kept for ever."""
        ...

    def clear(self) -> None:
        """Forget all items."""
        ...


def fits(search: Search, item: ArchiveItem) -> bool:
    """Whether an item is among those a search looks for: the meaning that every database is held to."""
    told, ground = item.facts(), item.geometry
    return (
        search.owner in (None, item.owner)
        and (item.lot is None if search.offers is None else _offered(search.offers, item))
        and (search.collections is None or item.collection in search.collections)
        and (search.ids is None or item.id in search.ids)
        and (search.start_us is None or told["end_us"] >= search.start_us)  # type: ignore[operator]
        and (search.end_us is None or told["start_us"] <= search.end_us)  # type: ignore[operator]
        and (search.area is None or bool(shapely.intersects(ground, search.area)))
        and (search.filter is None or matches(search.filter, told, ground) is True)
    )


def _offered(offers: tuple[Offer, ...], item: ArchiveItem) -> bool:
    end = item.facts()["end_us"]
    assert isinstance(end, int)
    return any(item.lot in offer.lots and end <= offer.until_us for offer in offers)


def boxes_of(area: BaseGeometry) -> list[tuple[float, float, float, float]]:
    """A few boxes that an area lies in."""
    parts = shapely.get_parts(area)
    around = parts if len(parts) <= _MAX_BOXES else [area]
    return [tuple(float(edge) for edge in part.bounds) for part in around]  # type: ignore[misc]


def item_bounds(geometry: BaseGeometry) -> tuple[float, float, float, float]:
    """West, south, east, north of an item as indexed: over the antimeridian it takes all longitudes."""
    west, south, east, north = geometry.bounds
    return float(west), float(south), float(east), float(north)


def whole_world(area: BaseGeometry) -> bool:
    """Whether an area leaves nothing out."""
    return bool(shapely.covers(area, box(-180.0, -90.0, 180.0, 90.0)))


def _fact(asked: Queryable, value: object) -> Value:
    if value is None:
        return None
    if asked.kind == "time":
        return utc_us(str(value), field=asked.name)
    if asked.kind == "number":
        return float(value) if isinstance(value, int | float) else None
    if asked.kind == "flag":
        return bool(value)
    return str(value)
