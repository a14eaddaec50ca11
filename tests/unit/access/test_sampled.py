"""States kept at hand: a search over them finds what one without them finds."""

from __future__ import annotations

import numpy as np

from comity.access import SampledTrajectory, imaging_windows
from comity.core import Interval
from comity.fleet import load_programme, point_target, territory_target
from comity.orbits import EarthOrientation, SGP4Trajectory

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None
EOP = EarthOrientation.bundled()
CRAFT = PROGRAMME.craft("gaofen-6")
PLAIN = SGP4Trajectory(PROGRAMME.elements[CRAFT.norad_id], EOP)


def test_windows_are_the_same_with_and_without() -> None:
    kept = SampledTrajectory(PLAIN, Interval(NOW, NOW + 3 * 86_400.0), EOP)
    targets = [point_target(43.1, 11.6, "Djibouti"), territory_target("DJI")]
    for begin, end in ((0.0, 0.5), (0.3171, 2.2), (2.9, 3.0), (2.5, 3.5)):  # the last leaves what is kept
        interval = Interval(NOW + begin * 86_400.0, NOW + end * 86_400.0)
        wanted = imaging_windows(CRAFT, PLAIN, targets, interval)
        found = imaging_windows(CRAFT, kept, targets, interval)
        assert [(w.target, w.instrument) for w in found] == [(w.target, w.instrument) for w in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert abs(one.interval.start - other.interval.start) < 2e-3
            assert abs(one.interval.end - other.interval.end) < 2e-3
            assert np.isclose(one.best.off_nadir_deg, other.best.off_nadir_deg, atol=1e-3)
