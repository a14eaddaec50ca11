"""SGP4 trajectories: the published verification cases, and refusals."""

from __future__ import annotations

import pickle
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from comity.core import Epoch
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    parse_tle,
    sgp4_trajectories,
)

EOP = EarthOrientation.constant()


def verification_elements() -> dict[int, MeanElements]:
    """Elements of AIAA 2006-6753, as the ``sgp4`` package carries them; three have no valid checksum."""
    text = (files("sgp4") / "SGP4-VER.TLE").read_text()
    lines = [line[:69] for line in text.splitlines() if line[:2] in ("1 ", "2 ")]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return {
        int(a[2:7]): parse_tle(a, b) for a, b in pairs if int(a[2:7]) not in (33333, 33334, 33335)
    }  # fmt: skip


def test_published_verification_states() -> None:
    """Vallado's output of all 29 cases with valid lines, near-Earth and deep-space (to 1e-8 km, 1e-9 km/s).

    A few deep-space cases days from their epoch differ by millimetres between compilers.
    """
    elements = verification_elements()
    trajectory: SGP4Trajectory | None = None
    checked = 0
    for line in (files("sgp4") / "tcppver.out").read_text().splitlines():
        words = line.split()
        if words[1:] == ["xx"]:
            known = elements.get(int(words[0]))
            trajectory = SGP4Trajectory(known, EOP) if known else None
            continue
        if trajectory is None:
            continue
        minutes, *state = (float(word) for word in words[:7])
        r, v = trajectory.teme(trajectory.epoch, np.array([minutes * 60.0]))
        assert r[0] == pytest.approx(1e3 * np.array(state[:3]), abs=0.006), (trajectory, minutes)
        assert v[0] == pytest.approx(1e3 * np.array(state[3:]), abs=1e-5), (trajectory, minutes)
        checked += 1
    assert checked == 588


def test_trajectories_and_their_errors_travel_to_other_processes() -> None:
    trajectory = SGP4Trajectory(verification_elements()[28872], EOP)
    copy = pickle.loads(pickle.dumps(trajectory))
    at = np.linspace(0.0, 1_200.0, 5)
    assert (copy.itrf(copy.epoch, at)[0] == trajectory.itrf(trajectory.epoch, at)[0]).all()
    with pytest.raises(PropagationError) as error:
        copy.teme(copy.epoch, np.array([7_200.0]))
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.norad_id) == (str(error.value), 28872)


def test_decay_is_refused_by_name_and_time() -> None:
    """Case 28872 of the paper decays within 50 minutes of its epoch."""
    elements = replace(verification_elements()[28872], name="MINOTAUR R/B")
    trajectory = SGP4Trajectory(elements, EOP)
    with pytest.raises(PropagationError, match=r"MINOTAUR R/B \(28872\).* at 2005-.*it has decayed") as error:
        trajectory.teme(elements.epoch, np.array([0.0, 7_200.0]))
    assert error.value.norad_id == 28872


def test_no_orbit_rises_again_after_its_decay() -> None:
    """SGP4 gives this object, long decayed, a state 60 million km away and no error."""
    elements = parse_tle(
        "1 81696U          24252.45366609  .06056161  12303+0  78401-2 0  9999",
        "2 81696  97.3355 144.3583 0015533 237.9949 121.9828 16.13301424445663",
    )
    trajectory = SGP4Trajectory(elements, EOP)
    trajectory.teme(elements.epoch, np.array([0.0]))
    for days in (2.0, 2.5, 3.0, 5.0, 13.5, 400.0):
        with pytest.raises(PropagationError, match=r"SGP4 has no position at 202[45]"):
            trajectory.teme(elements.epoch, np.array([days * 86_400.0]))


def test_refused_elements_leave_the_others() -> None:
    good = verification_elements()[5]
    sunk = replace(good, norad_id=6, mean_motion=17.9, eccentricity=0.5)
    trajectories, refused = sgp4_trajectories([good, sunk], EOP)
    assert [t.norad_id for t in trajectories] == [5]
    assert [e.norad_id for e in refused] == [6]


def test_time_is_counted_by_utc_dates_as_sgp4_users_do() -> None:
    elements = replace(verification_elements()[5], epoch=Epoch.from_iso("2016-12-31T12:00:00Z"))
    trajectory = SGP4Trajectory(elements, EOP)
    after, _ = trajectory.teme(Epoch.from_iso("2017-01-01T12:00:00Z"), np.zeros(1))
    from_epoch, _ = trajectory.teme(elements.epoch, np.array([86_400.0]))
    assert after == pytest.approx(from_epoch, abs=1e-6)
