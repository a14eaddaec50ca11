"""Compiled cover of exclusions by sets of nodes that exclude each other."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _place(head: Any, pairs: Any, a: Any, b: Any) -> Any:
    """Where the pair (a, b) stands, −1 if nowhere."""
    lo = head[min(a, b)]
    hi = head[min(a, b) + 1]
    want = max(a, b)
    while lo < hi:
        mid = (lo + hi) // 2
        if pairs[mid, 1] < want:
            lo = mid + 1
        else:
            hi = mid
    if lo < head[min(a, b) + 1] and pairs[lo, 1] == want:
        return lo
    return -1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def clique_cover(m: Any, pairs: Any, late: Any, old_starts: Any, old_members: Any, fresh: Any) -> Any:
    """Sets of nodes that exclude each other, such that every ``late`` pair lies in one of them.

    ``pairs`` (p, 2), i < j, sorted; ``old_starts``, ``old_members``: the sets there are (CSR), which are
    kept and widened by the ``fresh`` (m,) nodes that fit. Returns (wider_set, wider_node), both (w,): what
    the old sets gain; and the new sets as CSR. Greedy, in order of nodes.
    """
    head = np.zeros(m + 1, np.int64)
    for k in range(len(pairs)):
        head[pairs[k, 0] + 1] += 1
    for k in range(m):
        head[k + 1] += head[k]
    # Neighbours on both sides.
    degree = np.zeros(m + 1, np.int64)
    for k in range(len(pairs)):
        degree[pairs[k, 0] + 1] += 1
        degree[pairs[k, 1] + 1] += 1
    for k in range(m):
        degree[k + 1] += degree[k]
    around = np.empty(degree[m], np.int32)
    place = degree.copy()
    for k in range(len(pairs)):
        around[place[pairs[k, 0]]] = pairs[k, 1]
        place[pairs[k, 0]] += 1
        around[place[pairs[k, 1]]] = pairs[k, 0]
        place[pairs[k, 1]] += 1
    # Sets of each node as a linked list, the old sets' first.
    old = len(old_starts) - 1
    room = 4 * len(old_members) + 4 * m + 16
    link_set = np.empty(room, np.int32)
    link_next = np.empty(room, np.int64)
    newest = np.full(m, -1, np.int64)
    links = 0
    size = np.zeros(old, np.int64)
    for c in range(old):
        size[c] = old_starts[c + 1] - old_starts[c]
        for k in range(old_starts[c], old_starts[c + 1]):
            link_set[links] = c
            link_next[links] = newest[old_members[k]]
            newest[old_members[k]] = links
            links += 1
    wider_set = np.empty(room, np.int32)
    wider_node = np.empty(room, np.int32)
    widened = 0
    met = np.zeros(old, np.int64)
    touched = np.empty(old, np.int64)
    for v in range(m):
        if not fresh[v] or old == 0:
            continue
        count = 0
        for k in range(degree[v], degree[v + 1]):
            link = newest[around[k]]
            while link >= 0:
                c = link_set[link]
                if met[c] == 0:
                    touched[count] = c
                    count += 1
                met[c] += 1
                link = link_next[link]
        for k in range(count):
            c = touched[k]
            if met[c] == size[c] and links < room and widened < room:
                size[c] += 1
                link_set[links] = c
                link_next[links] = newest[v]
                newest[v] = links
                links += 1
                wider_set[widened] = c
                wider_node[widened] = v
                widened += 1
            met[c] = 0
    # What lies in one of those sets is covered.
    covered = ~late
    mark = np.full(old, -1, np.int64)
    for i in range(m):
        link = newest[i]
        while link >= 0:
            mark[link_set[link]] = i
            link = link_next[link]
        for k in range(head[i], head[i + 1]):
            link = newest[pairs[k, 1]]
            while link >= 0 and not covered[k]:
                if mark[link_set[link]] == i:
                    covered[k] = True
                link = link_next[link]
    starts = np.empty(1024, np.int64)
    members = np.empty(4096, np.int32)
    cliques = 0
    filled = 0
    clique = np.empty(m, np.int32)
    for i in range(m):
        for first_place in range(head[i], head[i + 1]):
            if covered[first_place]:
                continue
            length = 2
            clique[0] = i
            clique[1] = pairs[first_place, 1]
            for k in range(head[i], head[i + 1]):
                if k == first_place:
                    continue
                ok = True
                for c in range(1, length):
                    if _place(head, pairs, clique[c], pairs[k, 1]) < 0:
                        ok = False
                        break
                if ok:
                    clique[length] = pairs[k, 1]
                    length += 1
            part = np.sort(clique[:length])
            for a in range(length):
                for b in range(a + 1, length):
                    covered[_place(head, pairs, part[a], part[b])] = True
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
    return wider_set[:widened], wider_node[:widened], starts[: cliques + 1], members[:filled]
