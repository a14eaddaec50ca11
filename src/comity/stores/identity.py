"""Credentials, signing keys, the audit log and idempotency keys in the operator's database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from comity.core import Epoch, StateError, UnknownIdError, decode, encode
from comity.operations.identity import (
    AuditEntry,
    Credential,
    KeptAnswer,
    KeyHeldError,
    KeyReusedError,
)
from comity.stores import schema
from comity.stores.database import reading, transaction

#: What the first entry of the log is chained to.
_ROOT = "0" * 64


class SqlCredentials:
    """A :class:`comity.operations.identity.CredentialStore` in the operator's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def find(self, id: str) -> Credential | None:
        """The credential of this id."""
        table = schema.credentials
        with transaction(self._reading) as connection:
            body = connection.scalar(select(table.c.body).where(table.c.id == id))
        return None if body is None else decode(Credential, body)

    def add(self, credential: Credential) -> None:
        """Keep a new credential."""
        row = {"id": credential.id, "tenant": credential.tenant, "body": encode(credential)}
        with transaction(self._engine) as connection:
            try:
                connection.execute(insert(schema.credentials).values(**row))
            except IntegrityError as error:
                raise StateError(f"credential {credential.id!r} exists already: choose another id") from error

    def revoke(self, id: str, at: Epoch) -> None:
        """Let it never be used again."""
        table = schema.credentials
        with transaction(self._engine) as connection:
            body = connection.scalar(select(table.c.body).where(table.c.id == id))
            if body is None:
                raise UnknownIdError("credential", id)
            if body["revoked"] is None:
                body = {**body, "revoked": encode(at)}
                connection.execute(update(table).where(table.c.id == id).values(body=body))

    def of(self, tenant: str | None) -> list[Credential]:
        """Those of a tenant, or of all."""
        table = schema.credentials
        query = select(table.c.body).order_by(table.c.seq)
        if tenant is not None:
            query = query.where(table.c.tenant == tenant)
        with transaction(self._reading) as connection:
            return [decode(Credential, body) for body in connection.scalars(query)]

    def signing_keys(self) -> list[Mapping[str, Any]]:
        """The server's private JWKs, newest first."""
        table = schema.signing_keys
        with transaction(self._reading) as connection:
            return list(connection.scalars(select(table.c.body).order_by(table.c.seq.desc())))

    def add_signing_key(self, key: Mapping[str, Any]) -> None:
        """Sign with this key from now on."""
        with transaction(self._engine) as connection:
            connection.execute(insert(schema.signing_keys).values(body=dict(key)))


class SqlAuditLog:
    """A :class:`comity.operations.identity.AuditLog` whose table takes no UPDATE and no DELETE."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

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
        """Add an entry at the end; one writer at a time, so that the chain has no forks."""
        table = schema.audit
        row: dict[str, Any] = {
            "at": at.iso(6), "request": request, "tenant": tenant, "role": role, "name": name,
            "action": action, "subject": subject, "outcome": outcome, "digest": digest,
        }  # fmt: skip
        with transaction(self._engine) as connection:
            last = connection.execute(
                select(table.c.seq, table.c.chain).order_by(table.c.seq.desc()).limit(1)
            ).first()
            seq, before = (1, _ROOT) if last is None else (last.seq + 1, last.chain)
            connection.execute(insert(table).values(seq=seq, chain=_chained(before, seq, row), **row))

    def read(self, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> list[AuditEntry]:
        """Entries after number ``after``, oldest first."""
        table = schema.audit
        query = select(table).where(table.c.seq > after).order_by(table.c.seq).limit(limit)
        if tenant is not None:
            query = query.where(table.c.tenant == tenant)
        with transaction(self._reading) as connection:
            rows = connection.execute(query).mappings().all()
        return [AuditEntry(**{**row, "at": Epoch.from_iso(row["at"])}) for row in rows]

    def broken(self) -> int | None:
        """Number of the first entry whose chain does not hold."""
        table = schema.audit
        before, number = _ROOT, 0
        with transaction(self._reading) as connection:
            for found in connection.execute(select(table).order_by(table.c.seq)).mappings():
                row = dict(found)
                seq, chain = int(row.pop("seq")), str(row.pop("chain"))
                number += 1
                if seq != number or chain != _chained(before, seq, row):
                    return number
                before = chain
        return None


def _chained(before: str, seq: int, row: Mapping[str, Any]) -> str:
    text = json.dumps([before, seq, *(row[name] for name in sorted(row))], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class SqlIdempotency:
    """A :class:`comity.operations.identity.IdempotencyStore` in the operator's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(
        self, tenant: str, key: str, fingerprint: str, *, at: Epoch, lease_s: float, keep_s: float
    ) -> KeptAnswer | None:
        """Hold the key for this request, or give the answer that it has had."""
        table = schema.idempotency
        now_s = at.utc_unix_ns / 1e9
        mine = (table.c.tenant == tenant) & (table.c.key == key)
        values = {"fingerprint": fingerprint, "held_until": now_s + lease_s, "kept_until": now_s + keep_s}
        with transaction(self._engine) as connection:
            connection.execute(delete(table).where(table.c.kept_until < now_s))
            row = connection.execute(select(table).where(mine)).first()
            if row is None:
                connection.execute(insert(table).values(tenant=tenant, key=key, **values))
                return None
            if row.fingerprint != fingerprint:
                raise KeyReusedError
            if row.status is not None:
                return KeptAnswer(
                    status=row.status, media_type=row.media_type, headers=row.headers, body=row.body
                )
            if row.held_until > now_s:
                raise KeyHeldError(row.held_until - now_s)
            connection.execute(update(table).where(mine).values(**values))
            return None

    def keep(self, tenant: str, key: str, answer: KeptAnswer) -> None:
        """The answer, for whoever asks again."""
        table = schema.idempotency
        with transaction(self._engine) as connection:
            connection.execute(
                update(table)
                .where((table.c.tenant == tenant) & (table.c.key == key))
                .values(
                    status=answer.status,
                    media_type=answer.media_type,
                    headers=dict(answer.headers),
                    body=answer.body,
                )
            )

    def release(self, tenant: str, key: str) -> None:
        """Nothing was done under the key: it may be used anew."""
        table = schema.idempotency
        with transaction(self._engine) as connection:
            connection.execute(delete(table).where((table.c.tenant == tenant) & (table.c.key == key)))
