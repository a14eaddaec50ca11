"""One folder per thing sold; each turns requests into opportunities, tasks and products."""

from comity.core import UnknownIdError
from comity.services.base import Candidate, ClearSky, OrderTask, Service, TaskState
from comity.services.imaging import ImagingService

__all__ = ["Candidate", "ClearSky", "OrderTask", "Service", "TaskState", "service_of"]

_SERVICES: dict[str, Service] = {"imaging": ImagingService()}


def service_of(name: str) -> Service:
    """The service that a product names; unknown names raise :class:`UnknownIdError`."""
    if name not in _SERVICES:
        raise UnknownIdError("service", name, tuple(_SERVICES))
    return _SERVICES[name]
