"""Level 1A to 1B: counts to radiance and reflectance at the top of the atmosphere, bands on one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Progress, silent
from comity.imagery.geometry.cameras import CameraModel
from comity.imagery.geometry.dem import Dem, FlatDem
from comity.imagery.geometry.images import ImageReader, SensorImage, open_image
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import write_rpc
from comity.imagery.geometry.sidecar import camera_path, write_camera
from comity.imagery.level0.calibration import Calibration, read_calibration
from comity.imagery.level0.reading import MISSING
from comity.imagery.processing.alignment import BandMap, band_map, reference_of
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.provenance import keep_apart
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.processing.registration import TILE, Registration, Surface, Tiles, register, verify
from comity.imagery.processing.resampling.filters import make_filter
from comity.imagery.processing.resampling.kernels import NOWHERE
from comity.imagery.processing.sunlight import Sunlight, sunlight_on

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Quantity = Literal["reflectance", "radiance"]

#: What one count of the products is worth: reflectance, and W m⁻² sr⁻¹ µm⁻¹.
REFLECTANCE_SCALE = 1e-4
RADIANCE_SCALE = 0.01
_MOST = 65_534.0
#: Band co-registration that a product is held to, px.
LIMIT_PX = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class BandReport:
    """One band of a level-1B image.

    ``shift_px``: mean (columns, rows) found against the geometry. ``tiles``: that agreed, of ``tiles_of``.
    ``residual_px``: root mean square left after the correction, on ``checked`` other tiles; None where it
    could not be measured. ``dead``: detectors filled from their neighbours. ``striping``: scatter of the
    columns' means after correction, by the band's mean, as far as it is finer than ten columns.
    """

    name: str
    shift_px: tuple[float, float]
    tiles: int
    tiles_of: int
    residual_px: float | None
    checked: int
    dead: int
    striping: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometric:
    """A level-1B image. ``geometry``: the ``.camera.json`` or RPC beside it, that of band ``reference``."""

    image: Path
    geometry: Path | None
    quantity: Quantity
    reference: str
    bands: tuple[BandReport, ...]
    sun_elevation_deg: float
    sun_azimuth_deg: float
    sun_distance_au: float
    simulated: bool

    @property
    def within_limit(self) -> bool | None:
        """Whether every band was measured to lie within 0.3 px; None where one could not be."""
        others = [band.residual_px for band in self.bands if band.name != self.reference]
        if any(one is None for one in others):
            return None
        return all(one is not None and one <= LIMIT_PX for one in others)


def correct(
    image: Path,
    calibration: Path,
    out: Path,
    *,
    quantity: Quantity = "reflectance",
    dem: Dem | None = None,
    height_m: float = 0.0,
    reference: str | None = None,
    align: bool = True,
    workers: int | None = None,
    progress: Progress = silent,
) -> Radiometric:
    """Correct a level-1A image to radiance or reflectance at the top of the atmosphere, its bands aligned.

    Dark signal (at the focal plane's temperature), response and gain of ``calibration``; dead detectors from
    their neighbours; reflectance = π L d² / (E cos θ) with the Sun's distance d and zenith angle θ of each
    pixel.
    Bands are laid on ``reference`` (green) by the camera's geometry over ``dem`` (else flat at ``height_m``)
    and a smooth shift measured by phase correlation, in one resampling (Lanczos); the reference keeps its
    pixels. ``align`` False leaves all bands as they are.

    Counts are uint16, reflectance × 10 000 or radiance × 100, 0 for no data. The geometry beside ``out`` is
    the reference band's.

    Raises :class:`InputError` naming the file: no level-1A image or no geometry, a calibration of another
    camera, the Sun below the horizon, or ``out`` cannot be written.
    """
    keep_apart(out, image, calibration)
    source = open_image(image)
    key = read_calibration(calibration)
    start, line_s, warmth = _facts(source, key, calibration)
    chosen = reference or reference_of(source.bands)
    if chosen not in source.bands:
        raise InputError(f"{image} has no band {chosen!r}; it has {', '.join(source.bands)}")
    model = source.model
    if isinstance(model, CameraModel) and model.camera.bands:
        for name in source.bands:
            model.camera.band(name)
        model = model.for_band(chosen)
    relief = dem if dem is not None else FlatDem(height_m)
    sun = sunlight_on(model, start, line_s, relief, needed=quantity == "reflectance")
    simulated = source.tags.get("SIMULATED") == "YES"
    with source.reader() as reader:
        radiance = _Radiance(reader, source, key, warmth)
        maps = {name: band_map(source.model, chosen, name, relief) for name in source.bands}
        if not align:
            maps = {name: BandMap(np.zeros((2, 2)), np.zeros((2, 2))) for name in source.bands}
        found: dict[str, Registration] = {}
        left: dict[str, tuple[float | None, int]] = {}
        for number, name in enumerate(source.bands):
            progress(0.3 * number / len(source.bands), 1.0, f"registering {name}")
            if name == chosen or not align:
                continue
            tiles = (radiance.tiles(chosen, maps[chosen]), radiance.tiles(name, maps[name]))
            found[name] = register(source.shape, *tiles)
            left[name] = verify(source.shape, *tiles, found[name].surface)
            maps[name] = maps[name].with_surface(found[name].surface)
        layout = RasterLayout(
            crs=None,
            transform=_identity(),
            width=source.shape[1],
            height=source.shape[0],
            dtype="uint16",
            bands=source.bands,
            nodata=0.0,
            scales=tuple(
                REFLECTANCE_SCALE if quantity == "reflectance" else RADIANCE_SCALE for _ in source.bands
            ),
        )
        striping = {name: radiance.striping(name) for name in source.bands}
        reports = tuple(
            _report(name, key, found.get(name), left.get(name, (None, 0)), striping[name])
            for name in source.bands
        )
        tags = {
            **{name: value for name, value in source.tags.items() if name.startswith("COMITY_")},
            "COMITY_LEVEL": "L1B",
            "COMITY_QUANTITY": f"top-of-atmosphere {quantity}",
            "COMITY_REFERENCE": chosen,
            "COMITY_SUN_ELEVATION": f"{sun.elevation_deg:.4f}",
            "COMITY_SUN_AZIMUTH": f"{sun.azimuth_deg:.4f}",
            "COMITY_SUN_DISTANCE_AU": f"{sun.distance_au:.7f}",
            "COMITY_IRRADIANCE_SOURCE": key.irradiance_source,
            "SIMULATED": "YES" if simulated else "NO",
        }
        write_cog(
            out,
            layout,
            _Render(radiance, maps, sun, key, quantity),
            recipe=fingerprint("L1B", image, calibration, quantity, chosen, align, maps, sun),
            workers=workers,
            progress=lambda done, total, message: progress(0.3 + 0.7 * done / total, 1.0, message),
            tags=tags,
            band_tags=[_band_tags(report, key, number) for number, report in enumerate(reports)],
        )
    geometry = None
    if isinstance(model, CameraModel):
        geometry = write_camera(model, camera_path(out))
    elif isinstance(model, Rpc):
        geometry = write_rpc(out.with_name(f"{out.stem}_RPC.TXT"), model)
    return Radiometric(
        image=out,
        geometry=geometry,
        quantity=quantity,
        reference=chosen,
        bands=reports,
        sun_elevation_deg=sun.elevation_deg,
        sun_azimuth_deg=sun.azimuth_deg,
        sun_distance_au=sun.distance_au,
        simulated=simulated,
    )


class _Radiance:
    """Radiance of windows of a level-1A image, dead detectors filled, NaN where nothing was received."""

    def __init__(self, reader: ImageReader, source: SensorImage, key: Calibration, warmth: float) -> None:
        self._reader = reader
        self._shape = source.shape
        self.bands = source.bands
        order = [key.bands.index(name) for name in source.bands]
        self._offset = key.offset(warmth)[order].astype(np.float32)
        self._scale = (1.0 / (key.flat * key.gain[:, None]))[order].astype(np.float32)
        self._before, self._behind = _neighbours(key.dead[order])
        self._lanczos = make_filter("lanczos")

    def window(self, column: int, row: int, columns: int, rows: int) -> Array:
        """(bands, rows, columns)."""
        from rasterio.windows import Window

        here = slice(column, column + columns)
        first = int(self._before[:, here].min())
        last = int(self._behind[:, here].max()) + 1
        counts = self._reader.read(Window(first, row, last - first, rows))
        light: Array = (counts.astype(np.float32) - self._offset[:, None, first:last]) * self._scale[
            :, None, first:last
        ]
        light[counts == MISSING] = np.nan
        found = light[:, :, column - first : column - first + columns].copy()
        before, behind = self._before[:, here], self._behind[:, here]
        for band, at in np.argwhere(before != behind):
            a, b = int(before[band, at]), int(behind[band, at])
            part = np.float32((column + at - a) / (b - a))
            found[band, :, at] = light[band, :, a - first] * (1 - part) + light[band, :, b - first] * part
        # A dead detector at the rim has one neighbour only.
        for band, at in np.argwhere((before == behind) & (before != np.arange(column, column + columns))):
            found[band, :, at] = light[band, :, int(before[band, at]) - first]
        return found

    def at(self, band: str, columns: Floats, rows: Floats) -> Array:
        """Of one band at places (n, m); NaN beyond the image and where nothing was received."""
        return self._sampled({band: (columns, rows)})[band]

    def _sampled(self, places: Mapping[str, tuple[Floats, Floats]]) -> dict[str, Array]:
        """Of bands at places of their own, from one reading."""
        high, wide = self._shape
        reach = self._lanczos.margin
        columns = np.concatenate([one[0].ravel() for one in places.values()])
        rows = np.concatenate([one[1].ravel() for one in places.values()])
        left, right = max(0, int(columns.min()) - reach), min(wide, int(columns.max()) + reach + 2)
        top, bottom = max(0, int(rows.min()) - reach), min(high, int(rows.max()) + reach + 2)
        if left >= right or top >= bottom:
            return {name: np.full(one[0].shape, np.nan, np.float32) for name, one in places.items()}
        light = self.window(left, top, right - left, bottom - top)
        found = {}
        for name, (column, row) in places.items():
            outside = (column < -0.5) | (row < -0.5) | (column > wide - 0.5) | (row > high - 0.5)
            x = np.where(outside, NOWHERE, column - left).astype(np.float32)
            y = (row - top).astype(np.float32)
            plane = light[self.bands.index(name)][None]
            found[name] = self._lanczos.apply(np.ascontiguousarray(plane), None, x, y, math.nan)[0]
        return found

    def tiles(self, band: str, where: BandMap) -> Tiles:
        """Tiles of a band for registration."""

        def tile(place: tuple[float, float], shift: tuple[float, float]) -> Array:
            column, row = (round(value) - TILE // 2 for value in place)
            columns, rows = where.window(column, row, TILE, TILE)
            return self.at(band, columns + shift[0], rows + shift[1])

        return tile

    def aligned(self, maps: Mapping[str, BandMap], column: int, row: int, columns: int, rows: int) -> Array:
        """(bands, rows, columns) of the reference's pixels; bands whose map is idle are not resampled."""
        moved = {name: one.window(column, row, columns, rows) for name, one in maps.items() if not one.idle}
        light = np.empty((len(self.bands), rows, columns), np.float32)
        if len(moved) < len(self.bands):
            light[:] = self.window(column, row, columns, rows)
        if moved:
            for name, plane in self._sampled(moved).items():
                light[self.bands.index(name)] = plane
        return light

    def striping(self, band: str) -> float:
        """Scatter of columns' means against their neighbours', by the mean, in the image's middle rows."""
        rows = min(256, self._shape[0])
        columns = min(4_096, self._shape[1])
        light = self.window(0, (self._shape[0] - rows) // 2, columns, rows)[self.bands.index(band)]
        known = np.isfinite(light).all(axis=0)
        if known.sum() < 12:
            return math.nan
        # Columns against the mean of both neighbours, row by row: the scene cancels, a stripe stays.
        step = light[:, 1:-1] - 0.5 * (light[:, :-2] + light[:, 2:])
        stripe = np.nanmedian(step[:, known[1:-1] & known[:-2] & known[2:]], axis=0)
        return float(np.std(stripe) / math.sqrt(1.5) / max(float(np.nanmean(light)), 1e-9))


class _Render:
    """Counts of windows of the product."""

    def __init__(
        self,
        radiance: _Radiance,
        maps: Mapping[str, BandMap],
        sun: Sunlight,
        key: Calibration,
        quantity: Quantity,
    ) -> None:
        self._radiance = radiance
        self._maps = maps
        self._sun = sun
        self._irradiance = [float(key.irradiance[key.bands.index(name)]) for name in radiance.bands]
        self._quantity = quantity

    def __call__(self, window: object) -> NDArray[np.uint16]:
        column, row, columns, rows = (
            int(getattr(window, name)) for name in ("col_off", "row_off", "width", "height")
        )
        light = self._radiance.aligned(self._maps, column, row, columns, rows)
        if self._quantity == "reflectance":
            upright = self._sun.cosine(column, row, columns, rows)
            for band, irradiance in enumerate(self._irradiance):
                full = irradiance / (math.pi * self._sun.distance_au**2)
                light[band] /= (full * REFLECTANCE_SCALE * upright).astype(np.float32)
        else:
            light /= np.float32(RADIANCE_SCALE)
        known = np.isfinite(light)
        counts = np.clip(np.rint(np.where(known, light, 0.0)), 1.0, _MOST).astype(np.uint16)
        counts[~known] = 0
        return counts


def _facts(source: SensorImage, key: Calibration, calibration: Path) -> tuple[Epoch, float, float]:
    """Start, seconds per line and focal plane temperature of a level-1A image."""
    tags = source.tags
    if tags.get("COMITY_LEVEL") != "L1A":
        raise InputError(
            f"{source.path} is no level-1A image of Comity (COMITY_LEVEL is "
            f"{tags.get('COMITY_LEVEL', 'missing')}): make one with 'comity process l1a'"
        )
    if key.columns != source.shape[1] or key.instrument != tags.get("COMITY_INSTRUMENT"):
        raise InputError(
            f"{calibration} is of {key.instrument}, {key.columns} columns; {source.path} was taken by "
            f"{tags.get('COMITY_INSTRUMENT')} with {source.shape[1]}"
        )
    missing = [name for name in source.bands if name not in key.bands]
    if missing:
        raise InputError(f"{calibration} knows no band {missing[0]!r}; it knows {', '.join(key.bands)}")
    try:
        line_s = float(tags["COMITY_LINE_S"])
        warmth = float(tags.get("COMITY_FOCAL_PLANE_C", key.reference_c))
        return Epoch.from_iso(tags["COMITY_START"]), line_s, warmth
    except (KeyError, ValueError) as error:
        raise InputError(f"{source.path}: its tags say no start and line time ({error})") from error


def _neighbours(dead: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each detector (bands, columns) the nearest that works at or before it, and at or behind it."""
    columns = dead.shape[1]
    at = np.broadcast_to(np.arange(columns), dead.shape)
    before = np.maximum.accumulate(np.where(dead, -1, at), axis=1)
    behind = np.minimum.accumulate(np.where(dead, columns, at)[:, ::-1], axis=1)[:, ::-1]
    return np.where(before < 0, behind, before), np.where(behind >= columns, before, behind)


def _report(
    name: str, key: Calibration, found: Registration | None, left: tuple[float | None, int], striping: float
) -> BandReport:
    still = found or Registration(
        surface=Surface((1, 1), np.zeros((0, 2))), shift_px=(0.0, 0.0), tiles=0, of=0, residual_px=None
    )
    return BandReport(
        name=name,
        shift_px=still.shift_px,
        tiles=still.tiles,
        tiles_of=still.of,
        residual_px=left[0],
        checked=left[1],
        dead=int(key.dead[key.bands.index(name)].sum()),
        striping=striping,
    )


def _band_tags(report: BandReport, key: Calibration, number: int) -> dict[str, str]:
    at = key.bands.index(report.name)
    told = {
        "WAVELENGTH_UM": f"{key.centre[at]:g}",
        "WIDTH_UM": f"{key.width[at]:g}",
        "SOLAR_IRRADIANCE": f"{key.irradiance[at]:.2f}",
        "SHIFT_PX": f"{report.shift_px[0]:.3f} {report.shift_px[1]:.3f}",
    }
    if report.residual_px is not None:
        told["REGISTRATION_RESIDUAL_PX"] = f"{report.residual_px:.3f}"
    return told


def _identity() -> object:
    from rasterio.transform import Affine

    return Affine.identity()
