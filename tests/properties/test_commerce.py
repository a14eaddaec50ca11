"""Money is never lost or made: shares, lines, orders, settlements; licences only get stricter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from comity.commerce import (
    Billing,
    Ledger,
    Usage,
    apportion,
    convert,
    credit_invoice,
    credit_open,
    credit_transaction,
    decide,
    from_minor_units,
    invoice_item,
    invoice_transaction,
    minor_units,
    open_billing,
    recheck,
    reservation_transaction,
    reverse_split,
    settle,
    split_invoice,
    statement,
)
from comity.fleet.products import Rule
from unit.commerce.cases import (
    BOOK,
    NOW,
    PARTNERS,
    RATES,
    allowed,
    customer,
    quote,
    quote_request,
    request,
    rule,
    target,
)

CURRENCIES = st.sampled_from(["EUR", "RUB", "DJF", "CNY"])
AMOUNTS = st.integers(-(10**12), 10**12)
WEIGHTS = st.dictionaries(st.text("abcdefg", min_size=1), st.integers(0, 10**9), min_size=1, max_size=12)
TERRITORIES = st.sampled_from(["DJI", "ETH", "ERI", "Somaliland", None])


@given(AMOUNTS, WEIGHTS.filter(lambda w: any(w.values())), st.sampled_from(["EUR", "JPY", "TND"]))
def test_shares_sum_exactly_stay_within_a_cent_and_keep_the_order(
    units: int, weights: dict[str, int], currency: str
) -> None:
    shares = {
        key: minor_units(share)
        for key, share in apportion(from_minor_units(units, currency), weights).items()
    }
    assert sum(shares.values()) == units
    whole = sum(weights.values())
    for key, weight in weights.items():
        assert abs(shares[key] - Fraction(units * weight, whole)) < 1
        for other, lighter in weights.items():
            if weight >= lighter and units >= 0 and (weight > lighter or key < other):
                assert shares[key] >= shares[other]
    turned = apportion(from_minor_units(units, currency), dict(reversed(weights.items())))
    assert {key: minor_units(share) for key, share in turned.items()} == shares
    opposite = apportion(from_minor_units(-units, currency), weights)
    assert {key: -minor_units(share) for key, share in opposite.items()} == shares


@given(AMOUNTS, CURRENCIES, CURRENCIES)
def test_exchange_is_exact_to_half_a_minor_unit(units: int, source: str, to: str) -> None:
    money = from_minor_units(units, source)
    done = convert(money, to, RATES, via="EUR", at=NOW)
    exact = Fraction(money.amount) * done.factor
    assert abs(Fraction(done.result.amount) - exact) <= Fraction(done.result.minor_unit) / 2


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.booleans()), min_size=1, max_size=6),
    CURRENCIES,
    st.decimals("0", "99", places=2),
    st.decimals("0", "5000", places=2),
)
def test_quote_lines_sum_to_the_total_and_never_go_under_the_minimum(
    targets: list[tuple[int, bool]], currency: str, price: Decimal, minimum: Decimal
) -> None:
    book = replace(BOOK, prices=(replace(BOOK.prices[0], amount=price, minimum=minimum),))
    places = tuple(
        target(f"t{n}", "ERI" if banned else "DJI", area=True) for n, (_, banned) in enumerate(targets)
    )
    req = request("area", places, customer=customer(currency), max_cloud=0.1)
    decisions = tuple(
        decide(
            (rule("no", "refuse", territories=("ERI",)),),
            customer=req.customer,
            target=place,
            owner="ru",
            gsd_m=2.1,
            at=NOW,
        )
        for place in places
    )
    feasible = {f"t{n}": Decimal(hundredths).scaleb(-2) for n, (hundredths, _) in enumerate(targets)}
    offer = quote_request(book, req, decisions, quote_id="q", now=NOW, feasible=feasible)
    assert len(offer.lines) + len(offer.not_offered) == len(places)
    assert sum(minor_units(line.amount) for line in offer.lines) == minor_units(offer.total)
    parts = [part for line in offer.lines for part in (line.base, line.surcharge, line.minimum_part)]
    in_book = sum((part.amount for part in parts), Decimal(0))
    assert in_book == offer.conversion.source.amount
    assert in_book >= minimum if offer.lines else in_book == 0
    assert {line.target for line in offer.lines}.isdisjoint(t.id for t in places if t.territory == "ERI")


STEPS = st.lists(
    st.tuples(st.sampled_from(["accept", "fail", "take back"]), st.integers(0, 2), st.integers(1, 9_000)),
    max_size=14,
)


@given(STEPS, CURRENCIES, st.lists(st.integers(1, 9), min_size=6, max_size=6))
def test_reserved_is_invoiced_plus_credited_and_every_partner_is_paid(
    steps: list[tuple[str, int, int]], currency: str, weights: Sequence[int]
) -> None:
    req = request("area", tuple(target(id, area=True) for id in "abc"), customer=customer(currency))
    order = open_billing(quote(req, decisions=allowed(req)), order="o-1", at=NOW)
    ledger = Ledger([reservation_transaction(order)])
    usages = [
        Usage(partner=partner.id, kind=kind, weight=weight)
        for (partner, kind), weight in zip(
            [(p, k) for p in PARTNERS for k in ("satellite", "station")], weights, strict=True
        )
    ]
    for n, (what, which, hundredths) in enumerate(steps):
        order = _step(order, ledger, usages, n, what, "abc"[which], Decimal(hundredths).scaleb(-2))
        assert order.reserved == order.invoiced + order.credited + order.open
        assert min(minor_units(order.open), minor_units(order.invoiced), minor_units(order.credited)) >= 0
    if not order.closed:
        note = credit_open(order, note_id="rest", reason="cancelled", at=NOW)
        order = order.with_credit_note(note)
        ledger.add(credit_transaction(note))
    assert order.closed and order.reserved == order.invoiced + order.credited
    assert ledger.balance("customer:ministry", currency) == order.invoiced
    for account in ("reserved:ministry", "commitment:o-1", "revenue:o-1"):
        assert not minor_units(ledger.balance(account, currency))

    ledger.extend(settle(ledger, PARTNERS, BOOK, run="s", at=NOW))
    assert settle(ledger, PARTNERS, BOOK, run="s", at=NOW) == ()
    owed = {m.currency: m for p in PARTNERS for m in statement(p, ledger).closing if m.currency != p.currency}
    assert all(abs(minor_units(m)) < 500 for m in owed.values())  # only what is too small to exchange
    assert not any(minor_units(m) for m in ledger.balances("pool").values())
    totals: dict[str, Decimal] = {}
    for line in ledger.trial_balance():
        totals[line.currency] = totals.get(line.currency, Decimal(0)) + line.balance
    assert not any(totals.values())


def _step(
    order: Billing, ledger: Ledger, usages: list[Usage], n: int, what: str, on: str, quantity: Decimal
) -> Billing:
    open_part = order.open_part(on)
    if what == "take back":
        taken = {note.invoice for note in order.credit_notes}
        left = [invoice for invoice in order.invoices if invoice.id not in taken]
        if not left:
            return order
        note = credit_invoice(order, note_id=f"c-{n}", invoice_id=left[0].id, reason="faulty", at=NOW)
        split = ledger.transaction(f"split:{left[0].id}")
        ledger.extend([credit_transaction(note), reverse_split(split, note)])
        return order.with_credit_note(note)
    if not open_part.quantity:
        return order
    if what == "fail":
        part = {on: min(quantity, open_part.quantity)}
        note = credit_open(order, note_id=f"c-{n}", reason="cloud", at=NOW, quantities=part)
        ledger.add(credit_transaction(note))
        return order.with_credit_note(note)
    bill = invoice_item(order, invoice_id=f"i-{n}", item=f"item-{n}", target=on, quantity=quantity, at=NOW)
    ledger.extend([invoice_transaction(bill), split_invoice(bill, usages, PARTNERS, BOOK, at=NOW)])
    return order.with_invoice(bill)


RULES = st.lists(
    st.builds(
        lambda n, effect, where, when, finer, coarse, partner: rule(
            f"r{n}",
            effect,
            territories=tuple(sorted(where)),
            when=when,
            finer_than_m=finer,
            coarsen_to_m=coarse,
            partner=partner,
        ),
        st.integers(0, 99),
        st.sampled_from(["allow", "coarsen", "refuse"]),
        st.sets(st.sampled_from(["DJI", "ETH", "ERI", "Somaliland"]), max_size=2),
        st.sampled_from(["own", "foreign", "any"]),
        st.sampled_from([None, 1.0, 5.0]),
        st.sampled_from([2.0, 10.0]),
        st.sampled_from([None, "ru", "cn"]),
    ),
    max_size=6,
)


@given(RULES, st.lists(TERRITORIES, min_size=1, max_size=4), st.sampled_from([0.5, 2.0, 12.0]))
def test_touching_more_territories_never_makes_a_licence_milder(
    rules: list[Rule], territories: list[str | None], gsd_m: float
) -> None:
    def made(known: list[str | None]) -> tuple[int, float]:
        decision = decide(
            rules,
            customer=customer(),
            target=target("t", known[0]),
            owner="ru",
            gsd_m=gsd_m,
            at=NOW,
            territories=known[1:],
        )
        assert recheck(decision, rules).decision == decision
        assert (decision.deliver_gsd_m is None) == (decision.effect == "refuse")
        assert decision.deliver_gsd_m is None or decision.deliver_gsd_m >= gsd_m
        return ("allow", "coarsen", "refuse").index(decision.effect), decision.deliver_gsd_m or 0.0

    assert made(territories) == max(made([one]) for one in territories)
    assert made(territories) >= made(territories[:-1] or territories)
