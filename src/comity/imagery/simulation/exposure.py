"""Light at the camera: what each detector of a block of rows receives from ground, air and clouds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from comity.core import InputError
from comity.imagery.geometry.model import SensorModel
from comity.imagery.processing.atmosphere import Air, BandAir, Look, band_air, rayleigh_depth
from comity.imagery.scenery.spectra import Band
from comity.imagery.simulation import kernels
from comity.imagery.simulation.ground import LIGHT_STEP, REFLECTANCE_STEP, Ground, Sky
from comity.imagery.simulation.views import Directions

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
F = np.float32

#: Pixels from one exact line of sight to the next, along rows and columns; linear between.
_STEPS = (8, 16)
#: Reflectance of a cloud of full brightness.
_CLOUD = 0.80


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """The atmosphere in one band, and the part (0…1) of the Sun's light on the ground that comes straight."""

    air: BandAir
    straight: float


def veils(bands: Sequence[Band], air: Air, look: Directions) -> tuple[Veil, ...]:
    """The atmosphere in each band. Raises :class:`InputError` for a low Sun or bands beyond 0.40…1.06 µm."""
    sun = 90.0 - look.sun_elevation_deg
    azimuth = (look.view_azimuth_deg - look.sun_azimuth_deg + 180.0) % 360.0 - 180.0
    seen = Look(sun_zenith_deg=sun, view_zenith_deg=min(look.view_zenith_deg, 74.0), azimuth_deg=abs(azimuth))
    found = []
    for band in bands:
        within = band_air(band.centre_um, band.width_um, air, seen)
        # Ångström's law, exponent 1.2, for how much of the light the aerosol takes out of the straight line.
        depth = rayleigh_depth(band.centre_um, air.pressure) + air.aot550 * (band.centre_um / 0.55) ** -1.2
        straight = math.exp(-depth / math.cos(math.radians(sun))) / within.scattered.down
        found.append(Veil(air=within, straight=min(straight, 1.0)))
    return tuple(found)


class Exposure:
    """Reflectance at the top of the atmosphere as one band of a camera sees it.

    ``model``: the band's geometry. ``band``: its number in ``ground``. ``taps``: the point spread function
    (:meth:`~comity.imagery.simulation.radiometer.Radiometer.taps`).
    """

    def __init__(
        self, model: SensorModel, band: int, ground: Ground, sky: Sky | None, veil: Veil, taps: Array
    ) -> None:
        self._model = model
        self._band = band
        self._ground = ground
        self._sky = sky
        self._veil = veil
        self._taps = taps
        self._margin = (len(taps) - 2) // 4
        room = 1.0 + 0.01 * (ground.highest - ground.lowest)
        low, high = ground.lowest - room, ground.highest + room
        self._levels = np.array([low, 0.5 * (low + high), high])
        self._there = Transformer.from_crs(4326, ground.grid.epsg, always_xy=True)

    def rows(self, first: int, last: int) -> Array:
        """Reflectance (rows, columns) of rows ``first`` … ``last`` − 1."""
        columns = self._model.shape[1]
        fine = (2 * (last - first + 2 * self._margin), 2 * (columns + 2 * self._margin))
        # Fine samples stand a quarter of a pixel off the centres.
        row0, column0 = first - self._margin - 0.25, -self._margin - 0.25
        steps = (2 * _STEPS[0], 2 * _STEPS[1])
        at_row = row0 + 0.5 * steps[0] * np.arange(math.ceil(fine[0] / steps[0]) + 1)
        at_column = column0 + 0.5 * steps[1] * np.arange(math.ceil(fine[1] / steps[1]) + 1)
        grid = np.meshgrid(at_column, at_row)
        x, y = self._map(grid[0][None], grid[1][None], self._levels[:, None, None])
        ground = self._ground
        span = self._levels[2] - self._levels[0]
        tilt = float(np.hypot(x[2] - x[0], y[2] - y[0]).max() / span)
        limits = (ground.lowest, ground.highest)
        column, row, _ = kernels.meet_relief(
            x, y, self._levels, steps, fine, ground.height, limits, tilt, ground.steep
        )
        image: Array = kernels.sample(ground.reflectance[self._band], REFLECTANCE_STEP, column, row)
        direct = kernels.sample(ground.direct, LIGHT_STEP, column, row)
        around = kernels.sample(ground.sky_part, LIGHT_STEP, column, row)
        sky = self._sky
        if sky is not None:
            direct *= kernels.sample(sky.shade, 1.0, *self._under(sky, column, row))
        self._through_air(image, direct, around)
        if sky is not None:
            x, y = self._map(grid[0], grid[1], np.array(sky.height_m))
            column, row = (kernels.expand(one, steps, fine) for one in (x, y))
            place = self._under(sky, column, row)
            opacity = kernels.sample(sky.opacity, 1.0, *place)
            image += (kernels.sample(sky.bright, _CLOUD, *place) - image) * opacity
        found: Array = kernels.blur_and_halve(image, self._taps)
        return found

    def _map(self, column: Floats, row: Floats, height: Floats) -> tuple[Floats, Floats]:
        """Where lines of sight pass a height, in pixels of the ground's grid."""
        column, row, height = np.broadcast_arrays(column, row, height)
        lon, lat = self._model.locate(column, row, height)
        x, y = self._there.transform(lon, lat)
        found = self._ground.pixels(np.asarray(x), np.asarray(y))
        if not np.isfinite(found[0]).all():
            raise InputError(
                f"rows {row.min():.0f} … {row.max():.0f} do not look at the ground everywhere: "
                "orbit and attitude must reach a little beyond the image"
            )
        return found

    def _under(self, sky: Sky, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """From pixels of the ground's grid to those of the clouds'."""
        fine, coarse = self._ground.grid, sky.grid
        ratio = fine.pixel_m / coarse.pixel_m
        left = (fine.west - coarse.west) / coarse.pixel_m + 0.5 * ratio - 0.5
        top = (coarse.north - fine.north) / coarse.pixel_m + 0.5 * ratio - 0.5
        return column * ratio + left, row * ratio + top

    def _through_air(self, image: Array, direct: Array, around: Array) -> None:
        """From the ground's own reflectance to that at the top of the atmosphere, in place."""
        veil = self._veil
        within = veil.air.scattered
        light = F(veil.straight) * direct + F(1.0 - veil.straight) * around
        image *= light * F(within.down * within.up) / (F(1.0) - F(within.spherical) * image)
        image *= F(veil.air.gas * veil.air.water)
        image += F(veil.air.path)
