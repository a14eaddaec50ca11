"""Acquisitions put into a plan that stands: where they fit, or where others give way and go elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from comity.planning.answers.obstacles import Trial
from comity.planning.answers.standing import Way
from comity.planning.answers.ways import ways_to_serve
from comity.planning.problem import Request

#: Ways tried for the request itself, and for each one that gives way.
_WAYS = 24
_OTHER_WAYS = 6
#: Ways that are tried again with those that give way displacing others in their turn.
_DEEPER = 3


def place(plan: Trial, request: Request, *, must: bool) -> bool:
    """Serve ``request`` (once more) where the plan is worth most with it.

    Those displaced go elsewhere where they can. ``must``: whatever it costs; else only if the plan is worth
    more. False, with the plan as it was, if there is no way.
    """
    before = plan.worth()
    tried: list[tuple[tuple[float, ...], int, Way]] = []
    ways = ways_to_serve(plan, request).found
    for k, way in enumerate(ways[:_WAYS]):
        mark = plan.mark()
        if _carry_out(plan, way, depth=1):
            tried.append((plan.worth(), -k, way))
            free = not way.rivals
        else:
            free = False
        plan.back(mark)
        if free and k == 0 and tried and tried[0][0] > before:
            break  # the best it can have, and nobody gives way
    tried.sort(key=lambda t: (t[0], t[1]), reverse=True)
    best: tuple[tuple[float, ...], Way, int] | None = None
    if tried:
        best = tried[0][0], tried[0][2], 1
        # only where others lose by the best way can looking further pay
        loses = sum(best[0]) < sum(before) + best[1].gain * (1 - 1e-9)
        for _, _, way in tried[:_DEEPER] if loses else ():
            mark = plan.mark()
            if _carry_out(plan, way, depth=2) and plan.worth() > best[0]:
                best = plan.worth(), way, 2
            plan.back(mark)
    if best is None or not (must or best[0] > before):
        return False
    return _carry_out(plan, best[1], depth=best[2])


def fill(plan: Trial, requests: Iterable[Request]) -> None:
    """Serve ``requests``, in their order, as far as they fit beside everything else."""
    for request in requests:
        while _settle(plan, request, depth=0):
            pass


def _carry_out(plan: Trial, way: Way, *, depth: int) -> bool:
    """Take ``way``, whoever has to go for it, and find these another place."""
    done = plan.clear(way)
    if not done.possible:
        return False
    if depth == 0 and done.rivals:
        return False
    displaced = _displaced(plan, done.rivals)
    plan.take_out(done.rivals)
    if not plan.take(way.slots):
        return False
    held = {s.opportunity.id for s in way.slots} - plan.pinned
    plan.pinned |= held  # those displaced must not come back by displacing it
    for request in displaced:
        while _settle(plan, request, depth=depth - 1):
            pass
    plan.pinned -= held
    return True


def _displaced(plan: Trial, ids: Iterable[str]) -> Sequence[Request]:
    requests = {plan.taken[id].opportunity.request for id in ids}
    return sorted((plan.requests[r] for r in requests), key=lambda r: (r.tier, -r.value, r.id))


def _settle(plan: Trial, request: Request, *, depth: int) -> bool:
    """Take the best of a few ways to serve ``request`` that makes the plan worth more."""
    before = best = plan.worth()
    chosen: Way | None = None
    ways = ways_to_serve(plan, request).found
    if depth <= 0:
        ways = tuple(sorted((w for w in ways if not w.rivals), key=lambda w: -w.gain))
    for way in ways[:_OTHER_WAYS]:
        mark = plan.mark()
        if depth <= 0:
            if plan.take(way.slots):
                if plan.worth() > before:
                    return True  # sorted by gain: the first that fits is the best
                plan.back(mark)
            continue
        if _carry_out(plan, way, depth=depth) and plan.worth() > best:
            best, chosen = plan.worth(), way
        plan.back(mark)
    return chosen is not None and _carry_out(plan, chosen, depth=depth)
