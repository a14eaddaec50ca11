"""``comity process simulate``, ``l1a`` and ``l1b``: from light to packets, and back to radiance."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json, progress_bar
from comity.cli.numbers import named_numbers
from comity.core import Epoch, InputError, Interval, Progress, silent

if TYPE_CHECKING:
    from comity.imagery.geometry.dem import Dem
    from comity.imagery.geometry.model import SensorModel
    from comity.imagery.processing.decode import Decoded
    from comity.imagery.processing.radiometry import Radiometric
    from comity.imagery.simulation.acquire import Simulated

_DEFAULT_BANDS = "blue,green,red,nir"
_SEARCH_S = 7 * 86_400.0
_LOWEST_SUN_DEG = 20.0

Workers = Annotated[int | None, typer.Option(help="Threads.", show_default="one per processor")]
DemFile = Annotated[Path | None, typer.Option("--dem", help="Relief: any raster of heights.")]
GeoidOf = Annotated[str, typer.Option("--geoid", help="What its heights are above: egm96, a file or none.")]


def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    point: Annotated[
        str | None, typer.Option(metavar="LON,LAT", help="Place to image (with --programme).")
    ] = None,
    programme: Annotated[
        str | None, typer.Option(help="Programme file, or an embedded one's name, whose spacecraft takes it.")
    ] = None,
    spacecraft: Annotated[
        str | None, typer.Option(help="Id, name or NORAD number of the spacecraft.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="When.", show_default="its first daylit window over the place"),
    ] = None,
    geometry: Annotated[
        Path | None,
        typer.Option(help="Instead of a programme: a .camera.json, or an image whose geometry to take."),
    ] = None,
    scene: Annotated[
        Path | None,
        typer.Option(help="GeoTIFF of reflectance to use as the ground.", show_default="made up"),
    ] = None,
    scene_bands: Annotated[
        str | None, typer.Option(metavar="N,…", help="Its bands, in the order of --bands.")
    ] = None,
    scene_scale: Annotated[float | None, typer.Option(help="Reflectance of one of its counts.")] = None,
    dem: DemFile = None,
    geoid: GeoidOf = "egm96",
    bands: Annotated[str, typer.Option(metavar="NAME,…", help="Bands to take.")] = _DEFAULT_BANDS,
    columns: Annotated[
        int, typer.Option(help="Detectors used, from the middle of the swath (with --programme).")
    ] = 2_000,
    rows: Annotated[int, typer.Option(help="Lines (with --programme).")] = 2_000,
    bits: Annotated[int, typer.Option(help="Bits of a sample.", show_default="the instrument's")] = 0,
    cloud: Annotated[float, typer.Option(help="Fraction of the ground under cloud, 0…1.")] = 0.0,
    aot: Annotated[float, typer.Option(help="Optical thickness of the aerosol at 0.55 µm.")] = 0.1,
    truth: Annotated[
        bool, typer.Option("--truth", help="Also write the radiance received, without noise.")
    ] = False,
    name: Annotated[str, typer.Option(help="What the files are called.")] = "image",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Simulate an acquisition: level-0 packets and the camera's calibration.

    Over ground made up from coast, relief and climate of the place, or a GeoTIFF given. Everything written
    says that it is simulated.
    """
    from comity.imagery.geometry.dem import Dem
    from comity.imagery.processing.atmosphere import Air
    from comity.imagery.simulation.acquire import simulate as take
    from comity.imagery.simulation.programme import as_built
    from comity.imagery.simulation.radiometer import Radiometer
    from comity.imagery.simulation.sources import SceneFile

    chosen = tuple(part.strip() for part in bands.split(","))
    if (programme is None) == (geometry is None):
        raise InputError("give either --programme NAME --spacecraft ID --point LON,LAT, or --geometry FILE")
    if dem is not None and scene is None:
        raise InputError("--dem goes with --scene: made-up ground has relief of its own")
    who = {"spacecraft": "simulated", "instrument": "simulated"}
    when = Epoch.from_iso(at) if at is not None else None
    if programme is not None:
        model, who, found_bits = _programme_view(programme, spacecraft, point, when, chosen, columns, rows)
        bits = bits or found_bits
    else:
        assert geometry is not None
        model = _model_of(geometry)
    ground = None
    if scene is not None:
        numbers = tuple(int(part) for part in scene_bands.split(",")) if scene_bands else None
        ground = SceneFile(path=scene, bands=numbers, scale=scene_scale)
    with _progress("simulating") as progress:
        made = take(
            model,
            out,
            name=name,
            bands=chosen,
            at=when,
            offsets=as_built(chosen, seed, who["instrument"]),
            radiometer=Radiometer(bits=bits or 12),
            scene=ground,
            relief=Dem(dem, geoid, voids="sea") if dem is not None else None,
            cloud=cloud,
            air=Air(aot550=aot),
            truth=truth,
            seed=seed,
            workers=workers,
            progress=progress,
            spacecraft=who["spacecraft"],
            instrument=who["instrument"],
        )
    if json:
        print_json(_simulated_record(made))
        return
    _show_simulated(made)


