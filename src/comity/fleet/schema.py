"""The programme file's tables as Pydantic models: types, units and limits of every key.

These check one table at a time; what only several tables together can show (an owner nobody is, shares
that do not sum to 1) is in :mod:`comity.fleet.checks`. Units stand in the keys; numbers written in the
file are read as exact decimals, so ``0.1`` is one tenth.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from comity.core import Epoch, InputError, UnknownIdError, check_currency
from comity.fleet.horizon import HorizonMask
from comity.fleet.products import CustomerKind, PriceUnit
from comity.fleet.territories import territory_id


def _epoch(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PydanticCustomError("epoch", "has no time zone: write it with a Z, as 2024-09-22T12:00:00Z")
        return Epoch.from_datetime(value)
    try:
        return Epoch.from_iso(value) if isinstance(value, str) else value
    except InputError as error:
        raise PydanticCustomError("epoch", "{why}", {"why": str(error)}) from error


def _currency(value: str) -> str:
    try:
        return check_currency(value)
    except InputError as error:
        raise PydanticCustomError("currency", "{why}", {"why": str(error)}) from error


def _country(value: str) -> str:
    try:
        return territory_id(value)
    except UnknownIdError as error:
        raise PydanticCustomError("territory", "{why}", {"why": str(error)}) from error


def _horizon(rows: list[list[float]]) -> list[list[float]]:
    try:
        HorizonMask(tuple((azimuth, elevation) for azimuth, elevation in rows))
    except InputError as error:
        raise PydanticCustomError("horizon", "{why}", {"why": str(error)}) from error
    return rows


def _day(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Currency = Annotated[str, AfterValidator(_currency)]
Country = Annotated[str, AfterValidator(_country)]
When = Annotated[Epoch, BeforeValidator(_epoch)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(ge=0, le=1)]
#: Beyond a billion a price is a slip of the keyboard, beyond a year a request is a programme of its own.
Amount = Annotated[Decimal, Field(ge=0, le=1_000_000_000)]
Position = Annotated[list[float], Field(min_length=2, max_length=2)]
Band = Literal[
    "pan", "coastal", "blue", "green", "yellow", "red", "rededge", "nir", "nir08", "nir09",
    "swir16", "swir22", "mwir", "lwir", "lwir11", "lwir12",
]  # fmt: skip


class Table(BaseModel):
    """Any table of the file: unknown keys are refused, so that a typing slip cannot pass unseen."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, str_strip_whitespace=True)


class Sourced(Table):
    """A table of published figures: ``source`` holds for all of them, ``sources`` for single ones."""

    source: Text | None = None
    sources: dict[str, Text] = Field(default_factory=dict)


class PartnerTable(Table):
    id: Id
    name: Text
    country: Country
    currency: Currency
    share: Share


class InstrumentTable(Sourced):
    id: Id
    name: Text
    gsd_m: Positive
    ms_gsd_m: Positive | None = None
    swath_km: Positive
    max_off_nadir_deg: Annotated[float, Field(ge=0, lt=70, allow_inf_nan=False)]
    reference_altitude_km: Annotated[float, Field(ge=100, le=50_000, allow_inf_nan=False)]
    bands: Annotated[list[Band], Field(min_length=1)]
    bits_per_sample: Annotated[int, Field(ge=1, le=32)]
    data_rate_mbps: Positive
    pointing: Literal["agile", "nadir"]


class PlatformTable(Sourced):
    id: Id
    slew_rate_deg_s: Positive
    slew_acceleration_deg_s2: Positive
    settle_s: NotNegative
    memory_gbit: Positive
    downlink_mbps: Positive


class SpacecraftTable(Table):
    id: Id
    name: Text
    norad_id: Annotated[int, Field(ge=1, le=999_999_999)]
    owner: str
    platform: str
    instruments: list[str] = Field(default_factory=list)
    note: str = ""


class StationTable(Sourced):
    id: Id
    name: Text
    owner: str
    lon_deg: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat_deg: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    altitude_m: Annotated[float, Field(ge=-500, le=9000, allow_inf_nan=False)]
    min_elevation_deg: Annotated[float, Field(ge=0, lt=90, allow_inf_nan=False)]
    downlink_mbps: Positive
    antennas: Annotated[int, Field(ge=1, le=100)]
    horizon_mask_deg: Annotated[list[Position], AfterValidator(_horizon)] | None = None


