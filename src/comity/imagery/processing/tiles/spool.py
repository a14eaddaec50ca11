"""Where the finished blocks of an image wait for the rest of it, through a kill if need be.

A hidden folder beside the output: ``tiles`` (coded tiles, appended), ``coarse`` (the first overview level
that no block fills alone, as plain pixels) and ``journal`` (a line of JSON per finished block, with a
checksum of what it left in the other two). A line counts only if its checksum holds, so neither a kill nor
a power cut leaves a block half done unseen.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

#: (level, is mask, tile row, tile column) → (offset, length) of a record among the tiles.
Places = dict[tuple[int, bool, int, int], tuple[int, int]]
_COPY = 1 << 24


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished block: its number, where its tiles lie, its statistics (bands, 5)."""

    block: int
    places: Places
    statistics: NDArray[np.float64]


class Spool:
    """The waiting room of one output file. Not to be made by hand: :func:`open_spool`."""

    def __init__(self, out: Path, folder: Path, tiles: BufferedRandom, journal: TextIO) -> None:
        self._out, self._folder, self._tiles, self._journal = out, folder, tiles, journal
        self._lock = Lock()
        self._end = 0
        self._coarse: NDArray[Any] | None = None
        self.finished: dict[int, Finished] = {}

    def open_coarse(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The plane of coarse pixels, kept in a file."""
        path = self._folder / "coarse"
        with self._writing():
            mode = "r+" if path.exists() and path.stat().st_size == np.prod(shape) * dtype.itemsize else "w+"
            self._coarse = np.memmap(path, dtype, mode, shape=shape)  # type: ignore[call-overload]
            if mode == "w+" and hasattr(os, "posix_fallocate"):
                # A file with holes would end in a bus error, not an exception, once the disk is full.
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return self._coarse

    def put(self, records: Sequence[tuple[tuple[int, bool, int, int], bytes]]) -> tuple[Places, int]:
        """Append records; where each lies, and the checksum of all."""
        joined = b"".join(record for _, record in records)
        with self._lock:
            start = self._end
            self._end += len(joined)
        with self._writing():
            at = 0
            while at < len(joined):
                at += os.pwrite(self._tiles.fileno(), memoryview(joined)[at:], start + at)
        places: Places = {}
        for key, record in records:
            places[key] = (start, len(record))
            start += len(record)
        return places, zlib.crc32(joined)

    def finish(
        self, block: int, places: Places, statistics: NDArray[np.float64], crc: int, coarse: Any = None
    ) -> None:
        """A block is done: ``coarse`` are the two slices (rows, cols) it left in the coarse plane."""
        line: dict[str, Any] = {
            "block": block,
            "places": [[*key, *place] for key, place in places.items()],
            "statistics": statistics.tolist(),
            "crc": crc,
        }
        if coarse is not None:
            line["coarse"] = [coarse[0].start, coarse[0].stop, coarse[1].start, coarse[1].stop]
            line["coarse_crc"] = self._coarse_crc(coarse)
        with self._lock, self._writing():
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()
            self.finished[block] = Finished(block, places, statistics)

    def take_up(self) -> None:
        """Read the journal of an earlier run; what its checksum does not cover is forgotten."""
        self._journal.seek(0)
        whole = []
        size = os.fstat(self._tiles.fileno()).st_size
        for line in self._journal.read().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                places = {
                    (int(level), bool(mask), int(row), int(col)): (int(start), int(length))
                    for level, mask, row, col, start, length in entry["places"]
                }
                if self._holds(entry, places, size):
                    whole.append(line)
                    self.finished[entry["block"]] = Finished(
                        entry["block"], places, np.array(entry["statistics"])
                    )
                    self._end = max([self._end, *(start + length for start, length in places.values())])
        with self._writing():
            self._journal.seek(0)
            self._journal.truncate()
            self._journal.write("".join(line + "\n" for line in whole))
            self._journal.flush()

    def _holds(self, entry: dict[str, Any], places: Places, size: int) -> bool:
        crc = 0
        for start, length in sorted(places.values()):
            if start + length > size:
                return False
            crc = zlib.crc32(os.pread(self._tiles.fileno(), length, start), crc)
        if "coarse" in entry:
            first_row, last_row, first_col, last_col = entry["coarse"]
            if entry["coarse_crc"] != self._coarse_crc(
                (slice(first_row, last_row), slice(first_col, last_col))
            ):
                return False
        return bool(crc == entry["crc"])

    def _coarse_crc(self, where: tuple[slice, slice]) -> int:
        if self._coarse is None:
            return -1
        return zlib.crc32(np.ascontiguousarray(self._coarse[:, where[0], where[1]]).data)

    def copy_to(self, target: int, ranges: Sequence[tuple[int, int]]) -> None:
        """Copy (offset, length) parts of the tiles, in this order, to the end of an open file."""
        start = length = 0
        for at, size in [*ranges, (-1, 0)]:
            if at == start + length:
                length += size
                continue
            self._copy(target, start, length)
            start, length = at, size

    def _copy(self, target: int, start: int, length: int) -> None:
        while length > 0:
            content = os.pread(self._tiles.fileno(), min(length, _COPY), start)
            if not content:
                raise OSError(f"{self._folder / 'tiles'} is shorter than its journal says")
            start, length = start + len(content), length - len(content)
            view = memoryview(content)
            while view:
                view = view[os.write(target, view) :]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"cannot write {self._out}: {error.strerror or error}") from error


@contextlib.contextmanager
def open_spool(
    out: Path, recipe: str, coarse: tuple[tuple[int, int, int], np.dtype[Any]] | None
) -> Iterator[Spool]:
    """The spool of ``out``, with the blocks that a killed run of the same ``recipe`` left.

    Gone at the end, and after an :class:`InputError`; a kill or Ctrl-C leaves it for the next run. Raises
    :class:`InputError` if it cannot be made, or if another process is writing the same file.
    """
    folder = out.with_name(f".{out.name}.work")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"{out} is being written by another run") from error
        try:
            with _files(folder, recipe, out) as (tiles, journal):
                spool = Spool(out, folder, tiles, journal)
                if coarse is not None:
                    spool.open_coarse(*coarse)
                spool.take_up()
                yield spool
        except InputError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _files(folder: Path, recipe: str, out: Path) -> Iterator[tuple[BufferedRandom, TextIO]]:
    marked = folder / "recipe"
    with contextlib.ExitStack() as stack:
        try:
            if not marked.exists() or marked.read_text(encoding="utf-8") != recipe:
                for name in ("recipe", "journal", "tiles", "coarse"):
                    (folder / name).unlink(missing_ok=True)
                marked.write_text(recipe, encoding="utf-8")
            tiles = folder / "tiles"
            tiles.touch()
            journal = folder / "journal"
            journal.touch()
            opened = (
                stack.enter_context(tiles.open("r+b")),
                stack.enter_context(journal.open("r+", encoding="utf-8")),
            )
        except OSError as error:
            raise InputError(f"cannot write {out}: {error.strerror or error}") from error
        yield opened
