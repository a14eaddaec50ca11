"""Rasters of counts as sharpening and mosaicking read them: floats by windows, NaN where there is no data."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window

from comity.core import InputError

Image = NDArray[np.float32]
_OPEN = threading.Lock()
#: Pixel types that light comes in.
_KINDS = "uif"


class Sheet:
    """A raster file, opened by every thread for itself.

    ``bands``: the names given, else the file's own, else ``pan`` or those its haze tells, else ``band1`` …;
    ``nodata``: where the file does not declare it. ``crs`` is None where the raster lies on no map. Raises
    :class:`InputError` naming the file where it cannot be read, is no image of light or the names do not fit.
    """

    def __init__(
        self, path: Path, *, bands: Sequence[str] | None = None, nodata: float | None = None
    ) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._opened: list[DatasetReader] = []
        image = self.opened()
        kinds = sorted(set(image.dtypes))
        if image.count == 0 or len(kinds) > 1 or np.dtype(kinds[0]).kind not in _KINDS:
            raise InputError(f"{path} has pixels of type {', '.join(kinds)}: an image of light was expected")
        self.bands = _names(self.path, image, bands)
        self.count = int(image.count)
        self.dtype = str(kinds[0])
        self.shape = (int(image.height), int(image.width))
        self.crs: CRS | None = image.crs or None
        self.transform: Affine = image.transform
        self.nodata: float | None = image.nodata if nodata is None else nodata
        scaled = any(one != 1.0 for one in image.scales) or any(image.offsets)
        self.scales = tuple(float(one) for one in image.scales) if scaled else None
        self.offsets = tuple(float(one) for one in image.offsets) if scaled else None
        self.tags: dict[str, str] = dict(image.tags())
        flags = {flag for one in image.mask_flag_enums for flag in one}
        self._masked = bool(flags & {MaskFlags.per_dataset, MaskFlags.alpha})

    def read(self, column: int, row: int, width: int, height: int) -> Image:
        """(bands, rows, cols) of a window, clipped to the raster; what one band lacks, all lack."""
        rows, cols = self.shape
        left, top = max(0, column), max(0, row)
        right, low = min(cols, column + width), min(rows, row + height)
        if right <= left or low <= top:
            return np.empty((self.count, max(0, low - top), max(0, right - left)), np.float32)
        window = Window(left, top, right - left, low - top)
        try:
            counts = self.opened().read(window=window)
            gone = self._gone(counts, window)
        except (RasterioError, OSError) as error:
            cause = error.__cause__ or error
            raise InputError(f"cannot read {self.path}: {cause}") from error
        values: Image = counts.astype(np.float32)
        if gone is not None:
            values[:, gone] = np.nan
        return values

    def close(self) -> None:
        """Close the handles of all threads."""
        with _OPEN:
            for image in self._opened:
                image.close()
            self._opened.clear()
            self._local = threading.local()

    def _gone(self, counts: NDArray[np.generic], window: Window) -> NDArray[np.bool_] | None:
        gone: NDArray[np.bool_] | None = None
        if counts.dtype.kind == "f":
            gone = ~np.isfinite(counts).all(axis=0)
        if self.nodata is not None and np.isfinite(self.nodata):
            marked = (counts == self.nodata).any(axis=0)
            gone = marked if gone is None else gone | marked
        if self._masked:
            hidden = (self.opened().read_masks(window=window) == 0).any(axis=0)
            gone = hidden if gone is None else gone | hidden
        return gone

    def opened(self) -> DatasetReader:
        """This thread's handle."""
        image: DatasetReader | None = getattr(self._local, "image", None)
        if image is None:
            # One at a time: warnings are silenced for the whole process.
            with _OPEN, warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                try:
                    image = rasterio.open(self.path)
                except (RasterioError, OSError) as error:
                    raise InputError(f"cannot read {self.path}: {error.__cause__ or error}") from error
                self._opened.append(image)
            self._local.image = image
        return image


def _names(path: Path, image: DatasetReader, given: Sequence[str] | None) -> tuple[str, ...]:
    from comity.imagery.processing.readout import band_names

    if given is not None and len(given) != image.count:
        raise InputError(f"{path} has {image.count} band(s), {len(given)} names are given")
    own = tuple(name or "" for name in image.descriptions)
    if given is None and all(own) and len(set(own)) == len(own):
        return own
    try:
        return band_names(path, image, given)
    except InputError:
        return tuple(f"band{number + 1}" for number in range(image.count))


def counts_of(values: Image, dtype: str, nodata: float | None) -> NDArray[np.generic]:
    """Values as counts of a type: rounded, within its range, the nodata value only where there is no data."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        found: NDArray[np.generic] = values.astype(kind)
        if nodata is not None and np.isfinite(nodata):
            found[~np.isfinite(values)] = kind.type(nodata)
        return found
    limits = np.iinfo(kind)
    low, high = float(limits.min), float(limits.max)
    if nodata is not None:
        low = max(low, nodata + 1.0) if nodata == low else low
        high = min(high, nodata - 1.0) if nodata == high else high
    gone = ~np.isfinite(values)
    with np.errstate(invalid="ignore"):
        rounded = np.rint(np.clip(np.where(gone, low, values), low, high))
    # float32 cannot hold the ends of 32-bit types: stay within them.
    counts: NDArray[np.generic] = np.clip(rounded.astype(np.float64), low, high).astype(kind)
    if nodata is not None and low < nodata < high:
        counts[counts == kind.type(nodata)] = kind.type(nodata + 1)
    if gone.any():
        counts[gone] = kind.type(0 if nodata is None else nodata)
    return counts


def out_nodata(sheet: Sheet) -> float:
    """The nodata value of what is made from a raster: its own, else 0 of counts and NaN of floats."""
    if sheet.nodata is not None:
        return float(sheet.nodata)
    return float("nan") if np.dtype(sheet.dtype).kind == "f" else 0.0
