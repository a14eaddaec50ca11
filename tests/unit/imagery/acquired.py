"""An acquisition to make products of."""

from __future__ import annotations

from typing import Any

from shapely.geometry import Polygon

from comity.core import Epoch
from comity.imagery import Acquisition


def tilted(lon: float, lat: float, half_deg: float) -> Polygon:
    """A footprint as a satellite leaves it: a parallelogram that leans."""
    h, lean = half_deg, 0.15 * half_deg
    return Polygon(
        [
            (lon - h - lean, lat - h),
            (lon + h - lean, lat - h + lean),
            (lon + h + lean, lat + h),
            (lon - h + lean, lat + h - lean),
        ]
    )


def acquisition(**changed: Any) -> Acquisition:
    """Djibouti city and the sea around it, 2024-09-23, clear, with some fields changed."""
    start = Epoch.from_iso("2024-09-23T07:12:04Z")
    values: dict[str, Any] = {
        "id": "KV3-0001",
        "order": "order-7",
        "target": "Djibouti",
        "spacecraft": "Kanopus-V 3",
        "norad_id": 43180,
        "instrument": "MSS",
        "start": start,
        "end": start + 6.0,
        "footprint": tilted(43.1, 11.6, 0.17),
        "native_gsd_m": 12.4,
        "delivered_gsd_m": 30.0,
        "bands": ("blue", "green", "red", "nir"),
        "off_nadir_deg": 12.3,
        "incidence_deg": 13.5,
        "view_azimuth_deg": 98.0,
        "sun_elevation_deg": 52.0,
        "sun_azimuth_deg": 118.0,
        "cloud": 0.0,
        "cloud_source": "a test",
        "ascending": False,
        "providers": (("Roscosmos", "producer"), ("Djibouti", "processor"), ("Roscosmos", "licensor")),
        "licence": "joint-eo",
        "elements_source": "GP 2024-09-22",
        "elements_epoch": start + -30_000.0,
        "station": "Djibouti",
        "simulated": True,
    }
    return Acquisition(**(values | changed))
