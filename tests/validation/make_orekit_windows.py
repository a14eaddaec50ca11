"""Reference passes by Orekit, for ``comity validate access``; computed with nothing of Comity.

    python tests/validation/make_orekit_windows.py    # writes src/comity/access/data/windows-orekit.csv.gz

Needs ``orekit-jpype``, a Java runtime, ``astropy-iers-data``, ``pyerfa`` and ``sgp4``. Everything but the TLE
text and the IERS table is Orekit's own: SGP4 and SDP4, TEME → ITRF by way of GCRF, ellipsoid, event search. A
pass shorter than ``MAX_CHECK_S`` may hide between two of its looks.
"""

from __future__ import annotations

import math
import sys

import jpype
from make_reference_windows import CATALOGUE, MASK_DEG, SITES, SPAN_S, objects
from reference_tables import ACCESS, start_orekit, versions, write_table

MAX_CHECK_S = 15.0
THRESHOLD_S = 1e-6
START = "2024-09-22T00:00:00.000"
MASK = math.radians(MASK_DEG)


def topocentric_frames():
    """Site name → Orekit's frame there."""
    from org.orekit.bodies import GeodeticPoint, OneAxisEllipsoid
    from org.orekit.frames import FramesFactory, TopocentricFrame
    from org.orekit.utils import Constants, IERSConventions

    earth = OneAxisEllipsoid(
        Constants.WGS84_EARTH_EQUATORIAL_RADIUS,
        Constants.WGS84_EARTH_FLATTENING,
        FramesFactory.getITRF(IERSConventions.IERS_2010, False),
    )
    return {
        name: TopocentricFrame(earth, GeodeticPoint(math.radians(lat), math.radians(lon), altitude), name)
        for name, (lon, lat, altitude) in SITES.items()
    }


def passes(line1, line2, frames):
    """Rows (site, start, end) of one object over the day."""
    from org.orekit.propagation.analytical.tle import TLE, TLEPropagator
    from org.orekit.propagation.events import ElevationDetector, EventsLogger
    from org.orekit.propagation.events.handlers import ContinueOnEvent
    from org.orekit.time import AbsoluteDate, TimeScalesFactory

    start = AbsoluteDate(START, TimeScalesFactory.getUTC())
    tle = TLE(line1, line2)
    propagator = TLEPropagator.selectExtrapolator(tle)
    axis = (398_600.8e9 / float(tle.getMeanMotion()) ** 2) ** (1 / 3)
    for minutes in range(0, 1_441, 10):  # Orekit goes on where an object has decayed
        distance = propagator.propagate(start.shiftedBy(60.0 * minutes)).getPosition().getNorm()
        if not 6.3e6 < distance < 2.2 * axis:
            raise ValueError(f"{distance:.0f} m from the geocentre")
    begin = propagator.propagate(start)  # without detectors: what happens before the day does not count
    logger = EventsLogger()
    for frame in frames.values():
        detector = ElevationDetector(MAX_CHECK_S, THRESHOLD_S, frame).withConstantElevation(MASK)
        propagator.addEventDetector(logger.monitorDetector(detector.withHandler(ContinueOnEvent())))
    open_at = {
        name: 0.0 if frame.getElevation(begin.getPosition(), begin.getFrame(), start) > MASK else None
        for name, frame in frames.items()
    }
    propagator.propagate(start, start.shiftedBy(SPAN_S))
    found = []
    for event in logger.getLoggedEvents():
        name = str(event.getEventDetector().getTopocentricFrame().getName())
        at = float(event.getState().getDate().durationFrom(start))
        if event.isIncreasing():
            open_at[name] = at
        elif open_at[name] is not None:
            found.append((name, open_at[name], at))
            open_at[name] = None
    found += [(name, at, SPAN_S) for name, at in open_at.items() if at is not None]
    order = list(SITES)
    found.sort(key=lambda row: (order.index(row[0]), row[1]))
    return [(name, f"{begin_s:.4f}", f"{end_s:.4f}") for name, begin_s, end_s in found]


def main():
    start_orekit()
    frames = topocentric_frames()
    rows = []
    for name, line1, line2 in objects(CATALOGUE.read_text()):
        number = line1[2:7].strip()
        try:
            rows += [(number, *row) for row in passes(line1, line2, frames)]
        except (ValueError, jpype.JException) as error:  # decayed, or the theory breaks down
            print(f"{number} {name}: {str(error)[:120]}", file=sys.stderr)
            rows.append((number, "", "", ""))
    about = {
        "program": "Orekit",
        "versions": versions("orekit-jpype", "astropy-iers-data"),
        "propagation": "Orekit's own SGP4/SDP4 (TLEPropagator)",
        "frames": "TEME to GCRF (IAU 1980 nutation without corrections) to ITRF, IERS Conventions 2010, "
        "tidal variations of UT1 and pole",
        "earth_orientation": "IERS finals2000A, Bulletin B",
        "search": f"ElevationDetector, looks every {MAX_CHECK_S:g} s, events to {THRESHOLD_S:g} s",
        "start": START + "Z",
        "span_s": SPAN_S,
        "mask_deg": MASK_DEG,
        "shortest_s": MAX_CHECK_S,
    }
    write_table(ACCESS / "windows-orekit.csv.gz", about, ["norad_id", "site", "start_s", "end_s"], rows)


if __name__ == "__main__":
    main()
