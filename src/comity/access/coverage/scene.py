"""Everything about a coverage run that its chunks share, and the prepared states each process keeps of it."""

from __future__ import annotations

import math
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.result import Options
from comity.access.coverage.sensors import Sensor
from comity.core import InputError, Interval
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    StateGrid,
    Trajectory,
    sun_direction_itrf,
)
from comity.orbits.batch import itrf_states

FloatArray = NDArray[np.float64]

#: Longest step (s) between nodes; a trajectory may ask for a shorter one.
MAX_STEP_S = 60.0
#: Nodes of all satellites held at once: about 200 bytes each.
_BLOCK_NODES = 1_000_000
#: Blocks of nodes a process keeps.
_KEPT = 2
#: Step (s) of the Sun's nodes: a cubic through them is good to 1e-8 rad.
SUN_STEP_S = 600.0
#: How much lower (deg) the Sun stands on the horizon than seen from the Earth's centre: 8.794″ (IAU).
_SUN_PARALLAX_DEG = 8.794 / 3600.0
#: Half the span (s) that the rate of the Sun's direction is taken over.
_SUN_DELTA_S = 15.0

Mover = tuple[MeanElements, EarthOrientation] | Trajectory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What every chunk of a run needs; plain data, so that it travels to other processes.

    ``movers``: mean elements with their Earth orientation, or a trajectory of another kind (which has to be
    picklable to leave the process). ``step_s``: between nodes; ``block_steps``: steps worked through at once,
    which follow from the request alone, so that every process sees the same numbers. ``sun`` (m, 6):
    unit vector to the Sun, ITRF, and its rate (1/s), every ``SUN_STEP_S``; empty when light does not matter.
    """

    movers: tuple[Mover, ...]
    sensors: tuple[Sensor, ...]
    interval: Interval
    options: Options
    step_s: float
    block_steps: int
    sun: FloatArray
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def steps(self) -> int:
        """Steps of the whole interval."""
        return max(1, math.ceil(self.interval.duration_s / self.step_s - 1e-9))

    @property
    def blocks(self) -> int:
        """Blocks of steps."""
        return math.ceil(self.steps / self.block_steps)

    @property
    def sun_sines(self) -> tuple[float, float]:
        """Sines of geocentric directions' elevation to keep between; −2 and 2 where there is no limit."""
        low, high = self.options.min_sun_elevation_deg, self.options.max_sun_elevation_deg
        return -2.0 if low is None else _sine(low), 2.0 if high is None else _sine(high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Prepared states of s satellites over one block; see :mod:`comity.access.coverage.motion.kernels`."""

    first_step: int
    nodes: FloatArray
    middles: FloatArray
    steps: FloatArray
    sensors: FloatArray
    farthest: FloatArray
    quickest: FloatArray


def make_scene(
    trajectories: Sequence[Trajectory],
    sensors: tuple[Sensor, ...],
    interval: Interval,
    options: Options,
    eop: EarthOrientation,
) -> Scene:
    """The scene of a run. Raises :class:`InputError` outside the validity of ``eop`` when light matters."""
    longest = float(max(1, math.floor(min([MAX_STEP_S, *(one.max_step_s for one in trajectories)]))))
    # the last step ends with the interval: an ephemeris need not reach beyond it
    step = interval.duration_s / math.ceil(interval.duration_s / longest - 1e-9)
    lit = options.min_sun_elevation_deg is not None or options.max_sun_elevation_deg is not None
    return Scene(
        movers=tuple(
            (one.elements, one.eop) if isinstance(one, SGP4Trajectory) else one for one in trajectories
        ),
        sensors=sensors,
        interval=interval,
        options=options,
        step_s=step,
        block_steps=max(16, _BLOCK_NODES // len(trajectories)),
        sun=_sun(interval, eop) if lit else np.empty((0, 6)),
    )


def trajectories_of(scene: Scene) -> list[Trajectory]:
    """The scene's satellites as trajectories."""
    return [SGP4Trajectory(*one) if isinstance(one, tuple) else one for one in scene.movers]


class _Kept:
    """The last blocks this process prepared; several threads ask for the same one at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[str, int], Block] = OrderedDict()
        self._busy: dict[tuple[str, int], threading.Lock] = {}

    def get(self, scene: Scene, number: int) -> Block:
        key = scene.key, number
        with self._lock:
            mine = self._busy.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._blocks:
                    self._blocks.move_to_end(key)
                    return self._blocks[key]
            block = _prepared(scene, number)
            with self._lock:
                self._blocks[key] = block
                while len(self._blocks) > _KEPT:
                    self._busy.pop(self._blocks.popitem(last=False)[0], None)
            return block

    def forget(self, scene: Scene) -> None:
        with self._lock:
            for key in [key for key in self._blocks if key[0] == scene.key]:
                del self._blocks[key]
            for key in [key for key in self._busy if key[0] == scene.key]:
                del self._busy[key]


_KEPT_BLOCKS = _Kept()


def block_of(scene: Scene, number: int) -> Block:
    """Prepared states of one block, kept for the next chunk that asks.

    Raises :class:`PropagationError` when a satellite has no state in it.
    """
    return _KEPT_BLOCKS.get(scene, number)


def forget(scene: Scene) -> None:
    """Free what this process keeps of a scene."""
    _KEPT_BLOCKS.forget(scene)


def lost_in(scene: Scene, trajectories: Sequence[Trajectory]) -> dict[int, PropagationError]:
    """Satellites that have no state somewhere in the interval, block by block, and why."""
    lost: dict[int, PropagationError] = {}
    if scene.blocks == 1:
        try:
            block_of(scene, 0)
        except PropagationError:
            pass
        else:
            return lost
    for number in range(scene.blocks):
        _, gone = itrf_states(trajectories, scene.interval.start, *_grid(scene, number))
        lost |= {index: error for index, error in gone.items() if index not in lost}
    return lost


def sensor_row(sensor: Sensor) -> tuple[float, float, float]:
    """A sensor as the kernels take it."""
    from comity.access.coverage.motion import kernels

    inner = math.cos(math.radians(sensor.min_off_nadir_deg)) ** 2 if sensor.min_off_nadir_deg > 0.0 else -1.0
    if sensor.max_off_nadir_deg is not None:
        return kernels.CONE, max(0.0, math.cos(math.radians(sensor.max_off_nadir_deg))) ** 2, inner
    if sensor.min_elevation_deg is not None:
        return kernels.ELEVATION, math.sin(math.radians(sensor.min_elevation_deg)), inner
    return kernels.SWATH, (sensor.swath_m or 0.0) / 2.0, inner


def _grid(scene: Scene, number: int) -> tuple[float, float, int]:
    first = number * scene.block_steps
    return first * scene.step_s, scene.step_s, min(scene.block_steps, scene.steps - first) + 1


def _prepared(scene: Scene, number: int) -> Block:
    from comity.access.coverage.motion.kernels import NODE, STEP, prepare

    grid = StateGrid(trajectories_of(scene))
    # through SGP4's own velocities the curve would stray by metres from highly elliptic or draggy orbits
    states, lost = grid.states(
        np.arange(len(grid)), scene.interval.start, *_grid(scene, number), differentiated=True
    )
    if lost:
        raise next(iter(lost.values()))
    many, count, _ = states.shape
    sensors = np.array([sensor_row(one) for one in scene.sensors])
    block = Block(
        first_step=number * scene.block_steps,
        nodes=np.empty((many, count, NODE)),
        middles=np.empty((many, count - 1, 6)),
        steps=np.empty((many, count - 1, STEP)),
        sensors=sensors,
        farthest=np.empty(many),
        quickest=np.empty(many),
    )
    for k in range(many):
        block.farthest[k], block.quickest[k] = prepare(
            states[k], scene.step_s, sensors[k], block.nodes[k], block.middles[k], block.steps[k]
        )
    return block


def _sun(interval: Interval, eop: EarthOrientation) -> FloatArray:
    seconds = np.arange(math.ceil(interval.duration_s / SUN_STEP_S) + 1) * SUN_STEP_S
    if interval.duration_s / SUN_STEP_S > 2_000_000:
        raise InputError(f"{interval.duration_s / 86_400.0:,.0f} days of daylight are too many for one run")
    around = np.stack([seconds - _SUN_DELTA_S, seconds, seconds + _SUN_DELTA_S], axis=-1).ravel()
    before, at, after = sun_direction_itrf(interval.start, around, eop).reshape(-1, 3, 3).transpose(1, 0, 2)
    return np.concatenate([at, (after - before) / (2.0 * _SUN_DELTA_S)], axis=-1)


def _sine(elevation_deg: float) -> float:
    # The Sun stands lower seen from the ground than from the Earth's centre.
    return math.sin(math.radians(elevation_deg + _SUN_PARALLAX_DEG * math.cos(math.radians(elevation_deg))))
