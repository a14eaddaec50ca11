r"""The planning problem as an integer programme.

Sets: opportunities o, point tasks T, groups g of an area's cells with the same opportunities, cliques Q
of opportunities that exclude each other, and of :mod:`comity.planning.flow` the segments with their runs
R_k and gaps, slots s, shares h. Data: d_o bits recorded, M memory, r_s bits per second and n_s seconds
of a slot, n_h seconds to share.

Variables: x_o ∈ {0,1} taken; y_gl ∈ {0,1} step l of the stairs of g is earned; b_s ≥ 0 bits sent in a
slot; m_k ≥ 0 bits on board after gap k.

    maximise    Σ_o v_o·q_o·x_o  (points)  +  Σ_g Σ_l w_gl·y_gl  (areas)

    Σ_{o ∈ T} x_o ≤ 1                                      one opportunity a point task
    Σ_{o ∈ Q} x_o ≤ 1                                      one thing at a time, turning included
    y_gl ≤ y_g,l−1 + Σ_{o ∈ O_gl} x_o                      a step needs someone to stand on it
    m_{k−1} + Σ_{o ∈ R_k} d_o·x_o ≤ M                      memory never overflows
    m_k ≥ m_{k−1} + Σ_{o ∈ R_k} d_o·x_o − Σ_{s ∈ k} b_s    what is not sent stays
    b_s + r_s·n_s·Σ_{o ∈ Q} x_o ≤ r_s·n_s                  no sending while imaging or settling
    Σ_{s ∈ h} b_s/r_s ≤ n_h                                one transmitter, so many antennas
    m_last = 0                                             all is sent in the end

Rounding to integers is always towards more room (recorded bits down, capacities up) and more worth, by
about 1e-9 a number, so that the bound holds for the problem as stated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ortools.sat.python import cp_model

from comity.planning.cliques import cliques_among, rival_cliques
from comity.planning.coverage import Step, cell_steps, sum_of_best
from comity.planning.downlink import Session
from comity.planning.flow import Flow, Segment
from comity.planning.instance import Instance
from comity.planning.selection import Selection
from comity.planning.solver import Deadline

#: Integers that stand for the whole worth, and for a spacecraft's whole memory.
WORTH_UNITS = 1e10
MEMORY_UNITS = 1e9
#: Least integer that stands for the time one unit of memory takes to send.
_TIME_UNITS = 1e6


class Formulation:
    """The CP-SAT model of an instance, with what is needed to give it a start and to read it.

    Raises :class:`comity.planning.solver.OutOfTimeError` when the ``deadline`` comes before it is whole.
    """

    def __init__(self, instance: Instance, flow: Flow, most_steps: int, deadline: Deadline) -> None:
        self.instance = instance
        self._deadline = deadline
        self.flow = flow
        self.model = cp_model.CpModel()
        self.exact = True  # unless stairs have to be rounded
        self.worth_unit = max(sum_of_best(instance), 1e-300) / WORTH_UNITS
        self._unit = {craft: _memory_unit(instance, craft) for craft in instance.limits}
        self.taken = [self.model.new_bool_var(f"x{k}") for k in range(len(instance.ops))]
        self._stairs: list[tuple[tuple[Step, ...], list[cp_model.IntVar]]] = []
        self._sent: list[cp_model.IntVar] = []
        self._levels: list[tuple[Segment, list[cp_model.IntVar], cp_model.IntVar | None]] = []
        self._add_exclusions()
        self._add_objective(most_steps)
        self._add_slots()
        for segment in flow.segments:
            self._add_segment(segment)
        self._add_shares()

    def _add_exclusions(self) -> None:
        for clique in rival_cliques(self.instance, self._deadline):
            self.model.add_at_most_one([self.taken[k] for k in clique])

    def _add_objective(self, most_steps: int) -> None:
        terms: list[cp_model.IntVar] = []
        worths: list[float] = []
        for k, o in enumerate(self.instance.ops):
            if o.cells is None:
                terms.append(self.taken[k])
                worths.append(self.instance.tasks[o.task].value * o.quality)
        stairs_of_groups, self.exact = _all_stairs(self.instance, most_steps)
        for stairs in stairs_of_groups:
            earned: list[cp_model.IntVar] = []
            for step in stairs:
                y = self.model.new_bool_var(f"y{len(terms)}")
                self.model.add_bool_or([self.taken[k] for k in step.ops] + earned[-1:] + [~y])
                earned.append(y)
                terms.append(y)
                worths.append(step.worth)
            self._stairs.append((stairs, earned))
        units = [math.ceil(w / self.worth_unit) for w in worths]
        self.model.maximize(cp_model.LinearExpr.weighted_sum(terms, units))

    def _capacity(self, k: int) -> int:
        """Units of memory that slot ``k`` can send."""
        slot = self.flow.slots[k]
        return math.ceil(slot.piece.rate_bps * slot.duration_s / self._unit[slot.craft])

    def _add_slots(self) -> None:
        for k, slot in enumerate(self.flow.slots):
            self._deadline.check()
            most = self._capacity(k)
            sent = self.model.new_int_var(0, most, f"b{k}")
            self._sent.append(sent)
            for clique in cliques_among(self.instance, slot.blockers):
                self.model.add(_sum([(1, sent), *((most, self.taken[o]) for o in clique)]) <= most)

    def _add_segment(self, segment: Segment) -> None:
        unit = self._unit[segment.craft]
        memory = math.ceil(self.instance.limits[segment.craft].memory_bits / unit)
        stored = math.floor(segment.stored_bits / unit)
        on_board = self.model.new_constant(stored)
        levels: list[cp_model.IntVar] = []
        for run, slots in segment.steps:
            self._deadline.check()
            full = [(1, on_board), *((self._units(o), self.taken[o]) for o in run)]
            if run:
                self.model.add(_sum(full) <= memory)
            on_board = self.model.new_int_var(0, memory, f"m{segment.craft}")
            left = [*full, *((-1, self._sent[k]) for k in slots)]
            self.model.add(_sum([*left, (-1, on_board)]) <= 0)
            levels.append(on_board)
        used = None
        if not segment.drained and stored:
            # What was stored must go only if something is recorded behind it.
            used = self.model.new_bool_var(f"u{segment.craft}")
            for o in (o for run, _ in segment.steps for o in run if self.instance.ops[o].bits > 0):
                self.model.add_implication(self.taken[o], used)
            self.model.add(on_board == 0).only_enforce_if(used)
        elif not segment.drained:
            self.model.add(on_board == 0)
        self._levels.append((segment, levels, used))

    def _units(self, o: int) -> int:
        """Units of memory that opportunity ``o`` records."""
        opportunity = self.instance.ops[o]
        return math.floor(opportunity.bits / self._unit[opportunity.spacecraft])

    def _add_shares(self) -> None:
        for share in self.flow.shares:
            slots = [self.flow.slots[k] for k in share.slots]
            # Seconds that one unit of memory takes to send.
            pace = [self._unit[slot.craft] / slot.piece.rate_bps for slot in slots]
            scale = _TIME_UNITS / min(pace)
            terms = [(math.floor(scale * p), self._sent[k]) for p, k in zip(pace, share.slots, strict=True)]
            self.model.add(_sum(terms) <= math.ceil(scale * share.capacity_s))

    def hint(self, start: Selection) -> None:
        """Start from ``start``."""
        for k, x in enumerate(self.taken):
            self.model.add_hint(x, k in start.taken)
        for stairs, earned in self._stairs:
            on = False
            for step, y in zip(stairs, earned, strict=True):
                on = on or not start.taken.isdisjoint(step.ops)
                self.model.add_hint(y, on)
        sent = self._sent_by(start.sessions())
        for k, b in enumerate(self._sent):
            self.model.add_hint(b, sent[k])
        for segment, levels, used in self._levels:
            unit = self._unit[segment.craft]
            level = math.floor(segment.stored_bits / unit)
            for (run, slots), m in zip(segment.steps, levels, strict=True):
                level += sum(self._units(o) for o in run if o in start.taken)
                level = max(0, level - sum(sent[k] for k in slots))
                self.model.add_hint(m, level)
            if used is not None:
                self.model.add_hint(used, any(o in start.taken for run, _ in segment.steps for o in run))

    def _sent_by(self, sessions: dict[str, tuple[Session, ...]]) -> list[int]:
        """Units that ``sessions`` send in each slot."""
        by_contact: dict[str, list[Session]] = {}
        for craft_sessions in sessions.values():
            for session in craft_sessions:
                by_contact.setdefault(session.contact, []).append(session)
        sent = []
        for k, slot in enumerate(self.flow.slots):
            seconds = 0.0
            for session in by_contact.get(slot.piece.contact, ()):
                shared = min(session.end_s, slot.piece.end_s) - max(session.start_s, slot.piece.start_s)
                seconds += max(0.0, shared)
            units = math.ceil(seconds * slot.piece.rate_bps / self._unit[slot.craft])
            sent.append(min(units, self._capacity(k)))
        return sent

    def chosen(self, values: Sequence[int]) -> set[int]:
        """Opportunities taken in a solution (``values`` by variable index)."""
        return {k for k, x in enumerate(self.taken) if values[x.index]}

    def sent_bits(self, values: Sequence[int]) -> list[float]:
        """Bits sent per slot in a solution."""
        return [
            values[b.index] * self._unit[slot.craft]
            for b, slot in zip(self._sent, self.flow.slots, strict=True)
        ]


def _sum(terms: Sequence[tuple[int, cp_model.IntVar]]) -> cp_model.LinearExprT:
    return cp_model.LinearExpr.weighted_sum([x for _, x in terms], [c for c, _ in terms])


def _memory_unit(instance: Instance, craft: str) -> float:
    limits = instance.limits[craft]
    recorded = sum(instance.ops[k].bits for k in instance.of_craft[craft])
    return max(min(limits.memory_bits, limits.stored_bits + recorded), 1e-300) / MEMORY_UNITS


def _all_stairs(instance: Instance, most_steps: int) -> tuple[list[tuple[Step, ...]], bool]:
    """Stairs of all areas, rounded up so far that there are about ``most_steps``; whether none had to be."""
    areas = [task for task in instance.of_task if instance.tasks[task].cells is not None]
    exact = [stairs for task in areas for stairs in cell_steps(instance, task, len(instance.ops))]
    most = max((len(stairs) for stairs in exact), default=0)
    if sum(len(stairs) for stairs in exact) <= most_steps or most <= 2:
        return exact, True
    while most > 2 and sum(min(most, len(stairs)) for stairs in exact) > most_steps:
        most = max(2, int(most * 0.9))
    return [stairs for task in areas for stairs in cell_steps(instance, task, most)], False
