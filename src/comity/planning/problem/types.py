"""The general planning problem: requests, chances to serve them, and everything that limits them.

Times are seconds (s) from ``PlanningProblem.start``; angles radians, data bits, energy joules, power
watts. Every id is unique within its kind. What a field does not say is not limited: a satellite without
``memory_bits`` records without end, one without ``battery`` has power for all. So a set of conflicts and
knapsacks alone (SPOT5), a fleet of agile satellites (AEOSSP) and a joint operator's day are the same model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from comity.core import Epoch

#: A span (s): start and end, start ≤ end. Spans that share only an instant do not overlap.
Span = tuple[float, float]

#: What the samples of a pointing are, and so how an angle between two of them is measured.
#: ``line``: unit vectors (3) in an inertial frame, the angle between them.
#: ``attitude``: unit quaternions (4, scalar last), the rotation angle between them (q and −q are one).
#: ``axes-sum`` / ``axes-max``: angles about fixed axes (1–3; rad), the sum / the largest of the differences.
Metric = Literal["line", "attitude", "axes-sum", "axes-max"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """Where a satellite has to look over time: samples, with steady turning between two neighbours.

    ``at_s`` (n,): strictly rising times. ``samples`` (n): a tuple of components each, as the satellite's
    :data:`Metric` says. Between two samples ``line`` and ``attitude`` follow the great circle at constant
    rate (slerp), axes are linear. Before the first and after the last sample the pointing stands still, so
    one sample is a pointing that does not move.
    """

    at_s: tuple[float, ...]
    samples: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlewPiece:
    """Turning by an angle up to ``upto_rad`` takes ``base_s + angle · s_per_rad``."""

    upto_rad: float
    base_s: float
    s_per_rad: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slew:
    """How long a satellite turns between two activities.

    Either bang-coast-bang with ``rate_rad_s`` v and ``acceleration_rad_s2`` a (2√(θ/a) up to θ = v²/a, then
    v/a + θ/v), or ``pieces``, of which the first whose ``upto_rad`` is not below the angle holds (beyond the
    last one the turn is impossible). ``settle_s`` is added to every turn, also one by angle 0. It holds
    between an acquisition with a pointing and the next one with a pointing.
    """

    metric: Metric = "line"
    rate_rad_s: float | None = None
    acceleration_rad_s2: float | None = None
    pieces: tuple[SlewPiece, ...] = ()
    settle_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Energy of a satellite, all loads added up.

    ``idle_w`` is drawn always, ``imaging_w`` besides during acquisitions (an opportunity's own ``power_w``
    replaces it), ``slew_w`` during the turn and settling that end at an acquisition's start, ``sending_w``
    during downlinks. ``charge_w`` comes in during ``sunlit`` spans. The charge starts at ``initial_j``, is
    capped at ``capacity_j`` and must never fall below ``least_j``.

    ``sample_step_s``: None integrates exactly. Else the horizon is cut at its multiples and at every start
    and end of an acquisition or downlink, and each piece takes loads and sunlight of its midpoint.
    """

    capacity_j: float
    initial_j: float
    least_j: float = 0.0
    idle_w: float = 0.0
    imaging_w: float = 0.0
    slew_w: float = 0.0
    sending_w: float = 0.0
    charge_w: float = 0.0
    sunlit: tuple[Span, ...] = ()
    sample_step_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """In each of ``spans`` (orbits, days), at most ``most_s`` of imaging and ``most_count`` acquisitions.

    An acquisition counts with the part of its time inside the span; by number, where it starts
    (start ≤ t < end).
    """

    spans: tuple[Span, ...]
    most_s: float | None = None
    most_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Satellite:
    """One satellite and its limits; it does one acquisition at a time.

    ``slew``: None if it needs no time between acquisitions. ``rest``: where it points before its first
    acquisition, at the instant that one starts; the turn from there must fit between ``ready_s`` and the
    start (None: the first one needs no turn). ``stored_bits``: recorded before the start and not yet sent.
    ``images_while_sending``: False keeps acquisitions and downlinks apart by ``sending_gap_s``. ``busy``:
    spans that no acquisition or downlink may overlap. ``partner``: its owner.
    """

    id: str
    slew: Slew | None = None
    rest: Pointing | None = None
    ready_s: float = 0.0
    memory_bits: float | None = None
    stored_bits: float = 0.0
    images_while_sending: bool = True
    sending_gap_s: float = 0.0
    battery: Battery | None = None
    duty: tuple[Duty, ...] = ()
    busy: tuple[Span, ...] = ()
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants, and what it is worth.

    ``value`` of having it for certain. ``release_s`` / ``due_s``: no acquisition starts before / ends after.
    ``tries``: how many tries count: tries of one point succeed with 1 − Π(1 − pᵢ).
    ``cells``: None for a point, else the weights of an area's cells (sum 1); every cell earns its weight
    times the chance that one of its ``tries`` best tries succeeds. A point has at most ``tries`` tries.
    ``views``: acquisitions that make one try: 2 for a stereo pair, 3 for a triplet. They are those of
    different ``view`` in one ``pass_id``; a try with a view missing earns nothing, a complete one has the
    smallest chance of its views (one sky). Each pass counts as one try.
    ``periods``: wanted once in each of these spans (by acquisition start), each worth value / their number;
    ``tries`` holds in each. ``spacing_s``: least time from the start of one try to the start of the next.
    ``deliver_within_s``: every acquisition is to be received on the ground so long after its end;
    ``deliver_by_s``: until then. Both None: it need not be sent.
    ``group``: a :class:`Group`. ``tier``: 1 comes first when ``tiers`` is ``strict``.
    ``partner``: who asks.
    """

    id: str
    value: float
    release_s: float | None = None
    due_s: float | None = None
    tries: int = 1
    cells: tuple[float, ...] | None = None
    views: int = 1
    periods: tuple[Span, ...] = ()
    spacing_s: float = 0.0
    deliver_within_s: float | None = None
    deliver_by_s: float | None = None
    group: str | None = None
    tier: int = 1
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requests that hang together: at most ``most`` of them acquired.

    ``all_or_none``: they are worth something only when each of them earns something.
    """

    id: str
    most: int | None = None
    all_or_none: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """One satellite's chance to serve one request: an acquisition of ``duration_s`` within a window.

    It starts at or after ``start_s`` and ends at or before ``end_s``; with ``step_s`` only at
    ``start_s + k·step_s``. A window as long as the duration is a fixed start. ``pointing``: where to look
    (None: anywhere, no turn before or after it). At most one acquisition is made of an opportunity.
    ``bits`` recorded; ``power_w`` drawn instead of the battery's ``imaging_w``; ``probability`` of success
    (a clear sky), times how good the geometry is where that counts. ``cells``: indices into the request's
    cells that it covers. ``view`` and ``pass_id``: see :class:`Request`.
    """

    id: str
    request: str
    satellite: str
    start_s: float
    end_s: float
    duration_s: float
    step_s: float | None = None
    pointing: Pointing | None = None
    bits: float = 0.0
    power_w: float | None = None
    probability: float = 1.0
    cells: tuple[int, ...] | None = None
    view: str | None = None
    pass_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Least time from the end of ``first`` to the start of ``second`` (opportunities of one satellite).

    It replaces what the satellite's slew says, settling included, and holds also when others lie between.
    """

    first: str
    second: str
    least_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Ground station with interchangeable ``antennas``; each needs ``setup_s`` between two downlinks.

    ``busy``: spans that no downlink may overlap. ``partner``: its owner.
    """

    id: str
    antennas: int = 1
    setup_s: float = 0.0
    busy: tuple[Span, ...] = ()
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A span in which ``satellite`` may send ``rate_bps`` to ``station``, in one or several downlinks.

    From the start of the first of them to the end of the last one it holds an antenna.
    """

    id: str
    satellite: str
    station: str
    start_s: float
    end_s: float
    rate_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """Opportunities (one or more) of which a plan must not take all: a forbidden tuple of values."""

    opportunities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """A knapsack: the ``amounts`` (≥ 0) of those ``opportunities`` that are taken sum to ``most`` or less."""

    id: str
    most: float
    opportunities: tuple[str, ...]
    amounts: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A member of the pool.

    ``fair_fraction`` of ``alone_value`` (what its own satellites and stations alone would earn its own
    requests) is the least its requests must earn.
    """

    id: str
    fair_fraction: float = 0.0
    alone_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The most that ``partner``'s requests get on ``satellites``: seconds of imaging, acquisitions."""

    partner: str
    satellites: tuple[str, ...]
    most_s: float | None = None
    most_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """``satellite`` must not serve ``request``, or any request of ``partner`` (one of the two is given)."""

    satellite: str
    request: str | None = None
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusive:
    """During ``span`` only requests of ``partner`` may use ``satellite``."""

    satellite: str
    partner: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The acquisition made of ``opportunity``, starting at ``start_s``."""

    opportunity: str
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``bits`` of one acquisition (its opportunity; None: of what was stored at the start)."""

    opportunity: str | None
    bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Downlink:
    """Sending in ``contact`` from ``start_s`` to ``end_s``: ``loads`` one after the other, in this order.

    They are sent at an even rate over the span, at most the contact's. An acquisition can be sent from its
    end on; its memory is taken from its start and given back as it is sent.
    """

    contact: str
    start_s: float
    end_s: float
    loads: tuple[Load, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningProblem:
    """Everything a plan has to respect, over [0, ``horizon_s``] from ``start``.

    ``tiers``: ``sum`` adds all values; ``strict`` earns the most in tier 1 first, then in tier 2, ….
    ``frozen`` / ``frozen_downlinks`` are part of every plan; before ``frozen_until_s`` nothing else starts.
    ``previous``: the plan that is replaced; each of its activities that is dropped or moved costs
    ``churn_price``.
    """

    start: Epoch
    horizon_s: float
    requests: tuple[Request, ...] = ()
    opportunities: tuple[Opportunity, ...] = ()
    satellites: tuple[Satellite, ...] = ()
    stations: tuple[Station, ...] = ()
    contacts: tuple[Contact, ...] = ()
    groups: tuple[Group, ...] = ()
    transitions: tuple[Transition, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    partners: tuple[Partner, ...] = ()
    shares: tuple[Share, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    exclusives: tuple[Exclusive, ...] = ()
    tiers: Literal["sum", "strict"] = "sum"
    frozen: tuple[Activity, ...] = ()
    frozen_downlinks: tuple[Downlink, ...] = ()
    frozen_until_s: float = 0.0
    previous: tuple[Activity, ...] = ()
    churn_price: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a solver returns: always valid (perhaps empty), with its value and what it proves.

    ``value``: expected value by the problem's model, less churn. ``upper``: no plan is worth more;
    ``upper_for`` says of which problem (``as stated`` or a relaxation, named). ``tier_values``: by tier,
    before churn. ``work``: deterministic units spent. ``stopped``: ``proven``, ``work``, ``wall``,
    ``interrupted`` or ``search ended``.
    """

    activities: tuple[Activity, ...]
    downlinks: tuple[Downlink, ...] = ()
    value: float = 0.0
    tier_values: dict[int, float]
    upper: float
    upper_for: str
    method: str
    solver: str
    seed: int = 0
    work: float = 0.0
    stopped: str = "search ended"

    @property
    def gap(self) -> float:
        """(upper − value) / upper, 0 where proven optimal; of the value's size where upper ≤ 0."""
        off = max(0.0, self.upper - self.value)
        return off / self.upper if self.upper > 0 else off / max(abs(self.value), 1e-300)
