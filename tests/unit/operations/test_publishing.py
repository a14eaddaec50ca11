"""A delivered catalogue in a bucket: last what names the rest, whole after any break, nothing sent twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rasterio.io import MemoryFile

from comity.core import InputError
from comity.imagery import make_item, write_catalogue
from comity.operations import ObjectStoreError, StoredObject, publish
from comity.stores import object_store
from unit.imagery.acquired import acquisition
from unit.stores.s3_server import Server, Wire, server


class Dying:
    """A store in memory that keeps so many files and then is gone."""

    place = "memory"

    def __init__(self, kept: dict[str, bytes], last: int) -> None:
        self.kept, self.left = kept, last

    def check(self) -> None:
        pass

    def put(self, key: str, source: Path | bytes, *, media_type: str | None = None) -> str:
        if self.left == 0:
            raise ObjectStoreError(f"memory/{key}: memory does not answer")
        self.left -= 1
        self.kept[key] = source if isinstance(source, bytes) else source.read_bytes()
        return str(self.digest(key))

    def digest(self, key: str) -> str | None:
        import hashlib

        return hashlib.sha256(self.kept[key]).hexdigest() if key in self.kept else None

    def get(self, key: str) -> bytes:
        return self.kept[key]

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self.kept[key][start : start + length]

    def fetch(self, key: str, destination: Path) -> str:
        destination.write_bytes(self.kept[key])
        return str(self.digest(key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        yield from ()

    def delete(self, key: str) -> None:
        del self.kept[key]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three products of two orders as a catalogue."""
    root = tmp_path_factory.mktemp("delivery") / "stac"
    files = [
        make_item(acquisition(id=f"KV3-{number}", order=order), root, seed=1, max_pixels=10_000)
        for number, order in enumerate(("order-1", "order-1", "order-2"))
    ]
    return write_catalogue(root, files, title="Joint EO")


def files_of(catalogue: Path) -> dict[str, bytes]:
    root = catalogue.parent
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def whole(kept: dict[str, bytes]) -> bool:
    """Whether all that what is there names is there too."""
    import posixpath

    for key, content in kept.items():
        if key.endswith(".json"):
            document = json.loads(content)
            named = [a["href"] for a in document.get("assets", {}).values()]
            named += [link["href"] for link in document["links"] if link["rel"] in ("child", "item")]
            if any(posixpath.normpath(f"{posixpath.dirname(key)}/{href}") not in kept for href in named):
                return False
    return True


def test_whatever_breaks_it_nothing_names_what_is_not_there_and_it_goes_on(delivered: Path) -> None:
    expected = files_of(delivered)
    assert len(expected) == 3 * 3 + 2 + 1
    kept: dict[str, bytes] = {}
    from comity.core import ThreadExecutor

    for last in (1, 0, 4, 3, 2, 1):
        with pytest.raises(ObjectStoreError):
            publish(delivered, Dying(kept, last), executor=ThreadExecutor(1))
        assert whole(kept)
        assert "catalog.json" not in kept
    done = publish(delivered, Dying(kept, 100), executor=ThreadExecutor(1))
    assert (done.sent, done.kept, done.items) == (1, 11, 3)
    assert kept == expected
    again = publish(delivered, Dying(kept, 0))
    assert (again.sent, again.kept, again.bytes_sent) == (0, 12, 0)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with server() as running:
        running.make_bucket("images")
        yield running


def test_a_bucket_that_goes_away_and_comes_back(delivered: Path, s3: Server, tmp_path: Path) -> None:
    wire = Wire(s3.port, after=60_000)
    with pytest.raises(ObjectStoreError, match="does not answer"):
        publish(delivered, object_store("s3://images/joint", endpoint=wire.url, retry_s=0.5))
    wire.close()
    store = object_store("s3://images/joint", endpoint=s3.url)
    before = {one.key for one in store.list()}
    assert "catalog.json" not in before
    done = publish(delivered, store)
    assert done.kept == len(before)
    expected = files_of(delivered)
    assert {one.key: store.get(one.key) for one in store.list()} == expected
    folder = object_store(str(tmp_path / "copy"))
    publish(delivered, folder)
    assert files_of(tmp_path / "copy" / "catalog.json") == expected
    image = next(key for key in expected if key.endswith(".tif"))
    with MemoryFile(store.get(image)) as file, file.open() as opened:
        assert opened.descriptions[0] == "blue"


def test_a_file_that_is_not_its_items_is_not_published(delivered: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(delivered.parent, tmp_path / "stac")) / "catalog.json"
    image = next(copy.parent.rglob("*.tif"))
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    with pytest.raises(InputError, match=r"\.tif is not what its Item says"):
        publish(copy, object_store(str(tmp_path / "out")))
    image.unlink()
    with pytest.raises(InputError, match=r"\.tif is missing: asset 'image' of"):
        publish(copy, object_store(str(tmp_path / "out")))
    assert not list((tmp_path / "out").rglob("*.json"))
