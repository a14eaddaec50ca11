"""Telling customers: who wants to hear of what, the calls that follow from events, one call.

Messages follow Standard Webhooks (https://www.standardwebhooks.com): ``webhook-id`` is the same in every try
of a message, so a receiver that has seen it drops the copy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from comity.core import ComityError, Epoch, InputError, UnknownIdError
from comity.operations.events import Event, EventKind, EventLog, kinds_for
from comity.operations.jobs import Job, JobStore, JobWork
from comity.operations.ports import Collection
from comity.operations.subscriptions import (
    check_room,
    fresh_name,
    kept_by,
    kept_earlier,
    kept_one,
    take_in,
)

#: Pauses between the tries of a message (seconds), those Standard Webhooks recommends.
WEBHOOK_PAUSES_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
#: How long a secret that was replaced still signs beside the new one.
OVERLAP_S = 86_400.0
#: Subscriptions a tenant may have.
MOST_WEBHOOKS = 20
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A signing secret (``whsec_…``); ``until``: when it stops signing, None while it is the newest."""

    value: str
    until: Epoch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A tenant's wish to be told. ``after``: number of the newest event already turned into calls."""

    id: str
    tenant: str
    url: str
    kinds: tuple[EventKind, ...]
    secrets: tuple[Secret, ...]
    created: Epoch
    after: int
    state: Literal["active", "paused", "deleted"] = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver answered: HTTP status and the beginning of its body."""

    status: int
    text: str
    retry_after_s: float | None = None


class WebhookError(ComityError):
    """A message did not arrive. ``retry_after_s``: how long the receiver asks to wait."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WebhookSender(Protocol):
    """Posts signed messages."""

    def check(self, url: str) -> None:
        """Raises :class:`comity.core.InputError` for a URL that is never called."""
        ...

    def send(self, url: str, *, id: str, at: Epoch, body: str, secrets: Sequence[str]) -> Answer:
        """Post ``body`` signed with each secret; raises :class:`WebhookError` without an answer."""
        ...


class NoticeWork(JobWork, Protocol):
    """A unit of work with what notices need."""

    @property
    def events(self) -> EventLog: ...
    @property
    def webhooks(self) -> Collection[Webhook]: ...


class NoticeStore(JobStore, Protocol):
    """A job store that keeps events and webhooks."""

    def begin(self) -> NoticeWork: ...

    def read(self) -> NoticeWork: ...


def new_secret() -> str:
    """A fresh signing secret."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def add_webhook(
    store: NoticeStore,
    sender: WebhookSender,
    *,
    tenant: str,
    url: str,
    kinds: Iterable[str] = (),
    now: Epoch,
    id: str | None = None,
) -> Webhook:
    """Keep a tenant's webhook; it hears of what happens from now on. ``kinds``: none means all.

    Its secret is in the answer and is not shown again. ``id``: its name; one of the tenant's that has it
    already is given as it is. Raises :class:`InputError` for an unknown kind, too
    many webhooks, or a URL that may not be called.
    """
    offered = kinds_for(tenant)
    wanted = tuple(dict.fromkeys(kinds)) or offered
    for kind in wanted:
        if kind not in offered:
            raise InputError(f"kinds: {kind!r} is no kind of event; there are {', '.join(offered)}")
    sender.check(url)
    with store.begin() as work:
        if earlier := kept_earlier(work.webhooks, id, tenant):
            return earlier
        check_room(work.webhooks, "webhook", tenant, MOST_WEBHOOKS)
        webhook = Webhook(
            id=fresh_name(work.webhooks, id, tenant, "webhook", work),
            tenant=tenant,
            url=url,
            kinds=cast("tuple[EventKind, ...]", wanted),
            secrets=(Secret(value=new_secret()),),
            created=now,
            after=work.events.last(),
        )
        work.webhooks.put(webhook)
    return webhook


def webhooks_of(store: NoticeStore, tenant: str) -> list[Webhook]:
    """A tenant's webhooks, oldest first."""
    with store.read() as work:
        return kept_by(work.webhooks, tenant)


