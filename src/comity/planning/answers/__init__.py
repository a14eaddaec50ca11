"""What a planner asks of a plan, whoever made it: reasons, what if, rush orders, replanning, fairness."""

from comity.planning.answers.changes import (
    Addition,
    Change,
    Moved,
    changed,
    moves,
    problem_hash,
    read_addition,
)
from comity.planning.answers.fairness import (
    Alone,
    FairPlan,
    PartnerRow,
    alone_problem,
    alone_values,
    partner_rows,
    solve_fair,
    with_fairness,
)
from comity.planning.answers.obstacles import ReasonCode
from comity.planning.answers.reasons import Reason, Rival, reasons
from comity.planning.answers.replanning import replan, replanning_problem
from comity.planning.answers.rush import Rush, place_rush
from comity.planning.answers.whatif import WhatIf, what_if

__all__ = [
    "Addition",
    "Alone",
    "Change",
    "FairPlan",
    "Moved",
    "PartnerRow",
    "Reason",
    "ReasonCode",
    "Rival",
    "Rush",
    "WhatIf",
    "alone_problem",
    "alone_values",
    "changed",
    "moves",
    "partner_rows",
    "place_rush",
    "problem_hash",
    "read_addition",
    "reasons",
    "replan",
    "replanning_problem",
    "solve_fair",
    "what_if",
    "with_fairness",
]
