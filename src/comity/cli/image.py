"""``comity image``: tiles, previews, values, band maths, change between dates and time series of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json
from comity.cli.image_choice import (
    area_of,
    choice_of,
    figures_of,
    print_files,
    shown,
)
from comity.cli.numbers import named_numbers
from comity.cli.output import check_writable, output
from comity.cli.work import progress_with_time_left
from comity.core import InputError

if TYPE_CHECKING:
    from comity.imagery.reading import SeriesPoint, View

app = typer.Typer(help="Read images: a GeoTIFF on the map, or a STAC Item.", no_args_is_help=True)

Image = Annotated[Path, typer.Argument(help="GeoTIFF, or STAC Item (.json).")]
Bands = Annotated[str | None, typer.Option(metavar="NAME,…", help="Bands by name, or b1, b2 …")]
Maths = Annotated[
    str | None, typer.Option(metavar="EXPR", help='Or band maths, e.g. "(nir - red) / (nir + red)".')
]
Index = Annotated[
    str | None, typer.Option(help="Or an index: ndvi, ndwi, ndmi, mndwi, ndsi, nbr, savi, evi2.")
]
Area = Annotated[Path | None, typer.Option(help="Only this area: GeoJSON.")]
Box = Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Or this box (degrees).")]
Clear = Annotated[
    bool, typer.Option("--clear-only", help="Leave out clouds and shadows of the Items' masks.")
]
Workers = Annotated[int | None, typer.Option(help="Threads.", show_default="one per processor")]


@app.command("tile")
def tile(
    image: Image,
    z: Annotated[int, typer.Argument(help="Zoom.")],
    x: Annotated[int, typer.Argument(help="Column, from the west.")],
    y: Annotated[int, typer.Argument(help="Row, from the north.")],
    out: Annotated[Path, typer.Option(help="FILE.png (a picture) or FILE.tif (values).")],
    bands: Bands = None,
    expression: Maths = None,
    index: Index = None,
    size: Annotated[int, typer.Option(help="Pixels each way.")] = 256,
    json: Json = False,
) -> None:
    """Cut a tile of the web map (XYZ). Its colours are stretched as the whole image's: tiles match."""
    from comity.imagery import reading

    choice = choice_of(bands, expression, index)
    source = reading.open_source(image)
    picked = choice.for_picture(source, out)
    view = reading.tile(source, z, x, y, size=size, bands=picked.bands, expression=picked.expression)
    ends = picked.ends
    if ends is None and out.suffix.lower() == ".png":
        whole = reading.preview(source, bands=picked.bands, expression=picked.expression, max_size=512)
        ends = reading.stretch(whole.values)
    reading.write_view(view, out, ends=ends, ramp=picked.ramp)
    _tell_view(view, out, json)


@app.command("preview")
def preview(
    image: Image,
    out: Annotated[Path, typer.Option(help="FILE.png (a picture) or FILE.tif (values).")],
    bands: Bands = None,
    expression: Maths = None,
    index: Index = None,
    max_size: Annotated[int, typer.Option(help="Longest side, pixels.")] = 1024,
    json: Json = False,
) -> None:
    """Show a whole image in little: colours, or band maths with a scale."""
    from comity.imagery import reading

    choice = choice_of(bands, expression, index)
    source = reading.open_source(image)
    picked = choice.for_picture(source, out)
    view = reading.preview(source, max_size=max_size, bands=picked.bands, expression=picked.expression)
    reading.write_view(view, out, ends=picked.ends, ramp=picked.ramp, legend=picked.legend)
    _tell_view(view, out, json)


