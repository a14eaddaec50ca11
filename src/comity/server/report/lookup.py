"""Who is who on the page: names and colours by id."""

from __future__ import annotations

from dataclasses import dataclass, field

from comity.commerce import Quote
from comity.fleet import Partner, Request, Spacecraft, Target
from comity.operations.account import Account
from comity.operations.records import Activity, ItemRecord, Order
from comity.services import OrderTask

#: How many colours the style sheet has for partners and for stations; more start again.
PARTNER_COLOURS, STATION_COLOURS = 8, 10


@dataclass(frozen=True, slots=True)
class Lookup:
    """Indexes over one account. What an id stands for is looked up leniently: an id that nothing carries
    is shown as itself, because a report must not fail on the one record that went wrong."""

    account: Account
    orders: dict[str, Order] = field(init=False)
    requests: dict[str, Request] = field(init=False)
    quotes: dict[str, Quote] = field(init=False)
    tasks: dict[str, OrderTask] = field(init=False)
    activities: dict[str, Activity] = field(init=False)
    items_of: dict[str, list[ItemRecord]] = field(init=False)
    crafts: dict[str, Spacecraft] = field(init=False)
    partners: dict[str, Partner] = field(init=False)
    _partner_place: dict[str, int] = field(init=False)
    _station_place: dict[str, int] = field(init=False)
    _targets: dict[tuple[str, str], Target] = field(init=False)

    def __post_init__(self) -> None:
        account, programme = self.account, self.account.programme
        items_of: dict[str, list[ItemRecord]] = {}
        for item in account.items:
            items_of.setdefault(item.activity, []).append(item)
        values: dict[str, object] = {
            "orders": {order.id: order for order in account.orders},
            "requests": {request.id: request for request in account.requests},
            "quotes": {quote.id: quote for quote in account.quotes},
            "tasks": {task.id: task for task in account.tasks},
            "activities": {activity.id: activity for activity in account.activities},
            "items_of": items_of,
            "crafts": {craft.id: craft for craft in programme.spacecraft},
            "partners": {partner.id: partner for partner in programme.partners},
            "_partner_place": {partner.id: k for k, partner in enumerate(programme.partners)},
            "_station_place": {station.id: k for k, station in enumerate(programme.stations)},
            "_targets": {(r.id, t.id): t for r in account.requests for t in r.targets},
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def craft_name(self, id: str) -> str:
        """A spacecraft's name."""
        return self.crafts[id].name if id in self.crafts else id

    def owner(self, spacecraft: str) -> str:
        """Id of a spacecraft's owner, empty when it is not of this programme (any more)."""
        return self.crafts[spacecraft].owner if spacecraft in self.crafts else ""

    def partner_name(self, id: str) -> str:
        """A partner's name."""
        return self.partners[id].name if id in self.partners else id

    def station_name(self, id: str | None) -> str:
        """A station's name."""
        stations = self.account.programme.stations
        return next((station.name for station in stations if station.id == id), id or "")

    def partner_css(self, id: str) -> str:
        """The style class with a partner's colour."""
        return f"p{self._partner_place[id] % PARTNER_COLOURS}" if id in self._partner_place else "p-none"

    def station_css(self, id: str | None) -> str:
        """The style class with a station's colour."""
        return f"s{self._station_place[id] % STATION_COLOURS}" if id in self._station_place else "s-none"

    def customer_name(self, order: str | None) -> str:
        """Name of the customer of an order."""
        found = self.orders.get(order or "")
        request = self.requests.get(found.request) if found else None
        return request.customer.name if request else (found.customer if found else "")

    def request_of(self, order: str | None) -> Request | None:
        """The request an order is for."""
        found = self.orders.get(order or "")
        return self.requests.get(found.request) if found else None

    def target(self, order: str | None, id: str | None) -> Target | None:
        """The target with this id in an order's request; strips (``AREA/strip-N``) are their area."""
        request = self.request_of(order)
        if request is None or id is None:
            return None
        found = self._targets.get((request.id, id))
        return found or self._targets.get((request.id, area_of(id)))

    def target_name(self, order: str | None, id: str | None) -> str:
        """A target's name, with its strip where it is one."""
        target = self.target(order, id)
        if target is None or id is None:
            return id or ""
        strip = strip_of(id)
        return f"{target.name}, {strip}" if strip else target.name


def area_of(target: str) -> str:
    """``dji/strip-3`` → ``dji``; other ids are themselves."""
    area, slash, strip = target.rpartition("/")
    return area if slash and strip.startswith("strip-") else target


def strip_of(target: str) -> str:
    """``dji/strip-3`` → ``strip 3``; nothing for other ids."""
    return "" if area_of(target) == target else "strip " + target.rpartition("/strip-")[2]


def short_name(name: str) -> str:
    """``Kiruna (CNPGS, Esrange)`` → ``Kiruna``, for labels."""
    return name.partition(" (")[0]
