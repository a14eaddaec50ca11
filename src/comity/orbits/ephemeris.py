"""Tabulated ephemerides: an object's states at given times, and the trajectory that passes through them.

Names and meanings are those of the CCSDS Orbit Ephemeris Message (OEM, 502.0-B-3 chapter 5). Between states
the trajectory is the polynomial the ephemeris asks for: Hermite's through positions and velocities, or
Lagrange's through either. Outside the time an ephemeris covers there is no state: nothing is extrapolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Interval
from comity.orbits.earth import ROTATION_RATE, EarthOrientation, itrf_to_teme
from comity.orbits.frames import frame_of, from_itrf, to_itrf
from comity.orbits.trajectory import PropagationError, Trajectory, step_of_cubic_s

FloatArray = NDArray[np.float64]
Interpolation = Literal["HERMITE", "LAGRANGE", "LINEAR"]

#: Degree where an ephemeris names none: that of common practice for steps of a few minutes.
DEFAULT_DEGREE = {"HERMITE": 7, "LAGRANGE": 9, "LINEAR": 1}
MAX_DEGREE = 27
#: More states of one object than this are not sampled: eleven days at a second each.
MAX_STATES = 1_000_000
#: Gravitational parameter (m³/s²) of WGS-84.
MU_EARTH = 3.986004418e14

#: Times are counted in doubles: what is nearer than this (s) to an end of the span is at it.
_ROUNDING_S = 1e-6
#: Instants interpolated at a time, so that a long list of them takes no more memory than a short one.
_BLOCK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EphemerisSegment:
    """States over one stretch without a break, such as between two manoeuvres.

    ``seconds`` (n,) s from ``epoch``, rising; ``position`` (n, 3) m and ``velocity`` (n, 3) m/s (None: not
    given) in ``ref_frame``, one of :data:`comity.orbits.FRAMES`. ``frame_name`` and ``time_system``: as
    the file calls them. ``useable``: the span that may be interpolated in, within that of the states.
    ``interpolation`` and ``degree``: the polynomial to lay through them; None takes Hermite's of degree 7
    (Lagrange's of degree 9 where there are no velocities), or a lower one where the states are too few. A
    velocity that is not given is the derivative of the positions' polynomial.

    Raises :class:`InputError` when there are fewer than two states or fewer than the degree asked for needs,
    times do not rise, a value is not finite, or a method or degree is unknown.
    """

    epoch: Epoch
    seconds: FloatArray
    position: FloatArray
    velocity: FloatArray | None
    ref_frame: str
    frame_name: str = ""
    time_system: str = "UTC"
    useable: Interval | None = None
    interpolation: Interpolation | None = None
    degree: int | None = None

    def __post_init__(self) -> None:
        count = len(self.seconds)
        if count < 2:
            raise InputError(f"a segment of {count} state{'s' * (count != 1)} has nothing to interpolate")
        given = (self.position,) if self.velocity is None else (self.position, self.velocity)
        if any(values.shape != (count, 3) for values in given):
            raise InputError(f"{count} times, but states of shape {[v.shape for v in given]}")
        if not all(np.isfinite(values).all() for values in (self.seconds, *given)):
            raise InputError("a state is not of finite numbers")
        if not (np.diff(self.seconds) > 0.0).all():
            at = self.epoch + float(self.seconds[1:][np.diff(self.seconds) <= 0.0][0])
            raise InputError(f"times do not rise at {at.iso()}")
        object.__setattr__(self, "ref_frame", frame_of(self.ref_frame))
        object.__setattr__(self, "frame_name", self.frame_name or self.ref_frame)
        method: Interpolation = self.interpolation or ("LAGRANGE" if self.velocity is None else "HERMITE")
        if method not in DEFAULT_DEGREE:
            raise InputError(f"interpolation {method!r} is not supported: use {', '.join(DEFAULT_DEGREE)}")
        if method == "HERMITE" and self.velocity is None:
            raise InputError("interpolation HERMITE needs velocities: use LAGRANGE")
        if method == "LINEAR":
            degree = 1
        elif self.degree is None:
            degree = min(DEFAULT_DEGREE[method], 2 * count - 1 if method == "HERMITE" else count - 1)
        else:
            degree = self.degree
        if not 1 <= degree <= MAX_DEGREE:
            raise InputError(f"interpolation degree {degree} is outside 1 … {MAX_DEGREE}")
        needed = degree // 2 + 1 if method == "HERMITE" else degree + 1
        if count < needed:
            raise InputError(
                f"{method} interpolation of degree {degree} needs {needed} states, the segment has {count}"
            )
        object.__setattr__(self, "interpolation", method)
        object.__setattr__(self, "degree", degree)
        whole = Interval(self.epoch + float(self.seconds[0]), self.epoch + float(self.seconds[-1]))
        span = whole if self.useable is None else self.useable.intersection(whole)
        if span is None:
            raise InputError(f"its useable span {self.useable} has no states")
        object.__setattr__(self, "useable", span)

    @property
    def span(self) -> Interval:
        """The time that may be asked for, both ends included."""
        assert self.useable is not None
        return self.useable

    def at(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) m and velocities (n, 3) m/s in ``ref_frame``, at ``epoch + seconds`` (n,) s.

        The times must lie within the states; that they lie within the useable span is not checked.
        """
        position, velocity = np.empty((len(seconds), 3)), np.empty((len(seconds), 3))
        for start in range(0, len(seconds), _BLOCK):
            block = slice(start, start + _BLOCK)
            position[block], velocity[block] = self._at(seconds[block])
        return position, velocity

    def _at(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        hermite = self.interpolation == "HERMITE"
        assert self.degree is not None
        points = self.degree // 2 + 1 if hermite else self.degree + 1
        # the window of states is centred on the step that holds the instant, as far as the ends allow
        step = np.searchsorted(self.seconds, seconds, side="right") - 1
        first = np.clip(step - (points - 1) // 2, 0, len(self.seconds) - points)
        rows = first[:, None] + np.arange(points)
        nodes = self.seconds[rows] - seconds[:, None]  # (n, points): differences keep their digits
        value, rate, own_rate = _lagrange_basis(nodes, slopes=hermite)
        position = self.position[rows]
        if not hermite:
            there = np.einsum("nj,njk->nk", value, position)
            moving = position if self.velocity is None else self.velocity[rows]
            return there, np.einsum("nj,njk->nk", rate if self.velocity is None else value, moving)
        assert self.velocity is not None and own_rate is not None
        velocity = self.velocity[rows]
        # Hermite's basis by Lagrange's L: (1 + 2 l·d) L² and −d L²; d = node − instant, l = L′ at its node
        square, product = value * value, 2.0 * value * rate
        slope = 1.0 + 2.0 * own_rate * nodes
        there = np.einsum("nj,njk->nk", slope * square, position)
        there -= np.einsum("nj,njk->nk", nodes * square, velocity)
        moving = np.einsum("nj,njk->nk", slope * product - 2.0 * own_rate * square, position)
        moving += np.einsum("nj,njk->nk", square - nodes * product, velocity)
        return there, moving


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ephemeris:
    """One object's tabulated ephemeris (CCSDS OEM): its segments in the order of time.

    ``object_id``: international designator or whatever else its producer calls it by; ``norad_id``:
    catalogue number, 0 where none is known. ``source``: where it was read from. Raises :class:`InputError`
    when there is no segment or the centre is not the Earth.
    """

    name: str
    object_id: str
    segments: tuple[EphemerisSegment, ...]
    center: str = "EARTH"
    originator: str = ""
    norad_id: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        if not self.segments:
            raise InputError(f"the ephemeris of {self.name} has no segment")
        if self.center.upper() != "EARTH":
            raise InputError(f"the ephemeris of {self.name} is about {self.center}: only EARTH is supported")
        ordered = sorted(self.segments, key=lambda one: one.span.start)
        object.__setattr__(self, "segments", tuple(ordered))

    @property
    def spans(self) -> tuple[Interval, ...]:
        """The stretches of time it covers, joined where they touch or overlap."""
        joined: list[Interval] = []
        for one in self.segments:
            if joined and one.span.start <= joined[-1].end:
                joined[-1] = Interval(joined[-1].start, max(joined[-1].end, one.span.end))
            else:
                joined.append(one.span)
        return tuple(joined)

    @property
    def span(self) -> Interval:
        """From its first useable instant to its last."""
        return Interval(self.segments[0].span.start, max(one.span.end for one in self.segments))

    def covers(self, interval: Interval) -> bool:
        """Whether it has a state at every instant of ``interval``."""
        return any(one.start <= interval.start and interval.end <= one.end for one in self.spans)


class EphemerisTrajectory:
    """A tabulated ephemeris as a :class:`comity.orbits.Trajectory`, fixed to the ground by ``eop``.

    ``epoch`` is where its useable time begins. Where segments share an instant the later one holds.
    """

    __slots__ = ("eop", "ephemeris", "max_step_s")

    def __init__(self, ephemeris: Ephemeris, eop: EarthOrientation) -> None:
        self.ephemeris = ephemeris
        self.eop = eop
        self.max_step_s = min(_max_step_s(one) for one in ephemeris.segments)

    def __repr__(self) -> str:
        return f"EphemerisTrajectory({self.name!r}, {self.ephemeris.span.iso()})"

    @property
    def name(self) -> str:
        """The object's name."""
        return self.ephemeris.name

    @property
    def norad_id(self) -> int:
        """Its catalogue number; 0 where none is known."""
        return self.ephemeris.norad_id

    @property
    def source(self) -> str:
        """Where the ephemeris was read from."""
        return self.ephemeris.source

    @property
    def epoch(self) -> Epoch:
        """The first instant it covers."""
        return self.ephemeris.span.start

    def itrf(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) m and velocities (n, 3) m/s, ITRF, at ``epoch + seconds`` (n,) s.

        Raises :class:`PropagationError`, naming the span and the first time asked for outside it, and
        :class:`InputError` outside the validity of the Earth orientation.
        """
        seconds = np.ascontiguousarray(seconds, dtype=np.float64)
        position, velocity = np.empty((len(seconds), 3)), np.empty((len(seconds), 3))
        missing = np.ones(len(seconds), dtype=bool)
        for segment in self.ephemeris.segments:
            low, high = segment.span.start - epoch, segment.span.end - epoch
            inside = (seconds >= low - _ROUNDING_S) & (seconds <= high + _ROUNDING_S)
            if not inside.any():
                continue
            missing &= ~inside
            wanted = np.clip(seconds[inside], low, high)
            state = segment.at(wanted + (epoch - segment.epoch))
            position[inside], velocity[inside] = to_itrf(segment.ref_frame, *state, epoch, wanted, self.eop)
        if missing.any():
            raise self._outside(epoch + float(seconds[missing][0]))
        return position, velocity

    def teme(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same in TEME."""
        return itrf_to_teme(*self.itrf(epoch, seconds), epoch, np.asarray(seconds, np.float64), self.eop)

    def _outside(self, at: Epoch) -> PropagationError:
        spans = [f"{one.start.iso(0)} to {one.end.iso(0)}" for one in self.ephemeris.spans]
        shown = ", ".join(spans[:3]) + (f" … {spans[-1]}" if len(spans) > 3 else "")
        return PropagationError(
            f"{self.name}: its ephemeris ({self.source or 'no source'}) covers {shown}: no state at "
            f"{at.iso(0)}, and nothing is extrapolated",
            self.norad_id,
        )


def sample_ephemeris(
    trajectory: Trajectory,
    interval: Interval,
    step_s: float,
    *,
    ref_frame: str = "TEME",
    object_id: str = "",
    originator: str = "COMITY",
    eop: EarthOrientation,
) -> Ephemeris:
    """States of any trajectory at even steps of at most ``step_s``, both ends of ``interval`` among them.

    To write as an OEM, say. Its interpolation is Lagrange's of degree 9 (Hermite's where there are fewer than
    ten states): SGP4's velocities are not quite its positions' derivatives, which costs Hermite's metres.
    Raises :class:`PropagationError` when the object has no state at one of the times, :class:`InputError` for
    an unknown frame, a step that is not positive, or more than a million states.
    """
    frame = frame_of(ref_frame)
    if not (step_s > 0.0 and math.isfinite(step_s)):
        raise InputError(f"a step of {step_s:g} s does not lead through time: give seconds above 0")
    count = math.ceil(interval.duration_s / step_s - 1e-9) + 1
    if count > MAX_STATES:
        raise InputError(
            f"{count:,} states ({interval.duration_s / 86_400:,.1f} days at {step_s:g} s) are more than "
            f"{MAX_STATES:,}: take a longer step or a shorter interval"
        )
    seconds = np.linspace(0.0, interval.duration_s, max(count, 2))
    if frame == "TEME":
        position, velocity = trajectory.teme(interval.start, seconds)
    else:
        fixed = trajectory.itrf(interval.start, seconds)
        position, velocity = from_itrf(frame, *fixed, interval.start, seconds, eop)
    enough = len(seconds) > DEFAULT_DEGREE["LAGRANGE"]
    segment = EphemerisSegment(
        epoch=interval.start,
        seconds=seconds,
        position=position,
        velocity=velocity,
        ref_frame=frame,
        interpolation="LAGRANGE" if enough else "HERMITE",
        degree=DEFAULT_DEGREE["LAGRANGE"] if enough else min(DEFAULT_DEGREE["HERMITE"], 2 * len(seconds) - 1),
    )
    return Ephemeris(
        name=trajectory.name,
        object_id=object_id,
        segments=(segment,),
        originator=originator,
        norad_id=trajectory.norad_id,
        source=trajectory.source,
    )


def _lagrange_basis(nodes: FloatArray, *, slopes: bool) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Lagrange's polynomials of ``nodes`` (n, m) at zero: values, slopes, and slopes at their own nodes.

    Each (n, m); built from running products from both sides with their derivatives, which holds at the
    nodes themselves too.
    """
    count, m = nodes.shape
    one, zero = np.ones(count), np.zeros(count)
    left, left_rate = [one], [zero]
    right, right_rate = [one], [zero]
    for j in range(m - 1):
        # the factor (t − t_j) is −node at t = 0, and its derivative 1
        left_rate.append(left_rate[-1] * -nodes[:, j] + left[-1])
        left.append(left[-1] * -nodes[:, j])
        k = m - 1 - j
        right_rate.append(right_rate[-1] * -nodes[:, k] + right[-1])
        right.append(right[-1] * -nodes[:, k])
    value, rate = np.empty_like(nodes), np.empty_like(nodes)
    own = np.empty_like(nodes) if slopes else None
    for j in range(m):
        gaps = nodes[:, j, None] - np.delete(nodes, j, axis=1)
        scale = 1.0 / np.prod(gaps, axis=1)
        a, da, b, db = left[j], left_rate[j], right[m - 1 - j], right_rate[m - 1 - j]
        value[:, j] = a * b * scale
        rate[:, j] = (da * b + a * db) * scale
        if own is not None:
            own[:, j] = np.sum(1.0 / gaps, axis=1)
    return value, rate, own


def _max_step_s(segment: EphemerisSegment) -> float:
    """Step at which a cubic through two states stays within about a metre, the shortest along the segment.

    Without velocities the angular rate is taken for that of an escape from each radius, its bound.
    """
    r = segment.position
    radius = np.sqrt(np.einsum("ij,ij->i", r, r))
    if segment.velocity is None:
        rate = np.sqrt(2.0 * MU_EARTH / radius**3)
    else:
        v = segment.velocity
        if segment.ref_frame == "ITRF":  # as seen from the stars
            v = v + ROTATION_RATE * np.stack([-r[:, 1], r[:, 0], np.zeros(len(r))], axis=-1)
        rate = np.linalg.norm(np.cross(r, v), axis=1) / radius**2
    return min(step_of_cubic_s(float(a), float(b)) for a, b in zip(radius, rate, strict=True))
