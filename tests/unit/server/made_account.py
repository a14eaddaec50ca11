"""A small account with one of everything, made in memory, for tests of the report.

Spacecraft fly on plausible sun-synchronous elements; windows and outcomes are made up. Some names are
hostile on purpose.
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
from comity.fleet import (
    Customer,
    ExchangeRate,
    GroundStation,
    Instrument,
    Partner,
    Price,
    PriceBook,
    Product,
    Programme,
    Request,
    Rule,
    Source,
    Spacecraft,
    Target,
    border_band,
    territory,
)
from comity.operations.account import Account
from comity.operations.records import Activity, ItemRecord, OpportunitySet, Order, OrderStatus, PlanRecord
from comity.orbits import MeanElements
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

NOW = Epoch.from_iso("2024-09-22T00:00:00Z")
WEEK = Interval(NOW, NOW + 7 * 86_400)
#: A customer that tries to break out of the page.
HOSTILE = '<script>document.title="broken"</script> & "Söhne" \'GmbH\''
HOSTILE_CITY = "Nairobi</title><img src=x onerror=alert(1)>"
CAPITALS = {
    "Cairo": (31.24, 30.04),
    "Pretoria": (28.19, -25.75),
    "Moscow": (37.62, 55.75),
    "Beijing": (116.39, 39.91),
    "Brasília": (-47.88, -15.79),
    "Ottawa": (-75.70, 45.42),
    "Canberra": (149.13, -35.28),
    "Suva": (178.44, -18.14),
}

_SOURCE = Source(text="a published table")
_OURS = Source(text="no published value was found", assumed=True)


def programme() -> Programme:
    """Three partners, five spacecraft, three stations, three products, two licence rules."""
    partners = tuple(
        Partner(id=id, name=name, country=country, currency=currency, share=Decimal(share))
        for id, name, country, currency, share in (
            ("north", "Northern Space Agency", "RUS", "RUB", "0.5"),
            ("east", "Eastern Imaging Corporation", "CHN", "CNY", "0.3"),
            ("south", "Southern Earth Observatory", "ZAF", "ZAR", "0.2"),
        )
    )
    crafts, elements = [], {}
    fine = ("north", "north", "north", "east", "east")
    for k, owner in enumerate(fine):
        name, norad = f"Sight-{k + 1}", 40_001 + k
        instrument = Instrument(
            id="pan",
            name="PAN",
            gsd_m=(0.7, 2.1, 2.1, 0.8, 60.0)[k],
            swath_m=(38e3, 23e3, 23e3, 45e3, 900e3)[k],
            max_off_nadir_deg=45.0,
            reference_altitude_m=505e3,
            bands=("pan", "red"),
            bits_per_sample=10,
            data_rate_bps=6e8,
            pointing="agile",
            sources={"gsd_m": _SOURCE, "data_rate_bps": _OURS},
        )
        crafts.append(
            Spacecraft(
                id=f"sight-{k + 1}",
                name=name,
                norad_id=norad,
                owner=owner,
                instruments=(instrument,),
                slew_rate_deg_s=1.0,
                slew_acceleration_deg_s2=0.1,
                settle_s=10.0,
                memory_bits=1e12,
                downlink_bps=1.2e8,
                sources={"memory_bits": _OURS},
            )
        )
        elements[norad] = MeanElements(
            name=name,
            norad_id=norad,
            cospar_id=f"2020-00{k + 1}A",
            epoch=NOW + -7_200.0 * (k + 1),
            mean_motion=15.2 - 0.1 * k,
            eccentricity=0.001,
            inclination_deg=97.6,
            raan_deg=30.0 + 40.0 * k,
            arg_of_perigee_deg=90.0,
            mean_anomaly_deg=50.0 * k,
            bstar=1e-4,
            mean_motion_dot=0.0,
            mean_motion_ddot=0.0,
            source="made up for tests",
        )
    stations = tuple(
        GroundStation(
            id=id,
            name=name,
            owner=owner,
            lon_deg=lon,
            lat_deg=lat,
            altitude_m=100.0,
            min_elevation_deg=5.0,
            downlink_bps=3e8,
            antennas=1,
            sources={"lon_deg": _SOURCE},
        )
        for id, name, owner, lon, lat in (
            ("moscow", "Moscow", "north", 37.5, 55.9),
            ("sanya", "Sanya", "east", 109.3, 18.3),
            ("hart", "Hartebeesthoek", "south", 27.7, -25.9),
        )
    )
    products = tuple(
        Product(
            id=id,
            title=title,
            description=title,
            service="imaging",
            max_gsd_m=gsd,
            min_swath_m=0.0,
            max_off_nadir_deg=40.0,
            min_sun_elevation_deg=10.0,
            max_cloud=0.2,
            bands=("red",),
        )
        for id, title, gsd in (("area", "Area coverage", 3.0), ("scene", "Single scene", 3.0))
    )
    customers = (
        Customer(
            id="ministry", name="Ministry of Infrastructure", country="DJI", kind="government", currency="DJF"
        ),
        Customer(
            id="museum", name="Museum of Capitals", country="FRA", kind="public-service", currency="EUR"
        ),
        Customer(id="firm", name=HOSTILE, country="DEU", kind="commercial", currency="EUR"),
    )
    book = PriceBook(
        currency="EUR",
        prices=(
            Price(
                product="area",
                unit="km2",
                amount=Decimal("1.20"),
                minimum=Decimal(500),
                strict_cloud_surcharge=Decimal("0.25"),
            ),
            Price(
                product="scene",
                unit="scene",
                amount=Decimal(900),
                minimum=Decimal(500),
                strict_cloud_surcharge=Decimal(0),
            ),
        ),
        rates=tuple(
            ExchangeRate(
                base="EUR", quote=quote, rate=Decimal(rate), date="2024-09-20", source="a central bank"
            )
            for quote, rate in (("RUB", "103.25"), ("CNY", "7.8667"), ("ZAR", "19.4653"), ("DJF", "198.29"))
        ),
        satellite_part=Decimal("0.6"),
        station_part=Decimal("0.2"),
        pool_part=Decimal("0.2"),
        strict_cloud_below=0.25,
        quote_valid_s=30 * 86_400.0,
        note="Prices are illustrative: made for this example, nobody's offer.",
    )
    rules = tuple(
        Rule(
            id=id,
            title=title,
            partner=partner,
            territories=(),
            when="foreign",
            customer_kinds=("government",),
            customer_countries=(),
            finer_than_m=limit,
            effect=effect,
            coarsen_to_m=to,
            reason=reason,
            source="example rule",
        )
        for id, title, partner, limit, effect, to, reason in (
            (
                "fine-abroad",
                "Fine images of other territories",
                "north",
                2.5,
                "refuse",
                None,
                "the state imaged has not consented",
            ),
            (
                "coarse-abroad",
                "Coarse images only",
                "east",
                2.5,
                "coarsen",
                10.0,
                "no finer than 10 m without consent",
            ),
        )
    )
    return Programme(
        id="test-eo",
        title="Joint test programme",
        epoch=NOW,
        currency="EUR",
        partners=partners,
        spacecraft=tuple(crafts),
        stations=stations,
        products=products,
        customers=customers,
        price_book=book,
        rules=rules,
        elements=elements,
        requests=(),
        text="",
    )


def requests(owned: Programme) -> tuple[Request, ...]:
    """A territory with the bands around it, eight capitals, one city for a hostile name."""
    home = territory("DJI")
    bands = [
        Target(
            id=f"band-{id.lower()}",
            name=f"{territory(id).name}, 25 km band",
            territory=territory(id).id,
            geometry=border_band(territory(id), of=home, width_m=25_000.0).simplify(0.01),
        )
        for id in ("ETH", "ERI", "somaliland")
    ]
    area = Target(id="dji", name="Djibouti", geometry=home.geometry, territory="DJI")
    capitals = tuple(
        Target(id=name.lower(), name=name, geometry=Point(lon, lat), territory=None)
        for name, (lon, lat) in CAPITALS.items()
    )
    city = Target(id="city", name=HOSTILE_CITY, geometry=Point(36.82, -1.29), territory="KEN")
    wishes = (("ministry", "area", (area, *bands)), ("museum", "scene", capitals), ("firm", "scene", (city,)))
    return tuple(
        Request(
            id=f"request-000{k}",
            customer=owned.customer(customer),
            product=owned.product(product),
            targets=targets,
            interval=WEEK,
            max_cloud=0.2,
            max_gsd_m=3.0,
            max_off_nadir_deg=40.0,
            min_sun_elevation_deg=10.0,
            created=NOW,
        )
        for k, (customer, product, targets) in enumerate(wishes, 1)
    )


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
