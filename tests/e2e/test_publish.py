"""``comity deliver --to``: the demo's catalogue in a real S3 server, and what is said when there is none."""

from __future__ import annotations

import json

import pytest

from unit.stores.s3_server import free_port, server


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


@pytest.mark.usefixtures("keys")
def test_the_demo_in_a_bucket(comity, demo) -> None:
    words = ("deliver", "--db", demo.folder / "comity.db", "--out", demo.folder, "--json")
    with server() as running:
        missing = comity(*words, "--to", "s3://joint-eo/images", "--endpoint", running.url)
        assert missing.code == 2
        assert "there is no bucket joint-eo at http" in missing.err
        running.make_bucket("joint-eo")
        first = comity(*words, "--to", "s3://joint-eo/images", "--endpoint", running.url)
        assert first.code == 0, first.err
        published = json.loads(first.out)["published"]
        items = sum(1 for path in (demo.folder / "stac").rglob("*.tif"))
        assert published["items"] == items > 10
        assert published["catalogue"] == "s3://joint-eo/images/catalog.json"
        again = json.loads(comity(*words, "--to", "s3://joint-eo/images", "--endpoint", running.url).out)[
            "published"
        ]
        assert (again["sent"], again["kept"]) == (0, published["sent"])
    down = comity(*words, "--to", "s3://joint-eo/images", "--endpoint", f"http://127.0.0.1:{free_port()}")
    assert down.code == 2
    assert "does not answer" in down.err
