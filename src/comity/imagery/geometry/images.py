"""Images in sensor geometry: opened with the model that says where their pixels look."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from comity.core import InputError
from comity.imagery.geometry.model import SensorModel
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import find_rpc, read_rpc, tag_of

#: Pixel types an image may have.
DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
#: An image lies within its RPC's nominal range (±1) and so much beyond.
_BEYOND = 1.25
#: An image of no known origin must fill at least this share of its RPC's range, or it is an extract.
_WHOLE = 0.6
_OPEN = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorImage:
    """An image in sensor geometry.

    ``model``: its geometry, in the pixels of this file. ``geometry``: in words, where that was found;
    ``geometry_path``: the file, None for the image itself.
    ``bands``: names, STAC common names where the file gives them. ``nodata``: the count that says there is
    none, None where the file has no such; of floats NaN says so too. ``shape``: rows, columns. ``origin``:
    (column, row) of the first pixel in the full image, of an extract. ``scales``, ``offsets``: per band,
    physical value = count × scale + offset, None where counts are plain. ``tags``: GDAL's of the file.
    """

    path: Path
    model: SensorModel
    geometry: str
    bands: tuple[str, ...]
    dtype: str
    nodata: float | None
    shape: tuple[int, int]
    origin: tuple[float, float] = (0.0, 0.0)
    scales: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
    tags: dict[str, str]
    geometry_path: Path | None = None

    @contextmanager
    def reader(self) -> Iterator[ImageReader]:
        """A reader for several threads, closed at the end."""
        opened = ImageReader(self.path)
        try:
            yield opened
        finally:
            opened.close()


class ImageReader:
    """Windows of an image; each thread reads through a file handle of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = local()
        self._lock = Lock()
        self._all: list[DatasetReader] = []

    def read(self, window: Window) -> NDArray[Any]:
        """(bands, rows, cols) of a window within the image. Raises :class:`InputError` naming the file."""
        file = getattr(self._local, "file", None)
        if file is None:
            file = self._local.file = _open(self.path)
            with self._lock:
                self._all.append(file)
        try:
            return np.asarray(file.read(window=window))
        except (RasterioError, OSError) as error:
            raise InputError(f"cannot read {self.path}: {_first_cause(error)}") from error

    def close(self) -> None:
        """Close the handles of all threads."""
        with self._lock:
            for file in self._all:
                file.close()
            self._all.clear()


def open_image(
    path: Path,
    *,
    rpc: Path | None = None,
    origin: tuple[float, float] | None = None,
    nodata: float | None = None,
) -> SensorImage:
    """Open an image in sensor geometry with its model.

    The model is that of ``rpc`` (a file), else the rigorous one in ``IMG.camera.json``, else an RPC: in a
    file beside the image, else within it. ``origin``: (column, row) of the first pixel in the image that the
    RPC belongs to, for an extract; a TIFF without projection whose geotransform only shifts by whole pixels
    says so itself, as those the Orfeo ToolBox writes do. ``nodata``: where the file does not declare it.

    Raises :class:`InputError` naming the file: it is missing, cut short, of a type that is no image
    (:data:`DTYPES` are), has no model, or the model is not of this image.
    """
    file = _open(path)
    with file:
        _check_pixels(path, file)
        _check_length(path, file)
        shape = (file.height, file.width)
        _check_nodata(path, file.dtypes[0], nodata)
        shift = _shift_of(file)
        scaled = any(scale != 1.0 for scale in file.scales) or any(file.offsets)
        with_model = partial(
            SensorImage,
            path=path,
            bands=_names(file),
            dtype=str(file.dtypes[0]),
            nodata=file.nodata if nodata is None else nodata,
            shape=shape,
            scales=tuple(file.scales) if scaled else None,
            offsets=tuple(file.offsets) if scaled else None,
            tags=dict(file.tags()),
        )
    camera = path.with_name(f"{path.stem}.camera.json")
    if rpc is None and camera.exists():
        from comity.imagery.geometry.sidecar import read_camera

        rigorous = read_camera(camera)
        begins = (0.0, 0.0)
        if origin is not None or (shift is not None and tuple(rigorous.shape) != shape):
            begins = origin or shift or begins
            rigorous = rigorous.extract(round(begins[0]), round(begins[1]), shape)
        if tuple(rigorous.shape) != shape:
            raise InputError(
                f"{camera} is of an image of {rigorous.shape[1]} × {rigorous.shape[0]} pixels; "
                f"{path} has {shape[1]} × {shape[0]}"
            )
        geometry = f"rigorous model of {camera.name}"
        return with_model(model=rigorous, geometry=geometry, geometry_path=camera, origin=begins)
    beside = rpc if rpc is not None else find_rpc(path)
    full = read_rpc(beside, shape) if beside is not None else tag_of(path, shape)
    if full is None:
        raise InputError(
            f"{path} has no geometry: no RPC within it, no {path.stem}.RPB, {path.stem}_RPC.TXT or DIMAP "
            f"RPC file and no {camera.name} beside it"
        )
    where = origin if origin is not None else shift
    model = full.shifted(*(where or (0.0, 0.0)), shape)
    _check_rpc(path, model, known=where is not None)
    source = beside.name if beside is not None else "the image's tags"
    return with_model(
        model=model, geometry=f"RPC of {source}", geometry_path=beside, origin=where or (0.0, 0.0)
    )


