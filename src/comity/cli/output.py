"""Where a command writes: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from comity.core import InputError, whole_path


@contextmanager
def output(path: Path | None) -> Iterator[IO[str]]:
    """A text stream to write to. A file takes its name at the very end: what stops it leaves the old one.

    Raises :class:`comity.core.InputError` naming the file when it cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    with whole_path(path) as part, part.open("x", encoding="utf-8", newline="") as stream:
        yield stream


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before long work begins and without leaving anything behind.

    Raises :class:`comity.core.InputError` naming the file.
    """
    folder = path.absolute().parent
    while not os.path.lexists(folder):
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
