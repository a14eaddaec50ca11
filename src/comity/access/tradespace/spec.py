"""Reading a trade study from TOML: every key checked, all mistakes told together, no cost assumed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from comity.access.coverage import Options, Sensor
from comity.access.coverage.notation import ltan_of
from comity.access.tradespace.designs import RELATIVE, Costs, Imager, Objective, Study
from comity.core import Epoch, InputError, Interval, UnknownIdError, check_currency, read_text
from comity.fleet import load_programme, territory
from comity.fleet.problems import Problems

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(ge=0, le=1_000_000_000_000)]
Counts = Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=1)]
#: Lowest and highest orbit (km) that a sweep may hold: SGP4's near-Earth part, clear of decay within days.
Altitude = Annotated[float, Field(ge=250, le=5000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Sweep(_Table):
    planes: Counts
    satellites_per_plane: Counts
    altitude_km: Annotated[list[Altitude], Field(min_length=1)]
    inclination_deg: list[Annotated[float, Field(ge=0, le=180)]] = []
    ltan: list[str] = []
    phasing: Annotated[int, Field(ge=0, le=1000)] = 0


class _Instrument(_Table):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
    programme: str | None = None
    gsd_m: Positive | None = None
    reference_altitude_km: Positive | None = None
    max_off_nadir_deg: Positive | None = None
    min_elevation_deg: Annotated[float, Field(ge=0, lt=90)] | None = None
    swath_km: Positive | None = None
    cost: Amount
    mass_kg: Amount | None = None


class _Costs(_Table):
    currency: str
    satellite: Amount
    launch_per_plane: Amount | None = None
    launch_per_kg: Amount | None = None
    satellite_mass_kg: Amount | None = None
    operations_per_satellite_year: Amount
    years: Annotated[Decimal, Field(gt=0, le=100)]


class _Spec(_Table):
    title: str
    country: str | None = None
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    lat: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    grid: str
    start: datetime | str
    days: Annotated[float, Field(gt=0, le=366)]
    min_sun_elevation_deg: Annotated[float, Field(ge=-90, le=90)] | None = None
    objective: Objective = "revisit_mean"
    min_seen: Annotated[float, Field(ge=0, le=1)] = 0.99
    sweep: _Sweep
    instruments: Annotated[list[_Instrument], Field(min_length=1)]
    costs: _Costs


#: The study that comes with Comity.
EXAMPLE: Literal["djibouti-optical"] = "djibouti-optical"


def load_study(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """A trade study from a TOML file, or the one that comes with Comity by its name, ``djibouti-optical``.

    ``overrides``: keys of the file (those of ``[sweep]`` too) whose values are replaced, None: kept.
    Raises :class:`InputError` naming the file and everything that is wrong with it.
    """
    if str(name_or_path) == EXAMPLE:
        text = read_text(resources.files("comity.access.tradespace") / "data" / f"{EXAMPLE}.toml")
    else:
        path = Path(name_or_path)
        if not path.exists() and path.suffix == "" and path.name == str(name_or_path):
            raise UnknownIdError("study", str(name_or_path), (EXAMPLE,))
        text = read_text(path)
    return study_from_text(text, str(name_or_path), overrides)


def study_from_text(text: str, name: str = "study", overrides: Mapping[str, Any] | None = None) -> Study:
    """The same from TOML text; ``name``: what to call it in errors."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        if value is not None:
            table = data.setdefault("sweep", {}) if key in _Sweep.model_fields else data
            if key in ("country", "bbox", "lat"):
                for other in ("country", "bbox", "lat"):
                    table.pop(other, None)
            table[key] = value
    problems = Problems(name)
    if "costs" not in data:
        problems.add(
            "costs",
            "missing: a study needs the costs it compares by; Comity assumes none "
            f'(where only their ratios are known, give those and currency = "{RELATIVE}")',
        )
        problems.raise_any()
    # the inner tables first, each for itself: a slip in a key is then told with the near ones of its table
    for key, model in (("sweep", _Sweep), ("costs", _Costs)):
        if isinstance(data.get(key), dict):
            problems.read(model, data[key], key)
    if isinstance(data.get("instruments"), list) and all(isinstance(i, dict) for i in data["instruments"]):
        problems.read_all(_Instrument, data["instruments"], "instruments")
    problems.raise_any()
    spec = problems.read(_Spec, data, "")
    if spec is None:
        problems.raise_any()
        raise AssertionError("a study that cannot be read has a problem")
    study = _study(spec, problems)
    problems.raise_any()
    return study


