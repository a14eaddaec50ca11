"""A plan as the compiled search holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths.insertion import kernels
from comity.planning.paths.problem import Contacts, FloatArray, IntArray, PathProblem
from comity.planning.paths.simulate import Sending


def _ranges(holder: IntArray, count: int) -> tuple[IntArray, IntArray]:
    order = np.argsort(holder, kind="stable")
    return np.searchsorted(holder[order], np.arange(count + 1)).astype(np.int64), order.astype(np.int64)


def antenna_rows(problem: PathProblem) -> tuple[IntArray, IntArray, int]:
    """The sets of contacts that meet at an antenna, as CSR by contact, and how many sets there are."""
    contacts = problem.contacts
    if contacts is None:
        return np.zeros(1, np.int64), np.zeros(0, np.int64), 0
    who: list[int] = []
    row: list[int] = []
    rows = 0
    for antenna in np.unique(contacts.antenna):
        own = np.flatnonzero(contacts.antenna == antenna)
        own = own[np.lexsort((contacts.end_s[own], contacts.start_s[own]))]
        starts = contacts.start_s[own]
        for at in np.unique(starts):
            # Those open just after this instant; a set inside another one costs little.
            open_now = own[(starts <= at) & (contacts.end_s[own] > at)]
            who += open_now.tolist()
            row += [rows] * len(open_now)
            rows += 1
    at_contact, order = _ranges(np.array(who, dtype=np.int64), len(contacts))
    return at_contact, np.array(row, dtype=np.int64)[order], rows


def facts(problem: PathProblem) -> tuple[kernels.Facts, int]:
    """What the compiled search must know of ``problem``; and how many antenna rows there are."""
    n_s = problem.satellites
    store, contacts, battery = problem.store, problem.contacts, problem.battery
    many = 1e300
    columns: list[tuple[IntArray, FloatArray, IntArray, IntArray]] = []
    everyone = np.arange(n_s)
    columns.append((everyone, np.full(n_s, problem.horizon_s), np.full(n_s, 3), np.full(n_s, -1)))
    if contacts is not None:
        each = np.arange(len(contacts))
        columns.append((contacts.satellite, contacts.end_s, 0 * each, each))
        columns.append((contacts.satellite, contacts.start_s, 0 * each + 2, each))
    if battery is not None:
        e = len(battery.eclipse_satellite)
        for edges in (battery.eclipse_start_s, battery.eclipse_end_s):
            inside = edges < problem.horizon_s
            columns.append((battery.eclipse_satellite[inside], edges[inside], np.ones(e, np.int64)[inside],
                            np.full(e, -1)[inside]))  # fmt: skip
    who, at, kind, which = (np.concatenate(c) for c in zip(*columns, strict=True))
    order = np.lexsort((which, kind, at, who))
    who, at, kind, which = who[order], at[order].astype(np.float64), kind[order], which[order]
    event_at = np.searchsorted(who, np.arange(n_s + 1)).astype(np.int64)
    net = np.zeros(len(at))
    if battery is not None:
        for s in range(n_s):
            own = slice(event_at[s], event_at[s + 1])
            before = np.concatenate(([0.0], at[own][:-1]))
            middle = (before + at[own]) / 2
            dark = battery.eclipse_satellite == s
            begin, finish = battery.eclipse_start_s[dark], battery.eclipse_end_s[dark]
            shaded = ((middle[:, None] > begin) & (middle[:, None] < finish)).any(axis=1)
            net[own] = battery.solar_w[s] * ~shaded - battery.load_w[s]
    line_at, line, rows = antenna_rows(problem)
    contact_at, contact_of = _ranges(np.zeros(0, np.int64) if contacts is None else contacts.satellite, n_s)
    if contacts is not None:
        contact_of = np.lexsort((contacts.start_s, contacts.satellite)).astype(np.int64)
    agility = problem.agility
    full = np.full(n_s, many)
    zero = np.zeros(n_s)
    made = kernels.Facts(
        satellite=problem.satellite.astype(np.int64),
        request=problem.request.astype(np.int64),
        start=np.ascontiguousarray(problem.start_s),
        end=np.ascontiguousarray(problem.end_s),
        bits=np.ascontiguousarray(problem.bits),
        power=problem.energy_j / (problem.end_s - problem.start_s),
        drain=np.ascontiguousarray(problem.energy_j),
        first=np.ascontiguousarray(problem.first),
        last=np.ascontiguousarray(problem.last),
        rate=agility.rate_rad_s.astype(np.float64),
        acceleration=agility.acceleration_rad_s2.astype(np.float64),
        settle=agility.settle_s.astype(np.float64),
        size=full if store is None else store.capacity_bits.astype(np.float64),
        stored=zero if store is None else store.initial_bits.astype(np.float64),
        deliver=store is not None and store.deliver,
        capacity=full if battery is None else battery.capacity_j.astype(np.float64),
        floor=-full if battery is None else battery.floor_j.astype(np.float64),
        charge=zero if battery is None else battery.initial_j.astype(np.float64),
        transmit=zero if battery is None else battery.transmit_w.astype(np.float64),
        event_at=event_at,
        event_s=at,
        kind=kind.astype(np.int64),
        contact=which.astype(np.int64),
        net=net,
        contact_at=contact_at,
        contact_of=contact_of,
        contact_start=np.zeros(0) if contacts is None else np.ascontiguousarray(contacts.start_s),
        contact_end=np.zeros(0) if contacts is None else np.ascontiguousarray(contacts.end_s),
        carries=np.zeros(0) if contacts is None else contacts.bits.astype(np.float64),
        whole=contacts is not None and not contacts.shared,
        line_at=line_at,
        line=line,
        twin=_twins(contacts, line_at, line),
    )
    return made, rows


def _twins(contacts: Contacts | None, line_at: IntArray, line: IntArray) -> NDArray[np.bool_]:
    if contacts is None:
        return np.zeros(0, np.bool_)
    who = np.repeat(np.arange(len(contacts)), np.diff(line_at))
    pairs = np.stack((contacts.satellite[who], line), axis=1)
    _, place, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    found = np.zeros(len(contacts), np.bool_)
    found[who[count[place.ravel()] > 1]] = True
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Nodes that may come in, and the same by request (CSR)."""

    nodes: IntArray
    at: IntArray
    by_request: IntArray


