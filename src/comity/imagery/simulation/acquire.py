"""A simulated acquisition: level-0 packets of a scene through any sensor geometry, and their calibration."""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Progress, silent
from comity.imagery.geometry.cameras import CameraModel
from comity.imagery.geometry.model import SensorModel
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import write_rpc
from comity.imagery.geometry.sidecar import camera_to_json
from comity.imagery.irradiance import band_irradiance, sun_distance_au
from comity.imagery.level0 import content
from comity.imagery.level0.calibration import write_calibration
from comity.imagery.level0.content import ImageHeader, Sample
from comity.imagery.level0.writing import level0_file
from comity.imagery.processing.atmosphere import Air
from comity.imagery.processing.blocks import fingerprint, processors, write_cog
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.scenery.spectra import Band, bands_of
from comity.imagery.simulation import ground as grounds
from comity.imagery.simulation.exposure import Exposure, veils
from comity.imagery.simulation.ground import Heights
from comity.imagery.simulation.radiometer import Detectors, Radiometer, detectors
from comity.imagery.simulation.sources import SceneFile, height_limits, painter, write_relief
from comity.imagery.simulation.views import Directions, band_models, directions

_STRIP_ROWS = 8
_SEGMENT_COLUMNS = 2_048
#: Rows exposed at a time.
_BLOCK_ROWS = 64
_FOCAL_PLANE_C = 21.0
_LOWEST_SUN_DEG = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What a simulation wrote.

    ``raw``: the packets; ``calibration``: the operator's key; ``rpc``: the RPC, where that is the geometry;
    ``dem``: heights above EGM96, of a made-up scene; ``truth``: top-of-atmosphere radiance without noise,
    where asked for. ``packets``, ``bytes`` of the raw file; ``ratio``: bits of samples by those they are
    coded in. ``covered``: part (0…1) of the ground around that the scene fills. ``cloud``: part made.
    """

    raw: Path
    calibration: Path
    rpc: Path | None
    dem: Path | None
    truth: Path | None
    rows: int
    columns: int
    bands: tuple[str, ...]
    start: Epoch
    pixel_m: float
    packets: int
    bytes: int
    ratio: float
    covered: float
    cloud: float
    look: Directions
    seed: int


def simulate(
    model: SensorModel,
    out_dir: Path,
    *,
    name: str,
    bands: Sequence[str],
    at: Epoch | None = None,
    offsets: Mapping[str, tuple[float, float]] | None = None,
    radiometer: Radiometer | None = None,
    scene: SceneFile | None = None,
    relief: Heights | None = None,
    height_m: float = 0.0,
    cloud: float = 0.0,
    air: Air | None = None,
    spacecraft: str = "simulated",
    instrument: str = "simulated",
    ground_pixels: float = 2.0,
    noise: bool = True,
    truth: bool = False,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> Simulated:
    """Simulate the taking of an image: ``out_dir/NAME.l0`` and ``NAME.calibration.nc``.

    The ground is ``scene`` on ``relief`` (else flat at ``height_m`` above the ellipsoid), or without a scene
    the made-up :mod:`comity.imagery.scenery` of the place, whose relief is written as ``NAME.dem.tif``. Each
    band samples it along its own lines of sight to the relief, so that nearer slopes hide farther ones, with
    slopes lit by the Sun and in each other's shadow, below clouds at their height with their shadows, through
    a horizontally even atmosphere, blurred, with the noise, dark signal, uneven response and dead detectors
    of ``radiometer``. Light from neighbouring ground scattered into the line of sight, refraction, and smear
    beyond the point spread function are left out.

    Parameters
    ----------
    model : geometry of the image; a rigorous camera says itself when its rows are taken, and its orbit and
        attitude go into the packets; of any other it is ``at`` for all rows.
    bands : STAC common names within 0.40…1.06 µm.
    offsets : by band, (columns, rows) it looks beside where its geometry says: what is yet to be found.
    cloud : fraction 0…1 of the footprint.
    ground_pixels : pixels of the ground's grid to one of the image's.
    truth : also write ``NAME.truth.tif``, the radiance that the detectors received.
    seed : with the name draws the noise, with the minute the clouds; the same inputs give the same bytes.
    workers : threads; None: one per processor.

    Raises
    ------
    InputError
        For bands that cannot be simulated, the Sun below 6°, a scene that does not cover the place, a
        geometry that misses the Earth, a folder that cannot be written.
    """
    radiometer = radiometer or Radiometer()
    air = air or Air()
    chosen = tuple(bands)
    seen = bands_of(chosen)
    views = band_models(model, chosen, offsets)
    rows, columns = model.shape
    if isinstance(model, CameraModel):
        start, line_s = model.row_epoch(0.0), model.row_period_s
    elif at is not None:
        start, line_s = at, 0.0
    else:
        raise InputError("this geometry does not say when the image is taken: give a time")
    middle = start + 0.5 * (rows - 1) * line_s
    key = f"{seed}/{name}"
    low, high = height_limits(model, scene, relief, height_m)
    look = directions(model, middle, 0.5 * (low + high))
    if look.sun_elevation_deg < _LOWEST_SUN_DEG:
        raise InputError(
            f"the Sun stands {look.sun_elevation_deg:.1f}° above {look.lon_deg:.2f}, {look.lat_deg:.2f} at "
            f"{middle.iso(0)}: an image needs {_LOWEST_SUN_DEG:g}° or more; take another time"
        )
    sun = (look.sun_elevation_deg, look.sun_azimuth_deg)
    pixel_m = grounds.ground_pixel_m(model, 0.5 * (low + high))
    footprint = grounds.footprint_of(model, low, high)
    grid = grounds.ground_grid(footprint, float(f"{pixel_m / ground_pixels:.3g}"))
    sensor = detectors(radiometer, chosen, columns, f"{seed}/{instrument}")
    header = ImageHeader(
        image=int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big"),
        start_tai_ns=start.tai_ns,
        line_s=line_s,
        columns=columns,
        rows=rows,
        bits=radiometer.bits,
        strip_rows=_STRIP_ROWS,
        segment_columns=min(_SEGMENT_COLUMNS, columns),
        simulated=True,
        bands=chosen,
        spacecraft=spacecraft,
        instrument=instrument,
        offset_px=model.offset_px if isinstance(model, CameraModel) else (0.0, 0.0),
    )
    raw = out_dir / f"{name}.l0"
    with (
        _working_folder(out_dir, name) as folder,
        painter(grid, scene, seen, relief, height_m=height_m, month=middle.datetime.month, seed=seed) as (
            paint,
            covered,
        ),
    ):
        ground = grounds.lay_ground(
            grid, len(chosen), paint, sun, folder, covered=covered, progress=_part(progress, 0.0, 0.4)
        )
        sky = grounds.sky_over(ground, cloud, sun, f"{seed}/{middle.iso(0)[:16]}/sky")
        altitude = float(np.clip(0.5 * (ground.lowest + ground.highest), -500.0, 9000.0))
        through = veils(seen, replace(air, altitude_m=altitude), look)
        taps = radiometer.taps()
        exposures = [
            Exposure(view, band, ground, sky, veil, taps)
            for band, (view, veil) in enumerate(zip(views, through, strict=True))
        ]
        radiances = _radiances(seen, look, middle)
        received = (
            grounds.layer(folder / "truth", (len(chosen), rows, columns), np.float32) if truth else None
        )
        with level0_file(raw, header) as writer:
            waiting = deque(_telemetry(model, header))
            for first, counts, light in _exposed(
                exposures, sensor, radiances, rows, key, noise=noise, workers=workers or processors()
            ):
                for top in range(0, counts.shape[1], _STRIP_ROWS):
                    seconds = (first + top) * line_s
                    while waiting and waiting[0].seconds <= seconds:
                        writer.telemetry(waiting.popleft())
                    writer.strip(first + top, counts[:, top : top + _STRIP_ROWS])
                if received is not None:
                    received[:, first : first + light.shape[1]] = light
                progress(0.4 + 0.6 * (first + counts.shape[1]) / rows, 1.0, "exposure")
            for sample in waiting:
                writer.telemetry(sample)
        camera = camera_to_json(model)["camera"] if isinstance(model, CameraModel) else None
        key_file = write_calibration(
            sensor.calibration(instrument, camera, f"{seed}/{instrument}"), out_dir / f"{name}.calibration.nc"
        )
        dem = write_relief(ground, out_dir / f"{name}.dem.tif") if scene is None else None
        kept = _write_truth(received, chosen, out_dir / f"{name}.truth.tif") if received is not None else None
    return Simulated(
        raw=raw,
        calibration=key_file,
        rpc=write_rpc(out_dir / f"{name}_RPC.TXT", model) if isinstance(model, Rpc) else None,
        dem=dem,
        truth=kept,
        rows=rows,
        columns=columns,
        bands=chosen,
        start=start,
        pixel_m=pixel_m,
        packets=writer.packets,
        bytes=raw.stat().st_size,
        ratio=rows * columns * len(chosen) * radiometer.bits / 8 / max(writer.coded_bytes, 1),
        covered=ground.covered,
        cloud=0.0 if sky is None else sky.cover.fraction,
        look=look,
        seed=seed,
    )


@contextmanager
def _working_folder(out_dir: Path, name: str) -> Iterator[Path]:
    """A folder in ``out_dir`` for what the simulation needs on the way, gone at the end."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        opened = tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out_dir)
    except OSError as error:
        raise InputError(f"cannot write to {out_dir}: {error.strerror or error}") from error
    with opened as folder:
        yield Path(folder)


