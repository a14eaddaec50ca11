"""Ledger, invoices, credit notes, split, exchange, pay-out and statement, worked out by hand."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest

from comity.commerce import (
    Billing,
    Invoice,
    Ledger,
    Posting,
    Transaction,
    Usage,
    credit_invoice,
    credit_open,
    credit_transaction,
    decide_request,
    invoice_item,
    invoice_transaction,
    open_billing,
    receipt_transaction,
    reservation_transaction,
    reverse_split,
    settle,
    split_invoice,
    statement,
    statement_csv,
)
from comity.core import InputError, Interval, Money, StateError, UnknownIdError
from unit.commerce.cases import BOOK, NOW, PARTNERS, customer, quote, request, rule, target

LATER = NOW + 3600
RU, DJ, CN = PARTNERS


def posting(account: str, amount: str, currency: str = "EUR") -> Posting:
    return Posting(account=account, amount=Decimal(amount), currency=currency)


def transaction(*postings: Posting, id: str = "t1") -> Transaction:
    return Transaction(id=id, at=NOW, kind="test", reference="", postings=postings, memo="")


def billing(currency: str = "EUR", product: str = "daily", targets: str = "a") -> Billing:
    req = request(product, tuple(target(id) for id in targets), customer=customer(currency))
    return open_billing(quote(req), order="o-1", at=NOW)


def invoice(amount: str, currency: str = "EUR", id: str = "i-1") -> Invoice:
    return Invoice(
        id=id,
        order="o-1",
        quote="q-1",
        customer="ministry",
        item="item-1",
        target="a",
        unit="scene",
        quantity=Decimal(1),
        amount=Money(Decimal(amount), currency),
        at=NOW,
    )


def test_unbalanced_or_malformed_transactions_cannot_exist() -> None:
    with pytest.raises(InputError, match=r"postings in EUR sum to 0\.01, not 0"):
        transaction(posting("bank", "10.01"), posting("customer:x", "-10.00"))
    with pytest.raises(InputError, match=r"postings in EUR sum to 10"):  # each currency by itself
        transaction(posting("bank", "10.00"), posting("customer:x", "-10.00", "USD"))
    with pytest.raises(InputError, match="needs two or more"):
        transaction(posting("bank", "0"))
    with pytest.raises(InputError, match="account 'cash:x' is not one of"):
        posting("cash:x", "1")
    for name in ("customer", "customer:", "pool:x", "customer:a:b", "customer: a"):
        with pytest.raises(InputError, match="account"):
            posting(name, "1")
    with pytest.raises(InputError, match=r"amount 1\.5 JPY is not payable"):
        posting("bank", "1.5", "JPY")


def test_a_ledger_only_grows() -> None:
    first = transaction(posting("bank", "10.00"), posting("customer:x", "-10.00"))
    ledger = Ledger([first])
    assert ledger.add(first) is False and len(ledger) == 1
    with pytest.raises(StateError, match="'t1' is already booked with other content"):
        ledger.add(transaction(posting("bank", "11.00"), posting("customer:x", "-11.00")))
    ledger.add(transaction(posting("bank", "-4.00"), posting("customer:x", "4.00"), id="t2"))
    assert ledger.balance("bank", "EUR") == Money(Decimal("6.00"), "EUR")
    assert [(line.account, line.debit, line.credit) for line in ledger.trial_balance()] == [
        ("bank", Decimal("10.00"), Decimal("4.00")),
        ("customer:x", Decimal("4.00"), Decimal("10.00")),
    ]
    with pytest.raises(UnknownIdError, match="unknown transaction 't9'; known: t1, t2"):
        ledger.transaction("t9")


def test_an_order_from_reservation_to_close() -> None:
    """Seven passes for 233.38 EUR: two accepted, one failed, the rest cancelled."""
    order = billing()
    ledger = Ledger([reservation_transaction(order)])
    assert str(ledger.balance("reserved:ministry", "EUR")) == "233.38 EUR"
    for n in (1, 2):
        bill = invoice_item(order, invoice_id=f"i-{n}", item=f"item-{n}", target="a", quantity=1, at=LATER)
        order = order.with_invoice(bill)
        ledger.add(invoice_transaction(bill))
    failed = credit_open(order, note_id="c-1", reason="cloud", at=LATER, quantities={"a": 1})
    order = order.with_credit_note(failed)
    cancelled = credit_open(order, note_id="c-2", reason="cancelled by the customer", at=LATER)
    order = order.with_credit_note(cancelled)
    ledger.extend([credit_transaction(failed), credit_transaction(cancelled)])
    assert (str(order.invoiced), str(order.credited)) == ("66.68 EUR", "166.70 EUR")
    assert order.closed and str(order.open) == "0.00 EUR"
    assert str(ledger.balance("customer:ministry", "EUR")) == "66.68 EUR"
    assert str(ledger.balance("reserved:ministry", "EUR")) == "0.00 EUR"
    assert str(ledger.balance("commitment:o-1", "EUR")) == "0.00 EUR"
    ledger.add(receipt_transaction("ministry", order.invoiced, id="r-1", at=LATER, reference="i-1 i-2"))
    assert str(ledger.balance("customer:ministry", "EUR")) == "0.00 EUR"


def test_cents_of_a_line_come_out_whole_however_it_is_cut() -> None:
    """Seven passes in roubles, 24096.48 (= 233.38 × 103.25): 3442.35 or .36 each, no cent lost."""
    order = billing("RUB")
    amounts = []
    for n in range(7):
        bill = invoice_item(order, invoice_id=f"i-{n}", item=f"item-{n}", target="a", quantity=1, at=LATER)
        order = order.with_invoice(bill)
        amounts.append(bill.amount.amount)
    assert set(amounts) == {Decimal("3442.35"), Decimal("3442.36")}
    assert sum(amounts) == order.reserved.amount == Decimal("24096.48") and order.closed
    extra = invoice_item(order, invoice_id="i-8", item="item-8", target="a", quantity=1, at=LATER)
    assert (extra.quantity, str(extra.amount)) == (0, "0.00 RUB")  # never beyond the quote


def test_invoices_and_credit_notes_are_made_once() -> None:
    order = billing()
    bill = invoice_item(order, invoice_id="i-1", item="item-1", target="a", quantity=1, at=NOW)
    order = order.with_invoice(bill).with_invoice(bill)
    assert len(order.invoices) == 1
    assert invoice_item(order, invoice_id="i-1", item="item-1", target="a", quantity=1, at=LATER) == bill
    with pytest.raises(StateError, match="item 'item-1' is already invoiced by 'i-1'"):
        invoice_item(order, invoice_id="i-2", item="item-1", target="a", quantity=1, at=NOW)
    with pytest.raises(StateError, match="'i-1' is already that of item 'item-1'"):
        invoice_item(order, invoice_id="i-1", item="item-2", target="a", quantity=1, at=NOW)
    with pytest.raises(StateError, match="only 6 of order 'o-1' is open"):
        credit_open(order, note_id="c-1", reason="x", at=NOW, quantities={"a": 7})
    note = credit_open(order, note_id="c-1", reason="x", at=NOW)
    order = order.with_credit_note(note)
    assert credit_open(order, note_id="c-1", reason="x", at=LATER) == note
    with pytest.raises(StateError, match="another reason"):
        credit_open(order, note_id="c-1", reason="y", at=NOW)
    with pytest.raises(StateError, match="nothing open to credit"):
        credit_open(order, note_id="c-2", reason="x", at=NOW)
    with pytest.raises(StateError, match="is credited: nothing is left"):
        invoice_item(order, invoice_id="i-2", item="item-2", target="a", quantity=1, at=NOW)
    for quantity, named in ((Decimal("-1"), "0 or more"), (Decimal("0.5"), "whole")):
        with pytest.raises(InputError, match=named):
            invoice_item(order, invoice_id="i-3", item="item-3", target="a", quantity=quantity, at=NOW)
    with pytest.raises(UnknownIdError, match="unknown quote line 'b'"):
        invoice_item(order, invoice_id="i-3", item="item-3", target="b", quantity=1, at=NOW)


def test_what_cannot_be_ordered() -> None:
    offer = quote(request("scene", (target("a"),)))
    with pytest.raises(StateError, match="ask for a new quote"):
        open_billing(offer, order="o-1", at=NOW + 90_000)
    req = request("scene", (target("a"),))
    refused = quote(req, decisions=decide_request((rule("no", "refuse"),), req, {"ru": [2.1]}, at=NOW))
    with pytest.raises(StateError, match=r"nothing to order: .*rule no"):
        open_billing(refused, order="o-1", at=NOW)


def test_split_by_use_with_the_odd_cent() -> None:
    """100.01 EUR: satellites 60.006 to ru; stations 25.0025 in thirds ru:dj 1:2; pool 15.0015."""
    usages = (
        Usage(partner="ru", kind="satellite", weight=1),
        Usage(partner="ru", kind="station", weight=Decimal("4.5e9")),
        Usage(partner="dj", kind="station", weight=Decimal("9e9")),
    )
    split = split_invoice(invoice("100.01"), usages, PARTNERS, BOOK, at=LATER)
    # exact 60.006, 8.33416…, 16.66833…, 15.0015; two cents left go to .83 (dj) and .6 (satellite)
    assert [(p.account, str(p.amount), p.memo) for p in split.postings] == [
        ("revenue:o-1", "100.01", "revenue to split"),
        ("partner:ru", "-60.01", "satellite part"),
        ("partner:ru", "-8.33", "station part"),
        ("partner:dj", "-16.67", "station part"),
        ("pool", "-15.00", "pool part"),
    ]


def test_without_a_station_its_part_goes_to_the_pool() -> None:
    split = split_invoice(
        invoice("1000", "DJF"), [Usage(partner="cn", kind="satellite", weight=2)], PARTNERS, BOOK, at=LATER
    )
    assert {p.account: str(p.amount) for p in split.postings} == {
        "revenue:o-1": "1000",
        "partner:cn": "-600",
        "pool": "-400",
    }


def test_split_refuses() -> None:
    one = [Usage(partner="ru", kind="satellite", weight=1)]
    with pytest.raises(InputError, match="no satellite usage"):
        split_invoice(
            invoice("1.00"), [Usage(partner="ru", kind="station", weight=1)], PARTNERS, BOOK, at=NOW
        )
    with pytest.raises(InputError, match=r"= 1\.10, must sum to 1"):
        split_invoice(invoice("1.00"), one, PARTNERS, replace(BOOK, pool_part=Decimal("0.25")), at=NOW)
    with pytest.raises(UnknownIdError, match="unknown partner 'xx'; known: ru, dj, cn"):
        split_invoice(invoice("1.00"), [replace(one[0], partner="xx")], PARTNERS, BOOK, at=NOW)
    with pytest.raises(InputError, match="usage weight -1"):
        split_invoice(invoice("1.00"), [replace(one[0], weight=-1)], PARTNERS, BOOK, at=NOW)


def settled() -> Ledger:
    """One invoice of 1000.00 EUR: satellites to ru and cn 3:1, station to dj."""
    bill = invoice("1000.00")
    usages = (
        Usage(partner="ru", kind="satellite", weight=3),
        Usage(partner="cn", kind="satellite", weight=1),
        Usage(partner="dj", kind="station", weight=1),
    )
    ledger = Ledger([invoice_transaction(bill), split_invoice(bill, usages, PARTNERS, BOOK, at=NOW)])
    ledger.extend(settle(ledger, PARTNERS, BOOK, run="2024-09", at=LATER))
    return ledger


def test_settlement_pays_each_partner_in_its_currency() -> None:
    """ru 450 + pool 75 = 525 EUR; cn 150 + 45 = 195 EUR; dj 250 + 30 = 280 EUR."""
    ledger = settled()
    paid = {t.memo: str(-t.postings[1].money) for t in ledger if t.kind == "pay-out"}
    assert paid == {
        "to Russian operator": "54,206.25 RUB",  # 525 × 103.25
        "to Djibouti": "55,362 DJF",  # 280 × 197.721 = 55361.88
        "to Chinese operator": "1,535.43 CNY",  # 195 ÷ 0.127 = 1535.433…
    }
    assert all(not any(m.amount for m in ledger.balances(f"partner:{p.id}").values()) for p in PARTNERS)
    assert str(ledger.balance("fx", "EUR")) == "-1,000.00 EUR"
    assert str(ledger.balance("revenue:o-1", "EUR")) == "0.00 EUR"
    for run in ("2024-09", "2024-10"):
        assert settle(ledger, PARTNERS, BOOK, run=run, at=LATER) == ()
    exchange = ledger.transaction("2024-09:exchange:dj:EUR")
    assert exchange.conversion is not None
    assert exchange.memo == "280.00 EUR = 55,362 DJF at 1 EUR = 197.721 DJF of 2024-09-20 (test bank)"


def test_a_run_can_be_repeated_for_what_came_in_since() -> None:
    ledger = settled()
    bill = replace(invoice("10.00", id="i-2"), order="o-2")
    usage = [Usage(partner="dj", kind="satellite", weight=1)]
    ledger.extend([invoice_transaction(bill), split_invoice(bill, usage, PARTNERS, BOOK, at=LATER)])
    again = settle(ledger, PARTNERS, BOOK, run="2024-09", at=LATER)
    assert again[0].id == "2024-09/2:pool:EUR" and ledger.extend(again) == len(again)
    assert settle(ledger, PARTNERS, BOOK, run="2024-09", at=LATER) == ()


def test_amounts_too_small_to_exchange_wait() -> None:
    """0.20 RUB is less than half a franc; it is carried until there is more."""
    bill = invoice("0.20", "RUB")
    usages = [Usage(partner="dj", kind="satellite", weight=1), Usage(partner="dj", kind="station", weight=1)]
    no_pool = replace(BOOK, pool_part=Decimal(0), satellite_part=Decimal("0.75"))
    ledger = Ledger([invoice_transaction(bill), split_invoice(bill, usages, PARTNERS, no_pool, at=NOW)])
    assert settle(ledger, PARTNERS, no_pool, run="s", at=LATER) == ()
    assert str(ledger.balance("partner:dj", "RUB")) == "-0.20 RUB"


def test_a_taken_back_invoice_undoes_its_split_and_becomes_a_debt() -> None:
    order = billing()
    bill = invoice_item(order, invoice_id="i-1", item="item-1", target="a", quantity=7, at=NOW)
    order = order.with_invoice(bill)
    usages = [Usage(partner="ru", kind="satellite", weight=1), Usage(partner="dj", kind="station", weight=1)]
    split = split_invoice(bill, usages, PARTNERS, BOOK, at=NOW)
    ledger = Ledger([reservation_transaction(order), invoice_transaction(bill), split])
    ledger.extend(settle(ledger, PARTNERS, BOOK, run="s1", at=LATER))
    note = credit_invoice(order, note_id="c-1", invoice_id="i-1", reason="striping in the image", at=LATER)
    order = order.with_credit_note(note)
    ledger.extend([credit_transaction(note), reverse_split(split, note)])
    assert str(order.invoiced) == "0.00 EUR" and order.credited == order.reserved and order.closed
    assert str(ledger.balance("customer:ministry", "EUR")) == "0.00 EUR"
    assert str(ledger.balance("revenue:o-1", "EUR")) == "0.00 EUR"
    second = settle(ledger, PARTNERS, BOOK, run="s2", at=LATER)
    assert not [t for t in second if t.kind == "pay-out"]  # the partners owe it back
    ledger.extend(second)
    assert ledger.balance("partner:dj", "DJF").amount > 0
    with pytest.raises(StateError, match="already taken back by 'c-1'"):
        credit_invoice(order, note_id="c-2", invoice_id="i-1", reason="again", at=LATER)
    with pytest.raises(InputError, match="does not split invoice 'i-1'"):
        reverse_split(replace(split, reference="i-9"), note)


def test_settle_refuses() -> None:
    ledger = settled()
    with pytest.raises(InputError, match=r"shares sum to 0\.7, not 1"):
        settle(ledger, (RU, DJ), BOOK, run="s", at=LATER)
    with pytest.raises(UnknownIdError, match="unknown partner 'cn'"):
        settle(ledger, (RU, replace(DJ, share=Decimal("0.5"))), BOOK, run="s", at=LATER)


def test_statement_tells_everything_and_adds_up() -> None:
    account = statement(DJ, settled())
    assert [(t.what, str(t.amount)) for t in account.totals] == [
        ("station part", "250.00 EUR"),
        ("pool share", "30.00 EUR"),
        ("exchanged", "-280.00 EUR"),
        ("exchanged", "55,362 DJF"),
        ("paid out", "-55,362 DJF"),
    ]
    assert [str(money) for money in account.closing] == ["0 DJF", "0.00 EUR"]
    rows = list(csv.DictReader(io.StringIO(statement_csv(account))))
    assert [row["balance"] for row in rows] == ["250.00", "280.00", "0.00", "55362", "0", "0", "0.00"]
    assert {row["rate"] for row in rows} == {"", "1 EUR = 197.721 DJF"}
    assert (rows[2]["rate_date"], rows[2]["rate_source"]) == ("2024-09-20", "test bank")
    assert rows[-1]["kind"] == "closing"


def test_statement_of_a_period_opens_with_what_came_before() -> None:
    account = statement(DJ, settled(), period=Interval(LATER, LATER + 1))
    assert [str(money) for money in account.opening] == ["250.00 EUR"]
    assert account.lines[0].what == "pool share"
    assert next(csv.DictReader(io.StringIO(statement_csv(account))))["kind"] == "opening"
