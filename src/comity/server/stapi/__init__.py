"""STAPI 0.1.0, the Sensor Tasking API: products, opportunities, orders; and what the operator adds to it."""

from comity.server.stapi.routes import router

__all__ = ["router"]
