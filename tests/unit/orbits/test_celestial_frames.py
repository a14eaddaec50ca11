"""Celestial frames against ERFA and SOFA's published example; Earth orientation from a newer file."""

from __future__ import annotations

import math
from pathlib import Path

import astropy_iers_data
import erfa
import numpy as np
import pytest

from comity.core import Epoch, InputError, Interval
from comity.orbits import (
    FRAMES,
    EarthOrientation,
    frame_of,
    from_itrf,
    gcrf_to_itrf,
    gcrf_to_itrf_matrix,
    itrf_to_gcrf,
    teme_to_gcrf,
    to_itrf,
)

ARCSEC = math.pi / 648_000
EOP = EarthOrientation.bundled()
EPOCH = Epoch.from_iso("2024-09-22T05:00:00Z")
FINALS = Path(astropy_iers_data.IERS_A_FILE)


def tt(epoch: Epoch, seconds: np.ndarray) -> tuple[float, np.ndarray]:
    return 2_440_587.5, (epoch.tai_ns / 1e9 + seconds + 32.184) / 86_400


def test_the_matrix_of_the_sofa_cookbook() -> None:
    """SOFA Tools for Earth Attitude, example 5.5 (IAU 2006/2000A by X, Y series): 2007-04-05 12h UTC."""
    mas = ARCSEC / 1e3
    eop = EarthOrientation.constant(
        -0.072073685, 0.0349282 * ARCSEC, 0.4833163 * ARCSEC, 0.1750 * mas, -0.2259 * mas
    )
    matrix = gcrf_to_itrf_matrix(Epoch.from_iso("2007-04-05T12:00:00Z"), np.zeros(1), eop)[0]
    published = [
        [+0.973104317697535, +0.230363826239128, -0.000703163482198],
        [-0.230363800456037, +0.973104570632801, +0.000118545366625],
        [+0.000711560162668, +0.000046626403995, +0.999999745754024],
    ]
    assert matrix == pytest.approx(np.array(published), abs=1e-14)


def test_nodes_of_the_pole_cost_less_than_a_millimetre() -> None:
    """A year of instants against ERFA's whole series at each, at the geostationary radius."""
    seconds = np.sort(np.random.default_rng(1).uniform(0.0, 365 * 86_400.0, 400))
    at = EOP.at(EPOCH, seconds)
    x, y, s = erfa.xys06a(*tt(EPOCH, seconds))
    pole = erfa.pom00(at.xp, at.yp, erfa.sp00(*tt(EPOCH, seconds)))
    expected = erfa.c2tcio(erfa.c2ixys(x + at.dx, y + at.dy, s), erfa.era00(*at.ut1_jd), pole)
    away = 42_164e3 * np.abs(gcrf_to_itrf_matrix(EPOCH, seconds, EOP) - expected).max()
    assert away < 1e-3
    # without the measured pole offsets it would be centimetres, with another model metres
    plain = erfa.c2t06a(*tt(EPOCH, seconds), *at.ut1_jd, at.xp, at.yp)
    assert 0.01 < 42_164e3 * np.abs(plain - expected).max() < 0.5


def test_velocity_is_the_rate_of_position_on_the_turning_earth() -> None:
    seconds = np.array([-0.5, 0.0, 0.5])
    v = np.array([-4746.0, 785.0, 5531.0])
    r = np.array([5.0e6, 6.1e6, 6.3e6]) + seconds[:, None] * v
    for frame in FRAMES:
        position, velocity = to_itrf(frame, r, np.tile(v, (3, 1)), EPOCH, seconds, EOP)
        assert position[2] - position[0] == pytest.approx(velocity[1], abs=2e-3), frame


def test_frames_lie_where_their_definitions_put_them() -> None:
    seconds = np.zeros(1)
    r, v = np.array([[4.1e6, -3.2e6, 4.7e6]]), np.zeros((1, 3))
    gcrf, _ = gcrf_to_itrf(r, v, EPOCH, seconds, EOP)
    # the frame bias is 17 and 7 mas (IERS Conventions 2010, 5.32): 0.6 m here
    j2000, _ = to_itrf("EME2000", r, v, EPOCH, seconds, EOP)
    assert np.linalg.norm(j2000 - gcrf) == pytest.approx(0.7, abs=0.25)
    # IAU 1976/1980 precession and nutation, of which TEME is made, are off by some 0.1″
    dpsi, _ = erfa.nut80(*tt(EPOCH, seconds))
    equinoxes = erfa.rz(dpsi * np.cos(erfa.obl80(*tt(EPOCH, seconds))), np.eye(3))
    direct = np.einsum("nji,nj->ni", np.einsum("nij,njk->nik", equinoxes, erfa.pnm80(*tt(EPOCH, seconds))), r)
    assert np.linalg.norm(teme_to_gcrf(r, v, EPOCH, seconds, EOP)[0] - direct) < 5.0
    # true of date differs from TEME by the equation of the equinoxes alone
    tod, _ = from_itrf("TOD", *to_itrf("TEME", r, v, EPOCH, seconds, EOP), EPOCH, seconds, EOP)
    turned = erfa.rz(-float(dpsi[0] * np.cos(erfa.obl80(*tt(EPOCH, seconds)))[0]), np.eye(3)) @ r[0]
    assert np.linalg.norm(tod[0] - turned) < 5.0


