"""Compiled parts of the greedy and plain CP-SAT peers; nothing of Comity's solvers is used in them."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def turn_s(a: Any, b: Any, rate: float, acceleration: float) -> float:
    """Time to turn from direction a to b (3,)."""
    chord = math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)
    angle = 2.0 * math.asin(min(1.0, 0.5 * chord))
    if angle * acceleration <= rate * rate:
        return 2.0 * math.sqrt(angle / acceleration)
    return angle / rate + rate / acceleration


@numba.njit(cache=True, nogil=True)
def store_holds(ends: Any, bits: Any, slots: Any, size: float, held: float) -> bool:
    """Whether acquisitions (by end) fit; slots (k, 3: start, end, bits) send what is there at their start."""
    n, m, i = len(ends), len(slots), 0
    for j in range(m):
        while i < n and ends[i] <= slots[j, 0]:
            held += bits[i]
            if held > size:
                return False
            i += 1
        sent = min(held, slots[j, 2])
        while i < n and ends[i] <= slots[j, 1]:
            held += bits[i]
            if held > size:
                return False
            i += 1
        held -= sent
    while i < n:
        held += bits[i]
        if held > size:
            return False
        i += 1
    return True


@numba.njit(cache=True, nogil=True)
def battery_holds(
    starts: Any, ends: Any, watts: Any, edges: Any, power: Any, size: float, floor: float, level: float
) -> bool:
    """Whether the charge keeps above the floor: ``power`` (k,) from ``edges[k]`` on, less what is done."""
    n, i, k = len(starts), 0, 0
    now = edges[0]
    inside = False
    while k < len(power):
        after = edges[k + 1]
        if i < n:
            after = min(after, ends[i] if inside else starts[i])
        net = power[k] - (watts[i] if inside else 0.0)
        level = min(size, level + net * (after - now))
        if level < floor:
            return False
        now = after
        if i < n and now == (ends[i] if inside else starts[i]):
            if inside:
                i += 1
            inside = not inside
        elif now == edges[k + 1]:
            k += 1
    return True


@numba.njit(cache=True, nogil=True)
def greedy(
    order: Any, satellite: Any, request: Any, start: Any, end: Any, first: Any, last: Any, bits: Any,
    energy: Any, rate: Any, acceleration: Any, settle: Any, size: Any, stored: Any, slot_at: Any, slots: Any,
    edge_at: Any, edges: Any, power: Any, capacity: Any, floor: Any, initial: Any, requests: int,
) -> Any:  # fmt: skip
    """Nodes in ``order``, each taken where everything still holds; (n,) whether taken."""
    satellites = len(size)
    taken = np.zeros(len(order), np.bool_)
    served = np.zeros(requests, np.bool_)
    most = 4096
    plan = np.empty((satellites, most), np.int64)
    count = np.zeros(satellites, np.int64)
    starts, ends = np.empty(most), np.empty(most)
    amounts, watts = np.empty(most), np.empty(most)
    for v in order:
        s = satellite[v]
        n = count[s]
        if served[request[v]] or n + 1 >= most:
            continue
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            if start[plan[s, middle]] < start[v]:
                low = middle + 1
            else:
                high = middle
        p = low
        if p > 0:
            u = plan[s, p - 1]
            if end[u] + settle[s] + turn_s(last[u], first[v], rate[s], acceleration[s]) > start[v]:
                continue
        if p < n:
            w = plan[s, p]
            if end[v] + settle[s] + turn_s(last[v], first[w], rate[s], acceleration[s]) > start[w]:
                continue
        for k in range(n + 1):
            w = plan[s, k] if k < p else (v if k == p else plan[s, k - 1])
            starts[k], ends[k], amounts[k] = start[w], end[w], bits[w]
            watts[k] = energy[w] / (end[w] - start[w])
        own = slots[slot_at[s] : slot_at[s + 1]]
        if not store_holds(ends[: n + 1], amounts[: n + 1], own, size[s], stored[s]):
            continue
        a, b = edge_at[s], edge_at[s + 1]
        if not battery_holds(
            starts[: n + 1], ends[: n + 1], watts[: n + 1], edges[a:b], power[a : b - 1], capacity[s],
            floor[s], initial[s],
        ):  # fmt: skip
            continue
        for k in range(n, p, -1):
            plan[s, k] = plan[s, k - 1]
        plan[s, p] = v
        count[s] = n + 1
        taken[v] = True
        served[request[v]] = True
    return taken


@numba.njit(cache=True, nogil=True)
def exclusions(
    offsets: Any, start: Any, end: Any, request: Any, first: Any, last: Any, rate: Any, acceleration: Any,
    settle: Any, most: int,
) -> Any:  # fmt: skip
    """Pairs (k, 2) of nodes of one satellite and different requests that exclude each other; None: > most."""
    pairs = np.empty((most, 2), np.int32)
    found = 0
    for s in range(len(offsets) - 1):
        longest = settle[s] + math.pi / rate[s] + rate[s] / acceleration[s]
        for i in range(offsets[s], offsets[s + 1]):
            for j in range(i + 1, offsets[s + 1]):
                if start[j] >= end[i] + longest:
                    break
                if request[i] == request[j]:
                    continue
                if end[i] + settle[s] + turn_s(last[i], first[j], rate[s], acceleration[s]) > start[j]:
                    if found == most:
                        return None
                    pairs[found, 0], pairs[found, 1] = i, j
                    found += 1
    return pairs[:found]
