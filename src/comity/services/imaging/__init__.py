"""Images of the Earth: scenes, areas and daily passes."""

from __future__ import annotations

from comity.services.imaging.candidates import make_candidates
from comity.services.imaging.offer import OutOfReachError, find_opportunities, suitable_instruments
from comity.services.imaging.tasks import make_tasks

__all__ = [
    "ImagingService",
    "OutOfReachError",
    "find_opportunities",
    "make_candidates",
    "make_tasks",
    "suitable_instruments",
]


class ImagingService:
    """The imaging service behind the :class:`comity.services.Service` protocol."""

    find = staticmethod(find_opportunities)
    tasks = staticmethod(make_tasks)
    candidates = staticmethod(make_candidates)
