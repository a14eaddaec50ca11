"""Compiled changes of a plan: put a node in, take what it excludes out, serve that elsewhere.

Every change keeps the plan: a satellite is carried out again, memory, contacts and battery, before it counts.

All in one file, longer than others: Numba's cache on disk goes by the time of the file that a function is in,
and would go on with an old :func:`_holds` in a function of another file.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np

_SAME_S = 1e-9
_SAME = 1e-9
#: Part of a capacity by which rounding may break it (the simulation allows twice that).
_SLACK = 5e-7
_REACH = 12
_BACK = 40
_DROPS = 6
_MOST_OUT = 3


class Facts(NamedTuple):
    """What does not change. Nodes (n,), satellites (s,), contacts (c,), events by satellite and time.

    ``power``: draw of a node (W). ``kind`` of an event: 0 a contact ends, 1 an eclipse begins or ends,
    2 a contact starts, 3 the horizon; ``contact``: which; ``net`` (W): sunlight less load up to the event.
    ``line``: antenna rows of a contact as CSR; ``twin``: whether its satellite has another contact in one of
    them. ``contact_of``: by satellite and start.
    """

    satellite: Any
    request: Any
    start: Any
    end: Any
    bits: Any
    power: Any
    drain: Any
    first: Any
    last: Any
    rate: Any
    acceleration: Any
    settle: Any
    size: Any
    stored: Any
    deliver: Any
    capacity: Any
    floor: Any
    charge: Any
    transmit: Any
    event_at: Any
    event_s: Any
    kind: Any
    contact: Any
    net: Any
    contact_at: Any
    contact_of: Any
    contact_start: Any
    contact_end: Any
    carries: Any
    whole: Any
    line_at: Any
    line: Any
    twin: Any


class State(NamedTuple):
    """A plan: nodes of each satellite in order, what serves each request (−1: nothing), use of contacts.

    ``reserve`` (c,): shares meant for a satellite; more is taken where it is free. ``used``, ``sent`` (c,):
    share of the time, bits. ``load`` (rows,): shares taken of an antenna. ``frozen`` (n,): stays.
    """

    order: Any
    count: Any
    owner: Any
    reserve: Any
    used: Any
    sent: Any
    load: Any
    frozen: Any


class Desk(NamedTuple):
    """Scratch: a satellite's nodes as tried, shares it may use, and what it uses and sends then.

    ``price`` (c,): what the whole of a contact is worth to the others. ``queue``, ``meant``, ``stored`` (c,):
    contacts that are over, by price; bits each is to send; bits stored up to its start, sent or not.
    """

    nodes: Any
    most: Any
    used: Any
    sent: Any
    fault: Any
    price: Any
    queue: Any
    meant: Any
    stored: Any


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _draw(seed: Any) -> Any:
    """The next number in [0, 1) (xorshift64*)."""
    x = seed[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x
    return ((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _follows(f: Any, i: Any, j: Any) -> Any:
    """Whether node j can follow node i of the same satellite."""
    s = f.satellite[i]
    gap = f.start[j] - f.end[i] + _SAME_S - f.settle[s]
    if gap < 0.0:
        return False
    rate = f.rate[s]
    acceleration = f.acceleration[s]
    if gap >= rate / acceleration + math.pi / rate:
        return True
    cx = f.last[i, 1] * f.first[j, 2] - f.last[i, 2] * f.first[j, 1]
    cy = f.last[i, 2] * f.first[j, 0] - f.last[i, 0] * f.first[j, 2]
    cz = f.last[i, 0] * f.first[j, 1] - f.last[i, 1] * f.first[j, 0]
    dot = f.last[i, 0] * f.first[j, 0] + f.last[i, 1] * f.first[j, 1] + f.last[i, 2] * f.first[j, 2]
    angle = math.atan2(math.sqrt(cx * cx + cy * cy + cz * cz), dot)
    if angle <= rate * rate / acceleration:
        return gap >= 2.0 * math.sqrt(angle / acceleration)
    return gap >= rate / acceleration + angle / rate


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _shares(f: Any, state: Any, desk: Any, s: Any, ample: Any) -> Any:
    """Shares of its contacts that satellite s may use, into the desk: its reserve, or all that is free."""
    for k in range(f.contact_at[s], f.contact_at[s + 1]):
        c = f.contact_of[k]
        free = 1.0
        for p in range(f.line_at[c], f.line_at[c + 1]):
            own = state.used[c]
            if f.twin[c]:
                own = 0.0
                for o in range(f.contact_at[s], f.contact_at[s + 1]):
                    d = f.contact_of[o]
                    for q in range(f.line_at[d], f.line_at[d + 1]):
                        if f.line[q] == f.line[p]:
                            own += state.used[d]
            free = min(free, 1.0 - state.load[f.line[p]] + own)
        if not ample:
            free = min(free, state.reserve[c])
        desk.most[c] = free if f.twin[c] else max(free, state.used[c])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _holds(f: Any, desk: Any, s: Any, m: Any) -> Any:
    """Carry out the m nodes on the desk: 0 if all holds, 1 store too full, 2 not all sent, 3 battery too low.

    Each contact sends what it can of what is on board and not yet on its way.
    """
    held = f.stored[s]
    size = f.size[s] * (1.0 + _SLACK)
    leaving = 0.0
    charge = f.charge[s]
    capacity = f.capacity[s]
    floor = f.floor[s] - _SLACK * capacity
    drawn = 0.0
    busy = 0.0
    now = 0.0
    k = 0
    for e in range(f.event_at[s], f.event_at[s + 1]):
        at = f.event_s[e]
        net = f.net[e] - drawn
        while k < m and f.start[desk.nodes[k]] < at:
            v = desk.nodes[k]
            begin = f.start[v]
            if begin > now:
                charge = min(capacity, charge + net * (begin - now))
                if charge < floor:
                    desk.fault[0] = now
                    return 3
                now = begin
            until = min(f.end[v], at)
            charge = min(capacity, charge + (net - f.power[v]) * (until - now))
            if charge < floor:
                desk.fault[0] = now
                return 3
            now = until
            if f.end[v] > at:
                break
            held += f.bits[v]
            if held > size:
                desk.fault[0] = f.end[v]
                return 1
            k += 1
        if at > now:
            charge = min(capacity, charge + net * (at - now))
            if charge < floor:
                desk.fault[0] = now
                return 3
            now = at
        kind = f.kind[e]
        if kind == 2:
            c = f.contact[e]
            most = min(desk.most[c], 1.0 - busy)
            if f.twin[c]:
                most = min(most, desk.most[c] - busy)
            amount = 0.0
            if f.whole:
                if most > 0.5 and held - leaving > _SAME:
                    amount = min(f.carries[c], held - leaving)
                most = 1.0 if amount > 0.0 else 0.0
            elif most > _SAME and held - leaving > _SAME:
                amount = min(most * f.carries[c], held - leaving)
                most = amount / f.carries[c]
            else:
                most = 0.0
            desk.used[c] = most
            desk.sent[c] = amount
            leaving += amount
            busy += most
            drawn += most * f.transmit[s]
        elif kind == 0:
            c = f.contact[e]
            held -= desk.sent[c]
            leaving -= desk.sent[c]
            busy -= desk.used[c]
            drawn -= desk.used[c] * f.transmit[s]
    if f.deliver and held > _SLACK * max(size, 1.0):
        desk.fault[0] = f.event_s[f.event_at[s + 1] - 1]
        return 2
    return 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _push(queue: Any, price: Any, length: Any, c: Any) -> Any:
    """Contact c into a heap of so many, the cheapest bits first."""
    k = length
    while k > 0:
        up = (k - 1) // 2
        if price[queue[up]] <= price[c]:
            break
        queue[k] = queue[up]
        k = up
    queue[k] = c


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pop(queue: Any, price: Any, length: Any) -> Any:
    """Take the first of a heap of so many out."""
    last = queue[length - 1]
    size = length - 1
    k = 0
    while True:
        down = 2 * k + 1
        if down >= size:
            break
        if down + 1 < size and price[queue[down + 1]] < price[queue[down]]:
            down += 1
        if price[last] <= price[queue[down]]:
            break
        queue[k] = queue[down]
        k = down
    queue[k] = last


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _left(f: Any, desk: Any, s: Any, c: Any) -> Any:
    """How many more bits contact c can send, besides what it and the satellite's others are meant to."""
    begin = f.contact_start[c]
    end = f.contact_end[c]
    own = desk.meant[c] / f.carries[c]
    room = desk.most[c] - own
    share = 1.0 - own
    gone = 0.0
    left = 1e300
    for k in range(f.contact_at[s], f.contact_at[s + 1]):
        d = f.contact_of[k]
        if d != c:
            if desk.meant[d] <= 0.0:
                continue
            if f.contact_start[d] < end and begin < f.contact_end[d]:
                share -= desk.meant[d] / f.carries[d]
                if f.twin[c]:
                    room -= desk.meant[d] / f.carries[d]
        gone += desk.meant[d]
        if f.contact_start[d] >= begin:
            left = min(left, desk.stored[d] - gone)
    left = min(left, min(room, share) * f.carries[c])
    return left if left > _SAME * f.carries[c] else 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sparing(f: Any, desk: Any, s: Any, m: Any) -> Any:
    """Lower ``desk.most`` to what the m nodes on the desk need: 0, or what :func:`_holds` would say.

    Each time the store would be too full, the cheapest of the contacts before send what is too much: of all
    ways to send in time, the one with the least price.
    """
    queue = desk.queue
    price = desk.price
    for k in range(f.contact_at[s], f.contact_at[s + 1]):
        desk.meant[f.contact_of[k]] = 0.0
    held = f.stored[s]
    size = f.size[s]
    gone = 0.0
    length = 0
    now = -1
    left = 0.0
    k = 0
    for e in range(f.event_at[s], f.event_at[s + 1]):
        kind = f.kind[e]
        if kind == 1:
            continue
        at = f.event_s[e]
        while True:
            most = size
            if k < m and f.end[desk.nodes[k]] <= at:
                held += f.bits[desk.nodes[k]]
            elif kind == 3 and f.deliver:
                most = 0.0
            else:
                break
            while held - gone > most:
                if length == 0:
                    if held - gone > most + 0.5 * _SLACK * max(size, 1.0):
                        desk.fault[0] = f.end[desk.nodes[k]] if k < m else at
                        return 1 if k < m else 2
                    break
                if queue[0] != now:
                    now = queue[0]
                    left = _left(f, desk, s, now)
                amount = min(left, held - gone - most)
                desk.meant[now] += amount
                gone += amount
                left -= amount
                if left <= _SAME * f.carries[now]:
                    _pop(queue, price, length)
                    length -= 1
                    now = -1
            if k >= m:
                break
            k += 1
        if kind == 2:
            desk.stored[f.contact[e]] = held
        elif kind == 0 and desk.most[f.contact[e]] > _SAME:
            _push(queue, price, length, f.contact[e])
            length += 1
    for k in range(f.contact_at[s], f.contact_at[s + 1]):
        c = f.contact_of[k]
        desk.most[c] = min(desk.most[c], desk.meant[c] / f.carries[c]) if desk.meant[c] > 0.0 else 0.0
    return 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _carried(f: Any, desk: Any, s: Any, m: Any) -> Any:
    """As :func:`_holds`, with no more sent than must be, where contacts can be shared."""
    if not f.whole and f.contact_at[s + 1] > f.contact_at[s]:
        code = _sparing(f, desk, s, m)
        if code != 0:
            return code
    return _holds(f, desk, s, m)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _tried(f: Any, state: Any, desk: Any, s: Any, m: Any) -> Any:
    """Whether the m nodes on the desk hold with the satellite's reserve or, failing that, what is free."""
    _shares(f, state, desk, s, False)
    code = _carried(f, desk, s, m)
    if code == 1 or code == 2:
        _shares(f, state, desk, s, True)
        code = _carried(f, desk, s, m)
    if code == 3 and f.contact_at[s + 1] > f.contact_at[s]:
        # Sending takes energy: no more of it than now.
        fault = desk.fault[0]
        for k in range(f.contact_at[s], f.contact_at[s + 1]):
            c = f.contact_of[k]
            desk.most[c] = min(desk.most[c], state.used[c])
        if _holds(f, desk, s, m) == 0:
            return 0
        desk.fault[0] = fault
    return code


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _commit(f: Any, state: Any, desk: Any, s: Any, m: Any) -> Any:
    """The desk's nodes become the plan of satellite s (after :func:`_tried`)."""
    for k in range(m):
        state.order[s, k] = desk.nodes[k]
    state.count[s] = m
    for k in range(f.contact_at[s], f.contact_at[s + 1]):
        c = f.contact_of[k]
        for p in range(f.line_at[c], f.line_at[c + 1]):
            state.load[f.line[p]] += desk.used[c] - state.used[c]
        state.used[c] = desk.used[c]
        state.sent[c] = desk.sent[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _lay(state: Any, desk: Any, s: Any, v: Any, out: Any, outs: Any) -> Any:
    """The plan of satellite s with v (−1: nothing) and without the ``outs`` first of ``out``, on the desk."""
    m = 0
    placed = v < 0
    for k in range(state.count[s]):
        u = state.order[s, k]
        gone = False
        for q in range(outs):
            if out[q] == u:
                gone = True
        if gone:
            continue
        if not placed and u > v:
            desk.nodes[m] = v
            m += 1
            placed = True
        desk.nodes[m] = u
        m += 1
    if not placed:
        desk.nodes[m] = v
        m += 1
    return m


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _place(state: Any, s: Any, v: Any) -> Any:
    """How many nodes of the plan of satellite s come before v."""
    lo = 0
    hi = state.count[s]
    while lo < hi:
        mid = (lo + hi) // 2
        if state.order[s, mid] < v:
            lo = mid + 1
        else:
            hi = mid
    return lo


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _free(f: Any, state: Any, desk: Any, v: Any, none: Any) -> Any:
    """Whether v can be put in with nothing taken out; it lies on the desk then. How many nodes, 0 for no."""
    s = f.satellite[v]
    p = _place(state, s, v)
    if p > 0 and not _follows(f, state.order[s, p - 1], v):
        return 0
    if p < state.count[s] and not _follows(f, v, state.order[s, p]):
        return 0
    m = _lay(state, desk, s, v, none, 0)
    if _tried(f, state, desk, s, m) != 0:
        return 0
    return m


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _serve(
    f: Any, state: Any, desk: Any, r: Any, value: Any, at: Any, nodes: Any, without: Any, none: Any
) -> Any:
    """The most valuable node that can serve r with nothing taken out, not of ``without``; −1: none."""
    best = -1
    for k in range(at[r], at[r + 1]):
        v = nodes[k]
        if f.satellite[v] == without or (best >= 0 and value[v] <= value[best]):
            continue
        if _free(f, state, desk, v, none) > 0:
            best = v
    return best


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _enter(f: Any, state: Any, desk: Any, v: Any, none: Any) -> Any:
    """Put v in if nothing stands against it."""
    m = _free(f, state, desk, v, none)
    if m == 0:
        return False
    _commit(f, state, desk, f.satellite[v], m)
    state.owner[f.request[v]] = v
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill(f: Any, state: Any, desk: Any, nodes: Any) -> Any:
    """Put in ``nodes``, in this order, where their request is not served and nothing stands against it."""
    none = np.empty(0, np.int64)
    entered = 0
    for k in range(len(nodes)):
        if state.owner[f.request[nodes[k]]] < 0 and _enter(f, state, desk, nodes[k], none):
            entered += 1
    return entered


@numba.njit(cache=True, nogil=True, error_model="numpy")
def anneal(
    f: Any,
    state: Any,
    desk: Any,
    value: Any,
    chosen: Any,
    at: Any,
    nodes: Any,
    moves: Any,
    hot: Any,
    cold: Any,
    number: Any,
) -> Any:
    """Change the plan ``moves`` times, losses being taken with odds that fall from hot to cold (value).

    ``chosen``: nodes that may come in; ``at``, ``nodes``: the same by request (CSR). Returns what the plan
    has gained.
    """
    seed = np.empty(1, np.uint64)
    seed[0] = np.uint64(88172645463325252) ^ (np.uint64(number) * np.uint64(11400714819323198485))
    none = np.empty(0, np.int64)
    out = np.empty(_MOST_OUT + 2, np.int64)
    trial = np.empty(_MOST_OUT + 2, np.int64)
    elsewhere = np.empty(_MOST_OUT + 2, np.int64)
    gained = 0.0
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    heat = hot
    for _ in range(moves):
        heat *= cooling
        v = chosen[int(_draw(seed) * len(chosen))]
        bar = heat * math.log(_draw(seed) + 1e-300)
        r = f.request[v]
        w = state.owner[r]
        if w == v or (w >= 0 and state.frozen[w]):
            continue
        s = f.satellite[v]
        # Neighbours that leave no time.
        outs = 0
        loss = -value[v]
        ok = True
        if w >= 0:
            loss += value[w]
        p = _place(state, s, v)
        k = p - 1
        while k >= 0 and ok:
            u = state.order[s, k]
            if u != w:
                if _follows(f, u, v):
                    break
                if outs >= _MOST_OUT or state.frozen[u]:
                    ok = False
                    break
                out[outs] = u
                outs += 1
                loss += value[u]
            k -= 1
        k = p
        while k < state.count[s] and ok:
            u = state.order[s, k]
            if u != w:
                if _follows(f, v, u):
                    break
                if outs >= _MOST_OUT or state.frozen[u]:
                    ok = False
                    break
                out[outs] = u
                outs += 1
                loss += value[u]
            k += 1
        if not ok:
            continue
        # What is put out may be served elsewhere.
        saved = 0.0
        for q in range(outs):
            elsewhere[q] = -1
        if -loss < bar:
            for q in range(outs):
                e = _serve(f, state, desk, f.request[out[q]], value, at, nodes, s, none)
                elsewhere[q] = e
                if e >= 0:
                    saved += value[e]
            if saved - loss < bar:
                continue
        total = outs
        for q in range(outs):
            trial[q] = out[q]
        if w >= 0 and f.satellite[w] == s:
            trial[total] = w
            total += 1
        m = _lay(state, desk, s, v, trial, total)
        code = _tried(f, state, desk, s, m)
        if code != 0:
            # One more has to go, to leave it memory or energy.
            found = False
            fault = desk.fault[0]
            late = state.count[s]
            while late > 0 and f.start[state.order[s, late - 1]] >= fault:
                late -= 1
            early = max(0, late - _BACK)
            for step in range(_REACH):
                if late <= early:
                    break
                k = early + int(_draw(seed) * (late - early))
                if step < 2:
                    k = p - step
                    if k < 0 or k >= state.count[s]:
                        continue
                u = state.order[s, k]
                if state.frozen[u] or u == w:
                    continue
                twice = False
                for q in range(outs):
                    if out[q] == u:
                        twice = True
                if twice:
                    continue
                e = -1
                if saved - loss - value[u] < bar:
                    if saved - loss < bar:
                        break
                    if step % 3 != 0:
                        continue
                    e = _serve(f, state, desk, f.request[u], value, at, nodes, s, none)
                    if e < 0 or saved - loss - value[u] + value[e] < bar:
                        continue
                trial[total] = u
                m = _lay(state, desk, s, v, trial, total + 1)
                if _tried(f, state, desk, s, m) == 0:
                    out[outs] = u
                    elsewhere[outs] = e
                    outs += 1
                    loss += value[u]
                    found = True
                    break
            if not found:
                continue
        _commit(f, state, desk, s, m)
        state.owner[r] = v
        gained -= loss
        if w >= 0 and f.satellite[w] != s:
            m = _lay(state, desk, f.satellite[w], -1, trial, 0)
            # Without w on its own satellite.
            shorter = 0
            for k in range(m):
                if desk.nodes[k] != w:
                    desk.nodes[shorter] = desk.nodes[k]
                    shorter += 1
            _tried(f, state, desk, f.satellite[w], shorter)
            _commit(f, state, desk, f.satellite[w], shorter)
        for q in range(outs):
            state.owner[f.request[out[q]]] = -1
        for q in range(outs):
            e = elsewhere[q]
            if e >= 0 and _enter(f, state, desk, e, none):
                state.owner[f.request[e]] = e
                gained += value[e]
                continue
            e = _serve(f, state, desk, f.request[out[q]], value, at, nodes, -1, none)
            if e >= 0 and _enter(f, state, desk, e, none):
                gained += value[e]
    return gained


@numba.njit(cache=True, nogil=True, error_model="numpy")
def adopt(f: Any, state: Any, desk: Any, group: Any, at: Any, nodes: Any) -> Any:
    """The satellites of ``group`` get the plans ``nodes`` (CSR by place in it): −1, or which fails first.

    Where one fails the state is left torn: the caller has kept what it was.
    """
    for s in group:
        for k in range(f.contact_at[s], f.contact_at[s + 1]):
            c = f.contact_of[k]
            for p in range(f.line_at[c], f.line_at[c + 1]):
                state.load[f.line[p]] -= state.used[c]
            state.used[c] = 0.0
            state.sent[c] = 0.0
        for k in range(state.count[s]):
            state.owner[f.request[state.order[s, k]]] = -1
        state.count[s] = 0
    for g in range(len(group)):
        s = group[g]
        m = 0
        for k in range(at[g], at[g + 1]):
            desk.nodes[m] = nodes[k]
            m += 1
        if _tried(f, state, desk, s, m) != 0:
            return g
        _commit(f, state, desk, s, m)
        for k in range(m):
            state.owner[f.request[state.order[s, k]]] = state.order[s, k]
    return -1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def levels(at: Any, column: Any, factor: Any, limit: Any, equal: Any, defines: Any, high: Any, z: Any) -> Any:
    """Fill in what the rows define of z, in order: ``limit`` is what the nodes leave of each row."""
    for i in range(len(defines)):
        v = defines[i]
        if v < 0:
            continue
        rest = limit[i]
        own = 1.0
        for k in range(at[i], at[i + 1]):
            if column[k] == v:
                own = factor[k]
            else:
                rest -= factor[k] * z[column[k]]
        z[v] = rest / own if equal[i] else min(high[v], rest / own)


class Journal(NamedTuple):
    """What was before the change at hand. ``number``: of satellites and requests noted, and of the change."""

    number: Any
    stamp: Any
    touched: Any
    order: Any
    length: Any
    used: Any
    sent: Any
    request: Any
    owner: Any


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _touch(f: Any, state: Any, j: Any, s: Any) -> Any:
    """Note what satellite s does before it is changed."""
    if j.stamp[s] == j.number[2]:
        return
    j.stamp[s] = j.number[2]
    j.touched[j.number[0]] = s
    j.number[0] += 1
    j.length[s] = state.count[s]
    for k in range(state.count[s]):
        j.order[s, k] = state.order[s, k]
    for k in range(f.contact_at[s], f.contact_at[s + 1]):
        c = f.contact_of[k]
        j.used[c] = state.used[c]
        j.sent[c] = state.sent[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _own(state: Any, j: Any, r: Any, v: Any) -> Any:
    """Request r is served by v from now on (−1: not at all)."""
    j.request[j.number[1]] = r
    j.owner[j.number[1]] = state.owner[r]
    j.number[1] += 1
    state.owner[r] = v


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _back(f: Any, state: Any, j: Any) -> Any:
    """All as it was."""
    for q in range(j.number[1] - 1, -1, -1):
        state.owner[j.request[q]] = j.owner[q]
    for q in range(j.number[0]):
        s = j.touched[q]
        state.count[s] = j.length[s]
        for k in range(j.length[s]):
            state.order[s, k] = j.order[s, k]
        for k in range(f.contact_at[s], f.contact_at[s + 1]):
            c = f.contact_of[k]
            for p in range(f.line_at[c], f.line_at[c + 1]):
                state.load[f.line[p]] += j.used[c] - state.used[c]
            state.used[c] = j.used[c]
            state.sent[c] = j.sent[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _lowest(f: Any, chosen: Any, low: Any, high: Any, at: Any) -> Any:
    """The first place in ``chosen[low:high]`` (sorted by start) with a start at or after ``at``."""
    while low < high:
        mid = (low + high) // 2
        if f.start[chosen[mid]] < at:
            low = mid + 1
        else:
            high = mid
    return low


@numba.njit(cache=True, nogil=True, error_model="numpy")
def rethread(
    f: Any,
    state: Any,
    desk: Any,
    j: Any,
    value: Any,
    price: Any,
    cost: Any,
    chosen: Any,
    by_satellite: Any,
    at: Any,
    nodes: Any,
    moves: Any,
    hot: Any,
    cold: Any,
    span: Any,
    number: Any,
) -> Any:
    """Lay the path of one satellite anew over some time, ``moves`` times; returns what the plan has gained.

    The path is the best at gains that count a request that another satellite serves at what is lost there
    (``price`` (r,), ``cost`` (n,): what requests and resources are worth); what falls out is served
    elsewhere where it can be. ``chosen`` (sorted), ``by_satellite``: nodes that may come in and where each
    satellite's begin; ``at``, ``nodes``: the same by request (CSR). ``span`` (s).
    """
    seed = np.empty(1, np.uint64)
    seed[0] = np.uint64(88172645463325252) ^ (np.uint64(number) * np.uint64(11400714819323198485))
    none = np.empty(0, np.int64)
    width = len(desk.nodes)
    gain = np.empty(0)
    total = np.empty(0)
    most = np.empty(0)
    peak = np.empty(0, np.int64)
    before = np.empty(0, np.int64)
    path = np.empty(width, np.int64)
    lost = np.empty(2 * width, np.int64)
    freed = np.empty(width, np.int64)
    gained = 0.0
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    heat = hot
    for _ in range(moves):
        heat *= cooling
        bar = heat * math.log(_draw(seed) + 1e-300)
        v = chosen[int(_draw(seed) * len(chosen))]
        s = f.satellite[v]
        begin = f.start[v] - span * _draw(seed)
        lo = _lowest(f, chosen, by_satellite[s], by_satellite[s + 1], begin)
        hi = _lowest(f, chosen, lo, by_satellite[s + 1], begin + span)
        n = hi - lo
        if len(gain) < n:
            gain = np.empty(2 * n)
            total = np.empty(2 * n)
            most = np.empty(2 * n)
            peak = np.empty(2 * n, np.int64)
            before = np.empty(2 * n, np.int64)
        # The plan before, within and after.
        left = _place(state, s, chosen[lo])
        right = left
        worth = 0.0
        stays = False
        while right < state.count[s] and state.order[s, right] <= chosen[hi - 1]:
            u = state.order[s, right]
            worth += value[u]
            stays = stays or state.frozen[u]
            right += 1
        if stays:
            continue
        first = state.order[s, left - 1] if left > 0 else -1
        last = state.order[s, right] if right < state.count[s] else -1
        share = _draw(seed)
        share = 0.0 if share < 0.3 else share
        strict = 1.2 * _draw(seed)
        blur = heat * _draw(seed)
        lasting = 0.0
        longest = f.settle[s] + f.rate[s] / f.acceleration[s] + math.pi / f.rate[s]
        top = 0.0
        end = -1
        for k in range(n):
            v = chosen[lo + k]
            lasting = max(lasting, f.end[v] - f.start[v])
            before[k] = -1
            total[k] = -1e300
            r = f.request[v]
            w = state.owner[r]
            g = value[v] - strict * cost[v] + blur * (2.0 * _draw(seed) - 1.0)
            if w >= 0 and (f.satellite[w] != s or w < chosen[lo] or w > chosen[hi - 1]):
                if state.frozen[w] or f.satellite[w] == s:
                    g = -1e300
                else:
                    g -= value[w] - share * (value[w] - price[r]) - (1.0 - share) * strict * cost[w]
            if g > 0.0:
                reach = 0.0 if first < 0 or _follows(f, first, v) else -1e300
                q = k - 1
                while q >= 0:
                    u = chosen[lo + q]
                    if f.start[u] + lasting + longest <= f.start[v]:
                        if most[q] > reach:
                            reach = most[q]
                            before[k] = peak[q]
                        break
                    if total[q] > reach and f.request[u] != r and _follows(f, u, v):
                        reach = total[q]
                        before[k] = q
                    q -= 1
                if reach >= 0.0:
                    total[k] = g + reach
                    if total[k] > top and (last < 0 or _follows(f, v, last)):
                        top = total[k]
                        end = k
            most[k] = total[k]
            peak[k] = k
            if k > 0 and most[k - 1] >= most[k]:
                most[k] = most[k - 1]
                peak[k] = peak[k - 1]
        # The path, last node first, without what comes twice.
        m = 0
        while end >= 0:
            v = chosen[lo + end]
            again = False
            for q in range(m):
                again = again or f.request[path[q]] == f.request[v]
            if not again:
                path[m] = v
                m += 1
            end = before[end]
        same = m == right - left
        for q in range(m):
            same = same and path[m - 1 - q] == state.order[s, left + q]
        if same:
            continue
        # What it is worth at most, all that falls out being served elsewhere at full value.
        new = 0.0
        for q in range(m):
            w = state.owner[f.request[path[q]]]
            new += value[path[q]] - (value[w] if w >= 0 and f.satellite[w] != s else 0.0)
        j.number[0] = 0
        j.number[1] = 0
        j.number[2] += 1
        _touch(f, state, j, s)
        losts = 0
        frees = 0
        for k in range(left, right):
            r = f.request[state.order[s, k]]
            lost[losts] = r
            losts += 1
            _own(state, j, r, -1)
        for q in range(m):
            r = f.request[path[q]]
            w = state.owner[r]
            if w >= 0:
                _touch(f, state, j, f.satellite[w])
                path_sat = f.satellite[w]
                length = 0
                for k in range(state.count[path_sat]):
                    if state.order[path_sat, k] != w:
                        desk.nodes[length] = state.order[path_sat, k]
                        length += 1
                _tried(f, state, desk, path_sat, length)
                _commit(f, state, desk, path_sat, length)
                freed[frees] = w
                frees += 1
            _own(state, j, r, path[q])
        code = 1
        draw = f.bits
        for _ in range(_DROPS):
            length = 0
            for k in range(left):
                desk.nodes[length] = state.order[s, k]
                length += 1
            for q in range(m - 1, -1, -1):
                desk.nodes[length] = path[q]
                length += 1
            for k in range(right, state.count[s]):
                desk.nodes[length] = state.order[s, k]
                length += 1
            code = _tried(f, state, desk, s, length)
            if code == 0 or m == 0:
                break
            draw = f.drain if code == 3 else f.bits
            worst = -1
            for q in range(m):
                if f.start[path[q]] >= desk.fault[0]:
                    continue
                if worst < 0 or value[path[q]] * draw[path[worst]] < value[path[worst]] * draw[path[q]]:
                    worst = q
            if worst < 0:
                break
            lost[losts] = f.request[path[worst]]
            losts += 1
            new -= value[path[worst]]
            _own(state, j, f.request[path[worst]], -1)
            m -= 1
            for q in range(worst, m):
                path[q] = path[q + 1]
        if code != 0:
            _back(f, state, j)
            continue
        _commit(f, state, desk, s, length)
        for q in range(losts):
            r = lost[q]
            if state.owner[r] < 0:
                e = _serve(f, state, desk, r, value, at, nodes, -1, none)
                if e >= 0:
                    _touch(f, state, j, f.satellite[e])
                    length = _free(f, state, desk, e, none)
                    _commit(f, state, desk, f.satellite[e], length)
                    _own(state, j, r, e)
                    new += value[e]
        for q in range(frees):
            w = freed[q]
            u = f.satellite[w]
            best = -1
            p = _lowest(f, chosen, by_satellite[u], by_satellite[u + 1], f.start[w] - 120.0)
            while p < by_satellite[u + 1] and f.start[chosen[p]] < f.start[w] + 120.0:
                e = chosen[p]
                more = state.owner[f.request[e]] < 0 and (best < 0 or value[e] > value[best])
                if more and _free(f, state, desk, e, none) > 0:
                    best = e
                p += 1
            if best >= 0:
                _touch(f, state, j, u)
                length = _free(f, state, desk, best, none)
                _commit(f, state, desk, u, length)
                _own(state, j, f.request[best], best)
                new += value[best]
        if new - worth < bar:
            _back(f, state, j)
        else:
            gained += new - worth
    return gained
