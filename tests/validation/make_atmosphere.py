"""Aerosol optics and gas absorption for the clear atmosphere: ``atmosphere.npz`` of comity.imagery.

    python tests/validation/make_atmosphere.py    # half a minute; needs numpy and pvlib

Aerosols: the components of the World Climate Programme (WCP-112, WMO 1986), lognormal in number, by Mie's
theory (Bohren & Huffman 1983, appendix A: downward recurrence of the logarithmic derivative). Gases and the
solar spectrum: the table of Bird & Riordan (SERI/TR-215-2436, 1984) as pvlib carries it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parents[2] / "src" / "comity" / "imagery" / "data" / "atmosphere.npz"

WAVELENGTHS_UM = np.array([0.40, 0.488, 0.515, 0.55, 0.633, 0.694, 0.86, 1.06])
ANGLES_DEG = np.concatenate([np.arange(0, 10, 0.5), np.arange(10, 180.1, 2.0)])
MOMENTS = 64
QUADRATURE = 1500
#: Median radius (µm), geometric standard deviation, refractive indices at WAVELENGTHS_UM.
COMPONENTS = {
    "dust-like": (0.5, 2.99, [1.53 - 0.008j] * 6 + [1.52 - 0.008j] * 2),
    "water-soluble": (
        0.005,
        2.99,
        [
            *[1.53 - 0.005j] * 3,
            *[1.53 - 0.006j] * 2,
            1.53 - 0.007j,
            1.52 - 0.012j,
            1.52 - 0.017j,
        ],
    ),
    "oceanic": (
        0.3,
        2.51,
        [
            1.385 - 9.9e-9j,
            1.382 - 6.41e-9j,
            1.381 - 3.70e-9j,
            1.381 - 4.26e-9j,
            1.377 - 1.62e-8j,
            1.376 - 5.04e-8j,
            1.372 - 1.09e-6j,
            1.367 - 6.01e-5j,
        ],
    ),
    "soot": (
        0.0118,
        2.00,
        [
            1.75 - 0.46j,
            1.75 - 0.45j,
            1.75 - 0.45j,
            1.75 - 0.44j,
            1.75 - 0.43j,
            1.75 - 0.43j,
            1.75 - 0.43j,
            1.75 - 0.44j,
        ],
    ),
}


def coefficients(x, index, terms):
    """Mie's a and b, (terms, len(x)), of spheres of size parameters ``x``."""
    inner = index * x
    many = int(max(terms, np.abs(inner).max())) + 16
    derivative = np.zeros((many + 1, len(x)), complex)
    for n in range(many, 0, -1):
        ratio = n / inner
        derivative[n - 1] = ratio - 1 / (derivative[n] + ratio)
    psi0, psi1, chi0, chi1 = np.cos(x), np.sin(x), -np.sin(x), np.cos(x)
    a = np.zeros((terms, len(x)), complex)
    b = np.zeros_like(a)
    last = x + 4 * x ** (1 / 3) + 2
    for n in range(1, terms + 1):
        live = n <= last
        psi = (2 * n - 1) * psi1 / x - psi0
        chi = (2 * n - 1) * chi1 / x - chi0
        xi, xi1 = psi - 1j * chi, psi1 - 1j * chi1
        for out, factor in ((a, derivative[n] / index), (b, derivative[n] * index)):
            value = ((factor + n / x) * psi - psi1) / ((factor + n / x) * xi - xi1)
            out[n - 1] = np.where(live, value, 0)
        psi0, psi1 = np.where(live, psi1, psi0), np.where(live, psi, psi1)
        chi0, chi1 = np.where(live, chi1, chi0), np.where(live, chi, chi1)
    return a, b


def component(wavelength, index, median, deviation):
    """Extinction and scattering per volume (1/µm), phase function at ANGLES_DEG, Legendre moments."""
    radius = np.exp(np.linspace(np.log(1e-3), np.log(20.0), 700))
    spread = np.log(deviation)
    number = np.exp(-0.5 * (np.log(radius / median) / spread) ** 2) * np.log(radius[1] / radius[0])
    number /= np.sqrt(2 * np.pi) * spread
    volume = (number * 4 / 3 * np.pi * radius**3).sum()
    wave = 2 * np.pi / wavelength
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    mu = np.concatenate([np.cos(np.radians(ANGLES_DEG)), nodes])
    extinction = scattering = 0.0
    phase = np.zeros(len(mu))
    for first in range(0, len(radius), 50):
        x, count = wave * radius[first : first + 50], number[first : first + 50]
        terms = int(x.max() + 4 * x.max() ** (1 / 3) + 4)
        a, b = coefficients(x, index, terms)
        order = np.arange(1, terms + 1)[:, None]
        area = count * 2 * np.pi / wave**2
        extinction += (area * ((2 * order + 1) * (a + b).real).sum(0)).sum()
        scattering += (area * ((2 * order + 1) * (abs(a) ** 2 + abs(b) ** 2)).sum(0)).sum()
        pi, tau = np.empty((terms, len(mu))), np.empty((terms, len(mu)))
        before, now = np.zeros_like(mu), np.ones_like(mu)
        for n in range(1, terms + 1):
            pi[n - 1], tau[n - 1] = now, n * mu * now - (n + 1) * before
            before, now = now, ((2 * n + 1) * mu * now - (n + 1) * before) / n
        scale = (2 * order + 1) / (order * (order + 1))
        first_amplitude = (scale * a).T @ pi + (scale * b).T @ tau
        second_amplitude = (scale * a).T @ tau + (scale * b).T @ pi
        phase += (area[:, None] * (abs(first_amplitude) ** 2 + abs(second_amplitude) ** 2)).sum(0)
    phase /= scattering
    at_nodes = phase[len(ANGLES_DEG) :]
    norm = (at_nodes * weights).sum() / 2
    legendre = np.polynomial.legendre.legvander(nodes, MOMENTS)
    moments = (legendre * (at_nodes / norm * weights)[:, None]).sum(0) / 2
    return extinction / volume, scattering / volume, phase[: len(ANGLES_DEG)] / norm, moments


def main():
    shape = (len(COMPONENTS), len(WAVELENGTHS_UM))
    extinction, scattering = np.zeros(shape), np.zeros(shape)
    phase, moments = np.zeros((*shape, len(ANGLES_DEG))), np.zeros((*shape, MOMENTS + 1))
    for i, (median, deviation, indices) in enumerate(COMPONENTS.values()):
        for j, (wavelength, index) in enumerate(zip(WAVELENGTHS_UM, indices, strict=True)):
            # Bohren & Huffman write the index as n + ik.
            found = component(wavelength, np.conj(index), median, deviation)
            extinction[i, j], scattering[i, j], phase[i, j], moments[i, j] = found
    gases = sys.modules["pvlib.spectrum.spectrl2"]._SPECTRL2_COEFFS
    kept = gases[(gases["wavelength"] >= 400) & (gases["wavelength"] <= 1100)]
    np.savez_compressed(
        OUT,
        wavelength_um=WAVELENGTHS_UM,
        angle_deg=ANGLES_DEG,
        extinction=extinction.astype("f4"),
        scattering=scattering.astype("f4"),
        phase=phase.astype("f4"),
        moments=moments.astype("f4"),
        gas_um=kept["wavelength"] / 1000,
        solar=kept["spectral_irradiance_et"] * 1000,
        water=kept["water_vapor_absorption"],
        ozone=kept["ozone_absorption"],
        mixed=kept["mixed_absorption"],
    )


if __name__ == "__main__":
    main()
