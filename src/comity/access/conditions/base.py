"""What a condition is, how conditions compose, and the search that finds when they hold.

A :class:`Condition` is one function of time, positive where it holds, and its bound: greatest magnitude of
its first and second derivative over a cell of time. Nothing else is needed for it to be found exactly
(:func:`comity.access.events.find_spans`) and to compose: :func:`all_of`, :func:`any_of` and :func:`negation`
(or ``&``, ``|`` and ``~``) work on the edges of the leaves, which are refined once each and never moved, so
that the laws of logic hold to the bit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from comity.access.conditions.spans import complement, intersection, joined, union
from comity.access.events import SHORTEST_S, find_spans
from comity.access.margins import Bound
from comity.access.motion import Motion
from comity.access.sky import NODE_S, Sky
from comity.access.track import MAX_STEP_S, Track, sample
from comity.core import Interval, Progress, silent
from comity.orbits import EarthOrientation, Trajectory, ecef_to_geodetic, up_vector

FloatArray = NDArray[np.float64]

#: States of one object held at a time; longer intervals are searched piece by piece.
_MAX_NODES = 100_000


class Scene:
    """What the functions of conditions read: trajectories, Sun and Moon over one interval.

    Times are seconds (n,) from its start; vectors are (n, 3), ITRF, SI.
    """

    __slots__ = ("_found", "_step_s", "_tracks", "duration_s", "eop", "interval", "sky")

    def __init__(self, movers: Sequence[Trajectory], interval: Interval, eop: EarthOrientation) -> None:
        self.interval = interval
        self.eop = eop
        self.duration_s = interval.duration_s
        self.sky = Sky(interval.start, 0.0, self.duration_s, eop)
        self._step_s = step_for(movers)
        self._tracks: dict[int, Track] = {}
        self._found: dict[int, FloatArray] = {}

    def track(self, trajectory: Trajectory) -> Track:
        """The trajectory over the interval, sampled once; all tracks share their nodes."""
        known = self._tracks.get(id(trajectory))
        if known is None:
            known = sample(trajectory, self.interval, self._step_s)
            self._tracks[id(trajectory)] = known
        return known

    def state(self, trajectory: Trajectory, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (m) and velocities over the turning Earth (m/s), of the trajectory itself."""
        track = self.track(trajectory)
        k = np.clip(np.rint(seconds / track.step_s).astype(np.intp), 0, len(track.nodes) - 1)
        if np.array_equal(track.nodes[k], seconds):
            return track.position[k], track.velocity[k]
        return trajectory.itrf(self.interval.start, seconds)

    def position(self, trajectory: Trajectory, seconds: FloatArray) -> FloatArray:
        """Positions (m)."""
        return self.state(trajectory, seconds)[0]

    def down(self, position: FloatArray) -> FloatArray:
        """Unit vectors to the geodetic nadir of positions (m)."""
        lon, lat, _ = ecef_to_geodetic(position)
        return -up_vector(lon, lat)

    def motion(self, trajectory: Trajectory, low: FloatArray, high: FloatArray) -> Motion:
        """Bounds of the motion over cells [low, high], each of which lies between two nodes."""
        return self.track(trajectory).motion(low, high)

    def spans(self, condition: Condition, shortest_s: float) -> FloatArray:
        """Spans (m, 2) s of one condition, searched once."""
        known = self._found.get(id(condition))
        if known is None:
            known = self._search(condition, shortest_s)
            self._found[id(condition)] = known
        return known

    def _search(self, condition: Condition, shortest_s: float) -> FloatArray:
        if condition.movers:
            nodes = self.track(condition.movers[0]).nodes
        else:
            nodes = np.linspace(0.0, self.duration_s, math.ceil(self.duration_s / NODE_S) + 1)

        def margins(seconds: FloatArray, which: NDArray[np.int64]) -> FloatArray:
            return condition.margin(self, seconds)[None]

        def bounds(
            low: FloatArray, high: FloatArray, which: NDArray[np.int64]
        ) -> tuple[FloatArray, FloatArray]:
            rate, curvature = condition.bound(self, low, high)
            return np.broadcast_to(rate, (1, len(low))), np.broadcast_to(curvature, (1, len(low)))

        every = np.zeros(len(nodes) - 1, np.int64)
        found = find_spans(margins, bounds, every, nodes[:-1], nodes[1:], shortest_s=shortest_s)
        return np.stack([found.start, found.end], axis=-1)


