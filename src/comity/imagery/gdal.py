"""GDAL's block cache, bounded."""

from __future__ import annotations

from typing import Any


def bounded_cache(megabytes: int = 256) -> Any:
    """A context in which GDAL keeps at most so many MB of blocks; its default is a twentieth of the machine.

    rasterio takes bytes where GDAL's own option takes megabytes.
    """
    import rasterio

    return rasterio.Env(GDAL_CACHEMAX=megabytes << 20)
