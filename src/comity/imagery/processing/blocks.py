"""Images block by block: rendered in parallel, memory bounded, whole at the end, continued after a kill."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.rpc import RPC
from rasterio.windows import Window

from comity.core import InputError, Progress, silent, whole_path
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.processing.tiles.coding import TILE, Coder, Overviews, Pixels, level_sizes, mask_records
from comity.imagery.processing.tiles.spool import Places, Spool, open_spool
from comity.imagery.processing.tiles.tiff import Level, head, template

#: A change here makes new files of old recipes.
_FORM = "1"

Render = Callable[[Window], NDArray[Any]]


def write_cog(
    out: Path,
    layout: RasterLayout,
    render: Render,
    *,
    recipe: str,
    block: int = 2048,
    workers: int | None = None,
    progress: Progress = silent,
    tags: Mapping[str, str] | None = None,
    band_tags: Sequence[Mapping[str, str]] = (),
    overviews: Overviews = "average",
    mask: bool = False,
    rpcs: RPC | None = None,
) -> Path:
    """Write a cloud-optimised GeoTIFF from a function of its windows.

    ``render(window)`` gives (bands, rows, cols) of the layout's type for a window of at most ``block`` ×
    ``block`` pixels; it is called from several threads at once, in no order. ``recipe``: a fingerprint of
    everything the pixels depend on (:func:`fingerprint`); a run that was killed, started again with the same
    recipe and layout, goes on with the blocks that are missing, another recipe starts anew.

    ``block``: 512, 1024, 2048 or 4096. ``workers``: threads, None for one per processor. ``tags``,
    ``band_tags``: GDAL metadata of the image and of each band; statistics of each band are added.
    ``overviews``: down to one tile, by the mean of valid pixels or by the ``nearest`` one (classes).
    ``mask``: a mask beside the nodata value, valid where any band is. ``rpcs``: of an image in sensor
    geometry, whose layout has an empty CRS.

    Pixel-interleaved tiles of 512², DEFLATE with predictor. Memory: some blocks for each worker. Disk:
    the finished file about twice. The file appears whole or not at all; raises :class:`InputError` naming it
    when it cannot be written (the disk is full, another run is writing it).
    """
    if block not in (512, 1024, 2048, 4096):
        raise InputError(f"block {block}: give 512, 1024, 2048 or 4096 pixels")
    if layout.width < 1 or layout.height < 1:
        raise InputError(f"{out}: an image of {layout.width} × {layout.height} pixels is none")
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers: give 1 or more")
    if out.is_dir():
        raise InputError(f"cannot write {out}: it is a folder")
    image = _Image(
        layout=layout,
        coder=Coder.of(layout, overviews),
        block=block,
        mask=mask,
        sizes=tuple(level_sizes(layout.width, layout.height)),
    )
    # A layout GDAL cannot express is told now, not after an hour.
    template(layout, tags or {}, band_tags, rpcs)
    whole_recipe = fingerprint(_FORM, recipe, layout, block, overviews, mask)
    with open_spool(out, whole_recipe, image.coarse) as spool:
        _render_all(image, spool, render, workers or processors(), progress)
        places = dict(image.coarser_levels(spool))
        figures = np.zeros((len(layout.bands), 5))
        figures[:, 1], figures[:, 2] = math.inf, -math.inf
        for done in spool.finished.values():
            places |= done.places
            figures[:, 1] = np.minimum(figures[:, 1], done.statistics[:, 1])
            figures[:, 2] = np.maximum(figures[:, 2], done.statistics[:, 2])
            figures[:, (0, 3, 4)] += done.statistics[:, (0, 3, 4)]
        told = _statistics(figures, layout.width * layout.height)
        for band, more in enumerate(band_tags):
            told[band] |= more
        main = template(layout, tags or {}, told, rpcs)
        _assemble(out, image, spool, places, main)
    return out


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fingerprint(*parts: object) -> str:
    """A digest of inputs and parameters: paths count with size and time of change, arrays with their bytes.

    Dataclasses count by their fields, mappings and sequences by their elements; other objects by ``repr``.
    """
    digest = hashlib.sha256()
    for part in parts:
        _digest(digest, part)
    return digest.hexdigest()


def _digest(digest: Any, part: object) -> None:
    digest.update(f"<{type(part).__name__}>".encode())
    if isinstance(part, Path):
        digest.update(str(part.resolve()).encode())
        if part.exists():
            status = part.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    elif isinstance(part, np.ndarray):
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    elif is_dataclass(part) and not isinstance(part, type):
        for field in fields(part):
            digest.update(field.name.encode())
            _digest(digest, getattr(part, field.name))
    elif isinstance(part, Mapping):
        for key in part:
            _digest(digest, key)
            _digest(digest, part[key])
    elif isinstance(part, (list, tuple)):
        for one in part:
            _digest(digest, one)
    else:
        digest.update(repr(part).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """What is known of the image before the first pixel."""

    layout: RasterLayout
    coder: Coder
    block: int
    mask: bool
    sizes: tuple[tuple[int, int], ...]

    @property
    def inner(self) -> int:
        """The coarsest level of which a block fills whole tiles."""
        return min((self.block // TILE).bit_length() - 1, len(self.sizes) - 1)

    @property
    def coarse(self) -> tuple[tuple[int, int, int], np.dtype[Any]] | None:
        """Shape and type of the first level beyond, if there is one."""
        if self.inner + 1 >= len(self.sizes):
            return None
        width, height = self.sizes[self.inner + 1]
        return (len(self.layout.bands), height, width), self.coder.dtype

    def windows(self) -> list[Window]:
        """The blocks, row by row."""
        return [
            Window(
                col, row, min(self.block, self.layout.width - col), min(self.block, self.layout.height - row)
            )
            for row in range(0, self.layout.height, self.block)
            for col in range(0, self.layout.width, self.block)
        ]

    def coded(
        self, pixels: Pixels, level: int, row: int, col: int
    ) -> list[tuple[tuple[int, bool, int, int], bytes]]:
        """The records of pixels whose first one is (``row``, ``col``) of their level."""
        kinds = [(False, self.coder.records(pixels))]
        if self.mask:
            kinds.append((True, mask_records(self.coder.valid(pixels))))
        return [
            ((level, is_mask, row // TILE + i, col // TILE + j), record)
            for is_mask, rows in kinds
            for i, tiles in enumerate(rows)
            for j, record in enumerate(tiles)
        ]

    def coarser_levels(self, spool: Spool) -> Places:
        """The tiles of the levels beyond what single blocks fill."""
        places: Places = {}
        if self.coarse is None:
            return places
        pixels: Pixels = spool.open_coarse(*self.coarse)
        for level in range(self.inner + 1, len(self.sizes)):
            width, height = self.sizes[level]
            last = level == len(self.sizes) - 1
            after: Pixels = np.empty((0, 0, 0), self.coder.dtype)
            if not last:
                wide, high = self.sizes[level + 1]
                after = np.empty((pixels.shape[0], high, wide), self.coder.dtype)
            for row in range(0, height, TILE):
                for col in range(0, width, TILE):
                    part = np.ascontiguousarray(pixels[:, row : row + TILE, col : col + TILE])
                    places |= spool.put(self.coded(part, level, row, col))[0]
                    if not last:
                        half = self.coder.halve(part)
                        r, c = row // 2, col // 2
                        after[:, r : r + half.shape[1], c : c + half.shape[2]] = half
            pixels = after
        return places


def _render_all(image: _Image, spool: Spool, render: Render, workers: int, progress: Progress) -> None:
    windows = image.windows()
    missing = [index for index in range(len(windows)) if index not in spool.finished]
    coarse = spool.open_coarse(*image.coarse) if image.coarse is not None and missing else None

    def one(index: int) -> None:
        window = windows[index]
        pixels = np.ascontiguousarray(render(window))
        expected = (len(image.layout.bands), window.height, window.width)
        if pixels.shape != expected or pixels.dtype != image.coder.dtype:
            raise ValueError(
                f"a block came as {pixels.shape} {pixels.dtype}, not {expected} {image.coder.dtype}"
            )
        figures = image.coder.statistics(pixels)
        records = []
        row, col = window.row_off, window.col_off
        for level in range(image.inner + 1):
            if level > 0:
                pixels = image.coder.halve(pixels)
            records += image.coded(pixels, level, row >> level, col >> level)
        places, crc = spool.put(records)
        where = None
        if coarse is not None:
            pixels = image.coder.halve(pixels)
            first_row, first_col = row >> image.inner + 1, col >> image.inner + 1
            where = (
                slice(first_row, first_row + pixels.shape[1]),
                slice(first_col, first_col + pixels.shape[2]),
            )
            coarse[:, where[0], where[1]] = pixels
        spool.finish(index, places, figures, crc, where)

    done = len(windows) - len(missing)
    progress(done, len(windows), "blocks")
    pool = ThreadPoolExecutor(workers)
    try:
        pending = {pool.submit(one, index) for index in missing}
        while pending:
            finished, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
            if finished:
                done += len(finished)
                progress(done, len(windows), "blocks")
    finally:
        pool.shutdown(cancel_futures=True)


def _statistics(figures: NDArray[np.float64], pixels: int) -> list[dict[str, str]]:
    told = []
    for count, least, most, total, squares in figures:
        if count == 0:
            told.append({"STATISTICS_VALID_PERCENT": "0"})
            continue
        mean = total / count
        told.append(
            {
                "STATISTICS_MINIMUM": f"{least:.15g}",
                "STATISTICS_MAXIMUM": f"{most:.15g}",
                "STATISTICS_MEAN": f"{mean:.12g}",
                "STATISTICS_STDDEV": f"{math.sqrt(max(squares / count - mean * mean, 0.0)):.12g}",
                "STATISTICS_VALID_PERCENT": f"{100.0 * count / pixels:.4g}",
            }
        )
    return told


def _assemble(out: Path, image: _Image, spool: Spool, places: Places, main: Any) -> None:
    levels, ranges = [], []
    for level, (width, height) in enumerate(image.sizes):
        for is_mask in (False, True) if image.mask else (False,):
            parts = [
                places[level, is_mask, row, col]
                for row in range(math.ceil(height / TILE))
                for col in range(math.ceil(width / TILE))
            ]
            levels.append(Level(width, height, level > 0, is_mask, [length for _, length in parts]))
            ranges.append(parts)
    beginning = head(main, levels, sum(length for parts in ranges for _, length in parts))
    with whole_path(out) as part, part.open("xb", buffering=0) as file:
        file.write(beginning)
        for parts in reversed(ranges):
            spool.copy_to(file.fileno(), parts)
        os.fsync(file.fileno())
