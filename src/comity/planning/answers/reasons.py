"""Why a request is not, or not wholly, in a plan: found anew from the problem and the plan alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from comity.core import InputError, Progress, UnknownIdError, silent
from comity.planning.answers.obstacles import Clearing, ReasonCode, Trial
from comity.planning.answers.standing import TRIFLE, Way
from comity.planning.answers.ways import Ways, ways_to_serve
from comity.planning.baseline.worth import best_alone
from comity.planning.problem import Plan, PlanningProblem, Request, judge_parts

#: Ways of a request whose resources are looked into, cheapest first.
_LOOKED_INTO = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """An acquisition of the plan in a request's way: whose, when, what the plan would lose without it."""

    opportunity: str
    request: str
    start_s: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why ``request`` is left out, or earns no more than ``earned``.

    ``code``: ``no-window``: nothing can see it; ``not-allowed``: veto, exclusive use, busy, release, due,
    frozen; ``not-worth``: it would add nothing; ``beaten``: other acquisitions leave no time; a resource that
    is full (``memory``, ``energy``, ``duty``, ``downlink``, ``capacity``, ``share``, ``group``); a rule
    (``forbidden``, ``rule``); ``time-limit``: nothing is in the way, a longer search would take it.

    ``opportunities`` at ``starts_s``: the way to serve it that would cost the plan least; with ``rivals``
    taken out it fits (with the downlinks that the plan has), and earns ``gain`` more while the plan loses
    ``loss``. No rivals with a code other than ``time-limit``: taking acquisitions out does not help.
    """

    request: str
    code: ReasonCode
    text: str
    earned: float = 0.0
    gain: float = 0.0
    loss: float = 0.0
    opportunities: tuple[str, ...] = ()
    starts_s: tuple[float, ...] = ()
    rivals: tuple[Rival, ...] = ()

    @property
    def by(self) -> tuple[str, ...]:
        """The requests that took its place."""
        return tuple(dict.fromkeys(r.request for r in self.rivals if r.request != self.request))


def reasons(
    problem: PlanningProblem,
    plan: Plan,
    *,
    requests: Iterable[str] | None = None,
    progress: Progress = silent,
) -> tuple[Reason, ...]:
    """Reasons for all ``requests`` (default: every one) that are not wholly served, in the problem's order.

    Raises :class:`InputError` if the plan breaks a rule of the problem, :class:`UnknownIdError` for an
    unknown request.
    """
    wanted = None if requests is None else set(requests)
    for id in wanted or ():
        if id not in {r.id for r in problem.requests}:
            raise UnknownIdError("request", id, tuple(r.id for r in problem.requests))
    case = _Case(problem, standing_of(problem, plan))
    found = []
    for k, request in enumerate(problem.requests):
        if k % 64 == 0:
            progress(k, len(problem.requests), "finding reasons")
        if wanted is None or request.id in wanted:
            found.append(case.explain(request))
    return tuple(reason for reason in found if reason is not None)


def reason_of(standing: Trial, request: str) -> Reason | None:
    """The reason for one request of a plan that is laid open already."""
    return _Case(standing.problem, standing).explain(standing.requests[request])


def standing_of(problem: PlanningProblem, plan: Plan) -> Trial:
    """The plan laid open; raises :class:`InputError` if it breaks a rule of the problem."""
    broken = judge_parts(problem, plan.activities, plan.downlinks).violations
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise InputError(
            f"the plan breaks a rule of this problem: {broken[0].kind}: {broken[0].text}{more}; "
            "it may be the plan of another problem"
        )
    return Trial(problem, plan.activities, plan.downlinks)


class _Case:
    def __init__(self, problem: PlanningProblem, standing: Trial) -> None:
        self._problem, self._plan = problem, standing

    def explain(self, request: Request) -> Reason | None:
        """The reason for this request, None where it is wholly served."""
        plan = self._plan
        earned = plan.earned(request.id)
        chances = plan.chances[request.id]
        if earned > 0 and not plan.counts(request.id):
            return self._group_broken(request)
        if not chances:
            return self._reason(request, "no-window", self._no_view())
        if earned >= request.value * (1 - TRIFLE) and earned > 0:
            return None
        ways = ways_to_serve(plan, request)
        if not ways.found:
            return self._without_a_way(request, ways)
        for way in sorted((w for w in ways.found if not w.rivals), key=lambda w: -w.gain):
            if plan.fits(way.slots):
                done = Clearing(True, frozenset(), way.gain, 0.0, None)
                return self._lost(request, ways, way, done)
        best: tuple[float, Way, Clearing] | None = None
        for k, way in enumerate(ways.found[: _LOOKED_INTO * 4]):
            # What time alone costs is the least that all costs.
            if best is not None and (best[0] <= way.cost or k >= _LOOKED_INTO):
                break
            done = plan.clear(way)
            if done.possible and (best is None or done.loss - done.gain < best[0]):
                best = done.loss - done.gain, way, done
            elif k == 0:
                hopeless = way, done
        if best is None:
            way, done = hopeless
            block = done.block
            if block is None:
                return self._reason(request, "rule", self._of(way, ways, "would break a rule."), way=way)
            return self._reason(request, block.code, self._of(way, ways, block.text), way=way)
        _, way, done = best
        return self._lost(request, ways, way, done)

    def _lost(self, request: Request, ways: Ways, way: Way, done: Clearing) -> Reason:
        """What the cheapest way would cost."""
        if not done.rivals:
            text = "was still open when the search ended; a longer search would take it."
            text = f"{text[:-1]}, and earn {done.gain:,.6g} more."
            return self._reason(request, "time-limit", self._of(way, ways, text), way=way, done=done)
        code: ReasonCode = "beaten"
        text = self._beaten(way) if way.rivals else ""
        if done.block is not None:
            code = "beaten" if way.rivals else done.block.code
            text = f"{text[:-1]}; besides, it {done.block.text}" if way.rivals else done.block.text
        text = f"{text[:-1]}: {self._balance(way, done)}"
        return self._reason(request, code, self._of(way, ways, text), way=way, done=done)

    def _beaten(self, way: Way) -> str:
        rivals = [self._plan.taken[id] for id in way.rivals]
        own = {s.opportunity.request for s in way.slots}
        acts = "another image" if len(rivals) == 1 else f"{len(rivals)} other images"
        if all(r.opportunity.request in own for r in rivals):
            acts += " of the same request"
        first = min(rivals, key=lambda r: r.start_s)
        return (
            f"is lost to {acts} that the satellite takes around then, from {self._plan.when(first.start_s)}."
        )

    def _balance(self, way: Way, done: Clearing) -> str:
        """Earnings on both sides."""
        names = list(dict.fromkeys(self._plan.taken[id].opportunity.request for id in sorted(done.rivals)))
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        rest = done.loss - done.gain
        sides = f"{shown} would lose {done.loss:,.6g}, it would earn {done.gain:,.6g}"
        if self._tier_first(way, done):
            return f"{sides}, of a later tier."
        if rest > 0:
            return f"{sides}, {rest:,.6g} less."
        if rest < 0:
            return f"{sides}, {-rest:,.6g} more: a longer search might take it."
        return f"{sides}, as much."

    def _tier_first(self, way: Way, done: Clearing) -> bool:
        if self._problem.tiers != "strict":
            return False
        requests = self._plan.requests
        mine = requests[way.slots[0].opportunity.request].tier
        return any(requests[self._plan.taken[id].opportunity.request].tier < mine for id in done.rivals)

    def _without_a_way(self, request: Request, ways: Ways) -> Reason | None:
        plan, chances = self._plan, self._plan.chances[request.id]
        earned = plan.earned(request.id)
        if ways.fixed:
            o = plan.opportunities[ways.fixed[0]]
            text = "is lost to what is frozen, or to the turn from where the satellite stands at first."
            head = self._head(o.satellite, o.start_s, len(chances))
            return self._reason(request, "not-allowed", f"{head}{text}", opportunities=(o.id,))
        if ways.barred:
            id = max(ways.barred, key=lambda id: (plan.opportunities[id].probability, id))
            o = plan.opportunities[id]
            if earned > 0 and request.cells is None and not request.periods:
                return None
            head = self._head(o.satellite, o.start_s, len(chances))
            return self._reason(request, "not-allowed", f"{head}{ways.barred[id]}", opportunities=(id,))
        if earned > 0:
            missing = request.cells is not None or bool(request.periods)
            if missing and earned < request.value * (1 - 1e-6) and self._unseen(request):
                part = " of the missing part"
                return self._reason(request, "no-window", self._no_view(part))
            return None
        if request.views > 1 and best_alone(request, chances) > 0:
            return self._reason(
                request, "no-window", self._no_view(f" of all {request.views} views in a pass")
            )
        best = max(o.probability for o in chances)
        text = f"it would earn nothing: its value is {request.value:g}, the best chance {best:g}."
        return self._reason(request, "not-worth", text)

    def _unseen(self, request: Request) -> bool:
        """Whether a cell or a period is served by no opportunity at all."""
        chances = self._plan.chances[request.id]
        if request.cells is not None:
            return len({c for o in chances for c in o.cells or ()}) < len(request.cells)
        return any(not any(o.start_s < b and a < o.end_s for o in chances) for a, b in request.periods)

    def _group_broken(self, request: Request) -> Reason:
        members = [r for r in self._problem.requests if r.group == request.group]
        without = [r.id for r in members if self._plan.earned(r.id) <= 0]
        text = f"it earns only with all of group {request.group}: {', '.join(without[:5])} are missing."
        return self._reason(request, "group", text)

    def _no_view(self, what: str = "") -> str:
        start, end = self._problem.start, self._problem.start + self._problem.horizon_s
        return f"no satellite has a suitable view{what} between {start.iso(0)} and {end.iso(0)}."

    def _head(self, satellite: str, start_s: float, chances: int) -> str:
        best = "the only chance" if chances == 1 else f"the best of {chances} chances"
        return f"{best}, {satellite} at {self._plan.when(start_s)}, "

    def _of(self, way: Way, ways: Ways, text: str) -> str:
        first = way.slots[0]
        chances = len({s.opportunity.id for w in ways.found for s in w.slots})
        return f"{self._head(first.opportunity.satellite, first.start_s, chances)}{text}"

    def _reason(
        self,
        request: Request,
        code: ReasonCode,
        text: str,
        *,
        way: Way | None = None,
        done: Clearing | None = None,
        opportunities: Sequence[str] = (),
    ) -> Reason:
        plan, earned = self._plan, self._plan.earned(request.id)
        if earned > 0 and plan.counts(request.id):
            text = f"{earned / request.value:.0%} of its value is planned; for the rest, {text}"
        rivals = () if done is None else sorted(done.rivals, key=lambda id: (plan.taken[id].start_s, id))
        return Reason(
            request=request.id,
            code=code,
            text=text[0].upper() + text[1:],
            earned=earned if plan.counts(request.id) else 0.0,
            gain=(way.gain if way else 0.0) if done is None else done.gain,
            loss=0.0 if done is None else done.loss,
            opportunities=tuple(s.opportunity.id for s in way.slots) if way else tuple(opportunities),
            starts_s=tuple(s.start_s for s in way.slots) if way else (),
            rivals=tuple(
                Rival(
                    opportunity=id,
                    request=plan.taken[id].opportunity.request,
                    start_s=plan.taken[id].start_s,
                    loss=plan.loss((id,)),
                )
                for id in rivals
            ),
        )
