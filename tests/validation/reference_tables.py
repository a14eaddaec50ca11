"""What the makers of reference tables share: where tables lie, how they are written, Orekit's start.

A table is a gzipped CSV file whose first line is ``# `` and a JSON object: who computed it, with which
program, version, frames and Earth orientation. No time stamp is inside: the same values give the same file.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "comity"
ORBITS = SOURCE / "orbits" / "data"
ACCESS = SOURCE / "access" / "data"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_table(path, about, columns, rows):
    """Write ``rows`` (already rounded or formatted) under ``columns``, with ``about`` in the first line."""
    out = io.StringIO()
    out.write("# " + json.dumps(about, ensure_ascii=False) + "\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.write_bytes(gzip.compress(out.getvalue().encode(), mtime=0))


def start_orekit():
    """Start Java with Orekit, its Earth orientation and leap seconds taken from Python packages."""
    import astropy_iers_data
    import erfa
    import orekit_jpype

    orekit_jpype.initVM()
    from java.io import File
    from org.orekit.data import DataContext, DirectoryCrawler

    folder = Path(tempfile.mkdtemp())
    (folder / "finals2000A.all").write_bytes(Path(astropy_iers_data.IERS_A_FILE).read_bytes())
    steps = [row for row in erfa.leap_seconds.get() if row["year"] >= 1972]
    lines = []
    for row, after in zip(steps, [*steps[1:], None], strict=True):
        until = "" if after is None else f"{after['year']}  {MONTHS[after['month'] - 1]}.  1"
        lines.append(f" {row['year']}  {MONTHS[row['month'] - 1]}.  1 - {until:<15}{int(row['tai_utc'])}s")
    (folder / "UTC-TAI.history").write_text("\n".join(lines) + "\n")
    manager = DataContext.getDefault().getDataProvidersManager()
    manager.clearProviders()
    manager.addProvider(DirectoryCrawler(File(str(folder))))


def versions(*packages):
    """``{"sgp4": "2.25", …}`` of installed packages."""
    from importlib.metadata import version

    return {name: version(name) for name in packages}
