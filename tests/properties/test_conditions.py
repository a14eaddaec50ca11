"""What holds for conditions over any orbit: no instant called wrongly, no event missed, the laws of logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from comity.access import Event, Site, conditions, find_events
from comity.access.conditions import Composable, Scene
from comity.access.events import maximise
from comity.core import Epoch, Interval
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    Trajectory,
    ecef_to_geodetic,
    elevation_azimuth_deg,
    geodetic_to_ecef,
    up_vector,
)
from comity.orbits.moon import moon_position_itrf
from comity.orbits.sun import SUN_RADIUS_M, sun_position_itrf

FloatArray = NDArray[np.float64]
Truth = Callable[[FloatArray], FloatArray]

START = Epoch.from_iso("2024-09-22T00:00:00Z")
EOP = EarthOrientation.bundled()
HOURS = Interval(START, START + 6 * 3600.0)
EARTH_M = 6_378_137.0
STRETCH = np.array([1.0, 1.0, 1.0 / (1.0 - 1.0 / 298.257223563)])


def elements(
    n: float, e: float, i: float, raan: float, perigee: float, anomaly: float, bstar: float = 0.0
) -> MeanElements:
    return MeanElements(
        name="X",
        norad_id=1,
        cospar_id="",
        epoch=START + -43_200.0,
        mean_motion=n,
        eccentricity=e,
        inclination_deg=i,
        raan_deg=raan,
        arg_of_perigee_deg=perigee,
        mean_anomaly_deg=anomaly,
        bstar=bstar,
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
    )


ANGLE = st.floats(0.0, 359.0)
#: Geostationary, Molniya, Arktika-M (24 h), sun-synchronous, retrograde equatorial, about to decay, and any.
FAMILIES = {
    "geo": lambda a, b, c: elements(1.0027379, 2e-4, 0.05, a, b, c),
    "molniya": lambda a, b, c: elements(2.00616, 0.72, 63.4, a, 270.0, c),
    "arktika-m": lambda a, b, c: elements(1.0027379, 0.69, 63.3, a, 267.0, c),
    "sun-synchronous": lambda a, b, c: elements(14.8, 1e-3, 98.1, a, b, c, 1e-4),
    "retrograde": lambda a, b, c: elements(15.2, 1e-3, 179.5, a, b, c, 1e-4),
    "decaying": lambda a, b, c: elements(16.1, 1e-3, 51.6, a, b, c, 1e-3),
    "transfer": lambda a, b, c: elements(2.27, 0.73, 7.0, a, b, c),
    "any": lambda a, b, c: elements(8.0 + b / 50.0, 0.05, a / 2.0, b, c, a, 1e-5),
}
ORBITS = st.builds(
    lambda family, a, b, c: SGP4Trajectory(FAMILIES[family](a, b, c), EOP),
    st.sampled_from(sorted(FAMILIES)),
    ANGLE,
    ANGLE,
    ANGLE,
)
SITES = st.builds(
    Site,
    name=st.just("s"),
    lon_deg=st.sampled_from([180.0, -179.999]) | st.floats(-180.0, 180.0),
    lat_deg=st.sampled_from([-90.0, 90.0, 0.0]) | st.floats(-90.0, 90.0),
    altitude_m=st.floats(-400.0, 5_000.0),
)
MASK = ((0.0, 5.0), (40.0, 30.0), (41.0, 2.0), (200.0, 15.0), (300.0, 0.0))


def angle_deg(a: FloatArray, b: FloatArray) -> FloatArray:
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(cross, np.sum(a * b, axis=-1)))


class Case:
    """A condition beside the same thing said in angles, sampled on the trajectory (positive: holds)."""

    def __init__(self, orbit: Trajectory, other: Trajectory, site: Site, limit: float) -> None:
        self.orbit, self.other, self.site, self.limit = orbit, other, site, limit
        self.ground = geodetic_to_ecef(site.lon_deg, site.lat_deg, site.altitude_m)

    def at(self, t: FloatArray) -> FloatArray:
        return self.orbit.itrf(START, t)[0]

    def look(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        return elevation_azimuth_deg(self.site.lon_deg, self.site.lat_deg, self.at(t) - self.ground)

    def sun(self, t: FloatArray) -> FloatArray:
        return sun_position_itrf(START, t, EOP)

    def pairs(self) -> dict[str, tuple[Composable, Truth]]:
        orbit, other, site, x = self.orbit, self.other, self.site, self.limit
        up = up_vector(site.lon_deg, site.lat_deg)
        radius = float(np.linalg.norm(self.at(np.zeros(1))))
        table = np.array([(MASK[-1][0] - 360.0, MASK[-1][1]), *MASK, (MASK[0][0] + 360.0, MASK[0][1])])

        def off_nadir(t: FloatArray) -> FloatArray:
            lon, lat, _ = ecef_to_geodetic(self.at(t))
            return angle_deg(self.ground - self.at(t), -up_vector(lon, lat))

        def shadow(t: FloatArray, sign: float) -> FloatArray:
            """Montenbruck & Gill, eqs. 3.85–3.87, with the ellipsoid stretched to a sphere."""
            r, s = self.at(t) * STRETCH, self.sun(t) * STRETCH
            to_sun = s - r
            disk = np.degrees(np.arcsin(SUN_RADIUS_M / np.linalg.norm(to_sun, axis=-1)))
            earth = np.degrees(np.arcsin(np.minimum(1.0, EARTH_M / np.linalg.norm(r, axis=-1))))
            return earth + sign * disk - angle_deg(-r, to_sun)

        def sight(t: FloatArray) -> FloatArray:
            a, b = self.at(t) * STRETCH, other.itrf(START, t)[0] * STRETCH
            d = b - a
            along = np.clip(-np.sum(a * d, axis=-1) / np.maximum(np.sum(d * d, axis=-1), 1e-9), 0.0, 1.0)
            return np.linalg.norm(a + along[:, None] * d, axis=-1) - EARTH_M

        def right(t: FloatArray) -> FloatArray:
            position, velocity = orbit.itrf(START, t)
            lon, lat, _ = ecef_to_geodetic(position)
            across = np.cross(velocity, up_vector(lon, lat))
            return np.sum(across * (self.ground - position), axis=-1) / 1e3

        def azimuth(t: FloatArray) -> FloatArray:
            since = np.mod(self.look(t)[1] - 300.0, 360.0)
            return np.minimum(since, 100.0 - since)

        def longitude(t: FloatArray) -> FloatArray:
            since = np.mod(ecef_to_geodetic(self.at(t))[0] - 170.0, 360.0)
            return np.minimum(since, 25.0 - since)

        def range_other(t: FloatArray) -> FloatArray:
            return 1.2 * radius - np.linalg.norm(self.at(t) - other.itrf(START, t)[0], axis=-1)

        def moon_away(t: FloatArray) -> FloatArray:
            line = moon_position_itrf(START, t, EOP) - self.ground
            return angle_deg(self.at(t) - self.ground, line) - x

        def sun_forward(t: FloatArray) -> FloatArray:
            position, velocity = orbit.itrf(START, t)
            spin = 7.292115146706979e-5 * np.cross([0.0, 0.0, 1.0], position)
            return angle_deg(velocity + spin, self.sun(t) - position) - x

        return {
            "elevation": (conditions.elevation(orbit, site, x / 3.0), lambda t: self.look(t)[0] - x / 3.0),
            "incidence": (conditions.incidence(orbit, site, x), lambda t: x - 90.0 + self.look(t)[0]),
            "mask": (
                conditions.above_mask(orbit, site, MASK),
                lambda t: self.look(t)[0] - np.interp(self.look(t)[1], table[:, 0], table[:, 1]),
            ),
            "azimuth": (conditions.azimuth(orbit, site, 300.0, 40.0), azimuth),
            "range": (
                conditions.range_to_site(orbit, site, radius),
                lambda t: radius - np.linalg.norm(self.at(t) - self.ground, axis=-1),
            ),
            "off nadir": (conditions.off_nadir(orbit, site, x), lambda t: x - off_nadir(t)),
            "right": (conditions.right_of_track(orbit, site), right),
            "sun elevation": (
                conditions.sun_elevation(site, x - 45.0),
                lambda t: 135.0 - x - angle_deg(self.sun(t) - self.ground, up),
            ),
            "ascending": (conditions.ascending(orbit), lambda t: orbit.itrf(START, t)[1][:, 2]),
            "latitude": (
                conditions.latitude(orbit, x - 45.0),
                lambda t: ecef_to_geodetic(self.at(t))[1] - x + 45.0,
            ),
            "longitude": (conditions.longitude(orbit, 170.0, -165.0), longitude),
            "altitude": (
                conditions.altitude(orbit, radius - 6_371e3),
                lambda t: ecef_to_geodetic(self.at(t))[2] - radius + 6_371e3,
            ),
            "umbra": (conditions.umbra(orbit), lambda t: shadow(t, -1.0)),
            "sunlit": (conditions.sunlit(orbit), lambda t: -shadow(t, 1.0)),
            "penumbra": (
                conditions.penumbra(orbit),
                lambda t: np.minimum(shadow(t, 1.0), -shadow(t, -1.0)),
            ),
            "line of sight": (conditions.line_of_sight(orbit, other), sight),
            "range to other": (conditions.range_between(orbit, other, 1.2 * radius), range_other),
            "moon separation": (conditions.separation("moon", orbit, site, x), moon_away),
            "sun forward": (conditions.separation("sun", orbit, "forward", x), sun_forward),
        }


KINDS = sorted(
    Case(
        SGP4Trajectory(FAMILIES["geo"](0.0, 0.0, 0.0), EOP),
        SGP4Trajectory(FAMILIES["molniya"](0.0, 0.0, 0.0), EOP),
        Site(name="s", lon_deg=0.0, lat_deg=0.0),
        10.0,
    ).pairs()
)


def found(condition: Composable, interval: Interval = HOURS) -> list[Event]:
    try:
        return find_events(condition, interval, eop=EOP)
    except PropagationError:
        assume(False)
        raise


def seconds(events: list[Event]) -> FloatArray:
    rows = [(event.interval.start - START, event.interval.end - START) for event in events]
    return np.array(rows).reshape(-1, 2)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(ORBITS, ORBITS, SITES, st.floats(2.0, 88.0))
def test_no_instant_is_called_wrongly(
    kind: str, orbit: SGP4Trajectory, other: SGP4Trajectory, site: Site, limit: float
) -> None:
    """A dense look at each condition's own angle finds it true inside the spans and false outside them."""
    condition, truth = Case(orbit, other, site, limit).pairs()[kind]
    spans = seconds(found(condition))
    assert (spans[:, 1] > spans[:, 0]).all()
    assert (spans[1:, 0] > spans[:-1, 1]).all()
    times = np.linspace(0.0, HOURS.duration_s, 2_161)
    values = truth(times)
    inside = np.searchsorted(spans[:, 0], times, side="right") > np.searchsorted(spans[:, 1], times)
    # what rounding and the Sun's nodes may blur: 2e-7 rad
    doubtful = np.abs(values) < 2e-5
    wrong = (inside != (values > 0.0)) & ~doubtful
    assert not wrong.any(), (times[wrong], values[wrong])
    # and the edges are where the angle crosses its limit (those of a blink, as of an azimuth at the
    # zenith, stand too near to each other to look beside)
    edges = spans.ravel()
    apart = np.diff(np.concatenate([[-1.0], edges, [HOURS.duration_s + 1.0]])) > 0.1
    edges = edges[apart[:-1] & apart[1:] & (edges > 0.1) & (edges < HOURS.duration_s - 0.1)]
    beside = np.concatenate([truth(edges - 0.02), truth(edges + 0.02)]).reshape(2, -1)
    assert ((beside[0] > 0) != (beside[1] > 0))[(np.abs(beside) > 2e-5).all(axis=0)].all()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(ORBITS, ORBITS, SITES, st.floats(2.0, 88.0))
