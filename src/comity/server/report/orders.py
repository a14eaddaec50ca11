"""Orders as people follow them: history, price, what the licences decided, what came of each target."""

from __future__ import annotations

from dataclasses import dataclass, replace

from comity.commerce import Decision, Quote, summarise
from comity.core import Money
from comity.fleet import Request
from comity.operations.records import Order
from comity.server.report.lookup import Lookup
from comity.services import OrderTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One thing that a licence says of a target, the owners it says it to, and at what GSDs (m)."""

    effect: str
    owners: tuple[str, ...]
    gsds_m: tuple[float, ...]
    rule: str
    deliver_gsd_m: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceRow:
    """What the licences allow for targets of which they say the same: the best that any owner may do, and
    every limit."""

    names: tuple[str, ...]
    effect: str
    deliver_gsd_m: float | None
    owners: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def plain(self) -> bool:
        """Nothing was refused or coarsened to anybody."""
        return self.effect == "allow" and not self.verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task of an order; ``part``: how much of an area is held in images, None for a point."""

    name: str
    state: str
    tries: int
    part: float | None
    reason_code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order, or a quote that nobody ordered (``order`` None)."""

    order: Order | None
    quote: Quote | None
    request: Request | None
    customer: str
    product: str
    status: str
    licences: tuple[LicenceRow, ...]
    rules_hash: str
    tasks: tuple[TaskRow, ...]
    invoiced: Money | None
    credited: Money | None
    open: Money | None

    @property
    def limited(self) -> tuple[LicenceRow, ...]:
        """What limits the order: refused targets first, then coarsened ones."""
        rank = {"refuse": 0, "coarsen": 1, "allow": 2}
        return tuple(
            sorted((row for row in self.licences if not row.plain), key=lambda row: rank[row.effect])
        )

    @property
    def targets(self) -> int:
        """How many targets the licences were asked about."""
        return sum(len(row.names) for row in self.licences)

    @property
    def unlimited(self) -> int:
        """How many of them no licence limits in any way."""
        return sum(len(row.names) for row in self.licences if row.plain)

    @property
    def areas(self) -> bool:
        """Whether any task is an area, of which a part may be held."""
        return any(row.part is not None for row in self.tasks)

    @property
    def missed(self) -> tuple[str, ...]:
        """Names of what will not be delivered."""
        return tuple(
            row.name for row in self.tasks if row.state in ("failed", "refused-by-rule", "cancelled")
        )

    @property
    def done(self) -> int:
        """How many tasks are done."""
        return sum(row.state == "done" for row in self.tasks)


def order_views(lookup: Lookup) -> list[OrderView]:
    """Orders in the order they came, then quotes that were not taken."""
    account = lookup.account
    ordered = {order.quote for order in account.orders}
    views = [_view(lookup, order, lookup.quotes.get(order.quote), order.request) for order in account.orders]
    views += [
        _view(lookup, None, quote, quote.request) for quote in account.quotes if quote.id not in ordered
    ]
    return views


def _view(lookup: Lookup, order: Order | None, quote: Quote | None, request_id: str) -> OrderView:
    request = lookup.requests.get(request_id)
    customer_id = order.customer if order else quote.customer if quote else ""
    product_id = order.product if order else quote.product if quote else ""
    invoiced = credited = left = None
    if order is not None and quote is not None:
        currency = quote.total.currency
        ledger = lookup.account.ledger
        left = -ledger.balance(f"commitment:{order.id}", currency)
        credited = _credited(lookup, order.id, currency)
        invoiced = quote.total - credited - left
    decisions = quote.decisions if quote else ()
    return OrderView(
        order=order,
        quote=quote,
        request=request,
        customer=request.customer.name if request else customer_id,
        product=request.product.title if request else product_id,
        status=order.status if order else "quoted",
        licences=_licences(lookup, decisions),
        rules_hash=decisions[0].inputs.rules_hash if decisions else "",
        tasks=tuple(_task_row(lookup, t) for t in lookup.account.tasks if order and t.order == order.id),
        invoiced=invoiced,
        credited=credited,
        open=left,
    )


def _credited(lookup: Lookup, order: str, currency: str) -> Money:
    """All credit notes of an order: what left its reservation to nobody, and invoices taken back."""
    total = lookup.account.ledger.balance(f"commitment:{order}", currency)
    total = total - total
    accounts = (f"commitment:{order}", f"revenue:{order}")
    for transaction in lookup.account.ledger:
        if transaction.kind == "credit-note":
            for posting in transaction.postings:
                if posting.account in accounts and posting.currency == currency:
                    total = total + posting.money
    return total


def _licences(lookup: Lookup, decisions: tuple[Decision, ...]) -> tuple[LicenceRow, ...]:
    by_target: dict[str, list[Decision]] = {}
    for decision in decisions:
        by_target.setdefault(decision.inputs.target, []).append(decision)
    rows: dict[LicenceRow, list[str]] = {}  # what is said → of which targets
    for licence in summarise(decisions):
        groups: dict[tuple[str, str | None, float | None], list[Decision]] = {}
        for decision in by_target[licence.target]:
            if decision.effect != "allow":
                key = (decision.effect, decision.rule, decision.deliver_gsd_m)
                groups.setdefault(key, []).append(decision)
        verdicts = tuple(
            Verdict(
                effect=effect,
                owners=_owners(lookup, [d.inputs.owner for d in group]),
                gsds_m=tuple(sorted({d.inputs.gsd_m for d in group})),
                rule=rule or "",
                deliver_gsd_m=gsd_m,
                text=_reason(group[0]),
            )
            for (effect, rule, gsd_m), group in groups.items()
        )
        said = LicenceRow(
            names=(),
            effect=licence.effect,
            deliver_gsd_m=licence.deliver_gsd_m,
            owners=_owners(lookup, [grant.owner for grant in licence.grants]),
            verdicts=verdicts,
        )
        rows.setdefault(said, []).append(licence.name)
    return tuple(replace(said, names=tuple(names)) for said, names in rows.items())


def _owners(lookup: Lookup, ids: list[str]) -> tuple[str, ...]:
    return tuple(lookup.partner_name(id) for id in dict.fromkeys(ids))


def _reason(decision: Decision) -> str:
    """The rule's own words."""
    if decision.rule is None:
        return decision.text
    return f"{decision.title}: {decision.reason.rstrip('. ')}. Source: {decision.source}"


def _task_row(lookup: Lookup, task: OrderTask) -> TaskRow:
    held = sum(task.cell_weights[cell] for cell in task.got) if task.cell_points else None
    day = task.id.rpartition("/")[2]
    name = lookup.target_name(task.order, task.target)
    return TaskRow(
        name=f"{name}, {day.replace('-', ' ')}" if day.startswith("day-") else name,
        state=task.state,
        tries=task.tries,
        part=held,
        reason_code=task.reason_code,
        reason=task.reason_text,
    )
