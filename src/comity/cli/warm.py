"""``comity _warm``: compile the kernels once, so that no later command waits for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from comity.access import Site, imaging_windows, station_windows
from comity.access.coverage import Options, Sensor, coverage, points_grid
from comity.core import Interval
from comity.fleet import load_programme, point_target, territory_target
from comity.imagery import Acquisition, make_item
from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.images import open_image
from comity.imagery.processing.decode import decode
from comity.imagery.processing.ortho import orthorectify
from comity.imagery.processing.radiometry import correct
from comity.imagery.simulation.acquire import simulate
from comity.imagery.simulation.programme import camera_of, look_at
from comity.orbits import EarthOrientation, SGP4Trajectory


def warm() -> None:
    """Find a few windows, cover a place, make small images and lay one on the map; throw all away."""
    programme = load_programme("joint-eo")
    craft = next(s for s in programme.spacecraft if s.instruments)
    elements = programme.elements[craft.norad_id]
    trajectory = SGP4Trajectory(elements, EarthOrientation.bundled())
    day = Interval(elements.epoch, elements.epoch + 86_400)
    station_windows([trajectory], [Site(name="here", lon_deg=43.1, lat_deg=11.6)], day)
    daylight = Options(min_sun_elevation_deg=0.0)
    coverage([trajectory], Sensor(max_off_nadir_deg=30.0), points_grid([(43.1, 11.6)]), day, options=daylight)
    windows = imaging_windows(craft, trajectory, [point_target(43.1, 11.6, "here")], day)
    imaging_windows(craft, trajectory, [territory_target("DJI")], day)
    window = next(one for one in windows if one.best.sun_elevation_deg > 20.0)
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
        model = look_at(
            camera_of(craft.instruments[0], ("green", "red"), 128),
            trajectory,
            43.1,
            11.6,
            window.interval.middle,
            128,
        )
        raw = simulate(model, Path(folder), name="warm", bands=("green", "red"), cloud=0.2)
        counts = decode(raw.raw, Path(folder) / "counts.tif", calibration=raw.calibration)
        assert raw.dem is not None
        relief = Dem(raw.dem, "egm96")
        light = correct(counts.image, raw.calibration, Path(folder) / "light.tif", dem=relief)
        orthorectify(open_image(light.image), relief, Path(folder) / "map.tif")
