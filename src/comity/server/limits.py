"""Rate limits: token buckets in this process, one for each credential or address."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from comity.server.problems import BusyError

#: Buckets kept at once; the longest unused go first (a full bucket and none are the same).
_KEPT = 50_000


class RateLimit:
    """Lets ``per_minute`` calls a minute through for each key, and ``burst`` at once."""

    def __init__(self, per_minute: float, burst: float | None = None) -> None:
        self._rate = per_minute / 60.0
        self._burst = float(burst if burst is not None else max(1.0, per_minute))
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, cost: float = 1.0) -> float:
        """Count one call; returns how many are left. Raises :class:`BusyError` where none is."""
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            if left < cost:
                self._buckets[key] = (left, now)
                wait_s = (cost - left) / self._rate
                raise BusyError(
                    f"more than {self._rate * 60:g} requests a minute (or {self._burst:g} at once): "
                    f"wait {wait_s:.1f} s",
                    wait_s,
                )
            self._buckets[key] = (left - cost, now)
            if len(self._buckets) > _KEPT:
                self._buckets.popitem(last=False)
            return left - cost
