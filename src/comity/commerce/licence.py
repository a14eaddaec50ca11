"""Licence decisions: which owner may image which target for whom, at what resolution, and why.

Rules are the partners' data (:class:`comity.fleet.products.Rule`); the first that applies decides.
Every decision keeps all it was made from, so that it can be stored, shown and made again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Literal

from comity.core import Epoch, InputError, UnknownIdError
from comity.fleet.products import Customer, CustomerKind, Request, Rule, Target

Effect = Literal["allow", "coarsen", "refuse"]
_SEVERITY: dict[Effect, int] = {"allow": 0, "coarsen": 1, "refuse": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInputs:
    """All that a licence decision was made from.

    ``territories``: every territory that the target touches, the main one first (None: at sea).
    ``gsd_m``: ground sample distance the image would have, m. ``rules_hash``: SHA-256 of the rules in
    their order (:func:`rules_hash`).
    """

    customer: str
    customer_country: str
    customer_kind: CustomerKind
    target: str
    target_name: str
    territories: tuple[str | None, ...]
    owner: str
    gsd_m: float
    at: Epoch
    rules_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the licences say about one target imaged by one owner's spacecraft.

    ``effect``: ``"coarsen"`` only where the image must really become coarser. ``rule``: id of the rule
    that decided, None where no rule applies (allowed). ``territory``: the part of the target that
    decided. ``deliver_gsd_m``: finest ground sample distance that may be delivered, m; None when refused.
    ``title``, ``reason`` and ``source`` are the rule's own words, empty without a rule.
    """

    effect: Effect
    rule: str | None
    territory: str | None
    deliver_gsd_m: float | None
    title: str
    reason: str
    source: str
    inputs: DecisionInputs

    @property
    def text(self) -> str:
        """What was decided and why, for the customer."""
        return _explain([self])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """A stored decision made again: ``decision`` now, and whether rules and outcome are the same."""

    decision: Decision
    same_rules: bool
    same_outcome: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An owner that may image a target at ``gsd_m``, and the finest GSD that it may deliver from it, m."""

    owner: str
    gsd_m: float
    deliver_gsd_m: float
    effect: Effect
    rule: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLicence:
    """The licences of one target over all owners and GSDs asked.

    ``effect`` is the best any owner may do; ``grants`` are sorted finest first; ``text`` is for the
    customer.
    """

    target: str
    name: str
    effect: Effect
    grants: tuple[Grant, ...]
    refusals: tuple[Decision, ...]
    text: str

    @property
    def deliver_gsd_m(self) -> float | None:
        """Finest GSD (m) that any owner may deliver, None when all are refused."""
        return self.grants[0].deliver_gsd_m if self.grants else None


def rules_hash(rules: Sequence[Rule]) -> str:
    """``"sha256:…"`` of the rules in their order: equal exactly when the rules say the same."""
    return _hash_of(tuple(rules))


@lru_cache(maxsize=16)
def _hash_of(rules: tuple[Rule, ...]) -> str:
    plain = [asdict(rule) for rule in rules]
    for rule in plain:
        for key in ("finer_than_m", "coarsen_to_m"):
            rule[key] = None if rule[key] is None else float(rule[key])  # 5 and 5.0 are one rule
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def decide(
    rules: Sequence[Rule],
    *,
    customer: Customer,
    target: Target,
    owner: str,
    gsd_m: float,
    at: Epoch,
    territories: Sequence[str | None] = (),
) -> Decision:
    """Whether ``owner``'s spacecraft may image ``target`` at ``gsd_m`` for ``customer``.

    In each territory the first rule that applies decides, and no rule means allowed. A target that
    straddles territories gets the strictest of their decisions: refused before coarsened (the coarsest
    first) before allowed. ``territories``: further ones that the target touches, beside its own
    ``territory`` and ``territories``. At sea (None) a target is neither the customer's own nor foreign.

    Raises :class:`InputError` for a GSD that is not positive or a rule that coarsens to nothing.
    """
    inputs = DecisionInputs(
        customer=customer.id,
        customer_country=customer.country,
        customer_kind=customer.kind,
        target=target.id,
        target_name=target.name,
        territories=tuple(dict.fromkeys((target.territory, *target.territories, *territories))),
        owner=owner,
        gsd_m=gsd_m,
        at=at,
        rules_hash=rules_hash(rules),
    )
    return _decide(tuple(rules), inputs)


def recheck(decision: Decision, rules: Sequence[Rule]) -> Recheck:
    """Make a stored decision again from its inputs under ``rules``."""
    now_hash = rules_hash(rules)
    again = _decide(tuple(rules), _with_hash(decision.inputs, now_hash))
    same = (again.effect, again.rule, again.deliver_gsd_m) == (
        decision.effect,
        decision.rule,
        decision.deliver_gsd_m,
    )
    return Recheck(decision=again, same_rules=now_hash == decision.inputs.rules_hash, same_outcome=same)


def decide_request(
    rules: Sequence[Rule],
    request: Request,
    owners: Mapping[str, Sequence[float]],
    *,
    at: Epoch,
    territories: Mapping[str, Sequence[str | None]] | None = None,
) -> tuple[Decision, ...]:
    """A decision for every target of ``request``, every owner and every GSD of its, in that order.

    ``owners``: spacecraft owner → nominal GSD (m) of each of its suitable spacecraft; a rule may refuse
    the fine one and allow the coarse one. An image's own decision is made by :func:`decide` at the GSD
    of its geometry. ``territories``: target id → every territory it touches, where it straddles several.
    Raises :class:`UnknownIdError` for a target that the request has not, :class:`InputError` when there
    is no owner.
    """
    if not any(owners.values()):
        raise InputError(f"request {request.id!r}: no owner has a spacecraft that suits the product")
    touched = territories or {}
    known = tuple(target.id for target in request.targets)
    for target_id in touched:
        if target_id not in known:
            raise UnknownIdError("target", target_id, known)
    return tuple(
        decide(
            rules,
            customer=request.customer,
            target=target,
            owner=owner,
            gsd_m=gsd_m,
            at=at,
            territories=touched.get(target.id, ()),
        )
        for target in request.targets
        for owner, gsds in owners.items()
        for gsd_m in dict.fromkeys(gsds)
    )


def summarise(decisions: Sequence[Decision]) -> tuple[TargetLicence, ...]:
    """By target, in the order met: which owners may serve it and at what GSD."""
    by_target: dict[str, list[Decision]] = {}
    for decision in decisions:
        by_target.setdefault(decision.inputs.target, []).append(decision)
    return tuple(_target_licence(target, group) for target, group in by_target.items())


def _target_licence(target: str, decisions: list[Decision]) -> TargetLicence:
    grants = sorted(
        (
            Grant(
                owner=d.inputs.owner,
                gsd_m=d.inputs.gsd_m,
                deliver_gsd_m=d.deliver_gsd_m,
                effect=d.effect,
                rule=d.rule,
            )
            for d in decisions
            if d.deliver_gsd_m is not None
        ),
        key=lambda grant: (grant.deliver_gsd_m, grant.owner, grant.gsd_m),
    )
    refusals = tuple(d for d in decisions if d.effect == "refuse")
    name = decisions[0].inputs.target_name
    sentences: dict[tuple[object, ...], list[Decision]] = {}
    for d in decisions:
        if d.effect != "allow":
            sentences.setdefault((d.effect, d.rule, d.territory, d.deliver_gsd_m), []).append(d)
    texts = [_explain(group) for group in sentences.values()]
    effect: Effect = min((d.effect for d in decisions), key=_SEVERITY.__getitem__)
    if grants:
        owners = ", ".join(dict.fromkeys(grant.owner for grant in grants))
        texts.insert(
            0, f"{name}: may be imaged by {owners}, at {_metres(grants[0].deliver_gsd_m)} m or coarser."
        )
    return TargetLicence(
        target=target, name=name, effect=effect, grants=tuple(grants), refusals=refusals, text=" ".join(texts)
    )


def _with_hash(inputs: DecisionInputs, now_hash: str) -> DecisionInputs:
    fields = {name: getattr(inputs, name) for name in DecisionInputs.__dataclass_fields__}
    return DecisionInputs(**{**fields, "rules_hash": now_hash})


def _decide(rules: tuple[Rule, ...], inputs: DecisionInputs) -> Decision:
    if not (math.isfinite(inputs.gsd_m) and inputs.gsd_m > 0):
        raise InputError(f"ground sample distance {inputs.gsd_m} m must be positive")
    parts = [_decide_part(rules, inputs, territory) for territory in inputs.territories]
    return max(parts, key=lambda part: (_SEVERITY[part.effect], part.deliver_gsd_m or 0.0))


def _decide_part(rules: tuple[Rule, ...], inputs: DecisionInputs, territory: str | None) -> Decision:
    rule = next((rule for rule in rules if _applies(rule, inputs, territory)), None)
    effect: Effect = "allow" if rule is None else rule.effect
    gsd_m: float | None = inputs.gsd_m
    if rule is not None and effect == "refuse":
        gsd_m = None
    elif rule is not None and effect == "coarsen":
        if rule.coarsen_to_m is None or not rule.coarsen_to_m > 0:
            raise InputError(
                f"rule {rule.id!r} coarsens to {rule.coarsen_to_m} m: give a positive coarsen_to_m"
            )
        gsd_m = max(inputs.gsd_m, rule.coarsen_to_m)
        if gsd_m == inputs.gsd_m:
            effect = "allow"  # coarse enough as it is
    return Decision(
        effect=effect,
        rule=None if rule is None else rule.id,
        territory=territory,
        deliver_gsd_m=gsd_m,
        title="" if rule is None else rule.title,
        reason="" if rule is None else rule.reason,
        source="" if rule is None else rule.source,
        inputs=inputs,
    )


def _applies(rule: Rule, inputs: DecisionInputs, territory: str | None) -> bool:
    own = territory == inputs.customer_country
    return (
        (rule.partner is None or rule.partner == inputs.owner)
        and (not rule.territories or territory in rule.territories)
        and (rule.when == "any" or (territory is not None and own == (rule.when == "own")))
        and (not rule.customer_kinds or inputs.customer_kind in rule.customer_kinds)
        and (not rule.customer_countries or inputs.customer_country in rule.customer_countries)
        and (rule.finer_than_m is None or inputs.gsd_m < rule.finer_than_m)
    )


def _explain(decisions: Sequence[Decision]) -> str:
    """One sentence or two for decisions of one target that differ in owner and GSD only."""
    first = decisions[0]
    gsds = sorted({d.inputs.gsd_m for d in decisions})
    span = f"{_metres(gsds[0])} m" if len(gsds) == 1 else f"{_metres(gsds[0])} to {_metres(gsds[-1])} m"
    owners = ", ".join(dict.fromkeys(d.inputs.owner for d in decisions))
    place = f"{first.inputs.target_name} ({first.territory or 'at sea'})"
    act = f"{place}: imaging at {span} by spacecraft of {owners}"
    if first.rule is None:
        return f"{act} is allowed: no licence rule applies."
    verdict = {
        "allow": "is allowed",
        "coarsen": f"is delivered no finer than {_metres(first.deliver_gsd_m)} m",
        "refuse": "is refused",
    }[first.effect]
    reason = first.reason.strip().rstrip(".")
    return f"{act} {verdict} under rule {first.rule} ({first.title}): {reason}. Source: {first.source}."


def _metres(gsd_m: float | None) -> str:
    return "" if gsd_m is None else f"{round(gsd_m, 2):g}"
