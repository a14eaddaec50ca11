"""One executed acquisition through every level: packets, counts, reflectance, product."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shapely.geometry import Point, box, mapping, shape
from shapely.geometry.base import BaseGeometry

from comity.core import Progress, read_text, silent, write_text
from comity.fleet import Instrument, Programme, Spacecraft
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity, ItemRecord
from comity.operations.sky import trajectories_of

if TYPE_CHECKING:
    from comity.imagery.products.making import ProductFiles

_COLOURS = ("blue", "green", "red", "nir")
#: Part of the image's width that the product is cut to: inside it whichever way the image is turned.
_CUT = 0.62


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    item: ItemRecord
    activity: Activity
    craft: Spacecraft
    instrument: Instrument
    lon_deg: float
    lat_deg: float


def process_one(
    store: Store,
    delivered: Path,
    folder: Path,
    *,
    seed: int = 0,
    columns: int = 320,
    progress: Progress = silent,
) -> ProductFiles | None:
    """Take the finest accepted point acquisition again, frame by frame, from level 0 to a product.

    Simulated: the spacecraft's camera over the same place at the same instant, the middle ``columns`` of its
    colour detectors and as many lines, and its panchromatic band; the product shows no more ground than the
    licensed item under ``delivered``. What each level leaves stays in ``folder``, whose earlier content is
    removed. None where no accepted image of full resolution is of a camera that takes both.
    """
    # Loaded when asked for: every command would wait for them.
    from comity.imagery.geometry.dem import Dem
    from comity.imagery.processing.decode import decode
    from comity.imagery.processing.radiometry import correct
    from comity.imagery.products.facts import SceneFacts
    from comity.imagery.products.making import make_product
    from comity.imagery.simulation.acquire import simulate
    from comity.imagery.simulation.programme import as_built, camera_of, look_at
    from comity.imagery.simulation.radiometer import Radiometer

    with store.read() as work:
        programme = work.programme()
        found = [one for item in work.items.all(state="accepted") if (one := _taken(work, programme, item))]
    if not found:
        return None
    best = min(found, key=lambda one: (one.instrument.gsd_m, one.item.cloud, one.item.id))
    trajectory = trajectories_of(programme, (best.craft.id,))[best.craft.norad_id]
    ratio = round((best.instrument.ms_gsd_m or 1.0) / best.instrument.gsd_m)
    images: dict[str, Path] = {}
    relief: Path | None = None
    shutil.rmtree(folder, ignore_errors=True)
    for number, (name, bands, detectors) in enumerate(
        (("colours", _COLOURS, columns), ("pan", ("pan",), columns * ratio))
    ):
        progress(3 * number, 8, f"level 0, {name}")
        model = look_at(
            camera_of(best.instrument, bands, detectors),
            trajectory,
            best.lon_deg,
            best.lat_deg,
            best.activity.interval.middle,
            detectors,
        )
        raw = simulate(
            model,
            folder,
            name=name,
            bands=bands,
            offsets=as_built(bands, seed, best.instrument.name),
            radiometer=Radiometer(bits=best.instrument.bits_per_sample),
            cloud=best.item.cloud,
            spacecraft=best.craft.name,
            instrument=best.instrument.name,
            seed=seed,
        )
        relief = relief or raw.dem
        progress(3 * number + 1, 8, f"level 1A, {name}")
        counts = decode(raw.raw, folder / f"{name}-l1a.tif", calibration=raw.calibration)
        progress(3 * number + 2, 8, f"level 1B, {name}")
        assert relief is not None
        images[name] = correct(
            counts.image, raw.calibration, folder / f"{name}-l1b.tif", dem=Dem(relief, "egm96")
        ).image
    progress(6, 8, "product")
    assert relief is not None
    side_m = _CUT * columns * (best.instrument.ms_gsd_m or best.instrument.gsd_m)
    licensed = shape(json.loads(read_text(delivered / best.item.path))["geometry"])
    area = _square(best.lon_deg, best.lat_deg, side_m).intersection(licensed)
    made = make_product(
        images["pan"],
        images["colours"],
        relief,
        write_text(folder / "area.geojson", json.dumps(mapping(area))),
        folder / "product",
        id=best.activity.id,
        facts=SceneFacts(order=best.item.order, providers=((programme.title, "licensor"),)),
    )
    progress(8, 8, made.id)
    return made


def _taken(work: UnitOfWork, programme: Programme, item: ItemRecord) -> _Taken | None:
    """The acquisition behind an item, of a point, not coarsened, with pan and colours in two resolutions."""
    activity = work.activities.get(item.activity)
    if activity.instrument is None or item.delivered_gsd_m > 1.01 * item.native_gsd_m:
        return None
    craft = programme.craft(activity.spacecraft)
    instrument = programme.instrument(craft.id, activity.instrument)
    if instrument.ms_gsd_m is None or not {"pan", *_COLOURS} <= set(instrument.bands):
        return None
    task = work.tasks.get(item.task)
    request = work.requests.get(work.orders.get(item.order).request)
    place = next(target for target in request.targets if target.id == task.target).geometry
    if not isinstance(place, Point):
        return None
    return _Taken(
        item=item, activity=activity, craft=craft, instrument=instrument, lon_deg=place.x, lat_deg=place.y
    )


def _square(lon_deg: float, lat_deg: float, side_m: float) -> BaseGeometry:
    """A square round a place, by the metres of a degree there."""
    north = 0.5 * side_m / 111_320.0
    east = north / max(math.cos(math.radians(lat_deg)), 1e-3)
    return box(lon_deg - east, lat_deg - north, lon_deg + east, lat_deg + north)
