"""``comity coverage``: how often, how soon and how much of the ground a constellation sees."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from comity.access.coverage import Coverage, Grid, Lost, Options
from comity.access.coverage import coverage as cover
from comity.access.coverage.maps import map_figures
from comity.access.coverage.notation import GRID_FORM, grid_of, numbers_of, region_named
from comity.access.coverage.summary import summarise
from comity.access.coverage.writers import check_output, write_coverage
from comity.cli.common import Json
from comity.cli.constellation import Constellation, Orbits, Seeing, build_constellation, check_orbits
from comity.cli.coverage_output import print_summary, print_summary_json
from comity.cli.output import check_writable
from comity.cli.trajectories import Eop, earth_orientation, elements_behind, tell, warn_of_age
from comity.cli.work import Scheduler, Workers, executor_for, progress_with_time_left
from comity.core import Epoch, InputError, Interval, SystemClock
from comity.fleet import Area, area_from_geojson, load_programme
from comity.orbits import EarthOrientation

_DAY_S = 86_400.0
DEFAULT_DAYS = 10.0
DAYLIGHT_DEG = 0.0


def coverage(
    walker: Annotated[
        str | None,
        typer.Option(
            metavar="I:T/P/F", help="Walker delta: inclination:satellites/planes/phasing, e.g. 53:60/6/1."
        ),
    ] = None,
    star: Annotated[
        str | None, typer.Option(metavar="I:T/P/F", help="Walker star: planes over half the equator.")
    ] = None,
    sso: Annotated[bool, typer.Option("--sso", help="Sun-synchronous orbits, with --ltan.")] = False,
    elements: Annotated[
        Path | None, typer.Option(help="TLE, 3LE, OMM, OEM or SP3: the objects of a file.")
    ] = None,
    programme: Annotated[
        str | None,
        typer.Option(help="The spacecraft of a programme: a file, or the name of an embedded one."),
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAME_OR_NORAD,…", help="Only these objects or spacecraft.")
    ] = None,
    altitude_km: Annotated[float | None, typer.Option(help="Height of the orbits built here.")] = None,
    ltan: Annotated[
        str | None, typer.Option(metavar="HH:MM", help="Local time of the ascending node (--sso).")
    ] = None,
    sats: Annotated[int | None, typer.Option(help="Satellites in all (--sso).", show_default="1")] = None,
    planes: Annotated[
        int | None, typer.Option(help="Planes they stand in (--sso).", show_default="1")
    ] = None,
    max_off_nadir_deg: Annotated[float | None, typer.Option(help="What is seen: a cone about nadir.")] = None,
    min_elevation_deg: Annotated[
        float | None, typer.Option(help="Or: where the satellite stands at least so high.")
    ] = None,
    swath_km: Annotated[float | None, typer.Option(help="Or: a swath centred on the ground track.")] = None,
    instrument: Annotated[
        str | None,
        typer.Option(
            metavar="[PROGRAMME:]ID,…", help="Or: what an instrument of a programme (joint-eo) reaches."
        ),
    ] = None,
    grid: Annotated[str, typer.Option(help=f"{GRID_FORM}.")] = "latlon:1",
    country_code: Annotated[
        str | None, typer.Option("--country", help="Only this territory, e.g. DJI.")
    ] = None,
    area: Annotated[Path | None, typer.Option(help="Only this area: GeoJSON.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Only this box (degrees).")] = None,
    lat: Annotated[str | None, typer.Option(metavar="MIN,MAX", help="Only these latitudes.")] = None,
    daylight: Annotated[
        bool, typer.Option("--daylight", help="Only while the sun is up: --min-sun-elevation-deg 0.")
    ] = False,
    min_sun_elevation_deg: Annotated[float | None, typer.Option(help="Lowest sun at the ground.")] = None,
    min_duration_s: Annotated[float, typer.Option(help="Shorter looks do not count.")] = 0.0,
    percentiles: Annotated[str, typer.Option(help="Percentiles of revisit and response.")] = "50,90,95,99",
    starts: Annotated[int, typer.Option(help="Start times that the time to cover is averaged over.")] = 24,
    start: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="First instant, UTC.", show_default="now"),
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="ISO", help="Last instant, UTC.")] = None,
    days: Annotated[
        float | None, typer.Option(help="Or: how long.", show_default=f"{DEFAULT_DAYS:g}")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write FILE.nc, .zarr, .tif (latlon grids) or .png; repeatable."),
    ] = None,
    figure: Annotated[
        list[str] | None,
        typer.Option(help="What a .png shows, e.g. revisit_max, response_p95, looks; repeatable."),
    ] = None,
    eop: Eop = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="ISO", help="The present.", show_default="the programme's epoch, else the clock"
        ),
    ] = None,
) -> None:
    """Compute coverage and revisit of the world or a region: a summary here, every cell's figures in files.

    Exit codes: 0 fine; 2 bad input or nothing usable; 3 some objects were skipped, each with its reason on
    standard error.
    """
    orbits = Orbits(
        walker=walker,
        star=star,
        sso=sso,
        elements=elements,
        programme=programme,
        only=only,
        altitude_km=altitude_km,
        ltan=ltan,
        sats=sats,
        planes=planes,
    )
    seeing = Seeing(
        max_off_nadir_deg=max_off_nadir_deg,
        min_elevation_deg=min_elevation_deg,
        swath_km=swath_km,
        instrument=instrument,
    )
    check_orbits(orbits)
    options = Options(
        min_sun_elevation_deg=_light(daylight, min_sun_elevation_deg),
        min_duration_s=min_duration_s,
        percentiles=_percentiles(percentiles),
        starts=starts,
    )
    figures = _figures(figure, options)
    for path in out or []:
        check_output(path)
    if figure and not any(path.suffix.lower() == ".png" for path in out or []):
        raise InputError("--figure says what a map shows: add --out FILE.png")
    interval = _interval(start, end, days, now, programme)
    orientation = earth_orientation(eop)
    orientation.check(interval)
    region = region_of(country_code, area, bbox, lat)
    cells = grid_of(grid, region)
    for path in out or []:
        check_output(path, cells.kind)
        check_writable(path)
    constellation = build_constellation(orbits, seeing, interval, orientation)
    for note in constellation.notes:
        tell(f"note: {note}")
    with executor_for(workers, scheduler) as executor, progress_with_time_left("coverage") as progress:
        result = cover(
            constellation.trajectories,
            constellation.sensors,
            cells,
            interval,
            options=options,
            eop=orientation,
            executor=executor,
            on_error="skip",
            progress=progress,
        )
    attributes = _attributes(constellation, cells, orientation, interval)
    for path in out or []:
        write_coverage(result, path, attributes, figures=figures)
    _tell_skipped(constellation, result, interval)
    if as_json:
        print_summary_json(summarise(result), result, constellation.label, out or [])
    else:
        print_summary(summarise(result), result, constellation.label, out or [])
    if constellation.skipped or result.lost:
        raise typer.Exit(3)


def region_of(country_code: str | None, area: Path | None, bbox: str | None, lat: str | None) -> Area | None:
    """The region that the options name, None: the world.

    Raises :class:`InputError` when there are several, or one is no place.
    """
    given = {"--country": country_code, "--area": area, "--bbox": bbox, "--lat": lat}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise InputError(f"give one region, not {' and '.join(names)}")
    if country_code is not None:
        return region_named(f"country:{country_code}")
    if area is not None:
        import json

        from comity.core import read_text

        try:
            content = json.loads(read_text(area))
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{area} is not GeoJSON: {error}") from error
        try:
            return area_from_geojson(_one_geometry(content), area.stem)
        except InputError as error:
            raise InputError(f"{area}: {error}") from error
    if bbox is not None:
        return region_named(f"bbox:{bbox}")
    return None if lat is None else region_named(f"lat:{lat}")


def _one_geometry(content: object) -> object:
    """A FeatureCollection as the collection of its geometries: its areas are one region."""
    from comity.fleet.areas import features_of

    features = features_of(content)
    if len(features) == 1:
        return features[0]
    return {"type": "GeometryCollection", "geometries": [one.get("geometry", one) for one in features]}


def _light(daylight: bool, min_sun_elevation_deg: float | None) -> float | None:
    if daylight and min_sun_elevation_deg is not None:
        raise InputError("--daylight is --min-sun-elevation-deg 0: give one of them")
    return DAYLIGHT_DEG if daylight else min_sun_elevation_deg


def _percentiles(text: str) -> tuple[float, ...]:
    if not text.strip():
        return ()
    return tuple(sorted(set(numbers_of(text, "--percentiles", "P,P,…"))))


def _figures(figure: list[str] | None, options: Options) -> tuple[str, ...]:
    figures = tuple((name.replace("-", "_") for name in figure) if figure else ("revisit_mean",))
    known = map_figures(options.percentiles)
    for name in figures:
        if name not in known:
            raise InputError(f"--figure {name!r} is not one of {', '.join(known)}")
    return figures


def _interval(
    start: str | None, end: str | None, days: float | None, now: str | None, programme: str | None
) -> Interval:
    if end is not None and days is not None:
        raise InputError("give --end or --days, not both")
    if start is not None:
        first = Epoch.from_iso(start)
    elif now is not None:
        first = Epoch.from_iso(now)
    else:
        epoch = load_programme(programme).epoch if programme is not None else None
        first = epoch or SystemClock().now()
    if end is not None:
        return Interval(first, Epoch.from_iso(end))
    length = DEFAULT_DAYS if days is None else days
    if not 0.0 < length <= 36_525.0:
        raise InputError(f"--days {length:g} is outside 0 … 36,525")
    return Interval(first, first + length * _DAY_S)


def _attributes(
    constellation: Constellation, cells: Grid, eop: EarthOrientation, interval: Interval
) -> dict[str, str]:
    """Title, command and Earth orientation, for the files."""
    where = "the world" if cells.name == "world" else cells.name
    title = f"Coverage of {where} by {constellation.label}"
    attributes = {
        "title": title,
        "history": f"{SystemClock().now().iso(0)}: comity {shlex.join(sys.argv[1:])}",
        "earth_orientation": eop.source,
        "earth_orientation_validity": f"{eop.validity.start.iso(0)}/{eop.validity.end.iso(0)}",
    }
    if eop.predicted_from is not None and eop.predicted_from < interval.end:
        attributes["earth_orientation_predicted_from"] = eop.predicted_from.iso(0)
    return attributes


def _tell_skipped(constellation: Constellation, result: Coverage, interval: Interval) -> None:
    for reason in constellation.skipped:
        tell(f"skipped: {reason}")
    gone: tuple[Lost, ...] = result.lost
    for one in gone:
        tell(f"skipped: {one.reason}")
    lost = {one.norad_id for one in gone}
    used = [one for one in elements_behind(constellation.trajectories) if one.norad_id not in lost]
    warn_of_age(used, interval)
