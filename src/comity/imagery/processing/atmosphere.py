"""The clear atmosphere between a sensor and the ground, in the manner of 6S.

The signal at the top of the atmosphere over uniform Lambertian ground of reflectance ρ is (Vermote et
al., "Second Simulation of the Satellite Signal in the Solar Spectrum", IEEE TGRS 35(3), 1997)

    ρ_toa = T_gas [ρ_path T_water/2 + T_water ρ T↓ T↑ / (1 − S ρ)]

with gases above the scattering, half of the water vapour above the path's. Here Rayleigh and aerosol
scattering are solved by adding and doubling (:mod:`comity.imagery.processing.scattering`), not by 6S's
successive orders; gases follow Bird & Riordan, "Simple solar spectral model" (SERI/TR-215-2436, 1984),
not 6S's random-band model. Aerosols are mixtures of the components of the World Climate Programme
(WCP-112, 1986) by volume, their optics by Mie's theory, tabulated in ``data/atmosphere.npz``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.processing.scattering import Layer, Scattered, scatter, scattering_cosine

Floats = NDArray[np.float64]

#: Shares by volume of dust-like, water-soluble, oceanic and soot particles (WCP-112).
AEROSOLS: Mapping[str, tuple[float, float, float, float]] = {
    "continental": (0.70, 0.29, 0.0, 0.01),
    "maritime": (0.0, 0.05, 0.95, 0.0),
    "urban": (0.17, 0.61, 0.0, 0.22),
}
#: Heights over which molecules and aerosol thin out by e, km (6S).
_MOLECULES_KM = 8.0
_AEROSOL_KM = 2.0
#: Heights between homogeneous layers, km above the ground.
_LAYERS_KM = (60.0, 12.0, 6.0, 3.0, 1.5, 0.6, 0.0)
#: Depolarisation of air (Young 1980), which evens out Rayleigh's phase function a little.
_DEPOLARISATION = 0.0279
_GAS_ABOVE = 22.0 / 6370.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """The state of the atmosphere.

    ``aot550``: optical thickness of the aerosol at 0.55 µm. ``water_g_cm2``: precipitable water.
    ``ozone_cm_atm``: ozone column (0.3 is 300 Dobson units). ``altitude_m``: of the ground, from which the
    pressure follows (standard atmosphere).
    """

    aot550: float = 0.1
    aerosol: str = "continental"
    water_g_cm2: float = 2.0
    ozone_cm_atm: float = 0.30
    altitude_m: float = 0.0

    def __post_init__(self) -> None:
        if self.aerosol not in AEROSOLS:
            raise InputError(f"unknown aerosol {self.aerosol!r}: there are {', '.join(AEROSOLS)}")
        for name, most in (("aot550", 3.0), ("water_g_cm2", 10.0), ("ozone_cm_atm", 1.0)):
            value = getattr(self, name)
            if not 0.0 <= value <= most:
                raise InputError(f"{name} {value:g} is outside 0…{most:g}")
        if not -500.0 <= self.altitude_m <= 9000.0:
            raise InputError(f"altitude {self.altitude_m:g} m is outside −500…9000")

    @property
    def pressure(self) -> float:
        """Share of the sea-level pressure, standard atmosphere."""
        return float((1.0 - 2.25577e-5 * self.altitude_m) ** 5.25588)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Zenith angles of the Sun and of the sensor seen from the ground, azimuth between them, degrees."""

    sun_zenith_deg: float
    view_zenith_deg: float = 0.0
    azimuth_deg: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.sun_zenith_deg < 85.0:
            raise InputError(
                f"Sun {90 - self.sun_zenith_deg:g}° above the horizon: a plane atmosphere needs 5° or more"
            )
        if not 0.0 <= self.view_zenith_deg < 75.0:
            raise InputError(f"view zenith angle {self.view_zenith_deg:g}° is outside 0…75")


@dataclass(frozen=True, slots=True, kw_only=True)
class BandAir:
    """The atmosphere in one band: what turns reflectance at its top to that of the ground and back.

    ``scattered``: of molecules and aerosol. ``gas``: transmittance of gases other than water, both ways;
    ``water``: of water vapour, both ways; ``water_path``: of half of it, for the path.
    """

    scattered: Scattered
    gas: float
    water: float
    water_path: float

    @property
    def path(self) -> float:
        """Reflectance at the top over black ground."""
        return self.gas * self.water_path * self.scattered.path

    def to_surface(self, top: Floats) -> Floats:
        """Lambertian reflectance of the ground from that at the top."""
        s = self.scattered
        y = (top - self.path) / (self.gas * self.water * s.down * s.up)
        return np.asarray(y / (1.0 + s.spherical * y))

    def to_top(self, ground: Floats) -> Floats:
        """Reflectance at the top from that of the ground."""
        s = self.scattered
        lit = s.down * s.up * ground / (1.0 - s.spherical * ground)
        return np.asarray(self.path + self.gas * self.water * lit)


