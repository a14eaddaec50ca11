"""Blocks: the file is right, whole, and goes on after a kill."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from comity.core import InputError
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.raster import RasterLayout

WIDTH, HEIGHT = 1301, 1800


def layout(
    dtype: str, nodata: float | None, bands: tuple[str, ...] = ("blue", "green", "nir")
) -> RasterLayout:
    return RasterLayout(
        crs=rasterio.CRS.from_epsg(32638),
        transform=Affine(2.0, 0.0, 250_000.0, 0.0, -2.0, 1_290_000.0),
        width=WIDTH,
        height=HEIGHT,
        dtype=dtype,
        bands=bands,
        nodata=nodata,
        scales=(1e-4,) * len(bands),
    )


def image(dtype: str, nodata: float | None, bands: int = 3) -> NDArray[Any]:
    rng = np.random.default_rng(1)
    full = np.cumsum(rng.normal(0.0, 2.0, (bands, HEIGHT, WIDTH)), axis=2) + 120.0
    full = np.clip(full, 1, 250).astype(dtype)
    if nodata is not None:
        full[:, :301, :402] = nodata
    return full


def cut(full: NDArray[Any], window: Window) -> NDArray[Any]:
    rows, cols = window.toslices()
    return full[:, rows, cols]


@pytest.mark.parametrize(
    ("dtype", "nodata", "mask"),
    [("uint16", 0, False), ("uint8", None, False), ("int16", -9999, True), ("float32", math.nan, True)],
)
def test_what_is_rendered_can_be_read_and_is_cloud_optimised(
    tmp_path: Path, dtype: str, nodata: float | None, mask: bool
) -> None:
    full = image(dtype, nodata)
    out = write_cog(
        tmp_path / "new" / "image.tif",
        layout(dtype, nodata),
        lambda window: cut(full, window),
        recipe="r",
        block=512,
        mask=mask,
        tags={"SIMULATED": "YES"},
        band_tags=({"WAVELENGTH": "0.48"}, {}, {}),
    )
    assert cog_validate(out, strict=True) == (True, [], [])
    with rasterio.open(out) as opened:
        np.testing.assert_array_equal(opened.read(), full)
        assert opened.crs.to_epsg() == 32638
        assert opened.descriptions == ("blue", "green", "nir")
        assert opened.tags()["SIMULATED"] == "YES"
        assert opened.tags(1)["WAVELENGTH"] == "0.48"
        valid = full[0][np.isfinite(full[0]) if dtype == "float32" else full[0] != nodata]
        assert float(opened.tags(1)["STATISTICS_MEAN"]) == pytest.approx(valid.mean(dtype=float), rel=1e-6)
        assert float(opened.tags(1)["STATISTICS_STDDEV"]) == pytest.approx(valid.std(dtype=float), rel=1e-5)
        assert opened.overviews(1) == [2, 4]
        expected = np.full((HEIGHT, WIDTH), 255, np.uint8)
        if nodata is not None:
            expected[:301, :402] = 0
        np.testing.assert_array_equal(opened.dataset_mask(), expected)
    assert [path.name for path in out.parent.iterdir()] == ["image.tif"]


def test_overviews_are_means_of_what_is_valid(tmp_path: Path) -> None:
    full = image("uint16", 0)
    out = write_cog(tmp_path / "a.tif", layout("uint16", 0), lambda w: cut(full, w), recipe="r", block=512)
    with rasterio.open(out, overview_level=0) as half, rasterio.open(out, overview_level=1) as quarter:
        first, second = half.read(1), quarter.read(1)
    even = full[0, :, : WIDTH - 1].astype(float).reshape(HEIGHT // 2, 2, WIDTH // 2, 2)
    total, count = even.sum(axis=(1, 3)), (even > 0).sum(axis=(1, 3))
    expected = np.where(count > 0, np.floor(total / np.maximum(count, 1) + 0.5), 0)
    np.testing.assert_array_equal(first[:, : WIDTH // 2], expected)
    # The coarsest level comes from the one before, block borders and all.
    again = first[: HEIGHT // 4 * 2, : WIDTH // 4 * 2].astype(float).reshape(HEIGHT // 4, 2, WIDTH // 4, 2)
    total, count = again.sum(axis=(1, 3)), (again > 0).sum(axis=(1, 3))
    expected = np.where(count > 0, np.floor(total / np.maximum(count, 1) + 0.5), 0)
    np.testing.assert_array_equal(second[: HEIGHT // 4, : WIDTH // 4], expected)


SLOW = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
from unit.imagery.processing.test_blocks import cut, image, layout
from comity.imagery.processing.blocks import write_cog
full = image("uint16", 0)
def slow(window):
    time.sleep(0.2)
    return cut(full, window)
write_cog(Path(sys.argv[1]), layout("uint16", 0), slow, recipe="r", block=512, workers=2)
"""


