"""Choices that exclude one another and share capacities: plans proven best by tight packing rows."""

from comity.planning.conflicts.convert import beyond_conflicts, conflict_problem, plan_of_conflicts
from comity.planning.conflicts.solve import solve_conflicts
from comity.planning.conflicts.types import ConflictPlan, ConflictProblem, Knapsack, broken_rules, value_of

__all__ = [
    "ConflictPlan",
    "ConflictProblem",
    "Knapsack",
    "beyond_conflicts",
    "broken_rules",
    "conflict_problem",
    "plan_of_conflicts",
    "solve_conflicts",
    "value_of",
]
