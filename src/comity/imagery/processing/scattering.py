"""Multiple scattering in a plane-parallel atmosphere by adding and doubling.

The layers' reflection and transmission are matrices over Gaussian directions of each azimuthal order;
two layers add by the sum of reflections between them (van de Hulst 1963; Hansen & Travis, "Light
scattering in planetary atmospheres", Space Science Reviews 16, 1974, section 3). Scalar: polarisation is
left out, as in 6S version 4; that costs up to a few per cent of the Rayleigh path reflectance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Gaussian directions in a hemisphere, and azimuthal orders followed.
_STREAMS = 12
_ORDERS = 16
#: Optical depth thin enough for single scattering alone.
_THIN = 2.0**-14


@dataclass(frozen=True, slots=True)
class Layer:
    """A homogeneous layer: optical depth, single-scattering albedo, Legendre moments of its phase function.

    ``moments``: χ₀ = 1, χ₁ (the asymmetry), …; the phase function is Σ (2l + 1) χ_l P_l. ``phase``: its
    value, none of it cut off, at the scattering angle from the Sun to the sensor.
    """

    depth: float
    albedo: float
    moments: Floats
    phase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scattered:
    """What an atmosphere over black ground does to sunlight.

    ``path``: reflectance seen at the top, with every order of scattering. ``down``, ``up``: transmittance
    of the Sun's way and of the view's way, direct and diffuse. ``spherical``: reflectance of the atmosphere
    for diffuse light from below.
    """

    path: float
    down: float
    up: float
    spherical: float


def scatter(layers: Sequence[Layer], sun: float, view: float, azimuth: float) -> Scattered:
    """Reflectance and transmittances of ``layers`` (top first).

    ``sun``, ``view``: cosines of the zenith angles. ``azimuth``: between the Sun and the sensor as seen from
    the ground, radians; 0 is light sent back towards the Sun.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_STREAMS)
    # The two directions that are asked for ride along with no weight of their own.
    mu = np.concatenate([(nodes + 1.0) / 2.0, [sun, view]])
    weight = np.concatenate([weights / 2.0, [0.0, 0.0]])
    sun_at, view_at = len(mu) - 2, len(mu) - 1
    scaled = [_truncated(layer, 2 * _STREAMS) for layer in layers]
    path, whole = 0.0, None
    for order in range(_ORDERS):
        stack = _stack(scaled, mu, weight, order)
        # Away from the Sun by φ = π − azimuth for light going on; cos m(π − a) = (−1)^m cos m a.
        factor = (1.0 if order == 0 else 2.0) * math.cos(order * (math.pi - azimuth))
        path += factor * stack.reflection[view_at, sun_at]
        if whole is None:
            whole = stack
    assert whole is not None
    path += _single_scattering_difference(layers, scaled, sun, view, azimuth)
    depth = sum(layer.depth for layer in scaled)
    flux = 2.0 * weight * mu
    down = math.exp(-depth / sun) + float(flux @ whole.transmission[:, sun_at])
    up = math.exp(-depth / view) + float(whole.transmission_up[view_at] @ flux)
    spherical = float(flux @ whole.reflection_up @ flux)
    return Scattered(path=path, down=down, up=up, spherical=spherical)


def scattering_cosine(sun: float, view: float, azimuth: float) -> float:
    """Cosine of the angle by which sunlight turns towards the sensor; arguments as for :func:`scatter`."""
    return -sun * view - math.sqrt(max(0.0, (1 - sun**2) * (1 - view**2))) * math.cos(azimuth)


@dataclass(frozen=True, slots=True)
class _Slab:
    """Reflection and diffuse transmission for light from above, then from below; and direct transmission."""

    reflection: Floats
    transmission: Floats
    reflection_up: Floats
    transmission_up: Floats
    direct: Floats


def _truncated(layer: Layer, terms: int) -> Layer:
    """Delta-M (Wiscombe 1977): the forward peak beyond ``terms`` moments counts as not scattered."""
    moments = np.zeros(terms + 1)
    moments[: min(len(layer.moments), terms + 1)] = layer.moments[: terms + 1]
    peak = float(moments[terms])
    kept = (moments[:terms] - peak) / (1.0 - peak)
    depth = layer.depth * (1.0 - layer.albedo * peak)
    albedo = layer.albedo * (1.0 - peak) / (1.0 - layer.albedo * peak)
    return Layer(depth, albedo, kept, layer.phase)


def _stack(layers: Sequence[Layer], mu: Floats, weight: Floats, order: int) -> _Slab:
    below: _Slab | None = None
    for layer in reversed(layers):
        slab = _doubled(layer, mu, weight, order)
        below = slab if below is None else _added(slab, below, mu, weight)
    assert below is not None
    return below