class InsertionPlan:
    """A plan that is changed by putting nodes in; it holds at every moment."""

    def __init__(self, problem: PathProblem, value: FloatArray | None = None) -> None:
        self.problem = problem
        self.value_of = np.ascontiguousarray(problem.value if value is None else value)
        self.facts, rows = facts(problem)
        shortest = float((problem.end_s - problem.start_s).min(initial=problem.horizon_s))
        most = int(problem.horizon_s / (shortest + float(problem.agility.settle_s.min(initial=0.0)))) + 2
        longest = int(np.diff(problem.offsets).max(initial=0))
        room = min(most, longest, problem.requests) + 4
        c = 0 if problem.contacts is None else len(problem.contacts)
        self.state = kernels.State(
            order=np.full((problem.satellites, room), -1, np.int64),
            count=np.zeros(problem.satellites, np.int64),
            owner=np.full(problem.requests, -1, np.int64),
            reserve=np.ones(c),
            used=np.zeros(c),
            sent=np.zeros(c),
            load=np.zeros(rows),
            frozen=np.zeros(len(problem), np.bool_),
        )
        s = problem.satellites
        self.journal = kernels.Journal(
            number=np.zeros(3, np.int64),
            stamp=np.full(s, -1, np.int64),
            touched=np.zeros(s, np.int64),
            order=np.zeros((s, room), np.int64),
            length=np.zeros(s, np.int64),
            used=np.zeros(c),
            sent=np.zeros(c),
            request=np.zeros(8 * room + 64, np.int64),
            owner=np.zeros(8 * room + 64, np.int64),
        )
        self.desk = kernels.Desk(
            nodes=np.zeros(room, np.int64),
            most=np.zeros(c),
            used=np.zeros(c),
            sent=np.zeros(c),
            fault=np.zeros(1),
            price=np.zeros(c),
            queue=np.zeros(c, np.int64),
            meant=np.zeros(c),
            stored=np.zeros(c),
        )

    def keep(self) -> tuple[FloatArray | IntArray, ...]:
        """A copy of the plan, for :meth:`restore`."""
        return tuple(array.copy() for array in self.state[:-1])

    def restore(self, kept: tuple[FloatArray | IntArray, ...]) -> None:
        """The plan as it was when it was kept (of this or of another search of the same problem)."""
        for array, old in zip(self.state[:-1], kept, strict=True):
            array[:] = old

    def price(self, contacts: FloatArray) -> None:
        """What the whole of each contact (c,) is worth from now on: the cheapest are used first."""
        self.desk.price[:] = contacts / np.maximum(self.facts.carries, 1e-300)

    def candidates(self, which: IntArray) -> Candidates:
        """``which`` nodes, in this order within a request."""
        at, order = _ranges(self.problem.request[which], self.problem.requests)
        return Candidates(which.astype(np.int64), at, which[order].astype(np.int64))

    def fill(self, nodes: IntArray) -> int:
        """Put in ``nodes``, in this order, where nothing stands against it; how many."""
        return int(kernels.fill(self.facts, self.state, self.desk, nodes.astype(np.int64)))

    def anneal(self, candidates: Candidates, moves: int, hot: float, cold: float, seed: int) -> float:
        """``moves`` random changes; what the plan gains (which may be less than nothing)."""
        return float(
            kernels.anneal(
                self.facts, self.state, self.desk, self.value_of, candidates.nodes, candidates.at,
                candidates.by_request, moves, hot, cold, seed,
            )
        )  # fmt: skip

    def rethread(
        self,
        candidates: Candidates,
        price: FloatArray,
        cost: FloatArray,
        moves: int,
        hot: float,
        cold: float,
        span: float,
        seed: int,
    ) -> float:
        """``moves`` times a satellite's path over ``span`` (s) laid anew; what the plan gains.

        ``price`` (r,), ``cost`` (n,): what requests, and the resources that nodes take, are worth.
        """
        chosen = np.sort(candidates.nodes)
        by_satellite = np.searchsorted(self.problem.satellite[chosen], np.arange(self.problem.satellites + 1))
        return float(
            kernels.rethread(
                self.facts,
                self.state,
                self.desk,
                self.journal,
                self.value_of,
                price,
                cost,
                chosen,
                by_satellite,
                candidates.at,
                candidates.by_request,
                moves,
                hot,
                cold,
                span,
                seed,
            )
        )

    def adopt(self, group: IntArray, nodes: IntArray, use: FloatArray) -> bool:
        """The satellites of ``group`` get ``nodes`` (sorted) and ``use`` (c,) as reserve, if that holds."""
        state, part = self.state, np.sort(group).astype(np.int64)
        rows = (state.order[part].copy(), state.count[part].copy())
        kept = [a.copy() for a in (state.owner, state.reserve, state.used, state.sent, state.load)]
        state.reserve[:] = use
        at = np.searchsorted(self.problem.satellite[nodes], part)
        at = np.append(at, np.searchsorted(self.problem.satellite[nodes], part[-1:], side="right"))
        if kernels.adopt(self.facts, state, self.desk, part, at.astype(np.int64), nodes.astype(np.int64)) < 0:
            return True
        state.order[part], state.count[part] = rows
        for array, old in zip(
            (state.owner, state.reserve, state.used, state.sent, state.load), kept, strict=True
        ):
            array[:] = old
        return False

    @property
    def nodes(self) -> IntArray:
        """What is taken, sorted."""
        return np.sort(self.state.owner[self.state.owner >= 0])

    @property
    def value(self) -> float:
        """What the plan is worth."""
        return float(self.value_of[self.nodes].sum())

    def sendings(self) -> list[Sending]:
        """How the contacts are used."""
        sent, used = self.state.sent, self.state.used
        return [
            Sending(contact=c, bits=float(sent[c]), share=float(used[c]))
            for c in np.flatnonzero(sent > 0.0).tolist()
        ]