def _study(spec: _Spec, problems: Problems) -> Study:
    sweep = spec.sweep
    ltans: list[float] = []
    for text in sweep.ltan:
        try:
            ltans.append(ltan_of(text))
        except InputError as error:
            problems.add("sweep.ltan", str(error))
    if not (sweep.inclination_deg or sweep.ltan):
        problems.add("sweep", 'has no orbit: give inclination_deg = [53] or ltan = ["10:30"], or both')
    costs = _costs(spec.costs, problems)
    imagers = tuple(_imager(one, spec.costs, problems) for one in spec.instruments)
    problems.raise_any()
    start = Epoch.from_iso(spec.start if isinstance(spec.start, str) else spec.start.isoformat())
    percentiles = tuple(sorted({*Options().percentiles, 95.0}))
    return Study(
        title=spec.title,
        region=_region(spec),
        grid=spec.grid,
        interval=Interval(start, start + float(spec.days) * 86_400.0),
        options=Options(min_sun_elevation_deg=spec.min_sun_elevation_deg, percentiles=percentiles, starts=0),
        objective=spec.objective,
        min_seen=spec.min_seen,
        costs=costs,
        imagers=imagers,
        planes=tuple(dict.fromkeys(sweep.planes)),
        satellites_per_plane=tuple(dict.fromkeys(sweep.satellites_per_plane)),
        altitudes_m=tuple(dict.fromkeys(1000.0 * km for km in sweep.altitude_km)),
        inclinations_deg=tuple(dict.fromkeys(sweep.inclination_deg)),
        ltans_h=tuple(dict.fromkeys(ltans)),
        phasing=sweep.phasing,
    )


def _region(spec: _Spec) -> str:
    given = [value for value in (spec.country, spec.bbox, spec.lat) if value is not None]
    if len(given) > 1:
        raise InputError("give one of country, bbox and lat, not several")
    if spec.country is not None:
        return f"country:{territory(spec.country).id}"
    if spec.bbox is not None:
        return "bbox:" + ",".join(map(_plain, spec.bbox))
    if spec.lat is not None:
        return "lat:" + ",".join(map(_plain, spec.lat))
    return "world"


def _plain(value: float) -> str:
    """All digits of a number, without an exponent."""
    return format(Decimal(repr(float(value))).normalize(), "f")


def _costs(costs: _Costs, problems: Problems) -> Costs:
    if costs.currency != RELATIVE:
        try:
            check_currency(costs.currency)
        except InputError as error:
            problems.add("costs.currency", f'{error}, or "{RELATIVE}" where only ratios are meant')
    if costs.launch_per_plane is None and costs.launch_per_kg is None:
        problems.add(
            "costs", "launch has no cost: give launch_per_plane, launch_per_kg or both (0 is a cost)"
        )
    if costs.launch_per_kg is not None and costs.satellite_mass_kg is None:
        problems.add("costs.satellite_mass_kg", "missing: launch_per_kg needs it")
    return Costs(
        currency=costs.currency,
        satellite=costs.satellite,
        launch_per_plane=costs.launch_per_plane or Decimal(0),
        launch_per_kg=costs.launch_per_kg or Decimal(0),
        satellite_mass_kg=costs.satellite_mass_kg or Decimal(0),
        operations_per_satellite_year=costs.operations_per_satellite_year,
        years=costs.years,
    )


def _imager(one: _Instrument, costs: _Costs, problems: Problems) -> Imager:
    """The instrument, its missing figures those of the programme it names."""
    key = f"instruments.{one.id}"
    gsd, reference_km = one.gsd_m, one.reference_altitude_km
    limits = (one.max_off_nadir_deg, one.min_elevation_deg, one.swath_km)
    if one.programme is not None:
        craft = load_programme(one.programme).spacecraft
        known = {found.id: found for each in craft for found in each.instruments}
        if one.id not in known:
            raise UnknownIdError(f"instrument of {one.programme}", one.id, tuple(known))
        figures = known[one.id]
        gsd = gsd or figures.gsd_m
        reference_km = reference_km or figures.reference_altitude_m / 1000.0
        if limits == (None, None, None):
            if figures.pointing == "agile":
                limits = (figures.max_off_nadir_deg, None, None)
            else:
                limits = (None, None, figures.swath_m / 1000.0)
    if gsd is None or reference_km is None:
        problems.add(key, "give gsd_m and reference_altitude_km, or the programme that has the instrument")
    if costs.launch_per_kg is not None and one.mass_kg is None:
        problems.add(f"{key}.mass_kg", "missing: launch_per_kg needs it")
    sensor = Sensor(max_off_nadir_deg=30.0)
    try:
        sensor = Sensor(
            max_off_nadir_deg=limits[0],
            min_elevation_deg=limits[1],
            swath_m=None if limits[2] is None else 1000.0 * limits[2],
        )
    except InputError as error:
        problems.add(key, str(error))
    return Imager(
        id=one.id,
        gsd_m=gsd or 1.0,
        reference_altitude_m=1000.0 * (reference_km or 1.0),
        sensor=sensor,
        cost=one.cost,
        mass_kg=one.mass_kg or Decimal(0),
    )
