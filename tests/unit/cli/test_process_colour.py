"""``comity process pansharpen``, ``mosaic`` and ``cut`` as a user runs them, one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from comity.cli.process import app
from unit.imagery.processing.paired import PAN_M, RATIO, pair, read, truth, write
from unit.imagery.processing.test_cut import area


def run(*words: object) -> str:
    """Standard output of a command that must succeed."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_from_pair_to_cut(tmp_path: Path) -> None:
    scene = truth(300, 400)
    sharp = []
    for name, left, right in (("west", 0, 240), ("east", 160, 400)):
        pan, xs = pair(scene[:, :, left:right])
        files = (
            write(tmp_path / f"{name}-pan.tif", pan, at=(left, 0)),
            write(tmp_path / f"{name}-xs.tif", xs, PAN_M * RATIO, at=(left / RATIO, 0)),
        )
        out = tmp_path / f"{name}.tif"
        told = json.loads(run("pansharpen", "--pan", files[0], "--xs", files[1], "--out", out, "--json"))
        assert told["ratio"] == pytest.approx(RATIO)
        assert told["bands"] == ["red", "green", "blue", "nir"]
        sharp.append(out)
    said = run("mosaic", *sharp, "--out", tmp_path / "mosaic.tif")
    assert "400 × 300 pixels" in said
    where = area(tmp_path, (50, 50), (350, 50), (350, 250), (50, 250))
    told = json.loads(
        run("cut", tmp_path / "mosaic.tif", "--area", where, "--out", tmp_path / "cut.tif", "--json")
    )
    assert told["covered"] == pytest.approx(1.0, abs=0.01)
    made = read(tmp_path / "cut.tif")
    inner = made[:, 20:180, 20:280] - scene[:, 70:230, 70:330]
    assert np.sqrt(np.nanmean(inner**2)) < 0.35 * scene.std()
