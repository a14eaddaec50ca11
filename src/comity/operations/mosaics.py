"""The accepted images of an area as one: a mosaic for each task that came in several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from shapely.geometry.base import BaseGeometry

from comity.core import Progress, silent
from comity.imagery import JoinedFiles, common_bands, join_items, write_catalogue
from comity.operations.archiving import index_deliveries
from comity.operations.ports import Store, UnitOfWork
from comity.operations.product_bucket import ProductBucket
from comity.operations.records import ItemRecord
from comity.services import OrderTask

_PREFIX = "mosaic-"
#: Their Items, below the catalogue.
_MOSAIC = f"*/{_PREFIX}*/{_PREFIX}*.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A mosaic to make, ``items`` with the least cloudy first."""

    id: str
    order: str
    place: str
    area: BaseGeometry
    items: tuple[ItemRecord, ...]


def make_mosaics(
    store: Store, folder: Path, *, quicklook_px: int = 1024, progress: Progress = silent
) -> list[JoinedFiles]:
    """Join the accepted images of every area that came in several, under ``folder``, and list them.

    The least cloudy image is on top. A mosaic stands beside its images in the catalogue, says which they are,
    and is made anew when another image of the area has been accepted; what is up to date is kept.
    Images of one area that share no band are left apart.
    """
    with store.read() as work:
        wanted = [one for task in work.tasks.all() if (one := _wanted(work, task)) is not None]
    made = []
    for number, one in enumerate(wanted):
        progress(number, len(wanted), one.id)
        paths = [folder / item.path for item in one.items]
        if common_bands(paths):
            made.append(
                join_items(
                    paths,
                    one.area,
                    folder / "stac" / one.order,
                    id=one.id,
                    place=one.place,
                    order=one.order,
                    quicklook_px=quicklook_px,
                )
            )
    progress(len(wanted), len(wanted), "catalogue")
    if made:
        list_products(store, folder)
    return made


def list_products(store: Store, folder: Path, bucket: ProductBucket | None = None) -> Path | None:
    """Write the catalogue of everything delivered into ``folder``, with mosaics, then index what is new.

    With a ``bucket`` the Items that others made are brought from it first, and the catalogue is put there
    last. Nobody waits for the writing: where another process has delivered meanwhile, it is written again.
    None where nothing was delivered yet.
    """
    while True:
        with store.read() as work:
            items, title = work.items.all(), work.programme().title
        if not items:
            return None
        there = {} if bucket is None else bucket.listed()
        if bucket is not None:
            joined = (f"stac/{key}" for key in there if PurePath(key).match(_MOSAIC))
            bucket.bring([*(item.path for item in items), *joined])
        mosaics = list(mosaic_items(folder))
        paths = [*(folder / item.path for item in items), *mosaics]
        written = write_catalogue(folder / "stac", paths, title=title)
        with store.begin() as work:
            if (newest := work.items.page(1)[0].id) == items[-1].id:
                index_deliveries(work, folder, mosaics)
        if bucket is not None and newest == items[-1].id:
            bucket.publish(written, there)
            with store.read() as work:
                newest = work.items.page(1)[0].id
        if newest == items[-1].id:
            return written


def mosaic_items(folder: Path) -> Iterable[Path]:
    """The Items of the mosaics that :func:`make_mosaics` left under ``folder``."""
    return sorted((folder / "stac").glob(_MOSAIC))


def _wanted(work: UnitOfWork, task: OrderTask) -> _Wanted | None:
    if not task.cell_points:
        return None  # a point is in every image of it
    items = work.items.all(task=task.id, state="accepted")
    if len(items) < 2:
        return None
    request = work.requests.get(work.orders.get(task.order).request)
    target = next(one for one in request.targets if one.id == task.target)
    return _Wanted(
        id=f"{_PREFIX}{task.id.removeprefix(task.order).strip('/')}",
        order=task.order,
        place=target.name,
        area=target.geometry,
        items=tuple(sorted(items, key=lambda item: (item.cloud, item.id))),
    )
