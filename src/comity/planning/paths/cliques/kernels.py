"""Compiled cover of exclusions by sets of nodes that exclude each other."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def covering(m: Any, pairs: Any, timely: Any, own: Any) -> Any:
    """Sets of nodes that exclude each other and cover the ``timely`` ones of ``pairs`` (sorted): CSR.

    Nodes of one set ``own`` exclude each other, too, also where they are no pairs.
    """
    head = np.zeros(m + 1, np.int64)
    for k in range(len(pairs)):
        head[pairs[k, 0] + 1] += 1
    for k in range(m):
        head[k + 1] += head[k]
    covered = ~timely
    starts = np.empty(1024, np.int64)
    members = np.empty(4096, np.int32)
    cliques = 0
    filled = 0
    clique = np.empty(m, np.int32)
    for i in range(m):
        low = head[i]
        high = head[i + 1]
        for p in range(low, high):
            if covered[p]:
                continue
            length = 2
            clique[0] = i
            clique[1] = pairs[p, 1]
            for q in range(low, high):
                v = pairs[q, 1]
                if q == p:
                    continue
                good = True
                for c in range(1, length):
                    a = min(clique[c], v)
                    b = max(clique[c], v)
                    if own[a] == own[b]:
                        continue
                    lo = head[a]
                    hi = head[a + 1]
                    while lo < hi:
                        mid = (lo + hi) // 2
                        if pairs[mid, 1] < b:
                            lo = mid + 1
                        else:
                            hi = mid
                    if lo >= head[a + 1] or pairs[lo, 1] != b:
                        good = False
                        break
                if good:
                    clique[length] = v
                    length += 1
            part = np.sort(clique[:length])
            for a in range(length):
                for b in range(a + 1, length):
                    lo = head[part[a]]
                    hi = head[part[a] + 1]
                    while lo < hi:
                        mid = (lo + hi) // 2
                        if pairs[mid, 1] < part[b]:
                            lo = mid + 1
                        else:
                            hi = mid
                    if lo < head[part[a] + 1] and pairs[lo, 1] == part[b]:
                        covered[lo] = True
            if cliques + 1 >= len(starts):
                more = np.empty(2 * len(starts), np.int64)
                more[: len(starts)] = starts
                starts = more
            while filled + length > len(members):
                wider = np.empty(2 * len(members), np.int32)
                wider[:filled] = members[:filled]
                members = wider
            starts[cliques] = filled
            members[filled : filled + length] = part
            filled += length
            cliques += 1
    starts[cliques] = filled
    return starts[: cliques + 1], members[:filled]
