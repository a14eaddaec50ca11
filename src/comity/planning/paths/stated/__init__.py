"""Planning problems as they are stated, brought to the paths' arrays or to one program, and back."""

from comity.planning.paths.stated.fleet import beyond_fleet
from comity.planning.paths.stated.fleet_solver import FleetSolver
from comity.planning.paths.stated.nodes import start_count
from comity.planning.paths.stated.ruled import RuledFleetSolver
from comity.planning.paths.stated.solver import ProgramSolver, beyond_program

__all__ = [
    "FleetSolver",
    "ProgramSolver",
    "RuledFleetSolver",
    "beyond_fleet",
    "beyond_program",
    "start_count",
]
