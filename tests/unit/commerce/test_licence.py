"""Licence decisions: which rule decides, for whom, where, and what is told to the customer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comity.commerce import Decision, decide, decide_request, recheck, rules_hash, summarise
from comity.core import InputError, UnknownIdError
from comity.fleet.products import Rule
from unit.commerce.cases import NOW, customer, request, rule, target

RULES = (
    rule("embargo", "refuse", customer_countries=("XXX",)),
    rule("home", "allow", when="own", customer_kinds=("government",)),
    rule("ru-fine", "refuse", partner="ru", when="foreign", finer_than_m=1.0),
    rule(
        "horn",
        "coarsen",
        territories=("ETH", "ERI", "Somaliland"),
        when="foreign",
        finer_than_m=5.0,
        coarsen_to_m=10.0,
    ),
    rule("press", "coarsen", customer_kinds=("commercial",), coarsen_to_m=2.0),
)


def outcome(*territories: str | None, rules: tuple[Rule, ...] = RULES, **given: object) -> Decision:
    who = customer(country=given.get("country", "DJI"), kind=given.get("kind", "government"))
    return decide(
        rules,
        customer=who,
        target=target("band", territories[0]),
        owner=str(given.get("owner", "cn")),
        gsd_m=float(given.get("gsd_m", 2.0)),  # type: ignore[arg-type]
        at=NOW,
        territories=territories[1:],
    )


@pytest.mark.parametrize(
    ("territory", "given", "effect", "decided_by", "gsd"),
    [
        ("DJI", {}, "allow", "home", 2.0),
        ("DJI", {"gsd_m": 0.5, "owner": "ru"}, "allow", "home", 0.5),  # "home" stops the search
        ("DJI", {"kind": "commercial"}, "allow", "press", 2.0),  # coarse enough as it is
        ("DJI", {"kind": "commercial", "gsd_m": 0.7}, "coarsen", "press", 2.0),
        ("ETH", {}, "coarsen", "horn", 10.0),
        ("ETH", {"gsd_m": 5.0}, "allow", None, 5.0),  # "finer than 5" leaves 5 itself out
        ("ETH", {"country": "ETH"}, "allow", "home", 2.0),
        ("Somaliland", {}, "coarsen", "horn", 10.0),  # a territory without a country code
        ("ETH", {"gsd_m": 0.7, "owner": "ru"}, "refuse", "ru-fine", None),  # stands before "horn"
        ("ETH", {"gsd_m": 0.7, "owner": "cn"}, "coarsen", "horn", 10.0),  # another owner's rule
        ("FRA", {"gsd_m": 0.7, "owner": "ru"}, "refuse", "ru-fine", None),
        ("FRA", {}, "allow", None, 2.0),
        ("DJI", {"country": "XXX"}, "refuse", "embargo", None),
        (None, {"gsd_m": 0.7, "owner": "ru"}, "allow", None, 0.7),  # at sea: neither own nor foreign
        (None, {"country": "XXX"}, "refuse", "embargo", None),
    ],
)
def test_first_rule_that_applies_decides(
    territory: str | None, given: dict[str, object], effect: str, decided_by: str | None, gsd: float | None
) -> None:
    decision = outcome(territory, **given)
    assert (decision.effect, decision.rule, decision.deliver_gsd_m) == (effect, decided_by, gsd)


def test_order_of_rules_matters() -> None:
    turned = tuple(reversed(RULES))
    assert outcome("ETH", gsd_m=0.7, owner="ru").effect == "refuse"
    assert outcome("ETH", gsd_m=0.7, owner="ru", rules=turned).effect == "coarsen"
    assert rules_hash(RULES) != rules_hash(turned)


def test_a_target_over_several_territories_gets_the_strictest() -> None:
    rules = (
        rule("r", "refuse", territories=("ERI",)),
        rule("c5", "coarsen", territories=("ETH",), coarsen_to_m=5.0),
        rule("c9", "coarsen", territories=("SOM",), coarsen_to_m=9.0),
    )
    assert outcome("DJI", "ETH", rules=rules).deliver_gsd_m == 5.0
    coarsest = outcome("DJI", "ETH", "SOM", None, rules=rules)
    assert (coarsest.effect, coarsest.rule, coarsest.territory, coarsest.deliver_gsd_m) == (
        "coarsen",
        "c9",
        "SOM",
        9.0,
    )
    refused = outcome("ETH", "SOM", "ERI", rules=rules)
    assert (refused.effect, refused.territory) == ("refuse", "ERI")
    coast = replace(target("coast", "DJI"), territories=("DJI", "ERI"))  # the target itself knows them
    known = decide(rules, customer=customer(), target=coast, owner="cn", gsd_m=2.0, at=NOW)
    assert (known.effect, known.inputs.territories) == ("refuse", ("DJI", "ERI"))


def test_the_text_gives_rule_reason_and_source_and_nothing_else() -> None:
    assert outcome("ETH").text == (
        "Band (ETH): imaging at 2 m by spacecraft of cn is delivered no finer than 10 m under rule horn "
        "(title of horn): reason of horn. Source: licence text."
    )


def test_a_stored_decision_can_be_made_again() -> None:
    decision = outcome("DJI", "ETH", gsd_m=0.7, owner="ru")
    same = recheck(decision, RULES)
    assert same.decision == decision and same.same_rules and same.same_outcome
    reworded = tuple(replace(entry, reason="new words") for entry in RULES)
    assert (recheck(decision, reworded).same_rules, recheck(decision, reworded).same_outcome) == (False, True)
    milder = recheck(decision, RULES[3:])
    assert (milder.decision.effect, milder.same_outcome) == ("coarsen", False)


def test_request_is_decided_by_target_owner_and_resolution() -> None:
    req = request("area", (target("home"), target("band", "ETH"), target("fort", "ERI")))
    rules = (rule("fort", "refuse", territories=("ERI",)), *RULES)
    decisions = decide_request(rules, req, {"ru": [0.7, 12.0], "cn": [0.8]}, at=NOW)
    assert len(decisions) == 9
    home, band, fort = summarise(decisions)
    assert (home.effect, home.deliver_gsd_m) == ("allow", 0.7)
    assert [(g.owner, g.gsd_m, g.deliver_gsd_m) for g in band.grants] == [
        ("cn", 0.8, 10.0),
        ("ru", 12.0, 12.0),
    ]
    assert [d.inputs.gsd_m for d in band.refusals] == [0.7]
    assert (fort.effect, fort.grants, fort.deliver_gsd_m) == ("refuse", (), None)
    assert (
        fort.text.count("reason of fort") == 1
        and "imaging at 0.7 to 12 m by spacecraft of ru, cn" in fort.text
    )


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"ground sample distance 0.0 m"):
        outcome("DJI", gsd_m=0.0)
    with pytest.raises(InputError, match="rule 'x' coarsens to None m"):
        outcome("DJI", rules=(rule("x", "coarsen"),))
    req = request("area", (target("home"),))
    with pytest.raises(InputError, match="no owner has a spacecraft"):
        decide_request(RULES, req, {"ru": []}, at=NOW)
    with pytest.raises(UnknownIdError, match="unknown target 'hom'"):
        decide_request(RULES, req, {"ru": [1.0]}, at=NOW, territories={"hom": ("ETH",)})
