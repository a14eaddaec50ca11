"""How cloudy a place is likely to be: a stated proxy, and draws from it.

No cloud climatology comes with a package we may use, so Comity uses a proxy and says so
(:data:`CLOUD_SOURCE`): Recommendation ITU-R P.840 gives, on a 1.125° grid, the columnar cloud liquid
water (reduced to 0 °C) exceeded during 0.1 … 99 % of an average year. The proxy is the share of the
year during which it exceeds ``LIQUID_KG_M2`` = 0.01 kg/m², the water of a cloud of optical depth about
1.5 (droplets of 10 µm: τ = 3 W / 2 ρ r), below which the ground still shows. It knows neither the season nor
the hour, and no ice cloud: it is low over cold seas and coasts.

The cloud fraction of one image is drawn from a Beta distribution whose mean is the proxy. Skies are
mostly either clear or covered at the size of a scene, so the distribution is U-shaped: α = μ κ,
β = (1 − μ) κ with κ = 1. :func:`clear_probability` is that distribution's own, so that a planner
expects what the draws give.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from comity.core import InputError
from comity.imagery.scenery.ground import LonLatGrid, package_array

Floats = NDArray[np.float64]

#: Cloud liquid water (kg/m²) that makes a sky count as cloudy.
LIQUID_KG_M2 = 0.01
#: α + β of the Beta distribution of cloud fractions; 1 is U-shaped for every mean.
SHAPE = 1.0

CLOUD_SOURCE = (
    "simulated: drawn from a Beta distribution whose mean is the share of an average year with cloud "
    f"liquid water above {LIQUID_KG_M2:g} kg/m² (a proxy after ITU-R P.840, package itur; it knows no season "
    "and no ice cloud)"
)

_TIME_PERCENT = (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 30, 50, 60, 70, 80, 90, 95, 99)
_NAMES = (
    "01",
    "02",
    "03",
    "05",
    "1",
    "2",
    "3",
    "5",
    "10",
    "20",
    "30",
    "50",
    "60",
    "70",
    "80",
    "90",
    "95",
    "99",
)


def cloud_probability(lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Mean cloud fraction at lon, lat (degrees), 0.01 … 0.99, by the proxy above.

    Takes numbers or arrays that broadcast; returns an array of their common shape. A latitude outside
    ±90 raises :class:`InputError`.
    """
    x, y = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    if not (np.isfinite(x).all() and (np.abs(y) <= 90.0).all()):
        raise InputError("cloud_probability: positions must be finite, latitudes within ±90")
    found = _proxy().sample(np.atleast_1d(x) % 360.0, np.atleast_1d(y))
    return np.asarray(np.clip(found, 0.01, 0.99).reshape(x.shape))


def draw_cloud_fraction(lon: float, lat: float, key: str, seed: int) -> float:
    """Cloud fraction 0…1 of the image ``key`` at lon, lat: the same for the same key and seed."""
    digest = hashlib.sha256(f"{seed}/{key}/cloud".encode()).digest()
    uniform = (int.from_bytes(digest[:7], "big") + 0.5) / 2.0**56
    a, b = _parameters(cloud_probability(lon, lat))
    return round(float(betaincinv(a, b, uniform)), 4)


def clear_probability(lon: ArrayLike, lat: ArrayLike, max_cloud: ArrayLike) -> Floats:
    """Probability that :func:`draw_cloud_fraction` there gives at most ``max_cloud`` (0…1)."""
    limit = np.asarray(max_cloud, np.float64)
    if not ((limit >= 0.0) & (limit <= 1.0)).all():
        raise InputError(f"max_cloud {max_cloud!r} is outside 0…1 (a fraction, not percent)")
    a, b = _parameters(cloud_probability(lon, lat))
    return np.asarray(betainc(a, b, limit), np.float64)


def _parameters(mean: Floats) -> tuple[Floats, Floats]:
    return mean * SHAPE, (1.0 - mean) * SHAPE


@cache
def _proxy() -> LonLatGrid:
    """Share of the year (0…1) with cloud liquid water above the limit."""
    curves = np.stack([package_array(f"840/v7_lred_{name}") for name in _NAMES])
    curves = np.nan_to_num(curves, nan=0.0)
    curves = np.minimum.accumulate(curves, axis=0)  # what is exceeded longer is less
    percent = np.array(_TIME_PERCENT, np.float32)
    above = curves > LIQUID_KG_M2
    # The curve crosses the limit between the last time share above it and the next.
    last = np.maximum(above.sum(axis=0) - 1, 0)
    following = np.minimum(last + 1, len(percent) - 1)
    upper = np.take_along_axis(curves, last[None], axis=0)[0]
    lower = np.take_along_axis(curves, following[None], axis=0)[0]
    span = np.where(upper > lower, upper - lower, 1.0)
    part = np.clip((upper - LIQUID_KG_M2) / span, 0.0, 1.0)
    share = percent[last] + part * (percent[following] - percent[last])
    share = np.where(above.any(axis=0), share, 0.0) / 100.0
    return LonLatGrid(share.astype(np.float32), 0.0, 90.0, 1.125, -1.125)
