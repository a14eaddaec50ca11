"""Reading the append-only log of changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from comity.server.dependencies import Limit, OperatorDep, scoped
from comity.server.identity import Caller
from comity.server.operator import Operator
from comity.server.settings import Settings

Auditor = Annotated[Caller, scoped("audit:read")]


class EntryOut(BaseModel):
    """One deed; each request has an entry before it (no outcome) and one after."""

    seq: int
    at: str = Field(description="By the machine's clock.")
    request: str
    tenant: str
    role: str
    credential: str
    action: str = Field(examples=["POST", "LOGIN"])
    subject: str
    outcome: int | None = Field(description="HTTP status; null before the deed.")
    digest: str = Field(description="SHA-256 of the body.")
    chain: str = Field(description="SHA-256 over this entry and the one before.")


class AuditOut(BaseModel):
    """A page of the log, oldest first."""

    entries: list[EntryOut]
    next: int | None = Field(description="Give it as ``after`` to go on.")


class CheckOut(BaseModel):
    """Whether the log is as it was written."""

    whole: bool
    first_broken: int | None


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Routes of the log."""
    routes = APIRouter(tags=["Audit"])

    @routes.get("/audit", summary="The log of changes")
    def entries(
        operator: OperatorDep,
        caller: Auditor,
        after: Annotated[int, Query(ge=0, le=2**53)] = 0,
        tenant: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 100,
    ) -> AuditOut:
        found = operator.audit.read(after=after, limit=limit, tenant=tenant)
        return AuditOut(
            entries=[
                EntryOut(
                    seq=each.seq,
                    at=each.at.iso(6),
                    request=each.request,
                    tenant=each.tenant,
                    role=each.role,
                    credential=each.name,
                    action=each.action,
                    subject=each.subject,
                    outcome=each.outcome,
                    digest=each.digest,
                    chain=each.chain,
                )
                for each in found
            ],
            next=found[-1].seq if len(found) == limit else None,
        )

    @routes.get("/audit/check", summary="Is the log as it was written?")
    def check(operator: OperatorDep, caller: Auditor) -> CheckOut:
        broken = operator.audit.broken()
        return CheckOut(whole=broken is None, first_broken=broken)

    return routes
