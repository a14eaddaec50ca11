"""Who has a say over a plan: the operator approves it, partners withhold their own assets from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from comity.core import Epoch, InputError, Interval, StateError, UnknownIdError
from comity.fleet import Programme
from comity.operations.orders import FINAL, advance, remark
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity, PlanRecord

AssetKind = Literal["spacecraft", "station"]
Spans = Mapping[str, tuple[tuple[float, float], ...]]
#: The longest a partner may withhold an asset at once.
MAX_WITHHELD_S = 366 * 86_400.0
REASON = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """An asset that its owner keeps for itself over ``interval``: no plan uses it then.

    ``plan``: the plan it was a veto against, if any. ``lifted``: when the owner gave it back.
    """

    id: str
    partner: str
    kind: AssetKind
    asset: str
    interval: Interval
    reason: str
    created: Epoch
    by: str
    plan: str | None = None
    lifted: Epoch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The operator's approval of a plan: its activities may be commanded."""

    id: str
    plan: str
    decision: Literal["approved"]
    by: str
    reason: str
    at: Epoch


def approve_plan(store: Store, plan_id: str, *, now: Epoch, by: str, reason: str = "") -> Verdict:
    """Release the newest plan for commanding: its orders become ``tasked``.

    Approving it again gives the first verdict. Raises :class:`StateError` for a plan that a newer one has
    replaced, or of which nothing is planned any more.
    """
    with store.begin() as work:
        work.plans.get(plan_id)
        given = work.verdicts.all(plan=plan_id)
        if given:
            return given[0]
        newest = newest_plan(work)
        if newest is None or newest.id != plan_id:
            raise StateError(f"{plan_id} is replaced by {newest.id if newest else 'none'}: approve that one")
        planned = work.activities.all(plan=plan_id, state="planned")
        if not planned:
            raise StateError(f"nothing of {plan_id} is planned any more: make a new plan")
        for order_id in dict.fromkeys(a.order for a in planned if a.order):
            order = work.orders.get(order_id)
            if order.status == "scheduled":
                work.orders.put(advance(order, now, "tasked", None, f"{plan_id} approved"))
        return approved(work, plan_id, now=now, by=by, reason=reason)


def approved(work: UnitOfWork, plan_id: str, *, now: Epoch, by: str, reason: str) -> Verdict:
    """The plan's approval: the one it has, or a new one."""
    if given := work.verdicts.all(plan=plan_id):
        return given[0]
    verdict = Verdict(
        id=work.next_id("verdict"), plan=plan_id, decision="approved", by=by, reason=reason, at=now
    )
    work.verdicts.put(verdict)
    return verdict


def newest_plan(work: UnitOfWork) -> PlanRecord | None:
    """The plan that counts."""
    found = work.plans.page(1)
    return found[0] if found else None


def withhold(
    store: Store,
    *,
    partner: str,
    kind: AssetKind,
    asset: str,
    interval: Interval,
    reason: str,
    now: Epoch,
    by: str,
    plan: str | None = None,
    id: str | None = None,
) -> Withheld:
    """Keep an asset of ``partner`` out of every plan over ``interval``.

    What was planned on it then and has not begun is dropped; its orders say so, and the next plan looks
    for another way. ``id``: its name; one that is there already is given as it is. Raises
    :class:`UnknownIdError` for an asset that is not the partner's, and :class:`InputError` for an interval
    that is over or too long.
    """
    with store.begin() as work:
        if id is not None and (earlier := _named(work, partner, id)):
            return earlier[0]
        id = id or work.next_id("withheld")
        return _withhold(work, id, partner, kind, asset, interval, reason, now, by, plan)


def veto(
    store: Store,
    plan_id: str,
    activities: Sequence[str],
    *,
    partner: str,
    reason: str,
    now: Epoch,
    by: str,
    id: str | None = None,
) -> list[Withheld]:
    """Withhold a partner's own assets while these activities of a plan would use them: all or none.

    A downlink is vetoed by the owner of its station, or of its spacecraft. ``id``: what the names of what is
    withheld begin with; a veto of that name is given as it is.
    """
    with store.begin() as work:
        work.plans.get(plan_id)
        if id is not None and (earlier := _named(work, partner, id)):
            return earlier
        programme = work.programme()
        kept: list[Withheld] = []
        for name in dict.fromkeys(activities):
            activity = work.activities.get(name)
            owned = _owned_part(programme, activity, partner)
            if activity.plan != plan_id or owned is None:
                raise UnknownIdError("activity", name)
            if any(_covers(each, activity) for each in kept):
                continue
            if activity.state == "dropped":
                raise StateError(f"{name} was dropped already: {activity.outcome}")
            if activity.state != "planned" or activity.interval.start < now:
                raise StateError(
                    f"{name} is {activity.state} from {activity.interval.start}: too late for a veto"
                )
            kind, asset = owned
            own = f"{id}-{len(kept) + 1}" if id is not None else work.next_id("withheld")
            kept.append(
                _withhold(work, own, partner, kind, asset, activity.interval, reason, now, by, plan_id)
            )
        return kept


