"""What the exact model must know of memory and downlinks, and not more.

Per spacecraft, time is a sequence of *runs* of opportunities and the *gaps* between them in which it may
send. Where one gap, on antennas that nobody else can want, carries off all that may be on board, the
sequence falls apart there; and a part between two such gaps needs no constraint at all when everything
recorded in it fits into the memory. What remains (tight memory, few contacts, contended antennas, the
end of the horizon) is returned as :class:`Segment` s over :class:`Slot` s.

Nothing is lost by this: any plan of the full problem can be changed to send only in the reserved pieces
and the slots, without touching an acquisition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from comity.planning.downlink import Piece, Span, free_pieces, full_spans, subtract
from comity.planning.instance import Instance
from comity.planning.solver import Deadline


@dataclass(frozen=True, slots=True)
class Slot:
    """A piece of a contact in which one spacecraft may send, and the opportunities that forbid it."""

    craft: str
    piece: Piece
    blockers: tuple[int, ...]

    @property
    def duration_s(self) -> float:
        """Length, s."""
        return self.piece.end_s - self.piece.start_s


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of one spacecraft's time in which memory or downlink may bind.

    ``steps``: (opportunities of a run, slots of the gap that follows). ``stored_bits`` are on board when
    it begins. ``drained``: a reserved gap after the last run carries off everything; else all must have
    been sent by the last step.
    """

    craft: str
    stored_bits: float
    steps: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    drained: bool


@dataclass(frozen=True, slots=True)
class Share:
    """Slots that share ``capacity_s`` seconds: one span of one spacecraft, or of a station's antennas."""

    slots: tuple[int, ...]
    start_s: float
    end_s: float
    capacity_s: float


@dataclass(slots=True)
class Flow:
    """Everything of memory and downlinks that the model must hold to; see the module's docstring."""

    slots: list[Slot] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    reserved: dict[str, list[Piece]] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    """A segment while it is being found: runs and the pieces of the gaps after them."""

    craft: str
    stored: float
    runs: list[list[int]]
    gaps: list[list[Slot]]
    reserved: list[Piece] | None = None
    binds: bool = True


def downlink_flow(instance: Instance, deadline: Deadline) -> Flow:
    """Find the segments, slots and shares of ``instance``.

    Raises :class:`comity.planning.solver.OutOfTimeError` when the ``deadline`` comes first.
    """
    pieces = free_pieces(instance.problem)
    parts = [
        _whole(instance, craft, pieces[craft], deadline) for craft, ops in instance.of_craft.items() if ops
    ]
    # Sending that turns out not to be needed stops competing, which may free antennas: look again.
    for _ in range(3):
        wanted = _Wanted(instance.problem.antennas, parts)
        parts = [new for part in parts for new in _split(instance, part, wanted, deadline)]
    flow = Flow(reserved={craft: [] for craft in instance.limits})
    for part in parts:
        flow.reserved[part.craft] += part.reserved or []
    binding = [part for part in parts if part.binds]
    _cut(binding, deadline)
    for part in binding:
        steps = []
        for run, gap in zip(part.runs, part.gaps, strict=True):
            steps.append((tuple(run), tuple(range(len(flow.slots), len(flow.slots) + len(gap)))))
            flow.slots += gap
        flow.segments.append(Segment(part.craft, part.stored, tuple(steps), part.reserved is not None))
    flow.shares = _shares(flow.slots, instance.problem.antennas)
    return flow


def _whole(instance: Instance, craft: str, pieces: Sequence[Piece], deadline: Deadline) -> _Part:
    """All the time of ``craft`` as one part, slots cut at the edges of its opportunities' blocks."""
    blocks = sorted((*instance.block(k), k) for k in instance.of_craft[craft])
    starts = [a for a, _, _ in blocks]
    longest = max(b - a for a, b, _ in blocks)
    events: list[tuple[float, int | Slot]] = [((a + b) / 2, k) for a, b, k in blocks]
    for piece in pieces:
        deadline.check()
        near = blocks[bisect_left(starts, piece.start_s - longest) : bisect_left(starts, piece.end_s)]
        for cut in _cut_piece(piece, {t for a, b, _ in near for t in (a, b)}):
            middle = (cut.start_s + cut.end_s) / 2
            here = blocks[bisect_left(starts, middle - longest) : bisect_left(starts, middle)]
            events.append((middle, Slot(craft, cut, tuple(k for _, b, k in here if middle < b))))
    # An opportunity whose block holds a slot's middle forbids the slot, so their order does not matter.
    events.sort(key=lambda event: event[0])
    runs: list[list[int]] = [[]]
    gaps: list[list[Slot]] = [[]]
    for _, what in events:
        if isinstance(what, Slot):
            gaps[-1].append(what)
            continue
        if gaps[-1]:
            runs.append([])
            gaps.append([])
        runs[-1].append(what)
    return _Part(craft, instance.limits[craft].stored_bits, runs, gaps)


class _Wanted:
    """What each station is wanted for: tells which spans nobody can dispute."""

    def __init__(self, antennas: dict[str, int], parts: Iterable[_Part]) -> None:
        self._antennas = antennas
        self._spans: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
        for part in parts:
            pieces = list(part.reserved or [])
            if part.binds:
                pieces += [slot.piece for gap in part.gaps for slot in gap]
            for p in pieces:
                self._spans[p.station].append((p.start_s, p.end_s, part.craft))
        self._longest: dict[str, float] = {}
        for station, spans in self._spans.items():
            spans.sort()
            self._longest[station] = max(b - a for a, b, _ in spans)

    def undisputed(self, craft: str, piece: Piece) -> list[Span]:
        """Spans of ``piece`` in which there is an antenna for everyone who may want one."""
        spans = self._spans.get(piece.station, [])
        low = bisect_left(spans, (piece.start_s - self._longest.get(piece.station, 0.0),))
        high = bisect_left(spans, (piece.end_s,))
        others = [(a, b) for a, b, owner in spans[low:high] if owner != craft and b > piece.start_s]
        return subtract((piece.start_s, piece.end_s), full_spans(others, self._antennas[piece.station]))


