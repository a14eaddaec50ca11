"""Downlink sessions for acquisitions that are already chosen: soonest first, one spacecraft at a time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from comity.planning.model import Opportunity, Problem

#: Part of the memory (or of what is on board) that counts as nothing: far under one acquisition.
NEGLIGIBLE = 1e-6

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """A span (s) in which a spacecraft may send to one station, out of one contact."""

    start_s: float
    end_s: float
    rate_bps: float
    contact: str
    station: str


@dataclass(frozen=True, slots=True)
class Session:
    """``bits`` sent from ``start_s`` to ``end_s`` (s) in one contact."""

    start_s: float
    end_s: float
    bits: float
    contact: str
    station: str


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why the acquisitions do not fit: at the one numbered ``at``, ``bits`` (too many) were on board.

    ``kind``: the memory overflows there, or it cannot be sent before the horizon ends.
    """

    kind: Literal["memory", "downlink"]
    at: int
    bits: float


def subtract(span: Span, holes: Iterable[Span]) -> list[Span]:
    """What is left of ``span`` without ``holes`` (any order)."""
    left: list[Span] = []
    start, end = span
    for a, b in sorted(holes):
        if b <= start:
            continue
        if a >= end:
            break
        if a > start:
            left.append((start, a))
        start = b
    if start < end:
        left.append((start, end))
    return left


def free_pieces(problem: Problem) -> dict[str, list[Piece]]:
    """Contacts by spacecraft in time order, cut to the horizon and to what is not committed."""
    pieces: dict[str, list[Piece]] = {limits.id: [] for limits in problem.spacecraft}
    for c in problem.contacts:
        if problem.antennas[c.station] < 1:
            continue
        holes = [*problem.busy_spacecraft.get(c.spacecraft, ()), *problem.busy_stations.get(c.station, ())]
        for a, b in subtract((max(0.0, c.start_s), min(problem.horizon_s, c.end_s)), holes):
            pieces[c.spacecraft].append(Piece(a, b, c.rate_bps, c.id, c.station))
    for own in pieces.values():
        own.sort(key=lambda p: (p.start_s, -p.rate_bps, p.contact))
    return pieces


class Downlinks:
    """Sessions booked so far, station by station; tries and books one spacecraft at a time."""

    def __init__(self, problem: Problem) -> None:
        self._limits = {limits.id: limits for limits in problem.spacecraft}
        self._antennas = problem.antennas
        self._pieces = free_pieces(problem)
        self._booked: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
        self._longest: dict[str, float] = defaultdict(float)
        self.sessions: dict[str, tuple[Session, ...]] = {}

    def fit(
        self, craft: str, taken: Sequence[Opportunity], pieces: Sequence[Piece] | None = None
    ) -> tuple[Session, ...] | Shortfall:
        """Sessions that carry ``taken`` (by start) and what was stored, each as soon as it can be sent.

        First recorded, first sent; between ``taken`` and a session lies the settling time. What others
        have booked is respected, unless ``pieces`` says what is free. With nothing taken, what is stored
        is sent as far as that goes.
        """
        limits = self._limits[craft]
        settle = limits.settle_s
        blocks = [(o.start_s - settle, o.end_s + settle) for o in taken]
        recorded, sent, clock, i = limits.stored_bits, 0.0, 0.0, 0
        most = recorded + sum(o.bits for o in taken)
        nothing = NEGLIGIBLE * min(limits.memory_bits, most)
        sessions: list[Session] = []
        for piece in self._pieces[craft] if pieces is None else pieces:
            if recorded - sent <= nothing:
                if i == len(taken):
                    break
                if piece.end_s <= taken[i].end_s:
                    continue
            for a, b in self._free(craft, piece, blocks) if pieces is None else subtract(_span(piece), blocks):
                a = max(a, clock)
                if b <= a:
                    continue
                while i < len(taken) and taken[i].start_s < a:
                    recorded += taken[i].bits
                    if recorded - sent > limits.memory_bits + nothing:
                        return Shortfall("memory", i, recorded - sent)
                    i += 1
                if recorded - sent <= nothing:
                    continue
                end = min(b, a + (recorded - sent) / piece.rate_bps)
                bits = min(recorded - sent, piece.rate_bps * (end - a))
                if end <= a:
                    continue
                sent, clock = sent + bits, end
                if sessions and (sessions[-1].contact, sessions[-1].end_s) == (piece.contact, a):
                    a, bits = sessions[-1].start_s, sessions.pop().bits + bits
                sessions.append(Session(a, end, bits, piece.contact, piece.station))
        for k in range(i, len(taken)):
            recorded += taken[k].bits
            if recorded - sent > limits.memory_bits + nothing:
                return Shortfall("memory", k, recorded - sent)
        if recorded - sent > nothing and any(o.bits > 0 for o in taken):
            return Shortfall("downlink", _first_unsent(taken, limits.stored_bits, sent), recorded - sent)
        return tuple(sessions)

    def book(self, craft: str, sessions: tuple[Session, ...]) -> None:
        """Hold ``sessions`` for ``craft`` in place of what it held."""
        for old in self.sessions.get(craft, ()):
            self._booked[old.station].remove((old.start_s, old.end_s, craft))
        for new in sessions:
            insort(self._booked[new.station], (new.start_s, new.end_s, craft))
            self._longest[new.station] = max(self._longest[new.station], new.end_s - new.start_s)
        self.sessions[craft] = sessions

    def _free(self, craft: str, piece: Piece, blocks: list[Span]) -> list[Span]:
        """``piece`` less the spacecraft's own blocks and the times when all antennas are taken."""
        booked, longest = self._booked[piece.station], self._longest[piece.station]
        others: list[Span] = []
        for k in range(bisect_left(booked, (piece.start_s - longest,)), len(booked)):
            a, b, holder = booked[k]
            if a >= piece.end_s:
                break
            if b > piece.start_s and holder != craft:
                others.append((a, b))
        # Acquisitions do not overlap, so only the last block that begins before the piece can reach it.
        first = max(0, bisect_left(blocks, (piece.start_s,)) - 1)
        near = blocks[first : bisect_left(blocks, (piece.end_s,))]
        return subtract(_span(piece), near + full_spans(others, self._antennas[piece.station]))


def _span(piece: Piece) -> Span:
    return piece.start_s, piece.end_s


def full_spans(spans: list[Span], antennas: int) -> list[Span]:
    """Times at which at least ``antennas`` of ``spans`` run."""
    if len(spans) < antennas:
        return []
    if antennas == 1:
        return spans
    events = sorted([(a, 1) for a, _ in spans] + [(b, -1) for _, b in spans])
    full: list[Span] = []
    running, since = 0, 0.0
    for t, change in events:
        if running >= antennas and t > since:
            full.append((since, t))
        running += change
        since = t
    return full


def _first_unsent(taken: Sequence[Opportunity], stored: float, sent: float) -> int:
    total = stored
    for k, o in enumerate(taken):
        total += o.bits
        if total > sent:
            return k
    return len(taken) - 1
