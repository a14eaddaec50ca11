"""Which rule keeps an acquisition out of a plan, and what would have to go for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from comity.planning.answers.standing import TRIFLE, Standing, Way
from comity.planning.baseline.motion import Slot
from comity.planning.problem import Duty, Request, Satellite, Share
from comity.planning.problem.resources import Act, Sent, energy

#: See :class:`comity.planning.answers.Reason`.
ReasonCode = Literal[
    "no-window", "not-allowed", "not-worth", "beaten", "memory", "energy", "duty", "downlink", "capacity",
    "share", "group", "forbidden", "rule", "time-limit",
]  # fmt: skip

#: Acquisitions looked at that could make room where a resource is full.
_MOST_HOLDERS = 64
#: How many rules, one behind the other, are looked into.
_MOST_RULES = 64


@dataclass(frozen=True, slots=True)
class Block:
    """A rule that keeps a slot out; ``holders``: who could make room, cheapest first.

    ``together``: only all of them do. ``rule``: which of several of its code it is.
    """

    code: ReasonCode
    text: str
    holders: tuple[str, ...] = ()
    together: bool = False
    rule: object = None

    def gone_in(self, now: Block | None) -> bool:
        """Whether this rule is not the one that is in the way ``now``."""
        return now is None or (now.code, now.rule) != (self.code, self.rule)


@dataclass(frozen=True, slots=True)
class Clearing:
    """``rivals``: taken out, the slots fit and earn (``possible``); ``block``: the first rule besides time.

    ``gain`` and ``loss`` as in :class:`Way`, by all that has to go.
    """

    possible: bool
    rivals: frozenset[str]
    gain: float
    loss: float
    block: Block | None


class Trial(Standing):
    """A :class:`Standing` in which acquisitions are tried; it is as before after every question."""

    def take_out(self, ids: Iterable[str]) -> None:
        """Remove acquisitions, in a fixed order."""
        for id in sorted(ids):
            self.remove(id)

    def fits(self, slots: Sequence[Slot]) -> bool:
        """Whether all of ``slots`` could be taken now."""
        if not self.take(slots):
            return False
        for s in slots:
            self.remove(s.opportunity.id)
        return True

    def clear(self, way: Way) -> Clearing:
        """What has to go for ``way``: its rivals, and whoever holds what else it needs."""
        first: Block | None = None
        gone = set(way.rivals)
        mark = self.mark()
        self.take_out(gone)
        possible = False
        for _ in range(_MOST_RULES):
            block = self._against_all(way.slots)
            if block is None:
                possible = self.fits(way.slots)
                if not possible:
                    first = first or Block("rule", "would break a rule together with its other views.")
                break
            first = first or block
            more = self._room(block, way.slots)
            if not more:
                break
            self.take_out(more)
            gone |= more
        if possible and way.slots:
            poorer = self._poorer(way)
            possible, first = (False, first or poorer) if poorer else (True, first)
        self.back(mark)
        request = self.requests[way.slots[0].opportunity.request]
        gain, loss = self.balance(request, way.slots, gone)
        return Clearing(
            possible and gain > TRIFLE * max(1.0, request.value), frozenset(gone), gain, loss, first
        )

    def _poorer(self, way: Way) -> Block | None:
        """The partner whose fair part would be lost, after all is done."""
        if not self.take(way.slots):
            return None
        unfair = [(p, e, least) for p, (e, least) in self.fairness().items() if e < least * (1 - 1e-12)]
        for s in way.slots:
            self.remove(s.opportunity.id)
        if not unfair:
            return None
        p, earned, least = unfair[0]
        return Block("rule", f"would leave requests of {p} {earned:,.6g}, of which {least:,.6g} is fair.")

    def _against_all(self, slots: Sequence[Slot]) -> Block | None:
        done, block = [], None
        for s in slots:
            block = self.against(s)
            if block is not None or not self.insert(s.opportunity, [s.start_s]):
                break
            done.append(s.opportunity.id)
        for id in done:
            self.remove(id)
        return block

    def _room(self, block: Block, slots: Sequence[Slot]) -> set[str]:
        """Holders enough that ``block`` is no longer the rule in the way; empty where none are."""
        holders = [id for id in block.holders if id in self.taken and id not in self.pinned][:_MOST_HOLDERS]
        if not holders or (block.together and len(holders) < len(block.holders)):
            return set()
        if block.together:
            return set(holders)

        def clears(count: int) -> bool:
            mark = self.mark()
            self.take_out(holders[:count])
            now = self._against_all(slots)
            self.back(mark)
            return block.gone_in(now)

        low, high = 0, 1
        while not clears(high):
            if high >= len(holders):
                return set()
            low, high = high, min(2 * high, len(holders))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if clears(middle) else (middle, high)
        return self._pruned(holders[:high], slots, block)

    def _pruned(self, picked: list[str], slots: Sequence[Slot], block: Block) -> set[str]:
        """Without those that were not needed: the dearest are tried first."""
        kept = list(picked)
        for id in sorted(picked[:-1], key=lambda id: -self.loss((id,)))[:8]:
            mark = self.mark()
            self.take_out(x for x in kept if x != id)
            now = self._against_all(slots)
            self.back(mark)
            if block.gone_in(now):
                kept.remove(id)
        return set(kept)

    def _cheapest_of(self, amounts: Mapping[str, float]) -> tuple[str, ...]:
        """The same, of amounts by id."""
        return self._cheapest((self.taken[id] for id in amounts), lambda s: amounts[s.opportunity.id])

    def _cheapest(self, slots: Iterable[Slot], amount: Callable[[Slot], float]) -> tuple[str, ...]:
        """Acquisitions that hold some of a thing, least loss for what they hold first."""
        held = [(s, amount(s)) for s in slots]
        some = [(self.loss((s.opportunity.id,)) / x, s.opportunity.id) for s, x in held if x > 0]
        return tuple(id for _, id in sorted(some) if id not in self.pinned)

    def against(self, slot: Slot) -> Block | None:
        """The first rule, time apart, that ``slot`` would break; None if it fits."""
        o = slot.opportunity
        request, satellite = self.requests[o.request], self.satellites[o.satellite]
        block = self._count_rules(slot, request)
        if block is not None:
            return block
        if not self._in_time(satellite, slot):
            return Block("beaten", "is lost to other images that the satellite takes around then.")
        if not self._spaced(slot):
            own = tuple(s.opportunity.id for s in self.of_request[request.id])
            text = f"would be a try too many of {request.id}, or too near another one."
            return Block("rule", text, self._order(own))
        for duty in satellite.duty:
            if not self._duty_holds(duty, satellite, slot):
                return self._on_duty_too_long(duty, satellite, slot)
        return self._resource(satellite, slot, request)

    def _order(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(ids, key=lambda id: (self.loss((id,)), id)))

    def _count_rules(self, slot: Slot, request: Request) -> Block | None:
        o = slot.opportunity
        if self._countable(o):
            return None
        most = self._most.get(request.group or "")
        if most is not None and not self.of_request[request.id]:
            others = [r.id for r in self.problem.requests if r.group == request.group]
            served = [name for name in others if self.of_request[name]]
            if len(served) >= most:
                return self._group_full(request, served, most)
        for rule in self._rules.get(o.id, ()):
            if all(id == o.id or id in self.taken for id in rule):
                rest = [id for id in rule if id != o.id]
                text = f"must not be taken together with {', '.join(rest)}." if rest else "is forbidden."
                return Block("forbidden", text, self._order(rest), rule=rule)
        for sack, amount in self._sacks.get(o.id, ()):
            if self._held[sack.id] + amount > sack.most * (1 + 1e-12):
                held = dict(zip(sack.opportunities, sack.amounts, strict=True))
                text = (
                    f"would fill {sack.id}: it takes {amount:,.6g}, {self._held[sack.id]:,.6g} of "
                    f"{sack.most:,.6g} are taken."
                )
                amounts = {id: held[id] for id in sack.opportunities if id in self.taken}
                return Block("capacity", text, self._cheapest_of(amounts), rule=sack.id)
        share = next(s for s in self.problem.shares if not self._within(s, o, request))
        return self._share_used(share)

    def _group_full(self, request: Request, served: list[str], most: int) -> Block:
        text = f"would be one request of group {request.group} more than the {most} that may be served."
        if most == 0:
            return Block("group", text)
        sets = [[s.opportunity.id for s in self.of_request[name]] for name in served]
        free = [ids for ids in sets if not self.pinned.intersection(ids)]
        if not free:
            return Block("group", text)
        cheapest = min(free, key=lambda own: (self.loss(own), own))
        return Block("group", text, tuple(cheapest), together=True)

    def _share_used(self, share: Share) -> Block:
        own = [
            s
            for id in share.satellites
            for s in self.acts[id]
            if self.requests[s.opportunity.request].partner == share.partner
        ]
        seconds = math.fsum(s.end_s - s.start_s for s in own)
        most = "" if share.most_s is None else f" of {share.most_s:,.6g} s"
        count = "" if share.most_count is None else f" of {share.most_count}"
        text = (
            f"would exceed the share of {share.partner}: {len(own)}{count} acquisitions and "
            f"{seconds:,.6g}{most} s of imaging are used."
        ).replace(" s s ", " s ")
        by_count = share.most_count is not None and len(own) >= share.most_count
        holders = self._cheapest(own, lambda s: 1.0 if by_count else s.end_s - s.start_s)
        return Block("share", text, holders, rule=share)

    def _on_duty_too_long(self, duty: Duty, satellite: Satellite, slot: Slot) -> Block:
        acts = self.acts[satellite.id]
        for a, b in duty.spans:
            inside = [s for s in acts if s.start_s < b and a < s.end_s]
            seconds = math.fsum(min(s.end_s, b) - max(s.start_s, a) for s in inside)
            count = sum(1 for s in inside if a <= s.start_s < b)
            more = max(0.0, min(slot.end_s, b) - max(slot.start_s, a))
            long = duty.most_s is not None and seconds + more > duty.most_s * (1 + 1e-12)
            often = duty.most_count is not None and a <= slot.start_s < b and count >= duty.most_count
            if not (long or often):
                continue
            limit = f"{count} of {duty.most_count} acquisitions"
            if long:
                limit = f"{seconds:,.6g} of {duty.most_s:,.6g} s of imaging"
            text = (
                f"falls into a duty span of {satellite.id} ({self.when(a)} to {self.when(b)}): "
                f"{limit} are used."
            )
            used = {s.opportunity.id: float(a <= s.start_s < b) for s in inside}
            if long:
                used = {s.opportunity.id: min(s.end_s, b) - max(s.start_s, a) for s in inside}
            return Block("duty", text, self._cheapest_of(used), rule=(a, b, long))
        return Block("duty", f"would break a duty limit of {satellite.id}.")

    def _resource(self, satellite: Satellite, slot: Slot, request: Request) -> Block | None:
        """Delivery, then memory, then energy."""
        acts = self.acts_with(satellite, slot)
        links = self.sending.place(slot, request, acts)
        if links is None:
            return self._not_sent(satellite, slot, request)
        for d in links:
            self.sending.take(d)
        over = self.sending.fullest(satellite, acts)
        block = None
        if over is not None:
            block = self._too_full(satellite, slot, over)
        elif not self._powered(satellite, acts):
            block = self._too_weak(satellite, slot, acts)
        for d in links:
            self.sending.drop(d)
        if block is not None and self._resources(satellite, slot) is not None:
            return None  # without being sent
        return block

    def _too_full(self, satellite: Satellite, slot: Slot, over: tuple[float, float]) -> Block:
        at, level = over
        memory = satellite.memory_bits or 0.0
        if slot.opportunity.bits > memory:
            text = (
                f"records {_gbit(slot.opportunity.bits)}, more than the memory of {satellite.id} holds "
                f"({_gbit(memory)})."
            )
            return Block("memory", text)
        text = (
            f"would fill the memory of {satellite.id}: with it {_gbit(level)} are on board by "
            f"{self.when(at)}, and {_gbit(memory)} fit."
        )
        on_board = [s for s in self.acts[satellite.id] if s.start_s <= at and self._until(s) > slot.start_s]
        return Block("memory", text, self._cheapest(on_board, lambda s: s.opportunity.bits))

    def _until(self, slot: Slot) -> float:
        """Until when (s) an acquisition takes memory."""
        links = self.links[slot.opportunity.id]
        sent = math.fsum(x.bits for d in links for x in d.loads)
        whole = sent >= slot.opportunity.bits * (1 - 1e-9)
        return max((d.end_s for d in links), default=math.inf) if whole else math.inf

    def _too_weak(self, satellite: Satellite, slot: Slot, acts: Sequence[Slot]) -> Block:
        text = f"would take the battery of {satellite.id} below its least."
        battery = satellite.battery
        if battery is None:
            return Block("energy", text)
        until = self.problem.horizon_s
        done, previous = [], None
        for act in acts:
            need = 0.0
            if act.first is not None:
                if previous is None:
                    need = self.gaps.from_rest(satellite, act)
                else:
                    need = self.gaps.needed(satellite, previous, act)
                previous = act
            done.append(Act(act.opportunity, act.start_s, act.end_s, act.start_s - need))
        contacts = {c.id: c for c in self.sending.contacts(satellite.id)}
        sent = [Sent(contacts[d.contact], d) for d in self.sending.of[satellite.id]]
        low = energy(satellite, self.problem.horizon_s, done, sent)
        if low:
            text = (
                f"would take the battery of {satellite.id} to {low[0].found:,.6g} J, "
                f"{low[0].limit:,.6g} J are its least."
            )
        near = [s for s in self.acts[satellite.id] if s.start_s < until]

        def drawn(s: Slot) -> float:
            own = s.opportunity.power_w
            watts = battery.imaging_w if own is None else own
            links = self.links[s.opportunity.id]
            sending = battery.sending_w * math.fsum(d.end_s - d.start_s for d in links)
            return watts * (s.end_s - s.start_s) + sending + 1e-6

        # those around it help most
        holders = self._cheapest(near, lambda s: drawn(s) / (1 + abs(s.start_s - slot.start_s) / 3600))
        return Block("energy", text, holders)

    def _not_sent(self, satellite: Satellite, slot: Slot, request: Request) -> Block:
        """No contact is left: of the satellite's own, or for want of an antenna."""
        limit, _ = self.sending.limit(slot, request)
        end = self.when(limit)
        reach = [c for c in self.sending.contacts(satellite.id) if c.end_s > slot.end_s and c.start_s < limit]
        seconds = [(max(c.start_s, slot.end_s), min(c.end_s, limit), c) for c in reach]
        most = math.fsum((b - a) * c.rate_bps for a, b, c in seconds)
        if most < slot.opportunity.bits * (1 - 1e-9):
            text = f"could not be sent: no station contact for it is left before {end}."
            if reach:
                text = (
                    f"could not be sent: the contacts before {end} carry {_gbit(most)} of its "
                    f"{_gbit(slot.opportunity.bits)}."
                )
            return Block("downlink", text)
        names = sorted({c.station for c in reach})
        text = (
            f"could not be sent: the contacts left before {end} are taken up by other images "
            f"(at {', '.join(names)})."
        )
        own = {d.loads[0].opportunity for c in reach for d in self.sending.of_contact[c.id] if d.loads}
        holders = list(
            self._cheapest((self.taken[id] for id in own if id in self.taken), lambda s: s.opportunity.bits)
        )
        others: list[tuple[float, list[str]]] = []
        for c in reach:
            for _, rival in self.sending.rivals(c):
                ids = {d.loads[0].opportunity for d in self.sending.of_contact[rival] if d.loads}
                known = sorted(id for id in ids if id is not None and id in self.taken)
                if len(known) == len(ids) and not self.pinned.intersection(known):
                    others.append((self.loss(known) if known else 0.0, known))
        for _, names in sorted(others):
            holders += [id for id in names if id not in holders]
        return Block("downlink", text, tuple(holders))

    def when(self, seconds: float) -> str:
        """A time of the problem, in UTC."""
        return (self.problem.start + min(seconds, self.problem.horizon_s)).iso(0)


def _gbit(bits: float) -> str:
    return f"{bits / 1e9:,.6g} Gbit"