def webhook_of(work: NoticeWork, id: str, tenant: str) -> Webhook:
    """One webhook of a tenant; another tenant's is as unknown as none."""
    return kept_one(work.webhooks, "webhook", id, tenant)


def change_webhook(
    store: NoticeStore,
    id: str,
    *,
    tenant: str,
    state: Literal["active", "paused", "deleted"],
) -> Webhook:
    """Pause, resume or delete a webhook. A paused one still collects what it is told when it resumes."""
    with store.begin() as work:
        webhook = replace(webhook_of(work, id, tenant), state=state)
        if state == "deleted":
            webhook = replace(webhook, secrets=())
        work.webhooks.put(webhook)
    return webhook


def rotate_secret(store: NoticeStore, id: str, *, tenant: str, now: Epoch) -> Webhook:
    """Give a webhook a new secret; the old one signs beside it for :data:`OVERLAP_S`."""
    with store.begin() as work:
        webhook = webhook_of(work, id, tenant)
        kept = tuple(
            replace(secret, until=secret.until or now + OVERLAP_S)
            for secret in webhook.secrets
            if secret.until is None or secret.until > now
        )
        webhook = replace(webhook, secrets=(Secret(value=new_secret()), *kept[:2]))
        work.webhooks.put(webhook)
    return webhook


def send_test_message(store: NoticeStore, id: str, *, tenant: str, now: Epoch) -> Job:
    """Queue a message of the type ``webhook.test``."""
    with store.begin() as work:
        webhook = webhook_of(work, id, tenant)
        message = {"type": "webhook.test", "timestamp": now.iso(), "data": {"webhook": webhook.id}}
        return _queue(work, webhook, f"{webhook.id}/test/{secrets.token_hex(8)}", message, now)


def notice_events(store: NoticeStore, *, now: Epoch, limit: int = 500) -> int:
    """Turn events into calls, each once for each webhook that wants it; returns how many were queued."""
    with store.begin() as work:

        def call(webhook: Webhook, event: Event) -> None:
            message = {"type": event.kind, "timestamp": event.at.iso(), "data": dict(event.data)}
            _queue(work, webhook, event.id, message, now)

        return take_in(
            work.events,
            work.webhooks,
            "active",
            lambda webhook, event: event.kind in webhook.kinds,
            call,
            lambda webhook, after: replace(webhook, after=after),
            limit=limit,
        )


def _queue(work: NoticeWork, webhook: Webhook, event: str, message: Mapping[str, Any], now: Epoch) -> Job:
    digest = hashlib.sha256(f"{webhook.id} {event}".encode()).hexdigest()[:32]
    return work.jobs.add(
        "webhook",
        {"webhook": webhook.id, "message": f"msg_{digest}", "event": event, "body": message},
        now=now,
        tenant=webhook.tenant,
        key=f"msg_{digest}",
        most_runs=len(WEBHOOK_PAUSES_S) + 1,
    )


def call_webhook(
    store: NoticeStore, sender: WebhookSender, payload: Mapping[str, Any], *, tenant: str, now: Epoch
) -> dict[str, Any]:
    """One try of a message; what comes of it as plain data.

    Raises :class:`WebhookError` where it is worth another try: no answer, or none of 2xx. 410 Gone pauses
    the webhook, as the receiver asks for; a webhook that is gone or paused meanwhile is not called.
    """
    with store.read() as work:
        try:
            webhook = webhook_of(work, payload["webhook"], tenant)
        except UnknownIdError:
            return {"called": False, "why": "the webhook was deleted"}
    if webhook.state == "paused":
        raise WebhookError(f"{webhook.id} is paused")
    signing = [s.value for s in webhook.secrets if s.until is None or s.until > now]
    body = json.dumps(payload["body"], separators=(",", ":"), ensure_ascii=False)
    answer = sender.send(webhook.url, id=payload["message"], at=now, body=body, secrets=signing)
    if 200 <= answer.status < 300:
        return {"called": True, "status": answer.status}
    if answer.status == 410:
        change_webhook(store, webhook.id, tenant=tenant, state="paused")
        return {"called": True, "status": 410, "why": "gone: the webhook is paused"}
    raise WebhookError(f"{answer.status}: {answer.text[:200]}", answer.retry_after_s)
