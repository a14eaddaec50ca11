"""Rigorous cameras: a pushbroom, a rolling shutter or a frame on a moving platform.

In the focal plane rows run along +X of the camera (the way of flight) and columns along −Y (to port), so
that an image is seen from above and not mirrored. A detector at focal-plane coordinates x, y from the
principal point looks along (x′, y′, f) of the camera frame, x′, y′ without distortion. The line of sight is
straight, from where the camera is at the row's time; it is corrected for aberration, and for what the Earth
turns while the light is on its way (a metre). Refraction (2 m at 30° off nadir) is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import Epoch, InputError
from comity.imagery.geometry.platform import Platform
from comity.imagery.geometry.pointing import SPEED_OF_LIGHT_M_S
from comity.imagery.geometry.rotations import matrix_of
from comity.imagery.geometry.sight.kernels import locate_points, project_points, sight_lines

Floats = NDArray[np.float64]

HEIGHTS_M = (-500.0, 9_000.0)
#: Beside the detector so many columns are still told, or a quarter of its width where that is more.
_BESIDE = 256.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Distortion:
    """Brown's model from measured to ideal coordinates, both divided by the focal length.

    ``radial``: k1, k2, k3 of r², r⁴, r⁶; ``tangential``: p1, p2. Ideal x′ = x (1 + k1 r² + …) +
    p1 (r² + 2 x²) + 2 p2 x y, and y′ likewise. Source: Brown, "Decentering distortion of lenses", 1966.
    """

    radial: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tangential: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLine:
    """A spectral band's detectors beside the nominal ones, in pixels along rows and columns.

    A line ``along_px`` ahead (towards rising rows) sees a place that much earlier.
    """

    name: str
    along_px: float = 0.0
    across_px: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What is inside the camera: interior orientation, and how it is mounted.

    ``kind``: a ``pushbroom`` has one line of ``columns`` detectors, a ``frame`` ``rows`` of them.
    ``principal_point_px``: (column, row) of the optical axis in the nominal detector, (0, 0) the centre of
    the first pixel; a pushbroom's second is how far the line stands behind the axis; None: the middle.
    ``mount``: quaternion (x, y, z, w) camera → body. Raises :class:`InputError` naming what cannot be.
    """

    kind: Literal["pushbroom", "frame"]
    columns: int
    rows: int = 1
    focal_length_m: float
    pixel_pitch_m: float
    principal_point_px: tuple[float, float] | None = None
    distortion: Distortion = Distortion()
    bands: tuple[BandLine, ...] = ()
    mount: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("focal_length_m", "pixel_pitch_m", "columns", "rows"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise InputError(f"camera: {name} {getattr(self, name):g} is not above 0")
        if self.kind == "pushbroom" and self.rows != 1:
            raise InputError(f"camera: a pushbroom has one row of detectors, not {self.rows}")
        if self.pixel_pitch_m * max(self.columns, self.rows) > 4.0 * self.focal_length_m:
            raise InputError(
                f"camera: {self.columns} × {self.rows} pixels of {self.pixel_pitch_m:g} m are more than "
                f"a focal length of {self.focal_length_m:g} m can see: check the units (metres)"
            )
        if not abs(math.hypot(*self.mount) - 1.0) < 0.01:
            raise InputError(f"camera: the mount's quaternion {self.mount} is not of length 1")
        names = [band.name for band in self.bands]
        if len(set(names)) < len(names):
            raise InputError(f"camera: bands {', '.join(names)} are not of different names")

    @property
    def axis_px(self) -> tuple[float, float]:
        """Column and row of the optical axis."""
        if self.principal_point_px is not None:
            return self.principal_point_px
        return (self.columns - 1) / 2.0, (self.rows - 1) / 2.0

    def band(self, name: str) -> BandLine:
        """The band of that name. Raises :class:`InputError` naming those there are."""
        for one in self.bands:
            if one.name == name:
                return one
        raise InputError(
            f"the camera has no band {name!r}; it has {', '.join(b.name for b in self.bands) or 'none named'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraModel:
    """The rigorous geometry of one image; a :class:`comity.imagery.geometry.model.SensorModel`.

    ``shape``: rows and columns of the raster. ``first_row_s``: when its row 0 is taken (the middle of its
    exposure), seconds from the platform's epoch; ``row_period_s``: between rows; 0 for a frame, more for a
    rolling shutter. ``offset_px``: (column, row) of the full image at which the raster begins. ``band``:
    whose detectors the geometry is of; None: the nominal ones. ``aberration``: whether lines of sight are
    corrected for it and for the Earth's turn in the light's time.

    Raises :class:`InputError` when the platform's poses do not cover all rows, or the camera and row period
    contradict each other.
    """

    camera: Camera
    platform: Platform
    shape: tuple[int, int]
    first_row_s: float
    row_period_s: float
    offset_px: tuple[float, float] = (0.0, 0.0)
    band: str | None = None
    aberration: bool = True
    heights_m: tuple[float, float] = HEIGHTS_M
    _numbers: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows, columns = self.shape
        if rows < 1 or columns < 1:
            raise InputError(f"an image of {rows} rows and {columns} columns has no pixels")
        if self.camera.kind == "pushbroom" and not self.row_period_s > 0.0:
            raise InputError(f"row_period_s {self.row_period_s:g} is not above 0, as a pushbroom's must be")
        if self.camera.kind == "frame" and not self.row_period_s >= 0.0:
            raise InputError(f"row_period_s {self.row_period_s:g} is below 0")
        low, high = float(self.platform.seconds[0]), float(self.platform.seconds[-1])
        first = self.row_time_s(-0.5)
        last = self.row_time_s(rows - 0.5)
        if first < low - 1e-9 or last > high + 1e-9:
            epoch = self.platform.epoch
            raise InputError(
                f"the image is taken from {(epoch + first).iso(6)} to {(epoch + last).iso(6)}, but orbit and "
                f"attitude are known from {(epoch + low).iso(6)} to {(epoch + high).iso(6)}"
            )
        object.__setattr__(self, "_numbers", self._to_numbers())

    def row_time_s(self, row: float) -> float:
        """When a row of the raster is taken, seconds from the platform's epoch."""
        return self.first_row_s + self.row_period_s * row

    def row_epoch(self, row: float) -> Epoch:
        """The same as an instant."""
        return self.platform.epoch + self.row_time_s(row)

    def for_band(self, name: str | None) -> CameraModel:
        """The geometry of one band's detectors; None: of the nominal ones. Unknown: :class:`InputError`."""
        if name is not None:
            self.camera.band(name)
        return replace(self, band=name)

    def extract(self, column: int, row: int, shape: tuple[int, int]) -> CameraModel:
        """The geometry of a part of the image that begins at (column, row) of this raster."""
        return replace(
            self,
            shape=shape,
            first_row_s=self.row_time_s(row),
            offset_px=(self.offset_px[0] + column, self.offset_px[1] + row),
        )

    def project(self, lon_deg: ArrayLike, lat_deg: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(column, row) of ground points (deg, deg, m); NaN where the camera does not see them.

        Columns and rows beside the image are told as far as the poses reach, and a quarter of the
        detector's width.
        """
        lon, lat, height, shape = _flat(lon_deg, lat_deg, height_m)
        column, row = np.empty_like(lon), np.empty_like(lon)
        platform = self.platform
        project_points(lon, lat, height, platform.seconds, platform.cubics, self._numbers, column, row)
        return column.reshape(shape), row.reshape(shape)

    def locate(self, column: ArrayLike, row: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(lon, lat) degrees where the lines of sight of pixels meet a height (m above the ellipsoid)."""
        columns, rows, height, shape = _flat(column, row, height_m)
        lon, lat = np.empty_like(columns), np.empty_like(columns)
        platform = self.platform
        locate_points(columns, rows, height, platform.seconds, platform.cubics, self._numbers, lon, lat)
        return lon.reshape(shape), lat.reshape(shape)

    def lines_of_sight(self, column: ArrayLike, row: ArrayLike) -> tuple[Floats, Floats]:
        """Where the camera is (…, 3) m and the way pixels look (…, 3) unit, both ITRF of the row's time.

        With aberration they end at the ground as it lay when the light left it, a metre from where it is.
        """
        columns, rows, _, shape = _flat(column, row, 0.0)
        out = np.empty((len(columns), 6))
        sight_lines(columns, rows, self.platform.seconds, self.platform.cubics, self._numbers, out)
        return out[:, :3].reshape(*shape, 3), out[:, 3:].reshape(*shape, 3)

    def _to_numbers(self) -> Floats:
        """The camera as the kernels take it (``kernels.CAMERA``)."""
        camera = self.camera
        scale = camera.pixel_pitch_m / camera.focal_length_m
        band = BandLine(name="") if self.band is None else camera.band(self.band)
        axis_column, axis_row = camera.axis_px
        column, row = self.offset_px
        frame = camera.kind == "frame"
        x0 = (band.along_px - axis_row + (row if frame else 0.0)) * scale
        y0 = -(column + band.across_px - axis_column) * scale
        beside = max(_BESIDE, 0.25 * camera.columns)
        low, high = -beside - column, camera.columns - 1 + beside - column
        if self.row_period_s > 0.0:
            # as far as the poses reach; a rolling shutter's rows have an end beside that
            row_low = (self.platform.seconds[0] - self.first_row_s) / self.row_period_s
            row_high = (self.platform.seconds[-1] - self.first_row_s) / self.row_period_s
        else:
            row_low, row_high = -math.inf, math.inf
        if frame:
            over = max(_BESIDE, 0.25 * camera.rows)
            row_low, row_high = max(row_low, -over - row), min(row_high, camera.rows - 1 + over - row)
        return np.array(
            [
                *(x0, scale if frame else 0.0, y0, -scale, self.first_row_s, self.row_period_s),
                *camera.distortion.radial,
                *camera.distortion.tangential,
                1.0 / SPEED_OF_LIGHT_M_S if self.aberration else 0.0,
                *matrix_of(camera.mount).ravel(),
                *(low, high, row_low, row_high),
            ],
            dtype=np.float64,
        )


def pushbroom(
    camera: Camera, platform: Platform, rows: int, *, row_period_s: float, middle_s: float | None = None
) -> CameraModel:
    """An image of ``rows`` lines by a pushbroom camera, its middle at ``middle_s`` from the platform's epoch.

    By default the middle of the platform's span.
    """
    middle = 0.5 * float(platform.seconds[0] + platform.seconds[-1]) if middle_s is None else middle_s
    return CameraModel(
        camera=camera,
        platform=platform,
        shape=(rows, camera.columns),
        first_row_s=middle - 0.5 * (rows - 1) * row_period_s,
        row_period_s=row_period_s,
    )


def frame(camera: Camera, platform: Platform, *, at_s: float | None = None) -> CameraModel:
    """An image by a frame camera at ``at_s`` from the platform's epoch; by default the middle of its span."""
    at = 0.5 * float(platform.seconds[0] + platform.seconds[-1]) if at_s is None else at_s
    return CameraModel(
        camera=camera,
        platform=platform,
        shape=(camera.rows, camera.columns),
        first_row_s=at,
        row_period_s=0.0,
    )


def square_row_period_s(camera: Camera, platform: Platform, at_s: float | None = None) -> float:
    """Row period (s) with which a pushbroom's image moves by one pixel per row, in the middle of the line.

    Raises :class:`InputError` when the ground does not move through the line, as when the platform stares.
    """
    at = 0.5 * float(platform.seconds[0] + platform.seconds[-1]) if at_s is None else at_s
    half = min(1e-3, 0.25 * float(platform.seconds[-1] - platform.seconds[0]))
    # a frame at either instant shows where one place on the ground moves to
    early, late = (
        CameraModel(
            camera=replace(camera, kind="frame"),
            platform=platform,
            shape=(1, camera.columns),
            first_row_s=at + shift,
            row_period_s=0.0,
        )
        for shift in (-half, half)
    )
    lon, lat = early.locate(camera.axis_px[0], 0.0, 0.0)
    moved = -float(late.project(lon, lat, 0.0)[1])
    if not moved > 1e-6:
        raise InputError("the ground does not move forward through the line: it has no row period")
    return 2.0 * half / moved


def _flat(*values: ArrayLike) -> tuple[Floats, Floats, Floats, tuple[int, ...]]:
    a, b, c = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))
    return (
        np.ascontiguousarray(a).ravel(),
        np.ascontiguousarray(b).ravel(),
        np.ascontiguousarray(c).ravel(),
        a.shape,
    )
