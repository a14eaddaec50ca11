"""What the path solver gives back."""

from __future__ import annotations

from dataclasses import dataclass

from comity.planning.paths.simulate import Sending


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathPlan:
    """``nodes``: what is taken, by index; ``sendings``: how contacts are used; ``value`` ≤ best ≤ ``bound``.

    ``history``: (seconds, value, bound) after each step. ``steps``: done; with the same problem and seed, so
    many steps give this plan again. ``stopped``: ``proven``, ``work``, ``wall``, ``interrupted`` or
    ``search ended``.
    """

    nodes: tuple[int, ...]
    sendings: tuple[Sending, ...]
    value: float
    bound: float
    steps: int
    history: tuple[tuple[float, float, float], ...]
    stopped: str = "search ended"

    @property
    def gap(self) -> float:
        """(bound − value) / bound, 0 for a proven plan."""
        return max(0.0, (self.bound - self.value) / self.bound) if self.bound > 0 else 0.0
