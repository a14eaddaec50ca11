"""Compiled: which nodes of one satellite exclude each other."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def angle(a: Any, b: Any, metric: Any) -> Any:
    """Angle (rad) to turn by; ``metric``: 0 line, 1 attitude, 2 axes-sum, 3 axes-max."""
    if metric >= 2:
        total = 0.0
        most = 0.0
        for k in range(len(a)):
            step = abs(a[k] - b[k])
            total += step
            most = max(most, step)
        return total if metric == 2 else most
    near = 0.0
    far = 0.0
    for k in range(len(a)):
        near += (a[k] - b[k]) ** 2
        far += (a[k] + b[k]) ** 2
    arc = 2.0 * math.atan2(math.sqrt(near), math.sqrt(far))
    if metric == 1:
        return 2.0 * min(arc, math.pi - arc)
    return arc


@numba.njit(cache=True, nogil=True, error_model="numpy")
def turn_s(theta: Any, rate: Any, acceleration: Any, settle: Any, pieces: Any) -> Any:
    """Time (s) to turn by ``theta`` and settle. ``pieces`` (p, 3): up to, base, per rad; none: by the rates.

    ``rate`` 0: no time but settling.
    """
    if len(pieces):
        for k in range(len(pieces)):
            if theta <= pieces[k, 0]:
                return pieces[k, 1] + theta * pieces[k, 2] + settle
        return np.inf
    if rate <= 0.0:
        return settle
    if theta * acceleration <= rate * rate:
        return 2.0 * math.sqrt(theta / acceleration) + settle
    return rate / acceleration + theta / rate + settle


@numba.njit(cache=True, nogil=True, error_model="numpy")
def restless(
    first: Any, last: Any, lasting: Any, metric: Any, rate: Any, acceleration: Any, settle: Any
) -> Any:
    """Whether a node turns the satellite farther while it lasts than it could turn by itself, (n,)."""
    found = np.zeros(len(first), np.bool_)
    nothing = np.empty((0, 3))
    for k in range(len(first)):
        theta = angle(first[k], last[k], metric)
        found[k] = turn_s(theta, rate, acceleration, 0.0, nothing) > lasting[k] + settle
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def rivals(
    early: Any,
    late: Any,
    lasting: Any,
    own: Any,
    first: Any,
    last: Any,
    spread: Any,
    pointed: Any,
    wild: Any,
    metric: Any,
    rate: Any,
    acceleration: Any,
    settle: Any,
    pieces: Any,
    reach: Any,
    slack: Any,
    most: Any,
) -> Any:
    """Pairs (p, 2), i < j, of one satellite's nodes (sorted by ``early``) that no plan has both, and (p,)
    whether that is for lack of time.

    A node starts from ``early`` to ``late`` and lasts ``lasting``; ``spread``: how far its pointing is off
    ``first`` and ``last`` at the most. Nodes of the same set ``own`` exclude each other anyway. ``wild``:
    nodes by way of which a turn may be quicker than straight; a pair that has room for one between them is
    left out. No turn takes longer than ``reach``. More than ``most`` pairs: (0, 3).
    """
    n = len(early)
    pairs = np.empty((1024, 2), np.int32)
    timely = np.empty(1024, np.bool_)
    found = 0
    for i in range(n):
        for j in range(i + 1, n):
            if early[j] > late[i] + lasting[i] + reach + slack:
                break
            same = own[i] == own[j]
            fits = False
            for turn in range(0 if same else 2):
                a = i
                b = j
                if turn == 1:
                    a = j
                    b = i
                gap = late[b] - (early[a] + lasting[a]) + slack
                if gap < 0.0:
                    continue
                need = 0.0
                if pointed[a] and pointed[b]:
                    theta = max(0.0, angle(last[a], first[b], metric) - spread[a] - spread[b])
                    need = turn_s(theta, rate, acceleration, settle, pieces)
                if gap >= need:
                    fits = True
                    break
                # By way of a third one?
                for k in range(n):
                    if early[k] > late[b]:
                        break
                    if (
                        wild[k]
                        and k != i
                        and k != j
                        and late[k] >= early[a] + lasting[a] - slack
                        and early[k] + lasting[k] <= late[b] + slack
                    ):
                        fits = True
                        break
                if fits:
                    break
            if not fits:
                if found == most:
                    return np.empty((0, 3), np.int32), timely[:0]
                if found == len(pairs):
                    wider = np.empty((2 * found, 2), np.int32)
                    wider[:found] = pairs
                    pairs = wider
                    longer = np.empty(2 * found, np.bool_)
                    longer[:found] = timely
                    timely = longer
                pairs[found, 0] = i
                pairs[found, 1] = j
                timely[found] = not same
                found += 1
    return pairs[:found], timely[:found]
