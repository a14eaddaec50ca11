"""Imaging windows against an independent reference: every second of a day, other code throughout.

Reference: the ``sgp4`` package on the TLE's own text, astropy for TEME → ITRS and for the Sun, PROJ for
geodetic coordinates, angles by plain dot products, edges by straight lines between the seconds. Elements:
GP of 2024-09-22 as published by CelesTrak/Space-Track.
"""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
import numpy as np
import pytest
import shapely
from astropy.coordinates import ITRS, TEME, AltAz, CartesianDifferential, EarthLocation, get_sun
from astropy.coordinates import CartesianRepresentation as Cartesian
from astropy.time import Time
from astropy.utils import iers
from pyproj import Transformer
from sgp4.api import Satrec

from comity.access.imaging import imaging_windows
from comity.access.looks import half_field_rad
from comity.access.strips import cut_into_strips, strip_width_km
from comity.core import Epoch, Interval
from comity.fleet import Instrument, Spacecraft, Target, area_from_geometry
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory

#: Edges are interpolated on a straight line over a second; the windows' own are good to a millisecond.
EDGE_S = 0.1
ANGLE_DEG = 0.01
SUN_DEG = 0.05

TLES = {
    "KANOPUS-V 3": (
        "1 43180U 18014A   24266.19573193  .00005778  00000+0  25421-3 0  9991",
        "2 43180  97.3867 172.3278 0001890  78.1503 281.9945 15.22250606368396",
    ),
    "GAOFEN-2": (
        "1 40118U 14049A   24266.19370172  .00002439  00000+0  32587-3 0  9997",
        "2 40118  98.1018 317.0216 0008158 108.4785 251.7314 14.80450900545589",
    ),
    "METEOR-M2 3": (
        "1 57166U 23091A   24266.15668413  .00000073  00000+0  50868-4 0  9994",
        "2 57166  98.7029 319.9160 0003646 193.1742 166.9342 14.23927514 64422",
    ),
}
#: Lon, lat, height above the ellipsoid: places that could go wrong, then eighty all over the Earth.
SITES = {
    "djibouti": (43.145, 11.588, 0.0),
    "lac-assal": (42.42, 11.65, -155.0),
    "suva": (178.44, -18.14, 0.0),
    "taveuni": (-179.95, -16.82, 0.0),
    "alert": (-62.34, 82.5, 0.0),
    "la-paz": (-68.15, -16.5, 3600.0),
    "mcmurdo": (166.67, -77.85, 0.0),
} | {
    f"spot-{k}": (
        -180.0 + (137.50776 * k) % 360.0,
        float(np.degrees(np.arcsin(-1.0 + (k + 0.5) / 40.0))),
        0.0,
    )
    for k in range(80)
}
START = Epoch.from_iso("2024-09-22T12:00:00Z")
SPAN = Interval(START, START + 86_400.0)
LIMIT_DEG, SUN_LIMIT_DEG = 40.0, 10.0


def instrument(
    pointing: str, swath_m: float, limit_deg: float = LIMIT_DEG, altitude_m: float = 510e3
) -> Instrument:
    return Instrument(
        id="camera",
        name="Camera",
        gsd_m=2.0,
        swath_m=swath_m,
        max_off_nadir_deg=limit_deg,
        reference_altitude_m=altitude_m,
        bands=("pan",),
        bits_per_sample=10,
        data_rate_bps=1e8,
        pointing=pointing,  # type: ignore[arg-type]
        sources={},
    )


def craft(norad_id: int, camera: Instrument) -> Spacecraft:
    return Spacecraft(
        id=f"sat-{norad_id}",
        name=f"Satellite {norad_id}",
        norad_id=norad_id,
        owner="one",
        instruments=(camera,),
        slew_rate_deg_s=1.0,
        slew_acceleration_deg_s2=0.1,
        settle_s=5.0,
        memory_bits=1e12,
        downlink_bps=1e8,
        sources={},
    )


