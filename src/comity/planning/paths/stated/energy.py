"""Batteries as rows that hold for every plan: charge at checkpoints, loads at their least.

Between checkpoints the charge may dip lower, and the turns before acquisitions count only with settling;
the exact trace decides about a plan (:class:`comity.planning.baseline.charge.Charge`).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths.stated.nodes import Nodes
from comity.planning.paths.stated.rows import Rows
from comity.planning.paths.stated.sending import Piece
from comity.planning.problem import Battery, PlanningProblem

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Checkpoints beside the edges of sunlight at least every so many seconds.
_STEP_S = 1200.0


def add_energy(problem: PlanningProblem, nodes: Nodes, rows: Rows, pieces: dict[str, list[Piece]]) -> None:
    """Rows of every battery."""
    for k, satellite in enumerate(problem.satellites):
        if satellite.battery is not None:
            own = np.flatnonzero(nodes.satellite == k)
            settle = 0.0 if satellite.slew is None else satellite.slew.settle_s
            _battery(problem, satellite.battery, settle, nodes, rows, own, k, pieces.get(satellite.id, []))


def _battery(
    problem: PlanningProblem,
    battery: Battery,
    settle_s: float,
    nodes: Nodes,
    rows: Rows,
    own: IntArray,
    satellite: int,
    pieces: list[Piece],
) -> None:
    size, horizon = battery.capacity_j, problem.horizon_s
    if size <= 0:
        return
    lit = np.array(sorted(battery.sunlit), dtype=np.float64).reshape(-1, 2).clip(0.0, horizon)
    edges = np.unique(np.concatenate(([0.0, horizon], lit.ravel())))
    at = np.unique(
        np.concatenate(
            [np.linspace(a, b, int(np.ceil((b - a) / _STEP_S)) + 1) for a, b in itertools.pairwise(edges)]
        )
    )
    middle = (at[:-1] + at[1:]) / 2
    sunny = ((middle[:, None] >= lit[:, 0]) & (middle[:, None] < lit[:, 1])).any(axis=1)
    gained = (battery.charge_w * sunny - battery.idle_w) * np.diff(at)
    # Midpoints of pieces may count the Sun up to half a piece longer on either side of an edge, and a turn
    # up to half a piece shorter.
    blur = 0.0 if battery.sample_step_s is None else battery.sample_step_s / 2
    turned = np.isin(at, edges)
    gained += blur * battery.charge_w * (1.0 * turned[:-1] + turned[1:])
    own_power = np.array(
        [battery.imaging_w if o.power_w is None else o.power_w for o in problem.opportunities], np.float64
    )
    watts = own_power[nodes.opportunity[own]]
    pointed = nodes.pointed[own]
    exact = nodes.late_s[own] <= nodes.start_s[own]
    held: int | None = None
    start, end = nodes.start_s[own], nodes.end_s[own]
    latest = nodes.late_s[own]
    settling = np.where(pointed & (settle_s > blur), settle_s - blur, 0.0)
    total = watts * (end - start) + battery.slew_w * settling
    for j in range(len(at) - 1):
        a, b = at[j], at[j + 1]
        # Everything that is over by b counts from its beginning on; a load across b counts in part.
        seconds = np.clip(np.minimum(end, b) - np.maximum(start, a), 0.0, None)
        turning = np.clip(np.minimum(start, b) - np.maximum(start - settling, a), 0.0, None)
        use = watts * seconds + battery.slew_w * turning
        # A bucket counts only where all of it lies within: earlier or later, a full battery may hide it.
        latest_end = end + (latest - start)
        use = np.where(exact, use, np.where((start - settling >= a) & (latest_end <= b), total, 0.0))
        here = use > 0
        now = rows.variable(battery.least_j / size - 1e-9, 1.0, satellite=satellite, charge=True)
        terms = [(now, 1.0)] + ([] if held is None else [(held, -1.0)])
        for p in pieces:
            lasting = min(p.end_s, b) - max(p.start_s, a)
            if lasting > 0 and battery.sending_w > 0:
                # Sending may fall into the part of the piece that lies elsewhere.
                whole = p.end_s - p.start_s
                if lasting >= whole - 1e-9:
                    terms.append((p.column, battery.sending_w * whole / size))
        first = battery.initial_j / size if held is None else 0.0
        rows.row(own[here], use[here] / size, terms, first + float(gained[j]) / size)
        held = now
