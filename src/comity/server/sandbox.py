"""Credentials that a new server starts with: the operator's first, and a demo's, one for each tenant."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from comity.operations.identity import Role
from comity.server.identity import machine_now
from comity.server.identity.caller import OPERATOR_TENANT
from comity.server.operator import Operator


def demo_tokens(operator: Operator) -> dict[str, Any]:
    """A token for each role, and one for each customer and partner of the programme.

    The credentials behind them are made once: a demo that is started again goes on with them.
    """
    programme = operator.programme
    customers = {each.id: _token(operator, each.id, "customer") for each in programme.customers}
    partners = {each.id: _token(operator, each.id, "partner") for each in programme.partners}
    return {
        "tokens": {
            "operator": _token(operator, OPERATOR_TENANT, "operator"),
            "planner": _token(operator, OPERATOR_TENANT, "planner"),
            "partner": next(iter(partners.values())),
            "customer": next(iter(customers.values())),
        },
        "customers": customers,
        "partners": partners,
    }


def _token(operator: Operator, tenant: str, role: Role) -> str:
    id = f"demo.{tenant}.{role}"
    credential = operator.credentials.find(id)
    if credential is None:
        credential, _ = operator.identity.make(
            kind="client", tenant=tenant, role=role, by="demo", id=id, title="sandbox"
        )
    return operator.identity.token_of(credential).access_token


def first_operator(operator: Operator) -> dict[str, str] | None:
    """A client for the operator where the server has none yet: its id and secret, told this once."""
    if any(each.role == "operator" and each.revoked is None for each in operator.credentials.of(None)):
        return None
    return _client(operator, by="first start", title="first operator")


def new_operator(operator: Operator) -> dict[str, str]:
    """One more client for the operator, for whoever may read the database but lost every secret; audited."""
    made = _client(operator, by="command line", title="recovered operator")
    operator.audit.append(
        at=machine_now(),
        request=str(uuid4()),
        tenant=OPERATOR_TENANT,
        role="operator",
        name="command line",
        action="RECOVER",
        subject=f"/auth/credentials/{made['client_id']}",
        outcome=201,
        digest="",
    )
    return made


def _client(operator: Operator, *, by: str, title: str) -> dict[str, str]:
    credential, secret = operator.identity.make(
        kind="client", tenant=OPERATOR_TENANT, role="operator", by=by, title=title
    )
    return {"client_id": credential.id, "client_secret": secret}
