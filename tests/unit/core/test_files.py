"""Files are written whole or not at all, and what goes wrong names them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from comity.core import InputError, read_text, write_text, write_whole


def test_what_is_written_is_read_again_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = write_text(tmp_path / "new" / "page.html", "é\r\nend")
    assert path.read_bytes() == "é\r\nend".encode()
    assert read_text(path) == "é\nend"
    write_whole(path, memoryview(b"\xef\xbb\xbfother"))
    assert read_text(path) == "other"
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_text(tmp_path / "page.html", "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*page\.html: No space left on device"):
        write_text(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("page.html", "old")]
    with pytest.raises(InputError, match="cannot write"):
        write_text(path / "below-a-file", "new")


def test_the_leavings_of_killed_writers_are_swept(tmp_path: Path) -> None:
    kill_while_writing = (
        "import os, sys, pathlib; from comity.core import write_text\n"
        "os.fsync = lambda handle: os._exit(9)\n"
        "write_text(pathlib.Path(sys.argv[1]), 'half')"
    )
    path = tmp_path / "image[1].tif"
    assert subprocess.run([sys.executable, "-c", kill_while_writing, path], check=False).returncode == 9
    assert [each.suffix for each in tmp_path.iterdir()] == [".part"]
    live = tmp_path / f".{path.name}.{os.getppid()}-0a1b2c3d.part"
    live.touch()
    write_whole(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, live])


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content, said in [
        ("empty", b" \n", "is empty"),
        ("binary", b"ab\xff", "not UTF-8 text: invalid start byte at byte 2"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} .*{said}"):
            read_text(tmp_path / name)
    with pytest.raises(InputError, match=r"cannot read .*gone: No such file or directory"):
        read_text(tmp_path / "gone")
