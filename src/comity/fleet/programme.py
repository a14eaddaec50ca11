"""The Programme: one declaration of everything the pool has and sells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from comity.core import Epoch, UnknownIdError
from comity.fleet.assets import GroundStation, Instrument, Partner, Spacecraft
from comity.fleet.products import Customer, PriceBook, Product, Request, Rule
from comity.orbits import MeanElements

T = TypeVar("T", Partner, Spacecraft, GroundStation, Product, Customer, Instrument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A joint programme, checked on reading: every owner, product and currency it names exists.

    ``epoch``: the programme's own "now", None where it follows the clock. ``elements``: mean
    elements by NORAD id, each with its source. ``requests``: the requests that come with an embedded
    example programme (none in an operator's own). ``text``: the TOML it was read from, kept so that
    a stored programme can be read again.
    """

    id: str
    title: str
    epoch: Epoch | None
    currency: str
    partners: tuple[Partner, ...]
    spacecraft: tuple[Spacecraft, ...]
    stations: tuple[GroundStation, ...]
    products: tuple[Product, ...]
    customers: tuple[Customer, ...]
    price_book: PriceBook
    rules: tuple[Rule, ...]
    elements: dict[int, MeanElements]
    requests: tuple[Request, ...]
    text: str

    def partner(self, id: str) -> Partner:
        """The partner with this id; unknown ids raise :class:`UnknownIdError`."""
        return _find("partner", id, self.partners)

    def craft(self, id: str) -> Spacecraft:
        """The spacecraft with this id."""
        return _find("spacecraft", id, self.spacecraft)

    def station(self, id: str) -> GroundStation:
        """The ground station with this id."""
        return _find("ground station", id, self.stations)

    def product(self, id: str) -> Product:
        """The product with this id."""
        return _find("product", id, self.products)

    def customer(self, id: str) -> Customer:
        """The customer with this id."""
        return _find("customer", id, self.customers)

    def instrument(self, spacecraft: str, id: str) -> Instrument:
        """The instrument with this id on this spacecraft."""
        return _find("instrument", id, self.craft(spacecraft).instruments)


def _find(kind: str, id: str, items: tuple[T, ...]) -> T:
    for item in items:
        if item.id == id:
            return item
    raise UnknownIdError(kind, id, tuple(item.id for item in items))
