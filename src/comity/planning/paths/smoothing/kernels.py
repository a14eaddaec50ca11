"""Compiled sums over all paths of satellites, forward and backward.

Numbers are a mantissa from 1 up to 2**200 and a whole exponent of that base, so that no sum of
exponentials overflows and none that counts is lost.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

_LOG_BASE = 200.0 * math.log(2.0)
_BASE = 2.0**200
_SMALL = 2.0**-200
#: Below this weight (natural logarithm) a node is left out; the exponent of what is not there.
_LEAST, _NOTHING = -600.0, -1_000_000


@numba.njit(cache=True, nogil=True, error_model="numpy")
def soft_paths(
    first: Any,
    beyond: Any,
    offsets: Any,
    start: Any,
    end: Any,
    longest: Any,
    pointer: Any,
    index: Any,
    later_pointer: Any,
    later_index: Any,
    by_end: Any,
    weight: Any,
    mantissa: Any,
    exponent: Any,
    share: Any,
    total: Any,
) -> Any:
    """Logarithm of the sum over paths of satellites ``first … beyond − 1`` of exp(sum of ``weight``).

    It goes to ``total`` (s,); ``share`` (n,) gets the part of the sum whose paths use the node (its slope).
    ``mantissa`` and ``exponent`` (3, n) are room to work in.
    """
    down = np.zeros(6)
    for k in range(5):
        down[k] = 2.0 ** (-200 * k)
    for s in range(first, beyond):
        lo = offsets[s]
        hi = offsets[s + 1]
        far = 1.0
        far_e = 0
        top = 1.0
        top_e = 0
        p = lo
        for v in range(lo, hi):
            while p < hi and end[by_end[p]] + longest[s] <= start[v]:
                u = by_end[p]
                p += 1
                if mantissa[0, u] == 0.0:
                    continue
                e = exponent[0, u]
                if e <= far_e:
                    far += mantissa[0, u] * down[min(far_e - e, 5)]
                else:
                    far = far * down[min(e - far_e, 5)] + mantissa[0, u]
                    far_e = e
                if far >= _BASE:
                    far *= _SMALL
                    far_e += 1
            if weight[v] < _LEAST:
                mantissa[0, v] = 0.0
                exponent[0, v] = _NOTHING
                mantissa[2, v] = 0.0
                continue
            value = far
            value_e = far_e
            for k in range(pointer[v], pointer[v + 1]):
                u = index[k]
                e = exponent[0, u]
                if e == value_e:
                    value += mantissa[0, u]
                elif e < value_e:
                    value += mantissa[0, u] * down[min(value_e - e, 5)]
                else:
                    value = value * down[min(e - value_e, 5)] + mantissa[0, u]
                    value_e = e
            whole = math.floor(weight[v] / _LOG_BASE)
            mantissa[2, v] = math.exp(weight[v] - whole * _LOG_BASE)
            exponent[2, v] = whole
            value *= mantissa[2, v]
            value_e += whole
            while value >= _BASE:
                value *= _SMALL
                value_e += 1
            mantissa[0, v] = value
            exponent[0, v] = value_e
            if value_e <= top_e:
                top += value * down[min(top_e - value_e, 5)]
            else:
                top = top * down[min(value_e - top_e, 5)] + value
                top_e = value_e
            if top >= _BASE:
                top *= _SMALL
                top_e += 1
        total[s] = math.log(top) + top_e * _LOG_BASE
        far = 1.0
        far_e = 0
        p = hi - 1
        for place in range(hi - 1, lo - 1, -1):
            v = by_end[place]
            while p >= lo and end[v] + longest[s] <= start[p]:
                u = p
                p -= 1
                if mantissa[2, u] == 0.0:
                    continue
                e = exponent[1, u]
                if e <= far_e:
                    far += mantissa[1, u] * down[min(far_e - e, 5)]
                else:
                    far = far * down[min(e - far_e, 5)] + mantissa[1, u]
                    far_e = e
                if far >= _BASE:
                    far *= _SMALL
                    far_e += 1
            if mantissa[2, v] == 0.0:
                mantissa[1, v] = 0.0
                exponent[1, v] = _NOTHING
                share[v] = 0.0
                continue
            value = far
            value_e = far_e
            for k in range(later_pointer[v], later_pointer[v + 1]):
                u = later_index[k]
                e = exponent[1, u]
                if e == value_e:
                    value += mantissa[1, u]
                elif e < value_e:
                    value += mantissa[1, u] * down[min(value_e - e, 5)]
                else:
                    value = value * down[min(e - value_e, 5)] + mantissa[1, u]
                    value_e = e
            part = (mantissa[0, v] / top) * (value * _SMALL)
            apart = exponent[0, v] + value_e - top_e + 1
            while apart > 0:
                part *= _BASE
                apart -= 1
            share[v] = part * down[min(-apart, 5)]
            value *= mantissa[2, v]
            value_e += exponent[2, v]
            while value >= _BASE:
                value *= _SMALL
                value_e += 1
            mantissa[1, v] = value
            exponent[1, v] = value_e


@numba.njit(cache=True, nogil=True)
def transposed(nodes: Any, pointer: Any, index: Any) -> Any:
    """Successors (CSR) of each of ``nodes`` nodes from their predecessors (CSR)."""
    later = np.zeros(nodes + 1, np.int64)
    for k in range(len(index)):
        later[index[k] + 1] += 1
    for k in range(nodes):
        later[k + 1] += later[k]
    place = later.copy()
    out = np.empty(len(index), np.int32)
    for v in range(nodes):
        for k in range(pointer[v], pointer[v + 1]):
            u = index[k]
            out[place[u]] = v
            place[u] += 1
    return later, out


@numba.njit(cache=True, nogil=True)
def restricted(pointer: Any, index: Any, keep: Any, number: Any) -> Any:
    """The graph (CSR) of the nodes marked in ``keep`` (n,), which get their ``number`` (n,)."""
    kept = 0
    for v in range(len(keep)):
        if keep[v]:
            kept += 1
    out = np.zeros(kept + 1, np.int64)
    arcs = 0
    row = 0
    for v in range(len(keep)):
        if keep[v]:
            for k in range(pointer[v], pointer[v + 1]):
                if keep[index[k]]:
                    arcs += 1
            row += 1
            out[row] = arcs
    into = np.empty(arcs, np.int32)
    arcs = 0
    for v in range(len(keep)):
        if keep[v]:
            for k in range(pointer[v], pointer[v + 1]):
                if keep[index[k]]:
                    into[arcs] = number[index[k]]
                    arcs += 1
    return out, into