def _named(work: UnitOfWork, partner: str, id: str) -> list[Withheld]:
    """What a try that came before has withheld under this name."""
    mine = work.withheld.all(partner=partner)
    return [each for each in mine if each.id == id or each.id.startswith(f"{id}-")]


def lift(store: Store, withheld_id: str, *, partner: str, now: Epoch) -> Withheld:
    """Give an asset back to planning; lifting again changes nothing."""
    with store.begin() as work:
        found = work.withheld.get(withheld_id)
        if found.partner != partner:
            raise UnknownIdError("withheld", withheld_id)
        if found.lifted is None:
            found = replace(found, lifted=now)
            work.withheld.put(found)
        return found


def _owned_part(programme: Programme, activity: Activity, partner: str) -> tuple[AssetKind, str] | None:
    if activity.station is not None and programme.station(activity.station).owner == partner:
        return "station", activity.station
    if programme.craft(activity.spacecraft).owner == partner:
        return "spacecraft", activity.spacecraft
    return None


def _covers(withheld: Withheld, activity: Activity) -> bool:
    used = activity.spacecraft if withheld.kind == "spacecraft" else activity.station
    return used == withheld.asset and withheld.interval.overlaps(activity.interval)


def _withhold(
    work: UnitOfWork,
    id: str,
    partner: str,
    kind: AssetKind,
    asset: str,
    interval: Interval,
    reason: str,
    now: Epoch,
    by: str,
    plan: str | None,
) -> Withheld:
    programme = work.programme()
    owner = (programme.craft(asset) if kind == "spacecraft" else programme.station(asset)).owner
    if owner != partner:
        raise UnknownIdError("spacecraft" if kind == "spacecraft" else "ground station", asset)
    if interval.end <= now:
        raise InputError(f"the interval ends at {interval.end}, which is before now ({now})")
    if interval.duration_s > MAX_WITHHELD_S:
        raise InputError(
            f"{interval.duration_s / 86_400:,.0f} days are withheld, the limit is "
            f"{MAX_WITHHELD_S / 86_400:.0f}"
        )
    made = Withheld(
        id=id,
        partner=partner,
        kind=kind,
        asset=asset,
        interval=interval,
        reason=reason,
        created=now,
        by=by,
        plan=plan,
    )
    work.withheld.put(made)
    text = f"{partner} withholds {asset}: {reason}"
    hit = [a for a in work.activities.all(state="planned") if a.interval.start >= now and _covers(made, a)]
    for activity in hit:
        work.activities.put(replace(activity, state="dropped", outcome=text))
    _reopen(work, hit, now, text)
    return made


def _reopen(work: UnitOfWork, dropped: Iterable[Activity], now: Epoch, text: str) -> None:
    """Tasks that lost their last acquisition are open again; their orders say why."""
    orders: set[str] = set()
    for task_id in dict.fromkeys(a.task for a in dropped if a.task is not None):
        if work.activities.all(task=task_id, state="planned"):
            continue
        task = work.tasks.get(task_id)
        if task.state == "planned":
            work.tasks.put(replace(task, state="open", reason_code=REASON, reason_text=text))
            orders.add(task.order)
    for order_id in sorted(orders):
        order = work.orders.get(order_id)
        if order.status in FINAL:
            continue
        if order.status in ("scheduled", "tasked") and not work.tasks.all(order=order_id, state="planned"):
            work.orders.put(advance(order, now, "accepted", REASON, text))
        else:
            work.orders.put(remark(order, now, REASON, text))


def with_withheld(
    busy: Spans, withheld: Iterable[Withheld], kind: AssetKind, horizon: Interval, used: Iterable[str]
) -> dict[str, tuple[tuple[float, float], ...]]:
    """``busy`` (spans in s of the horizon, by asset) with what is withheld of the assets in ``used``."""
    merged = {name: list(spans) for name, spans in busy.items()}
    names = frozenset(used)
    for each in withheld:
        if each.kind != kind or each.asset not in names or each.lifted is not None:
            continue
        start_s = max(0.0, each.interval.start - horizon.start)
        end_s = min(each.interval.end - horizon.start, horizon.duration_s)
        if end_s > start_s:
            merged.setdefault(each.asset, []).append((start_s, end_s))
    return {name: tuple(sorted(spans)) for name, spans in merged.items()}
