"""Rate limits: token buckets in this process, one for each credential or address."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict

from comity.server.problems import BusyError

#: Buckets kept at once; the longest unused go first (a full bucket and none are the same).
_KEPT = 50_000


def network_of(address: str) -> str:
    """Whom calls from an address are counted for: of IPv6 the /64, all of which one machine may have."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


class RateLimit:
    """Lets ``per_minute`` calls a minute through for each key, and ``burst`` at once."""

    def __init__(self, per_minute: float, burst: float | None = None) -> None:
        self._rate = per_minute / 60.0
        self._burst = float(burst if burst is not None else max(1.0, per_minute))
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raises :class:`BusyError` where :meth:`take` would; counts nothing."""
        self.take(key, 1.0, counted=False)

    def take(self, key: str, cost: float = 1.0, *, counted: bool = True) -> float:
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
            left -= cost if counted else 0.0
            self._buckets[key] = (left, now)
            if len(self._buckets) > _KEPT:
                self._buckets.popitem(last=False)
            return left
