"""A study's outcomes as rows, files and a journal that a stopped run goes on from."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from comity import __version__
from comity.access.tradespace.designs import Study
from comity.access.tradespace.evaluate import Outcome, Tradespace, study_key
from comity.core import InputError, decode, encode, whole_path, write_text

#: Columns of the CSV file: a public contract.
COLUMNS = (
    "design", "front", "planes", "satellites_per_plane", "satellites", "altitude_km", "inclination_deg",
    "ltan", "instrument", "cost", "currency", "gsd_nadir_m", "gsd_edge_m", "seen_fraction", "revisit_mean_s",
    "revisit_p95_s", "revisit_max_s", "response_mean_s", "cover_95_s", "revisited_fraction",
)  # fmt: skip
Cell = str | int | float | bool | None


def rows(found: Tradespace) -> list[dict[str, Cell]]:
    """One row per design in the order of the study, None where a figure is not known."""
    table: list[dict[str, Cell]] = []
    for number, (one, front) in enumerate(zip(found.outcomes, found.front, strict=True), start=1):
        design = one.design
        table.append(
            {
                "design": number,
                "front": front,
                "planes": design.planes,
                "satellites_per_plane": design.satellites_per_plane,
                "satellites": design.satellites,
                "altitude_km": design.altitude_m / 1000.0,
                "inclination_deg": design.inclination_deg,
                "ltan": None if design.ltan_h is None else design.orbit.removeprefix("SSO "),
                "instrument": design.instrument,
                "cost": str(one.cost),
                "currency": found.study.costs.currency,
                "gsd_nadir_m": one.gsd_nadir_m,
                "gsd_edge_m": one.gsd_edge_m if math.isfinite(one.gsd_edge_m) else None,  # the horizon
                "seen_fraction": one.seen_fraction,
                "revisit_mean_s": one.revisit_mean_s,
                "revisit_p95_s": one.revisit_p95_s,
                "revisit_max_s": one.revisit_max_s,
                "response_mean_s": one.response_mean_s,
                "cover_95_s": one.cover_s,
                "revisited_fraction": one.revisited_fraction,
            }
        )
    return table


def check_study_output(path: Path) -> None:
    """Refuse an output whose suffix says nothing, before any work. Raises :class:`InputError`."""
    if path.suffix.lower() not in (".csv", ".json", ".nc", ".png"):
        raise InputError(f"{path} has no suffix that says what to write: use one of .csv, .json, .nc, .png")
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file")


def write_tradespace(found: Tradespace, path: Path) -> Path:
    """Every design's figures as CSV, JSON or NetCDF, or the plot as PNG, by the suffix of ``path``."""
    check_study_output(path)
    kind = path.suffix.lower()
    if kind == ".png":
        from comity.access.tradespace.plot import write_plot

        return write_plot(found, path)
    if kind == ".nc":
        return _write_netcdf(found, path)
    table = rows(found)
    if kind == ".json":
        content = {"study": encode(found.study), "comity_version": __version__, "designs": table}
        return write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: "" if value is None else str(value).lower() if isinstance(value, bool) else value
         for key, value in row.items()}
        for row in table
    )  # fmt: skip
    return write_text(path, text.getvalue())


def _write_netcdf(found: Tradespace, path: Path) -> Path:
    import xarray as xr

    table = rows(found)
    variables = {}
    for name in COLUMNS:
        if name in ("design", "currency"):
            continue
        values = [row[name] for row in table]
        if name == "front":
            data = np.array([int(bool(value)) for value in values], dtype=np.int8)
        elif name in ("ltan", "instrument"):
            data = np.array([value or "" for value in values], dtype=object)
        elif name in ("planes", "satellites_per_plane", "satellites"):
            data = np.array(values, dtype=np.int32)
        else:
            data = np.array([np.nan if value is None else float(value) for value in values])
        variables[name] = ("design", data, _about(name, found.study))
    study, interval = found.study, found.study.interval
    attributes = {
        "Conventions": "CF-1.11",
        "title": study.title,
        "source": f"Comity {__version__}: SGP4, coverage of {study.region} on {study.grid}",
        "comity_version": __version__,
        "comity_simulated": "true",
        "time_coverage_start": interval.start.iso(9),
        "time_coverage_end": interval.end.iso(9),
        "objective": study.objective,
        "study": json.dumps(encode(study), ensure_ascii=False),
    }
    number = ("design", np.arange(1, len(table) + 1), {"long_name": "number of the design in the sweep"})
    dataset = xr.Dataset(variables, {"design": number}, attributes)
    with whole_path(path) as part:
        dataset.to_netcdf(part, engine="netcdf4", format="NETCDF4")
    return path


def _about(name: str, study: Study) -> Mapping[str, str]:
    long_names = {
        "front": ("on the Pareto front of cost, revisit and GSD at the edge (1: yes)", "1"),
        "cost": (f"cost over {study.costs.years} years ({study.costs.currency})", "1"),
        "cover_95_s": ("time until 95 % of the area has been seen, from the start", "s"),
        "seen_fraction": ("fraction of the area seen at least once", "1"),
        "revisited_fraction": ("fraction of the area seen at least twice", "1"),
        "gsd_nadir_m": ("ground sample distance straight down", "m"),
        "gsd_edge_m": ("ground sample distance at the edge of what counts as seen", "m"),
    }
    if name in long_names:
        long_name, units = long_names[name]
        return {"long_name": long_name, "units": units}
    for suffix, units in (("_s", "s"), ("_km", "km"), ("_deg", "degree")):
        if name.endswith(suffix):
            return {"long_name": name.removesuffix(suffix).replace("_", " "), "units": units}
    return {"long_name": name.replace("_", " ")}


@contextmanager
def journal(path: Path | None, study: Study) -> Iterator[tuple[list[Outcome], Callable[[Outcome], None]]]:
    """Outcomes already in the journal ``path`` and a function that adds one, a whole line at a time.

    The first line says which study it belongs to; a last line cut by a crash is dropped. Without a path
    nothing is known and nothing is kept. Raises :class:`InputError` when the file is another study's journal,
    is no journal or cannot be written.
    """
    if path is None:
        yield [], lambda outcome: None
        return
    head = json.dumps({"comity_tradespace": study_key(study)}) + "\n"
    try:
        known, end = _read_journal(path, head)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if end else "wb") as file:
            file.truncate(end)
            file.seek(end)
            if not end:
                file.write(head.encode())

            def add(outcome: Outcome) -> None:
                file.write((json.dumps(encode(outcome), ensure_ascii=False) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())

            yield known, add
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _read_journal(path: Path, head: str) -> tuple[list[Outcome], int]:
    """Outcomes of the whole lines of a journal, and where they end (bytes); none where there is no file."""
    if not path.exists():
        return [], 0
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.decode("utf-8", errors="replace").splitlines(keepends=True)
    if content and (not lines or lines[0] != head):
        raise InputError(
            f"{path} is not the journal of this study with this version of Comity: name another file, or "
            "remove it to begin anew"
        )
    return [decode(Outcome, json.loads(line)) for line in lines[1:]], len(whole)
