"""The accepted images of an area as one: a mosaic for each task that came in several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from comity.core import Progress, silent
from comity.imagery import JoinedFiles, common_bands, join_items, write_catalogue
from comity.operations.archiving import index_deliveries
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import ItemRecord
from comity.services import OrderTask

_PREFIX = "mosaic-"


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
    with store.begin() as work:
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
        with store.begin() as work:
            list_products(work, folder)
    return made


def list_products(work: UnitOfWork, folder: Path) -> Path:
    """Write the catalogue of everything delivered into ``folder``, with mosaics; index it for search."""
    items = [folder / item.path for item in work.items.all()]
    mosaics = list(mosaic_items(folder))
    written = write_catalogue(folder / "stac", [*items, *mosaics], title=work.programme().title)
    index_deliveries(work, folder, mosaics)
    return written


def mosaic_items(folder: Path) -> Iterable[Path]:
    """The Items of the mosaics that :func:`make_mosaics` left under ``folder``."""
    return sorted((folder / "stac").glob(f"*/{_PREFIX}*/{_PREFIX}*.json"))


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
