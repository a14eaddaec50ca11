"""Pixels of any raster as physical values: by windows, or small and whole."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window

from comity.core import InputError
from comity.imagery.scenery.spectra import BANDS

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """A raster averaged down to what fits in memory.

    ``values``: (bands, rows, cols) reflectance where ``is_reflectance``, else counts; NaN where invalid.
    ``valid``: (rows, cols). ``step``: pixels of the raster to a side of these, rows and cols. ``transform``,
    ``full_width``, ``full_height``: of the raster itself.
    """

    values: Array
    valid: NDArray[np.bool_]
    bands: tuple[str, ...]
    is_reflectance: bool
    step: tuple[float, float]
    crs: CRS | None
    transform: Affine
    full_width: int
    full_height: int

    @property
    def pixel_m(self) -> float | None:
        """Side of a pixel of ``values``, m; None where the raster lies on no map in metres."""
        if self.crs is None or not self.crs.is_projected:
            return None
        side = math.sqrt(abs(self.transform.determinant)) * float(self.crs.linear_units_factor[1])
        return side * math.sqrt(self.step[0] * self.step[1])


class Readout:
    """A raster opened by every thread for itself, read as physical values.

    ``bands``: names in order, where the file's descriptions give none. Raises :class:`InputError` naming the
    file when it cannot be read or the names do not fit.
    """

    def __init__(self, path: Path, *, bands: Sequence[str] | None = None) -> None:
        self.path = Path(path)
        self._local = threading.local()
        with opened(self.path) as image:
            if image.count == 0:
                raise InputError(f"{path} has no bands")
            if any(np.dtype(one).kind == "c" for one in image.dtypes):
                raise InputError(f"{path} holds complex numbers: an image of light was expected")
            self.bands = band_names(self.path, image, bands)
            self.crs: CRS | None = image.crs
            self.transform: Affine = image.transform
            self.width, self.height = int(image.width), int(image.height)
            self.scales = tuple(float(one) for one in image.scales)
            self.offsets = tuple(float(one) for one in image.offsets)
            self.tags: dict[str, str] = dict(image.tags())
            floating = all(np.dtype(one).kind == "f" for one in image.dtypes)
            small_enough = not floating or _may_be_reflectance(image)
        scaled = any(one != 1.0 for one in self.scales)
        quantity = self.tags.get("COMITY_QUANTITY", "")
        self.is_reflectance = "radiance" not in quantity and (scaled or (floating and small_enough))

    def _image(self) -> DatasetReader:
        image: DatasetReader | None = getattr(self._local, "image", None)
        if image is None:
            image = self._local.image = rasterio.open(self.path)
        return image

    def window(self, window: Window) -> tuple[Array, NDArray[np.bool_]]:
        """Values (bands, rows, cols) of a window, and which pixels (rows, cols) are valid in every band."""
        try:
            image = self._image()
            counts = image.read(window=window)
            valid = (image.read_masks(window=window) != 0).all(axis=0)
        except RasterioError as error:
            raise InputError(f"cannot read {self.path}: {error}") from error
        return self._physical(counts, valid)

    def _physical(self, counts: NDArray[Any], valid: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
        values = counts.astype(np.float32)
        for number, (scale, offset) in enumerate(zip(self.scales, self.offsets, strict=True)):
            if (scale, offset) != (1.0, 0.0):
                values[number] = values[number] * np.float32(scale) + np.float32(offset)
        valid = valid & np.isfinite(values).all(axis=0)
        return values, valid


def read_small(path: Path, *, bands: Sequence[str] | None = None, max_pixels: int = 4_000_000) -> Small:
    """A raster averaged so that it has at most ``max_pixels``; errors as for :class:`Readout`."""
    reader = Readout(path, bands=bands)
    factor = max(1.0, math.sqrt(reader.width * reader.height / max_pixels))
    rows, cols = max(1, round(reader.height / factor)), max(1, round(reader.width / factor))
    how = Resampling.average if factor > 1.0 else Resampling.nearest
    try:
        with opened(reader.path) as image:
            counts = image.read(out_shape=(image.count, rows, cols), resampling=how)
            valid = (image.read_masks(out_shape=(image.count, rows, cols)) != 0).all(axis=0)
    except RasterioError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    values, valid = reader._physical(counts, valid)
    values[:, ~valid] = np.nan
    return Small(
        values=values,
        valid=valid,
        bands=reader.bands,
        is_reflectance=reader.is_reflectance,
        step=(reader.height / rows, reader.width / cols),
        crs=reader.crs,
        transform=reader.transform,
        full_width=reader.width,
        full_height=reader.height,
    )


@contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """A raster, closed at the end. Raises :class:`InputError` naming the file and what is wrong with it."""
    import warnings

    if not Path(path).is_file():
        raise InputError(f"there is no file {path}")
    context: AbstractContextManager[DatasetReader]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            context = rasterio.open(path)
    except RasterioError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    with context as image:
        yield image


def _may_be_reflectance(image: DatasetReader) -> bool:
    """Whether floats without a scale are as small as reflectance is: counts are hundreds."""
    thin = image.read(1, out_shape=(min(image.height, 64), min(image.width, 64)))
    known = thin[np.isfinite(thin) & (thin != image.nodata)]
    return not known.size or float(np.median(known)) <= 2.0


def band_names(path: Path, image: DatasetReader, given: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the bands: those given, the file's own, or, for counts alone, told from the haze in them.

    One band is ``pan``. Three or four without names: the shorter the wave, the brighter its darkest pixels
    against the others', for the air scatters blue most; near infrared is last in every product there is.
    """
    if given is not None:
        if len(given) != image.count:
            raise InputError(f"{path} has {image.count} band(s), {len(given)} names are given")
        return tuple(given)
    own = tuple((one or "").strip().lower() for one in image.descriptions)
    if all(name in BANDS for name in own) and len(set(own)) == len(own):
        return own
    if image.count == 1:
        return ("pan",)
    if image.count not in (3, 4):
        raise InputError(f"{path}: the {image.count} bands have no names: give them with --bands")
    shrink = max(1, max(image.shape) // 512)
    shape = (image.height // shrink or 1, image.width // shrink or 1)
    counts = image.read([1, 2, 3], out_shape=(3, *shape))
    valid = (image.read_masks([1, 2, 3], out_shape=(3, *shape)) != 0).all(axis=0) & np.isfinite(counts).all(
        axis=0
    )
    if not valid.any():
        raise InputError(f"{path} has no valid pixel")
    dark = [float(np.percentile(one[valid], 1.0)) for one in counts]
    first = ("red", "green", "blue") if dark[0] < dark[2] else ("blue", "green", "red")
    return first + (("nir",) if image.count == 4 else ())