def l1a(
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="Level-0 file of CCSDS space packets.")],
    out: Annotated[Path, typer.Option(help="GeoTIFF to write.")],
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Calibration of the camera, for its geometry.",
            show_default="RAW's .calibration.nc, if there",
        ),
    ] = None,
    rpc: Annotated[
        Path | None, typer.Option(help="RPC of the image.", show_default="one beside RAW, if there")
    ] = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Decode level-0 packets to an image in sensor geometry (level 1A), telling what was not received."""
    from comity.imagery.processing.decode import decode

    beside = raw.with_name(f"{raw.stem}.calibration.nc")
    if calibration is None and beside.exists():
        calibration = beside
    with _progress("decoding") as progress:
        done = decode(raw, out, calibration=calibration, rpc=rpc, workers=workers, progress=progress)
    if json:
        print_json(done)
        return
    _show_decoded(done)


def l1b(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Level-1A image.")],
    calibration: Annotated[Path, typer.Option(help="Calibration of the camera.")],
    out: Annotated[Path, typer.Option(help="GeoTIFF to write.")],
    quantity: Annotated[
        Literal["reflectance", "radiance"], typer.Option(help="What at the top of the atmosphere.")
    ] = "reflectance",
    reference: Annotated[
        str | None,
        typer.Option(help="Band to lay the others on.", show_default="green, pan or the middle one"),
    ] = None,
    align: Annotated[bool, typer.Option(help="Lay the bands on one another.")] = True,
    dem: DemFile = None,
    geoid: GeoidOf = "egm96",
    quicklook: Annotated[Path | None, typer.Option(help="PNG to look at.")] = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Correct a level-1A image to radiance or reflectance, its bands on one another (level 1B)."""
    from comity.imagery.processing.radiometry import correct

    with _progress("correcting") as progress:
        done = correct(
            image,
            calibration,
            out,
            quantity=quantity,
            dem=_dem(dem, geoid),
            reference=reference,
            align=align,
            workers=workers,
            progress=progress,
        )
    if quicklook is not None:
        _picture(done, quicklook)
    if json:
        print_json(done)
        return
    _show_corrected(done)


def _picture(done: Radiometric, path: Path) -> None:
    """A PNG of a level-1B image, stamped where it is simulated."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    from comity.core import write_whole
    from comity.imagery.products.quicklook import quicklook_png

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(done.image) as image:
            tags = image.tags()
            caption = [
                f"{tags.get('COMITY_SPACECRAFT', '')} · {tags.get('COMITY_START', '')[:19]}Z · level 1B, "
                f"top-of-atmosphere {done.quantity}, Sun {done.sun_elevation_deg:.0f}°"
            ]
            picture = quicklook_png(
                image,
                None,
                caption,
                "SIMULATED" if done.simulated else None,
                0.0,
                counts_only=done.quantity == "radiance",
            )
    write_whole(path, picture)


def _dem(path: Path | None, geoid: str) -> Dem | None:
    from comity.imagery.geometry.dem import Dem

    return Dem(path, geoid, voids="sea") if path is not None else None


def _model_of(path: Path) -> SensorModel:
    if path.name.endswith(".camera.json"):
        from comity.imagery.geometry.sidecar import read_camera

        return read_camera(path)
    from comity.imagery.geometry.images import open_image

    return open_image(path).model


def _programme_view(
    programme: str,
    spacecraft: str | None,
    point: str | None,
    at: Epoch | None,
    bands: tuple[str, ...],
    columns: int,
    rows: int,
) -> tuple[SensorModel, dict[str, str], int]:
    """Geometry, names and bits of an image by a programme's spacecraft."""
    from comity.access import constellation_windows
    from comity.core import UnknownIdError
    from comity.fleet import load_programme, point_target
    from comity.imagery.simulation.programme import camera_of, look_at
    from comity.orbits import EarthOrientation, sgp4_trajectories

    if spacecraft is None or point is None:
        raise InputError("--programme needs --spacecraft ID and --point LON,LAT")
    if rows < 1:
        raise InputError(f"--rows {rows}: give 1 or more")
    _, (lon, lat) = named_numbers(point, "--point", "LON,LAT", (2,))
    loaded = load_programme(programme)
    key = spacecraft.strip().casefold()
    craft = next(
        (o for o in loaded.spacecraft if key in (o.id.casefold(), o.name.casefold(), str(o.norad_id))), None
    )
    if craft is None:
        raise UnknownIdError(f"spacecraft of {loaded.id}", spacecraft, tuple(o.id for o in loaded.spacecraft))
    if not craft.instruments:
        raise InputError(f"{craft.name} carries no imager")
    instrument = next(
        (one for one in craft.instruments if set(bands) <= set(one.bands)), craft.instruments[0]
    )
    eop = EarthOrientation.bundled()
    trajectories, refused = sgp4_trajectories([loaded.elements[craft.norad_id]], eop)
    if refused:
        raise InputError(f"{craft.name}: {refused[0]}")
    if at is None:
        if loaded.epoch is None:
            raise InputError(f"{loaded.id} has no epoch to search a window from: give --at")
        found, _ = constellation_windows(
            [(craft, trajectories[0])],
            [point_target(lon, lat, None, id="place")],
            Interval(loaded.epoch, loaded.epoch + _SEARCH_S),
            eop=eop,
            min_sun_elevation_deg=_LOWEST_SUN_DEG,
        )
        if not found:
            raise InputError(
                f"{craft.name} has no window over {lon:g}, {lat:g} with the Sun above {_LOWEST_SUN_DEG:g}° "
                f"within {_SEARCH_S / 86_400:g} days of {loaded.epoch.iso(0)}: give --at"
            )
        at = found[0].best.at
    camera = camera_of(instrument, bands, columns)
    model = look_at(camera, trajectories[0], lon, lat, at, rows)
    bits = min(max(instrument.bits_per_sample, 8), 15)
    return model, {"spacecraft": craft.name, "instrument": f"{craft.name} {instrument.name}"}, bits