def _doubled(layer: Layer, mu: Floats, weight: Floats, order: int) -> _Slab:
    back, on = _phase(layer.moments, mu, order)
    times = max(0, math.ceil(math.log2(max(layer.depth, 1e-12) / _THIN)))
    thin = layer.depth / 2**times
    # Single scattering in a thin layer, exact in its depth (Hansen & Travis, eq. 2.29 and 2.30).
    sum_of = 1.0 / mu[:, None] + 1.0 / mu[None, :]
    product = 4.0 * mu[:, None] * mu[None, :]
    reflection = layer.albedo * back / product * -np.expm1(-thin * sum_of) / sum_of
    gap = 1.0 / mu[:, None] - 1.0 / mu[None, :]
    near = np.abs(gap) < 1e-9
    length = np.where(near, thin, -np.expm1(-thin * gap) / np.where(near, 1.0, gap))
    transmission = layer.albedo * on / product * length * np.exp(-thin / mu)[None, :]
    slab = _Slab(reflection, transmission, reflection, transmission, np.exp(-thin / mu))
    for _ in range(times):
        slab = _added(slab, slab, mu, weight)
    return slab


def _added(top: _Slab, bottom: _Slab, mu: Floats, weight: Floats) -> _Slab:
    flux = 2.0 * mu * weight
    reflection, transmission = _one_way(top, bottom, flux)
    if top is bottom and top.reflection_up is top.reflection:
        # A homogeneous slab is the same from both sides.
        return _Slab(reflection, transmission, reflection, transmission, top.direct * top.direct)
    turned_top = _Slab(
        bottom.reflection_up, bottom.transmission_up, bottom.reflection, bottom.transmission, bottom.direct
    )
    turned_bottom = _Slab(
        top.reflection_up, top.transmission_up, top.reflection, top.transmission, top.direct
    )
    reflection_up, transmission_up = _one_way(turned_top, turned_bottom, flux)
    return _Slab(reflection, transmission, reflection_up, transmission_up, top.direct * bottom.direct)


def _one_way(top: _Slab, bottom: _Slab, flux: Floats) -> tuple[Floats, Floats]:
    """Reflection and diffuse transmission of two slabs for light from above."""
    between = (top.reflection_up * flux) @ bottom.reflection
    bounced = np.linalg.solve(np.eye(len(flux)) - between * flux, between)
    down = top.transmission + bounced * top.direct + (bounced * flux) @ top.transmission
    up = bottom.reflection * top.direct + (bottom.reflection * flux) @ down
    reflection = top.reflection + top.direct[:, None] * up + (top.transmission_up * flux) @ up
    transmission = (
        bottom.direct[:, None] * down + bottom.transmission * top.direct + (bottom.transmission * flux) @ down
    )
    return reflection, transmission


def _phase(moments: Floats, mu: Floats, order: int) -> tuple[Floats, Floats]:
    """Azimuthal component of the phase function, backwards and onwards, (out, in)."""
    terms = len(moments)
    back = np.zeros((len(mu), len(mu)))
    on = np.zeros_like(back)
    if order >= terms:
        return back, on
    # Associated Legendre functions, normalised so that the addition theorem has no factorials.
    before = np.zeros_like(mu)
    now = np.ones_like(mu)
    for m in range(1, order + 1):
        now = now * math.sqrt((2 * m - 1) / (2 * m)) * np.sqrt(np.maximum(1.0 - mu * mu, 0.0))
    for degree in range(order, terms):
        term = (2 * degree + 1) * moments[degree] * np.outer(now, now)
        on += term
        back += term if (degree + order) % 2 == 0 else -term
        after = (2 * degree + 1) * mu * now - math.sqrt(degree**2 - order**2) * before
        before, now = now, after / math.sqrt((degree + 1) ** 2 - order**2)
    return back, on


def _single_scattering_difference(
    layers: Sequence[Layer], scaled: Sequence[Layer], sun: float, view: float, azimuth: float
) -> float:
    """Single scattering with the whole phase function less that with the truncated one.

    The correction of Nakajima & Tanaka (1988, TMS), which gives back the shape that delta-M cuts off.
    """
    cosine = scattering_cosine(sun, view, azimuth)
    airmass = 1.0 / sun + 1.0 / view
    above, total = 0.0, 0.0
    for layer, cut in zip(layers, scaled, strict=True):
        peak = 1.0 - cut.depth * cut.albedo / max(layer.depth * layer.albedo, 1e-300)
        whole = layer.albedo / (1.0 - layer.albedo * peak) * layer.phase
        seen = math.exp(-above * airmass) * -math.expm1(-cut.depth * airmass)
        total += (whole - cut.albedo * _series(cut.moments, cosine)) * seen
        above += cut.depth
    return total / (4.0 * (sun + view))


def _series(moments: Floats, cosine: float) -> float:
    degrees = 2.0 * np.arange(len(moments)) + 1.0
    return float(np.polynomial.legendre.legval(cosine, degrees * moments))