def test_gcrf_there_and_back_and_names_of_frames() -> None:
    seconds = np.linspace(0.0, 86_400.0, 50)
    r, v = np.tile([4.1e6, -3.2e6, 4.7e6], (50, 1)), np.tile([4e3, 3e3, 5e3], (50, 1))
    back = itrf_to_gcrf(*gcrf_to_itrf(r, v, EPOCH, seconds, EOP), EPOCH, seconds, EOP)
    assert back[0] == pytest.approx(r, abs=1e-7)
    assert back[1] == pytest.approx(v, abs=1e-10)
    assert [frame_of(n) for n in ("j2000", "ICRF", "ITRF-97", "ITRF2014", "IGS20", "IGb14")] == [
        *("EME2000", "GCRF", "ITRF", "ITRF", "ITRF", "ITRF"),
    ]
    with pytest.raises(InputError, match=r"'MOON_ME' is not supported: use EME2000, GCRF"):
        frame_of("MOON_ME")


def test_a_newer_file_takes_the_place_of_the_bundled_one(tmp_path: Path) -> None:
    rows = FINALS.read_text().splitlines()
    end = next(k for k, row in enumerate(rows) if row[7:15] == "60580.00")
    cut = tmp_path / "finals2000A.all"
    cut.write_text("\n".join(rows[:end]) + "\n")
    eop = EarthOrientation.from_finals2000a(cut)
    assert eop.source == "IERS finals2000A (finals2000A.all)"
    assert eop.validity.end == Epoch.from_iso("2024-09-26")
    assert eop.predicted_from is None
    inside = Interval(EPOCH, EPOCH + 86_400)
    eop.check(inside)
    with pytest.raises(InputError, match=r"to 2024-09-26T00:00:00Z, asked for .* newer finals2000A file"):
        eop.check(Interval(EPOCH, EPOCH + 5 * 86_400))
    same = [EOP.at(EPOCH, np.array([3600.0])), eop.at(EPOCH, np.array([3600.0]))]
    assert same[0].dx == same[1].dx
    # Bulletin B's dX of MJD 60575 and 60576: 0.146 and 0.067 mas, a quarter of the day between
    assert same[0].dx[0] / ARCSEC * 1e3 == pytest.approx(0.146 - 0.25 * 0.079, abs=1e-6)


def test_predictions_are_noted_with_what_they_cost() -> None:
    assert EOP.predicted_from is not None
    measured = Interval(EPOCH, EPOCH + 86_400)
    assert EOP.prediction_note(measured) == ""
    month = Interval(EOP.predicted_from + 29 * 86_400, EOP.predicted_from + 30 * 86_400)
    note = EOP.prediction_note(month)
    assert f"predicted from {EOP.predicted_from.iso(0)} on" in note
    # Bulletin A: 0.25 ms · 30^0.75 of UT1 is 1.5 m at the equator, 0.00068″ · 30^0.8 of the pole 0.3 m
    assert "about 1.5 m" in note


def spoilt(rows: list[str], column: int, text: str) -> str:
    changed = [row[:column] + text + row[column + len(text) :] for row in rows[:1]] + rows[1:]
    return "\n".join(changed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rows: "", "holds no Earth orientation"),
        (lambda rows: "hello\nworld\n", "holds no Earth orientation"),
        (lambda rows: spoilt(rows, 7, "4168x.00"), "not in the finals2000A layout"),
        (lambda rows: "\n".join([*rows[:5], *rows[:5]]), "do not rise"),
        (lambda rows: "\n".join(rows[:5]) + "\né", "cannot read Earth orientation"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, make, message: str) -> None:
    path = tmp_path / "eop.txt"
    path.write_text(make(FINALS.read_text().splitlines()[:20]), encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        EarthOrientation.from_finals2000a(path)
    assert "eop.txt" in str(error.value)
