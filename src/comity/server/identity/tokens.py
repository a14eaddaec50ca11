"""Access tokens: our own (RFC 9068, Ed25519), and those of OpenID providers the operator believes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from comity.core import ComityError
from comity.operations.identity import CredentialStore
from comity.server.problems import UnauthenticatedError
from comity.server.settings import ForeignIssuer

#: What we sign with, and what we take from others: asymmetric only, so that no public key is a secret.
OUR_ALGORITHM = "Ed25519"
FOREIGN_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
_LEEWAY_S = 30
#: A token longer than this is not looked at.
MAX_TOKEN = 8192
#: Keys are read again at most this often (s), when a token names one that is not known.
_REREAD_S = 10.0
_FETCH_AGAIN_S = 60.0

FetchKeys = Callable[[str], Mapping[str, Any]]


class TokenSigner:
    """Signs and verifies our own access tokens with keys that all workers share through the database."""

    def __init__(self, keys: CredentialStore, issuer: str, audience: str) -> None:
        self._store = keys
        self._issuer = issuer
        self._audience = audience
        self._lock = threading.Lock()
        self._keys: dict[str, OKPKey] = {}
        self._newest: OKPKey | None = None
        self._read_at = float("-inf")

    def sign(self, claims: Mapping[str, Any], lifetime_s: int) -> str:
        """A token with these claims, good for ``lifetime_s`` seconds of the machine's clock."""
        key = self._signing_key()
        now = int(time.time())
        whole = {
            "iss": self._issuer,
            "aud": self._audience,
            "iat": now,
            "exp": now + lifetime_s,
            "jti": uuid4().hex,
            **claims,
        }
        header = {"alg": OUR_ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(header, whole, key, algorithms=[OUR_ALGORITHM])

    def verify(self, token: str, kid: str) -> dict[str, Any]:
        """The claims of one of our tokens; raises :class:`UnauthenticatedError`."""
        key = self._key(kid)
        if key is None:
            raise UnauthenticatedError("the token's signing key is not ours")
        return _claims(token, key, (OUR_ALGORITHM,), self._issuer, self._audience, "at+jwt")

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self._store.add_signing_key(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True))
        self._read(force=True)

    def public_keys(self) -> dict[str, Any]:
        """The JWK Set by which others verify our tokens."""
        self._signing_key()
        return {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": OUR_ALGORITHM}
                for key in self._keys.values()
            ]
        }

    def _signing_key(self) -> OKPKey:
        if self._newest is None:
            self._read(force=True)
            if self._newest is None:
                self.rotate()
        return cast(OKPKey, self._newest)

    def _key(self, kid: str) -> OKPKey | None:
        if kid not in self._keys:
            self._read()
        return self._keys.get(kid)

    def _read(self, force: bool = False) -> None:
        with self._lock:
            if not force and time.monotonic() - self._read_at < _REREAD_S:
                return
            self._read_at = time.monotonic()
            keys = [OKPKey.import_key(dict(each)) for each in self._store.signing_keys()]
            self._keys = {str(key.kid): key for key in keys}
            self._newest = keys[0] if keys else None


class ForeignTokens:
    """Verifies access tokens of configured OpenID providers by their published keys."""

    def __init__(self, issuers: tuple[ForeignIssuer, ...], fetch: FetchKeys) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._fetch = fetch
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[KeySet, float]] = {}

    def issuer(self, name: str) -> ForeignIssuer | None:
        """The configured issuer of this name."""
        return self._issuers.get(name)

    def verify(self, token: str, kid: str, issuer: ForeignIssuer) -> dict[str, Any]:
        """The claims of a provider's token; raises :class:`UnauthenticatedError`."""
        keys = self._key_set(issuer, kid)
        if keys is None:
            raise UnauthenticatedError(f"no key {kid!r} of {issuer.issuer}")
        return _claims(token, keys, FOREIGN_ALGORITHMS, issuer.issuer, issuer.audience, None)

    def _key_set(self, issuer: ForeignIssuer, kid: str) -> KeySet | None:
        with self._lock:
            known = self._keys.get(issuer.issuer)
            now = time.monotonic()
            if known is not None and (_has(known[0], kid) or now - known[1] < _FETCH_AGAIN_S):
                return known[0] if _has(known[0], kid) else None
            try:
                keys = KeySet.import_key_set(cast(Any, dict(self._fetch(issuer.jwks_uri))))
            except (ComityError, JoseError, KeyError, TypeError, ValueError) as error:
                if known is None:
                    raise UnauthenticatedError(f"the keys of {issuer.issuer} cannot be read now") from error
                keys = known[0]
            self._keys[issuer.issuer] = (keys, now)
            return keys if _has(keys, kid) else None


def _has(keys: KeySet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)


def _claims(
    token: str,
    key: OKPKey | KeySet,
    algorithms: tuple[str, ...],
    issuer: str,
    audience: str,
    kind: str | None,
) -> dict[str, Any]:
    """Signature, type, issuer, audience and times all have to hold."""
    registry = jwt.JWTClaimsRegistry(
        leeway=_LEEWAY_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        decoded = jwt.decode(token, key, algorithms=list(algorithms))
        if kind is not None and decoded.header.get("typ") != kind:
            raise UnauthenticatedError("the token is no access token")
        registry.validate(decoded.claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnauthenticatedError(f"the token is not good: {type(error).__name__}") from error
    return decoded.claims