def _split(instance: Instance, part: _Part, wanted: _Wanted, deadline: Deadline) -> list[_Part]:
    """Cut ``part`` after every gap that carries off all that can be on board by then."""
    if not part.binds:
        return [part]
    memory = instance.limits[part.craft].memory_bits
    found: list[_Part] = []
    new, on_board = _Part(part.craft, part.stored, [], []), _Most(instance)
    for run, gap in zip(part.runs, part.gaps, strict=True):
        deadline.check()
        with_run = on_board.after(run)
        most = new.stored + with_run.bits
        if most <= 0:
            continue
        on_board = with_run
        new.runs.append(run)
        new.gaps.append(gap)
        reserved = _reserve(part.craft, gap, min(most, memory), wanted)
        if reserved is not None:
            new.gaps[-1] = []
            new.reserved = reserved
            new.binds = most > memory
            found.append(new)
            new, on_board = _Part(part.craft, 0.0, [], []), _Most(instance)
    if new.runs:
        new.reserved = part.reserved
        new.binds = part.reserved is None or new.stored + on_board.bits > memory
        found.append(new)
    return found


def _reserve(craft: str, gap: list[Slot], bits: float, wanted: _Wanted) -> list[Piece] | None:
    """Earliest undisputed pieces of ``gap`` that no opportunity forbids and that carry ``bits``."""
    reserved: list[Piece] = []
    clock = -1.0
    for slot in gap:
        if slot.blockers:
            continue
        p = slot.piece
        for a, b in wanted.undisputed(craft, p):
            a = max(a, clock)
            if a >= b:
                continue
            clock = min(b, a + bits / p.rate_bps)
            reserved.append(replace(p, start_s=a, end_s=clock))
            bits -= (clock - a) * p.rate_bps
            if clock < b or bits <= 0:
                return reserved
    return None


@dataclass(frozen=True, slots=True)
class _Most:
    """At least what a feasible part of the opportunities gone through, in time order, can record.

    ``clique``: the last of them that exclude each other, as bits; ``largest``: most that one records.
    """

    instance: Instance
    total: float = 0.0
    clique: int = 0
    largest: float = 0.0

    def after(self, run: Iterable[int]) -> _Most:
        """When ``run`` follows."""
        total, clique, largest = self.total, self.clique, self.largest
        for k in run:
            if clique & ~self.instance.excluded(k):
                total, clique, largest = total + largest, 0, 0.0
            clique |= 1 << self.instance.number(k)
            largest = max(largest, self.instance.ops[k].bits)
        return _Most(self.instance, total, clique, largest)

    @property
    def bits(self) -> float:
        """The bound."""
        return self.total + self.largest


def _cut_piece(piece: Piece, times: Iterable[float]) -> list[Piece]:
    inside = sorted(t for t in times if piece.start_s < t < piece.end_s)
    edges = [piece.start_s, *inside, piece.end_s]
    return [replace(piece, start_s=a, end_s=b) for a, b in pairwise(edges)]


def _cut(parts: list[_Part], deadline: Deadline) -> None:
    """Cut slots so that any two of one spacecraft or station either coincide or do not overlap."""
    slots = sorted(
        (slot for part in parts for gap in part.gaps for slot in gap), key=lambda s: s.piece.start_s
    )
    cluster = list(range(len(slots)))

    def root(i: int) -> int:
        while cluster[i] != i:
            cluster[i] = cluster[cluster[i]]
            i = cluster[i]
        return i

    running: list[int] = []
    for i, slot in enumerate(slots):
        deadline.check()
        running = [j for j in running if slots[j].piece.end_s > slot.piece.start_s]
        for j in running:
            if slots[j].craft == slot.craft or slots[j].piece.station == slot.piece.station:
                cluster[root(i)] = root(j)
        running.append(i)
    edges: dict[int, set[float]] = defaultdict(set)
    for i, slot in enumerate(slots):
        edges[root(i)] |= {slot.piece.start_s, slot.piece.end_s}
    times = {id(slot): edges[root(i)] for i, slot in enumerate(slots)}
    for part in parts:
        part.gaps = [
            [replace(slot, piece=cut) for slot in gap for cut in _cut_piece(slot.piece, times[id(slot)])]
            for gap in part.gaps
        ]


def _shares(slots: Sequence[Slot], antennas: dict[str, int]) -> list[Share]:
    """Who shares what, once the slots are cut: one transmitter a spacecraft, so many antennas a station."""
    together: dict[tuple[str, str, float, float], list[int]] = defaultdict(list)
    for k, slot in enumerate(slots):
        span = slot.piece.start_s, slot.piece.end_s
        together["craft", slot.craft, *span].append(k)
        together["station", slot.piece.station, *span].append(k)
    shares = []
    for (kind, id, a, b), members in together.items():
        places = antennas[id] if kind == "station" else 1
        if len(members) > places:
            shares.append(Share(tuple(members), a, b, places * (b - a)))
    return shares