def kill_in_the_middle(out: Path, blocks: int) -> int:
    """Kill -9 a run once it has finished some blocks; how many there were."""
    journal = out.with_name(f".{out.name}.work") / "journal"
    program = SLOW.format(paths=[str(Path(__file__).resolve().parents[3])])
    with subprocess.Popen([sys.executable, "-c", program, str(out)]) as process:
        deadline = time.monotonic() + 60.0
        while not (journal.exists() and len(journal.read_text().splitlines()) >= blocks):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return len(journal.read_text().splitlines())


def test_a_killed_run_goes_on_at_the_last_finished_block(tmp_path: Path) -> None:
    full = image("uint16", 0)
    whole = write_cog(
        tmp_path / "whole.tif", layout("uint16", 0), lambda w: cut(full, w), recipe="r", block=512
    )
    out = tmp_path / "killed.tif"
    done = kill_in_the_middle(out, 4)
    assert not out.exists()
    asked: list[Window] = []

    def render(window: Window) -> NDArray[Any]:
        asked.append(window)
        return cut(full, window)

    write_cog(out, layout("uint16", 0), render, recipe="r", block=512, workers=1)
    blocks = math.ceil(WIDTH / 512) * math.ceil(HEIGHT / 512)
    assert 4 <= done < blocks
    assert len(asked) == blocks - done
    with rasterio.open(out) as opened, rasterio.open(whole) as expected:
        np.testing.assert_array_equal(opened.read(), expected.read())
        assert opened.tags(2) == expected.tags(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.tif", "whole.tif"]


@pytest.mark.parametrize("harm", ["tiles", "coarse", "journal"])
def test_what_a_crash_spoilt_is_made_again(tmp_path: Path, harm: str) -> None:
    """After a power cut files may hold anything: a block counts only by its checksum."""
    full = image("uint16", 0)
    out = tmp_path / "killed.tif"
    done = kill_in_the_middle(out, 4)
    spoilt = out.with_name(f".{out.name}.work") / harm
    content = bytearray(spoilt.read_bytes())
    if harm == "journal":
        content = content[:-10]
    elif harm == "tiles":
        content[100] ^= 0xFF
    else:
        content[0] ^= 0xFF
    spoilt.write_bytes(content)
    asked: list[Window] = []

    def render(window: Window) -> NDArray[Any]:
        asked.append(window)
        return cut(full, window)

    write_cog(out, layout("uint16", 0), render, recipe="r", block=512)
    blocks = math.ceil(WIDTH / 512) * math.ceil(HEIGHT / 512)
    assert len(asked) == blocks - done + 1
    with rasterio.open(out) as opened:
        np.testing.assert_array_equal(opened.read(), full)


def test_another_recipe_starts_anew(tmp_path: Path) -> None:
    out = tmp_path / "killed.tif"
    kill_in_the_middle(out, 2)
    other = np.full((3, HEIGHT, WIDTH), 7, np.uint16)
    write_cog(out, layout("uint16", 0), lambda w: cut(other, w), recipe="another", block=512)
    with rasterio.open(out) as opened:
        assert (opened.read() == 7).all()


@pytest.mark.parametrize("call", ["pwrite", "write"])
def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    full = image("uint16", 0)
    real = getattr(os, call)
    calls = 0

    def refuse(file: int, content: memoryview, *rest: Any) -> int:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # A byte at a time: in how few writes a file is made depends on which thread came first.
        return int(real(file, content[:1], *rest))

    out = tmp_path / "a.tif"
    out.write_bytes(b"the one before")
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(InputError, match=r"cannot write .*a\.tif: No space left"):
        write_cog(out, layout("uint16", 0), lambda w: cut(full, w), recipe="r", block=512)
    monkeypatch.undo()
    assert out.read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_bad_input_in_a_block_ends_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    def render(window: Window) -> NDArray[Any]:
        if window.row_off >= 1024:
            raise InputError("DEM x.tif has a hole")
        return np.ones((3, window.height, window.width), np.uint16)

    with pytest.raises(InputError, match="has a hole"):
        write_cog(tmp_path / "a.tif", layout("uint16", 0), render, recipe="r", block=512)
    assert not list(tmp_path.iterdir())


def test_two_runs_do_not_write_the_same_file(tmp_path: Path) -> None:
    out = tmp_path / "a.tif"

    def render(window: Window) -> NDArray[Any]:
        with pytest.raises(InputError, match="being written by another run"):
            write_cog(out, layout("uint16", 0), render, recipe="r", block=512)
        return np.ones((3, window.height, window.width), np.uint16)

    write_cog(out, layout("uint16", 0), render, recipe="r", block=4096)
    assert out.exists()


def test_fingerprints_follow_files_and_parameters(tmp_path: Path) -> None:
    file = tmp_path / "in.tif"
    file.write_bytes(b"1")
    before = fingerprint(file, 2.0, {"a": (1, 2)})
    assert fingerprint(file, 2.0, {"a": (1, 2)}) == before
    assert fingerprint(file, 2.5, {"a": (1, 2)}) != before
    os.utime(file, ns=(1, 1))
    assert fingerprint(file, 2.0, {"a": (1, 2)}) != before
    assert fingerprint(np.zeros(3)) != fingerprint(np.ones(3))