def test_no_margin_moves_faster_than_its_bound(
    kind: str, orbit: SGP4Trajectory, other: SGP4Trajectory, site: Site, limit: float
) -> None:
    """What the search rests on, of every leaf: differences over its first cells never exceed their bound."""
    condition = Case(orbit, other, site, limit).pairs()[kind][0]
    for leaf in condition.leaves():
        scene = Scene((orbit, other), HOURS, EOP)
        try:
            nodes = scene.track(orbit).nodes if leaf.movers else np.linspace(0.0, HOURS.duration_s, 37)
            low, high = nodes[:-1], nodes[1:]
            first, middle, last = (leaf.margin(scene, t) for t in (low, 0.5 * (low + high), high))
            rate, curvature = leaf.bound(scene, low, high)
        except PropagationError:
            assume(False)
            raise
        width = high - low
        size = np.abs(middle).max() * 1e-9
        assert (np.abs(last - first) <= rate * width + size).all(), leaf.name
        assert (np.abs(first - 2.0 * middle + last) <= curvature * width**2 / 4.0 + size).all(), leaf.name


@settings(max_examples=60, deadline=None)
@given(ORBITS, SITES, st.floats(np.log(0.003), np.log(3.0)))
def test_a_grazing_pass_is_found_however_short(orbit: SGP4Trajectory, site: Site, log_s: float) -> None:
    """The mask is put so near below a culmination that the pass lasts milliseconds; steps are 10 to 30 s."""
    ground = geodetic_to_ecef(site.lon_deg, site.lat_deg, site.altitude_m)
    up = up_vector(site.lon_deg, site.lat_deg)

    def sine(t: FloatArray) -> FloatArray:
        line = orbit.itrf(START, t)[0] - ground
        return line @ up / np.linalg.norm(line, axis=-1)

    try:
        times = np.arange(0.0, HOURS.duration_s, 20.0)
        values = sine(times)
    except PropagationError:
        assume(False)
        raise
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    assume(len(tops))
    low, high = times[tops] - 20.0, times[tops] + 20.0
    at, peak = maximise(lambda t, which: sine(t), low, high, 1e-5)
    h = 1.0
    bend = -(sine(at + h) - 2.0 * peak + sine(at - h)) / h**2
    # golden sections place a flat top to about a second over √bend; below this it is rounding that decides
    sharp = bend > 1e-6
    assume(sharp.any())
    duration = float(np.exp(log_s))
    for t, top, curve in zip(at[sharp][:3], peak[sharp][:3], bend[sharp][:3], strict=True):
        level = top - curve * duration**2 / 8.0
        spans = seconds(
            found(conditions.elevation(orbit, replace(site), float(np.degrees(np.arcsin(level)))))
        )
        near = spans[np.abs(spans.mean(axis=1) - t) < 0.5 * duration + 0.05]
        assert len(near) == 1, (t, duration, spans)
        assert near[0, 1] - near[0, 0] == pytest.approx(duration, rel=0.2, abs=2e-3)


def test_the_laws_of_logic_hold_to_the_bit() -> None:
    """De Morgan, double negation, the excluded middle and absorption, on edges as found."""
    orbit = SGP4Trajectory(FAMILIES["sun-synchronous"](10.0, 20.0, 30.0), EOP)
    other = SGP4Trajectory(FAMILIES["molniya"](50.0, 0.0, 80.0), EOP)
    site = Site(name="s", lon_deg=179.9, lat_deg=60.0)
    leaves = [pair[0] for pair in Case(orbit, other, site, 40.0).pairs().values()]
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(40):
        a, b, c = (leaves[k] for k in rng.choice(len(leaves), 3, replace=False))
        assert find(~(a & b)) == find(~a | ~b)
        assert find(~(a | b)) == find(~a & ~b)
        assert find(a & (b | c)) == find((a & b) | (a & c))
        assert find(~~a) == find(a)
        assert find(a | (a & b)) == find(a)
        assert find(a & ~a) == []
        assert find(a | ~a) == [HOURS]
        seen += len(find(a & b))
    assert seen > 40


def find(condition: Composable) -> list[Interval]:
    return [event.interval for event in find_events(condition, HOURS, eop=EOP)]
