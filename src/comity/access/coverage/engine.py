"""Coverage of a grid: cut into chunks, worked through here or elsewhere, and put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from comity.access.coverage.assembly import Assembly
from comity.access.coverage.chunks import cover_chunk, plan_chunks, start_times
from comity.access.coverage.grids import Grid
from comity.access.coverage.result import Coverage, Lost, Options
from comity.access.coverage.scene import forget, lost_in, make_scene
from comity.access.coverage.sensors import Sensor
from comity.access.windows import ElementsUsed
from comity.core import Executor, InputError, Interval, Progress, ThreadExecutor, silent
from comity.orbits import EarthOrientation, PropagationError, Trajectory

#: More bytes of result than this are refused.
_MAX_RESULT = 2_500_000_000


def coverage(
    trajectories: Sequence[Trajectory],
    sensors: Sensor | Sequence[Sensor],
    grid: Grid,
    interval: Interval,
    *,
    options: Options | None = None,
    eop: EarthOrientation | None = None,
    executor: Executor | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    progress: Progress = silent,
) -> Coverage:
    """Coverage and revisit of every cell of ``grid`` by the satellites ``trajectories`` over ``interval``.

    Parameters
    ----------
    sensors : one for all satellites, or one for each.
    options : light, durations, percentiles; by default none of the limits.
    eop : Earth orientation for the Sun, by default the bundled table.
    executor : where chunks run, by default threads of this process. The result does not depend on it, to
        the bit.
    on_error : a satellite without a position somewhere in the interval ends the run, or is left out of all
        of it and named in ``lost``.
    progress : called with cells done.

    Raises
    ------
    InputError : no satellites, another number of sensors, an interval outside the Earth orientation, or
        more looks or cells than a run can hold.
    PropagationError : a satellite has no position in the interval (``on_error="raise"``), or none has.
    """
    wanted = options or Options()
    each = (sensors,) * len(trajectories) if isinstance(sensors, Sensor) else tuple(sensors)
    if not trajectories:
        raise InputError("there are no satellites to compute coverage with")
    if len(each) != len(trajectories):
        raise InputError(f"{len(each)} sensors for {len(trajectories)} satellites: give one, or one each")
    _check_size(grid, wanted)
    orientation = eop or EarthOrientation.bundled()
    scene = make_scene(trajectories, each, interval, wanted, orientation)
    kept = list(trajectories)
    gone: tuple[Lost, ...] = ()
    try:
        lost = lost_in(scene, kept)
        if lost:
            if on_error == "raise" or len(lost) == len(kept):
                raise lost[min(lost)]
            gone = tuple(_lost(kept[k], lost[k]) for k in sorted(lost))
            kept = [one for k, one in enumerate(kept) if k not in lost]
            each = tuple(one for k, one in enumerate(each) if k not in lost)
            scene = make_scene(kept, each, interval, wanted, orientation)
        jobs = plan_chunks(scene, kept, grid)
        result = Assembly(len(grid), wanted)
        for chunk in (executor or ThreadExecutor()).map(cover_chunk, jobs):
            result.add(chunk)
            progress(
                result.done, len(grid), f"coverage of {grid.name}: {result.done:,} of {len(grid):,} cells"
            )
    finally:
        forget(scene)
    middle = interval.middle
    return result.coverage(
        grid=grid,
        interval=interval,
        sensors=each,
        options=wanted,
        spacecraft=tuple(one.name for one in kept),
        elements=tuple(
            ElementsUsed(norad_id=t.norad_id, source=t.source, epoch=t.epoch, age_s=middle - t.epoch)
            for t in kept
        ),
        lost=gone,
        starts_s=start_times(scene),
        model=f"states every {scene.step_s:g} s, cubic between; Earth orientation: {orientation.source}",
    )


def _check_size(grid: Grid, options: Options) -> None:
    if not len(grid):
        raise InputError("the grid has no cell")
    size = len(grid) * (80 + 16 * len(options.percentiles) + 4 * options.starts)
    if size > _MAX_RESULT:
        raise InputError(
            f"the figures of {len(grid):,} cells would take {size / 1e9:.1f} GB, the limit is "
            f"{_MAX_RESULT / 1e9:g}: take a coarser grid, fewer percentiles or fewer starts"
        )


def _lost(trajectory: Trajectory, error: PropagationError) -> Lost:
    return Lost(name=trajectory.name, norad_id=trajectory.norad_id, reason=str(error))
