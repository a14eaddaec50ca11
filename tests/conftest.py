"""Fixtures for every test: real data, a browser, a database — each skips by name where it is missing."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import empty_database

# Started in the background, a shell hands down an ignored Ctrl-C, and the tests of it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data for developers; tests that need it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("shared/data is not here")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program; missing it is a skip, or a failure under COMITY_REQUIRE_BROWSER."""
    named = os.environ.get("COMITY_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        message = "Chromium is not installed (looked for " + ", ".join(BROWSERS) + " and COMITY_CHROMIUM)"
        if os.environ.get("COMITY_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return Path(found)


@pytest.fixture
def chromium_argv(chromium: Path, tmp_path: Path) -> list[str]:
    """Command that starts the browser headless, with a fresh profile and no talk to the network."""
    return [
        str(chromium),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'chromium-profile'}",
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLAlchemy URL of an empty database, on SQLite and on PostgreSQL."""
    yield from empty_database(request.param, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql", "postgis"])
def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLAlchemy URL of an empty database, on SQLite, on PostgreSQL as it comes, and on one with PostGIS."""
    yield from empty_database(request.param, tmp_path)
