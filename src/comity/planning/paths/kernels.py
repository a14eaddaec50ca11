"""Compiled longest paths through the nodes of satellites."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

#: Two instants closer than this (s) count as the same.
SAME_S = 1e-9
_NEVER = -1e300


@numba.njit(cache=True, nogil=True, error_model="numpy")
def slew_s(angle: Any, rate: Any, acceleration: Any) -> Any:
    """Least time (s) to turn by ``angle`` (rad), rest to rest: full acceleration, coast, full braking."""
    if angle <= 0.0:
        return 0.0
    if angle <= rate * rate / acceleration:
        return 2.0 * math.sqrt(angle / acceleration)
    return rate / acceleration + angle / rate


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fits(
    i: Any, j: Any, start: Any, end: Any, first: Any, last: Any, rate: Any, acceleration: Any, settle: Any
) -> Any:
    """Whether node j can follow node i of the same satellite."""
    gap = start[j] - end[i] + SAME_S
    if gap < settle:
        return False
    cx = last[i, 1] * first[j, 2] - last[i, 2] * first[j, 1]
    cy = last[i, 2] * first[j, 0] - last[i, 0] * first[j, 2]
    cz = last[i, 0] * first[j, 1] - last[i, 1] * first[j, 0]
    dot = last[i, 0] * first[j, 0] + last[i, 1] * first[j, 1] + last[i, 2] * first[j, 2]
    angle = math.atan2(math.sqrt(cx * cx + cy * cy + cz * cz), dot)
    return gap >= settle + slew_s(angle, rate, acceleration)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def near_arcs(
    offsets: Any,
    start: Any,
    end: Any,
    request: Any,
    first: Any,
    last: Any,
    rate: Any,
    acceleration: Any,
    settle: Any,
) -> Any:
    """Predecessors u of each node v that are nearer than the longest slew and yet fit: (n + 1,), (arcs,)."""
    n = len(start)
    count = np.zeros(n + 1, np.int64)
    index = np.empty(0, np.int32)
    place = count
    for fill in range(2):
        if fill == 1:
            for k in range(n):
                count[k + 1] += count[k]
            index = np.empty(count[n], np.int32)
            place = count.copy()
        for s in range(len(offsets) - 1):
            longest = slew_s(math.pi, rate[s], acceleration[s]) + settle[s]
            lasting = 0.0
            for v in range(offsets[s], offsets[s + 1]):
                lasting = max(lasting, end[v] - start[v])
            for v in range(offsets[s], offsets[s + 1]):
                for u in range(v - 1, offsets[s] - 1, -1):
                    if start[u] + lasting + longest < start[v]:
                        break
                    if request[u] == request[v] or end[u] + longest <= start[v]:
                        continue
                    if fits(u, v, start, end, first, last, rate[s], acceleration[s], settle[s]):
                        if fill == 0:
                            count[v + 1] += 1
                        else:
                            index[place[v]] = u
                            place[v] += 1
    return count, index


@numba.njit(cache=True, nogil=True, error_model="numpy")
def conflicts(
    chosen: Any,
    satellite: Any,
    start: Any,
    end: Any,
    request: Any,
    first: Any,
    last: Any,
    rate: Any,
    acceleration: Any,
    settle: Any,
) -> Any:
    """Pairs of ``chosen`` nodes (sorted) of one satellite that exclude each other: (p, 2) places, (p,) bool.

    The second says whether the satellite cannot turn in time (True) or both serve one request (False).
    """
    m = len(chosen)
    pairs = np.empty((1024, 2), np.int32)
    late = np.empty(1024, np.bool_)
    found = 0
    for a in range(m):
        i = chosen[a]
        s = satellite[i]
        longest = slew_s(math.pi, rate[s], acceleration[s]) + settle[s]
        for b in range(a + 1, m):
            j = chosen[b]
            if satellite[j] != s or start[j] >= end[i] + longest:
                break
            same = request[i] == request[j]
            if same or not fits(i, j, start, end, first, last, rate[s], acceleration[s], settle[s]):
                if found == len(pairs):
                    wider = np.empty((2 * found, 2), np.int32)
                    wider[:found] = pairs
                    pairs = wider
                    longer = np.empty(2 * found, np.bool_)
                    longer[:found] = late
                    late = longer
                pairs[found, 0] = a
                pairs[found, 1] = b
                late[found] = not same
                found += 1
    return pairs[:found], late[:found]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def beside(
    allowed: Any,
    fixed: Any,
    offsets: Any,
    start: Any,
    end: Any,
    first: Any,
    last: Any,
    rate: Any,
    acceleration: Any,
    settle: Any,
) -> Any:
    """Strike from ``allowed`` (n,) nodes that exclude a ``fixed`` (n,) one beside them, in place."""
    for s in range(len(offsets) - 1):
        longest = slew_s(math.pi, rate[s], acceleration[s]) + settle[s]
        lasting = 0.0
        for v in range(offsets[s], offsets[s + 1]):
            lasting = max(lasting, end[v] - start[v])
        for w in range(offsets[s], offsets[s + 1]):
            if not fixed[w]:
                continue
            for v in range(w - 1, offsets[s] - 1, -1):
                if start[v] + lasting + longest < start[w]:
                    break
                if allowed[v] and not fits(
                    v, w, start, end, first, last, rate[s], acceleration[s], settle[s]
                ):
                    allowed[v] = False
            for v in range(w + 1, offsets[s + 1]):
                if start[v] >= end[w] + longest:
                    break
                if allowed[v] and not fits(
                    w, v, start, end, first, last, rate[s], acceleration[s], settle[s]
                ):
                    allowed[v] = False


@numba.njit(cache=True, nogil=True, error_model="numpy")
def forward(
    low: Any,
    high: Any,
    start: Any,
    end: Any,
    longest: Any,
    pointer: Any,
    index: Any,
    by_end: Any,
    gain: Any,
    best: Any,
    before: Any,
) -> Any:
    """Best path value up to and with each node of one satellite; returns the best of all and its last node.

    ``best`` and ``before`` (n,) are filled for the nodes ``low … high − 1``.
    """
    p = low
    far = 0.0
    far_node = -1
    top = 0.0
    top_node = -1
    for v in range(low, high):
        while p < high and end[by_end[p]] + longest <= start[v]:
            u = by_end[p]
            if best[u] > far:
                far = best[u]
                far_node = u
            p += 1
        if gain[v] == _NEVER:
            best[v] = _NEVER
            before[v] = -1
            continue
        value = far
        node = far_node
        for k in range(pointer[v], pointer[v + 1]):
            u = index[k]
            if best[u] > value:
                value = best[u]
                node = u
        best[v] = gain[v] + value
        before[v] = node
        if best[v] > top:
            top = best[v]
            top_node = v
    return top, top_node


@numba.njit(cache=True, nogil=True, error_model="numpy")
def price(
    first: Any,
    beyond: Any,
    offsets: Any,
    start: Any,
    end: Any,
    longest: Any,
    pointer: Any,
    index: Any,
    by_end: Any,
    gain: Any,
    best: Any,
    before: Any,
    tops: Any,
    used: Any,
) -> Any:
    """Best paths of satellites ``first … beyond − 1``: values in ``tops`` (s,), nodes marked in ``used``."""
    for s in range(first, beyond):
        top, v = forward(
            offsets[s], offsets[s + 1], start, end, longest[s], pointer, index, by_end, gain, best, before
        )
        tops[s] = top
        for k in range(offsets[s], offsets[s + 1]):
            used[k] = False
        while v >= 0:
            used[v] = True
            v = before[v]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def backward(
    first: Any,
    beyond: Any,
    offsets: Any,
    start: Any,
    end: Any,
    longest: Any,
    pointer: Any,
    index: Any,
    gain: Any,
    after: Any,
) -> Any:
    """Best path value after each node, without it, into ``after`` (n,)."""
    for s in range(first, beyond):
        low = offsets[s]
        high = offsets[s + 1]
        suffix = np.zeros(high - low + 1)
        for v in range(low, high):
            after[v] = 0.0
        for v in range(high - 1, low - 1, -1):
            lo = v + 1
            hi = high
            until = end[v] + longest[s]
            while lo < hi:
                mid = (lo + hi) // 2
                if start[mid] >= until:
                    hi = mid
                else:
                    lo = mid + 1
            if suffix[lo - low] > after[v]:
                after[v] = suffix[lo - low]
            value = gain[v] + after[v]
            suffix[v - low] = max(value, suffix[v + 1 - low])
            for k in range(pointer[v], pointer[v + 1]):
                u = index[k]
                if value > after[u]:
                    after[u] = value
