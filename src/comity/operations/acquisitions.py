"""What was taken, as the makers of images are told of it."""

from __future__ import annotations

from shapely.geometry.base import BaseGeometry

from comity.core import StateError
from comity.fleet import Programme
from comity.imagery import Acquisition
from comity.operations.records import Activity

LICENCE = "proprietary"


def acquisition_of(
    programme: Programme,
    activity: Activity,
    *,
    id: str,
    order: str,
    target: str,
    footprint: BaseGeometry | None,
    delivered_gsd_m: float,
) -> Acquisition:
    """An executed and received acquisition as ``target`` of ``order``, of the ground of ``footprint``.

    Raises :class:`StateError` for one that was not made by a plan.
    """
    look = activity.look
    if look is None or footprint is None or activity.elements_epoch is None:
        raise StateError(f"{activity.id} has no geometry: it was not made by plan make")
    craft = programme.craft(activity.spacecraft)
    instrument = programme.instrument(craft.id, str(activity.instrument))
    station = programme.station(str(activity.received_by))
    owner, operator = programme.partner(craft.owner), programme.partner(station.owner)
    return Acquisition(
        id=id,
        order=order,
        target=target,
        spacecraft=craft.name,
        norad_id=craft.norad_id,
        instrument=instrument.name,
        start=activity.interval.start,
        end=activity.interval.end,
        footprint=footprint,
        native_gsd_m=look.gsd_m,
        delivered_gsd_m=delivered_gsd_m,
        bands=instrument.bands,
        off_nadir_deg=look.off_nadir_deg,
        incidence_deg=look.incidence_deg,
        view_azimuth_deg=look.view_azimuth_deg,
        sun_elevation_deg=look.sun_elevation_deg,
        sun_azimuth_deg=look.sun_azimuth_deg,
        cloud=activity.cloud if activity.cloud is not None else 0.0,
        cloud_source=activity.cloud_source or "not reported: taken as clear",
        ascending=activity.ascending,
        providers=(
            (owner.name, "producer"),
            (operator.name, "processor"),
            (programme.title, "licensor"),
        ),
        licence=LICENCE,
        elements_source=activity.elements_source,
        elements_epoch=activity.elements_epoch,
        station=station.name,
        simulated=activity.simulated,
    )
