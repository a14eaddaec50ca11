"""Downlink sessions for acquisitions that are already chosen: soonest first, one spacecraft at a time."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from comity.planning.model import Opportunity, Problem, SpacecraftLimits

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
    """Why the acquisitions do not fit: those numbered ``first`` … ``last`` are on board, ``bits`` in all.

    ``kind``: the memory overflows with the last of them, or they are never sent within the horizon.
    """

    kind: Literal["memory", "downlink"]
    first: int
    last: int
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


class _Memory:
    """What is on board while ``taken`` (by start) is recorded and sent."""

    def __init__(self, limits: SpacecraftLimits, taken: Sequence[Opportunity]) -> None:
        self._limits = limits
        self._taken = taken
        self._count = 0
        self._recorded = limits.stored_bits
        self._negligible = NEGLIGIBLE * min(
            limits.memory_bits, limits.stored_bits + sum(o.bits for o in taken)
        )
        self.sent = 0.0

    @property
    def level(self) -> float:
        """Bits on board."""
        return self._recorded - self.sent

    @property
    def empty(self) -> bool:
        """Whether nothing worth sending is on board."""
        return self.level <= self._negligible

    @property
    def next(self) -> Opportunity | None:
        """The first that is not yet recorded."""
        return self._taken[self._count] if self._count < len(self._taken) else None

    def record(self, until_s: float) -> Shortfall | None:
        """Record all that start before ``until_s``; say so if the memory overflows."""
        while self.next is not None and self.next.start_s < until_s:
            self._recorded += self.next.bits
            self._count += 1
            if self.level > self._limits.memory_bits + self._negligible:
                return self.shortfall("memory")
        return None

    def shortfall(self, kind: Literal["memory", "downlink"]) -> Shortfall:
        """Name what is on board now."""
        recorded, first = self._limits.stored_bits, self._count - 1
        for k in range(self._count):
            recorded += self._taken[k].bits
            if recorded > self.sent:
                first = k
                break
        return Shortfall(kind, first, self._count - 1, self.level)


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
        blocks = [(o.start_s - limits.settle_s, o.end_s + limits.settle_s) for o in taken]
        memory = _Memory(limits, taken)
        sessions: list[Session] = []
        clock = 0.0
        for piece in self._pieces[craft] if pieces is None else pieces:
            if memory.empty:
                if memory.next is None:
                    break
                if piece.end_s <= memory.next.end_s:
                    continue
            free = self._free(craft, piece, blocks) if pieces is None else subtract(_span(piece), blocks)
            for a, b in free:
                a = max(a, clock)
                if b <= a:
                    continue
                overflow = memory.record(a)
                if overflow:
                    return overflow
                end = min(b, a + memory.level / piece.rate_bps)
                if memory.empty or end <= a:
                    continue
                bits = min(memory.level, piece.rate_bps * (end - a))
                memory.sent += bits
                clock = end
                if sessions and (sessions[-1].contact, sessions[-1].end_s) == (piece.contact, a):
                    a, bits = sessions[-1].start_s, sessions.pop().bits + bits
                sessions.append(Session(a, end, bits, piece.contact, piece.station))
        overflow = memory.record(math.inf)
        if overflow:
            return overflow
        if not memory.empty and any(o.bits > 0 for o in taken):
            return memory.shortfall("downlink")
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
