"""Trade studies: constellations swept over planes, satellites, altitude, orbit, instrument; compared."""

from comity.access.tradespace.designs import MAX_DESIGNS, RELATIVE, Costs, Design, Imager, Objective, Study
from comity.access.tradespace.evaluate import Outcome, Tradespace, evaluate_design, explore
from comity.access.tradespace.pareto import pareto_front
from comity.access.tradespace.spec import EXAMPLE, load_study, study_from_text
from comity.access.tradespace.tables import check_study_output, journal, rows, write_tradespace

__all__ = [
    "EXAMPLE",
    "MAX_DESIGNS",
    "RELATIVE",
    "Costs",
    "Design",
    "Imager",
    "Objective",
    "Outcome",
    "Study",
    "Tradespace",
    "check_study_output",
    "evaluate_design",
    "explore",
    "journal",
    "load_study",
    "pareto_front",
    "rows",
    "study_from_text",
    "write_tradespace",
]
