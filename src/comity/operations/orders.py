"""From a wish to a binding order: request, opportunities, quote, order, cancellation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from comity.commerce import (
    Quote,
    asked_quantity,
    open_billing,
    price_of,
    quote_request,
    reservation_transaction,
)
from comity.core import (
    Epoch,
    Executor,
    InputError,
    Interval,
    Progress,
    StateError,
    ThreadExecutor,
    silent,
)
from comity.fleet import Customer, Instrument, Programme, Request, Spacecraft, Target, area_km2
from comity.operations.feasible import feasible_quantity
from comity.operations.licences import deliverable, licence_decisions
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import OpportunitySet, Order, OrderStatus, OrderStatusCode
from comity.operations.settlement import book, credit_rest
from comity.operations.sky import TrajectorySource, elements_digest, trajectories_of
from comity.services import OrderTask, service_of
from comity.services.imaging import OutOfReachError, suitable_instruments

#: The longest a request may last, and how far (km) strips of its narrowest swath may reach in all.
MAX_REQUEST_S = 366 * 86_400.0
MAX_SEARCH_KM = 50_000.0
#: How long the delivery of an order of the archive is tried before it is given up and credited.
ARCHIVE_DELIVERY_S = 7 * 86_400.0
#: Statuses from which nothing follows.
FINAL: frozenset[OrderStatusCode] = frozenset(
    {"rejected", "completed", "cancelled", "user_cancelled", "expired", "failed"}
)
#: What may follow what (STAPI leaves this open; these are the operator's rules).
NEXT: dict[OrderStatusCode, frozenset[OrderStatusCode]] = {
    "received": frozenset({"accepted", "rejected", "user_cancelled", "held", "reserved"}),
    "held": frozenset({"accepted", "rejected", "user_cancelled"}),
    "reserved": frozenset({"accepted", "rejected", "user_cancelled", "expired"}),
    "accepted": frozenset({"scheduled", "processing", "user_cancelled", "cancelled", "expired", "failed"}),
    "scheduled": frozenset(
        {"accepted", "tasked", "processing", "user_cancelled", "cancelled", "expired", "failed", "completed"}
    ),
    "tasked": frozenset(
        {"accepted", "scheduled", "processing", "user_cancelled", "cancelled", "expired", "failed"}
    ),
    "processing": frozenset(
        {"accepted", "scheduled", "completed", "user_cancelled", "cancelled", "expired", "failed"}
    ),
}


def advance(
    order: Order, at: Epoch, code: OrderStatusCode, reason_code: str | None = None, text: str | None = None
) -> Order:
    """The order with one more status; the same status twice in a row is not repeated.

    Raises :class:`StateError` when ``code`` may not follow the present status.
    """
    if order.status == code:
        return order
    if code not in NEXT.get(order.status, frozenset()):
        raise StateError(f"{order.id} is {order.status}: it cannot become {code}")
    entry = OrderStatus(at=at, code=code, reason_code=reason_code, reason_text=text)
    return replace(order, statuses=(*order.statuses, entry))


def remark(order: Order, at: Epoch, reason_code: str, text: str) -> Order:
    """The order with one more entry of the same status, unless it has ended."""
    if order.status in FINAL:
        return order
    entry = OrderStatus(at=at, code=order.status, reason_code=reason_code, reason_text=text)
    return replace(order, statuses=(*order.statuses, entry))


def as_of(order: Order, at: Epoch) -> Order | None:
    """The order as it stood at ``at``, None before it was placed."""
    past = tuple(entry for entry in order.statuses if entry.at <= at)
    return replace(order, statuses=past) if past else None


def add_request(
    store: Store,
    *,
    customer: str,
    product: str,
    targets: Iterable[Target],
    interval: Interval,
    now: Epoch,
    max_cloud: float | None = None,
    max_gsd_m: float | None = None,
    max_off_nadir_deg: float | None = None,
    min_sun_elevation_deg: float | None = None,
    id: str | None = None,
) -> Request:
    """Keep a customer's request; its limits are the product's, tightened by the given ones."""
    with store.begin() as work:
        programme = work.programme()
        request = draft_request(
            programme,
            customer=programme.customer(customer),
            product=product,
            targets=targets,
            interval=interval,
            now=now,
            max_cloud=max_cloud,
            max_gsd_m=max_gsd_m,
            max_off_nadir_deg=max_off_nadir_deg,
            min_sun_elevation_deg=min_sun_elevation_deg,
        )
        request = replace(request, id=id or work.next_id("request"))
        work.requests.put(request)
        return request


def draft_request(
    programme: Programme,
    *,
    customer: Customer,
    product: str,
    targets: Iterable[Target],
    interval: Interval,
    now: Epoch,
    max_cloud: float | None = None,
    max_gsd_m: float | None = None,
    max_off_nadir_deg: float | None = None,
    min_sun_elevation_deg: float | None = None,
) -> Request:
    """The request that :func:`add_request` would keep, without an id: checked, and kept by nobody."""
    sold = programme.product(product)
    if max_cloud is not None and not 0 <= max_cloud <= 1:
        raise InputError(f"cloud limit {max_cloud} is outside 0…1 (a fraction: 0.2 is 20 %)")
    if max_gsd_m is not None and not max_gsd_m > 0:
        raise InputError(f"GSD {max_gsd_m} m must be above 0")
    if max_off_nadir_deg is not None and not 0 <= max_off_nadir_deg < 90:
        raise InputError(f"off-nadir limit {max_off_nadir_deg}° is outside 0…90")
    if min_sun_elevation_deg is not None and not -90 <= min_sun_elevation_deg <= 90:
        raise InputError(f"sun elevation {min_sun_elevation_deg}° is outside -90…90")
    if interval.duration_s > MAX_REQUEST_S:
        raise InputError(
            f"the request lasts {interval.duration_s / 86_400:,.0f} days, the limit is "
            f"{MAX_REQUEST_S / 86_400:.0f}: ask for a part of it now"
        )
    if interval.end <= now:
        raise InputError(f"the request ends at {interval.end}, which is before now ({now})")
    request = Request(
        id="",
        customer=customer,
        product=sold,
        targets=tuple(targets),
        interval=interval,
        max_cloud=sold.max_cloud if max_cloud is None else max_cloud,
        max_gsd_m=min(sold.max_gsd_m, max_gsd_m or sold.max_gsd_m),
        max_off_nadir_deg=min(sold.max_off_nadir_deg, max_off_nadir_deg or sold.max_off_nadir_deg)
        if max_off_nadir_deg != 0
        else 0.0,
        min_sun_elevation_deg=sold.min_sun_elevation_deg
        if min_sun_elevation_deg is None
        else max(sold.min_sun_elevation_deg, min_sun_elevation_deg),
        created=now,
    )
    if not request.targets:
        raise InputError("a request needs a target: a point, an area or a country")
    _check_extent(request, suitable_instruments(programme, request))
    return request


def _targets(number: int) -> str:
    return f"{number} target{'' if number == 1 else 's'}"


def _check_extent(request: Request, suitable: Sequence[tuple[Spacecraft, Instrument]]) -> None:
    """Refuse more ground than the narrowest suitable swath can be searched over in one request."""
    swath_km = min(instrument.swath_m for _, instrument in suitable) / 1000.0
    limit_km2 = swath_km * MAX_SEARCH_KM
    asked_km2 = sum(area_km2(t.geometry) for t in request.targets if t.geometry.geom_type != "Point")
    if asked_km2 > limit_km2:
        raise OutOfReachError(
            f"the request covers {asked_km2:,.0f} km², the limit for a swath of {swath_km:g} km is "
            f"{limit_km2:,.0f} km²: split it, or ask for a wider product",
            what="area",
            value=round(asked_km2),
            limit=round(limit_km2),
        )


def find_opportunities(
    store: Store,
    request_id: str,
    *,
    now: Epoch,
    executor: Executor | None = None,
    trajectories: TrajectorySource | None = None,
    progress: Progress = silent,
) -> OpportunitySet:
    """Find (or read again) the windows of a request from ``now`` to its end, and keep them.

    ``trajectories``: gives those of the programme's spacecraft, where they are at hand.
    """
    with store.read() as work:
        programme, request = work.programme(), work.requests.get(request_id)
        known = work.opportunities.all(request=request_id)
    if request.interval.end <= now:
        raise StateError(f"{request_id} ended at {request.interval.end}, it is {now}: add a new request")
    start = max(now, request.interval.start)
    if known and known[-1].elements == elements_digest(programme) and known[-1].interval.start <= start:
        return known[-1]
    interval = Interval(start, request.interval.end)
    windows = service_of(request.product.service).find(
        programme,
        request,
        trajectories_of(programme) if trajectories is None else trajectories(programme, now),
        interval,
        executor=executor or ThreadExecutor(),
        progress=progress,
    )
    found = OpportunitySet(
        id=f"{request_id}/opportunities",
        request=request_id,
        found_at=now,
        interval=interval,
        elements=elements_digest(programme),
        windows=windows,
    )
    with store.begin() as work:
        work.opportunities.put(found)
    return found


def make_quote(
    store: Store,
    request_id: str,
    *,
    now: Epoch,
    executor: Executor | None = None,
    trajectories: TrajectorySource | None = None,
    progress: Progress = silent,
    once: bool = False,
) -> Quote:
    """Decide the licences, find the opportunities, price what is left, and keep the offer.

    ``trajectories``: as in :func:`find_opportunities`. ``once``: where the request has been quoted meanwhile,
    that quote is given instead.
    """
    found = find_opportunities(
        store, request_id, now=now, executor=executor, trajectories=trajectories, progress=progress
    )
    with store.read() as work:
        programme, request = work.programme(), work.requests.get(request_id)
    decisions = licence_decisions(programme, request, now)
    unit = price_of(programme.price_book, request.product.id).unit
    allowed = {d.inputs.target for d in decisions if d.effect != "refuse"}
    ahead = [w for w in found.windows if (w.interval.start if w.whole else w.interval.end) > now]
    feasible = {
        target.id: feasible_quantity(unit, request, target, ahead)
        for target in request.targets
        if target.id in allowed
    }
    with store.begin() as work:
        if once and (earlier := work.quotes.all(request=request_id)):
            return earlier[0]
        quote = quote_request(
            programme.price_book,
            request,
            decisions,
            quote_id=work.next_id("quote"),
            now=now,
            feasible=feasible,
        )
        work.quotes.put(quote)
        return quote


def place_order(store: Store, quote_id: str, *, now: Epoch, again: bool = False) -> Order:
    """Make a quote binding: reserve its price, and open its tasks for planning.

    ``again``: the same try may have come before, and its order is given then. Raises :class:`StateError` when
    the quote has expired, has nothing to order or was ordered before.
    """
    with store.read() as work:
        programme, quote = work.programme(), work.quotes.get(quote_id)
        request = work.requests.get(quote.request)
    # The quote charges what there were windows for; a task's worth is that of all of it.
    targets = {target.id: target for target in request.targets}
    values = {
        line.target: float((line.base + line.surcharge + line.minimum_part).amount)
        * max(1.0, float(asked_quantity(line.unit, request, targets[line.target]) / line.quantity))
        for line in quote.lines
    }
    allowed = deliverable(programme, request, quote)
    with store.begin() as work:
        earlier = work.orders.all(quote=quote_id)
        if earlier and again:
            return earlier[0]
        if earlier:
            raise StateError(f"{quote_id} is already ordered as {earlier[0].id}")
        if request.acquisition is None:
            _still_offered(quote, allowed)
        order_id = work.next_id("order")
        billing = open_billing(quote, order=order_id, at=now)
        work.billings.put(billing)
        book(work, reservation_transaction(billing))
        order = Order(
            id=order_id,
            request=request.id,
            quote=quote.id,
            customer=request.customer.id,
            product=request.product.id,
            created=now,
            statuses=(OrderStatus(at=now, code="received"),),
        )
        if request.acquisition is not None:
            work.tasks.put(_archived_task(work, order_id, request, quote, values, now))
        else:
            for task in service_of(request.product.service).tasks(order_id, request, values, allowed):
                work.tasks.put(_with_refusal(task, quote))
        left_out = f"; {_targets(len(quote.not_offered))} not offered" if quote.not_offered else ""
        order = advance(order, now, "accepted", None, f"{_targets(len(quote.lines))} ordered{left_out}")
        work.orders.put(order)
        return order


def _archived_task(
    work: UnitOfWork, order_id: str, request: Request, quote: Quote, values: Mapping[str, float], now: Epoch
) -> OrderTask:
    """The one task of an order of the archive: acquired already, to be delivered."""
    activity, (line,) = work.activities.get(str(request.acquisition)), quote.lines
    return OrderTask(
        id=f"{order_id}/1",
        order=order_id,
        target=line.target,
        interval=Interval(now, now + ARCHIVE_DELIVERY_S),
        value=values[line.target],
        max_cloud=1.0,
        cell_points=(),
        cell_weights=(),
        got=(),
        deliver_gsd_m={f"{activity.spacecraft}/{activity.instrument}": line.deliver_gsd_m},
        state="acquired",
    )


def _still_offered(quote: Quote, offered: Mapping[str, Mapping[str, float]]) -> None:
    """Raises :class:`StateError` where all who could fly a target of the quote have left since."""
    could = {decision.inputs.target for decision in quote.decisions if decision.effect != "refuse"}
    gone = sorted(line.target for line in quote.lines if line.target in could and not offered[line.target])
    if gone:
        raise StateError(
            f"{quote.id} cannot be ordered any more: whoever offered {', '.join(gone[:5])} has withdrawn "
            "from the programme since; ask for a new quote"
        )


def _with_refusal(task: OrderTask, quote: Quote) -> OrderTask:
    """The task as it starts: one that the quote does not offer says why and is never planned."""
    for entry in quote.not_offered:
        if entry.target == task.target:
            if entry.cause == "licence":
                return replace(task, reason_text=entry.text)
            return replace(task, state="failed", reason_code="no-window", reason_text=entry.text)
    return task


def cancel_order(store: Store, order_id: str, *, now: Epoch, reason: str = "", again: bool = False) -> Order:
    """The customer's cancellation: planned activities are dropped, what is not delivered is credited.

    Items already delivered stay and are charged when accepted. ``again``: the same try may have come before;
    an order that the customer has cancelled is given as it is. Raises :class:`StateError` for an order that
    has ended.
    """
    with store.begin() as work:
        order = work.orders.get(order_id)
        if again and order.status == "user_cancelled":
            return order
        if order.status in FINAL:
            raise StateError(f"{order_id} is already {order.status}: there is nothing to cancel")
        text = reason or "cancelled by the customer"
        order = advance(order, now, "user_cancelled", None, text)
        for task in work.tasks.all(order=order_id):
            if task.state in ("open", "planned", "acquired"):
                work.tasks.put(replace(task, state="cancelled", reason_code="cancelled", reason_text=text))
        for activity in work.activities.all(order=order_id, state="planned"):
            work.activities.put(replace(activity, state="dropped", outcome=text))
        credit_rest(work, order_id, now, f"cancelled: {text}")
        work.orders.put(order)
        return order
