"""What is sold and what is asked for: plain data that ``commerce`` prices and ``services`` make."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shapely.geometry.base import BaseGeometry

from comity.core import Epoch, Interval

CustomerKind = Literal["government", "commercial", "public-service"]
PriceUnit = Literal["scene", "km2", "pass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A thing on sale (a STAPI Product).

    ``service`` names the folder under ``services`` that makes it. ``max_gsd_m``: the product's
    promise at acquisition, m. ``min_swath_m``: narrowest swath that serves it, m.
    ``repeat_s``: None for once, or the period of a monitoring product (86 400 for daily).
    ``bands``: the instrument must carry all of them.
    """

    id: str
    title: str
    description: str
    service: str
    max_gsd_m: float
    min_swath_m: float
    max_off_nadir_deg: float
    min_sun_elevation_deg: float
    max_cloud: float
    bands: tuple[str, ...]
    repeat_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who asks: ``country`` is ISO 3166-1 alpha-3, ``currency`` what it is invoiced in.

    ``exclusive``: what is taken for it is for its use alone, and is never sold from the archive.
    """

    id: str
    name: str
    country: str
    kind: CustomerKind
    currency: str
    exclusive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place of a request: a Point or a (Multi)Polygon in lon, lat degrees, WGS-84.

    ``territory`` names the territory it lies in (:mod:`comity.fleet.territories`), None at sea.
    ``territories``: every one it touches, that one first: licences look at all of them.
    """

    id: str
    name: str
    geometry: BaseGeometry
    territory: str | None
    territories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A customer's wish: one product over some targets within an interval.

    ``max_cloud`` 0…1; ``max_gsd_m`` may be finer than the product's promise. The limits here are the
    ones that count: the product's, tightened by the customer. ``acquisition``: what of the archive is to be
    had again; None for what has yet to be taken. Its interval is then that of the acquisition.
    """

    id: str
    customer: Customer
    product: Product
    targets: tuple[Target, ...]
    interval: Interval
    max_cloud: float
    max_gsd_m: float
    max_off_nadir_deg: float
    min_sun_elevation_deg: float
    created: Epoch
    acquisition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One line of the price book: ``amount`` per ``unit`` of ``product`` in the book's currency.

    ``minimum`` is the least an order of this product costs; ``strict_cloud_surcharge`` a factor
    added where the order's cloud limit is strict (0.25 adds a quarter).
    """

    product: str
    unit: PriceUnit
    amount: Decimal
    minimum: Decimal
    strict_cloud_surcharge: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePrice:
    """What an image costs that is in the archive already; without one it is not for sale again.

    ``owners``: of the spacecraft that took it, those who allow it; empty: every owner. ``amount`` per
    ``unit`` (scene or km2) in the book's currency, at least ``minimum``. ``embargo_s``: how old (s) an image
    must be. ``source``: where the figures are from.
    """

    product: str
    owners: tuple[str, ...]
    unit: PriceUnit
    amount: Decimal
    minimum: Decimal
    embargo_s: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRate:
    """One unit of ``base`` buys ``rate`` of ``quote`` on ``date`` (ISO), as published by ``source``."""

    base: str
    quote: str
    rate: Decimal
    date: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """Prices and how revenue is split.

    ``satellite_part`` + ``station_part`` + ``pool_part`` = 1: what the owners of the acquiring
    satellites get, what the owners of the receiving stations get, and what all partners share by
    ``Partner.share``. ``strict_cloud_below``: orders with a cloud limit under this fraction pay the
    line's surcharge. ``note`` says how real the figures are. ``archive``: what is sold a second time.
    """

    currency: str
    prices: tuple[Price, ...]
    rates: tuple[ExchangeRate, ...]
    satellite_part: Decimal
    station_part: Decimal
    pool_part: Decimal
    strict_cloud_below: float
    quote_valid_s: float
    note: str
    archive: tuple[ArchivePrice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A licence rule of a partner or of the pool (``partner`` None), as data.

    It applies to a target when every condition that is given holds:

    - ``partner``: the spacecraft's owner;
    - ``territories``: the target lies in one of them (ISO alpha-3 or territory id; empty: anywhere);
    - ``when``: how the customer stands to the target's territory, ``"foreign"`` (the territory is not
      the customer's own country), ``"own"``, or ``"any"``;
    - ``customer_kinds`` / ``customer_countries``: empty for any;
    - ``finer_than_m``: the image would be finer than this GSD.

    ``effect``: ``"refuse"``, ``"coarsen"`` (deliver no finer than ``coarsen_to_m``) or ``"allow"``
    (stops the search: the first rule that applies decides, in programme order).
    """

    id: str
    title: str
    partner: str | None
    territories: tuple[str, ...]
    when: Literal["own", "foreign", "any"]
    customer_kinds: tuple[CustomerKind, ...]
    customer_countries: tuple[str, ...]
    finer_than_m: float | None
    effect: Literal["allow", "coarsen", "refuse"]
    coarsen_to_m: float | None
    reason: str
    source: str
