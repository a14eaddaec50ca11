"""A small account with one of everything, made in memory, for tests of the report.

Windows, plans and outcomes are made up; quotes, invoices and the ledger are the real thing.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import shapely
from PIL import Image
from shapely.geometry import Point

from comity.access import ElementsUsed, ImagingWindow, Look
from comity.commerce import (
    Ledger,
    Usage,
    credit_open,
    credit_transaction,
    decide_request,
    invoice_item,
    invoice_transaction,
    open_billing,
    quote_request,
    reservation_transaction,
    settle,
    split_invoice,
)
from comity.core import Epoch, Interval
from comity.fleet import Programme, Target
from comity.operations.account import Account
from comity.operations.records import Activity, ItemRecord, OpportunitySet, Order, OrderStatus, PlanRecord
from comity.planning import (
    Bound,
    Contact,
    Opportunity,
    PlannedAcquisition,
    PlannedDownlink,
    Problem,
    Reason,
    Solution,
    SpacecraftLimits,
    Task,
)
from comity.services import OrderTask
from unit.server.made_programme import NOW, WEEK, programme, requests


def look(at: Epoch, gsd_m: float = 0.9) -> Look:
    """A plausible look."""
    return Look(
        at=at,
        off_nadir_deg=18.4,
        roll_deg=18.0,
        pitch_deg=3.0,
        incidence_deg=20.1,
        range_m=540e3,
        gsd_m=gsd_m,
        sun_elevation_deg=52.0,
        sun_azimuth_deg=120.0,
        view_azimuth_deg=280.0,
        direction=(0.0, 0.0, -1.0),
        inertial=(0.0, 0.0, -1.0),
    )


def account(folder: Path) -> Account:
    """The account, with quicklooks written under ``folder``."""
    rng = np.random.default_rng(7)
    owned = programme()
    wanted = requests(owned)
    owners = {
        p: sorted(
            {c.instruments[0].gsd_m for c in owned.spacecraft if c.owner == p and c.instruments[0].gsd_m <= 3}
        )
        for p in ("north", "east")
    }
    quotes, orders, tasks, sets, activities, items = [], [], [], [], [], []
    ledger = Ledger()
    billings = {}
    for k, request in enumerate(wanted, 1):
        decisions = decide_request(owned.rules, request, owners, at=NOW)
        quote = quote_request(owned.price_book, request, decisions, quote_id=f"quote-000{k}", now=NOW)
        order = Order(
            id=f"order-000{k}",
            request=request.id,
            quote=quote.id,
            customer=request.customer.id,
            product=request.product.id,
            created=NOW,
            statuses=(
                OrderStatus(at=NOW, code="accepted"),
                OrderStatus(at=NOW + 60, code="scheduled", reason_text="plan-0001: all tasks planned"),
                OrderStatus(at=NOW + 3 * 86_400, code="processing"),
            ),
        )
        billings[order.id] = open_billing(quote, order=order.id, at=NOW)
        ledger.add(reservation_transaction(billings[order.id]))
        quotes.append(quote)
        orders.append(order)
        refused = {entry.target for entry in quote.not_offered}
        for target in request.targets:
            cells = target.geometry.geom_type != "Point"
            tasks.append(
                OrderTask(
                    id=f"{order.id}/{target.id}",
                    order=order.id,
                    target=target.id,
                    interval=WEEK,
                    value=1000.0,
                    max_cloud=0.2,
                    cell_points=((42.5, 11.5), (42.7, 11.7)) if cells else (),
                    cell_weights=(0.75, 0.25) if cells else (),
                    got=(0,) if target.id == "dji" else (),
                    deliver_gsd_m={},
                    state="refused-by-rule" if target.id in refused else "open",
                )
            )
        windows = [
            _window(owned, target.id, target, k_window, rng)
            for target in request.targets
            for k_window in range(5)
        ]
        sets.append(
            OpportunitySet(
                id=f"{request.id}/opportunities",
                request=request.id,
                found_at=NOW,
                interval=WEEK,
                elements="",
                windows=tuple(windows),
            )
        )
        for n, window in enumerate(windows[::2]):
            _acquire(owned, order, window, n, folder, rng, activities, items)
    for number, item in enumerate(items, 1):
        billing = billings[item.order]
        task = next(task for task in tasks if task.id == item.task)
        at = NOW + 5 * 86_400 + number
        offered = {line.target for line in billing.quote.lines}
        if (
            item.state != "accepted"
            or task.target not in offered
            or not billing.open_part(task.target).quantity
        ):
            continue
        line = billing.quote.line(task.target)
        invoice = invoice_item(
            billing,
            invoice_id=f"invoice-{number:04d}",
            item=item.id,
            target=task.target,
            quantity=(line.quantity / 3).quantize(Decimal("0.01")) if line.unit == "km2" else 1,
            at=at,
        )
        owner = next(
            c.owner
            for c in owned.spacecraft
            if c.id == next(a for a in activities if a.id == item.activity).spacecraft
        )
        used = (
            Usage(partner=owner, kind="satellite", weight=1),
            Usage(partner=("north", "east", "south")[number % 3], kind="station", weight=1),
        )
        ledger.add(invoice_transaction(invoice))
        ledger.add(split_invoice(invoice, used, owned.partners, owned.price_book, at=at))
        billings[item.order] = billing.with_invoice(invoice)
    note = credit_open(
        billings["order-0002"],
        note_id="credit-note-0001",
        reason="the window closed under cloud",
        at=NOW + 7 * 86_400,
    )
    ledger.add(credit_transaction(note))
    ledger.extend(settle(ledger, owned.partners, owned.price_book, run="settlement-1", at=NOW + 8 * 86_400))
    held = {item.task for item in items if item.state == "accepted"}
    tasks = [
        replace(task, state="done") if task.id in held and not task.cell_points else task for task in tasks
    ]
    return Account(
        now=NOW + 8 * 86_400,
        programme=owned,
        requests=wanted,
        opportunities=tuple(sets),
        quotes=tuple(quotes),
        orders=tuple(orders),
        tasks=tuple(tasks),
        plans=_plans(tasks),
        activities=tuple(activities),
        items=tuple(items),
        ledger=ledger,
    )


def _window(
    owned: Programme, id: str, target: Target, number: int, rng: np.random.Generator
) -> ImagingWindow:
    craft = owned.spacecraft[int(rng.integers(len(owned.spacecraft) - 1))]
    start = NOW + float(rng.uniform(0, 6.5 * 86_400))
    centre = target.geometry
    if centre.geom_type != "Point":
        west, south, east, north = centre.bounds
        centre = Point(west + (east - west) * (0.15 + 0.17 * number), (south + north) / 2)
    half = 0.12 if target.geometry.geom_type == "Point" else 0.6
    swath = shapely.affinity.rotate(
        shapely.box(centre.x - 0.11, centre.y - half, centre.x + 0.11, centre.y + half), 12
    )
    strip = id if target.geometry.geom_type == "Point" else f"{id}/strip-{number + 1}"
    best = look(start + 5, craft.instruments[0].gsd_m * 1.2)
    return ImagingWindow(
        spacecraft=craft.id,
        norad_id=craft.norad_id,
        instrument="pan",
        target=strip,
        interval=Interval(start, start + 14.0),
        best=best,
        looks=(best,),
        footprint=swath,
        ascending=False,
        whole=True,
        elements=ElementsUsed(
            norad_id=craft.norad_id, source="made up for tests", epoch=NOW + -7200.0, age_s=start - NOW
        ),
    )


def _acquire(
    owned: Programme,
    order: Order,
    window: ImagingWindow,
    number: int,
    folder: Path,
    rng: np.random.Generator,
    activities: list[Activity],
    items: list[ItemRecord],
) -> None:
    plan = "plan-0001" if number % 2 else "plan-0002"
    id = f"{plan}-{order.id[-1]}{number:02d}"
    state = ("done", "done", "failed", "done", "planned", "done", "dropped")[number % 7]
    area = window.target.partition("/")[0]
    station = owned.stations[number % 3].id
    executed = state in ("done", "failed")
    taken = Activity(
        id=f"{id}-a",
        plan=plan,
        kind="acquisition",
        spacecraft=window.spacecraft,
        interval=window.interval,
        state=state,
        bits=8e9,
        instrument="pan",
        order=order.id,
        task=f"{order.id}/{area}",
        target=window.target,
        look=window.best,
        footprint=window.footprint,
        cells=(0,),
        received_by=station if state == "done" else None,
        cloud=float(rng.uniform(0, 0.4)) if executed else None,
        cloud_source="drawn from a stated proxy" if executed else "",
        simulated=executed,
        outcome="attitude error" if state == "failed" else "",
        elements_source="made up for tests",
        elements_epoch=NOW,
    )
    start = window.interval.end + 2_400.0
    activities += [
        taken,
        replace(
            taken,
            id=f"{id}-d",
            kind="downlink",
            interval=Interval(start, start + 180.0),
            station=station,
            footprint=None,
            look=None,
            cloud=None,
            order=None,
            task=None,
            target=None,
            carries=(taken.id,),
            state="done" if state == "failed" else state,
        ),
    ]
    if state != "done" or taken.cloud is None:
        return
    base = f"stac/{order.id}/{id}"
    (folder / base).mkdir(parents=True, exist_ok=True)
    _quicklook(folder / base / "quicklook.png", rng)
    accepted = taken.cloud <= 0.2
    items.append(
        ItemRecord(
            id=f"item-{id}",
            activity=taken.id,
            order=order.id,
            task=str(taken.task),
            target=area,
            path=f"{base}/item.json",
            image=f"{base}/image.tif",
            quicklook=f"{base}/quicklook.png",
            cloud=taken.cloud,
            native_gsd_m=0.84,
            delivered_gsd_m=10.0 if area.startswith("band") else 0.84,
            pixel_m=12.0,
            area_part=0.3 if "/" in window.target else 1.0,
            delivered=NOW + 4 * 86_400,
            state="accepted" if accepted else "refused",
            state_reason="" if accepted else f"cloud {taken.cloud:.0%} is over the limit of 20%",
        )
    )


def _quicklook(path: Path, rng: np.random.Generator) -> None:
    """A picture with a transparent rim, like the quicklook of a tilted strip."""
    y, x = (
        np.mgrid[0:1, 0:1:512j][0] + np.linspace(0, 1, 640)[:, None],
        np.linspace(0, 1, 512)[None, :] + np.zeros((640, 1)),
    )
    waves = sum(np.sin((x * a + y * b) * 9 + c) for a, b, c in rng.uniform(-3, 3, (6, 3)))
    shade = np.clip(110 + 30 * waves + rng.normal(0, 6, x.shape), 0, 255)
    inside = abs(x - 0.5 + 0.2 * (y - 0.5)) < 0.36
    rgba = np.stack([shade, shade * 0.95, shade * 0.8, np.where(inside, 255, 0)], axis=-1).astype(np.uint8)
    Image.fromarray(rgba).save(path)


def _plans(tasks: list[OrderTask]) -> tuple[PlanRecord, ...]:
    records = []
    for number in (1, 2):
        wanted = [task for task in tasks if task.state != "refused-by-rule"]
        problem = Problem(
            start=NOW + (number - 1) * 172_800.0,
            horizon_s=7 * 86_400.0,
            tasks=tuple(Task(id=t.id, order=t.order, value=t.value) for t in wanted),
            opportunities=tuple(
                Opportunity(
                    id=f"o{k}",
                    task=t.id,
                    spacecraft="sight-1",
                    start_s=100.0 * k,
                    end_s=100.0 * k + 10,
                    from_direction=(0, 0, 1),
                    to_direction=(0, 0, 1),
                    quality=0.8,
                    bits=8e9,
                )
                for k, t in enumerate(wanted)
            ),
            contacts=(
                Contact(
                    id="c1",
                    spacecraft="sight-1",
                    station="moscow",
                    start_s=5000.0,
                    end_s=5600.0,
                    rate_bps=1.2e8,
                ),
            ),
            spacecraft=(
                SpacecraftLimits(
                    id="sight-1",
                    slew_rate_rad_s=0.02,
                    slew_acceleration_rad_s2=0.002,
                    settle_s=10.0,
                    memory_bits=1e12,
                ),
            ),
            antennas={"moscow": 1, "sanya": 1, "hart": 1},
            busy_spacecraft={},
            busy_stations={},
        )
        solution = Solution(
            acquisitions=tuple(
                PlannedAcquisition(opportunity=o.id, downlinks=("c1",)) for o in problem.opportunities[:-2]
            ),
            downlinks=(PlannedDownlink(contact="c1", start_s=5000.0, end_s=5300.0, bits=3.6e10),),
            task_values={t.id: t.value * 0.8 for t in wanted[:-2]},
            bound=Bound(
                value=7_600.0,
                upper=7_600.0 if number == 2 else 7_912.5,
                method="CP-SAT linear relaxation and search",
            ),
            reasons=(
                Reason(
                    task=wanted[-1].id,
                    code="beaten",
                    text=f"every window of {wanted[-1].target} overlaps a better one",
                    by=(wanted[0].id,),
                ),
                Reason(
                    task=wanted[-2].id,
                    code="no-window",
                    text="no window before the plan's end has a Sun elevation over 10°",
                ),
            ),
            solver="CP-SAT",
            work=12.5,
            seed=7,
        )
        records.append(
            PlanRecord(id=f"plan-000{number}", created=problem.start, problem=problem, solution=solution)
        )
    return tuple(records)
