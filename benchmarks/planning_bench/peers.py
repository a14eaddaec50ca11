"""Greedy and plain CP-SAT on the generated instances, written apart from Comity's solvers."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from comity.planning.paths import PathProblem, Sending, violations
from planning_bench import kernels

Answer = dict[str, Any]
FloatArray = NDArray[np.float64]

#: More pairs than this are too many clauses for one plain model: it then gets one start per window.
MOST_PAIRS = 6_000_000
_BITS, _JOULES, _VALUE = 1e7, 100.0, 100.0


def greedy(problem: PathProblem) -> Answer:
    """The dearest by value per second first, where it fits; each slot of an antenna goes to the satellite
    that has had the fewest. What is compiled on first use is compiled before the clock starts."""
    _greedy_nodes(problem, np.empty(0, np.int64))
    began, cpu = time.monotonic(), time.process_time()
    agility = problem.agility
    pause = 2.0 * agility.settle_s[problem.satellite]
    density = problem.value / (problem.end_s - problem.start_s + pause)
    taken, given = _greedy_nodes(problem, np.lexsort((problem.start_s, -density)))
    seconds = {"wall_s": round(time.monotonic() - began, 2), "cpu_s": round(time.process_time() - cpu, 2)}
    nodes = np.flatnonzero(taken).tolist()
    broken = violations(problem, nodes, _sent(problem, nodes, given))
    return {"value": round(float(problem.value[nodes].sum()), 2), **seconds, "valid": not broken}


def _slots_given(problem: PathProblem) -> list[list[int]]:
    """Contacts that each satellite uses: one at a time of an antenna and of a satellite."""
    given: list[list[int]] = [[] for _ in range(problem.satellites)]
    contacts = problem.contacts
    if contacts is None:
        return given
    groups: dict[tuple[float, int], list[int]] = defaultdict(list)
    for c, (start, antenna) in enumerate(
        zip(contacts.start_s.tolist(), contacts.antenna.tolist(), strict=True)
    ):
        groups[start, antenna].append(c)
    until = np.full(problem.satellites, -1.0)
    for key in sorted(groups):
        free = [c for c in groups[key] if until[contacts.satellite[c]] <= key[0]]
        if free:
            c = min(free, key=lambda c: (len(given[int(contacts.satellite[c])]), c))
            s = int(contacts.satellite[c])
            given[s].append(c)
            until[s] = contacts.end_s[c]
    return given


def _greedy_nodes(problem: PathProblem, order: Any) -> tuple[Any, list[list[int]]]:
    contacts, store, battery, agility = problem.contacts, problem.store, problem.battery, problem.agility
    assert contacts is not None and store is not None and battery is not None
    given = _slots_given(problem)
    rows: list[tuple[float, float, float]] = []
    slot_at, edge_at = [0], [0]
    edges: list[float] = []
    power: list[float] = []
    for s, own in enumerate(given):
        rows += [(float(contacts.start_s[c]), float(contacts.end_s[c]), float(contacts.bits[c])) for c in own]
        slot_at.append(len(rows))
        dark = np.flatnonzero(battery.eclipse_satellite == s).tolist()
        changes = [(0.0, float(battery.solar_w[s] - battery.load_w[s]))]
        for e in dark:
            changes.append((float(battery.eclipse_start_s[e]), -float(battery.solar_w[s])))
            changes.append((float(battery.eclipse_end_s[e]), float(battery.solar_w[s])))
        for c in own:
            changes.append((float(contacts.start_s[c]), -float(battery.transmit_w[s])))
            changes.append((float(contacts.end_s[c]), float(battery.transmit_w[s])))
        changes.sort()
        now = 0.0
        for at, change in changes:
            now += change
            edges.append(at)
            power.append(now)
        edges.append(problem.horizon_s)
        power.append(0.0)
        edge_at.append(len(edges))
    taken = kernels.greedy(
        order, problem.satellite, problem.request, problem.start_s, problem.end_s, problem.first,
        problem.last, problem.bits, problem.energy_j, agility.rate_rad_s, agility.acceleration_rad_s2,
        agility.settle_s, store.capacity_bits, store.initial_bits, np.array(slot_at),
        np.array(rows, dtype=np.float64).reshape(-1, 3), np.array(edge_at), np.array(edges),
        np.array(power), battery.capacity_j, battery.floor_j, battery.initial_j, problem.requests,
    )  # fmt: skip
    chosen = np.zeros(len(problem), np.bool_)
    if len(order):
        chosen[:] = taken
    return chosen, given


def _sent(problem: PathProblem, nodes: list[int], given: list[list[int]]) -> list[Sending]:
    """In each slot, what was stored when it began."""
    contacts, store = problem.contacts, problem.store
    assert contacts is not None and store is not None
    mine: list[list[tuple[float, float]]] = [[] for _ in given]
    for k in nodes:
        mine[int(problem.satellite[k])].append((float(problem.end_s[k]), float(problem.bits[k])))
    found = []
    for s, own in enumerate(given):
        acts = sorted(mine[s])
        held, i = float(store.initial_bits[s]), 0
        for c in own:
            while i < len(acts) and acts[i][0] <= contacts.start_s[c]:
                held += acts[i][1]
                i += 1
            bits = min(held, float(contacts.bits[c]))
            held -= bits
            if bits > 0:
                found.append(Sending(contact=c, bits=bits))
    return found


def plain_cp_sat(problem: PathProblem, wall_s: float, *, seed: int = 0, workers: int = 2) -> Answer:
    """One model: a variable per start, a clause per pair that excludes each other, levels of store and
    battery at contacts' and eclipses' edges. It has ``wall_s`` after it is built."""
    began, cpu = time.monotonic(), time.process_time()
    chosen = np.arange(len(problem))
    starts = "all starts"
    pairs = _pairs(problem, chosen)
    if pairs is None:
        # The middle start of each window.
        chosen, starts = _one_start(problem), "one start per window"
        pairs = _pairs(problem, chosen)
    if pairs is None:
        return {"skipped": f"more than {MOST_PAIRS:,} pairs that exclude each other, even at one start"}
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(len(chosen))]
    for i, j in pairs.tolist():
        model.add_bool_or([x[i].negated(), x[j].negated()])
    by_request = defaultdict(list)
    for i, request in enumerate(problem.request[chosen].tolist()):
        by_request[request].append(x[i])
    for same in by_request.values():
        model.add_at_most_one(same)
    use, sent = _resources(model, problem, chosen, x)
    model.maximize(sum(round(_VALUE * v) * b for v, b in zip(problem.value[chosen].tolist(), x, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    told: Answer = {"starts": starts, "pairs": len(pairs), "built_s": round(time.monotonic() - began, 1)}
    solver.parameters.max_time_in_seconds = wall_s
    status = solver.solve(model)
    told |= {
        "wall_s": round(time.monotonic() - began, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
    }
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return {**told, "value": None, "found": "no plan in this time"}
    nodes = [int(chosen[i]) for i, b in enumerate(x) if solver.boolean_value(b)]
    sendings = [
        Sending(contact=c, bits=min(solver.value(sent[c]) * _BITS, _whole_bits(problem, c)))
        for c in range(len(use))
        if solver.boolean_value(use[c])
    ]
    told |= {
        "value": round(float(problem.value[nodes].sum()), 2),
        "valid": not violations(problem, nodes, sendings),
    }
    if starts == "all starts":
        told["bound"] = round(solver.best_objective_bound / _VALUE, 2)
    return told


def _whole_bits(problem: PathProblem, c: int) -> float:
    assert problem.contacts is not None
    return float(problem.contacts.bits[c])


def _pairs(problem: PathProblem, chosen: Any) -> Any:
    agility = problem.agility
    offsets = np.searchsorted(problem.satellite[chosen], np.arange(problem.satellites + 1))
    return kernels.exclusions(
        offsets, problem.start_s[chosen], problem.end_s[chosen], problem.request[chosen],
        np.ascontiguousarray(problem.first[chosen]), np.ascontiguousarray(problem.last[chosen]),
        agility.rate_rad_s, agility.acceleration_rad_s2, agility.settle_s, MOST_PAIRS,
    )  # fmt: skip


def _one_start(problem: PathProblem) -> Any:
    """The middle one of each run of starts of a satellite and a request that are within ten minutes."""
    order = np.lexsort((problem.start_s, problem.request, problem.satellite))
    same = (np.diff(problem.satellite[order]) == 0) & (np.diff(problem.request[order]) == 0)
    same &= np.diff(problem.start_s[order]) < 600.0
    heads = np.flatnonzero(np.concatenate(([True], ~same)))
    lengths = np.diff(np.concatenate((heads, [len(order)])))
    return np.sort(order[heads + lengths // 2])


def _resources(model: Any, problem: PathProblem, chosen: Any, x: list[Any]) -> tuple[list[Any], list[Any]]:
    """Whole slots in use, what each sends; rounded so that plans hold in the arrays' own numbers."""
    contacts, store, battery = problem.contacts, problem.store, problem.battery
    assert contacts is not None and store is not None and battery is not None
    slots = len(contacts)
    use = [model.new_bool_var("") for _ in range(slots)]
    room = [int(b // _BITS) for b in contacts.bits.tolist()]
    sent = [model.new_int_var(0, b, "") for b in room]
    held: dict[tuple[int, int, float], list[Any]] = defaultdict(list)
    for c in range(slots):
        model.add(sent[c] <= room[c] * use[c])
        held[0, int(contacts.antenna[c]), float(contacts.start_s[c])].append(use[c])
        held[1, int(contacts.satellite[c]), float(contacts.start_s[c])].append(use[c])
    for same in held.values():
        model.add_at_most_one(same)
    offsets = np.searchsorted(problem.satellite[chosen], np.arange(problem.satellites + 1))
    for s in range(problem.satellites):
        own = range(offsets[s], offsets[s + 1])
        mine = np.flatnonzero(contacts.satellite == s)
        # Satellites' contacts to several stations share their slots' edges.
        _store_rows(model, problem, s, [(int(chosen[i]), x[i]) for i in own], mine, sent)
        _battery_rows(model, problem, s, [(int(chosen[i]), x[i]) for i in own], mine, use)
    return use, sent


def _store_rows(model: Any, problem: PathProblem, s: int, own: Any, mine: Any, sent: list[Any]) -> None:
    contacts, store = problem.contacts, problem.store
    assert contacts is not None and store is not None
    size = int(store.capacity_bits[s] // _BITS)
    opens = sorted({float(contacts.start_s[c]) for c in mine})
    cuts = sorted({*opens, *(float(contacts.end_s[c]) for c in mine)})
    at: dict[float, list[Any]] = defaultdict(list)
    freed: dict[float, list[Any]] = defaultdict(list)
    for c in mine.tolist():
        at[float(contacts.start_s[c])].append(sent[c])
        freed[float(contacts.end_s[c])].append(sent[c])
    part = np.searchsorted(np.array(cuts), [problem.end_s[k] for k, _ in own], side="left")
    taken: list[list[Any]] = [[] for _ in range(len(cuts) + 1)]
    for (k, b), p in zip(own, part.tolist(), strict=True):
        taken[p].append(int(-(-problem.bits[k] // _BITS)) * b)
    level: Any = int(-(-store.initial_bits[s] // _BITS))
    for p, cut in enumerate([*cuts, None]):
        before = model.new_int_var(0, size, "")
        model.add(before == level + sum(taken[p]))
        if cut is None:
            if store.deliver:
                model.add(before == 0)
            return
        level = before
        if cut in freed:
            level = model.new_int_var(0, size, "")
            model.add(level == before - sum(freed[cut]))
        if cut in at:
            model.add(sum(at[cut]) <= level)


def _battery_rows(model: Any, problem: PathProblem, s: int, own: Any, mine: Any, use: list[Any]) -> None:
    contacts, battery = problem.contacts, problem.battery
    assert contacts is not None and battery is not None
    dark = np.flatnonzero(battery.eclipse_satellite == s)
    begin, finish = battery.eclipse_start_s[dark], battery.eclipse_end_s[dark]
    cuts = np.unique(np.concatenate(([0.0, problem.horizon_s], begin, finish)))
    middle = (cuts[:-1] + cuts[1:]) / 2
    lit = ~((middle[:, None] > begin) & (middle[:, None] < finish)).any(axis=1)
    gain = (battery.solar_w[s] * lit - battery.load_w[s]) * np.diff(cuts)
    drawn: list[list[Any]] = [[] for _ in gain]
    # An activity counts where it begins: it may straddle an edge by seconds.
    for k, b in own:
        p = min(len(gain), int(np.searchsorted(cuts, problem.start_s[k], side="right"))) - 1
        drawn[p].append(int(-(-problem.energy_j[k] // _JOULES)) * b)
    for c in mine.tolist():
        p = min(len(gain), int(np.searchsorted(cuts, contacts.start_s[c], side="right"))) - 1
        joules = battery.transmit_w[s] * (contacts.end_s[c] - contacts.start_s[c])
        drawn[p].append(int(-(-joules // _JOULES)) * use[c])
    least = int(-(-battery.floor_j[s] // _JOULES))
    most = int(battery.capacity_j[s] // _JOULES)
    level: Any = int(battery.initial_j[s] // _JOULES)
    for p in range(len(gain)):
        after = model.new_int_var(least, most, "")
        model.add(after <= level + int(gain[p] // _JOULES) - sum(drawn[p]))
        level = after
