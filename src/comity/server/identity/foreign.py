"""Tokens of OpenID providers that the operator believes: their keys, and what their claims mean here.

A provider's keys are found by discovery (OpenID Connect Discovery 1.0) or at the address that is configured,
read again when a token names one that is not known, and every hour, so that a withdrawn one ends.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from comity.core import ComityError
from comity.operations.identity import Role
from comity.server.identity.caller import ROLE_SCOPES, SCOPES, Caller
from comity.server.identity.tokens import verified
from comity.server.problems import UnauthenticatedError
from comity.server.settings import ForeignIssuer, is_safe_url

#: What is taken: asymmetric only, so that no public key is a secret.
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
#: Types that an access token may have; those of logout tokens, DPoP proofs and the like are others.
_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
_KINDS = ("RSA", "EC", "OKP")
#: Keys are read again for an unknown one at most so often (s), and in any case when they are so old.
AGAIN_S = 60.0
KEPT_S = 3600.0
#: After a failure to read them the first time, tokens are refused for so long without another try.
FAILED_S = 10.0
_MAX_SUBJECT = 255

FetchDocument = Callable[[str], Mapping[str, Any]]
Tenants = Callable[[str], frozenset[Role]]


@dataclass(slots=True)
class _Known:
    """What is known of one provider's keys; ``at``: when they were last asked for."""

    keys: KeySet | None = None
    at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


class ForeignTokens:
    """Verifies access tokens of configured OpenID providers and says who shows them."""

    def __init__(
        self,
        issuers: tuple[ForeignIssuer, ...],
        fetch: FetchDocument,
        tenants: Tenants,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._known = {each.issuer: _Known() for each in issuers}
        self._fetch = fetch
        self._tenants = tenants
        self._clock = clock

    def caller(self, token: str, header: Mapping[str, Any], issuer: object) -> Caller:
        """Who shows this token of ``issuer``; raises :class:`UnauthenticatedError`."""
        one = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if one is None:
            raise UnauthenticatedError("the token is of an issuer that this server does not believe")
        kind = header.get("typ")
        if kind is not None and (not isinstance(kind, str) or kind.lower() not in _TYPES):
            raise UnauthenticatedError("the token is no access token")
        key = self._key(one, header.get("kid"))
        if key.alg is not None and key.alg != header.get("alg"):
            raise UnauthenticatedError("the token is signed with another algorithm than its key is for")
        claims = verified(token, key, ALGORITHMS, one.issuer, one.audience, one.leeway_s)
        return self._meant(one, claims)

    def _meant(self, issuer: ForeignIssuer, claims: Mapping[str, Any]) -> Caller:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            raise UnauthenticatedError("the token names no subject that can be kept")
        tenant = issuer.tenant or _mapped(issuer.tenants, claim(claims, issuer.tenant_claim))
        roles = self._tenants(tenant) if isinstance(tenant, str) else frozenset()
        role = _role(issuer, claim(claims, issuer.role_claim), roles)
        if not isinstance(tenant, str) or role is None:
            raise UnauthenticatedError("the token names no tenant and role of this programme")
        scopes = ROLE_SCOPES[role]
        given = claims.get("scope", claims.get("scp"))
        words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        if named := {word for word in words if isinstance(word, str) and word in SCOPES}:
            scopes &= named
        name = f"{issuer.issuer}#{subject}"
        if len(name) > 200:  # as long as the log keeps; the hash tells those apart that begin alike
            name = f"{name[:135]}#{hashlib.sha256(name.encode()).hexdigest()}"
        return Caller(tenant=tenant, role=role, scopes=scopes, name=name)

    def _key(self, issuer: ForeignIssuer, kid: object) -> Key:
        known, now = self._known[issuer.issuer], self._clock()
        found = _of(known.keys, kid)
        age_s = now - known.at
        if found is not None and age_s < KEPT_S:
            return found
        if age_s >= (AGAIN_S if known.keys is not None else FAILED_S):
            # Who has a key does not wait for a provider that is slow to tell new ones.
            if known.lock.acquire(blocking=found is None):
                try:
                    if known.at < now:
                        self._read(issuer, known)
                finally:
                    known.lock.release()
            found = _of(known.keys, kid)
        if known.keys is None:
            raise UnauthenticatedError(f"the keys of {issuer.issuer} cannot be read now")
        if found is None:
            raise UnauthenticatedError(f"no key of {issuer.issuer} is the token's")
        return found

    def _read(self, issuer: ForeignIssuer, known: _Known) -> None:
        """Its keys as they are now; where they cannot be had, those that are known stay."""
        try:
            known.keys = _key_set(self._fetch(issuer.jwks_uri or self._discovered(issuer)))
        except (ComityError, KeyError, TypeError, ValueError):
            pass
        finally:
            known.at = self._clock()

    def _discovered(self, issuer: ForeignIssuer) -> str:
        found = self._fetch(f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
        place = found.get("jwks_uri")
        if found.get("issuer") != issuer.issuer or not isinstance(place, str) or not is_safe_url(place):
            raise ValueError("a configuration of another issuer, or with no address of keys")
        return place


def claim(claims: Mapping[str, Any], name: str) -> object:
    """The claim of this name; ``realm_access.roles`` is looked for inside ``realm_access`` too."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _mapped(names: Mapping[str, str], value: object) -> object:
    return value if not names or not isinstance(value, str) else names.get(value)


def _role(issuer: ForeignIssuer, value: object, possible: frozenset[Role]) -> Role | None:
    """The role that a claim (a word, or a list of them) means: the first that the tenant may hold."""
    words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if not issuer.roles:
        named = [role for role in ROLE_SCOPES if role in words]
        return named[0] if len(named) == 1 and len(words) == 1 and named[0] in possible else None
    for word, role in issuer.roles.items():
        if word in words and role in possible:
            return role
    return None


def _key_set(document: Mapping[str, Any]) -> KeySet:
    """The keys that verify; what the server does not know among them is left out."""
    keys: list[Key] = []
    for each in document["keys"]:
        if not isinstance(each, dict) or each.get("kty") not in _KINDS or each.get("use", "sig") != "sig":
            continue
        try:
            keys += KeySet.import_key_set(cast(Any, {"keys": [each]})).keys
        except (JoseError, KeyError, TypeError, ValueError):
            continue
    if not keys:
        raise ValueError("no key that verifies")
    return KeySet(keys)


def _of(keys: KeySet | None, kid: object) -> Key | None:
    """The key of this id; a token that names none is of the only one."""
    if keys is None:
        return None
    if kid is None:
        return keys.keys[0] if len(keys.keys) == 1 else None
    return next((key for key in keys.keys if key.kid == kid), None)


__all__ = ["ForeignTokens", "claim"]
