"""``comity _warm``: compile the kernels once, so that no later command waits for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from comity.access import Site, imaging_windows, station_windows
from comity.access.coverage import Options, Sensor, coverage, points_grid
from comity.core import Interval
from comity.fleet import load_programme, point_target
from comity.imagery import Acquisition, make_item
from comity.orbits import EarthOrientation, SGP4Trajectory


def warm() -> None:
    """Find a few windows, cover a place and make a small image, and throw all away."""
    programme = load_programme("joint-eo")
    craft = next(s for s in programme.spacecraft if s.instruments)
    elements = programme.elements[craft.norad_id]
    trajectory = SGP4Trajectory(elements, EarthOrientation.bundled())
    day = Interval(elements.epoch, elements.epoch + 86_400)
    station_windows([trajectory], [Site(name="here", lon_deg=43.1, lat_deg=11.6)], day)
    daylight = Options(min_sun_elevation_deg=0.0)
    coverage([trajectory], Sensor(max_off_nadir_deg=30.0), points_grid([(43.1, 11.6)]), day, options=daylight)
    windows = imaging_windows(craft, trajectory, [point_target(43.1, 11.6, "here")], day)
    window = windows[0]
    acquisition = Acquisition(
        id="warm",
        order="warm",
        target="here",
        spacecraft=craft.name,
        norad_id=craft.norad_id,
        instrument=window.instrument,
        start=window.interval.start,
        end=window.interval.end,
        footprint=window.footprint,
        native_gsd_m=window.best.gsd_m,
        delivered_gsd_m=window.best.gsd_m,
        bands=craft.instruments[0].bands,
        off_nadir_deg=window.best.off_nadir_deg,
        incidence_deg=window.best.incidence_deg,
        view_azimuth_deg=window.best.view_azimuth_deg,
        sun_elevation_deg=45.0,
        sun_azimuth_deg=120.0,
        cloud=0.3,
        cloud_source="none",
        ascending=window.ascending,
        providers=((craft.owner, "producer"),),
        licence="proprietary",
        elements_source=elements.source,
        elements_epoch=elements.epoch,
        station=None,
        simulated=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        make_item(acquisition, Path(folder), seed=0, max_pixels=40_000)
