"""A plain solver for the whole planning model: greedy insertion, local repair, CP-SAT where it fits."""

from comity.planning.baseline.solver import BaselineSolver, PlanSolver

__all__ = ["BaselineSolver", "PlanSolver"]
