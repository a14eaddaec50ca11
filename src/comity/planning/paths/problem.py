"""The compact form in which agile satellites are planned at scale: arrays, one row per possible activity.

A node is an acquisition at a fixed start: where an opportunity leaves the start free, it has several nodes.
A satellite's plan is a path through its nodes in order of time, each far enough after the one before to turn
and settle; a request is served by one node at most, of whichever satellite.

Resources: an on-board store, filled by the whole of an acquisition at its end, emptied by contacts, which
send what was stored at their start and free it at their end; a battery, drawn from evenly over an activity
and charged by the Sun; contacts, of which an antenna and a satellite carry out one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agility:
    """How the satellites turn, (s,) each: rate (rad/s), acceleration (rad/s²), settling time (s)."""

    rate_rad_s: FloatArray
    acceleration_rad_s2: FloatArray
    settle_s: FloatArray

    def __post_init__(self) -> None:
        _arrays(self, "agility")
        if not (np.all(self.rate_rad_s > 0) and np.all(self.acceleration_rad_s2 > 0)):
            raise InputError("slew rates and accelerations must be above 0")
        if not np.all(self.settle_s >= 0):
            raise InputError("settling times must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Store:
    """On-board memory, (s,) each: bits it holds, bits in it at time 0.

    ``deliver``: all that is taken must have been sent by the end; else it may stay on board.
    """

    capacity_bits: FloatArray
    initial_bits: FloatArray
    deliver: bool = True

    def __post_init__(self) -> None:
        _arrays(self, "store")
        if not np.all((self.initial_bits >= 0) & (self.initial_bits <= self.capacity_bits)):
            raise InputError("what is stored at first must lie between 0 and the store's capacity")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contacts:
    """Contacts that may be used to send, (c,) each; ``bits``: what the whole of one can carry.

    An antenna's time, and a satellite's, is 1 at every instant. ``shared``: a contact may be used in part,
    with the others' shares beside it; where contacts that meet have the same start and end, this is one
    satellite after the other. Else a contact is used as a whole or not at all.
    """

    satellite: IntArray
    antenna: IntArray
    start_s: FloatArray
    end_s: FloatArray
    bits: FloatArray
    shared: bool = True

    def __post_init__(self) -> None:
        _arrays(self, "contacts")
        if not np.all(self.end_s > self.start_s):
            raise InputError("a contact must end after it starts")
        if not np.all(self.bits >= 0):
            raise InputError("bits of a contact must not be negative")

    def __len__(self) -> int:
        return len(self.satellite)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Battery:
    """Energy, (s,) each: capacity, floor and charge at time 0 (J), constant load and yield in the Sun (W),
    draw of the transmitter during a contact (W); eclipses (e,): satellite, start, end (s)."""

    capacity_j: FloatArray
    floor_j: FloatArray
    initial_j: FloatArray
    load_w: FloatArray
    solar_w: FloatArray
    transmit_w: FloatArray
    eclipse_satellite: IntArray
    eclipse_start_s: FloatArray
    eclipse_end_s: FloatArray

    def __post_init__(self) -> None:
        per_satellite = ("capacity_j", "floor_j", "initial_j", "load_w", "solar_w", "transmit_w")
        _arrays(self, "battery", per_satellite)
        _arrays(self, "battery", ("eclipse_satellite", "eclipse_start_s", "eclipse_end_s"))
        if not np.all((self.floor_j >= 0) & (self.floor_j <= self.initial_j)):
            raise InputError("a battery's first charge is below its floor")
        if not np.all(self.initial_j <= self.capacity_j):
            raise InputError("a battery's first charge is above its capacity")
        if not np.all(self.eclipse_end_s > self.eclipse_start_s):
            raise InputError("an eclipse must end after it starts")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathProblem:
    """Nodes (n,) sorted by satellite and start, with what the satellites have.

    ``request``: 0 … ``requests`` − 1; times in s from 0 to ``horizon_s``; ``value`` above 0; ``first`` and
    ``last`` (n, 3): lines of sight at start and end, unit vectors in one inertial frame; ``bits`` and
    ``energy_j``: what the acquisition stores and draws.

    Raises :class:`InputError` for lengths that differ, indices out of range, values that are not numbers,
    and nodes out of order.
    """

    horizon_s: float
    requests: int
    satellite: IntArray
    request: IntArray
    start_s: FloatArray
    end_s: FloatArray
    value: FloatArray
    first: FloatArray
    last: FloatArray
    bits: FloatArray
    energy_j: FloatArray
    agility: Agility
    store: Store | None = None
    contacts: Contacts | None = None
    battery: Battery | None = None

    def __post_init__(self) -> None:
        names = ("satellite", "request", "start_s", "end_s", "value", "first", "last", "bits", "energy_j")
        _arrays(self, "nodes", names)
        n, satellites = len(self), self.satellites
        if self.first.shape != (n, 3) or self.last.shape != (n, 3):
            raise InputError("lines of sight must be (n, 3)")
        if n and not 0 <= self.satellite.min() <= self.satellite.max() < satellites:
            raise InputError(f"a node's satellite is outside 0 … {satellites - 1}")
        if n and not 0 <= self.request.min() <= self.request.max() < self.requests:
            raise InputError(f"a node's request is outside 0 … {self.requests - 1}")
        if not np.all((self.start_s >= 0) & (self.end_s > self.start_s) & (self.end_s <= self.horizon_s)):
            raise InputError(f"a node must end after it starts, within 0 … {self.horizon_s} s")
        if not (np.all(self.value >= 0) and np.all(self.bits >= 0) and np.all(self.energy_j >= 0)):
            raise InputError("values, bits and energies of nodes must not be negative")
        later = np.diff(self.satellite) * (self.horizon_s + 1.0) + np.diff(self.start_s)
        if np.any(later < 0) or np.any(np.diff(self.satellite) < 0):
            raise InputError("nodes must be sorted by satellite and start")
        if self.contacts is not None:
            if self.store is None:
                raise InputError("contacts without a store have nothing to send")
            inside = (self.contacts.satellite >= 0) & (self.contacts.satellite < satellites)
            timely = (self.contacts.start_s >= 0) & (self.contacts.end_s <= self.horizon_s)
            if not np.all(inside & timely):
                raise InputError("a contact's satellite or time is outside the problem")
        for part in (self.store, self.battery):
            if part is not None and len(getattr(part, fields(part)[0].name)) != satellites:
                raise InputError("a resource must be given for each satellite")

    def __len__(self) -> int:
        return len(self.satellite)

    @property
    def satellites(self) -> int:
        """How many satellites there are."""
        return len(self.agility.rate_rad_s)

    @property
    def offsets(self) -> IntArray:
        """(s + 1,): the nodes of satellite k are ``offsets[k] … offsets[k + 1] − 1``."""
        return np.searchsorted(self.satellite, np.arange(self.satellites + 1)).astype(np.int64)


def _arrays(of: Any, what: str, names: tuple[str, ...] | None = None) -> None:
    """Raise unless the arrays called ``names`` (None: all) are as long as each other and finite."""
    chosen = names or tuple(f.name for f in fields(of) if isinstance(getattr(of, f.name), np.ndarray))
    lengths = {len(getattr(of, name)) for name in chosen}
    if len(lengths) > 1:
        raise InputError(f"{what}: arrays of different lengths {sorted(lengths)}")
    for name in chosen:
        if not np.all(np.isfinite(getattr(of, name))):
            raise InputError(f"{what}: {name} has a value that is no number")
