"""Agile satellites at scale: each a longest path, coupled by requests, memory, energy and antennas."""

from comity.planning.paths.generate import generate, generate_problem, standard
from comity.planning.paths.problem import Agility, Battery, Contacts, PathProblem, Store
from comity.planning.paths.result import PathPlan
from comity.planning.paths.scene import Recipe
from comity.planning.paths.simulate import Sending, violations
from comity.planning.paths.solver import solve

__all__ = [
    "Agility",
    "Battery",
    "Contacts",
    "PathPlan",
    "PathProblem",
    "Recipe",
    "Sending",
    "Store",
    "generate",
    "generate_problem",
    "solve",
    "standard",
    "violations",
]
