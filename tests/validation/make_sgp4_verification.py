"""The verification cases of AIAA 2006-6753, compact, for ``comity validate orbits``.

    python tests/validation/make_sgp4_verification.py    # writes sgp4-verification.{tle,csv.gz}

Source: ``SGP4-VER.TLE`` and ``tcppver.out`` of Vallado, Crawford, Hujsak, Kelso, "Revisiting Spacetrack
Report #3", as the ``sgp4`` package carries them. The elements keep their 69 columns; the checksums of made-up
objects, which the authors changed by hand, are set right. States keep time (min), position (km) and
velocity (km/s). Where the authors' run ends early, a row holds SGP4's error code at the time it stopped at;
33334 fails at once, and the state printed for it, which is the one before, is left out.
"""

from __future__ import annotations

from pathlib import Path

import sgp4
from reference_tables import ORBITS, versions, write_table
from sgp4.api import WGS72, Satrec

FOLDER = Path(sgp4.__file__).parent


def right(line):
    digits = sum(int(c) if c.isdigit() else c == "-" for c in line[:68])
    return f"{line[:68]}{digits % 10}"


def main():
    lines = [x for x in (FOLDER / "SGP4-VER.TLE").read_text().splitlines() if x[:2] in ("1 ", "2 ")]
    blocks = []
    for line in (FOLDER / "tcppver.out").read_text().splitlines():
        if line.endswith("xx"):
            blocks.append([])
        else:
            blocks[-1].append(line.split()[:7])
    rows, kept = [], []
    for case, (line1, line2, block) in enumerate(zip(lines[::2], lines[1::2], blocks, strict=True)):
        _, stop, step = map(float, line2[69:].split())
        kept += [right(line1[:69]), right(line2[:69])]
        satellite = Satrec.twoline2rv(line1, line2, WGS72)
        last = float(block[-1][0])
        if satellite.sgp4_tsince(0.0)[0]:
            rows.append((case, "0", *[""] * 6, satellite.error))
            continue
        seen = set()
        for row in block:
            if float(row[0]) not in seen:
                rows.append((case, *row, 0))
            seen.add(float(row[0]))
        if last < stop - 1e-6:
            minutes = min(last + step, stop)
            error = satellite.sgp4_tsince(minutes)[0]
            assert error
            rows.append((case, f"{minutes:.8f}", *[""] * 6, error))
    (ORBITS / "sgp4-verification.tle").write_text("\n".join(kept) + "\n")
    about = {
        "program": "SGP4 by Vallado, Crawford, Hujsak, Kelso (tcppver.out)",
        "versions": versions("sgp4"),
        "frames": "TEME, WGS-72 constants",
    }
    columns = ["case", "minutes", "x", "y", "z", "vx", "vy", "vz", "code"]
    write_table(ORBITS / "sgp4-verification.csv.gz", about, columns, rows)


if __name__ == "__main__":
    main()
