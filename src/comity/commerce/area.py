"""Area of a target on the WGS-84 ellipsoid, as an exact quantity that can be priced."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from comity.core import InputError

#: Areas are priced to this step; it is where a measured float becomes a Decimal.
AREA_STEP_KM2 = Decimal("0.01")
_STEP_DEG = 0.1
_A_M = 6_378_137.0  # WGS-84
_FLATTENING = 1 / 298.257223563
_ECCENTRICITY = math.sqrt(_FLATTENING * (2 - _FLATTENING))


def area_km2(geometry: BaseGeometry) -> Decimal:
    """Area of a (Multi)Polygon in lon, lat degrees WGS-84, km² rounded to 0.01 (half to even).

    Edges are straight in longitude and latitude, as RFC 7946 §3.1.1 has them: they are cut into steps
    of at most 0.1° and mapped by the ellipsoidal cylindrical equal-area projection (Snyder 1987,
    pp. 81–85), so a polygon that reaches a pole, spans all longitudes or runs either way round measures
    right. Raises :class:`InputError` for other geometries, an empty or self-crossing one.
    """
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"a {geometry.geom_type} has no area: price per km2 needs a Polygon or MultiPolygon")
    if geometry.is_empty:
        raise InputError("the polygon is empty: it has no area to price")
    if not geometry.is_valid:
        raise InputError(
            f"the polygon is not valid ({shapely.is_valid_reason(geometry)}): its area is not defined"
        )
    dense = shapely.segmentize(shapely.force_2d(geometry), _STEP_DEG)
    return to_km2(float(shapely.transform(dense, _equal_area).area))


def to_km2(area_m2: float) -> Decimal:
    """A measured area (m²) as km² rounded to 0.01."""
    if not 0 <= area_m2 < 1e15:
        raise InputError(f"area {area_m2} m² is not between 0 and the Earth's 5.1e14")
    return Decimal(area_m2).scaleb(-6).quantize(AREA_STEP_KM2, ROUND_HALF_EVEN)


def _equal_area(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) lon, lat degrees → (n, 2) m; Snyder eqs. 10-14 to 10-16 and 3-12 at standard parallel 0.

    x is linear in longitude and not wrapped, so −180 and 180 stay the two edges they are.
    """
    sine = np.sin(np.deg2rad(lonlat[:, 1]))
    q = (1 - _ECCENTRICITY**2) * (
        sine / (1 - (_ECCENTRICITY * sine) ** 2) + np.arctanh(_ECCENTRICITY * sine) / _ECCENTRICITY
    )
    return np.column_stack((_A_M * np.deg2rad(lonlat[:, 0]), _A_M * q / 2))