@dataclass(frozen=True)
class Reference:
    """States at every second: ITRS position (n, 3) m, velocity, and the nadir direction."""

    seconds: np.ndarray
    time: Time
    position: np.ndarray
    velocity: np.ndarray
    down: np.ndarray

    def angles(
        self, lon: float, lat: float, height: float, at: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Off-nadir angle at the spacecraft and elevation at the site, degrees; every second, or ``at`` s."""
        position, down = self.position, self.down
        if at is not None:
            k, f = int(at), at - int(at)
            position = (position[k] * (1 - f) + position[k + 1] * f)[None]
            down = (down[k] * (1 - f) + down[k + 1] * f)[None]
            down = down / np.linalg.norm(down)
        line = _ecef(lon, lat, height) - position
        line /= np.linalg.norm(line, axis=1)[:, None]
        a, b = np.radians([lon, lat])
        up = np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
        off_nadir = np.degrees(np.arccos(np.clip(np.sum(line * down, axis=1), -1.0, 1.0)))
        return off_nadir, np.degrees(np.arcsin(-line @ up))

    def abeam_s(self, lon: float, lat: float, around_s: float) -> float:
        """Second (with fraction) near ``around_s`` at which a ground point lies straight across the track."""
        near = np.flatnonzero(np.abs(self.seconds - around_s) < 150.0)
        site = _ecef(lon, lat, 0.0)
        down, velocity = self.down[near], self.velocity[near]
        forward = velocity - np.sum(velocity * down, axis=1)[:, None] * down
        ahead = np.sum((site - self.position[near]) * forward, axis=1)
        k = int(np.flatnonzero((ahead[:-1] > 0) & (ahead[1:] <= 0))[0])
        return float(self.seconds[near][k] + ahead[k] / (ahead[k] - ahead[k + 1]))


@pytest.fixture(scope="module")
def references() -> dict[str, Reference]:
    """One day of every spacecraft."""
    with iers.conf.set_temp("auto_download", False):
        return {name: _reference(*lines) for name, lines in TLES.items()}


def _reference(first: str, second: str) -> Reference:
    seconds = np.arange(0.0, 86_401.0)
    time = Time("2024-09-22T12:00:00", scale="utc") + seconds * u.s
    code, position, velocity = Satrec.twoline2rv(first, second).sgp4_array(time.jd1, time.jd2)
    assert not code.any()
    state = Cartesian(position.T * u.km, differentials=CartesianDifferential(velocity.T * u.km / u.s))
    itrs = TEME(state, obstime=time).transform_to(ITRS(obstime=time))
    fixed = itrs.cartesian.xyz.to_value(u.m).T
    moving = itrs.cartesian.differentials["s"].d_xyz.to_value(u.m / u.s).T
    lon, lat, _ = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True).transform(*fixed.T)
    a, b = np.radians(lon), np.radians(lat)
    down = -np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], axis=1)
    return Reference(seconds, time, fixed, moving, down)


def elements(name: str) -> MeanElements:
    first, second = TLES[name]
    year, day = int(first[18:20]), float(first[20:32])
    exponent = float(f"{first[53]}.{first[54:59].strip()}e{first[59:61]}".replace(" ", ""))
    return MeanElements(
        name=name,
        norad_id=int(first[2:7]),
        cospar_id="",
        epoch=Epoch.from_iso(f"20{year}-01-01") + (day - 1.0) * 86_400.0,
        mean_motion=float(second[52:63]),
        eccentricity=float("0." + second[26:33]),
        inclination_deg=float(second[8:16]),
        raan_deg=float(second[17:25]),
        arg_of_perigee_deg=float(second[34:42]),
        mean_anomaly_deg=float(second[43:51]),
        bstar=exponent,
        mean_motion_dot=float(first[33:43]),
        mean_motion_ddot=0.0,
        source="GP 2024-09-22",
    )


def sun_elevation(time: Time, lon: float, lat: float, height: float) -> np.ndarray:
    site = EarthLocation.from_geodetic(lon, lat, height)
    with iers.conf.set_temp("auto_download", False):
        return np.atleast_1d(get_sun(time).transform_to(AltAz(obstime=time, location=site)).alt.deg)


def spans(inside: np.ndarray, seconds: np.ndarray) -> list[tuple[float, float]]:
    """Where a signed margin is positive, edges on straight lines."""
    good = inside > 0
    edge = np.flatnonzero(good[:-1] != good[1:])
    roots = list(seconds[edge] + inside[edge] / (inside[edge] - inside[edge + 1]))
    if good[0]:
        roots.insert(0, seconds[0])
    if good[-1]:
        roots.append(seconds[-1])
    return list(zip(roots[::2], roots[1::2], strict=True))


@pytest.mark.parametrize("name", TLES)
def test_windows_on_points_match_every_second_of_a_day(name: str, references: dict[str, Reference]) -> None:
    one, mean = references[name], elements(name)
    trajectory = SGP4Trajectory(mean, EarthOrientation.bundled())
    targets = [
        Target(id=key, name=key, geometry=shapely.Point(*place), territory=None)
        for key, place in SITES.items()
    ]
    windows = imaging_windows(
        craft(mean.norad_id, instrument("agile", 20e3)),
        trajectory,
        targets,
        SPAN,
        min_sun_elevation_deg=SUN_LIMIT_DEG,
    )
    compared = 0
    for key, place in SITES.items():
        off_nadir, elevation = one.angles(*place)
        margin = np.minimum(LIMIT_DEG - off_nadir, elevation)
        sun = np.full(len(margin), 90.0)
        near = margin > -1.0
        if near.any():
            sun[near] = sun_elevation(one.time[near], *place)
        lit = spans(sun - SUN_LIMIT_DEG, one.seconds)
        # met one by one: the least of two straight lines is none
        both = [(max(a, c), min(b, d)) for a, b in spans(margin, one.seconds) for c, d in lit]
        expected = [span for span in both if span[0] < span[1]]
        ours = [w for w in windows if w.target == key]
        for window in ours:
            start, end = window.interval.start - START, window.interval.end - START
            matches = [s for s in expected if s[0] - EDGE_S < end and s[1] + EDGE_S > start]
            if not matches and end - start < 1.5:
                continue  # between two of the reference's seconds
            assert len(matches) == 1, f"{key}: invented {window.interval}"
            expected.remove(matches[0])
            if end - start < 5.0:
                continue  # so steep a turn is no straight line over a second
            for edge, known in zip((start, end), matches[0], strict=True):
                assert abs(edge - known) < EDGE_S
            for look in window.looks:
                at = look.at - START
                nadir_angle, height_angle = one.angles(*place, at=at)
                assert look.off_nadir_deg == pytest.approx(nadir_angle[0], abs=ANGLE_DEG)
                assert look.incidence_deg == pytest.approx(90.0 - height_angle[0], abs=ANGLE_DEG)
            moment = Time("2024-09-22T12:00:00", scale="utc") + (window.best.at - START) * u.s
            assert sun_elevation(moment, *place)[0] == pytest.approx(
                window.best.sun_elevation_deg, abs=SUN_DEG
            )
            during = (one.seconds >= start) & (one.seconds <= end)
            assert window.best.off_nadir_deg <= off_nadir[during].min() + 1e-3
            compared += 1
        assert not expected, f"{key}: missed {expected}"
    assert compared >= 10, "too few windows to say anything"


@pytest.mark.parametrize(
    ("name", "pointing", "swath_m", "altitude_m"),
    [
        ("KANOPUS-V 3", "agile", 20_100.0, 510e3),
        ("GAOFEN-2", "agile", 45_300.0, 631e3),
        ("METEOR-M2 3", "nadir", 1_000e3, 830e3),
    ],
)
def test_a_strip_window_sweeps_the_whole_strip(
    name: str, pointing: str, swath_m: float, altitude_m: float, references: dict[str, Reference]
) -> None:
    """Every point of the strip comes abeam within the window, inside the field of view."""
    one, mean = references[name], elements(name)
    camera = instrument(pointing, swath_m, 45.0, altitude_m)
    trajectory = SGP4Trajectory(mean, EarthOrientation.bundled())
    # one on the equator side, one over the antimeridian, one far north
    areas = [
        shapely.box(41.8, 10.9, 43.4, 12.7),
        shapely.box(178.0, -19.0, 182.0, -16.0),
        shapely.box(60, 70, 66, 72),
    ]
    targets = [
        Target(id=f"area-{k}", name="", geometry=shape, territory=None) for k, shape in enumerate(areas)
    ]
    windows = imaging_windows(craft(mean.norad_id, camera), trajectory, targets, SPAN)
    assert {w.target.partition("/")[0] for w in windows} >= {"area-2"}
    half_deg = np.degrees(half_field_rad(camera))
    rng = np.random.default_rng(7)
    for window in rng.choice(np.array(windows, dtype=object), min(12, len(windows)), replace=False):
        middle = window.interval.middle - START
        spots = _inside(window.footprint, rng, 12)
        moments = [one.abeam_s(lon, lat, middle) for lon, lat in spots]
        assert min(moments) > (window.interval.start - START) - EDGE_S
        assert max(moments) < (window.interval.end - START) + EDGE_S
        rolls = np.array([_roll(one, lon, lat, at) for (lon, lat), at in zip(spots, moments, strict=True)])
        if pointing == "nadir":
            assert np.abs(rolls).max() <= half_deg + ANGLE_DEG
        else:
            # the boresight follows the centre line, so its roll is the strip's middle at that instant
            centre = np.interp(
                moments,
                [look.at - START for look in window.looks],
                [look.roll_deg for look in window.looks],
            )
            assert np.abs(rolls - centre).max() <= half_deg + 0.25  # the line bends between three looks
        assert window.best.off_nadir_deg <= 45.0


@pytest.mark.parametrize("name", ["KANOPUS-V 3", "GAOFEN-2"])
def test_no_pass_over_a_strip_is_missed(name: str, references: dict[str, Reference]) -> None:
    """Passes counted at the centre of each strip, second by second."""
    one, mean = references[name], elements(name)
    camera = instrument("agile", 45_300.0, 45.0, 631e3)
    area = area_from_geometry(shapely.box(20.0, 69.0, 26.0, 71.0), "north")
    trajectory = SGP4Trajectory(mean, EarthOrientation.bundled())
    target = Target(id="north", name="", geometry=area.geometry, territory=None)
    windows = imaging_windows(craft(mean.norad_id, camera), trajectory, [target], SPAN)
    radius = float(np.linalg.norm(one.position, axis=1).mean())
    width = strip_width_km(camera, radius - 6_371_008.8)
    for ascending in (True, False):
        for strip in cut_into_strips(area, width, mean.inclination_deg, ascending):
            ends = [strip.centre[0], strip.centre[2], strip.centre[-1]]
            tables = [one.angles(float(lon), float(lat), 0.0) for lon, lat in ends]
            closest = _minima(tables[1][0])
            ours = [w for w in windows if w.target == strip.id]
            certain, possible = 0, 0
            for k in closest:
                if tables[1][1][k] <= 0 or (one.velocity[k, 2] > 0) != ascending:
                    continue
                if not 100 < k < len(one.seconds) - 100:
                    continue  # a strip half done when the day ends is not done
                worst = max(float(off[max(0, k - 150) : k + 150].min()) for off, _ in tables)
                certain += worst < 44.95
                possible += worst < 45.05
            assert certain <= len(ours) <= possible, strip.id


def _ecef(lon: float, lat: float, height: float) -> np.ndarray:
    return np.array(EarthLocation.from_geodetic(lon, lat, height).to_value(u.m).tolist())


def _minima(values: np.ndarray) -> np.ndarray:
    return 1 + np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:]))


def _inside(shape: shapely.Geometry, rng: np.random.Generator, count: int) -> list[tuple[float, float]]:
    west, south, east, north = shape.bounds
    spots: list[tuple[float, float]] = []
    while len(spots) < count:
        x, y = rng.uniform(west, east, 4000), rng.uniform(south, north, 4000)
        spots += [(float(a), float(b)) for a, b in zip(x, y, strict=True) if shapely.contains_xy(shape, a, b)]
    return spots[:count]


def _roll(one: Reference, lon: float, lat: float, at: float) -> float:
    site = _ecef(lon, lat, 0.0)
    k, f = int(at), at - int(at)
    position = one.position[k] * (1 - f) + one.position[k + 1] * f
    down, velocity = one.down[k], one.velocity[k]
    right = np.cross(down, velocity)
    right /= np.linalg.norm(right)
    line = site - position
    return float(np.degrees(np.arctan2(line @ right, line @ down)))
