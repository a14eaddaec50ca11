"""States of many objects by the compiled SGP4 are those of the ``sgp4`` package."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

import comity.orbits
from comity.core import Interval
from comity.orbits import (
    EarthOrientation,
    SGP4Trajectory,
    StateGrid,
    itrf_states,
    read_elements,
    sgp4_trajectories,
)

CATALOGUE = Path(comity.orbits.__file__).with_name("data") / "catalogue-300.3le"
DAY = Interval.from_iso("2024-09-22/2024-09-23")
EOP = EarthOrientation.bundled()


def test_every_kind_of_orbit_has_the_states_its_trajectory_gives() -> None:
    elements = read_elements(CATALOGUE).elements
    trajectories, _ = sgp4_trajectories(elements, EOP)
    seconds = np.arange(-20_000.0, 86_400.0, 1_777.0)
    states, lost = itrf_states(trajectories, DAY.start, seconds[0], 1_777.0, len(seconds))
    deep = 0
    for k, trajectory in enumerate(trajectories):
        if k in lost:
            assert np.isnan(states[k]).all()
            assert lost[k].norad_id == trajectory.norad_id
            continue
        position, velocity = trajectory.itrf(DAY.start, seconds)
        deep += trajectory.elements.mean_motion < 6.4
        assert np.abs(states[k, :, :3] - position).max() < 1e-3, trajectory.name
        assert np.abs(states[k, :, 3:] - velocity).max() < 1e-6, trajectory.name
    assert lost
    assert deep > 20
    assert len(trajectories) - deep > 100


def test_years_from_their_epoch_the_states_still_agree() -> None:
    """Angles of thousands of revolutions go through the kernel's own sine and cosine."""
    catalogue = read_elements(CATALOGUE).elements
    near = [replace(one, bstar=0.0) for one in catalogue if 11.0 < one.mean_motion < 15.5][:40]
    trajectories = [SGP4Trajectory(one, EOP) for one in near]
    year = 365.0 * 86_400.0
    states, lost = itrf_states(trajectories, DAY.start, year, 600.0, 30)
    assert not lost
    for k, trajectory in enumerate(trajectories):
        position, _ = trajectory.itrf(DAY.start, year + 600.0 * np.arange(30))
        assert np.abs(states[k, :, :3] - position).max() < 0.01, trajectory.name


def test_each_object_is_turned_by_its_own_earth_orientation() -> None:
    one = read_elements(CATALOGUE).elements[0]
    other = EarthOrientation.constant(ut1_utc_s=0.4)
    states, _ = itrf_states([SGP4Trajectory(one, EOP), SGP4Trajectory(one, other)], DAY.start, 0.0, 60.0, 3)
    expected, _ = SGP4Trajectory(one, other).itrf(DAY.start, 60.0 * np.arange(3))
    assert np.abs(states[1, :, :3] - expected).max() < 1e-3
    assert np.linalg.norm(states[0, :, :3] - states[1, :, :3], axis=-1).min() > 50.0


def test_an_orbit_that_has_decayed_in_between_is_lost_even_where_the_theory_revives_it() -> None:
    """Past its decay, SGP4's drag polynomial gives plausible orbits again without an error."""
    catalogue = read_elements(CATALOGUE).elements
    falling = replace(
        next(one for one in catalogue if one.mean_motion > 15.0),
        mean_motion=16.3,
        eccentricity=1e-3,
        bstar=0.02,
    )
    epoch = falling.epoch
    for days in (20.0, 60.0, 200.0):
        _, lost = itrf_states([SGP4Trajectory(falling, EOP)], epoch, days * 86_400.0, 60.0, 5)
        assert list(lost) == [0], days


def test_differentiated_states_carry_a_cubic_as_close_as_the_step_promises() -> None:
    """SGP4's own velocities leave the cubic decimetres off, in highly elliptic orbits metres."""
    lasting = [one for one in read_elements(CATALOGUE).elements if one.mean_motion < 16.0]
    trajectories, _ = sgp4_trajectories(lasting[::5], EOP)
    grid, worst = StateGrid(trajectories), 0.0
    for k, trajectory in enumerate(trajectories):
        step = trajectory.max_step_s * 0.01**0.25
        count = math.ceil(DAY.duration_s / step)
        states, lost = grid.states(np.array([k]), DAY.start, 0.0, step, count, differentiated=True)
        if not lost:
            r, v = states[0, :, :3], states[0, :, 3:]
            between, _ = trajectory.itrf(DAY.start, step * (np.arange(count - 1) + 0.5))
            cubic = (r[:-1] + r[1:]) / 2.0 + step / 8.0 * (v[:-1] - v[1:])
            worst = max(worst, float(np.linalg.norm(cubic - between, axis=-1).max()))
    assert 0.005 < worst < 0.015  # asked for 0.01 m