class ProductTable(Table):
    id: Id
    title: Text
    description: Text
    service: Id
    max_gsd_m: Positive
    min_swath_km: NotNegative = 0.0
    max_off_nadir_deg: Annotated[float, Field(ge=0, lt=70, allow_inf_nan=False)]
    min_sun_elevation_deg: Annotated[float, Field(ge=-90, lt=90, allow_inf_nan=False)]
    max_cloud: Fraction
    bands: Annotated[list[Band], Field(min_length=1)]
    repeat_hours: Annotated[float, Field(ge=1, le=8784, allow_inf_nan=False)] | None = None


class CustomerTable(Table):
    id: Id
    name: Text
    country: Country
    kind: CustomerKind
    currency: Currency
    exclusive: bool = False


class PriceTable(Table):
    product: str
    unit: PriceUnit
    amount: Annotated[Decimal, Field(gt=0, le=1_000_000_000)]
    currency: Currency | None = None
    minimum: Amount
    strict_cloud_surcharge: Amount = Decimal(0)


class ArchivePriceTable(Table):
    """``owners`` left out: every owner. ``source``: a citation's key, ``assumed``, or words of its own."""

    product: str
    owners: list[str] = Field(default_factory=list)
    unit: Literal["scene", "km2"]
    amount: Annotated[Decimal, Field(gt=0, le=1_000_000_000)]
    minimum: Amount
    embargo_days: Annotated[float, Field(ge=0, le=36_525, allow_inf_nan=False)]
    source: Text


class RateTable(Table):
    base: Currency
    quote: Currency
    rate: Annotated[Decimal, Field(gt=0)]
    date: Annotated[str, BeforeValidator(_day), StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    source: Text


class PriceBookTable(Table):
    currency: Currency | None = None
    note: Text
    satellite_part: Share
    station_part: Share
    pool_part: Share
    strict_cloud_below: Fraction
    quote_valid_hours: Positive
    prices: Annotated[list[dict[str, Any]], Field(min_length=1)]
    rates: list[dict[str, Any]] = Field(default_factory=list)
    archive: list[dict[str, Any]] = Field(default_factory=list)


class RuleTable(Table):
    id: Id
    title: Text
    partner: str | None = None
    territories: list[Country] = Field(default_factory=list)
    when: Literal["own", "foreign", "any"] = "any"
    customer_kinds: list[CustomerKind] = Field(default_factory=list)
    customer_countries: list[Country] = Field(default_factory=list)
    finer_than_m: Positive | None = None
    effect: Literal["allow", "coarsen", "refuse"]
    coarsen_to_m: Positive | None = None
    reason: Text
    source: Text


class TargetTable(Table):
    """One place: exactly one of ``point``, ``territory``, ``band_of``, ``bbox``, ``polygon``."""

    name: Text | None = None
    point: Position | None = None
    territory: Country | None = None
    band_of: Country | None = None
    width_km: Positive | None = None
    inside: list[Country] | None = None
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    polygon: list[Position] | None = None


class RequestTable(Table):
    id: Id
    customer: str
    product: str
    targets: Annotated[list[dict[str, Any]], Field(min_length=1)]
    start: When | None = None
    end: When | None = None
    days: Annotated[float, Field(gt=0, le=366, allow_inf_nan=False)] | None = None
    created: When | None = None
    max_cloud: Fraction | None = None
    max_gsd_m: Positive | None = None
    max_off_nadir_deg: Annotated[float, Field(ge=0, lt=70, allow_inf_nan=False)] | None = None
    min_sun_elevation_deg: Annotated[float, Field(ge=-90, lt=90, allow_inf_nan=False)] | None = None


class ProgrammeTable(Table):
    """The whole file; its arrays of tables are checked one by one after this."""

    id: Id
    title: Text
    epoch: When | None = None
    currency: Currency
    elements: Text | None = None
    elements_source: Text | None = None
    citations: dict[str, Text] = Field(default_factory=dict)
    partners: Annotated[list[dict[str, Any]], Field(min_length=1)]
    instruments: list[dict[str, Any]] = Field(default_factory=list)
    platforms: Annotated[list[dict[str, Any]], Field(min_length=1)]
    spacecraft: Annotated[list[dict[str, Any]], Field(min_length=1)]
    stations: Annotated[list[dict[str, Any]], Field(min_length=1)]
    products: Annotated[list[dict[str, Any]], Field(min_length=1)]
    customers: list[dict[str, Any]] = Field(default_factory=list)
    price_book: dict[str, Any]
    rules: list[dict[str, Any]] = Field(default_factory=list)
    requests: list[dict[str, Any]] = Field(default_factory=list)
