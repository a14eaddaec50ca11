"""Memory, contacts and energy as linear rows beside the paths.

What a satellite stores and what its battery holds become variables at checkpoints: a contact's start and
end for the store, an eclipse's edges (and some instants between) for the battery. For the store and the
contacts the rows say exactly what the plan must obey. For the battery they are a relaxation: between
checkpoints the charge may dip lower, and a full battery may turn sunlight away, which only the simulation
sees (:mod:`comity.planning.paths.simulate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from comity.planning.paths.problem import Battery, Contacts, FloatArray, IntArray, PathProblem, Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coupling:
    """Rows ``nodes @ x + extra @ z ≤ limit`` (= where ``equal``), with ``low ≤ z ≤ high``.

    ``gain`` (q,): what each z adds to a plan's value. ``satellite``: whose each z is, −1 for nobody's;
    ``charge``: whether it is a battery's. ``contact`` (c,): the column of z that says how much of a contact
    is used; ``sent`` (c,): the part of its bits that it sends.
    """

    nodes: csr_matrix
    extra: csr_matrix
    limit: FloatArray
    equal: NDArray[np.bool_]
    low: FloatArray
    high: FloatArray
    whole: NDArray[np.bool_]
    gain: FloatArray
    satellite: IntArray
    charge: NDArray[np.bool_]
    contact: IntArray
    sent: IntArray


#: A battery has so many checkpoints at least: between the few eclipses of a short horizon too.
_CHECKPOINTS = 24


class _Builder:
    def __init__(self, nodes: int) -> None:
        self.n = nodes
        self.rows: list[tuple[float, bool]] = []
        self.node_parts: list[tuple[IntArray, IntArray, FloatArray]] = []
        self.extra: list[tuple[int, int, float]] = []
        self.variables: list[tuple[float, float, bool, int]] = []
        self.charges: list[int] = []

    def variable(self, satellite: int, low: float, high: float, whole: bool = False) -> int:
        self.variables.append((low, high, whole, satellite))
        return len(self.variables) - 1

    def row(self, terms: list[tuple[int, float]], limit: float, equal: bool = False) -> int:
        self.rows.append((limit, equal))
        k = len(self.rows) - 1
        self.extra += [(k, column, value) for column, value in terms]
        return k

    def on_nodes(self, rows: IntArray, nodes: IntArray, values: FloatArray) -> None:
        self.node_parts.append((rows, nodes, values))

    def built(self, contact: IntArray, sent: IntArray) -> Coupling:
        m, q = len(self.rows), len(self.variables)
        nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        r, c, v = (np.concatenate(each) for each in zip(*self.node_parts, nothing, strict=True))
        extra = np.array(self.extra, dtype=np.float64).reshape(-1, 3)
        variables = np.array(self.variables, dtype=np.float64).reshape(-1, 4)
        rows = np.array(self.rows, dtype=np.float64).reshape(-1, 2)
        return Coupling(
            nodes=csr_matrix((v, (r, c)), shape=(m, self.n)),
            extra=csr_matrix(
                (extra[:, 2], (extra[:, 0].astype(np.int64), extra[:, 1].astype(np.int64))), shape=(m, q)
            ),
            limit=rows[:, 0],
            equal=rows[:, 1] > 0,
            low=variables[:, 0],
            high=variables[:, 1],
            whole=variables[:, 2] > 0,
            gain=np.zeros(q),
            satellite=variables[:, 3].astype(np.int64),
            charge=np.isin(np.arange(q), np.array(self.charges, dtype=np.int64)),
            contact=contact,
            sent=sent,
        )


def couple(problem: PathProblem) -> Coupling:
    """The rows of ``problem``'s resources."""
    rows = _Builder(len(problem))
    use = np.empty(0, np.int64)
    sent = np.empty(0, np.int64)
    if problem.contacts is not None:
        whole = not problem.contacts.shared
        who = problem.contacts.satellite.tolist()
        use = np.array([rows.variable(k, 0.0, 1.0, whole) for k in who], dtype=np.int64)
        sent = np.array([rows.variable(k, 0.0, 1.0) for k in who], dtype=np.int64)
        for s, u in zip(sent.tolist(), use.tolist(), strict=True):
            rows.row([(s, 1.0), (u, -1.0)], 0.0)
        _exclusive(rows, problem.contacts, problem.contacts.antenna, use)
        _exclusive(rows, problem.contacts, problem.contacts.satellite, use)
    if problem.store is not None:
        _stores(rows, problem, problem.store, sent)
    if problem.battery is not None:
        _batteries(rows, problem, problem.battery, use)
    return rows.built(use, sent)


def _exclusive(rows: _Builder, contacts: Contacts, holder: IntArray, use: IntArray) -> None:
    """One contact at a time of each holder: a row for each largest set that shares an instant."""
    for one in np.unique(holder):
        own = np.flatnonzero(holder == one)
        own = own[np.lexsort((contacts.end_s[own], contacts.start_s[own]))]
        open_now: list[int] = []
        grown = False
        for k in [*own.tolist(), -1]:
            now = np.inf if k < 0 else contacts.start_s[k]
            still = [j for j in open_now if contacts.end_s[j] > now]
            if len(still) < len(open_now) and grown and len(open_now) > 1:
                rows.row([(int(use[j]), 1.0) for j in open_now], 1.0)
            grown = grown and len(still) == len(open_now)
            open_now = still
            if k >= 0:
                open_now.append(k)
                grown = True


