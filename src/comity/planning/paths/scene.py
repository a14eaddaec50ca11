"""What a generated instance contains, as one table from which its arrays and its problem file are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from comity.access import Site, window_table
from comity.core import Epoch, InputError, Interval, Progress, ThreadExecutor, silent
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    SGP4Trajectory,
    StateGrid,
    geodetic_to_ecef,
    parse_elements,
    sun_direction_itrf,
    up_vector,
)
from comity.planning.paths.ground import HOME, POLAR, places, slots
from comity.planning.paths.problem import FloatArray, IntArray

#: Within days of the elements' own epochs.
EPOCH = "2024-09-22T00:00:00Z"
DAY_S, SHORT_S = 86_400.0, 21_600.0
_EARTH_RATE = 7.292115e-5
_EARTH_RADIUS_M = 6_378_137.0
_STEP_S, _SUN_STEP_S = 20.0, 600.0
#: Slack (s) that a window must have beside the duration.
_SLACK_S = 1.0
#: Satellites in one plane; further ones fly in other planes.
_IN_PLANE = 6
#: Part of a low orbit that lies in the Earth's shadow at most.
_MOST_SHADE = 0.4
#: Of a class of 200–500 kg that turns by gyroscopes: instrument (bit/s, W), turn to a target (J), platform
#: and transmitter (W), capacity of the battery (J), the part of it that may be used.
RECORD_BPS = 6.0e8
CAMERA_W, TURN_J, LOAD_W, TRANSMIT_W = 900.0, 6_000.0, 250.0, 60.0
BATTERY_J, DISCHARGE = 5.0e6, 0.3
#: Of the three kinds of satellite: short of power, of memory, of contact time.
_MEMORY, _SEND, _POWER = np.array([1.3, 0.65, 1.5]), np.array([1.0, 2.0, 0.6]), np.array([0.25, 1.6, 1.6])
RATE_RAD_S, ACCELERATION_RAD_S2, SETTLE_S = 0.035, 0.035, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an instance is made of; the same recipe gives the same instance everywhere.

    ``starts``: start times offered in each window. Means over the fleet, spread by satellite:
    ``memory`` (acquisitions a store holds), ``send_bps``, ``per_orbit`` (acquisitions that the Sun's power
    sustains). A third of the fleet each is short of power (a worn array: it spends the day's first charge,
    and little comes in beside; its contacts are at polar stations, on each orbit), of memory (fast contacts
    at a home station by day, with long gaps) and of contact time (a slow transmitter, at a home station).
    ``stock``: part of the memory filled at first, as in a rolling plan, where what is taken last is sent by
    the next one. ``charged``: part of a battery's spare charge that is there at first. ``deliver``: all that
    is taken must be down by the end instead, and nothing is stored at first.
    ``polar``, ``home``: stations of each kind; ``antennas`` at each.
    ``shared``: those short of contact time may also use polar stations. ``begin_s``: when it begins, after
    :data:`EPOCH`. Where it lasts no longer than ``SHORT_S``, requests lie where it is day.
    """

    satellites: int
    requests: int
    seed: int = 0
    begin_s: float = 0.0
    horizon_s: float = DAY_S
    starts: int = 3
    min_elevation_deg: float = 52.0
    min_sun_elevation_deg: float = 10.0
    clustered: float = 0.3
    slot_s: float = 90.0
    polar: int = 2
    home: int = 4
    antennas: int = 1
    shared: bool = False
    memory: float = 69.0
    send_bps: float = 6.9e8
    per_orbit: float = 8.75
    stock: float = 0.7
    charged: float = 1.0
    deliver: bool = False

    def __post_init__(self) -> None:
        if self.satellites < 1 or self.requests < 1 or self.starts < 1:
            raise InputError("an instance has at least one satellite, one request and one start per window")
        if not (1 <= self.polar <= len(POLAR) and 1 <= self.home <= len(HOME)) or self.antennas < 1:
            raise InputError(
                f"an instance has 1 … {len(POLAR)} polar and 1 … {len(HOME)} home stations, "
                "with at least one antenna each"
            )
        if not (self.slot_s > 0 and self.horizon_s >= 2 * self.slot_s):
            raise InputError("an instance lasts at least two slots of contact")
        if min(self.memory, self.send_bps, self.per_orbit) <= 0:
            raise InputError("memory, data rate and power must be above 0")
        if not (0 <= self.stock <= 1 and 0 <= self.charged <= 1):
            raise InputError("the stock and the first charge are parts, 0 … 1")

    @property
    def epoch(self) -> Epoch:
        """When it begins."""
        return Epoch.from_iso(EPOCH) + self.begin_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """The table. All numbers are rounded to what a file holds.

    Requests (r,): place, duration, value. Opportunities (o,), sorted by satellite and start: first start,
    step between starts, chance of success; ``sights`` (o, starts, 2, 3): unit vectors at start and end of
    each. Slots (c,): satellite, station, number. Satellites (s,). Eclipses (e,): satellite, start, end.
    """

    recipe: Recipe
    names: tuple[str, ...]
    stations: tuple[tuple[str, float, float], ...]
    lon_deg: FloatArray
    lat_deg: FloatArray
    duration_s: FloatArray
    worth: FloatArray
    satellite: IntArray
    request: IntArray
    start_s: FloatArray
    step_s: FloatArray
    chance: FloatArray
    sights: FloatArray
    slot_satellite: IntArray
    slot_station: IntArray
    slot: IntArray
    memory_bits: FloatArray
    stored_bits: FloatArray
    send_bps: FloatArray
    charge_w: FloatArray
    initial_j: FloatArray
    eclipse_satellite: IntArray
    eclipse_start_s: FloatArray
    eclipse_end_s: FloatArray


