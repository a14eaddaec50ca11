"""From bits per slot to sessions that do not collide: who sends when inside a shared span."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from comity.planning.downlink import Piece
from comity.planning.flow import Flow, Share, Slot

_NEGLIGIBLE_S = 1e-6


def packed_pieces(flow: Flow, sent_bits: Sequence[float], antennas: dict[str, int]) -> dict[str, list[Piece]]:
    """Pieces by spacecraft, in time order, that carry ``sent_bits`` (per slot) and collide nowhere.

    What does not fit is cut off; with exact numbers nothing is, as a span's demands can always be
    scheduled with interruptions when no spacecraft and no antenna has more than the span (open shop;
    Gonzalez and Sahni, 1976). Reserved pieces are included.
    """
    pieces = {craft: list(reserved) for craft, reserved in flow.reserved.items()}
    for slots in _spans(flow.slots, flow.shares):
        first = flow.slots[slots[0]].piece
        need = {k: sent_bits[k] / flow.slots[k].piece.rate_bps for k in slots}
        clock = first.start_s
        while left := {k: s for k, s in need.items() if s > _NEGLIGIBLE_S}:
            remaining = first.end_s - clock
            if remaining <= _NEGLIGIBLE_S:
                break
            running, step = _next(flow.slots, left, remaining, antennas)
            for k in running:
                slot = flow.slots[k]
                pieces[slot.craft].append(replace(slot.piece, start_s=clock, end_s=clock + step))
                need[k] -= step
            clock += step
    for own in pieces.values():
        own.sort(key=lambda p: p.start_s)
    return pieces


def _spans(slots: Sequence[Slot], shares: Sequence[Share]) -> list[list[int]]:
    """Slots that hang together through shares; each group stands in one and the same span."""
    group = {k: [k] for k in range(len(slots))}
    for share in shares:
        merged: list[int] = []
        for k in share.slots:
            if k not in merged:
                merged += group[k]
        for k in merged:
            group[k] = merged
    return list({id(g): g for g in group.values()}.values())


def _next(
    slots: Sequence[Slot], left: dict[int, float], remaining: float, antennas: dict[str, int]
) -> tuple[list[int], float]:
    """Who sends now, and for how long: the spacecraft and stations with the least slack come first."""
    load: dict[tuple[str, str], float] = defaultdict(float)
    for k, seconds in left.items():
        load["craft", slots[k].craft] += seconds
        load["station", slots[k].piece.station] += seconds / antennas[slots[k].piece.station]

    def urgency(k: int) -> tuple[float, float, int]:
        own, station = load["craft", slots[k].craft], load["station", slots[k].piece.station]
        return -max(own, station), -left[k], k

    running: list[int] = []
    crafts: set[str] = set()
    used: dict[str, int] = defaultdict(int)
    for k in sorted(left, key=urgency):
        station = slots[k].piece.station
        if slots[k].craft not in crafts and used[station] < antennas[station]:
            running.append(k)
            crafts.add(slots[k].craft)
            used[station] += 1
    step = min(left[k] for k in running)
    for (kind, id), seconds in load.items():
        if kind == "craft":
            served = id in crafts
        else:
            waiting = sum(slots[k].piece.station == id for k in left)
            served = used[id] == min(antennas[id], waiting)
        slack = remaining - seconds
        if not served and slack > _NEGLIGIBLE_S:
            step = min(step, slack)
    return running, min(step, remaining)
