"""What an object cannot do between two known states: bounds on its distance, speed and acceleration.

They hold for motion under the Earth's gravity with a few per cent to spare for its flattening, the Sun and
Moon and drag; where neighbouring velocities show more (a manoeuvre, a last dive), half as much again as they
show. From such bounds the search for events knows what can hide between two instants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.orbits.earth import ROTATION_RATE
from comity.orbits.ephemeris import MU_EARTH

FloatArray = NDArray[np.float64]

#: The flattened field pulls at most 0.5 % harder than a point near the ground; the rest is reserve.
_GRAVITY_SLACK = 1.03
_SPEED_SLACK = 1.005
#: No object is nearer to the geocentre, m.
_LEAST_RADIUS_M = 6.0e6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Bounds over n cells of time, all (n,) but ``place`` (n, 3) m, ITRF, where the cells begin.

    ``nearest``, ``farthest`` m: distance from the geocentre. ``slowest`` m/s: least speed among the stars.
    ``speed`` m/s, ``acceleration`` m/s² and ``jerk`` m/s³: greatest magnitudes of the derivatives as the
    turning Earth sees them (SI). ``reach`` m: farthest from ``place``.
    """

    place: FloatArray
    reach: FloatArray
    nearest: FloatArray
    farthest: FloatArray
    slowest: FloatArray
    speed: FloatArray
    acceleration: FloatArray
    jerk: FloatArray

    def at(self, index: Any) -> Motion:
        """The cells picked by any NumPy index."""
        return Motion(
            place=self.place[index],
            reach=self.reach[index],
            nearest=self.nearest[index],
            farthest=self.farthest[index],
            slowest=self.slowest[index],
            speed=self.speed[index],
            acceleration=self.acceleration[index],
            jerk=self.jerk[index],
        )

    def distance(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Least and greatest distance (n,) m to points (n, 3) or (3,) m fixed to the Earth."""
        middle = np.linalg.norm(self.place - point, axis=-1)
        least = np.maximum(middle - self.reach, self.nearest - np.linalg.norm(point, axis=-1))
        return np.maximum(least, 0.0), middle + self.reach

    @property
    def inertial_speed(self) -> FloatArray:
        """Greatest speed (m/s) among the stars."""
        return self.speed + ROTATION_RATE * self.farthest

    @property
    def inertial_acceleration(self) -> FloatArray:
        """Greatest acceleration (m/s²) among the stars."""
        turn = ROTATION_RATE
        return self.acceleration + 2.0 * turn * self.speed + turn**2 * self.farthest


def motion_between(position: FloatArray, velocity: FloatArray, step_s: float) -> Motion:
    """Bounds over the n − 1 cells between n ITRF states (n, 3) m and m/s, ``step_s`` apart."""
    return motion_of_cells(position[:-1], velocity[:-1], position[1:], velocity[1:], step_s)


def motion_of_cells(
    place: FloatArray,
    velocity: FloatArray,
    place_after: FloatArray,
    velocity_after: FloatArray,
    step_s: FloatArray | float,
) -> Motion:
    """Bounds over n cells ``step_s`` (n,) s long that begin and end in ITRF states (n, 3) m and m/s."""
    turn = ROTATION_RATE
    radius, radius_after = np.linalg.norm(place, axis=-1), np.linalg.norm(place_after, axis=-1)
    speed, speed_after = np.linalg.norm(velocity, axis=-1), np.linalg.norm(velocity_after, axis=-1)
    r_mean, v_mean = 0.5 * (radius + radius_after), 0.5 * (speed + speed_after)
    shown = 1.5 * np.linalg.norm(velocity_after - velocity, axis=-1) / step_s
    # A speed assumed bounds the radius, that the acceleration, and that the speed anew: where the speed
    # found is no more than the one assumed, no motion that begins and ends like this can break out.
    guess = 1.2 * np.maximum(speed, speed_after) + 50.0
    for _ in range(20):
        r_low = np.maximum(r_mean - 0.5 * guess * step_s, _LEAST_RADIUS_M)
        r_high = r_mean + 0.5 * guess * step_s
        gravity = _GRAVITY_SLACK * MU_EARTH / r_low**2
        acceleration = np.maximum(gravity + 2.0 * turn * guess + turn**2 * r_high, shown)
        found = _SPEED_SLACK * (v_mean + 0.5 * acceleration * step_s)
        if np.all(found <= guess):
            break
        guess = np.where(found <= guess, guess, 2.0 * found)
    begin, end = _among_stars(place, velocity), _among_stars(place_after, velocity_after)
    slowest = 0.5 * (begin + end - np.maximum(gravity, shown) * step_s)
    inertial = found + turn * r_high
    jerk = (
        2.0 * gravity * inertial / r_low
        + 3.0 * turn * np.maximum(gravity, shown)
        + 5.0 * turn**2 * inertial
        + 2.0 * turn**3 * r_high
    )
    return Motion(
        place=place,
        reach=found * step_s,
        nearest=r_low,
        farthest=r_high,
        slowest=np.maximum(slowest, 0.0),
        speed=found,
        acceleration=acceleration,
        jerk=jerk,
    )


def _among_stars(place: FloatArray, velocity: FloatArray) -> FloatArray:
    """Speed (n,) m/s without the turning of the Earth."""
    spin = np.stack([-place[:, 1], place[:, 0], np.zeros(len(place))], axis=-1)
    return np.asarray(np.linalg.norm(velocity + ROTATION_RATE * spin, axis=-1), dtype=np.float64)
