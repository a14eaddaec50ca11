"""STAC API 1.0 over the archive: what was delivered, found and read."""

from comity.server.stac.routes import router

__all__ = ["router"]
