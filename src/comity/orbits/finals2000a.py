"""Files of Earth orientation in the IERS layout ``finals2000A`` (``readme.finals2000A``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

FloatArray = NDArray[np.float64]

_LENGTH = 188
#: Columns (from 0) of Bulletin A's values, and of the final ones of Bulletin B, which most rows have too.
_RAPID = {"xp": (18, 27), "yp": (37, 46), "ut1": (58, 68), "dx": (97, 106), "dy": (116, 125)}
_FINAL = {"xp": (134, 144), "yp": (144, 154), "ut1": (154, 165), "dx": (165, 175), "dy": (175, 185)}
_POLE_FLAG, _UT1_FLAG = 16, 57


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finals2000A:
    """Rows of such a file, each (n,): ``mjd`` (days, UTC, rising), ``xp``, ``yp`` (arcseconds), ``ut1``
    (UT1−UTC, s), ``dx``, ``dy`` (milliarcseconds, zero where not given).

    ``predicted_mjd``: the first predicted day, or None.
    """

    mjd: FloatArray
    xp: FloatArray
    yp: FloatArray
    ut1: FloatArray
    dx: FloatArray
    dy: FloatArray
    predicted_mjd: float | None


def read_finals2000a(path: Path) -> Finals2000A:
    """The rows that hold polar motion and UT1; Bulletin B's final values where a row has them.

    In 1983 the two bulletins are 2 ms of UT1 apart. Raises :class:`InputError` when the file cannot be read
    or is not of this layout.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read Earth orientation from {path}: {error}") from error
    # by columns: a row at a time would take a fifth of a second for the bundled file
    lines = np.array(text.splitlines(), dtype=f"S{_LENGTH}")
    letters = lines.view("S1").reshape(len(lines), _LENGTH) if len(lines) else np.empty((0, _LENGTH), "S1")

    def column(start: int, stop: int) -> NDArray[np.bytes_]:
        cut = np.ascontiguousarray(letters[:, start:stop]).view(f"S{stop - start}").ravel()
        return np.asarray(np.strings.strip(cut))

    # the file goes on for a few weeks with dates that carry no values
    known = np.all([column(*_RAPID[name]) != b"" for name in ("xp", "yp", "ut1")], axis=0)
    if np.count_nonzero(known) < 2:
        raise InputError(f"{path} holds no Earth orientation in the finals2000A layout")
    letters = letters[known]
    try:
        mjd = column(7, 15).astype(np.float64)
        values = {}
        for name, rapid in _RAPID.items():
            final, otherwise = column(*_FINAL[name]), column(*rapid)
            words = np.where(final != b"", final, otherwise)
            values[name] = np.where(words == b"", b"0", words).astype(np.float64)
    except ValueError as error:
        raise InputError(
            f"{path} is not in the finals2000A layout: not all its values are numbers"
        ) from error
    everything = np.stack([mjd, *values.values()])
    if not (np.isfinite(everything).all() and (np.diff(mjd) > 0.0).all() and (mjd >= 41_317.0).all()):
        raise InputError(f"{path} is not in the finals2000A layout: its days do not rise from 1972 on")
    predicted = (letters[:, _POLE_FLAG] == b"P") | (letters[:, _UT1_FLAG] == b"P")
    return Finals2000A(
        mjd=mjd, **values, predicted_mjd=float(mjd[np.argmax(predicted)]) if predicted.any() else None
    )
