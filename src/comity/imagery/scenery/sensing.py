"""From the ground to counts: cloud shadow, clouds, the air's own light, the digitiser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.scenery.sky import CloudCover
from comity.imagery.scenery.spectra import COVERS, Band

Array = NDArray[np.float32]
F = np.float32

#: What one count is worth: reflectance, and kelvin in thermal bands.
REFLECTANCE_SCALE = 1e-4
THERMAL_SCALE = 0.01
#: Step of the simulated digitiser, counts (10 bits over 1.2 of reflectance).
DIGIT = 12
#: The air's light is lost and gained in about this proportion (Rayleigh, nadir, mid-latitude aerosol).
_LOSS = 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Elevation and azimuth of the Sun (degrees, from true north), incidence angle of the view."""

    sun_elevation_deg: float
    sun_azimuth_deg: float
    incidence_deg: float


def sensed(
    image: Array,
    warmth: Array,
    bands: Sequence[Band],
    table: Array,
    light: Light,
    clouds: CloudCover | None,
    first: int,
) -> NDArray[np.uint16]:
    """Counts (bands, rows, cols), none 0, of lit ground seen through air and clouds.

    ``image``: reflectance × illumination at the ground (bands, rows, cols), used up. ``warmth``:
    temperature (rows, cols) K. ``table``: :func:`spectra.reflectance_table`. ``first``: image row the
    block starts at.
    """
    rows, cols = warmth.shape
    sun = math.sin(math.radians(max(light.sun_elevation_deg, 8.0)))
    view = math.cos(math.radians(min(light.incidence_deg, 75.0)))
    air = table[COVERS["air"]] * F(0.5 / sun + 0.5 / view)
    # Dusk: from 3° above the horizon to 6° below it the light goes.
    day = F(min(1.0, max(0.0, (light.sun_elevation_deg + 6.0) / 9.0)))
    opacity: Array | None = None
    bright: Array | None = None
    if clouds is not None:
        image *= F(0.2) + F(0.8) * clouds.shade(first, rows, cols)
        opacity, bright = clouds.opacity(first, rows, cols)
    counts = np.empty(image.shape, np.uint16)
    for number, band in enumerate(bands):
        value: Array
        if band.thermal:
            value = warmth
            if opacity is not None and bright is not None:
                value = value + (F(262.0) - F(24.0) * bright - value) * opacity
            value = value * F(1.0 / THERMAL_SCALE)
        else:
            value = image[number] * ((F(1.0) - F(_LOSS) * air[number]) * day) + air[number] * day
            if opacity is not None and bright is not None:
                value += (table[COVERS["cloud"], number] * bright * day - value) * opacity
            value *= F(1.0 / REFLECTANCE_SCALE)
        counts[number] = np.clip(np.rint(value * F(1.0 / DIGIT)) * F(DIGIT), DIGIT, 65_000)
    return counts