def band_air(centre_um: float, width_um: float, air: Air, look: Look) -> BandAir:
    """The atmosphere in a band with a flat response of ``width_um`` around ``centre_um``.

    Gases are averaged over the band by the solar spectrum; scattering is solved at up to three wavelengths
    in it. Bands between 0.40 and 1.06 µm; others raise :class:`InputError`.
    """
    low, high = centre_um - width_um / 2, centre_um + width_um / 2
    if low < 0.395 or high > 1.065 or not width_um >= 0.0:
        raise InputError(f"band {low:g}…{high:g} µm is outside 0.40…1.06 µm, for which aerosols are known")
    gas, water, water_path = _gases(low, high, air, look)
    count = 1 if width_um < 0.02 else 2 if width_um < 0.2 else 4
    nodes, weights = np.polynomial.legendre.leggauss(count)
    at = centre_um + width_um / 2 * nodes
    solar = np.interp(at, _tables()["gas_um"], _tables()["solar"]) * weights
    found = [_scattered(float(one), air, look) for one in at]

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=solar))

    return BandAir(
        scattered=Scattered(
            path=mean([one.path for one in found]),
            down=mean([one.down for one in found]),
            up=mean([one.up for one in found]),
            spherical=mean([one.spherical for one in found]),
        ),
        gas=gas,
        water=water,
        water_path=water_path,
    )


def rayleigh_depth(wavelength_um: float, pressure: float = 1.0) -> float:
    """Optical depth of the molecules (Hansen & Travis 1974, eq. 2.22), ``pressure`` of sea level's."""
    inverse = wavelength_um**-2
    return pressure * 0.008569 * inverse**2 * (1.0 + 0.0113 * inverse + 0.00013 * inverse**2)


def _scattered(wavelength_um: float, air: Air, look: Look) -> Scattered:
    sun = math.cos(math.radians(look.sun_zenith_deg))
    view = math.cos(math.radians(look.view_zenith_deg))
    azimuth = math.radians(look.azimuth_deg)
    cosine = scattering_cosine(sun, view, azimuth)
    molecules = rayleigh_depth(wavelength_um, air.pressure)
    share, albedo, moments, phase = _aerosol(air.aerosol, wavelength_um, cosine)
    aerosol = air.aot550 * share
    second = (1.0 - _DEPOLARISATION) / (1.0 + _DEPOLARISATION / 2.0)
    rayleigh = np.zeros_like(moments)
    rayleigh[0], rayleigh[2] = 1.0, 0.1 * second
    rayleigh_phase = 1.0 + 0.5 * second * (1.5 * cosine**2 - 0.5)
    layers = []
    for top, base in pairwise(_LAYERS_KM):
        ray = molecules * (math.exp(-base / _MOLECULES_KM) - math.exp(-top / _MOLECULES_KM))
        aer = aerosol * (math.exp(-base / _AEROSOL_KM) - math.exp(-top / _AEROSOL_KM))
        scattering = ray + albedo * aer
        layers.append(
            Layer(
                depth=ray + aer,
                albedo=scattering / (ray + aer),
                moments=(ray * rayleigh + albedo * aer * moments) / scattering,
                phase=(ray * rayleigh_phase + albedo * aer * phase) / scattering,
            )
        )
    return scatter(layers, sun, view, azimuth)


def _aerosol(model: str, wavelength_um: float, cosine: float) -> tuple[float, float, Floats, float]:
    """Extinction against 0.55 µm, single-scattering albedo, moments, phase function at an angle."""
    table = _tables()
    volumes = np.array(AEROSOLS[model])
    known = table["wavelength_um"]
    extinction = volumes @ table["extinction"]
    scattering = volumes[:, None] * table["scattering"]
    total = scattering.sum(axis=0)
    moments = np.einsum("cw,cwl->wl", scattering, table["moments"]) / total[:, None]
    phases = np.einsum("cw,cwa->wa", scattering, table["phase"]) / total[:, None]
    angle = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
    phase = np.array([np.interp(angle, table["angle_deg"], one) for one in phases])
    x, at = np.log(wavelength_um), np.log(known)

    def between(values: Floats) -> float:
        return float(np.interp(x, at, values))

    share = math.exp(between(np.log(extinction))) / float(np.interp(0.55, known, extinction))
    of_moments = np.array([between(one) for one in moments.T])
    return share, between(total / extinction), of_moments, math.exp(between(np.log(phase)))


def _gases(low: float, high: float, air: Air, look: Look) -> tuple[float, float, float]:
    """Transmittance both ways of gases other than water, of water, of half the water."""
    table = _tables()
    step = 0.0025
    at = np.arange(low, high + step / 2, step) if high > low else np.array([low])
    solar = np.interp(at, table["gas_um"], table["solar"])
    cosines = [math.cos(math.radians(one)) for one in (look.sun_zenith_deg, look.view_zenith_deg)]
    airmass = sum(1.0 / one for one in cosines)
    ozone_mass = sum((1.0 + _GAS_ABOVE) / math.sqrt(one**2 + 2.0 * _GAS_ABOVE) for one in cosines)
    ozone = np.exp(-np.interp(at, table["gas_um"], table["ozone"]) * air.ozone_cm_atm * ozone_mass)
    mixed = np.interp(at, table["gas_um"], table["mixed"]) * airmass * air.pressure
    mixed = np.exp(-1.41 * mixed / (1.0 + 118.3 * mixed) ** 0.45)

    def water(amount: float) -> Floats:
        u = np.interp(at, table["gas_um"], table["water"]) * amount * airmass
        return np.asarray(np.exp(-0.2385 * u / (1.0 + 20.07 * u) ** 0.45))

    full, half = water(air.water_g_cm2), water(air.water_g_cm2 / 2.0)
    return tuple(float(np.average(one, weights=solar)) for one in (ozone * mixed, full, half))  # type: ignore[return-value]


@cache
def _tables() -> dict[str, Floats]:
    source = resources.files("comity.imagery") / "data" / "atmosphere.npz"
    with resources.as_file(source) as path, np.load(path) as stored:
        return {name: np.asarray(stored[name], np.float64) for name in stored.files}
