"""What an optical instrument can reach from an orbit: sampling, modulation, signal, noise, saturation."""

from comity.imagery.optics.budgets import Budget, budget, read_instrument
from comity.imagery.optics.ground_sampling import Sampling, ground_speed_m_s, line_time_s, sampling
from comity.imagery.optics.instrument import OpticalInstrument
from comity.imagery.optics.radiometry import Signal, electrons_per_radiance_s, signal, toa_radiance
from comity.imagery.optics.transfer import (
    Modulation,
    largest_defocus_m,
    modulation,
    optics_mtf,
    stages_kept_sharp,
    wavefront_factor,
)

__all__ = [
    "Budget",
    "Modulation",
    "OpticalInstrument",
    "Sampling",
    "Signal",
    "budget",
    "electrons_per_radiance_s",
    "ground_speed_m_s",
    "largest_defocus_m",
    "line_time_s",
    "modulation",
    "optics_mtf",
    "read_instrument",
    "sampling",
    "signal",
    "stages_kept_sharp",
    "toa_radiance",
    "wavefront_factor",
]
