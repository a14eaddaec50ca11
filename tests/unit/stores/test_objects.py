"""Object stores: the same promises in a folder and on a real S3 server, which goes down at the worst time."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.core import InputError
from comity.operations import ObjectStore, ObjectStoreError
from comity.stores import object_store
from unit.stores.s3_server import Server, Wire, free_port, server


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    with server() as running:
        running.make_bucket("images")
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return object_store(str(tmp_path / "store"))
    running: Server = request.getfixturevalue("s3")
    return object_store(f"s3://images/{tmp_path.name}", endpoint=running.url, retry_s=2.0)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """20 MB that no part of it is like another: several parts of an upload."""
    path = tmp_path / "large.tif"
    path.write_bytes(random.Random(5).randbytes(20_000_000))
    return path


def test_what_is_put_comes_back(store: ObjectStore, large: Path) -> None:
    content = large.read_bytes()
    assert store.put("a/large.tif", large, media_type="image/tiff") == hashlib.sha256(content).hexdigest()
    store.put("a/item.json", b"{}")
    store.put("b.json", b"[1]")
    assert store.get("a/large.tif") == content
    assert store.get_range("a/large.tif", 9_000_000, 1000) == content[9_000_000:9_001_000]
    assert store.get_range("a/large.tif", 19_999_990, 1000) == content[-10:]
    assert store.get_range("b.json", 3, 10) == b""
    assert [(one.key, one.size) for one in store.list()] == [
        ("a/item.json", 2), ("a/large.tif", 20_000_000), ("b.json", 3),
    ]  # fmt: skip
    assert [one.key for one in store.list("a")] == ["a/item.json", "a/large.tif"]
    assert store.digest("a/large.tif") == hashlib.sha256(content).hexdigest()
    assert store.digest("a/nothing") is None
    store.put("b.json", b"[2]")
    assert store.get("b.json") == b"[2]"
    for _ in range(2):
        store.delete("b.json")
    with pytest.raises(InputError, match=r"b\.json is not there"):
        store.get("b.json")


def test_a_wire_cut_in_mid_upload_leaves_nothing_under_the_key(s3: Server, large: Path) -> None:
    wire = Wire(s3.port, after=12_000_000)
    cut = object_store("s3://images/cut", endpoint=wire.url, retry_s=1.0)
    with pytest.raises(ObjectStoreError, match=r"s3://images/cut/large\.tif: http.* does not answer"):
        cut.put("large.tif", large)
    wire.close()
    store = object_store("s3://images/cut", endpoint=s3.url)
    assert list(store.list()) == []
    assert store.put("large.tif", large) == store.digest("large.tif")


def test_an_old_object_stays_while_its_replacement_fails(s3: Server, large: Path) -> None:
    store = object_store("s3://images/old", endpoint=s3.url)
    store.put("large.tif", b"the old one")
    wire = Wire(s3.port, after=9_000_000)
    with pytest.raises(ObjectStoreError):
        object_store("s3://images/old", endpoint=wire.url, retry_s=1.0).put("large.tif", large)
    wire.close()
    assert store.get("large.tif") == b"the old one"


def test_a_server_killed_in_mid_upload_is_told_after_bounded_tries(large: Path) -> None:
    with server() as running:
        running.make_bucket("images")
        wire = Wire(running.port, after=10_000_000, event=running.process.kill)
        with pytest.raises(ObjectStoreError, match=r"does not answer.*nothing is half there"):
            object_store("s3://images", endpoint=wire.url, retry_s=1.0).put("large.tif", large)
        wire.close()
        assert running.process.wait() != 0


def test_a_store_that_is_down_names_place_and_server(tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(
        ObjectStoreError, match=rf"s3://images/x\.json: {dead} does not answer \(tried \d times"
    ):
        object_store("s3://images", endpoint=dead, retry_s=1.0).put("x.json", b"{}")
    with pytest.raises(ObjectStoreError, match="does not answer"):
        list(object_store("s3://images", endpoint=dead, retry_s=1.0).list())


def test_a_missing_bucket(s3: Server, large: Path) -> None:
    store = object_store("s3://nowhere/deep", endpoint=s3.url)
    for source in (b"{}", large):
        with pytest.raises(InputError, match=r"no bucket nowhere at http"):
            store.put("x", source)
    with pytest.raises(InputError, match=r"no bucket nowhere at http"):
        list(store.list())


def test_access_denied() -> None:
    with server(INITIAL_NO_AUTH_ACTION_COUNT="1") as strict:
        strict.make_bucket("images")
        store = object_store("s3://images", endpoint=strict.url)
        for call in (lambda: store.put("x", b"{}"), lambda: list(store.list()), lambda: store.digest("x")):
            with pytest.raises(InputError, match=r"denies access.*check AWS_ACCESS_KEY_ID"):
                call()


@pytest.mark.parametrize(
    ("place", "endpoint", "said"),
    [
        ("gs://images", None, "s3://BUCKET"),
        ("s3://No_Bucket/x", None, "no bucket name"),
        ("s3://images", "s3.example.org", "no address"),
        ("out", "https://s3.example.org", "a folder"),
    ],
)
def test_places_that_cannot_be(place: str, endpoint: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        object_store(place, endpoint=endpoint)


def test_a_folder_that_is_a_file_and_a_source_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot make folder"):
        object_store(str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot read .*gone\.tif"):
        object_store(str(tmp_path / "store")).put("x.tif", tmp_path / "gone.tif")
    with pytest.raises(ObjectStoreError, match="refused"):
        object_store(str(tmp_path)).put("file/x.tif", b"x")
