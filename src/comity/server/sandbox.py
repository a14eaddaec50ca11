"""Credentials that a new server starts with: the operator's first, and a demo's, one for each tenant."""

from __future__ import annotations

from typing import Any

from comity.operations.identity import Role
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
    credential, secret = operator.identity.make(
        kind="client", tenant=OPERATOR_TENANT, role="operator", by="first start", title="first operator"
    )
    return {"client_id": credential.id, "client_secret": secret}
