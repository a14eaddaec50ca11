"""What of the archive is for sale again, and to whom.

An image that was accepted is listed once it is as old as the programme asks (``price_book.archive``): as it
was taken, not as it was cut for whoever had it taken, under a name that says nothing of them. Who is offered
it is decided anew at every look, by the programme and the licences as they are then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from typing import Any

from shapely import Point

from comity.commerce import Decision, archive_price, decide
from comity.core import Epoch, Interval, StateError, UnknownIdError
from comity.fleet import ArchivePrice, Customer, Programme, Target, territories_at
from comity.operations.acquisitions import acquisition_of
from comity.operations.archive import ArchiveItem, FoundItem, Lot, Offer, Wanted
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity
from comity.operations.saved_searches import tell_matches

#: Whose the listed are in the index: no tenant may be called so.
SHELF = "@archive"
#: Delivered items looked at in one transaction.
_AT_ONCE = 100
#: The licences take an image for no coarser than its ground sampling distance cut to this step, m.
_STEP_M = 0.1
_NOWHERE = Point(0.0, 0.0)
_ORDER = "https://stac-extensions.github.io/order/v1.1.0/schema.json"


class NotLicensedError(StateError):
    """The licences do not let this customer have this image; the message says which rule and why."""


def list_for_sale(store: Store, *, now: Epoch, tell: bool = True) -> int:
    """List what has become for sale since the last look; how many images that were.

    ``tell``: whether saved searches are told, in the transaction that lists.
    """
    with store.read() as work:  # most looks find nothing, and need not wait for anybody
        if not work.archive.unlisted(_wanted(work.programme(), now), 1):
            return 0
    listed, looked = 0, _AT_ONCE
    while looked == _AT_ONCE:
        with store.begin() as work:
            looked, added = list_some(work, now, tell=tell)
        listed += added
    return listed


def list_some(work: UnitOfWork, now: Epoch, *, tell: bool) -> tuple[int, int]:
    """The same for a few, within a transaction: how many were looked at, and how many listed."""
    programme = work.programme()
    found = work.archive.unlisted(_wanted(programme, now), _AT_ONCE)
    lots: dict[int, Lot] = {}
    made = []
    for item in found:
        record = work.items.get(str(item.record))
        activity = work.activities.get(record.activity)
        if activity.order != record.order:
            continue  # it came out of the archive itself
        if activity.footprint is None or activity.look is None or _withheld(work, activity):
            continue
        lot = _lot(programme, activity, item)
        number = work.archive.lot(lot)
        lots[number] = lot
        made.append(_listing(programme, activity, item, number, work.archive.secret()))
    work.archive.put(made)
    work.archive.settle(found)
    if tell and made:
        tell_matches(work, made, now, offered_to(programme, lots, now))
    return len(found), len(made)


def _wanted(programme: Programme, now: Epoch) -> list[Wanted]:
    alone = frozenset(one.id for one in programme.customers if one.exclusive)
    return [
        Wanted(
            product=price.product,
            platforms=frozenset(
                craft.name
                for craft in programme.spacecraft
                if craft.owner in (price.owners or (craft.owner,))
            ),
            not_of=alone,
            until_us=utc_us(now + -price.embargo_s),
        )
        for price in programme.price_book.archive
    ]


def _withheld(work: UnitOfWork, activity: Activity) -> bool:
    """Whether the spacecraft was its owner's alone at that time."""
    return any(
        one.asset == activity.spacecraft
        and one.lifted is None
        and one.interval.start < activity.interval.end
        and activity.interval.start < one.interval.end
        for one in work.withheld.all()
        if one.kind == "spacecraft"
    )


def _lot(programme: Programme, activity: Activity, item: ArchiveItem) -> Lot:
    craft = programme.craft(activity.spacecraft)
    assert activity.look is not None and activity.footprint is not None
    gsd = min(activity.look.gsd_m, programme.instrument(craft.id, str(activity.instrument)).gsd_m)
    # a hair is added, or 0.7 would be cut to 0.6
    steps = max(1, math.floor(gsd / _STEP_M + 1e-6))
    return Lot(
        product=item.collection,
        partner=craft.owner,
        customer=item.owner,
        gsd_m=round(steps * _STEP_M, 6),
        territories=tuple(name for name, _ in territories_at(activity.footprint)),
    )


