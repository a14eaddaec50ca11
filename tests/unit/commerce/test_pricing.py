"""Quotes worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from shapely.geometry import Polygon

from comity.commerce import decide_request, priced_km2, quote_request
from comity.core import InputError, UnknownIdError
from unit.commerce.cases import BOOK, NOW, allowed, customer, quote, request, rule, target


def test_area_with_surcharge_in_roubles() -> None:
    req = request("area", (target("a", area=True),), customer=customer("RUB"), max_cloud=0.1)
    line = quote(req, feasible={"a": Decimal("80.00")}).lines[0]
    assert (str(line.base), str(line.surcharge), str(line.minimum_part)) == (
        "1,000.00 EUR",
        "250.00 EUR",
        "0.00 EUR",
    )
    assert str(line.amount) == "129,062.50 RUB"  # 1250 × 103.25


def test_whole_area_is_charged_where_all_is_feasible() -> None:
    place = target("a", area=True)
    offer = quote(request("area", (place,)))
    assert offer.lines[0].quantity == priced_km2(place.geometry) == Decimal("120.66")
    assert str(offer.total) == "1,508.25 EUR"  # cloud limit 0.2 is not below 0.2: no surcharge
    more = quote(request("area", (place,)), feasible={"a": Decimal("999")})
    assert more.total == offer.total


def test_minimum_order_is_shared_by_the_lines() -> None:
    one = quote(request("scene", (target("a"),)))
    assert (str(one.lines[0].base), str(one.lines[0].minimum_part), str(one.total)) == (
        "90.00 EUR",
        "160.00 EUR",
        "250.00 EUR",
    )
    two = quote(request("scene", (target("a"), target("b"))))
    assert [str(line.amount) for line in two.lines] == ["125.00 EUR", "125.00 EUR"]
    three = quote(request("scene", (target("a"), target("b"), target("c"))))
    assert str(three.total) == "270.00 EUR" and three.minimum.amount == 250


def test_francs_have_no_cents_and_lines_sum_to_the_total() -> None:
    req = request("scene", (target("a"), target("b"), target("c")), customer=customer("DJF"), max_cloud=0.0)
    offer = quote(req)
    # 3 × 90 × 1.5 = 405 EUR × 197.721 = 80077.005 → 80077 DJF = 3 × 26692 + 1
    assert [str(line.amount.amount) for line in offer.lines] == ["26693", "26692", "26692"]
    assert str(offer.total) == "80,077 DJF"
    assert (offer.conversion.date_text, offer.conversion.source_text) == ("2024-09-20", "test bank")


def test_a_daily_product_is_priced_per_day() -> None:
    offer = quote(request("daily", (target("a"),)))
    assert (offer.lines[0].quantity, str(offer.total)) == (Decimal(7), "233.38 EUR")
    assert str(quote(request("daily", (target("a"),)), feasible={"a": 5}).total) == "166.70 EUR"


def test_refused_and_unreachable_targets_are_listed_and_free() -> None:
    req = request("scene", (target("a"), target("b", "ERI"), target("c"), target("d", "ETH")))
    rules = (
        rule("no", "refuse", territories=("ERI",)),
        rule("soft", "coarsen", territories=("ETH",), coarsen_to_m=10.0),
    )
    decisions = decide_request(rules, req, {"ru": [2.1]}, at=NOW)
    offer = quote(req, decisions=decisions, feasible={"a": 1, "c": 0, "d": 3})
    assert [line.target for line in offer.lines] == ["a", "d"]
    assert [(entry.target, entry.cause) for entry in offer.not_offered] == [
        ("b", "licence"),
        ("c", "no-opportunity"),
    ]
    assert "under rule no" in offer.not_offered[0].text
    assert [(line.deliver_gsd_m, line.meets_request) for line in offer.lines] == [(2.1, True), (10.0, False)]
    assert offer.line("d").quantity == 1  # three looks at a point are still one scene
    assert offer.decisions == decisions and offer.note == "illustrative"


def test_nothing_allowed_is_a_quote_that_cannot_be_ordered() -> None:
    req = request("scene", (target("b", "ERI"),), customer=customer("RUB"))
    decisions = decide_request((rule("no", "refuse"),), req, {"ru": [2.1]}, at=NOW)
    offer = quote(req, decisions=decisions)
    assert (offer.orderable, offer.lines, str(offer.total)) == (False, (), "0.00 RUB")


def test_an_offer_ends() -> None:
    offer = quote(request("scene", (target("a"),)))
    assert offer.valid_at(NOW) and offer.valid_at(NOW + 86_399) and not offer.valid_at(NOW + 86_400)


def test_partial_delivery_never_costs_more_than_the_line() -> None:
    line = quote(request("daily", (target("a"),))).lines[0]
    assert [str(line.part(Decimal(n)).amount) for n in (0, 1, 3, 7, 9)] == [
        "0.00",
        "33.34",
        "100.02",
        "233.38",
        "233.38",
    ]
    assert line.quantity_for(0.5) == 4  # half of seven, to even


def test_bad_input_is_named() -> None:
    req = request("scene", (target("a"),))
    with pytest.raises(InputError, match="no price for product 'other'"):
        quote(request("other", (target("a"),)))
    with pytest.raises(InputError, match="2 prices for product 'scene'"):
        quote_request(replace(BOOK, prices=BOOK.prices * 2), req, allowed(req), quote_id="q", now=NOW)
    negative = replace(BOOK, prices=(replace(BOOK.prices[1], amount=Decimal(-1)),))
    with pytest.raises(InputError, match="amount -1 must be 0 or more"):
        quote_request(negative, req, allowed(req), quote_id="q", now=NOW)
    with pytest.raises(InputError, match="no exchange rate EUR/JPY"):
        quote(request("scene", (target("a"),), customer=customer("JPY")))
    with pytest.raises(InputError, match="target 'a' of request 'req-1' has no licence decision"):
        quote(req, decisions=())
    with pytest.raises(InputError, match="decision for customer 'ministry' cannot serve"):
        quote(replace(req, customer=customer(id="firm")), decisions=allowed(req))
    with pytest.raises(InputError, match="how much is feasible is not given"):
        quote(req, feasible={})
    with pytest.raises(UnknownIdError, match="unknown target 'z'"):
        quote(req, feasible={"a": 1, "z": 1})
    with pytest.raises(InputError, match=r"feasible quantity 0\.5 of scene must be whole"):
        quote(req, feasible={"a": Decimal("0.5")})
    with pytest.raises(InputError, match="names target 'a' twice"):
        quote(request("scene", (target("a"), target("a"))))
    bow = replace(target("a"), geometry=Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))
    with pytest.raises(InputError, match=r"target 'a' of request 'req-1': .*Self-intersection"):
        quote(request("area", (bow,)))
    with pytest.raises(InputError, match=r"a Point has no area: price per km2"):
        quote(request("area", (target("a"),)))
