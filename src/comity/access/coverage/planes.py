"""Several Sun-synchronous planes as one constellation."""

from __future__ import annotations

from comity.core import Epoch, InputError
from comity.orbits import MeanElements
from comity.orbits.constellations import sun_synchronous


def sun_synchronous_planes(
    satellites: int, planes: int, *, altitude_m: float, ltan_h: float, epoch: Epoch, phasing: int = 0
) -> tuple[MeanElements, ...]:
    """``satellites`` in all, evenly over ``planes`` whose local times stand 12 h / ``planes`` apart.

    The first plane's ascending node has the local time ``ltan_h`` (hours); as every plane is met on its way
    up and on its way down, 12 h of nodes serve all 24. ``phasing``: as Walker's, steps of
    360° / ``satellites`` from plane to plane. Raises :class:`InputError` as
    :func:`comity.orbits.constellations.sun_synchronous`, or when the planes cannot be filled evenly.
    """
    if not 1 <= planes <= satellites or satellites % planes:
        raise InputError(f"{satellites} satellites do not fill {planes} planes evenly")
    each = satellites // planes
    return tuple(
        one
        for plane in range(planes)
        for one in sun_synchronous(
            altitude_m=altitude_m,
            ltan_h=(ltan_h + 12.0 * plane / planes) % 24.0,
            satellites=each,
            anomaly_deg=360.0 * phasing * plane / satellites,
            epoch=epoch,
            name=f"sso-{plane + 1}" if planes > 1 else "sso",
            first_id=1 + plane * each,
        )
    )
