"""Credentials and what is kept of callers' deeds: records and the ports behind which they live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from comity.core import Epoch

Role = Literal["operator", "planner", "partner", "customer"]
#: ``client``: a program with a secret (OAuth2 client credentials); ``user``: a person with a password;
#: ``key``: an API key.
CredentialKind = Literal["client", "user", "key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a caller shows: of its secret only a hash is kept (Argon2id of a password, else SHA-256)."""

    id: str
    kind: CredentialKind
    tenant: str
    role: Role
    scopes: tuple[str, ...]
    title: str
    secret_hash: str
    created: Epoch
    created_by: str
    expires: Epoch | None = None
    revoked: Epoch | None = None

    def good(self, at: Epoch) -> bool:
        """Whether it may be used at ``at``."""
        return self.revoked is None and (self.expires is None or at < self.expires)


class CredentialStore(Protocol):
    """Where credentials and the server's signing keys are kept."""

    def find(self, id: str) -> Credential | None:
        """The credential of this id."""
        ...

    def add(self, credential: Credential) -> None:
        """Keep a new credential; raises :class:`comity.core.StateError` where the id is taken."""
        ...

    def revoke(self, id: str, at: Epoch) -> None:
        """Let it never be used again; once revoked it stays so."""
        ...

    def of(self, tenant: str | None) -> list[Credential]:
        """Those of a tenant, or of all, in the order they were made."""
        ...

    def signing_keys(self) -> list[Mapping[str, Any]]:
        """The server's private JWKs, newest first."""
        ...

    def add_signing_key(self, key: Mapping[str, Any]) -> None:
        """Sign with this key from now on; what earlier ones signed stays good until it ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One deed, as the append-only log keeps it.

    ``at``: by the machine's clock. ``outcome``: HTTP status, None for the entry written before the deed.
    ``digest``: SHA-256 of what was sent. ``chain``: SHA-256 over this entry and the one before, so that a
    removed or altered entry shows.
    """

    seq: int
    at: Epoch
    request: str
    tenant: str
    role: str
    name: str
    action: str
    subject: str
    outcome: int | None
    digest: str
    chain: str


class AuditLog(Protocol):
    """The append-only log of changes."""

    def append(
        self,
        *,
        at: Epoch,
        request: str,
        tenant: str,
        role: str,
        name: str,
        action: str,
        subject: str,
        outcome: int | None,
        digest: str,
    ) -> None:
        """Add an entry at the end."""
        ...

    def read(self, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> list[AuditEntry]:
        """Entries after number ``after``, oldest first."""
        ...

    def broken(self) -> int | None:
        """Number of the first entry whose chain does not hold, None where the whole log is as written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """The answer to a request that was sent with an idempotency key."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    body: bytes


class IdempotencyStore(Protocol):
    """What was answered under which idempotency key of which tenant."""

    def claim(
        self, tenant: str, key: str, fingerprint: str, *, at: Epoch, lease_s: float, keep_s: float
    ) -> KeptAnswer | None:
        """Hold the key for this request, or give the answer that it has had.

        Raises :class:`KeyReusedError` where the key was used for another request, and
        :class:`KeyHeldError` while another worker is at it.
        """
        ...

    def keep(self, tenant: str, key: str, answer: KeptAnswer) -> None:
        """The answer, for whoever asks again."""
        ...

    def release(self, tenant: str, key: str) -> None:
        """Nothing was done under the key: it may be used anew."""
        ...


class KeyReusedError(Exception):
    """The idempotency key belongs to another request."""


class KeyHeldError(Exception):
    """A request with this idempotency key is under way; ``retry_s`` says until when at most."""

    def __init__(self, retry_s: float) -> None:
        super().__init__(retry_s)
        self.retry_s = retry_s
