"""Writing files whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comity.core import InputError


def folder(path: Path) -> Path:
    """Make a folder (and its parents) that files can be put in.

    Raises :class:`InputError` when that cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{path} cannot be a folder: {error.strerror or error}") from error
    except OSError as error:
        raise InputError(f"cannot make folder {path}: {error.strerror}") from error
    return path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Put ``content`` at ``path`` in one step: a reader sees the old file or the new one.

    Leftovers of writers that were killed are swept. Raises :class:`InputError` where the folder may not
    be written, OSError naming the file when the disk is full or fails.
    """
    _sweep(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except PermissionError as error:
        raise InputError(f"may not write in {path.parent}: {error.strerror}") from error
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write {path.name}: {error.strerror}", str(path)) from error


def _sweep(path: Path) -> None:
    """Remove part files of ``path`` left by processes that are gone."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        pid = part.name.split(".")[-2]
        if pid.isdigit() and int(pid) != os.getpid() and not _alive(int(pid)):
            part.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """JSON as it is written: indented, UTF-8, keys in the order given."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def multihash(content: bytes | memoryview) -> str:
    """SHA-256 as the multihash that STAC's ``file:checksum`` wants (hexadecimal)."""
    return "1220" + hashlib.sha256(content).hexdigest()


def file_name(id: str) -> str:
    """An id as a file name: anything but letters, digits, ``._-`` becomes ``-``."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", id).strip(".-")
    if not name:
        raise InputError(f"id {id!r} has no letter or digit to name a file with")
    return name