class Composable(ABC):
    """What ``&``, ``|`` and ``~`` work on."""

    __slots__ = ()

    @property
    @abstractmethod
    def text(self) -> str:
        """How it reads."""

    @abstractmethod
    def leaves(self) -> Iterator[Condition]:
        """The conditions it is made of."""

    @abstractmethod
    def over(self, scene: Scene, shortest_s: float) -> FloatArray:
        """When it holds: (m, 2) s, apart and in order."""

    def __and__(self, other: Composable) -> Composable:
        return all_of(self, other)

    def __or__(self, other: Composable) -> Composable:
        return any_of(self, other)

    def __invert__(self) -> Composable:
        return negation(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Condition(Composable):
    """One function of time and its bound.

    ``name``: how it reads. ``movers``: trajectories it asks the scene about. ``margin``: values (n,) at times
    (n,) s, positive where it holds, continuous, in any unit. ``bound``: greatest |f′| and |f″| over cells
    [low, high] (n,) s, each (n,) or one number, infinite where there is none (one of them must be finite).
    """

    name: str
    movers: tuple[Trajectory, ...]
    margin: Callable[[Scene, FloatArray], FloatArray]
    bound: Callable[[Scene, FloatArray, FloatArray], Bound | tuple[float, float]]

    @property
    def text(self) -> str:
        """Its name."""
        return self.name

    def leaves(self) -> Iterator[Condition]:
        """Itself."""
        yield self

    def over(self, scene: Scene, shortest_s: float) -> FloatArray:
        """When its margin is positive."""
        return scene.spans(self, shortest_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Several(Composable):
    parts: tuple[Composable, ...]
    name: str
    word: str

    @property
    def text(self) -> str:
        return self.name or f" {self.word} ".join(_bracketed(part) for part in self.parts)

    def leaves(self) -> Iterator[Condition]:
        for part in self.parts:
            yield from part.leaves()

    def over(self, scene: Scene, shortest_s: float) -> FloatArray:
        whole = np.array([[0.0, scene.duration_s]])
        found = [part.over(scene, shortest_s) for part in self.parts]
        if self.word == "and":
            return reduce(intersection, found, whole)
        return reduce(union, found, np.zeros((0, 2)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Negation(Composable):
    part: Composable

    @property
    def text(self) -> str:
        return f"not {_bracketed(self.part)}"

    def leaves(self) -> Iterator[Condition]:
        yield from self.part.leaves()

    def over(self, scene: Scene, shortest_s: float) -> FloatArray:
        return complement(self.part.over(scene, shortest_s), scene.duration_s)


def all_of(*parts: Composable, name: str = "") -> Composable:
    """Holds where every part does (of none: always)."""
    return _Several(parts=parts, name=name, word="and")


def any_of(*parts: Composable, name: str = "") -> Composable:
    """Holds where some part does (of none: never)."""
    return _Several(parts=parts, name=name, word="or")


def negation(part: Composable) -> Composable:
    """Holds where the part does not."""
    return part.part if isinstance(part, _Negation) else _Negation(part=part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A span in which something holds: ``what`` says what."""

    what: str
    interval: Interval


def find_events(
    condition: Composable,
    interval: Interval,
    *,
    what: str | None = None,
    eop: EarthOrientation | None = None,
    shortest_s: float = SHORTEST_S,
    progress: Progress = silent,
) -> list[Event]:
    """When a condition holds, clipped to ``interval``, in order of time.

    Every span and every gap of ``shortest_s`` (default 1 ms) or longer is found; edges are within 0.1 ms
    of the trajectories' own, without interpolation. Memory does not grow with the interval.

    Parameters
    ----------
    what : name of the events, by default how the condition reads.
    eop : Earth orientation for Sun and Moon, by default the bundled table.

    Raises
    ------
    PropagationError : a trajectory has no answer somewhere in the interval.
    InputError : the interval leaves the Earth orientation's validity, or a condition hugs its limit.
    """
    name = condition.text if what is None else what
    return find_all_events({name: condition}, interval, eop=eop, shortest_s=shortest_s, progress=progress)


def find_all_events(
    conditions: Mapping[str, Composable],
    interval: Interval,
    *,
    eop: EarthOrientation | None = None,
    shortest_s: float = SHORTEST_S,
    progress: Progress = silent,
) -> list[Event]:
    """Events of several conditions, each under its name, in order of time: see :func:`find_events`."""
    leaves = [leaf for condition in conditions.values() for leaf in condition.leaves()]
    movers = tuple({id(mover): mover for leaf in leaves for mover in leaf.movers}.values())
    eop = eop or EarthOrientation.bundled()
    duration = interval.duration_s
    pieces = math.ceil(duration / (_MAX_NODES * step_for(movers)))
    found: dict[str, list[FloatArray]] = {what: [] for what in conditions}
    for k in range(pieces):
        start, end = duration * k / pieces, duration * (k + 1) / pieces
        scene = Scene(movers, Interval(interval.start + start, interval.start + end), eop)
        for what, condition in conditions.items():
            found[what].append(condition.over(scene, shortest_s) + start)
        progress(k + 1, pieces, ", ".join(conditions))
    spans = {what: joined(np.concatenate(several), shortest_s) for what, several in found.items()}
    events = [
        Event(what=what, interval=Interval(interval.start + start, interval.start + min(end, duration)))
        for what, rows in spans.items()
        for start, end in rows.tolist()
    ]
    return sorted(events, key=lambda event: event.interval.start)


def step_for(movers: Sequence[Trajectory]) -> float:
    """Step (s) between samples that suits all of them."""
    return min([MAX_STEP_S, *(mover.max_step_s for mover in movers)])


def _bracketed(part: Composable) -> str:
    return f"({part.text})" if isinstance(part, _Several) and not part.name else part.text
