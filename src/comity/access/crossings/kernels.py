"""Compiled search for the steps of a grid in which an object may rise above a site's mask, or set.

Blocks of steps in which the object stays far below the mask are ruled out together, by a bound on how far it
can leave a straight line; the nodes of the others are sorted into above, near and below the mask, eight at a
time. Where the side changes there is an edge. Where two neighbours are on one side but near it, more may hide
between.

A module of its own, called from Python only: Numba's cache does not see when a function changes that another
file's compiled code has taken in. Every function frees the interpreter lock.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]
WordArray = NDArray[np.uint64]

#: What a node may be, and an event be about: above the mask; so near to it that more may hide beside it.
ABOVE, NEAR = 1, 2
#: Nodes of a block, which is ruled out as a whole, and of eight blocks, which are sorted together.
_BLOCK = 8
_GROUP = 64
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz"},
}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def motion_bounds(states: FloatArray, h: float) -> Any:
    """Least and greatest distance from the geocentre (m), greatest speed (m/s) and acceleration (m/s²).

    Of the cubic through ``states`` (nodes, 6), ``h`` seconds apart: its second derivative is linear in a
    step, so the ends tell its greatest size.
    """
    nearest, farthest, fastest, most = math.inf, 0.0, 0.0, 0.0
    for k in range(states.shape[0]):
        r = states[k, 0] ** 2 + states[k, 1] ** 2 + states[k, 2] ** 2
        v = states[k, 3] ** 2 + states[k, 4] ** 2 + states[k, 5] ** 2
        nearest, farthest, fastest = min(nearest, r), max(farthest, r), max(fastest, v)
    for k in range(states.shape[0] - 1):
        begin, end = 0.0, 0.0
        for c in range(3):
            chord = 6.0 * (states[k + 1, c] - states[k, c]) / h
            a = (chord - 4.0 * states[k, c + 3] - 2.0 * states[k + 1, c + 3]) / h
            b = (2.0 * states[k, c + 3] + 4.0 * states[k + 1, c + 3] - chord) / h
            begin += a * a
            end += b * b
        most = max(most, max(begin, end))
    most = math.sqrt(most)
    fastest = math.sqrt(fastest) + 0.5 * most * h
    nearest = math.sqrt(nearest)
    sagitta = most * h * h / 8.0
    nearest = max(0.0, nearest - sagitta - (fastest * h) ** 2 / (8.0 * max(nearest, 1.0)))
    return nearest, math.sqrt(farthest) + sagitta, fastest, most


@numba.njit(**_OPTIONS)
def _blocks(states: FloatArray, h: float, most: float, centres: FloatArray, places: FloatArray) -> float:
    """The object's nodes in blocks of eight; block b rules over the steps that end at its nodes.

    Fills ``places`` (groups, 3, 64) with positions (m), zeros after the last, and ``centres`` (6, blocks):
    position (m) in the middle of a block, and velocity over half its time (m). Returns how far (m) the object
    may leave the straight line in that time.
    """
    half = 0.5 * _BLOCK * h
    nodes = states.shape[0]
    for b in range(centres.shape[1]):
        k = min(b * _BLOCK + _BLOCK // 2 - 1, nodes - 1)
        for c in range(3):
            centres[c, b] = states[k, c]
            centres[c + 3, b] = states[k, c + 3] * half
    for g in range(places.shape[0]):
        for k in range(_GROUP):
            node = g * _GROUP + k
            for c in range(3):
                places[g, c, k] = states[node, c] if node < nodes else 0.0
    return 0.5 * most * half * half


@numba.njit(**_OPTIONS)
def _reaching(centres: FloatArray, ux: float, uy: float, uz: float, limit: float, flags: ByteArray) -> None:
    """Mark the blocks in which u·r may exceed ``limit`` (m)."""
    for b in range(centres.shape[1]):
        height = centres[0, b] * ux + centres[1, b] * uy + centres[2, b] * uz
        climb = abs(centres[3, b] * ux + centres[4, b] * uy + centres[5, b] * uz)
        flags[b] = 1 if height + climb > limit else 0


@numba.njit(**_OPTIONS)
def _sort_nodes(places: FloatArray, sites: FloatArray, j: int, near: float, kinds: ByteArray) -> None:
    """Which of the nodes at ``places`` (3, n) m are above the mask, and which within ``near`` (m) of it.

    Without a square root: H − s·d > 0, H the height over the horizon plane and d the distance, is the same as
    H·|H| > s·|s|·d².
    """
    px, py, pz, ux, uy, uz = sites[j, 0], sites[j, 1], sites[j, 2], sites[j, 3], sites[j, 4], sites[j, 5]
    square = sites[j, 6] * abs(sites[j, 6])
    for i in range(kinds.shape[0]):
        dx, dy, dz = places[0, i] - px, places[1, i] - py, places[2, i] - pz
        height = dx * ux + dy * uy + dz * uz
        cone = square * (dx * dx + dy * dy + dz * dz)
        over, under = height + near, height - near
        above = 1 if height * abs(height) > cone else 0
        close = 2 if (over * abs(over) > cone) & (under * abs(under) <= cone) else 0
        kinds[i] = above + close


@numba.njit(**_OPTIONS)
def _events(
    places: FloatArray, nodes: int, sites: FloatArray, j: int, near: float, words: WordArray,
    kinds: ByteArray, kind_words: WordArray, inside: bool, events: IntArray, count: int,
) -> int:  # fmt: skip
    """Steps in which one object may cross the mask of one site, appended to ``events`` from row ``count`` on.

    Rows (node, kind): in the step that ends at ``node`` the side changes (:data:`ABOVE`), or both ends are
    so near that more may hide (:data:`NEAR`); at node 0 the side differs from ``inside``, how the piece
    before ended. Returns the new count, also beyond the room.
    """
    above = ABOVE if inside else 0
    before = np.uint64(above)  # kind of the node before
    one, two, eight, last = (
        np.uint64(0x0101010101010101),
        np.uint64(0x0202020202020202),
        np.uint64(8),
        np.uint64(56),
    )
    for w in range(words.shape[0]):
        if words[w] == 0 and (w > 0 or not inside):
            before = np.uint64(NEAR)  # below, and not looked at
            continue
        _sort_nodes(places[w], sites, j, near, kinds)
        for b in range(kind_words.shape[0]):
            word = kind_words[b]
            previous = (word << eight) | before
            before = word >> last
            if ((word ^ previous) & one) | (word & previous & two):
                for i in range(8):
                    shift = np.uint64(8 * i)
                    changed = ((word ^ previous) >> shift) & np.uint64(ABOVE)
                    hiding = ((word & previous) >> shift) & np.uint64(NEAR)
                    node = w * _GROUP + 8 * b + i
                    if (changed | hiding) and node < nodes:
                        if count < events.shape[0]:
                            events[count, 0] = node
                            events[count, 1] = ABOVE if changed else NEAR
                        count += 1
    return count


@numba.njit(**_OPTIONS)
def _threshold(sites: FloatArray, j: int, nearest: float, farthest: float) -> Any:
    """Least u·r (m) at which an object that far from the geocentre can stand above the mask.

    From |r|² = |P|² + 2·P·d + ρ² with P·d ≤ ρ·((P·u)·sin(mask) + |P_t|), P_t the part of the site's position
    P across its vertical u.
    """
    px, py, pz, sine = sites[j, 0], sites[j, 1], sites[j, 2], sites[j, 6]
    height = px * sites[j, 3] + py * sites[j, 4] + pz * sites[j, 5]
    square = px * px + py * py + pz * pz
    across = math.sqrt(max(0.0, square - height * height))
    if sine >= 0.0:
        b = height * sine + across
        c = nearest * nearest - square
        slant = max(0.0, -b + math.sqrt(b * b + c)) if c > 0.0 else 0.0
    else:
        b = height * sine - across
        c = max(0.0, farthest * farthest - square)
        slant = -b + math.sqrt(b * b + c)
    return height + sine * slant


@numba.njit(**_OPTIONS)
def find_crossings(
    states: FloatArray, h: float, sites: FloatArray, since: FloatArray,
    events: IntArray, until: IntArray, bends: FloatArray,
) -> int:  # fmt: skip
    """Steps in which n objects may cross the masks of m sites.

    ``states`` (n, nodes, 6) Earth-fixed, m and m/s, ``h`` s apart, between which the objects move on cubics;
    one without states has NaN first and no events. ``sites`` (m, 7): position (m), vertical (unit), sine of
    the mask. ``since`` (n, m): not NaN where a pass is under way at the first node. Fills ``events`` (k, 2)
    with (node, kind): :data:`ABOVE`, in the step that ends at the node the side changes (at node 0: it is not
    what ``since`` says); :data:`NEAR`, both ends of the step are on one side, and the other may be reached in
    between. ``until`` (n, m + 1): where the events of each pair begin and end; ``bends`` (n, m) m/s²: bounds
    on the second derivative of the clearance. Returns how many events there are, −1 where the room is too
    small.
    """
    groups = (states.shape[1] + _GROUP - 1) // _GROUP
    centres, places = np.empty((6, 8 * groups)), np.empty((groups, 3, _GROUP))
    words, kind_words = np.empty(groups, dtype=np.uint64), np.empty(8, dtype=np.uint64)
    flags, kinds = words.view(np.uint8), kind_words.view(np.uint8)
    count = 0
    for i in range(states.shape[0]):
        until[i, 0] = count
        if math.isnan(states[i, 0, 0]):
            until[i, :] = count
            continue
        nearest, farthest, fastest, most = motion_bounds(states[i], h)
        slack = _blocks(states[i], h, most, centres, places)
        for j in range(sites.shape[0]):
            sine = abs(sites[j, 6])
            radius = math.sqrt(sites[j, 0] ** 2 + sites[j, 1] ** 2 + sites[j, 2] ** 2)
            closest = max(1.0, nearest - radius)
            bends[i, j] = 1.001 * (most * (1.0 + sine) + sine * fastest * fastest / closest)
            limit = _threshold(sites, j, nearest, farthest) - slack
            _reaching(centres, sites[j, 3], sites[j, 4], sites[j, 5], limit, flags)
            # Between a ≤ 0 and b ≤ 0 nothing hides where √−a + √−b ≥ 2·√(bend·h²/8).
            near = 0.5 * bends[i, j] * h * h
            inside = not math.isnan(since[i, j])
            count = _events(
                places, states.shape[1], sites, j, near, words, kinds, kind_words, inside, events, count
            )
            if count > events.shape[0]:
                return -1
            until[i, j + 1] = count
    return count