def _radiances(bands: Sequence[Band], look: Directions, at: Epoch) -> NDArray[np.float32]:
    """Radiance (W m⁻² sr⁻¹ µm⁻¹) of reflectance 1 at the top of the atmosphere, per band."""
    sun = np.sin(np.radians(look.sun_elevation_deg)) / (np.pi * sun_distance_au(at) ** 2)
    return np.array([band_irradiance(one.centre_um, one.width_um) * sun for one in bands], np.float32)


def _exposed(
    exposures: Sequence[Exposure],
    sensor: Detectors,
    radiances: NDArray[np.float32],
    rows: int,
    key: str,
    *,
    noise: bool,
    workers: int,
) -> Iterator[tuple[int, NDArray[np.uint16], NDArray[np.float32]]]:
    """First row, counts and radiance (bands, rows, columns) of one block after the other."""

    def one(first: int) -> tuple[int, NDArray[np.uint16], NDArray[np.float32]]:
        last = min(first + _BLOCK_ROWS, rows)
        light = np.stack([exposure.rows(first, last) for exposure in exposures]) * radiances[:, None, None]
        counts = []
        for band, plane in enumerate(light):
            digest = hashlib.sha256(f"{key}/noise/{band}/{first}".encode()).digest()
            random = np.random.default_rng(np.frombuffer(digest, np.uint32))
            counts.append(sensor.counts(band, plane, _FOCAL_PLANE_C, random, noise=noise))
        return first, np.stack(counts), light

    # A few blocks ahead of the file, no more: memory stays bounded.
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[tuple[int, NDArray[np.uint16], NDArray[np.float32]]]] = deque()
        try:
            for first in range(0, rows, _BLOCK_ROWS):
                ahead.append(pool.submit(one, first))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _telemetry(model: SensorModel, header: ImageHeader) -> list[Sample]:
    """Orbit, attitude and temperature by time."""
    end = header.rows * header.line_s
    samples = [
        Sample(header.image, content.HOUSEKEEPING, float(seconds), (_FOCAL_PLANE_C,))
        for seconds in np.linspace(0.0, end, max(2, int(end) + 1))
    ]
    if isinstance(model, CameraModel):
        platform = model.platform
        position, velocity, _ = platform.state(platform.seconds)
        for at, where, pace, turn in zip(
            platform.seconds - model.first_row_s, position, velocity, platform.quaternion, strict=True
        ):
            samples.append(Sample(header.image, content.ORBIT, float(at), (*where.tolist(), *pace.tolist())))
            samples.append(Sample(header.image, content.ATTITUDE, float(at), tuple(turn.tolist())))
    return sorted(samples, key=lambda sample: sample.seconds)


def _write_truth(received: NDArray[np.float32], bands: tuple[str, ...], path: Path) -> Path:
    from rasterio.transform import Affine
    from rasterio.windows import Window

    layout = RasterLayout(
        crs=None,
        transform=Affine.identity(),
        width=received.shape[2],
        height=received.shape[1],
        dtype="float32",
        bands=bands,
        nodata=None,
    )

    def render(window: Window) -> NDArray[np.float32]:
        rows = slice(window.row_off, window.row_off + window.height)
        return received[:, rows, window.col_off : window.col_off + window.width]

    tags = {"SIMULATED": "YES", "COMITY_QUANTITY": "radiance, W m-2 sr-1 um-1, without noise"}
    return write_cog(path, layout, render, recipe=fingerprint("truth", received[:, ::64]), tags=tags)


def _part(progress: Progress, low: float, high: float) -> Progress:
    """A callback for a part of the work."""

    def told(done: float, total: float, message: str, /) -> None:
        progress(low + (high - low) * done / total, 1.0, message)

    return told