def _stores(rows: _Builder, problem: PathProblem, store: Store, sent: IntArray) -> None:
    offsets = problem.offsets
    contacts = problem.contacts
    for s in range(problem.satellites):
        size = float(store.capacity_bits[s])
        own = slice(offsets[s], offsets[s + 1])
        events: list[tuple[float, int, int]] = []
        if contacts is not None:
            for c in np.flatnonzero(contacts.satellite == s).tolist():
                # What ends together with a contact's start is still sent; ends come before starts.
                events += [(float(contacts.start_s[c]), 1, c), (float(contacts.end_s[c]), 0, c)]
        events.sort()
        at = np.array([e[0] for e in events])
        segment = np.searchsorted(at, problem.end_s[own], side="left")
        held: int | None = None
        fill = float(store.initial_bits[s]) / size if size > 0 else 0.0
        row_of = np.full(len(events) + 1, -1, dtype=np.int64)
        for k, (_, kind, c) in enumerate(events):
            now = rows.variable(s, 0.0, 1.0)
            terms = [(now, -1.0)] + ([] if held is None else [(held, 1.0)])
            part = float(contacts.bits[c]) / size if contacts is not None else 0.0
            if kind == 0:
                terms.append((int(sent[c]), -part))
                # Before the contact lets go, all is still on board.
                rows.row([(now, 1.0), (int(sent[c]), part)], 1.0)
            else:
                rows.row([(int(sent[c]), part), (now, -1.0)], 0.0)
            row_of[k] = rows.row(terms, -fill if held is None else 0.0, equal=True)
            held = now
        final = rows.variable(s, 0.0, 0.0 if store.deliver else 1.0)
        terms = [(final, -1.0)] + ([] if held is None else [(held, 1.0)])
        row_of[len(events)] = rows.row(terms, -fill if held is None else 0.0, equal=True)
        nodes = np.arange(own.start, own.stop)
        rows.on_nodes(row_of[segment], nodes, problem.bits[own] / size)


def _batteries(rows: _Builder, problem: PathProblem, battery: Battery, use: IntArray) -> None:
    offsets = problem.offsets
    contacts = problem.contacts
    for s in range(problem.satellites):
        size = float(battery.capacity_j[s])
        dark = np.flatnonzero(battery.eclipse_satellite == s)
        begin, finish = battery.eclipse_start_s[dark], battery.eclipse_end_s[dark]
        at = _divided(np.unique(np.concatenate(([0.0, problem.horizon_s], begin, finish))))
        middle = (at[:-1] + at[1:]) / 2
        shaded = (middle[:, None] > begin) & (middle[:, None] < finish)
        watts = battery.solar_w[s] * ~shaded.any(axis=1) - battery.load_w[s]
        gain = watts * np.diff(at)
        row_of = np.empty(len(gain), dtype=np.int64)
        mine = [] if contacts is None else np.flatnonzero(contacts.satellite == s).tolist()
        held: int | None = None
        for k in range(len(gain)):
            now = rows.variable(s, float(battery.floor_j[s]) / size, 1.0)
            rows.charges.append(now)
            first = float(battery.initial_j[s]) if held is None else 0.0
            terms = [(now, 1.0)] + ([] if held is None else [(held, -1.0)])
            if contacts is not None:
                for c in mine:
                    lasting = min(contacts.end_s[c], at[k + 1]) - max(contacts.start_s[c], at[k])
                    if lasting > 0:
                        terms.append((int(use[c]), float(battery.transmit_w[s] * lasting) / size))
            row_of[k] = rows.row(terms, (first + float(gain[k])) / size)
            held = now
        own = slice(offsets[s], offsets[s + 1])
        start, end = problem.start_s[own], problem.end_s[own]
        nodes = np.arange(own.start, own.stop)
        low = np.searchsorted(at, start, side="right") - 1
        high = np.searchsorted(at, end, side="left") - 1
        per_s = problem.energy_j[own] / (end - start) / size
        for step in range(int((high - low).max(initial=0)) + 1):
            inside = low + step <= high
            which = (low + step)[inside]
            lasting = np.minimum(end[inside], at[which + 1]) - np.maximum(start[inside], at[which])
            rows.on_nodes(row_of[which], nodes[inside], per_s[inside] * lasting)


def _divided(at: FloatArray) -> FloatArray:
    """Instants (sorted), with others evenly between where there are few."""
    if len(at) > _CHECKPOINTS:
        return at
    span = (at[-1] - at[0]) / _CHECKPOINTS
    parts = [
        np.linspace(a, b, int(np.ceil((b - a) / span)), endpoint=False) for a, b in pairwise(at) if b > a
    ]
    return np.concatenate((*parts, at[-1:]))