def _listing(
    programme: Programme, activity: Activity, item: ArchiveItem, lot: int, secret: str
) -> ArchiveItem:
    """What is shown of an acquisition: how it was taken, nothing of for whom."""
    from comity.imagery.products.item import instants, item_document, providers

    id = listed_id(secret, activity.id)
    assert activity.look is not None
    taken = acquisition_of(
        programme, activity, id=id, order="", target="", footprint=activity.footprint,
        delivered_gsd_m=activity.look.gsd_m,
    )  # fmt: skip
    span = Interval(taken.start, taken.end)
    properties: dict[str, Any] = {
        "title": f"{taken.spacecraft}, {span.middle.iso(0)}",
        **instants(taken.start, taken.end),
        "platform": taken.spacecraft,
        "instruments": [taken.instrument],
        "gsd": round(taken.native_gsd_m, 3),
        "license": "other",
        "providers": providers(taken.providers),
        "eo:cloud_cover": round(100.0 * taken.cloud, 2),
        "view:off_nadir": round(taken.off_nadir_deg, 4),
        "view:incidence_angle": round(taken.incidence_deg, 4),
        "view:azimuth": round(taken.view_azimuth_deg % 360.0, 4),
        "view:sun_azimuth": round(taken.sun_azimuth_deg % 360.0, 4),
        "view:sun_elevation": round(taken.sun_elevation_deg, 4),
        "sat:orbit_state": "ascending" if taken.ascending else "descending",
        "processing:level": "L1",
        "order:status": "orderable",
        "comity:simulated": True,
        "comity:norad_id": taken.norad_id,
        "comity:native_gsd_m": round(taken.native_gsd_m, 3),
    }
    document = item_document(id=id, footprint=taken.footprint, span=span, properties=properties, assets={})
    document["stac_extensions"] = [*document["stac_extensions"], _ORDER]
    text = json.dumps(document, sort_keys=True)
    return ArchiveItem(
        id=id,
        collection=item.collection,
        owner=SHELF,
        record=item.record,
        path="",
        digest=hashlib.sha256(text.encode()).hexdigest(),
        document=document,
        lot=lot,
    )


def offered_to(programme: Programme, lots: Mapping[int, Lot], now: Epoch) -> dict[str, tuple[Offer, ...]]:
    """What each customer is offered of these lots."""
    shelf = Shelf()
    return {one.id: shelf.offers(programme, one, lots, now) for one in programme.customers}


def utc_us(at: Epoch) -> int:
    """µs of UTC since 1970."""
    return at.utc_unix_ns // 1_000


def listed_id(secret: str, activity: str) -> str:
    """The name under which an acquisition is for sale: always the same, and not to be told back."""
    digest = hmac.new(secret.encode(), activity.encode(), hashlib.sha256)
    return f"archive-{digest.hexdigest()[:24]}"


class Shelf:
    """Decides who is offered what; remembers the licences' word on each lot while the programme stays."""

    def __init__(self) -> None:
        self._known: tuple[Programme | None, dict[tuple[str, Lot], Decision]] = None, {}

    def offers(
        self, programme: Programme, customer: Customer | None, lots: Mapping[int, Lot], now: Epoch
    ) -> tuple[Offer, ...]:
        """What a customer is offered; None: whatever is for sale to anyone."""
        by_age: dict[float, set[int]] = {}
        for number, lot in lots.items():
            price = self._terms(programme, customer, lot)
            if price is None:
                continue
            if customer is None or self.decision(programme, customer, lot, now).effect != "refuse":
                by_age.setdefault(price.embargo_s, set()).add(number)
        return tuple(
            Offer(lots=frozenset(numbers), until_us=utc_us(now + -age)) for age, numbers in by_age.items()
        )

    def check(
        self, programme: Programme, customer: Customer | None, lot: Lot, found: FoundItem, now: Epoch
    ) -> None:
        """Raise :class:`UnknownIdError` for what is not for sale, :class:`NotLicensedError` for what is and
        may not be had by this customer."""
        price = self._terms(programme, customer, lot)
        end = found.item.facts()["end_us"]
        assert isinstance(end, int)
        if price is None or found.state != "accepted" or end > utc_us(now + -price.embargo_s):
            raise UnknownIdError("item for sale", found.item.id)
        if customer is not None:
            decision = self.decision(programme, customer, lot, now)
            if decision.effect == "refuse":
                raise NotLicensedError(decision.text)

    def delivered_gsd_m(
        self, programme: Programme, customer: Customer, lot: Lot, native_gsd_m: float, now: Epoch
    ) -> float:
        """How fine (m) a customer gets an image of this lot."""
        decision = self.decision(programme, customer, lot, now)
        return max(native_gsd_m, decision.deliver_gsd_m or 0.0 if decision.effect == "coarsen" else 0.0)

    def decision(self, programme: Programme, customer: Customer, lot: Lot, now: Epoch) -> Decision:
        """What the owner's rules say of a lot."""
        of, known = self._known  # together: other threads look here too
        if programme is not of:
            known = {}
            self._known = programme, known
        key = customer.id, lot
        if key not in known:
            first, *rest = lot.territories or (None,)
            target = Target(
                id=lot.product,
                name="the image",
                geometry=_NOWHERE,
                territory=first,
                territories=tuple(one for one in (first, *rest) if one is not None),
            )
            known[key] = decide(
                programme.rules, customer=customer, target=target, owner=lot.partner, gsd_m=lot.gsd_m, at=now
            )
        return known[key]

    def _terms(self, programme: Programme, customer: Customer | None, lot: Lot) -> ArchivePrice | None:
        """The price of a lot for a customer, None where it is not for sale to it."""
        taken_for = next((one for one in programme.customers if one.id == lot.customer), None)
        if taken_for is not None and taken_for.exclusive:
            return None
        if customer is not None and customer.id == lot.customer:
            return None  # it has it
        return archive_price(programme.price_book, lot.product, lot.partner)
