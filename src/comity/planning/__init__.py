"""Requests, windows and resources in; a plan with a proven bound out."""

from comity.planning.checker import Violation, check
from comity.planning.cpsat import CpSatSolver
from comity.planning.greedy import GreedySolver
from comity.planning.model import (
    Bound,
    Contact,
    Opportunity,
    PlannedAcquisition,
    PlannedDownlink,
    Problem,
    Reason,
    ReasonCode,
    Solution,
    SpacecraftLimits,
    Task,
)
from comity.planning.reasons import explain, explain_all
from comity.planning.solver import Solver, Stop
from comity.planning.validation import validate

__all__ = [
    "Bound",
    "Contact",
    "CpSatSolver",
    "GreedySolver",
    "Opportunity",
    "PlannedAcquisition",
    "PlannedDownlink",
    "Problem",
    "Reason",
    "ReasonCode",
    "Solution",
    "Solver",
    "SpacecraftLimits",
    "Stop",
    "Task",
    "Violation",
    "check",
    "explain",
    "explain_all",
    "validate",
]
