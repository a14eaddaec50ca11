"""Reflectance of ground covers in an imager's bands.

Values are typical of published spectral libraries (USGS splib07, ECOSTRESS) read at round wavelengths
and rounded; they are there to make a simulated image plausible, not to calibrate anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError


@dataclass(frozen=True, slots=True)
class Band:
    """A band by its STAC ``eo`` common name: centre and full width at half maximum, µm.

    ``common``: whether STAC knows the name; its list has none for the middle infrared.
    """

    name: str
    centre_um: float
    width_um: float
    common: bool = True

    @property
    def thermal(self) -> bool:
        """Whether it sees emitted rather than reflected light."""
        return self.centre_um > 3.0


#: Common names of STAC eo v1.1.0 with nominal centre and width.
BANDS = {
    band.name: band
    for band in (
        Band("coastal", 0.443, 0.03),
        Band("blue", 0.485, 0.07),
        Band("green", 0.56, 0.08),
        Band("yellow", 0.60, 0.04),
        Band("red", 0.66, 0.06),
        Band("rededge", 0.72, 0.04),
        Band("pan", 0.68, 0.40),
        Band("nir", 0.84, 0.13),
        Band("nir08", 0.865, 0.03),
        Band("nir09", 0.945, 0.02),
        Band("cirrus", 1.375, 0.03),
        Band("swir16", 1.61, 0.10),
        Band("swir22", 2.20, 0.18),
        Band("mwir", 3.75, 0.6, common=False),
        Band("lwir", 11.0, 2.0),
        Band("lwir11", 10.8, 1.0),
        Band("lwir12", 12.0, 1.0),
    )
}

_WAVELENGTHS_UM = np.array([0.443, 0.49, 0.56, 0.665, 0.72, 0.84, 0.94, 1.61, 2.20])

_COVERS: dict[str, tuple[float, ...]] = {
    "sand": (0.13, 0.18, 0.27, 0.38, 0.41, 0.45, 0.47, 0.55, 0.50),
    "gravel": (0.10, 0.13, 0.18, 0.24, 0.26, 0.29, 0.31, 0.36, 0.32),
    "rock": (0.10, 0.115, 0.135, 0.155, 0.165, 0.18, 0.19, 0.22, 0.20),
    "basalt": (0.055, 0.062, 0.073, 0.088, 0.094, 0.105, 0.11, 0.125, 0.115),
    "red soil": (0.045, 0.06, 0.10, 0.20, 0.24, 0.29, 0.31, 0.36, 0.31),
    "brown soil": (0.05, 0.065, 0.095, 0.14, 0.17, 0.22, 0.24, 0.30, 0.25),
    "salt": (0.42, 0.48, 0.55, 0.59, 0.60, 0.60, 0.58, 0.36, 0.20),
    "dry grass": (0.05, 0.07, 0.11, 0.16, 0.20, 0.29, 0.31, 0.33, 0.25),
    "grass": (0.03, 0.042, 0.085, 0.06, 0.19, 0.40, 0.41, 0.23, 0.11),
    "broadleaf": (0.018, 0.024, 0.056, 0.028, 0.14, 0.34, 0.35, 0.16, 0.065),
    "conifer": (0.014, 0.018, 0.038, 0.022, 0.085, 0.20, 0.21, 0.095, 0.042),
    "crop": (0.03, 0.042, 0.092, 0.048, 0.21, 0.47, 0.48, 0.22, 0.10),
    "stubble": (0.065, 0.09, 0.14, 0.20, 0.24, 0.31, 0.33, 0.36, 0.27),
    "roofs": (0.135, 0.148, 0.165, 0.182, 0.19, 0.21, 0.22, 0.25, 0.24),
    "asphalt": (0.075, 0.085, 0.095, 0.105, 0.11, 0.125, 0.13, 0.15, 0.15),
    "snow": (0.90, 0.90, 0.89, 0.86, 0.84, 0.79, 0.74, 0.10, 0.08),
    "deep water": (0.030, 0.026, 0.013, 0.004, 0.002, 0.001, 0.001, 0.0005, 0.0003),
    "shallow water": (0.08, 0.12, 0.15, 0.06, 0.025, 0.010, 0.006, 0.001, 0.0005),
    "turbid water": (0.045, 0.065, 0.10, 0.08, 0.05, 0.025, 0.012, 0.002, 0.001),
    "cloud": (0.80, 0.80, 0.79, 0.79, 0.79, 0.79, 0.75, 0.62, 0.48),
    "air": (0.085, 0.062, 0.036, 0.017, 0.012, 0.006, 0.004, 0.0006, 0.0002),
}

#: Row of each cover in the table :func:`reflectance_table` makes.
COVERS = {name: row for row, name in enumerate(_COVERS)}


def bands_of(names: Sequence[str]) -> tuple[Band, ...]:
    """The bands with these common names; unknown, missing or doubled ones raise :class:`InputError`."""
    if not names:
        raise InputError("no bands: an image needs at least one")
    for name in names:
        if name not in BANDS:
            raise InputError(f"unknown band {name!r}: use STAC eo common names ({', '.join(BANDS)})")
    if len(set(names)) != len(names):
        raise InputError(f"bands {', '.join(names)}: one is named twice")
    return tuple(BANDS[name] for name in names)


def reflectance_table(bands: Sequence[Band]) -> NDArray[np.float32]:
    """(covers, bands) reflectance 0…1, rows as in ``COVERS``; thermal bands read as shortwave red.

    A band's value is the mean over its width. Row "air" is the path radiance of a clear sky with the
    Sun overhead, as reflectance.
    """
    table = np.zeros((len(_COVERS), len(bands)), np.float32)
    for column, band in enumerate(bands):
        centre, width = (0.66, 0.06) if band.thermal else (band.centre_um, band.width_um)
        at = np.linspace(centre - width / 2, centre + width / 2, 9)
        for row, values in enumerate(_COVERS.values()):
            table[row, column] = np.interp(at, _WAVELENGTHS_UM, values).mean()
    return table
