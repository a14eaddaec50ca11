"""Making and handing over what was acquired: products, the catalogue, the customer's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from comity.core import Epoch, Executor, InputError, Progress, StateError, ThreadExecutor, silent
from comity.fleet import Programme, Request
from comity.imagery import Acquisition, ItemFiles, make_item
from comity.operations.acquisitions import acquisition_of
from comity.operations.closing import close_if_done, finished
from comity.operations.cloud import CODE, for_customer, held_back, over_limit, over_text
from comity.operations.execution import reopen
from comity.operations.licences import licensed_ground, polygons_of
from comity.operations.mosaics import list_products
from comity.operations.orders import advance, remark
from comity.operations.ports import Store, UnitOfWork
from comity.operations.product_bucket import ProductBucket
from comity.operations.records import Activity, ItemRecord
from comity.operations.settlement import charge
from comity.services import OrderTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One product to make: the acquisition and where it belongs."""

    acquisition: Acquisition
    activity: Activity
    area_part: float


def waiting_products(store: Store, now: Epoch) -> list[Work]:
    """Received acquisitions that have no product yet, in order of time.

    Images over the cloud limit wait while a clearer one may be taken; once the window has closed, those that
    stand in for it are for the customer to decide on, the others are left aside.
    """
    with store.read() as work:
        programme = work.programme()
        made = {item.activity for item in work.items.all()}
        orders = {order.id: order for order in work.orders.all()}
        requests = {request.id: request for request in work.requests.all()}
        found = []
        for activity in work.activities.all(kind="acquisition", state="done"):
            if activity.received_by is None or activity.id in made:
                continue
            order = orders[str(activity.order)]
            if order.status == "user_cancelled":
                continue
            task = work.tasks.get(str(activity.task))
            if over_limit(activity, task):
                standing_in = {a.id for a in for_customer(work, task)}
                if task.interval.end > now or activity.id not in standing_in:
                    continue
            found.append(_describe(work, programme, requests[order.request], activity))
    return sorted(found, key=lambda w: w.acquisition.start)


def held_for_clouds(store: Store, now: Epoch) -> list[str]:
    """Received acquisitions over the cloud limit that are held back while a clearer one may be taken."""
    with store.read() as work:
        tasks = [task for state in ("open", "planned") for task in work.tasks.all(state=state)]
        return [activity.id for task in tasks for activity in held_back(work, task, now)]


