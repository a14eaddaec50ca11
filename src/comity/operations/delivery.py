"""Making and handing over what was acquired: products, the catalogue, the customer's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from comity.core import Epoch, Executor, InputError, Progress, StateError, ThreadExecutor, silent
from comity.fleet import Programme, Request
from comity.imagery import Acquisition, ItemFiles, make_item, write_catalogue
from comity.operations.execution import reopen
from comity.operations.licences import licensed_ground, polygons_of
from comity.operations.orders import close_if_done, finished
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity, ItemRecord
from comity.operations.settlement import charge
from comity.services import OrderTask

LICENCE = "proprietary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One product to make: the acquisition and where it belongs."""

    acquisition: Acquisition
    activity: Activity
    area_part: float


def waiting_products(store: Store) -> list[Work]:
    """Received acquisitions that have no product yet, in order of time."""
    with store.begin() as work:
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
            found.append(_describe(work, programme, requests[order.request], activity))
    return sorted(found, key=lambda w: w.acquisition.start)


def deliver(
    store: Store,
    folder: Path,
    *,
    now: Epoch,
    seed: int = 0,
    max_pixels: int = 20_000_000,
    quicklook_px: int = 1024,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> list[ItemRecord]:
    """Make every waiting product under ``folder`` and offer it to its customer.

    Each product's files appear whole, then its record is kept; a run that is killed between the two
    makes the same bytes again, so nothing is lost or doubled. The catalogue is written last, from all
    items. ``max_pixels`` bounds an image; the pixel used is stated beside the native GSD. Raises
    :class:`InputError`, before anything is made, where ``folder`` does not hold what was delivered before.
    """
    _check_folder(store, folder)
    products = waiting_products(store)
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
        with store.begin() as work:
            # Another process may have offered it meanwhile, or the customer cancelled.
            order = work.orders.get(product.acquisition.order)
            if order.status != "user_cancelled" and not work.items.all(activity=product.activity.id):
                record = _record(product, files, folder, now)
                work.items.put(record)
                delivered.append(record)
    progress(len(products), len(products), "catalogue")
    with store.begin() as work:
        programme, items = work.programme(), work.items.all()
    if items:
        write_catalogue(folder / "stac", [folder / item.path for item in items], title=programme.title)
    return delivered


def _check_folder(store: Store, folder: Path) -> None:
    with store.begin() as work:
        lost = [item for item in work.items.all() if not (folder / item.path).is_file()]
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
    station = programme.station(str(activity.received_by))
    look, licence = activity.look, activity.licence
    if look is None or activity.footprint is None or activity.elements_epoch is None:
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
    owner, operator = programme.partner(craft.owner), programme.partner(station.owner)
    return Work(
        activity=activity,
        area_part=sum(task.cell_weights[cell] for cell in activity.cells) if task.cell_points else 1.0,
        acquisition=Acquisition(
            id=activity.id,
            order=task.order,
            target=target.name,
            spacecraft=craft.name,
            norad_id=craft.norad_id,
            instrument=instrument.name,
            start=activity.interval.start,
            end=activity.interval.end,
            footprint=footprint,
            native_gsd_m=look.gsd_m,
            delivered_gsd_m=delivered_gsd_m,
            bands=instrument.bands,
            off_nadir_deg=look.off_nadir_deg,
            incidence_deg=look.incidence_deg,
            view_azimuth_deg=look.view_azimuth_deg,
            sun_elevation_deg=look.sun_elevation_deg,
            sun_azimuth_deg=look.sun_azimuth_deg,
            cloud=activity.cloud if activity.cloud is not None else 0.0,
            cloud_source=activity.cloud_source or "not reported: taken as clear",
            ascending=activity.ascending,
            providers=(
                (owner.name, "producer"),
                (operator.name, "processor"),
                (programme.title, "licensor"),
            ),
            licence=LICENCE,
            elements_source=activity.elements_source,
            elements_epoch=activity.elements_epoch,
            station=station.name,
            simulated=activity.simulated,
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
    with store.begin() as work:
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
                why = f"cloud {record.cloud:.0%} is over the limit of {task.max_cloud:.0%}"
            if why is None:
                work.items.put(replace(record, state="accepted"))
                charge(work, record, now)
                accepted.append(record.id)
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


def _without(work: UnitOfWork, task: OrderTask, now: Epoch, why: str) -> tuple[OrderTask, bool]:
    """The task after an item of it was refused, and whether it is tried again.

    What other images of it show is kept: strips overlap. A cancelled order tries nothing again.
    """
    refused = {item.activity for item in work.items.all(task=task.id, state="refused")}
    standing = [a for a in work.activities.all(task=task.id, state="done") if a.id not in refused]
    task = replace(task, got=tuple(sorted({cell for a in standing for cell in a.cells})))
    if task.state == "cancelled":
        return task, False
    if standing and len(task.got) == len(task.cell_points):
        return finished(work, replace(task, state="acquired"), now), False
    return reopen(task, now, why)
