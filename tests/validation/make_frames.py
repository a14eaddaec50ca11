"""States turned into ITRF by astropy, Skyfield and Orekit, for ``comity validate orbits``.

    python tests/validation/make_frames.py    # writes src/comity/orbits/data/frames.csv.gz

Needs ``astropy``, ``skyfield``, ``orekit-jpype`` with Java, ``astropy-iers-data``, ``pyerfa`` and ``sgp4``.
All three read the same IERS finals2000A file. astropy and Skyfield leave the celestial pole offsets out,
Orekit applies them and the tidal variations of UT1 and the pole; Skyfield takes Bulletin A's values, the
others Bulletin B's. States are made up: circular orbits at 7,000 km and 42,164 km.
"""

from __future__ import annotations

import warnings

import astropy.units as u
import astropy_iers_data
import numpy as np
from astropy.coordinates import GCRS, ITRS, TEME, CartesianDifferential, CartesianRepresentation
from astropy.time import Time
from astropy.utils import iers
from make_skyfield_windows import timescale
from reference_tables import ORBITS, start_orekit, versions, write_table
from skyfield.framelib import itrs
from skyfield.positionlib import Geocentric
from skyfield.sgp4lib import TEME as SKYFIELD_TEME

COUNT = 60
MU = 3.986004418e14


def states():
    """UTC ISO times, positions (n, 3) m, velocities (n, 3) m/s; every fifth is geosynchronous."""
    rng = np.random.default_rng(2006)
    days = np.sort(rng.uniform(2_442_800.0, 2_461_300.0, COUNT))  # 1976 … 2026
    times = Time(Time(days, format="jd", scale="utc").isot, scale="utc")
    radius = np.where(np.arange(COUNT) % 5 == 4, 42_164e3, 7_000e3)
    a, b = rng.normal(size=(2, COUNT, 3))
    r = a / np.linalg.norm(a, axis=1)[:, None]
    across = b - np.sum(b * r, axis=1)[:, None] * r
    across /= np.linalg.norm(across, axis=1)[:, None]
    return times, np.round(r * radius[:, None], 3), np.round(across * np.sqrt(MU / radius)[:, None], 6)


def by_astropy(frame, times, r, v):
    start = {"GCRF": GCRS, "TEME": TEME}[frame]
    position = CartesianRepresentation(r.T * u.m, differentials=CartesianDifferential(v.T * u.m / u.s))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = start(position, obstime=times).transform_to(ITRS(obstime=times)).cartesian
    return out.xyz.to_value(u.m).T, out.differentials["s"].d_xyz.to_value(u.m / u.s).T


def by_skyfield(frame, times, r, v):
    ts = timescale()
    t = ts.from_astropy(times)
    au, day = 149_597_870_700.0, 86_400.0
    r, v = r.T / au, v.T * day / au
    if frame == "TEME":
        turn = SKYFIELD_TEME.rotation_at(t)
        r, v = np.einsum("jin,jn->in", turn, r), np.einsum("jin,jn->in", turn, v)
    position, velocity = Geocentric(r, v, t=t).frame_xyz_and_velocity(itrs)
    return position.m.T, velocity.km_per_s.T * 1e3


def by_orekit(frame, times, r, v):
    from org.hipparchus.geometry.euclidean.threed import Vector3D
    from org.orekit.frames import FramesFactory
    from org.orekit.time import AbsoluteDate, TimeScalesFactory
    from org.orekit.utils import IERSConventions, PVCoordinates

    utc = TimeScalesFactory.getUTC()
    start = {"GCRF": FramesFactory.getGCRF, "TEME": FramesFactory.getTEME}[frame]()
    fixed = FramesFactory.getITRF(IERSConventions.IERS_2010, False)
    position, velocity = np.empty_like(r), np.empty_like(v)
    for k, text in enumerate(times.isot):
        turn = start.getTransformTo(fixed, AbsoluteDate(str(text), utc))
        one = turn.transformPVCoordinates(
            PVCoordinates(Vector3D(*map(float, r[k])), Vector3D(*map(float, v[k])))
        )
        position[k] = one.getPosition().toArray()
        velocity[k] = one.getVelocity().toArray()
    return position, velocity


def main():
    iers.conf.auto_download = False
    iers.earth_orientation_table.set(iers.IERS_A.open(astropy_iers_data.IERS_A_FILE))
    start_orekit()
    times, r, v = states()
    rows = []
    for program, turn in (("astropy", by_astropy), ("skyfield", by_skyfield), ("orekit", by_orekit)):
        for frame in ("GCRF", "TEME"):
            position, velocity = turn(frame, times, r, v)
            for k, text in enumerate(times.isot):
                before = [*(f"{x:.3f}" for x in r[k]), *(f"{x:.6f}" for x in v[k])]
                after = [*(f"{x:.4f}" for x in position[k]), *(f"{x:.7f}" for x in velocity[k])]
                rows.append((program, frame, text + "Z", *before, *after))
    about = {
        "program": "astropy, Skyfield, Orekit",
        "versions": versions("astropy", "skyfield", "orekit-jpype", "astropy-iers-data"),
        "frames": "to ITRF: astropy and Skyfield without celestial pole offsets, Orekit with them and with "
        "tidal variations of UT1 and pole (IERS Conventions 2010)",
        "earth_orientation": "IERS finals2000A",
    }
    names = ["x", "y", "z", "vx", "vy", "vz"]
    columns = ["program", "frame", "utc", *names, *(f"itrf_{name}" for name in names)]
    write_table(ORBITS / "frames.csv.gz", about, columns, rows)


if __name__ == "__main__":
    main()