def deliver(
    store: Store,
    folder: Path,
    *,
    now: Epoch,
    seed: int = 0,
    max_pixels: int = 20_000_000,
    quicklook_px: int = 1024,
    bucket: ProductBucket | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> list[ItemRecord]:
    """Make every waiting product under ``folder`` and offer it to its customer.

    Each product's files appear whole, then its record is kept; a run that is killed between the two
    makes the same bytes again, so nothing is lost or doubled. The catalogue is written last, from all
    items. ``max_pixels`` bounds an image; the pixel used is stated beside the native GSD. With a ``bucket``
    each product lies in it before its record is kept, and the catalogue at the end. Raises
    :class:`InputError`, before anything is made, where neither ``folder`` nor ``bucket`` holds what was
    delivered before.
    """
    _check_folder(store, folder, bucket)
    products = waiting_products(store, now)
    delivered: list[ItemRecord] = []

    def make(product: Work) -> ItemFiles:
        return make_item(
            product.acquisition,
            folder / "stac",
            seed=seed,
            max_pixels=max_pixels,
            quicklook_px=quicklook_px,
        )

    made = (executor or ThreadExecutor()).map(make, products)
    for number, (product, files) in enumerate(zip(products, made, strict=True)):
        progress(number, len(products), product.acquisition.id)
        if bucket is not None:
            bucket.keep(files.item)
        with store.begin() as work:
            # Another process may have offered it meanwhile, or the customer cancelled.
            order = work.orders.get(product.acquisition.order)
            if order.status != "user_cancelled" and not work.items.all(activity=product.activity.id):
                record = _record(product, files, folder, now)
                task = work.tasks.get(record.task)
                if over_limit(product.activity, task):
                    why = f"{over_text(record.cloud, task)}; no clearer one was taken in time"
                    record = replace(record, state_reason=why)
                    text = f"{record.id}: {why}: accept or refuse it"
                    if order.status in ("accepted", "scheduled", "tasked"):
                        work.orders.put(advance(order, now, "processing", CODE, text))
                    else:
                        work.orders.put(remark(order, now, CODE, text))
                work.items.put(record)
                delivered.append(record)
    progress(len(products), len(products), "catalogue")
    list_products(store, folder, bucket)
    return delivered


def _check_folder(store: Store, folder: Path, bucket: ProductBucket | None) -> None:
    with store.read() as work:
        lost = [item for item in work.items.all() if not (folder / item.path).is_file()]
    if bucket is not None:
        bucket.bring(item.path for item in lost)
        lost = [item for item in lost if not (folder / item.path).is_file()]
    if lost:
        raise InputError(
            f"{folder} does not hold {lost[0].path} ({len(lost)} delivered items are not there): name the "
            "folder of the earlier deliveries, or bring their files back"
        )


def _describe(work: UnitOfWork, programme: Programme, request: Request, activity: Activity) -> Work:
    task = work.tasks.get(str(activity.task))
    target = next(t for t in request.targets if t.id == task.target)
    craft = programme.craft(activity.spacecraft)
    instrument = programme.instrument(craft.id, str(activity.instrument))
    look, licence = activity.look, activity.licence
    if look is None or activity.footprint is None:
        raise StateError(f"{activity.id} has no geometry: it was not made by plan make")
    footprint = activity.footprint
    if target.geometry.geom_type != "Point":
        # What lies beyond the area that was ordered was not asked for, priced or licensed.
        footprint = polygons_of(footprint.intersection(target.geometry))
    delivered_gsd_m = max(
        look.gsd_m,
        task.deliver_gsd_m[f"{craft.id}/{instrument.id}"],
        licence.deliver_gsd_m or 0.0 if licence is not None else 0.0,
    )
    footprint = licensed_ground(
        programme, request, target, craft.id, footprint, delivered_gsd_m, activity.interval.end
    )
    return Work(
        activity=activity,
        area_part=sum(task.cell_weights[cell] for cell in activity.cells) if task.cell_points else 1.0,
        acquisition=acquisition_of(
            programme,
            activity,
            id=activity.id,
            order=task.order,
            target=target.name,
            footprint=footprint,
            delivered_gsd_m=delivered_gsd_m,
        ),
    )


def _record(product: Work, files: ItemFiles, folder: Path, now: Epoch) -> ItemRecord:
    acquisition, activity = product.acquisition, product.activity
    return ItemRecord(
        id=f"item-{activity.id}",
        activity=activity.id,
        order=acquisition.order,
        task=str(activity.task),
        target=acquisition.target,
        path=files.item.relative_to(folder).as_posix(),
        image=files.image.relative_to(folder).as_posix(),
        quicklook=files.quicklook.relative_to(folder).as_posix(),
        cloud=acquisition.cloud,
        native_gsd_m=acquisition.native_gsd_m,
        delivered_gsd_m=acquisition.delivered_gsd_m,
        pixel_m=files.pixel_m,
        area_part=product.area_part,
        delivered=now,
        state="offered",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of the items a customer was asked about."""

    accepted: tuple[str, ...]
    refused: tuple[str, ...]
    retried: tuple[str, ...]


def offered_items(store: Store, *, item: str | None = None, order: str | None = None) -> list[ItemRecord]:
    """Items that await the customer's word: one, those of an order, or all."""
    with store.read() as work:
        if item is not None:
            record = work.items.get(item)
            if record.state != "offered":
                why = f": {record.state_reason}" if record.state_reason else ""
                raise StateError(f"{item} is already {record.state}{why}")
            return [record]
        if order is not None:
            work.orders.get(order)
            return work.items.all(state="offered", order=order)
        return work.items.all(state="offered")


def judge_items(
    store: Store,
    items: Iterable[ItemRecord],
    *,
    now: Epoch,
    refuse: str | None = None,
    within_limits: bool = False,
) -> Judgement:
    """Take the customer's word on offered items: accepted (and charged), or refused with a reason.

    ``refuse``: the reason to refuse them all. ``within_limits``: accept those within the order's cloud
    limit and refuse the rest, as a customer who follows the contract would. A refused item is not
    charged; its place is tried again while the request lasts.
    """
    accepted, refused, retried = [], [], []
    for item in items:
        with store.begin() as work:
            record = work.items.get(item.id)
            if record.state != "offered":
                raise StateError(f"{record.id} is already {record.state}")
            task = work.tasks.get(record.task)
            why = refuse
            if within_limits and record.cloud > task.max_cloud:
                why = over_text(record.cloud, task)
            if why is None:
                work.items.put(replace(record, state="accepted"))
                charge(work, record, now)
                accepted.append(record.id)
                task = _with(work, task, record)
                if task.state == "acquired":
                    work.tasks.put(finished(work, task, now))
            else:
                work.items.put(replace(record, state="refused", state_reason=why))
                task, may = _without(work, task, now, why)
                work.tasks.put(task)
                refused.append(record.id)
                if may:
                    retried.append(record.id)
            close_if_done(work, task.order, now)
    return Judgement(accepted=tuple(accepted), refused=tuple(refused), retried=tuple(retried))


def _with(work: UnitOfWork, task: OrderTask, record: ItemRecord) -> OrderTask:
    """The task after an item of it was accepted: one over the cloud limit counts from now on."""
    activity = work.activities.get(record.activity)
    if not over_limit(activity, task) or task.state not in ("open", "planned", "acquired"):
        return task
    task = replace(task, got=tuple(sorted({*task.got, *activity.cells})))
    if len(task.got) == len(task.cell_points):
        task = replace(task, state="acquired", reason_code="", reason_text="")
    work.tasks.put(task)
    return task


def _without(work: UnitOfWork, task: OrderTask, now: Epoch, why: str) -> tuple[OrderTask, bool]:
    """The task after an item of it was refused, and whether it is tried again.

    What other images of it show is kept: strips overlap. A cancelled order tries nothing again.
    """
    items = {item.activity: item.state for item in work.items.all(task=task.id)}
    standing = [
        a
        for a in work.activities.all(task=task.id, state="done")
        if items.get(a.id) == "accepted" or (items.get(a.id) != "refused" and not over_limit(a, task))
    ]
    task = replace(task, got=tuple(sorted({cell for a in standing for cell in a.cells})))
    if work.requests.get(work.orders.get(task.order).request).acquisition is not None:
        return replace(task, state="failed", reason_code="refused", reason_text=why), False
    if task.state == "cancelled":
        return task, False
    if standing and len(task.got) == len(task.cell_points):
        return finished(work, replace(task, state="acquired"), now), False
    return reopen(task, now, why)
