"""Where the camera is and which way it is turned while an image is taken.

The body frame has +Z along the boresight, +X the way of flight and +Y to starboard, when neither rolled,
pitched nor turned. Positive roll turns the boresight to port, positive pitch ahead, positive yaw turns +X to
starboard. However orbit and attitude are given, a :class:`Platform` is a table of Earth-fixed poses with
cubic splines through them, so that an image's geometry is one thing for whoever computes with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Interval
from comity.imagery.geometry.rotations import continuous, matrix_of, quaternion_of
from comity.orbits import EarthOrientation, Trajectory, frame_of, to_itrf

Floats = NDArray[np.float64]

#: Poses are tabulated this close (s): cubic splines stay within a micrometre of a low orbit.
STEP_S = 0.25
_FEWEST = 9
_MOST_POSES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attitude:
    """Measured or commanded attitude: quaternions from the body frame to ``frame`` at given times.

    ``seconds`` (n,) s from ``epoch``, rising; ``quaternion`` (n, 4), scalar last, body → ``frame`` (one of
    :data:`comity.orbits.FRAMES`). Between them each component is a cubic spline. Raises :class:`InputError`
    for fewer than two samples, times that do not rise, values that are not finite or a quaternion whose
    length is not 1 within 1 %.
    """

    epoch: Epoch
    seconds: Floats
    quaternion: Floats
    frame: str = "GCRF"

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", frame_of(self.frame))
        _check_times("attitude", self.seconds, self.quaternion, 4)
        length = np.linalg.norm(self.quaternion, axis=-1)
        if np.abs(length - 1.0).max() > 0.01:
            worst = int(np.argmax(np.abs(length - 1.0)))
            raise InputError(
                f"attitude: quaternion {worst} is of length {length[worst]:.3g}, a rotation's is of 1"
            )
        object.__setattr__(self, "quaternion", continuous(self.quaternion / length[:, None]))

    def matrices(self, epoch: Epoch, seconds: Floats, eop: EarthOrientation) -> Floats:
        """Rotations (n, 3, 3) body → ITRF at ``epoch + seconds`` (n,) s, which the samples must enclose."""
        wanted = seconds + (epoch - self.epoch)
        low, high = float(self.seconds[0]), float(self.seconds[-1])
        if wanted[0] < low - 1e-6 or wanted[-1] > high + 1e-6:
            raise InputError(
                f"attitude is known from {(self.epoch + low).iso()} to {(self.epoch + high).iso()}, "
                f"needed from {(epoch + float(seconds[0])).iso()} to {(epoch + float(seconds[-1])).iso()}"
            )
        turn = matrix_of(_spline(self.seconds, self.quaternion)(np.clip(wanted, low, high)))
        if self.frame == "ITRF":
            return turn
        still = np.zeros((len(seconds), 3))
        axes = [
            to_itrf(self.frame, np.broadcast_to(axis, still.shape), still, epoch, seconds, eop)[0]
            for axis in np.eye(3)
        ]
        return np.stack(axes, axis=-1) @ turn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Platform:
    """Poses of the body over a span of time: Earth-fixed, with cubic splines between.

    ``seconds`` (n,) s from ``epoch``; ``position`` (n, 3) m ITRF; ``quaternion`` (n, 4), scalar last, body →
    ITRF. ``cubics`` (n−1, 4, 7): coefficients of position and quaternion between two times, highest power
    first. Raises :class:`InputError` as :class:`Attitude` does.
    """

    epoch: Epoch
    seconds: Floats
    position: Floats
    quaternion: Floats
    cubics: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_times("platform", self.seconds, self.position, 3)
        _check_times("platform", self.seconds, self.quaternion, 4)
        object.__setattr__(self, "seconds", np.ascontiguousarray(self.seconds, dtype=np.float64))
        both = np.concatenate([self.position, continuous(self.quaternion)], axis=1)
        cubics = np.swapaxes(_spline(self.seconds, both).c, 0, 1)
        if cubics.shape[1] < 4:  # two or three poses give a lower power
            missing = np.zeros((len(cubics), 4 - cubics.shape[1], 7))
            cubics = np.concatenate([missing, cubics], axis=1)
        object.__setattr__(self, "cubics", np.ascontiguousarray(cubics))

    @property
    def span(self) -> Interval:
        """The time it knows."""
        return Interval(self.epoch + float(self.seconds[0]), self.epoch + float(self.seconds[-1]))

    def state(self, seconds: Floats) -> tuple[Floats, Floats, Floats]:
        """Positions (n, 3) m, velocities (n, 3) m/s and rotations body → ITRF (n, 3, 3).

        At ``epoch + seconds`` (n,) s. Raises :class:`InputError` outside its span.
        """
        seconds = np.asarray(seconds, dtype=np.float64)
        if len(seconds) and not (self.seconds[0] <= seconds.min() <= seconds.max() <= self.seconds[-1]):
            raise InputError(
                f"poses are known from {self.span.start.iso()} to {self.span.end.iso()}, asked for "
                f"{(self.epoch + float(seconds.min())).iso()} to {(self.epoch + float(seconds.max())).iso()}"
            )
        k = np.clip(np.searchsorted(self.seconds, seconds, side="right") - 1, 0, len(self.seconds) - 2)
        s = (seconds - self.seconds[k])[:, None]
        c = self.cubics[k]
        value = ((c[:, 0] * s + c[:, 1]) * s + c[:, 2]) * s + c[:, 3]
        rate = (3.0 * c[:, 0] * s + 2.0 * c[:, 1]) * s + c[:, 2]
        return value[:, :3], rate[:, :3], matrix_of(value[:, 3:])


def pose_times(start_s: float, end_s: float, sampled: Floats | None = None) -> Floats:
    """Times (n,) s to tabulate poses at between two: even and close, and at those ``sampled`` in between.

    Raises :class:`InputError` when the span is empty or would need more than 200,000 poses.
    """
    if not end_s > start_s:
        raise InputError(f"a span from {start_s:g} to {end_s:g} s holds no time")
    if (end_s - start_s) / STEP_S > _MOST_POSES:
        raise InputError(f"{end_s - start_s:g} s of poses are more than any image takes: check its times")
    even = np.linspace(start_s, end_s, max(_FEWEST, math.ceil((end_s - start_s) / STEP_S) + 1))
    if sampled is None:
        return even
    inside = sampled[(sampled > start_s) & (sampled < end_s)]
    both = np.union1d(even, inside)
    # an even time close to a sample gives way to it
    near = np.diff(both) < 1e-3 * (both[-1] - both[0]) / len(both)
    keep = np.ones(len(both), dtype=bool)
    for k in np.flatnonzero(near):
        keep[k if both[k + 1] in inside or both[k + 1] == end_s else k + 1] = False
    keep[0] = keep[-1] = True
    return np.asarray(both[keep], dtype=np.float64)


def platform_of(
    trajectory: Trajectory,
    attitude: Attitude,
    epoch: Epoch,
    start_s: float,
    end_s: float,
    *,
    eop: EarthOrientation | None = None,
) -> Platform:
    """Poses from ``epoch + start_s`` to ``epoch + end_s`` of an orbit with a sampled attitude.

    For a law of pointing see :mod:`comity.imagery.geometry.pointing`. ``eop``: by default the bundled table.
    Raises :class:`InputError` where the attitude is not known, and what the trajectory raises.
    """
    seconds = pose_times(start_s, end_s, attitude.seconds + (attitude.epoch - epoch))
    position, _ = trajectory.itrf(epoch, seconds)
    turn = attitude.matrices(epoch, seconds, eop or EarthOrientation.bundled())
    return Platform(epoch=epoch, seconds=seconds, position=position, quaternion=quaternion_of(turn))


def rates(seconds: Floats, values: Floats) -> Floats:
    """Derivatives (n, …) of values (n, …) at their own times, by cubic splines."""
    return np.asarray(_spline(seconds, values)(seconds, 1), dtype=np.float64)


def _check_times(what: str, seconds: Floats, values: Floats, width: int) -> None:
    if len(seconds) < 2:
        raise InputError(f"{what}: {len(seconds)} sample(s), two are the fewest to interpolate between")
    if values.shape != (len(seconds), width):
        raise InputError(f"{what}: {len(seconds)} times, but values of shape {values.shape}")
    if not (np.isfinite(seconds).all() and np.isfinite(values).all()):
        raise InputError(f"{what}: a value is not a finite number")
    if not (np.diff(seconds) > 0.0).all():
        raise InputError(f"{what}: times do not rise at sample {int(np.argmin(np.diff(seconds) > 0.0)) + 1}")


def _spline(x: Floats, y: Floats):  # type: ignore[no-untyped-def]  # scipy's own type is untyped
    from scipy.interpolate import CubicSpline

    return CubicSpline(x, y, axis=0)
