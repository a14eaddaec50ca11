"""From a selection to the solution that is handed back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from comity.planning.coverage import Tally
from comity.planning.downlink import NEGLIGIBLE, Session
from comity.planning.model import (
    Bound,
    Opportunity,
    PlannedAcquisition,
    PlannedDownlink,
    Problem,
    Solution,
)
from comity.planning.reasons import explain_all
from comity.planning.selection import Selection


def assemble(selection: Selection, bound: Bound, *, solver: str, work: float, seed: int) -> Solution:
    """Acquisitions by time with the contacts that carry them, downlinks by time, and the reasons."""
    instance = selection.instance
    acquisitions: list[tuple[float, PlannedAcquisition]] = []
    downlinks: list[PlannedDownlink] = []
    sessions = selection.sessions()
    for craft, members in instance.of_craft.items():
        taken = [instance.ops[k] for k in members if k in selection.taken]
        own = sessions.get(craft, ())
        carried = carriage(taken, own, instance.limits[craft].stored_bits)
        for o, contacts in zip(taken, carried, strict=True):
            acquisitions.append((o.start_s, PlannedAcquisition(opportunity=o.id, downlinks=contacts)))
        downlinks += [
            PlannedDownlink(contact=s.contact, start_s=s.start_s, end_s=s.end_s, bits=s.bits) for s in own
        ]
    acquisitions.sort(key=lambda pair: (pair[0], pair[1].opportunity))
    downlinks.sort(key=lambda d: (d.start_s, d.contact))
    planned = tuple(a for _, a in acquisitions)
    solution = Solution(
        acquisitions=planned,
        downlinks=tuple(downlinks),
        task_values=task_values(instance.problem, planned),
        bound=bound,
        reasons=(),
        solver=solver,
        work=work,
        seed=seed,
    )
    return replace(solution, reasons=explain_all(instance.problem, solution))


def task_values(problem: Problem, acquisitions: Sequence[PlannedAcquisition]) -> dict[str, float]:
    """Earned value by task (0 where nothing is taken)."""
    by_id = {o.id: o for o in problem.opportunities}
    tally = Tally(problem.tasks)
    for a in acquisitions:
        tally.add(by_id[a.opportunity])
    return tally.values()


def carriage(
    taken: Sequence[Opportunity], sessions: Sequence[Session], stored_bits: float
) -> list[tuple[str, ...]]:
    """Contacts that carry each of ``taken`` (by start), first recorded first sent, after what was stored."""
    total = stored_bits + sum(o.bits for o in taken)
    nothing = NEGLIGIBLE * total
    carried: list[tuple[str, ...]] = []
    begin = stored_bits
    spans = []
    sent = 0.0
    for s in sorted(sessions, key=lambda s: s.start_s):
        spans.append((sent, sent + s.bits, s.contact))
        sent += s.bits
    for o in taken:
        end = begin + o.bits
        part = min(nothing, o.bits / 2)
        contacts = [c for a, b, c in spans if min(b, end) - max(a, begin) > part]
        carried.append(tuple(dict.fromkeys(contacts)))
        begin = end
    return carried
