"""Many scenes through the same steps: one bad scene stops no other, and what is done is not done again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from comity.core import InputError, ThreadExecutor
from comity.imagery.processing.batch import SceneDone, read_jobs, run_batch
from comity.imagery.processing.steps import STEPS, step_named
from unit.imagery.reading.fields import make_image, plane

FIELDS = {"red": lambda lon, lat: 0.1 + 0.0 * lon, "nir": plane}
STEPS_TEXT = """
out = "made"

[[step]]
do = "index"
place = "{image}"
expression = "ndvi"
out = "{out}/{id}/ndvi.tif"

[[step]]
do = "change"
before = "{image}"
after = "{other}"
expression = "nir"
threshold = 0.05
out = "{out}/{id}/change.tif"

[defaults]
other = "b.tif"
"""


def scenes(*names: str) -> str:
    return "".join(f'\n[[scene]]\nid = "scene-{name}"\nimage = "{name}.tif"\n' for name in names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        make_image(tmp_path / f"{name}.tif", FIELDS, size=(120, 150))
    (tmp_path / "jobs.toml").write_text(STEPS_TEXT + scenes("a", "b", "c"))
    return tmp_path


def run(path: Path) -> dict[str, SceneDone]:
    return {one.id: one for one in run_batch(read_jobs(path), executor=ThreadExecutor(2))}


def test_every_scene_goes_through_its_steps_and_is_then_kept(folder: Path) -> None:
    first = run(folder / "jobs.toml")
    assert [one.state for one in first.values()] == ["done"] * 3
    with (
        rasterio.open(folder / "made" / "scene-a" / "ndvi.tif") as made,
        rasterio.open(folder / "a.tif") as source,
    ):
        red, nir = source.read() * 1e-4
        np.testing.assert_allclose(made.read(1), (nir - red) / (nir + red), atol=2e-6)
    assert first["scene-a"].steps[1].figures["rms"] == 0.0
    again = run(folder / "jobs.toml")
    assert [one.state for one in again.values()] == ["kept"] * 3
    assert again["scene-a"].steps[1].figures == first["scene-a"].steps[1].figures


def test_only_what_changed_is_done_again(folder: Path) -> None:
    run(folder / "jobs.toml")
    make_image(folder / "a.tif", {**FIELDS, "nir": lambda lon, lat: plane(lon, lat) + 0.2}, size=(120, 150))
    (folder / "made" / "scene-c" / "change.tif").unlink()
    again = run(folder / "jobs.toml")
    assert {id: [step.kept for step in one.steps] for id, one in again.items()} == {
        "scene-a": [False, False], "scene-b": [True, True], "scene-c": [True, False],
    }  # fmt: skip
    assert again["scene-a"].steps[1].figures["mean"] == pytest.approx(-0.2, abs=1e-3)
    (folder / "c_RPC.TXT").write_text("LINE_OFF: 1")
    assert [step.kept for step in run(folder / "jobs.toml")["scene-c"].steps] == [False, False]
    (folder / "jobs.toml").write_text(STEPS_TEXT.replace("0.05", "0.06") + scenes("a", "b", "c"))
    other = run(folder / "jobs.toml")
    assert [step.kept for step in other["scene-b"].steps] == [True, False]


def test_a_bad_scene_is_told_of_and_stops_no_other(folder: Path) -> None:
    (folder / "b.tif").write_bytes((folder / "b.tif").read_bytes()[:5_000])
    (folder / "jobs.toml").write_text(
        STEPS_TEXT.replace('"b.tif"', '"c.tif"') + scenes("a", "b", "gone", "c")
    )
    done = run(folder / "jobs.toml")
    assert {id: one.state for id, one in done.items()} == {
        "scene-a": "done", "scene-b": "failed", "scene-gone": "failed", "scene-c": "done",
    }  # fmt: skip
    assert "b.tif" in done["scene-b"].error
    assert done["scene-gone"].error.startswith("index: there is no image")
    assert not (folder / "made" / "scene-b" / "ndvi.tif").exists()
    make_image(folder / "b.tif", FIELDS, size=(120, 150))
    mended = run(folder / "jobs.toml")
    assert {id: one.state for id, one in mended.items()} == {
        "scene-a": "kept", "scene-b": "done", "scene-gone": "failed", "scene-c": "kept",
    }  # fmt: skip


def test_a_killed_batch_goes_on_with_what_is_missing(folder: Path) -> None:
    names = [f"s{number}" for number in range(8)]
    for name in names:
        os.link(folder / "a.tif", folder / f"{name}.tif")
    (folder / "jobs.toml").write_text(STEPS_TEXT + scenes(*names))
    command = [sys.executable, "-m", "comity", "process", "batch", str(folder / "jobs.toml"), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    notes = folder / "made" / ".batch"
    for _ in range(600):
        if notes.is_dir() and len(list(notes.glob("*.json"))) >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for image in (folder / "made").rglob("*.tif"):
        with rasterio.open(image) as opened:
            opened.read()  # what is there is whole
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    assert [one["state"] for one in results].count("failed") == 0
    assert any(step["kept"] for one in results for step in one["steps"])
    assert all((folder / "made" / f"scene-{name}" / "change.tif").is_file() for name in names)


def test_on_a_cluster_it_is_the_same(folder: Path) -> None:
    pytest.importorskip("distributed")
    from comity.stores import dask_executor

    (folder / "c.tif").write_bytes(b"no image")
    with dask_executor(workers=2) as executor:
        done = run_batch(read_jobs(folder / "jobs.toml"), executor=executor)
    assert [one.state for one in done] == ["done", "done", "failed"]
    assert (folder / "made" / "scene-b" / "change.tif").is_file()
    assert [one.state for one in run(folder / "jobs.toml").values()] == ["kept", "kept", "failed"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('do = "index"', 'do = "indices"', "unknown step 'indices'"),
        ('expression = "ndvi"', 'index = "ndvi"', "step index: it takes no 'index'"),
        ('place = "{image}"\n', "", "step index: place is missing"),
        ("{image}", "{picture}", r"scene 'scene-a', step 'index': nothing is called \{picture\}"),
        ("{id}/ndvi", "x/ndvi", "would be written twice, by scene 'scene-a'"),
        ('out = "made"', "", "out is missing"),
        ("scene-a", "../a", "scene 1: id '../a'"),
        ("scene-b", "scene-a", "scene 'scene-a' is there twice"),
        ("[[step]]", "[[steps]]", "unknown key 'steps'"),
        ("[[step]]", "[step", "cannot be read"),
    ],
)
def test_a_job_file_that_cannot_be_is_refused_as_a_whole(folder: Path, old: str, new: str, said: str) -> None:
    path = folder / "jobs.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=f"jobs.toml.*{said}"):
        read_jobs(path)


def test_a_word_of_the_wrong_type_fails_its_scene(folder: Path) -> None:
    path = folder / "jobs.toml"
    path.write_text(path.read_text().replace("threshold = 0.05", 'threshold = "much"'))
    assert "change: step change: threshold = 'much' is not of the type" in run(path)["scene-a"].error


@pytest.mark.parametrize("name", STEPS)
def test_every_step_there_is_takes_an_output(name: str) -> None:
    assert "out" in step_named(name).takes