@app.command("point")
def point(
    images: Annotated[list[Path], typer.Argument(help="GeoTIFFs or STAC Items.")],
    at: Annotated[list[str], typer.Option(metavar="LON,LAT", help="A place (WGS 84); repeatable.")],
    bands: Bands = None,
    expression: Maths = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Tell the values of the pixel at a place, in physical units."""
    from comity.imagery import reading

    choice = choice_of(bands, expression, index)
    places = [named_numbers(text, "place", "LON,LAT", (2,))[1] for text in at]
    found = [
        (source, lon, lat, reading.point(source, lon, lat, bands=choice.bands, expression=choice.expression))
        for source in map(reading.open_source, images)
        for lon, lat in places
    ]
    if json:
        print_json(
            [
                {"item": source.id, "time": source.when, "lon_deg": lon, "lat_deg": lat, "values": values}
                for source, lon, lat, values in found
            ]
        )
        return
    table = Table("item", "time (UTC)", "place", "band", "value")
    for source, lon, lat, values in found:
        when = "" if source.when is None else source.when.iso(0)
        for name, value in values.items():
            table.add_row(source.id, when, f"{lon:g}, {lat:g}", name, shown(value))
    console().print(table)


@app.command("index")
def index_(
    image: Image,
    out: Annotated[Path, typer.Option(help="FILE.tif, cloud-optimised.")],
    index: Annotated[str | None, typer.Option(help="An index, e.g. ndvi or ndwi.")] = None,
    expression: Maths = None,
    area: Area = None,
    bbox: Box = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Compute an index or band maths of a whole image. Killed, it goes on where it was when called again."""
    from comity.imagery import reading

    choice = choice_of(None, expression, index)
    if choice.expression is None:
        raise InputError("say what to compute: --index ndvi, or --expression")
    check_writable(out)
    with progress_with_time_left("index") as progress:
        made = reading.write_index(
            image, out, expression=choice.expression, area=area_of(area, bbox), workers=workers,
            progress=progress,
        )  # fmt: skip
    if json:
        print_json(made)
        return
    table = figures_of(made.item, [(made.expression, made.valid_percent / 100.0, made.mean, made.std,
                                    made.min, made.max)])  # fmt: skip
    console().print(table)
    print_files([out])


@app.command("change")
def change(
    before: Annotated[Path, typer.Argument(help="The earlier image: GeoTIFF or STAC Item.")],
    after: Annotated[Path, typer.Argument(help="The later one.")],
    out: Annotated[Path, typer.Option(help="FILE.tif: bands before, after, change.")],
    index: Index = None,
    expression: Maths = None,
    area: Area = None,
    bbox: Box = None,
    pixel_m: Annotated[float | None, typer.Option(help="Pixel (m).", show_default="the coarser's")] = None,
    threshold: Annotated[float | None, typer.Option(help="Count ground that changed by so much.")] = None,
    clear_only: Clear = False,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Also a picture.")] = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Compare two dates on one grid: an index or band maths of each, and the difference."""
    from comity.imagery import reading

    choice = choice_of(None, expression, index)
    if choice.expression is None:
        raise InputError("say what to compare: --index ndvi, or --expression")
    for path in (out, picture):
        if path is not None:
            check_writable(path)
    with progress_with_time_left("change") as progress:
        made = reading.change(
            before, after, out, expression=choice.expression, area=area_of(area, bbox), pixel_m=pixel_m,
            threshold=threshold, clear_only=clear_only, workers=workers, progress=progress,
        )  # fmt: skip
    if picture is not None:
        view = reading.preview(out, bands=["change"])
        end = max(abs(made.p5), abs(made.p95), 1e-6)
        legend = f"change of {choice.name}, {made.before} to {made.after}"
        reading.write_view(view, picture, ends=((-end, end),), ramp="change", legend=legend)
    if json:
        print_json(made)
        return
    out_ = console()
    out_.print(
        f"{choice.name}: mean change {made.mean:+.4g}, rms {made.rms:.4g}, 5–95 %: {made.p5:+.4g} … "
        f"{made.p95:+.4g}; {made.compared:.0%} of the area compared ({made.compared_km2:,.2f} km², "
        f"pixels of {made.pixel_m:g} m, EPSG:{made.epsg})"
    )
    if made.seconds is not None:
        out_.print(f"{made.before} to {made.after}: {made.seconds / 86_400.0:,.1f} days")
    if made.threshold is not None:
        out_.print(
            f"up by {made.threshold:g} or more: {made.gained_km2:,.3f} km²; down: {made.lost_km2:,.3f} km²"
        )
    print_files([out, *([picture] if picture else [])])


@app.command("series")
def series(
    images: Annotated[list[Path], typer.Argument(help="STAC Items or dated GeoTIFFs; a folder: its Items.")],
    area: Area = None,
    bbox: Box = None,
    bands: Bands = None,
    expression: Maths = None,
    index: Annotated[list[str] | None, typer.Option(help="Indices, e.g. ndvi; repeatable.")] = None,
    pixel_m: Annotated[float | None, typer.Option(help="Pixel (m).", show_default="the coarsest's")] = None,
    clear_only: Clear = False,
    out: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="FILE.nc (all pixels) or .csv; repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Follow an area through time: means at each date here, every pixel in FILE.nc (CF, for xarray)."""
    from comity.imagery import reading

    for path in out or []:
        if path.suffix.lower() not in (".nc", ".csv"):
            raise InputError(f"{path}: write .nc or .csv")
        check_writable(path)
    place = area_of(area, bbox)
    if place is None:
        raise InputError("say where: --area FILE.geojson or --bbox W,S,E,N")
    choices = [choice_of(bands, expression, None)]
    if index:
        if bands or expression:
            raise InputError("give --bands, --expression or --index")
        choices = [choice_of(None, None, name) for name in index]
    maths = {one.name: one.expression for one in choices if one.expression is not None}
    dataset = reading.series(
        _items(images), place, bands=choices[0].bands, expressions=maths or None, pixel_m=pixel_m,
        clear_only=clear_only,
    )  # fmt: skip
    with progress_with_time_left("series") as progress:
        points = reading.summarise_series(dataset, progress=progress)
        for path in out or []:
            if path.suffix.lower() == ".nc":
                reading.write_series(dataset, path, progress=progress)
            else:
                _write_csv(points, path)
    if json:
        print_json({"attributes": dict(dataset.attrs), "points": points})
        return
    table = Table("time (UTC)", "item", "variable", "valid", "mean", "std", "min", "max")
    for one in points:
        numbers = [shown(value) for value in (one.mean, one.std, one.min, one.max)]
        table.add_row(one.time.iso(0), one.item, one.name, f"{one.valid:.0%}", *numbers)
    console().print(table)
    if dataset.attrs["left_out"]:
        console().print(f"beside the area, left out: {dataset.attrs['left_out']}")
    print_files(out or [])


def _items(images: list[Path]) -> list[Path]:
    """The images named; of a folder, the STAC Items in it and below."""
    found: list[Path] = []
    for path in images:
        if not path.is_dir():
            found.append(path)
            continue
        items = [
            each
            for each in sorted(path.rglob("*.json"))
            if each.name not in ("catalog.json", "collection.json") and '"Feature"' in each.read_text("utf-8")
        ]
        if not items:
            raise InputError(f"{path} holds no STAC Item")
        found += items
    return found


def _write_csv(points: tuple[SeriesPoint, ...], path: Path) -> None:
    import csv

    with output(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("time", "item", "variable", "valid", "mean", "std", "min", "max"))
        for one in points:
            numbers = ["" if v is None else f"{v:.7g}" for v in (one.mean, one.std, one.min, one.max)]
            writer.writerow((one.time.iso(), one.item, one.name, f"{one.valid:.6f}", *numbers))


def _tell_view(view: View, out: Path, json: bool) -> None:
    import numpy as np

    rows = []
    for name, values in zip(view.names, view.values, strict=True):
        valid = values[np.isfinite(values)].astype(float)
        figures = (valid.mean(), valid.std(), valid.min(), valid.max()) if valid.size else (None,) * 4
        rows.append((name, valid.size / values.size, *(None if v is None else float(v) for v in figures)))
    if json:
        keys = ("name", "valid", "mean", "std", "min", "max")
        print_json({"item": view.source.id, "out": out, "width": view.values.shape[2],
                    "height": view.values.shape[1], "bounds": view.bounds,
                    "bands": [dict(zip(keys, row, strict=True)) for row in rows]})  # fmt: skip
        return
    console().print(figures_of(view.source.id, rows))
    print_files([out])
