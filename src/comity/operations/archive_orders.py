"""Buying what is in the archive: quote, order, delivery, on the road that every order goes.

A request for what was taken already names its acquisition; its order has one task that is acquired from the
start. Nothing is planned. The image is made for its buyer as the licences let that customer have it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from comity.commerce import Quote, archive_book, archive_price, decide, quote_request
from comity.core import (
    Epoch,
    Executor,
    InputError,
    Progress,
    StateError,
    ThreadExecutor,
    UnknownIdError,
    read_text,
    silent,
)
from comity.fleet import Customer, Programme, Request, Target, territories_at
from comity.imagery import Acquisition, ItemFiles, make_item
from comity.operations.acquisitions import acquisition_of
from comity.operations.archive import FoundItem, Lot
from comity.operations.archive_sales import Shelf, listed_id
from comity.operations.asked import Asked
from comity.operations.jobs import JobStore
from comity.operations.licences import polygons_of
from comity.operations.mosaics import list_products
from comity.operations.orders import advance
from comity.operations.ports import Store, UnitOfWork
from comity.operations.product_bucket import ProductBucket
from comity.operations.records import Activity, ItemRecord
from comity.services import OrderTask

#: A picture of what is for sale shows so many times less than the image, and no finer than this (m).
COARSER = 8.0
COARSEST_PIXEL_M = 30.0
_BROWSE_PIXELS = 60_000


def quote_archived(
    store: Store,
    found: FoundItem,
    *,
    customer: str,
    now: Epoch,
    shelf: Shelf | None = None,
    area: BaseGeometry | None = None,
    request_id: str | None = None,
) -> Quote:
    """Price an image that is for sale, and keep the offer; ``area``: only what it shows of it (lon, lat).

    ``request_id``: what to call the request; its quote is given again where it has one. Raises
    :class:`UnknownIdError` for what is not for sale to anyone, :class:`NotLicensedError` for what this
    customer may not have, :class:`InputError` for an area that the image does not show.
    """
    with store.begin() as work:
        programme = work.programme()
        buyer = programme.customer(customer)
        lot = _lot(work, found)
        (shelf or Shelf()).check(programme, buyer, lot, found, now)
        if request_id is not None and (earlier := work.quotes.all(request=request_id)):
            return earlier[-1]
        activity = work.activities.get(work.items.get(str(found.item.record)).activity)
        request = _request(
            programme, found, activity, buyer, now, area, request_id or work.next_id("request")
        )
        price = archive_price(programme.price_book, lot.product, lot.partner)
        assert price is not None and activity.look is not None
        decision = decide(
            programme.rules,
            customer=buyer,
            target=request.targets[0],
            owner=lot.partner,
            gsd_m=activity.look.gsd_m,
            at=now,
        )
        quote = quote_request(
            archive_book(programme.price_book, price),
            request,
            (decision,),
            quote_id=work.next_id("quote"),
            now=now,
        )
        work.requests.put(request)
        work.asked.put(
            Asked(
                request=request.id,
                customer=buyer.id,
                product=request.product.id,
                datetime=request.interval.iso(),
                geometry=json.loads(json.dumps(mapping(request.targets[0].geometry))),
            )
        )
        work.quotes.put(quote)
        return quote


def _lot(work: UnitOfWork, found: FoundItem) -> Lot:
    lot = work.archive.lots().get(found.item.lot or 0)
    if lot is None:
        raise UnknownIdError("item for sale", found.item.id)
    return lot


def _request(
    programme: Programme,
    found: FoundItem,
    activity: Activity,
    customer: Customer,
    now: Epoch,
    area: BaseGeometry | None,
    id: str,
) -> Request:
    ground = activity.footprint
    assert ground is not None and activity.look is not None
    if area is not None:
        ground = polygons_of(ground.intersection(area))
        if ground.is_empty:
            raise InputError(f"{found.item.id} does not show that area")
    product = programme.product(found.item.collection)
    names = tuple(name for name, _ in territories_at(ground))
    return Request(
        id=id,
        customer=customer,
        product=replace(product, repeat_s=None),
        targets=(
            Target(
                id=found.item.id,
                name=found.item.id,
                geometry=ground,
                territory=names[0] if names else None,
                territories=names,
            ),
        ),
        interval=activity.interval,
        max_cloud=1.0,
        max_gsd_m=product.max_gsd_m,
        max_off_nadir_deg=product.max_off_nadir_deg,
        min_sun_elevation_deg=-90.0,
        created=now,
        acquisition=activity.id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """An image to make for its buyer."""

    task: OrderTask
    activity: Activity
    acquisition: Acquisition
    first: str


def due_orders(work: UnitOfWork) -> list[OrderTask]:
    """The tasks of orders of the archive that were not delivered yet."""
    found = []
    for task in work.tasks.all(state="acquired"):
        order = work.orders.get(task.order)
        if work.requests.get(order.request).acquisition is None or order.status != "accepted":
            continue
        if not work.items.all(task=task.id):
            found.append(task)
    return found


def queue_archived(store: JobStore, *, now: Epoch) -> int:
    """Turn orders of the archive that are not delivered into jobs, each once; how many there are."""
    with store.read() as work:
        due = [(task.order, work.orders.get(task.order).customer) for task in due_orders(work)]
    if due:
        with store.begin() as writing:
            for order, customer in due:
                writing.jobs.add(
                    "archive", {"order": order}, now=now, tenant=customer, key=order, most_runs=10
                )
    return len(due)


def deliver_archived(
    store: Store,
    folder: Path,
    *,
    now: Epoch,
    order: str | None = None,
    max_pixels: int = 20_000_000,
    quicklook_px: int = 1024,
    bucket: ProductBucket | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> list[ItemRecord]:
    """Make what was ordered out of the archive (``order``: only this one) and offer it to its buyers.

    A run that is killed makes the same bytes again; what is offered already is not offered twice.
    ``bucket``: as :func:`comity.operations.deliver` has it.
    """
    with store.read() as work:
        programme = work.programme()
        tasks = [task for task in due_orders(work) if order in (None, task.order)]
        due = [_due(work, programme, task) for task in tasks]
    delivered: list[ItemRecord] = []

    def make(one: _Due) -> ItemFiles:
        return make_item(
            one.acquisition, folder / "stac", seed=_seed(folder, one.first, bucket), max_pixels=max_pixels,
            quicklook_px=quicklook_px, taken_as=one.activity.id,
        )  # fmt: skip

    made = (executor or ThreadExecutor()).map(make, due)
    for number, (one, files) in enumerate(zip(due, made, strict=True)):
        progress(number, len(due), one.task.order)
        if bucket is not None:
            bucket.keep(files.item)
        with store.begin() as work:
            placed = work.orders.get(one.task.order)
            if placed.status != "accepted" or work.items.all(task=one.task.id):
                continue  # cancelled, or another worker was here
            record = ItemRecord(
                id=f"item-{one.task.order}",
                activity=one.activity.id,
                order=placed.id,
                task=one.task.id,
                target=one.task.target,
                path=files.item.relative_to(folder).as_posix(),
                image=files.image.relative_to(folder).as_posix(),
                quicklook=files.quicklook.relative_to(folder).as_posix(),
                cloud=one.acquisition.cloud,
                native_gsd_m=one.acquisition.native_gsd_m,
                delivered_gsd_m=one.acquisition.delivered_gsd_m,
                pixel_m=files.pixel_m,
                area_part=1.0,
                delivered=now,
                state="offered",
            )
            work.orders.put(advance(placed, now, "processing", None, f"{record.id} out of the archive"))
            work.items.put(record)
            delivered.append(record)
    list_products(store, folder, bucket)
    return delivered


def _due(work: UnitOfWork, programme: Programme, task: OrderTask) -> _Due:
    order = work.orders.get(task.order)
    request = work.requests.get(order.request)
    activity = work.activities.get(str(request.acquisition))
    first = next((i for i in work.items.all(activity=activity.id) if i.order == activity.order), None)
    if first is None or activity.look is None:
        raise StateError(f"{task.order}: the image it is of is no longer there")
    (gsd_m,) = task.deliver_gsd_m.values()
    return _Due(
        task=task,
        activity=activity,
        first=first.path,
        acquisition=acquisition_of(
            programme,
            activity,
            id=f"{task.target}.{order.id}",
            order=order.id,
            target=task.target,
            footprint=request.targets[0].geometry,
            delivered_gsd_m=max(gsd_m, activity.look.gsd_m),
        ),
    )


def _seed(folder: Path, path: str, bucket: ProductBucket | None) -> int:
    """What drew the ground of the first product of an acquisition."""
    if bucket is not None:
        bucket.bring([path])
    return int(json.loads(read_text(folder / path))["properties"].get("comity:seed", 0))


def browse_image(
    store: Store, folder: Path, found: FoundItem, *, bucket: ProductBucket | None = None
) -> Path:
    """The Item of a small image of what is for sale, at least :data:`COARSER` times coarser than it.

    Made once, kept under ``folder/browse``; it is nothing to be delivered.
    """
    with store.read() as work:
        programme = work.programme()
        record = work.items.get(str(found.item.record))
        activity = work.activities.get(record.activity)
        secret = work.archive.secret()
    if listed_id(secret, activity.id) != found.item.id or activity.look is None:
        raise UnknownIdError("item for sale", found.item.id)
    pixel_m = max(COARSEST_PIXEL_M, COARSER * activity.look.gsd_m)
    shown = acquisition_of(
        programme, activity, id=found.item.id, order="browse", target=found.item.id,
        footprint=activity.footprint, delivered_gsd_m=pixel_m,
    )  # fmt: skip
    made = make_item(
        shown, folder, seed=_seed(folder, record.path, bucket), max_pixels=_BROWSE_PIXELS,
        taken_as=activity.id,
    )  # fmt: skip
    return made.item
