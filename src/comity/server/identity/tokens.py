"""Our own access tokens (RFC 9068, Ed25519), and what makes any token good."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, cast
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, OKPKey

from comity.operations.identity import CredentialStore
from comity.server.problems import UnauthenticatedError

OUR_ALGORITHM = "Ed25519"
_LEEWAY_S = 30
#: A token longer than this is not looked at.
MAX_TOKEN = 8192
#: Keys are read again at most this often (s), when a token names one that is not known.
_REREAD_S = 10.0


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
        return verified(token, key, (OUR_ALGORITHM,), self._issuer, self._audience, _LEEWAY_S, "at+jwt")

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


def verified(
    token: str,
    key: Key,
    algorithms: tuple[str, ...],
    issuer: str,
    audience: str,
    leeway_s: int,
    kind: str | None = None,
) -> dict[str, Any]:
    """The claims of a token whose signature, type, issuer, audience and times all hold.

    ``leeway_s``: how far clocks may be apart. Raises :class:`UnauthenticatedError`.
    """
    registry = jwt.JWTClaimsRegistry(
        leeway=leeway_s,
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
    except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UnauthenticatedError(f"the token is not good: {type(error).__name__}") from error
    return decoded.claims