def _simulated_record(made: Simulated) -> dict[str, Any]:
    look = made.look
    return {
        "raw": str(made.raw),
        "calibration": str(made.calibration),
        "rpc": str(made.rpc) if made.rpc else None,
        "dem": str(made.dem) if made.dem else None,
        "truth": str(made.truth) if made.truth else None,
        "simulated": True,
        "rows": made.rows,
        "columns": made.columns,
        "bands": list(made.bands),
        "start": made.start.iso(6),
        "gsd_m": made.pixel_m,
        "packets": made.packets,
        "bytes": made.bytes,
        "compression": made.ratio,
        "scene_covers": made.covered,
        "cloud": made.cloud,
        "lon_deg": look.lon_deg,
        "lat_deg": look.lat_deg,
        "sun_elevation_deg": look.sun_elevation_deg,
        "sun_azimuth_deg": look.sun_azimuth_deg,
        "view_zenith_deg": look.view_zenith_deg,
        "seed": made.seed,
    }


def _show_simulated(made: Simulated) -> None:
    screen = console()
    look = made.look
    screen.print(
        f"{made.raw}: SIMULATED, {made.columns} × {made.rows} × {len(made.bands)} at {made.pixel_m:.2f} m, "
        f"{made.packets:,} packets, {made.bytes / 1e6:.1f} MB, samples coded {made.ratio:.2f} : 1"
    )
    screen.print(
        f"{look.lon_deg:.3f}, {look.lat_deg:.3f} at {made.start.iso(0)}; "
        f"Sun {look.sun_elevation_deg:.0f}° high, view {look.view_zenith_deg:.0f}° from the zenith, "
        f"cloud {100 * made.cloud:.0f} %"
    )
    if made.covered < 0.999:
        screen.print(
            f"the scene fills {100 * made.covered:.0f} % of the ground around; elsewhere it is black"
        )
    beside = [str(path) for path in (made.calibration, made.rpc, made.dem, made.truth) if path is not None]
    screen.print("beside it: " + ", ".join(beside))
    screen.print("next: comity process l1a", style="dim")


def _show_decoded(done: Decoded) -> None:
    screen = console()
    worst = max(done.missing.values())
    screen.print(
        f"{done.image}: level 1A, {done.columns} × {done.rows}, {', '.join(done.bands)}; "
        f"{done.packets:,} packets, "
        + (
            "nothing missing"
            if not done.gaps
            else f"{len(done.gaps)} gaps, {100 * worst:.3g} % of the worst band"
        )
    )
    if done.gaps:
        table = Table("band", "rows", "columns", "why")
        for gap in done.gaps[:20]:
            table.add_row(
                gap.band,
                f"{gap.first_row} … {gap.first_row + gap.rows - 1}",
                f"{gap.first_column} … {gap.first_column + gap.columns - 1}",
                gap.reason,
            )
        screen.print(table)
        if len(done.gaps) > 20:
            screen.print(f"and {len(done.gaps) - 20} more in {done.report}")
    if done.geometry is None:
        screen.print("no geometry: give --calibration or --rpc, or orbit and attitude were lost")


def _show_corrected(done: Radiometric) -> None:
    screen = console()
    screen.print(
        f"{done.image}: level 1B, top-of-atmosphere {done.quantity}; Sun {done.sun_elevation_deg:.1f}° high "
        f"at {done.sun_distance_au:.4f} au; bands on {done.reference}"
    )
    table = Table("band", "shift found (px)", "left (px rms)", "tiles", "dead", "striping")
    for band in done.bands:
        left = "—" if band.name == done.reference else "not measured"
        if band.residual_px is not None:
            left = f"{band.residual_px:.2f}"
        table.add_row(
            band.name,
            "—" if band.name == done.reference else f"{band.shift_px[0]:+.2f} {band.shift_px[1]:+.2f}",
            left,
            f"{band.tiles} of {band.tiles_of}" if band.tiles_of else "—",
            str(band.dead),
            f"{100 * band.striping:.2f} %",
        )
    screen.print(table)
    if done.within_limit is False:
        screen.print("warning: a band is left more than 0.3 px off; give --dem, or look for cloud")


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    with progress_bar(title) as progress:
        yield progress
