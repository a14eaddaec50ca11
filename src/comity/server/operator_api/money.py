"""Statements of the partners' accounts, and settling them."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from comity.commerce import Statement, statement
from comity.core import Money
from comity.operations import settle
from comity.server.dependencies import OperatorDep, scoped
from comity.server.identity import Caller
from comity.server.operator import Operator
from comity.server.operator_api.assets import staff
from comity.server.problems import responses
from comity.server.settings import Settings

#: Whose order it was, in the text of a split: no business of a partner's.
_WHOSE = re.compile(r" of order \S+")


class MoneyOut(BaseModel):
    """An exact amount."""

    amount: str = Field(examples=["1250.00"])
    currency: str = Field(examples=["USD"])


class LineOut(BaseModel):
    """One posting; positive in the partner's favour."""

    at: str
    transaction: str
    kind: str
    reference: str
    what: str
    text: str
    amount: MoneyOut
    balance: MoneyOut


class StatementOut(BaseModel):
    """A partner's account."""

    partner: str
    name: str
    currency: str
    opening: list[MoneyOut]
    closing: list[MoneyOut]
    lines: list[LineOut]


class StatementsOut(BaseModel):
    """Accounts that the caller may see: a partner its own."""

    statements: list[StatementOut]


class SettlementOut(BaseModel):
    """One settlement run."""

    run: str
    statements: list[StatementOut]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Routes of statements."""
    routes = APIRouter(tags=["Statements"])

    @routes.get("/statements", summary="Statements of account")
    def statements(
        operator: OperatorDep, caller: Annotated[Caller, scoped("statements:read")]
    ) -> StatementsOut:
        with operator.store.read() as work:
            programme, ledger = work.programme(), work.ledger()
        if caller.role != "partner":
            staff(caller)
        seen = [p for p in programme.partners if caller.sees_all or p.id == caller.tenant]
        return StatementsOut(statements=[_told(statement(each, ledger), caller) for each in seen])

    @routes.post(
        "/settlements",
        summary="Share out and pay what partners are owed",
        status_code=201,
        responses=responses(409),
    )
    def settlement(
        operator: OperatorDep, caller: Annotated[Caller, scoped("programme:write")]
    ) -> SettlementOut:
        staff(caller)
        made = settle(operator.store, now=operator.now())
        return SettlementOut(run=made.run, statements=[_told(each, caller) for each in made.statements])

    return routes


def _money(money: Money) -> MoneyOut:
    return MoneyOut(amount=str(money.amount), currency=money.currency)


def _told(account: Statement, caller: Caller) -> StatementOut:
    return StatementOut(
        partner=account.partner,
        name=account.name,
        currency=account.currency,
        opening=[_money(each) for each in account.opening],
        closing=[_money(each) for each in account.closing],
        lines=[
            LineOut(
                at=line.at.iso(),
                transaction=line.transaction,
                kind=line.kind,
                reference=line.reference,
                what=line.what,
                text=line.text if caller.sees_all else _WHOSE.sub("", line.text),
                amount=_money(line.amount),
                balance=_money(line.balance),
            )
            for line in account.lines
        ],
    )
