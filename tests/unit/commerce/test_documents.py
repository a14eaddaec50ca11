"""Documents survive storage exactly; a tampered one is refused; the façade and the manual's example hold."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

import comity.commerce
from comity.commerce import (
    Ledger,
    Transaction,
    Usage,
    credit_open,
    invoice_item,
    invoice_transaction,
    open_billing,
    settle,
    split_invoice,
    statement,
)
from comity.core import InputError, decode, encode
from unit.commerce.cases import BOOK, NOW, PARTNERS, allowed, customer, quote, request, target

DOC = Path(__file__).resolve().parents[3] / "docs" / "commerce.md"


def test_every_document_survives_json() -> None:
    req = request("daily", (target("a"), target("b", None)), customer=customer("DJF"))
    billing = open_billing(quote(req), order="o-1", at=NOW + 0.123456789)
    bill = invoice_item(billing, invoice_id="i-1", item="x", target="a", quantity=3, at=NOW)
    billing = billing.with_invoice(bill)
    billing = billing.with_credit_note(credit_open(billing, note_id="c-1", reason="é – «x»", at=NOW))
    usage = Usage(partner="cn", kind="satellite", weight=Decimal("1.5"))
    ledger = Ledger([invoice_transaction(bill), split_invoice(bill, [usage], PARTNERS, BOOK, at=NOW)])
    ledger.extend(settle(ledger, PARTNERS, BOOK, run="s", at=NOW))
    documents = [billing, *allowed(req), usage, *ledger, statement(PARTNERS[2], ledger)]
    for document in documents:
        text = json.dumps(encode(document))
        again = decode(type(document), json.loads(text))
        assert again == document
        assert json.dumps(encode(again)) == text


def test_a_tampered_transaction_is_refused() -> None:
    billing = open_billing(quote(request("scene", (target("a"),))), order="o", at=NOW)
    bill = invoice_item(billing, invoice_id="i", item="x", target="a", quantity=1, at=NOW)
    stored = encode(invoice_transaction(bill))
    stored["postings"][0]["amount"] = "1.00"
    with pytest.raises(InputError, match="not 0: balance them"):
        decode(Transaction, stored)


def test_facade_lists_what_it_exports() -> None:
    modules = {path.stem for path in Path(comity.commerce.__file__).parent.glob("*.py")}
    public = {name for name in vars(comity.commerce) if not name.startswith("_")}
    assert public - modules == set(comity.commerce.__all__) - modules
    assert len(comity.commerce.__all__) == len(set(comity.commerce.__all__))


def test_the_documented_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = DOC.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    shown = re.findall(r"```text\n(.*?)```", text, re.S)
    assert blocks and len(shown) == 1
    exec(compile("\n".join(blocks), str(DOC), "exec"), {})  # the page's own code
    assert capsys.readouterr().out == shown[0]
