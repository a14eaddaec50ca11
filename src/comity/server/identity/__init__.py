"""Who may do what: credentials, tokens, roles, scopes and tenants."""

from comity.server.identity.caller import OPERATOR_TENANT, ROLE_SCOPES, SCOPES, Caller
from comity.server.identity.service import Identity, Token, machine_now, require

__all__ = [
    "OPERATOR_TENANT",
    "ROLE_SCOPES",
    "SCOPES",
    "Caller",
    "Identity",
    "Token",
    "machine_now",
    "require",
]
