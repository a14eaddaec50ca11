"""A valid plan that grows: opportunities taken, their worth, and the sessions that carry them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from comity.planning.coverage import Tally
from comity.planning.downlink import Downlinks, Session
from comity.planning.instance import Instance

#: Sessions by spacecraft.
Sessions = dict[str, tuple[Session, ...]]


class Selection:
    """Opportunities taken (positions in ``instance.ops``); valid after every call."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.downlinks = Downlinks(instance.problem)
        self.taken: set[int] = set()
        self._tally = Tally(instance.tasks.values())
        self._of_craft: dict[str, list[int]] = {craft: [] for craft in instance.limits}

    @property
    def worth(self) -> float:
        """Value of all that is taken (programme currency)."""
        return self._tally.total

    def gain(self, op: int) -> float:
        """What taking ``op`` would add."""
        return self._tally.gain(self.instance.ops[op])

    def excluded(self, op: int) -> bool:
        """Whether something taken forbids ``op``."""
        own = self._of_craft[self.instance.ops[op].spacecraft]
        return op in self.taken or any(self.instance.rivals(k, op) for k in own)

    def take(self, op: int) -> bool:
        """Take ``op`` if slews, memory and downlinks allow it."""
        if self.excluded(op):
            return False
        craft = self.instance.ops[op].spacecraft
        taken = list(self._of_craft[craft])
        insort(taken, op)  # Positions of one spacecraft are in time order.
        sessions = self.downlinks.fit(craft, [self.instance.ops[k] for k in taken])
        if not isinstance(sessions, tuple):
            return False
        self.downlinks.book(craft, sessions)
        self._of_craft[craft] = taken
        self.taken.add(op)
        self._tally.add(self.instance.ops[op])
        return True

    def put(self, craft: str, ops: list[int], sessions: tuple[Session, ...]) -> None:
        """Take ``ops`` (in time order) for a spacecraft that has nothing yet, carried by ``sessions``."""
        self.downlinks.book(craft, sessions)
        self._of_craft[craft] = ops
        self.taken.update(ops)
        for op in ops:
            self._tally.add(self.instance.ops[op])

    def sessions(self) -> Sessions:
        """Sessions by spacecraft; where nothing is taken, what is stored is sent as far as it goes."""
        for craft, limits in self.instance.limits.items():
            if craft not in self.downlinks.sessions and limits.stored_bits > 0:
                found = self.downlinks.fit(craft, [])
                if isinstance(found, tuple):
                    self.downlinks.book(craft, found)
        return self.downlinks.sessions


def without_idle(instance: Instance, chosen: Iterable[int]) -> set[int]:
    """``chosen`` less what adds nothing, such as a strip whose every cell is covered at least as well."""
    kept: set[int] = set()
    tally = Tally(instance.tasks.values())
    for op in sorted(chosen, key=lambda k: (-instance.ops[k].quality, k)):
        if tally.gain(instance.ops[op]) > 0:
            tally.add(instance.ops[op])
            kept.add(op)
    return kept


def fill(
    selection: Selection,
    candidates: Iterable[int],
    *,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Take ``candidates`` while they fit, always the one with the highest gain.

    Gains only fall as more is taken, so a candidate is asked again only when it comes up (lazy greedy;
    Minoux, 1978).
    """
    heap = [(-selection.gain(k), k) for k in candidates]
    heapify(heap)
    while heap and not stop():
        old, k = heappop(heap)
        gain = selection.gain(k)
        if gain <= 0 or selection.excluded(k):
            continue
        key = -gain
        if heap and (key, k) > heap[0] and key > old:
            heappush(heap, (key, k))
        else:
            selection.take(k)


def carry_out(instance: Instance, chosen: Iterable[int], known: Sessions | None = None) -> Selection:
    """A selection of exactly ``chosen`` if sessions can be found for it, else of most of its worth.

    Spacecraft are served in turn, soonest session first; one that comes out short is moved to the front
    and the round starts again. If that does not help, ``known`` sessions (of a model's solution, None
    where it has none) are taken; failing those, ``chosen`` is filled in again by gain.
    """
    chosen = sorted(chosen)
    by_craft: dict[str, list[int]] = {}
    for op in chosen:
        by_craft.setdefault(instance.ops[op].spacecraft, []).append(op)
    order = sorted(by_craft, key=lambda craft: (-sum(instance.ops[k].bits for k in by_craft[craft]), craft))
    for _ in range(len(order)):
        selection = Selection(instance)
        short = _serve(selection, order, by_craft)
        if short is None:
            return selection
        if order[0] == short:
            break
        order.remove(short)
        order.insert(0, short)
    selection = Selection(instance)
    if known is not None:
        for craft, ops in by_craft.items():
            selection.put(craft, ops, known[craft])
    else:
        fill(selection, chosen)
    return selection


def _serve(selection: Selection, order: list[str], by_craft: dict[str, list[int]]) -> str | None:
    """Book sessions in this order of spacecraft; the first that comes out short, or None."""
    for craft in order:
        sessions = selection.downlinks.fit(craft, [selection.instance.ops[k] for k in by_craft[craft]])
        if not isinstance(sessions, tuple):
            return craft
        selection.put(craft, by_craft[craft], sessions)
    return None
