"""Memory, sending and delivery as rows that hold for every plan: they bound, and they guide.

Time is cut where contacts begin and end. In each piece of a contact as much may be sent as its time allows;
one satellite's and one station's pieces share that time. What was recorded, by its start, stays on board
until it is sent; what must be down by a time needs room between its end and then, by windows of pieces.
Left out: that a contact holds its antenna from first to last downlink, set-up, the order of data.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths.stated.nodes import Nodes
from comity.planning.paths.stated.rows import Rows, Term
from comity.planning.problem import Contact, PlanningProblem, Satellite, Span

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: With more pieces than this, stations do not cut contacts (their time is then not shared, but bounded).
_MOST_PIECES = 60_000
#: Windows of delivery span so many pieces at the most.
_WIDEST = 8
_HAIR_S = 1e-6


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a contact: ``column`` is the z that says what part of its time is used for sending."""

    contact: Contact
    start_s: float
    end_s: float
    column: int

    @property
    def bits(self) -> float:
        """What it can carry."""
        return self.contact.rate_bps * (self.end_s - self.start_s)


def limits_s(problem: PlanningProblem, nodes: Nodes) -> FloatArray:
    """When each node's data have to be down at the latest, (n,); infinite where they need not."""
    within = np.array([_or_never(r.deliver_within_s) for r in problem.requests])
    by = np.array([_or_never(r.deliver_by_s) for r in problem.requests])
    latest_end = nodes.end_s + (nodes.late_s - nodes.start_s)
    bits = np.array([o.bits for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    limit = np.minimum(latest_end + within[nodes.request], by[nodes.request])
    return np.asarray(np.where(bits > 0, limit, math.inf))


def _or_never(limit: float | None) -> float:
    return math.inf if limit is None else limit


def add_sending(
    problem: PlanningProblem, nodes: Nodes, rows: Rows
) -> tuple[dict[str, list[Piece]], IntArray]:
    """Rows of memory and delivery; the pieces by satellite, and nodes that can never be delivered."""
    limit = limits_s(problem, nodes)
    wanted = np.isfinite(limit)
    needing = {
        k
        for k, s in enumerate(problem.satellites)
        if s.memory_bits is not None or np.any(wanted & (nodes.satellite == k))
    }
    names = {problem.satellites[k].id for k in needing}
    contacts = [c for c in problem.contacts if c.satellite in names and c.end_s > c.start_s]
    pieces = _pieces(problem, contacts, rows)
    bits = np.array([o.bits for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    never = []
    for k in sorted(needing):
        satellite = problem.satellites[k]
        own = np.flatnonzero((nodes.satellite == k) & (bits > 0))
        mine = pieces.get(satellite.id, [])
        if satellite.memory_bits is not None:
            _memory(satellite, nodes, rows, own, bits, mine)
        never.append(_deliveries(nodes, rows, own[wanted[own]], bits, limit, mine))
        if not satellite.images_while_sending:
            _apart(nodes, rows, np.flatnonzero(nodes.satellite == k), mine)
    return pieces, np.concatenate(never) if never else np.empty(0, np.int64)


def _pieces(problem: PlanningProblem, contacts: list[Contact], rows: Rows) -> dict[str, list[Piece]]:
    number = {s.id: k for k, s in enumerate(problem.satellites)}
    stations = {s.id: s for s in problem.stations}
    cuts = _cuts(contacts, stations=True)
    shared = sum(map(len, cuts.values())) <= _MOST_PIECES
    if not shared:
        cuts = _cuts(contacts, stations=False)
    found: dict[str, list[Piece]] = defaultdict(list)
    together: dict[tuple[str, str, float, float], list[tuple[Piece, float]]] = defaultdict(list)
    for c in contacts:
        edges = cuts[c.id]
        for a, b in itertools.pairwise(edges):
            lost = _covered((a, b), stations[c.station].busy)
            column = rows.variable(0.0, max(0.0, 1.0 - lost / (b - a)), satellite=number[c.satellite])
            piece = Piece(c, a, b, column)
            found[c.satellite].append(piece)
            together["satellite", c.satellite, a, b].append((piece, 1.0))
            if shared:
                together["station", c.station, a, b].append((piece, float(stations[c.station].antennas)))
    for parts in together.values():
        if len(parts) > parts[0][1]:
            rows.row([], 1.0, [(p.column, 1.0) for p, _ in parts], parts[0][1])
    for own in found.values():
        own.sort(key=lambda p: (p.start_s, p.end_s, p.contact.id))
    return found


def _covered(span: Span, busy: tuple[Span, ...]) -> float:
    """Seconds of ``span`` that busy spans take."""
    total, at = 0.0, span[0]
    for a, b in sorted(busy):
        a, b = max(a, at), min(b, span[1])
        if b > a:
            total += b - a
            at = b
    return total


def _cuts(contacts: list[Contact], *, stations: bool) -> dict[str, list[float]]:
    """Edges of each contact's pieces: those of all contacts that meet it, directly or by way of others."""
    parent = list(range(len(contacts)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for at_station in (False, True) if stations else (False,):
        by: dict[str, list[int]] = defaultdict(list)
        for k, c in enumerate(contacts):
            by[c.station if at_station else c.satellite].append(k)
        for own in by.values():
            own.sort(key=lambda k: contacts[k].start_s)
            last = own[0]
            for k in own[1:]:
                if contacts[k].start_s < contacts[last].end_s:
                    parent[root(k)] = root(last)
                if contacts[k].end_s > contacts[last].end_s:
                    last = k
    edges: dict[int, set[float]] = defaultdict(set)
    for k, c in enumerate(contacts):
        edges[root(k)] |= {c.start_s, c.end_s}
    ordered = {k: np.array(sorted(each)) for k, each in edges.items()}
    found = {}
    for k, c in enumerate(contacts):
        each = ordered[root(k)]
        low, high = np.searchsorted(each, c.start_s), np.searchsorted(each, c.end_s)
        found[c.id] = each[low : high + 1].tolist()
    return found


def _spans(mine: list[Piece]) -> list[tuple[float, float, list[Piece]]]:
    by: dict[tuple[float, float], list[Piece]] = defaultdict(list)
    for piece in mine:
        by[piece.start_s, piece.end_s].append(piece)
    return [(a, b, by[a, b]) for a, b in sorted(by)]


def _memory(
    satellite: Satellite, nodes: Nodes, rows: Rows, own: IntArray, bits: FloatArray, mine: list[Piece]
) -> None:
    """Level at the end of each piece and gap: what was there and was recorded, less what was sent."""
    assert satellite.memory_bits is not None
    size = max(satellite.memory_bits, 1e-9)
    k = int(nodes.satellite[own[0]]) if len(own) else -1
    spans = _spans(mine)
    ends = np.array([b for _, b, _ in spans])
    # By the start: a bucket's data are there for certain from its latest start on.
    segment = np.searchsorted(ends, nodes.late_s[own], side="right")
    held: int | None = None
    for j in range(len(spans) + 1):
        inside = own[segment == j]
        sent: list[Term] = [(p.column, p.bits / size) for p in spans[j][2]] if j < len(spans) else []
        terms = [(column, -part) for column, part in sent]
        fill = satellite.stored_bits / size if held is None else 0.0
        if held is not None:
            terms.append((held, 1.0))
        # Not an equation: time of a contact that is used to send nothing does no harm.
        now = rows.variable(0.0, 1.0 + 1e-9, satellite=k)
        rows.row(inside, bits[inside] / size, [*terms, (now, -1.0)], -fill)
        held = now
        if j < len(spans):
            # What was recorded before the piece began, while nothing of the piece is sent.
            early = inside[nodes.late_s[inside] < spans[j][0]]
            if len(early):
                before = [(c, f) for c, f in terms if c not in {p.column for p in spans[j][2]}]
                rows.row(early, bits[early] / size, before, 1.0 + 1e-9 - fill)


def _deliveries(
    nodes: Nodes, rows: Rows, own: IntArray, bits: FloatArray, limit: FloatArray, mine: list[Piece]
) -> IntArray:
    """What must be down in a window of pieces is sent in it; nodes for which no window is wide enough."""
    spans = _spans(mine)
    carried = [sum(p.bits for p in each) for _, _, each in spans]
    starts = np.array([a for a, _, _ in spans])
    ends = np.array([b for _, b, _ in spans])
    # The pieces that meet the time from a node's (earliest) end to its limit.
    low = np.searchsorted(ends, nodes.end_s[own], side="right")
    high = np.searchsorted(starts, limit[own], side="left")
    total = np.concatenate((np.zeros(1), np.cumsum(carried)))
    room = np.where(high > low, total[np.maximum(high, low)] - total[low], 0.0)
    lost = room < bits[own] * (1 - 1e-9)
    never, own, low, high = own[lost], own[~lost], low[~lost], high[~lost]
    _until_last(nodes, rows, own[high == len(spans)], low[high == len(spans)], bits, spans)
    for a, b in sorted({(int(x), int(y)) for x, y in zip(low, high, strict=True)}):
        if b - a > _WIDEST:
            continue
        inside = own[(low >= a) & (high <= b)]
        scale = max(float(bits[inside].max()), 1e-9)
        sent = [(p.column, -p.bits / scale) for _, _, each in spans[a:b] for p in each]
        rows.row(inside, bits[inside] / scale, sent, 1e-9)
    return never


def _until_last(
    nodes: Nodes,
    rows: Rows,
    own: IntArray,
    low: IntArray,
    bits: FloatArray,
    spans: list[tuple[float, float, list[Piece]]],
) -> None:
    """What may be sent until the last piece: what is left of it falls piece by piece, to nothing."""
    if not len(own) or len(spans) <= _WIDEST:
        return
    scale = max(float(bits[own].max()), 1e-9)
    k = int(nodes.satellite[own[0]])
    most = max(1.0, float(bits[own].sum()) / scale)
    held: int | None = None
    for j, (_, _, each) in enumerate(spans):
        inside = own[low == j]
        now = rows.variable(0.0, 1e-9 if j == len(spans) - 1 else most, satellite=k)
        sent = [(p.column, -p.bits / scale) for p in each]
        before = [] if held is None else [(held, 1.0)]
        rows.row(inside, bits[inside] / scale, [*before, *sent, (now, -1.0)], 0.0)
        held = now


def _apart(nodes: Nodes, rows: Rows, own: IntArray, mine: list[Piece]) -> None:
    """No imaging while sending: their times share a piece."""
    exact = own[nodes.late_s[own] <= nodes.start_s[own]]
    for a, b, each in _spans(mine):
        seconds = np.minimum(nodes.end_s[exact], b) - np.maximum(nodes.start_s[exact], a)
        here = seconds > _HAIR_S
        if here.any():
            terms = [(p.column, 1.0) for p in each]
            rows.row(exact[here], seconds[here] / (b - a), terms, 1.0)