def fleet_elements(count: int) -> list[MeanElements]:
    """``count`` elements: the bundled Earth-observation satellites, followers in their planes, and then the
    same in planes turned about the Earth's axis."""
    path = resources.files("comity.fleet") / "data" / "joint-eo.3le"
    real = parse_elements(path.read_text(encoding="utf-8"), "joint-eo.3le").elements
    golden_deg = 180.0 * (3.0 - math.sqrt(5.0))
    made = []
    for k in range(count):
        one, follower = real[k % len(real)], k // len(real)
        made.append(
            replace(
                one,
                name=f"{one.name} +{follower}" if follower else one.name,
                mean_anomaly_deg=(one.mean_anomaly_deg + follower * golden_deg) % 360.0,
                raan_deg=(one.raan_deg + follower // _IN_PLANE * golden_deg) % 360.0,
            )
        )
    return made


def build(recipe: Recipe, *, progress: Progress = silent) -> Scene:
    """The scene of ``recipe``."""
    # One stream per matter: a change in one leaves the others as they are.
    streams = [np.random.default_rng((recipe.seed, k)) for k in range(4)]
    eop = EarthOrientation.bundled()
    epoch = recipe.epoch
    interval = Interval(epoch, epoch + recipe.horizon_s)
    elements = fleet_elements(recipe.satellites)
    crafts = [SGP4Trajectory(one, eop) for one in elements]
    progress(0, 4, "requests")
    worth = 10.0 * streams[1].integers(1, 11, recipe.requests).astype(np.float64)
    duration = streams[1].integers(5, 31, recipe.requests).astype(np.float64)
    clear = np.round(streams[1].uniform(0.5, 1.0, recipe.requests), 2)
    hours = np.arange(0.0, recipe.horizon_s + _SUN_STEP_S, _SUN_STEP_S)
    sun = sun_direction_itrf(epoch, hours, eop)
    noon = sun[len(sun) // 2] if recipe.horizon_s <= SHORT_S else None
    lon, lat = places(recipe.requests, recipe.clustered, streams[0], noon)
    progress(1, 4, "windows")
    who, what, start, step = _windows(recipe, crafts, interval, lon, lat, duration, sun)
    progress(2, 4, "lines of sight")
    sights, tilt, eclipses = _geometry(
        recipe, crafts, epoch, lon, lat, duration, (who, what, start, step), sun
    )
    chance = np.round(clear[what] * (1.0 - 0.4 * np.minimum(tilt / math.radians(40.0), 1.0)), 3)
    progress(3, 4, "contacts")
    stations = (*POLAR[: recipe.polar], *HOME[: recipe.home])
    kind = np.arange(recipe.satellites) % 3
    licensed = np.zeros((recipe.satellites, len(stations)), np.bool_)
    licensed[:, : recipe.polar] = ((kind == 0) | ((kind == 2) & recipe.shared))[:, None]
    at_home = recipe.polar + streams[2].integers(0, recipe.home, recipe.satellites)
    licensed[np.arange(recipe.satellites), at_home] = kind != 0
    slot_who, slot_where, slot = slots(crafts, stations, licensed, interval, recipe.slot_s)
    # Home stations of the second kind are manned by day.
    where = up_vector(*(np.array([one[k] for one in stations]) for k in (1, 2)))
    up = np.einsum(
        "ij,ij->i", _between(sun, slot.astype(np.float64) * (recipe.slot_s / _SUN_STEP_S)), where[slot_where]
    )
    manned = (kind[slot_who] != 1) | (up > 0)
    slot_who, slot_where, slot = slot_who[manned], slot_where[manned], slot[manned]
    size = streams[3].uniform(0.8, 1.2, (4, recipe.satellites))
    typical = RECORD_BPS * float(duration.mean())
    memory = np.round(typical * recipe.memory * _MEMORY[kind] * size[0], -8)
    stored = np.zeros(recipe.satellites) if recipe.deliver else np.round(recipe.stock * memory, -8)
    rate = np.round(recipe.send_bps * _SEND[kind] * size[1], -6)
    charge, initial = _power(recipe, crafts, eclipses, _POWER[kind] * size[2], size[3])
    progress(4, 4, "done")
    return Scene(
        recipe=recipe,
        names=tuple(one.name or str(one.norad_id) for one in elements),
        stations=stations,
        lon_deg=lon,
        lat_deg=lat,
        duration_s=duration,
        worth=worth,
        satellite=who,
        request=what,
        start_s=start,
        step_s=step,
        chance=chance,
        sights=sights,
        slot_satellite=slot_who,
        slot_station=slot_where,
        slot=slot,
        memory_bits=memory,
        stored_bits=stored,
        send_bps=rate,
        charge_w=charge,
        initial_j=initial,
        eclipse_satellite=eclipses[:, 0].astype(np.int64),
        eclipse_start_s=eclipses[:, 1],
        eclipse_end_s=eclipses[:, 2],
    )


def _windows(
    recipe: Recipe,
    crafts: Sequence[SGP4Trajectory],
    interval: Interval,
    lon: FloatArray,
    lat: FloatArray,
    duration: FloatArray,
    sun: FloatArray,
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Satellite, request, first start and step of each window by day that is long enough."""
    sites = [
        Site(name=str(k), lon_deg=x, lat_deg=y, min_elevation_deg=recipe.min_elevation_deg)
        for k, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
    ]
    table = window_table(crafts, sites, interval, position_error_m=10.0, executor=ThreadExecutor(2))
    who, what = table.spacecraft.astype(np.int64), table.site.astype(np.int64)
    opens = np.ceil(10.0 * np.maximum(table.start_s, 0.0)) / 10.0
    closes = np.floor(10.0 * np.minimum(table.end_s, recipe.horizon_s)) / 10.0
    light = np.einsum(
        "ij,ij->i", _between(sun, (opens + closes) / 2 / _SUN_STEP_S), up_vector(lon, lat)[what]
    )
    slack = closes - opens - duration[what]
    by_day = light >= math.sin(math.radians(recipe.min_sun_elevation_deg))
    usable = by_day & (slack >= max(_SLACK_S, 0.1 * recipe.starts))
    who, what, opens, slack = who[usable], what[usable], opens[usable], slack[usable]
    if recipe.starts > 1:
        # A little less than the slack, so that no rounding loses the last start.
        step = np.floor(10.0 * (slack - 0.05) / (recipe.starts - 1)) / 10.0
    else:
        step = np.zeros(len(slack))
        opens = np.round(opens + np.round(slack / 2, 1), 1)
    order = np.lexsort((what, opens, who))
    return who[order], what[order], np.round(opens[order], 1), np.round(step[order], 1)


def _geometry(
    recipe: Recipe,
    crafts: Sequence[SGP4Trajectory],
    epoch: Epoch,
    lon: FloatArray,
    lat: FloatArray,
    duration: FloatArray,
    windows: tuple[IntArray, IntArray, FloatArray, FloatArray],
    sun: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lines of sight (o, starts, 2, 3), angle off nadir (o,) at the middle, eclipses (e, 3)."""
    who, what, start, step = windows
    grid = StateGrid(crafts)
    place = geodetic_to_ecef(lon, lat)
    count = int(recipe.horizon_s / _STEP_S) + 2
    times = np.arange(count) * _STEP_S
    sun_now = _between(sun, np.minimum(times / _SUN_STEP_S, len(sun) - 1.0))
    offsets = np.searchsorted(who, np.arange(recipe.satellites + 1))
    sights = np.empty((len(who), recipe.starts, 2, 3))
    tilt = np.empty(len(who))
    eclipses: list[tuple[float, float, float]] = []
    for s in range(recipe.satellites):
        states, lost = grid.states(np.array([s]), epoch, 0.0, _STEP_S, count)
        if lost:
            raise next(iter(lost.values()))
        own = slice(offsets[s], offsets[s + 1])
        target, lasting = place[what[own]], duration[what[own]]
        for k in range(recipe.starts):
            at = start[own] + k * step[own]
            sights[own, k, 0] = _sight(_position(states[0], at), target, at)
            sights[own, k, 1] = _sight(_position(states[0], at + lasting), target, at + lasting)
        middle = start[own] + (step[own] * (recipe.starts - 1) + lasting) / 2
        eye = _position(states[0], middle)
        cosine = np.einsum("ij,ij->i", _sight(eye, 0.0 * eye, middle), _sight(eye, target, middle))
        tilt[own] = np.arccos(np.clip(cosine, -1.0, 1.0))
        eclipses += [(s, a, b) for a, b in _shadow(states[0][:, :3], sun_now, times, recipe.horizon_s)]
    return np.round(sights, 7), tilt, np.array(eclipses, dtype=np.float64).reshape(-1, 3)


def _power(
    recipe: Recipe,
    crafts: Sequence[SGP4Trajectory],
    eclipses: FloatArray,
    supply: FloatArray,
    spread: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Yield in the Sun (W), with so many acquisitions left over in each orbit, and the first charge (J)."""
    satellites = len(crafts)
    period = np.array([DAY_S / craft.elements.mean_motion for craft in crafts])
    surplus = recipe.per_orbit * supply * (17.5 * CAMERA_W + TURN_J) / period
    floor = (1.0 - DISCHARGE) * BATTERY_J
    charge, initial = np.empty(satellites), np.empty(satellites)
    for s in range(satellites):
        own = eclipses[eclipses[:, 0] == s, 1:]
        dark = float((own[:, 1] - own[:, 0]).sum())
        shade = min(dark / recipe.horizon_s, _MOST_SHADE)  # less than an orbit may be all dark
        charge[s] = np.round((LOAD_W + surplus[s]) / (1.0 - shade), 1)
        level, lowest, now = 0.0, 0.0, 0.0
        for a, b in own.tolist():
            level = level + (charge[s] - LOAD_W) * (a - now) - LOAD_W * (b - a)
            lowest, now = min(lowest, level), b
        # Enough for its first eclipses with nothing done, and some of the rest.
        free = max(0.0, BATTERY_J - floor + lowest)
        initial[s] = np.ceil((BATTERY_J - max(0.0, 1.0 - recipe.charged * spread[s]) * free) / 1e3) * 1e3
    return charge, initial


def _between(nodes: FloatArray, at: FloatArray) -> FloatArray:
    """Rows of ``nodes`` at fractional places ``at``, straight between them."""
    k = np.clip(at.astype(np.int64), 0, len(nodes) - 2)
    part = (at - k)[:, None]
    return np.asarray(nodes[k] * (1.0 - part) + nodes[k + 1] * part)


def _position(states: FloatArray, at_s: FloatArray) -> FloatArray:
    """Positions (n, 3) by the cubic through positions and velocities every ``_STEP_S``."""
    k = np.clip((at_s / _STEP_S).astype(np.int64), 0, len(states) - 2)
    x = (at_s / _STEP_S - k)[:, None]
    a, b = states[k], states[k + 1]
    return np.asarray(
        (1 + 2 * x) * (1 - x) ** 2 * a[:, :3]
        + x * (1 - x) ** 2 * _STEP_S * a[:, 3:]
        + x * x * (3 - 2 * x) * b[:, :3]
        + x * x * (x - 1) * _STEP_S * b[:, 3:]
    )


def _sight(eye: FloatArray, place: FloatArray, at_s: FloatArray) -> FloatArray:
    """Unit vectors from ``eye`` to ``place`` (Earth-fixed), turned into a frame that does not rotate."""
    line = place - eye
    line = line / np.linalg.norm(line, axis=1)[:, None]
    c, s = np.cos(_EARTH_RATE * at_s), np.sin(_EARTH_RATE * at_s)
    return np.stack((c * line[:, 0] - s * line[:, 1], s * line[:, 0] + c * line[:, 1], line[:, 2]), axis=1)


def _shadow(
    position: FloatArray, sun: FloatArray, times: NDArray[np.floating], horizon_s: float
) -> list[tuple[float, float]]:
    """Spans in the Earth's shadow, a cylinder, to about a second."""
    along = np.einsum("ij,ij->i", position, sun)
    aside = np.linalg.norm(position - along[:, None] * sun, axis=1)
    # Below 0 in the shadow: how far outside the cylinder, or how far in front of the Earth.
    clear = np.maximum(aside - _EARTH_RADIUS_M, along)
    inside = clear < 0.0
    edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
    cross = times[edges] + _STEP_S * clear[edges] / (clear[edges] - clear[edges + 1])
    points = np.concatenate(([0.0], np.round(cross, 1), [horizon_s]))
    spans = []
    dark = bool(inside[0])
    for a, b in zip(points[:-1].tolist(), points[1:].tolist(), strict=True):
        if dark and min(b, horizon_s) > a:
            spans.append((a, min(b, horizon_s)))
        dark = not dark
    return spans