def _open(path: Path) -> DatasetReader:
    # One at a time: warnings are silenced for the whole process.
    with _OPEN, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            return rasterio.open(path)
        except (RasterioError, OSError) as error:
            raise InputError(f"cannot read {path}: {_first_cause(error)}") from error


def _first_cause(error: BaseException) -> str:
    """What GDAL said; rasterio hides it behind 'See previous exception for details'."""
    cause = error.__cause__
    return str(cause if cause is not None else error)


def _check_pixels(path: Path, file: DatasetReader) -> None:
    if file.count == 0:
        raise InputError(f"{path} holds no bands")
    kinds = sorted(set(file.dtypes))
    if len(kinds) > 1:
        raise InputError(f"{path} mixes pixel types: {', '.join(kinds)}")
    if kinds[0] not in DTYPES:
        raise InputError(f"{path} has pixels of type {kinds[0]}: give one of {', '.join(DTYPES)}")


def _check_nodata(path: Path, dtype: str, nodata: float | None) -> None:
    if nodata is None or np.dtype(dtype).kind == "f":
        return
    limits = np.iinfo(dtype)
    if not (limits.min <= nodata <= limits.max and float(nodata).is_integer()):
        raise InputError(
            f"nodata {nodata:g}: the counts of {path} are whole numbers from {limits.min} to {limits.max}"
        )


def _check_length(path: Path, file: DatasetReader) -> None:
    """That a TIFF is as long as its directory says."""
    if file.driver != "GTiff" or not path.is_file():
        return
    size, end = path.stat().st_size, 0
    block_rows, block_columns = file.block_shapes[0]
    # Bands kept apart have their own blocks; the last band's come last where there are any.
    for band in {1, file.count}:
        for row in range(-(-file.height // block_rows)):
            for column in range(-(-file.width // block_columns)):
                start = file.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=band)
                length = file.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=band)
                if start is not None and length is not None:
                    end = max(end, int(start) + int(length))
    if end > size:
        raise InputError(f"{path} is cut short: its pixels end at byte {end:,}, the file at {size:,}")


def _shift_of(file: DatasetReader) -> tuple[float, float] | None:
    """(column, row) of an extract's first pixel in the full image, as its geotransform tells it."""
    shift = file.transform
    plain = (shift.a, shift.b, shift.d, shift.e) == (1.0, 0.0, 0.0, 1.0)
    if file.crs is not None or not plain or (shift.c == 0.0 and shift.f == 0.0):
        return None
    if not (float(shift.c).is_integer() and float(shift.f).is_integer()):
        return None
    return shift.c, shift.f


def _names(file: DatasetReader) -> tuple[str, ...]:
    given = [name or "" for name in file.descriptions]
    if all(given) and len(set(given)) == len(given):
        return tuple(given)
    return ("pan",) if file.count == 1 else tuple(f"band{i}" for i in range(1, file.count + 1))


def _check_rpc(path: Path, model: Rpc, *, known: bool) -> None:
    """That an RPC can be of this raster: its corners lie in the range the model was made for."""
    rows, columns = model.shape
    spans = (
        ("columns", columns, model.column_off, model.column_scale),
        ("rows", rows, model.row_off, model.row_scale),
    )
    for name, count, offset, scale in spans:
        first, last = -offset / scale, (count - 1 - offset) / scale
        low, high = offset - scale, offset + scale
        if max(abs(first), abs(last)) > _BEYOND + 2.0 / scale:
            raise InputError(
                f"{path}: its RPC is of another image: it holds for {name} {round(low)} … {round(high)} of "
                f"this raster, which has 0 … {count - 1}"
            )
        if not known and last - first < 2.0 * _WHOLE:
            raise InputError(
                f"{path}: its RPC is of an image of about {2 * scale + 1:.0f} {name}, the raster has "
                f"{count}. If it is an extract, say where its first pixel lies in the full image "
                "(--origin COLUMN,ROW)"
            )
    middle = (0.5 * (columns - 1), 0.5 * (rows - 1))
    lon, lat = model.locate(*middle, model.height_off_m)
    if not (np.isfinite(lon) and np.isfinite(lat)):
        raise InputError(
            f"{path}: its RPC cannot be solved in the middle of the image: its coefficients are wrong"
        )
