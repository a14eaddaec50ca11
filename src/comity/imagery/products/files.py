"""Names, folders and checksums of the files that are written."""

from __future__ import annotations

import hashlib
import json
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
