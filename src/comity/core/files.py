"""Reading text files and writing any, with errors that name the file; writing is whole or not at all."""

from __future__ import annotations

import glob
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path

from comity.core.errors import InputError

#: No text that Comity reads is as large as this.
MAX_TEXT_BYTES = 64_000_000


def read_text(path: Path | Traversable) -> str:
    """The UTF-8 text of a file, lines ended by ``\\n``, a byte order mark left out.

    Missing, unreadable, empty or larger than 64 MB raises :class:`InputError` naming it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAX_TEXT_BYTES:
        raise InputError(f"{path} is larger than {MAX_TEXT_BYTES // 1_000_000} MB, the most that is read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    if not text.strip():
        raise InputError(f"{path} is empty")
    return io.StringIO(text, newline=None).read()


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` (UTF-8, newlines as given) as :func:`write_whole` does."""
    return write_whole(path, text.encode("utf-8"))


def write_whole(path: Path, content: bytes | memoryview) -> Path:
    """Put ``content`` at ``path`` in one step, folders made as needed: readers see the old file or the new.

    What writers of the same file left when they were killed is swept away. Raises :class:`InputError` naming
    the file when it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return path


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """A path beside ``path`` for a library to write a file or a folder to; moved to ``path`` at the end.

    For what cannot be held in memory as :func:`write_whole` asks. Left by an error or Ctrl-C, nothing stays
    and the old ``path`` is as it was. A folder that is replaced is gone for the instant between two renames.
    Raises :class:`InputError` naming ``path`` for an ``OSError`` inside.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        try:
            yield part
            if path.is_dir() and part.is_dir():
                old = path.with_name(part.name.replace(".part", "-old.part"))
                path.replace(old)
                part.replace(path)
                _remove(old)
            else:
                part.replace(path)
        finally:
            _remove(part)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _sweep(path: Path) -> None:
    """Remove part files of ``path`` left by processes that are gone."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        pid = part.name.split(".")[-2].partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            _remove(part)


def _remove(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
