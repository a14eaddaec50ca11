"""SGP4 against its published verification cases, and the compiled propagator against the package ``sgp4``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from comity.core import Comparison, Epoch, compared, data_text, reference_table
from comity.orbits.batch import itrf_states
from comity.orbits.catalogue import parse_elements
from comity.orbits.earth import EarthOrientation, itrf_to_teme
from comity.orbits.tle import parse_tle
from comity.orbits.trajectory import PropagationError, SGP4Trajectory, sgp4_trajectories

FloatArray = NDArray[np.float64]

PACKAGE = "comity.orbits"

_DEEP_SPACE_MIN = 225.0
_AIAA = "Vallado, Crawford, Hujsak, Kelso, AIAA 2006-6753"
#: SGP4's error codes, and how a refusal names each.
_REFUSALS = {
    1: "mean eccentricity",
    3: "perturbed eccentricity",
    4: "semilatus rectum",
    6: "decayed",
}
#: A made-up object whose last published state lies beyond twice its semi-major axis: Comity refuses it.
_BEYOND_ITS_ORBIT = "33333"


class _Verification:
    """The verification cases: two lines each, published times and states, and where SGP4 must stop."""

    def __init__(self) -> None:
        table = reference_table(PACKAGE, "sgp4-verification.csv.gz")
        lines = data_text(PACKAGE, "sgp4-verification.tle").splitlines()
        case, code = table.numbers("case").astype(int), table.numbers("code").astype(int)
        seconds = 60.0 * table.numbers("minutes")
        states = 1e3 * table.numbers("x", "y", "z", "vx", "vy", "vz")
        self.pairs = list(zip(lines[::2], lines[1::2], strict=True))
        good = code == 0
        self.seconds = [seconds[(case == k) & good] for k in range(len(self.pairs))]
        self.states = [states[(case == k) & good] for k in range(len(self.pairs))]
        self.stops = {int(case[row]): (float(seconds[row]), int(code[row])) for row in np.flatnonzero(~good)}

    def deep(self, k: int) -> bool:
        """Whether a case is a deep-space orbit."""
        return 1440.0 / float(self.pairs[k][1][52:63]) >= _DEEP_SPACE_MIN


def through_trajectories() -> list[Comparison]:
    """Through the trajectory that single objects go by: the package ``sgp4``."""
    table, eop = _Verification(), EarthOrientation.constant()
    errors: dict[bool, list[FloatArray]] = {False: [], True: []}
    rates: list[FloatArray] = []
    wrong = stops = 0
    for k, (line1, line2) in enumerate(table.pairs):
        elements = parse_tle(line1, line2)
        if k in table.stops:
            at, code = table.stops[k]
            stops += 1
            wrong += not _refuses(line1, line2, at, code)
        if not len(table.seconds[k]):
            continue
        seconds, states = table.seconds[k], table.states[k]
        if line1[2:7] == _BEYOND_ITS_ORBIT:
            seconds, states = seconds[:-1], states[:-1]
        position, velocity = SGP4Trajectory(elements, eop).teme(elements.epoch, seconds)
        errors[table.deep(k)].append(np.linalg.norm(position - states[:, :3], axis=1))
        rates.append(np.linalg.norm(velocity - states[:, 3:], axis=1))
    return [
        *_sgp4_lines("SGP4", errors, rates),
        compared(
            "SGP4: orbits that end, refused at the published time for the published reason",
            _AIAA + ", tcppver.out",
            np.array([wrong]),
            0,
            "cases",
            "an error must never become a position",
            count=stops,
        ),
    ]


def through_the_compiled_propagator() -> list[Comparison]:
    """Through the compiled propagator of many objects, and that against the package on real objects."""
    table, eop = _Verification(), EarthOrientation.constant()
    errors: dict[bool, list[FloatArray]] = {False: [], True: []}
    rates: list[FloatArray] = []
    for k, (line1, line2) in enumerate(table.pairs):
        elements = parse_tle(line1, line2)
        seconds, states = table.seconds[k], table.states[k]
        if line1[2:7] == _BEYOND_ITS_ORBIT or not len(seconds):
            continue
        one = [SGP4Trajectory(elements, eop)]
        found = np.concatenate([itrf_states(one, elements.epoch, at, 1.0, 1)[0][0] for at in seconds])
        position, velocity = itrf_to_teme(found[:, :3], found[:, 3:], elements.epoch, seconds, eop)
        errors[table.deep(k)].append(np.linalg.norm(position - states[:, :3], axis=1))
        rates.append(np.linalg.norm(velocity - states[:, 3:], axis=1))
    wrong = sum(
        not _refuses(*table.pairs[k], at, code, compiled=True) for k, (at, code) in table.stops.items()
    )
    return [
        *_sgp4_lines("compiled SGP4", errors, rates),
        compared(
            "compiled SGP4: orbits that end, refused at the published time for the published reason",
            _AIAA + ", tcppver.out",
            np.array([wrong]),
            0,
            "cases",
            "an error must never become a position",
            count=len(table.stops),
        ),
        *_real_objects(),
    ]


def _sgp4_lines(
    engine: str, errors: dict[bool, list[FloatArray]], rates: list[FloatArray]
) -> list[Comparison]:
    source = _AIAA + ", SGP4-VER.TLE and tcppver.out"
    return [
        compared(
            f"{engine}: positions of {len(errors[False])} near-Earth cases",
            source,
            np.concatenate(errors[False]),
            1e-4,
            "m",
            "the table prints 0.01 mm",
        ),
        compared(
            f"{engine}: positions of {len(errors[True])} deep-space cases",
            source,
            np.concatenate(errors[True]),
            1e-2,
            "m",
            "the table prints 0.01 mm; the resonant orbits carry the epoch's rounding on for years",
        ),
        compared(f"{engine}: velocities", source, np.concatenate(rates), 1e-5, "m/s", "printed to 1e-6 m/s"),
    ]


def _refuses(line1: str, line2: str, at: float, code: int, *, compiled: bool = False) -> bool:
    """Whether the object has no state at ``at`` s from its epoch, for the reason ``code`` stands for."""
    elements, eop = parse_tle(line1, line2), EarthOrientation.constant()
    try:
        one = SGP4Trajectory(elements, eop)
        if compiled:
            _, lost = itrf_states([one], elements.epoch, at, 1.0, 1)
            return 0 in lost and _REFUSALS[code] in str(lost[0])
        one.teme(elements.epoch, np.array([at]))
    except PropagationError as error:
        return _REFUSALS[code] in str(error)
    return False


def _real_objects() -> list[Comparison]:
    catalogue = parse_elements(data_text(PACKAGE, "catalogue-300.3le"), "catalogue-300.3le")
    trajectories, _ = sgp4_trajectories(catalogue.elements, EarthOrientation.bundled())
    start, step, count = Epoch.from_iso("2024-09-22T00:00:00Z"), 900.0, 96
    states, lost = itrf_states(trajectories, start, 0.0, step, count)
    seconds = np.arange(count, dtype=np.float64) * step
    errors, wrong = [], 0
    for k, one in enumerate(trajectories):
        try:
            position, _ = one.itrf(start, seconds)
        except PropagationError:
            wrong += k not in lost
            continue
        wrong += k in lost
        errors.append(np.linalg.norm(states[k, :, :3] - position, axis=1))
    source = "package sgp4, on GP elements of 2024-09-22 (CelesTrak/Space-Track)"
    return [
        compared(
            f"compiled SGP4: ITRF positions of {len(errors)} real objects over a day",
            source,
            np.concatenate(errors),
            1e-3,
            "m",
            "the same theory in another order of operations",
        ),
        compared(
            "compiled SGP4: real objects it refuses and the package does not, or the reverse",
            source,
            np.array([wrong]),
            0,
            "objects",
            "an error must never become a position",
            count=len(trajectories),
        ),
    ]
