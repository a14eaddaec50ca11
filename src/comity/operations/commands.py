"""What was commanded: activities of approved plans, and what of them a new plan leaves as it is.

Who was told to fly something is not told otherwise at the last moment: approved activities that begin within
a lead time stay, with what brings them down. Later ones are planned anew, but are worth a little more as
they are, and one that the new plan has again is the same activity, under its name and its approval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from comity.core import Epoch
from comity.fleet import Programme
from comity.operations.ports import UnitOfWork
from comity.operations.records import Activity
from comity.services import Candidate

#: How long before it begins an approved activity stays as it is (s).
LEAD_S = 6 * 3600.0
#: What keeping an approved acquisition is worth, as a part of its own worth.
CHURN_PRICE = 0.05
#: How far (s) two spans of the same contact may be apart: windows are found anew for each plan.
_SAME_S = 0.1


def commanded_plans(work: UnitOfWork) -> dict[str, Epoch]:
    """Approved plans, and since when."""
    return {verdict.plan: verdict.at for verdict in work.verdicts.all()}


def uncommanded(activity: Activity, plans: Mapping[str, Epoch]) -> bool:
    """Whether the activity's plan was not approved before it began."""
    return activity.plan not in plans or plans[activity.plan] > activity.interval.start


def kept_ids(
    planned: Iterable[Activity],
    plans: Mapping[str, Epoch],
    programme: Programme,
    now: Epoch,
    lead_s: float,
) -> frozenset[str]:
    """The commanded activities that a plan made at ``now`` leaves as they are.

    Those that begin within ``lead_s``; all downlinks that bring what they acquire, and what else these bring.
    An acquisition that no downlink brings any more is planned anew, and so is what needs an asset that has
    left the programme.
    """
    crafts = {craft.id for craft in programme.spacecraft}
    stations = {station.id for station in programme.stations}
    ahead = {
        a.id: a
        for a in planned
        if a.interval.start >= now
        and not uncommanded(a, plans)
        and a.spacecraft in crafts
        and (a.station is None or a.station in stations)
    }
    links = [a for a in ahead.values() if a.kind == "downlink"]
    found = {a.id for a in ahead.values() if a.interval.start < now + lead_s}
    grown = True
    while grown:
        before = len(found)
        for link in links:
            parts = {*link.carries, *link.begins}
            if link.id in found or parts & found:
                found |= {link.id} | (parts & ahead.keys())
        grown = len(found) > before
    brought = {name for link in links for name in link.carries}
    return frozenset(id for id in found if ahead[id].kind == "downlink" or id in brought)


def preferred(candidates: Iterable[Candidate], commanded: Iterable[Activity]) -> tuple[Candidate, ...]:
    """The candidates; those that were commanded are worth :data:`CHURN_PRICE` more (at most a clear sky)."""
    known = {_acquisition(a) for a in commanded if a.kind == "acquisition"}
    found = []
    for each in candidates:
        if known and _candidate(each) in known:
            quality = min(1.0, each.opportunity.quality * (1.0 + CHURN_PRICE))
            each = replace(each, opportunity=replace(each.opportunity, quality=quality))
        found.append(each)
    return tuple(found)


def again(made: Sequence[Activity], commanded: Iterable[Activity]) -> dict[str, Activity]:
    """Of what a new plan ``made`` that which was commanded before, by its new id; acquisitions come first.

    A downlink is the same only where it brings the same.
    """
    known = list(commanded)
    acquisitions = {_acquisition(a): a for a in known if a.kind == "acquisition"}
    links = [a for a in known if a.kind == "downlink"]
    found: dict[str, Activity] = {}
    for each in made:
        same: Activity | None = None
        if each.kind == "acquisition":
            same = acquisitions.get(_acquisition(each))
            same = same if same is not None and set(same.cells) == set(each.cells) else None
        else:
            parts = [tuple(found[n].id if n in found else n for n in p) for p in (each.carries, each.begins)]
            for link in links:
                if [link.carries, link.begins] == parts and _same_contact(link, each):
                    same = link
        if same is not None:
            found[each.id] = same
    return found


def kept_bits(kept: Iterable[Activity], aboard: Iterable[Activity]) -> dict[str, float]:
    """The most memory (bits, by spacecraft) that ``kept`` activities take at once, with what is ``aboard``
    until they bring it."""
    changes: dict[str, list[tuple[Epoch, float]]] = {}
    kept = list(kept)
    acquired = {a.id: a for a in (*aboard, *kept) if a.kind == "acquisition"}
    for link in (a for a in kept if a.kind == "downlink"):
        for name in link.carries:
            if name in acquired:
                one = acquired[name]
                mine = changes.setdefault(link.spacecraft, [])
                mine += [(one.interval.start, one.bits), (link.interval.end, -one.bits)]
    most = {}
    for craft, mine in changes.items():
        level = highest = 0.0
        for _, bits in sorted(mine):
            level += bits
            highest = max(highest, level)
        most[craft] = highest
    return most


def _acquisition(activity: Activity) -> tuple[object, ...]:
    return activity.task, activity.spacecraft, activity.instrument, activity.target, activity.interval


def _candidate(each: Candidate) -> tuple[object, ...]:
    return each.task.id, each.window.spacecraft, each.window.instrument, each.window.target, each.interval


def _same_contact(one: Activity, other: Activity) -> bool:
    spans = ((a.interval.start, a.interval.end) for a in (one, other))
    (start, end), (other_start, other_end) = spans
    return (
        (one.spacecraft, one.station) == (other.spacecraft, other.station)
        and abs(start - other_start) <= _SAME_S
        and abs(end - other_end) <= _SAME_S
    )
