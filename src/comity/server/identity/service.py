"""The identity service: makes credentials, trades them for tokens, and says who is calling."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from comity.core import Epoch, UnknownIdError
from comity.operations.identity import Credential, CredentialKind, CredentialStore, Role
from comity.server.identity.caller import OPERATOR_TENANT, ROLE_SCOPES, Caller
from comity.server.identity.foreign import FetchDocument, ForeignTokens
from comity.server.identity.tokens import MAX_TOKEN, TokenSigner
from comity.server.problems import FieldError, ForbiddenError, TokenRefusedError, UnauthenticatedError
from comity.server.settings import Settings

#: How an API key looks: cmk_ID_SECRET. The prefix lets scanners find leaked ones.
KEY = re.compile(r"cmk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,99}")
MIN_PASSWORD, MAX_PASSWORD = 12, 1024
#: Credentials that a tenant may have in a role: each has a share of the requests of its own.
MOST_CREDENTIALS = 200
#: A revoked credential may be believed for so long (s) by a worker that has just looked.
RECHECK_S = 2.0
_CACHED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token as OAuth2 answers it."""

    access_token: str
    expires_in: int
    scope: str


class Identity:
    """Who is who. ``tenants`` says which role a tenant of the programme may hold, None for an unknown one."""

    def __init__(
        self,
        store: CredentialStore,
        settings: Settings,
        *,
        tenants: Callable[[str], frozenset[Role]],
        fetch: FetchDocument,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._tenants = tenants
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        self.signer = TokenSigner(store, settings.base_url, settings.base_url)
        self._foreign = ForeignTokens(settings.issuers, fetch, tenants)
        self._seen: dict[str, tuple[Credential | None, float]] = {}
        self._lock = threading.Lock()

    # -- making credentials ---------------------------------------------------------------------------

    def make(
        self,
        *,
        kind: CredentialKind,
        tenant: str,
        role: Role,
        by: str,
        scopes: Iterable[str] | None = None,
        id: str | None = None,
        title: str = "",
        password: str | None = None,
        expires: Epoch | None = None,
    ) -> tuple[Credential, str]:
        """A new credential and its secret, which nobody can read again (a user's is the password given)."""
        allowed = ROLE_SCOPES[role]
        asked = allowed if scopes is None else frozenset(scopes)
        if extra := sorted(asked - allowed):
            raise FieldError(
                f"scope {extra[0]!r} is not one that role {role} may hold: {', '.join(sorted(allowed))}",
                field="body.scopes",
                value=extra[0],
                limit=", ".join(sorted(allowed)),
            )
        if role not in self._tenants(tenant):
            raise FieldError(
                f"tenant {tenant!r} cannot hold role {role}: customers and partners are those of the "
                f"programme, operators and planners belong to {OPERATOR_TENANT!r}",
                field="body.tenant",
                value=tenant,
            )
        now = machine_now()
        living = sum(each.role == role and each.good(now) for each in self._store.of(tenant))
        if living >= MOST_CREDENTIALS:
            raise FieldError(
                f"{tenant} has {living} credentials as {role}, the limit is {MOST_CREDENTIALS}: revoke one",
                field="body",
                limit=MOST_CREDENTIALS,
            )
        if expires is not None and expires <= now:
            raise FieldError(
                f"expiry {expires} is past, it is {now}", field="body.expires", value=expires.iso(0)
            )
        if kind == "user":
            secret, secret_hash = self._password(password)
        else:
            secret = secrets.token_urlsafe(32)
            secret_hash = hashlib.sha256(secret.encode()).hexdigest()
        if kind == "key":
            id = _key_id()
        elif id is None:
            id = f"{tenant}.{_key_id()}"
        elif not NAME.fullmatch(id):
            raise FieldError(
                f"id {id!r} must have 2 to 100 letters, digits or . _ @ -",
                field="body.id",
                value=id,
                limit=100,
            )
        credential = Credential(
            id=id,
            kind=kind,
            tenant=tenant,
            role=role,
            scopes=tuple(sorted(asked)),
            title=title,
            secret_hash=secret_hash,
            created=now,
            created_by=by,
            expires=expires,
        )
        self._store.add(credential)
        return credential, f"cmk_{id}_{secret}" if kind == "key" else secret

    def _password(self, password: str | None) -> tuple[str, str]:
        if password is None or not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise FieldError(
                f"a password needs {MIN_PASSWORD} to {MAX_PASSWORD} characters",
                field="body.password",
                limit=MIN_PASSWORD,
            )
        return password, self._hasher.hash(password)

    def revoke(self, id: str, *, by: Caller) -> None:
        """End a credential of the caller's tenant (any tenant's with ``identity:write``)."""
        credential = self._store.find(id)
        if credential is None or not _may_see(by, credential):
            raise UnknownIdError("credential", id)
        self._store.revoke(id, machine_now())
        with self._lock:
            self._seen.pop(id, None)

    def listed(self, by: Caller) -> list[Credential]:
        """The credentials the caller may see: the tenant's own, or all with ``identity:write``."""
        found = self._store.of(None if "identity:write" in by.scopes else by.tenant)
        return [each for each in found if _may_see(by, each)]

    # -- trading them for tokens ----------------------------------------------------------------------

    def client_token(self, client_id: str, secret: str, scope: str | None) -> Token:
        """OAuth2 client credentials grant."""
        credential = self._good("client", client_id)
        given = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        kept = credential.secret_hash if credential is not None else "0" * 64
        if not hmac.compare_digest(given, kept) or credential is None:
            raise UnauthenticatedError("no such client, or another secret")
        return self.token_of(credential, scope)

    def user_token(self, name: str, password: str, scope: str | None) -> Token:
        """OAuth2 password grant, for the embedded default's own users."""
        credential = self._good("user", name)
        kept = credential.secret_hash if credential is not None else self._nobody
        try:
            # A name nobody has takes as long as a wrong password.
            fits = len(password) <= MAX_PASSWORD and self._hasher.verify(kept, password)
        except (Argon2Error, InvalidHashError, UnicodeError):
            fits = False
        if not fits or credential is None:
            raise UnauthenticatedError("no such user, or another password")
        return self.token_of(credential, scope)

    def token_of(self, credential: Credential, scope: str | None = None) -> Token:
        """A token for a good credential, with all its scopes or fewer."""
        asked = credential.scopes if not scope else tuple(dict.fromkeys(scope.split()))
        if extra := [each for each in asked if each not in credential.scopes]:
            raise TokenRefusedError(
                f"scope {extra[0]!r} is not of this credential", oauth="invalid_scope", field="body.scope",
                value=extra[0], limit=" ".join(credential.scopes),
            )  # fmt: skip
        claims = {
            "sub": credential.id,
            "client_id": credential.id,
            "scope": " ".join(asked),
            "tenant": credential.tenant,
            "role": credential.role,
        }
        lifetime_s = self._settings.token_s
        if credential.expires is not None:
            lifetime_s = max(1, min(lifetime_s, int(credential.expires - machine_now())))
        return Token(
            access_token=self.signer.sign(claims, lifetime_s), expires_in=lifetime_s, scope=" ".join(asked)
        )

    def _good(self, kind: CredentialKind, id: str) -> Credential | None:
        credential = self._store.find(id) if NAME.fullmatch(id) else None
        if credential is None or credential.kind != kind or not credential.good(machine_now()):
            return None
        return credential

    # -- who is calling -------------------------------------------------------------------------------

    def authenticate(self, authorization: str | None, api_key: str | None) -> Caller | None:
        """The caller by ``Authorization: Bearer`` (a token or an API key) or ``X-API-Key``; None for nobody.

        Raises :class:`UnauthenticatedError` for what is shown and not good.
        """
        if authorization is not None and api_key is not None:
            raise UnauthenticatedError("both Authorization and X-API-Key are given: send one")
        if api_key is not None:
            return self._by_key(api_key.strip())
        if authorization is None:
            return None
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthenticatedError("the Authorization header must be 'Bearer TOKEN'")
        value = value.strip()
        return self._by_key(value) if value.startswith("cmk_") else self._by_token(value)

    def _by_key(self, key: str) -> Caller:
        parts = KEY.fullmatch(key)
        credential = self._current(parts[1]) if parts else None
        if parts is None or credential is None or credential.kind != "key":
            raise UnauthenticatedError("the API key is not good")
        given = hashlib.sha256(parts[2].encode()).hexdigest()
        if not hmac.compare_digest(given, credential.secret_hash):
            raise UnauthenticatedError("the API key is not good")
        return _caller(credential, credential.scopes)

    def _by_token(self, token: str) -> Caller:
        if len(token) > MAX_TOKEN:
            raise UnauthenticatedError(f"the token is longer than {MAX_TOKEN} characters")
        header, unverified = _peek(token)
        issuer = unverified.get("iss")
        if issuer == self._settings.base_url:
            claims = self.signer.verify(token, str(header.get("kid", "")))
            credential = self._current(str(claims["sub"]))
            if credential is None:
                raise UnauthenticatedError("the token's credential is revoked or has expired")
            granted = (each for each in str(claims.get("scope", "")).split() if each in credential.scopes)
            return _caller(credential, granted)
        return self._foreign.caller(token, header, issuer)

    def _current(self, id: str) -> Credential | None:
        """The credential if it is good, looked up at most every :data:`RECHECK_S`."""
        now_s = time.monotonic()
        known = self._seen.get(id)
        if known is None or now_s - known[1] > RECHECK_S:
            known = (self._store.find(id), now_s)
            with self._lock:
                if len(self._seen) >= _CACHED:
                    self._seen.clear()
                self._seen[id] = known
        credential = known[0]
        if credential is None or not credential.good(machine_now()):
            return None
        # A customer or partner that left the programme has no say any more.
        return credential if credential.role in self._tenants(credential.tenant) else None


def _caller(credential: Credential, scopes: Iterable[str]) -> Caller:
    return Caller(
        tenant=credential.tenant, role=credential.role, scopes=frozenset(scopes), name=credential.id
    )


def _may_see(by: Caller, credential: Credential) -> bool:
    """Whether a credential is the caller's tenant's: one in another role is not (a partner may be called as a
    customer is, and planners do not see operators')."""
    own = (credential.tenant, credential.role) == (by.tenant, by.role)
    return own or "identity:write" in by.scopes


def _peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A token's header and claims before anything is verified: only to choose by which key to verify."""
    try:
        first, second, _ = token.split(".")
        header, claims = (json.loads(base64.urlsafe_b64decode(f"{p}===")) for p in (first, second))
    except (ValueError, RecursionError) as error:
        raise UnauthenticatedError("the token is no JWT") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise UnauthenticatedError("the token is no JWT")
    return header, claims


def _key_id() -> str:
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12))


def machine_now() -> Epoch:
    """The machine's clock: credentials and the log live by it, whatever time the programme plays."""
    return Epoch.from_datetime(datetime.now(UTC))


def require(caller: Caller | None, scopes: Iterable[str]) -> Caller:
    """The caller, if it holds all ``scopes``."""
    if caller is None:
        raise UnauthenticatedError("this needs a token or an API key: Authorization: Bearer …")
    if missing := [scope for scope in scopes if scope not in caller.scopes]:
        raise ForbiddenError(f"this needs the scope {missing[0]!r}, which this credential does not hold")
    return caller
