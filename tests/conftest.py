"""Fixtures for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data for developers; tests that need it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("shared/data is not here")
    return SHARED
