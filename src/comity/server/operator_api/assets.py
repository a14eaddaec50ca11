"""The programme as it runs, its fleet and its orders."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from comity.fleet import Programme, programme_from_text
from comity.server.dependencies import Limit, OperatorDep, Wire, scoped
from comity.server.identity import Caller, require
from comity.server.operator import Operator
from comity.server.problems import FieldError, ForbiddenError, in_field, responses
from comity.server.settings import Settings

Reader = Annotated[Caller, scoped("plan:read")]


class PartnerOut(BaseModel):
    """An owner of assets."""

    id: str = Field(examples=["cnsa"])
    name: str
    country: str = Field(description="ISO 3166-1 alpha-3.", examples=["CHN"])
    currency: str = Field(description="ISO 4217.", examples=["CNY"])
    share: str = Field(description="Part of the pool's common revenue, 0…1, exact.", examples=["0.30"])


class ProgrammeOut(BaseModel):
    """The programme; ``customers`` and ``text`` are told to the operator's own people only."""

    id: str = Field(examples=["joint-eo"])
    title: str
    epoch: str | None = Field(
        description="Where the programme's own time starts; null: it follows the clock."
    )
    now: str = Field(description="The programme's time now.")
    currency: str
    partners: list[PartnerOut]
    products: list[str]
    rules: int = Field(description="Licence rules in force.")
    customers: list[str] | None = None
    text: str | None = Field(default=None, description="The TOML it was read from.")


class ProgrammeIn(Wire):
    """A changed programme."""

    text: str = Field(
        max_length=4_000_000,
        description="Its TOML; the id stays, orbital elements stay those that the server has.",
    )

    model_config = ConfigDict(extra="forbid", str_max_length=4_000_000)


class InstrumentOut(BaseModel):
    """An imager."""

    id: str
    name: str
    gsd_m: float
    swath_m: float
    max_off_nadir_deg: float
    bands: list[str]


class SpacecraftOut(BaseModel):
    """A spacecraft of the pool."""

    id: str
    name: str
    norad_id: int
    owner: str
    elements_epoch: str
    instruments: list[InstrumentOut]
    memory_bits: float
    downlink_bps: float


class StationOut(BaseModel):
    """A ground station of the pool."""

    id: str
    name: str
    owner: str
    lon_deg: float
    lat_deg: float
    antennas: int
    min_elevation_deg: float
    downlink_bps: float


class FleetOut(BaseModel):
    """What the pool flies and runs."""

    spacecraft: list[SpacecraftOut]
    stations: list[StationOut]


class OrderLine(BaseModel):
    """One order, shortly."""

    id: str
    customer: str
    product: str
    created: str
    status: str
    status_since: str
    reason: str | None


class OrdersOut(BaseModel):
    """A page of orders, newest first."""

    orders: list[OrderLine]
    next: str | None = Field(description="Give it as ``before`` to go on; null at the end.")


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Routes of the programme."""
    routes = APIRouter(tags=["Operator"])

    @routes.get("/programme", summary="The programme that runs")
    def programme(operator: OperatorDep, caller: Reader) -> ProgrammeOut:
        return _programme(operator, operator.programme, caller)

    @routes.put("/programme", summary="Change the programme", responses=responses(409))
    def change(
        operator: OperatorDep, caller: Annotated[Caller, scoped("programme:write")], asked: ProgrammeIn
    ) -> ProgrammeOut:
        with operator.store.begin() as work:
            running = work.programme()
            with in_field("body.text", asked.text):
                changed = programme_from_text(
                    asked.text, elements=running.elements, name="the programme sent", requests=False
                )
            if changed.id != running.id:
                raise FieldError(
                    f"this server runs {running.id!r}, the programme sent is {changed.id!r}",
                    field="body.text",
                    value=changed.id,
                    limit=running.id,
                )
            if changed.epoch != running.epoch:
                raise FieldError("the programme's epoch cannot change while it runs", field="body.text")
            work.set_programme(changed)
        operator.programmes.forget()
        return _programme(operator, changed, caller)

    @routes.get("/fleet", summary="Spacecraft and stations with their owners")
    def fleet(operator: OperatorDep, caller: Reader) -> FleetOut:
        programme = operator.programme
        return FleetOut(
            spacecraft=[
                SpacecraftOut(
                    id=craft.id,
                    name=craft.name,
                    norad_id=craft.norad_id,
                    owner=craft.owner,
                    elements_epoch=programme.elements[craft.norad_id].epoch.iso(0),
                    instruments=[
                        InstrumentOut(
                            id=each.id,
                            name=each.name,
                            gsd_m=each.gsd_m,
                            swath_m=each.swath_m,
                            max_off_nadir_deg=each.max_off_nadir_deg,
                            bands=list(each.bands),
                        )
                        for each in craft.instruments
                    ],
                    memory_bits=craft.memory_bits,
                    downlink_bps=craft.downlink_bps,
                )
                for craft in programme.spacecraft
            ],
            stations=[
                StationOut(
                    id=each.id,
                    name=each.name,
                    owner=each.owner,
                    lon_deg=each.lon_deg,
                    lat_deg=each.lat_deg,
                    antennas=each.antennas,
                    min_elevation_deg=each.min_elevation_deg,
                    downlink_bps=each.downlink_bps,
                )
                for each in programme.stations
            ],
        )

    @routes.get("/orders", summary="Orders of every customer")
    def orders(
        operator: OperatorDep,
        caller: Annotated[Caller, scoped("orders:read", "plan:read")],
        customer: Annotated[str | None, Query(max_length=200)] = None,
        status: Annotated[str | None, Query(max_length=40)] = None,
        before: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 100,
    ) -> OrdersOut:
        staff(caller)
        equal = {k: v for k, v in (("customer", customer), ("status", status)) if v is not None}
        with operator.store.read() as work:
            found = work.orders.page(limit + 1, before=before, **equal)
        return OrdersOut(
            orders=[
                OrderLine(
                    id=order.id,
                    customer=order.customer,
                    product=order.product,
                    created=order.created.iso(),
                    status=order.status,
                    status_since=order.statuses[-1].at.iso(),
                    reason=order.statuses[-1].reason_text,
                )
                for order in found[:limit]
            ],
            next=found[limit - 1].id if len(found) > limit else None,
        )

    return routes


def staff(caller: Caller) -> None:
    """Only the operator's own people go on."""
    require(caller, ())
    if not caller.sees_all:
        raise ForbiddenError("this is for the operator's own people")


def _programme(operator: Operator, programme: Programme, caller: Caller) -> ProgrammeOut:
    ours = caller.sees_all
    return ProgrammeOut(
        id=programme.id,
        title=programme.title,
        epoch=None if programme.epoch is None else programme.epoch.iso(0),
        now=operator.now().iso(),
        currency=programme.currency,
        partners=[
            PartnerOut(id=p.id, name=p.name, country=p.country, currency=p.currency, share=str(p.share))
            for p in programme.partners
        ],
        products=[product.id for product in programme.products],
        rules=len(programme.rules),
        customers=[customer.id for customer in programme.customers] if ours else None,
        text=programme.text if ours else None,
    )
