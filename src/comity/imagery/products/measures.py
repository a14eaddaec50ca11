"""Figures of an image's quality: noise from the image itself, and where its ground really is."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from comity.core import InputError, read_text
from comity.imagery.gdal import bounded_cache
from comity.imagery.geometry.model import SensorModel

Floats = NDArray[np.float64]

#: Side of the patches in which noise is told from ground, pixels, and the share of calmest patches taken.
_PATCH = 8
_CALMEST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class BandSignal:
    """Signal and noise of a band, in counts: ``snr`` = ``signal`` ÷ ``noise`` at the calm ground's level."""

    band: str
    signal: float
    noise: float
    snr: float
    patches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """One reference point: ``id``; ground ``lon_deg``, ``lat_deg``; error ``east_m``, ``north_m`` of the
    image (where it shows the point, less where the point is)."""

    id: str
    lon_deg: float
    lat_deg: float
    east_m: float
    north_m: float

    @property
    def length_m(self) -> float:
        """Length of the error."""
        return math.hypot(self.east_m, self.north_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometricError:
    """Errors of location at reference points. ``pixel_m``: what a pixel is taken for. ``method`` in words."""

    method: str
    pixel_m: float
    residuals: tuple[Residual, ...]
    rejected: int = 0

    def _all(self) -> Floats:
        return np.array([(one.east_m, one.north_m) for one in self.residuals])

    @property
    def bias_m(self) -> tuple[float, float]:
        """Mean error, east and north."""
        east, north = self._all().mean(axis=0)
        return float(east), float(north)

    @property
    def rms_m(self) -> float:
        """Root mean square of the errors' lengths."""
        return float(np.sqrt((self._all() ** 2).sum(axis=1).mean()))

    @property
    def ce90_m(self) -> float:
        """Radius that nine in ten errors keep within."""
        return float(np.percentile(np.hypot(*self._all().T), 90))

    @property
    def rms_px(self) -> float:
        """``rms_m`` in pixels."""
        return self.rms_m / self.pixel_m


def estimate_snr(counts: NDArray[Any], valid: NDArray[np.bool_], bands: Sequence[str]) -> list[BandSignal]:
    """Signal-to-noise ratio of each band of (bands, rows, cols) counts in sensor geometry.

    Patches of 8 × 8 pixels less a plane; the calmest 5 % of them are taken for even ground, and their
    spread corrected for having been chosen (chi-squared). After Gao, "An operational method for estimating
    signal to noise ratios", RSE 43, 1993. What is calm ground to a patch may still have texture: the figure
    is a lower bound of the instrument's. Bands with fewer than 20 whole patches are left out.
    """
    from scipy.stats import chi2

    rows, cols = valid.shape[0] // _PATCH, valid.shape[1] // _PATCH
    if rows * cols < 20:
        return []
    cut = (slice(0, rows * _PATCH), slice(0, cols * _PATCH))

    def patches(values: NDArray[Any]) -> NDArray[Any]:
        folded = values[cut].reshape(rows, _PATCH, cols, _PATCH).transpose(0, 2, 1, 3)
        return folded.reshape(rows * cols, _PATCH * _PATCH)

    whole = patches(valid).all(axis=1)
    y, x = np.mgrid[0:_PATCH, 0:_PATCH].astype(np.float64)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(_PATCH**2), x.ravel(), y.ravel()]))
    freedom = _PATCH**2 - 3
    found = []
    for name, band in zip(bands, counts, strict=True):
        values = patches(band)[whole].astype(np.float64)
        # Saturated or constant patches have no noise to measure.
        values = values[np.ptp(values, axis=1) > 0]
        if len(values) < 20:
            continue
        centred = values - values.mean(axis=1, keepdims=True)
        left = centred - (centred @ basis) @ basis.T
        spread = np.sqrt((left**2).sum(axis=1) / freedom)
        count = max(10, round(_CALMEST * len(spread)))
        calm = np.argpartition(spread, count - 1)[:count]
        # Of pure noise the calmest share's median would be this much below the true spread.
        expected = math.sqrt(float(chi2.ppf(count / len(spread) / 2, freedom)) / freedom)
        noise = float(np.median(spread[calm])) / expected
        signal = float(np.median(values[calm].mean(axis=1)))
        found.append(
            BandSignal(band=name, signal=signal, noise=noise, snr=signal / noise, patches=int(count))
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePoint:
    """A place known on the ground and found in the image.

    ``height_m``: above the ellipsoid, None where the elevation model says it. Found either in the sensor's
    image (``column``, ``row``; the first pixel's centre is 0, 0) or on the product (``found_lon_deg``,
    ``found_lat_deg``).
    """

    id: str
    lon_deg: float
    lat_deg: float
    height_m: float | None
    column: float | None = None
    row: float | None = None
    found_lon_deg: float | None = None
    found_lat_deg: float | None = None


def read_reference_points(path: Path) -> list[ReferencePoint]:
    """Reference points from CSV with a header or from GeoJSON points.

    Columns (properties): ``lon``, ``lat`` (in GeoJSON the geometry), optional ``id`` and ``height_m``, and
    either ``column``, ``row`` or ``found_lon``, ``found_lat``. Raises :class:`InputError` naming file, line
    and field.
    """
    text = read_text(path)
    rows: list[tuple[str, dict[str, Any]]] = []
    if text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
            for number, feature in enumerate(document["features"], 1):
                if feature["geometry"]["type"] != "Point":
                    raise InputError(f"{path}, feature {number}: a {feature['geometry']['type']}, no Point")
                lon, lat, *up = feature["geometry"]["coordinates"]
                fields = {"lon": lon, "lat": lat, **(feature.get("properties") or {})}
                if up:
                    fields.setdefault("height_m", up[0])
                rows.append((f"feature {number}", fields))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no GeoJSON of points: {error}") from error
    else:
        for number, fields in enumerate(csv.DictReader(text.splitlines()), 2):
            rows.append((f"line {number}", {key.strip(): value for key, value in fields.items() if key}))
    if not rows:
        raise InputError(f"{path} has no reference points")
    return [_point(path, where, fields, index) for index, (where, fields) in enumerate(rows, 1)]


def errors_at_points(
    points: Sequence[ReferencePoint],
    model: SensorModel | None,
    heights: Any,
    *,
    pixel_m: float,
) -> GeometricError:
    """Errors at reference points: of the sensor model where a point was found in the image, else of the map.

    ``heights(lon, lat)`` gives ellipsoidal heights for points without one. Raises :class:`InputError` for a
    point outside the image or without a height.
    """
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    residuals = []
    for point in points:
        if point.column is not None and point.row is not None:
            if model is None:
                raise InputError(f"point {point.id} was found in the sensor's image, which is not at hand")
            height = point.height_m
            if height is None:
                height = float(heights(point.lon_deg, point.lat_deg))
            if not math.isfinite(height):
                raise InputError(f"point {point.id}: the elevation model has no height there")
            col, row = (float(one) for one in model.project(point.lon_deg, point.lat_deg, height))
            rows, cols = model.shape
            if not (-0.5 <= point.column <= cols - 0.5 and -0.5 <= point.row <= rows - 0.5):
                raise InputError(
                    f"point {point.id}: ({point.column:g}, {point.row:g}) is outside the image of "
                    f"{cols} × {rows}"
                )
            if not (math.isfinite(col) and math.isfinite(row)):
                raise InputError(f"point {point.id} is not seen by the image")
            lon, lat = (float(one) for one in model.locate(point.column, point.row, height))
        else:
            assert point.found_lon_deg is not None and point.found_lat_deg is not None
            lon, lat = point.found_lon_deg, point.found_lat_deg
        azimuth, _, distance = geod.inv(point.lon_deg, point.lat_deg, lon, lat)
        residuals.append(
            Residual(
                id=point.id,
                lon_deg=point.lon_deg,
                lat_deg=point.lat_deg,
                east_m=distance * math.sin(math.radians(azimuth)),
                north_m=distance * math.cos(math.radians(azimuth)),
            )
        )
    return GeometricError(
        method=f"{len(residuals)} reference points", pixel_m=pixel_m, residuals=tuple(residuals)
    )


def errors_against(image: Path, reference: Path, *, most: int = 64, window: int = 64) -> GeometricError:
    """Errors of a map-projected image against a reference image, by correlation of patches.

    Patches of ``window`` pixels of the image are found again in the reference, resampled to the image's grid
    where the two differ; subpixel by the upsampled cross-correlation of gradients. A patch counts when its
    match is clear; those that depart from the median by more than 3.5 robust deviations are rejected. Raises
    :class:`InputError` when the two do not overlap or fewer than 4 patches match.
    """
    from pyproj import Transformer
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    from comity.imagery.processing.readout import opened

    with opened(image) as mine, opened(reference) as other:
        if mine.crs is None or other.crs is None:
            lacking = image if mine.crs is None else reference
            raise InputError(f"{lacking} lies on no map: a reference must be map-projected")
        a, b, c, d, e, f = mine.transform[:6]
        pixel = math.sqrt(abs(mine.transform.determinant)) * float(mine.crs.linear_units_factor[1])
        back = Transformer.from_crs(mine.crs, 4326, always_xy=True)
        options = {
            "crs": mine.crs,
            "transform": mine.transform,
            "width": mine.width,
            "height": mine.height,
            "resampling": Resampling.cubic,
        }
        found: list[tuple[float, float, float, float]] = []
        per_side = max(2, math.isqrt(most))
        with bounded_cache(64), WarpedVRT(other, **options) as same:
            for row in np.linspace(0, mine.height - window, per_side).astype(int):
                for col in np.linspace(0, mine.width - window, per_side).astype(int):
                    if row < 0 or col < 0:
                        continue
                    box = Window(int(col), int(row), window, window)
                    if min(mine.read_masks(1, window=box).min(), same.read_masks(1, window=box).min()) == 0:
                        continue
                    first = _panchromatic(mine.read(window=box))
                    second = _panchromatic(same.read(window=box))
                    shift = patch_shift(second, first)
                    if shift is not None:
                        x, y = col + window / 2, row + window / 2
                        middle = (a * x + b * y + c, d * x + e * y + f)
                        found.append((*shift, *middle))
        if len(found) < 4:
            raise InputError(
                f"{image} and {reference}: {len(found)} patches match, 4 are needed: do they show the same "
                "ground at a like scale?"
            )
        shifts = np.array(found)
        centre = np.median(shifts[:, :2], axis=0)
        away = np.hypot(*(shifts[:, :2] - centre).T)
        kept = away <= 3.5 * max(1.4826 * float(np.median(away)), 0.05)
        unit = float(mine.crs.linear_units_factor[1])
        residuals = []
        for number, (dcol, drow, x, y) in enumerate(shifts[kept], 1):
            lon, lat = back.transform(x, y)
            residuals.append(
                Residual(
                    id=str(number),
                    lon_deg=float(lon),
                    lat_deg=float(lat),
                    east_m=float((a * dcol + b * drow) * unit),
                    north_m=float((d * dcol + e * drow) * unit),
                )
            )
    return GeometricError(
        method=f"correlation with {reference.name}, {len(residuals)} patches of {window} pixels",
        pixel_m=pixel,
        residuals=tuple(residuals),
        rejected=int((~kept).sum()),
    )


def patch_shift(reference: Floats, moved: Floats, *, clear: float = 0.4) -> tuple[float, float] | None:
    """(columns, rows) by which ``moved`` shows the ground off ``reference``; None where no match is clear
    (correlation below ``clear``).

    Both (n, n). Cross-correlation of gradient fields (deaf to brightness), its peak refined by evaluating the
    transform at hundredths of a pixel around it (Guizar-Sicairos et al., Optics Letters 33, 2008).
    """
    n = reference.shape[0]
    taper = np.outer(np.hanning(n), np.hanning(n))

    def spectrum(values: Floats) -> NDArray[np.complex128]:
        down, across = np.gradient(values)
        field = (across + 1j * down) * taper
        return np.asarray(np.fft.fft2(field))

    first, second = spectrum(reference), spectrum(moved)
    cross = np.conj(first) * second
    power = math.sqrt(float((np.abs(first) ** 2).mean() * (np.abs(second) ** 2).mean()))
    surface = np.fft.ifft2(cross).real
    peak = np.unravel_index(int(np.argmax(surface)), surface.shape)
    if power == 0.0 or surface[peak] < clear * power:
        return None
    row, col = ((int(one) + n // 2) % n - n // 2 for one in peak)
    if max(abs(row), abs(col)) > n // 3:
        return None
    frequencies = np.fft.fftfreq(n)
    at_row, at_col = float(row), float(col)
    for step in (0.1, 0.01):
        rows = at_row + step * np.arange(-10, 11)
        cols = at_col + step * np.arange(-10, 11)
        left = np.exp(2j * np.pi * np.outer(rows, frequencies))
        right = np.exp(2j * np.pi * np.outer(frequencies, cols))
        fine = (left @ cross @ right).real
        best = np.unravel_index(int(np.argmax(fine)), fine.shape)
        at_row, at_col = float(rows[best[0]]), float(cols[best[1]])
    return at_col, at_row


def _panchromatic(bands: NDArray[Any]) -> Floats:
    return np.asarray(bands[: min(3, len(bands))].astype(np.float64).mean(axis=0))


def _point(path: Path, where: str, fields: dict[str, Any], index: int) -> ReferencePoint:
    def number(name: str, *, needed: bool = False) -> float | None:
        value = fields.get(name)
        if value is None or value == "":
            if needed:
                raise InputError(f"{path}, {where}: {name} is missing")
            return None
        try:
            found = float(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}, {where}: {name} is {value!r}, expected a number") from error
        if not math.isfinite(found):
            raise InputError(f"{path}, {where}: {name} is {value!r}, expected a number")
        return found

    lon, lat = number("lon", needed=True), number("lat", needed=True)
    assert lon is not None and lat is not None
    if not (-180.0 <= lon <= 360.0 and -90.0 <= lat <= 90.0):
        raise InputError(f"{path}, {where}: lon {lon:g}, lat {lat:g} is no place on Earth")
    pairs = [(number("column"), number("row")), (number("found_lon"), number("found_lat"))]
    if not any(None not in pair for pair in pairs):
        raise InputError(
            f"{path}, {where}: give column and row of the point in the image, or found_lon and found_lat on "
            "the product"
        )
    return ReferencePoint(
        id=str(fields.get("id") or index),
        lon_deg=lon,
        lat_deg=lat,
        height_m=number("height_m"),
        column=pairs[0][0],
        row=pairs[0][1],
        found_lon_deg=pairs[1][0],
        found_lat_deg=pairs[1][1],
    )
