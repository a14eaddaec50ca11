"""Area of a target as an exact quantity that can be priced."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import shapely
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.fleet.areas import area_km2

#: Areas are priced to this step; it is where a measured float becomes a Decimal.
AREA_STEP_KM2 = Decimal("0.01")


def priced_km2(geometry: BaseGeometry) -> Decimal:
    """:func:`~comity.fleet.area_km2` of a (Multi)Polygon, rounded to 0.01 km² (half to even).

    Raises :class:`InputError` for other geometries, an empty or self-crossing one.
    """
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"a {geometry.geom_type} has no area: price per km2 needs a Polygon or MultiPolygon")
    if geometry.is_empty:
        raise InputError("the polygon is empty: it has no area to price")
    if not geometry.is_valid:
        raise InputError(
            f"the polygon is not valid ({shapely.is_valid_reason(geometry)}): its area is not defined"
        )
    return Decimal(area_km2(geometry)).quantize(AREA_STEP_KM2, ROUND_HALF_EVEN)
