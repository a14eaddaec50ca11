"""Who is asking: tenant, role and scopes, and what they let be seen."""

from __future__ import annotations

from dataclasses import dataclass

from comity.operations.events import partner_tenant
from comity.operations.identity import Role

#: The operator's own people belong to this tenant; no customer or partner may be called so.
OPERATOR_TENANT = "operator"

#: What each scope allows, as the OpenAPI document and the consent screen of a provider show it.
SCOPES: dict[str, str] = {
    "catalogue:read": "Read products, partners' public facts and stations",
    "opportunities": "Search opportunities and ask for quotes",
    "orders:read": "Read own orders, quotes and their history",
    "orders:write": "Order and cancel",
    "archive:read": "Search delivered products and read their files",
    "webhooks": "Keep own webhooks, buckets and saved searches",
    "keys": "Make and revoke own API keys",
    "plan:read": "Read plans, the timeline and why not",
    "plan:write": "Make and approve plans",
    "plan:veto": "Withhold own assets from a plan",
    "statements:read": "Read statements of account",
    "programme:write": "Change the programme",
    "identity:write": "Make and revoke any tenant's credentials",
    "audit:read": "Read the audit log",
    "metrics:read": "Read the server's metrics",
    "jobs": "See and cancel every background job",
}

_CUSTOMER = (
    "catalogue:read",
    "opportunities",
    "orders:read",
    "orders:write",
    "archive:read",
    "webhooks",
    "keys",
)
_PARTNER = ("catalogue:read", "plan:read", "plan:veto", "statements:read", "archive:read", "webhooks", "keys")
_PLANNER = (
    "catalogue:read",
    "opportunities",
    "orders:read",
    "archive:read",
    "plan:read",
    "plan:write",
    "keys",
)
#: The scopes a role may hold; a credential holds all of them or some.
ROLE_SCOPES: dict[Role, frozenset[str]] = {
    "customer": frozenset(_CUSTOMER),
    "partner": frozenset(_PARTNER),
    "planner": frozenset(_PLANNER),
    "operator": frozenset(SCOPES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller.

    ``tenant``: the customer's or partner's id in the programme, or :data:`OPERATOR_TENANT`. ``name``: the
    credential's id, as the audit log keeps it.
    """

    tenant: str
    role: Role
    scopes: frozenset[str]
    name: str

    @property
    def party(self) -> str:
        """Under which name what is kept for the caller is kept (webhooks, jobs, idempotency keys).

        A partner may be called as a customer is; what is one's is not the other's.
        """
        return partner_tenant(self.tenant) if self.role == "partner" else self.tenant

    @property
    def sees_all(self) -> bool:
        """Whether records of every tenant are visible: to the operator's own people only."""
        return self.tenant == OPERATOR_TENANT and self.role in ("operator", "planner")

    def sees(self, customer: str) -> bool:
        """Whether records of this customer are visible."""
        return self.sees_all or (self.role == "customer" and self.tenant == customer)
