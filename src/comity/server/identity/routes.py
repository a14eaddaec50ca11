"""``/auth``: tokens, credentials, who am I; and what other services need to verify our tokens."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Any, Literal
from urllib.parse import unquote_plus

from fastapi import APIRouter, Form, Request, Response
from pydantic import AwareDatetime, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from comity.core import Epoch
from comity.operations.identity import Credential, CredentialKind, Role
from comity.server.dependencies import OperatorDep, Wire, scoped
from comity.server.identity.caller import SCOPES, Caller
from comity.server.identity.service import Token, machine_now
from comity.server.limits import RateLimit
from comity.server.operator import Operator
from comity.server.problems import (
    TOKEN_PATH,
    BadClientError,
    FieldError,
    ForbiddenError,
    TokenRefusedError,
    UnauthenticatedError,
    responses,
)
from comity.server.settings import Settings

#: Passwords hashed at once: each takes 64 MiB of memory.
_HASHED_AT_ONCE = 4


class TokenAnswer(BaseModel):
    """OAuth2's answer (RFC 6749 §5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds.")
    scope: str


class Me(BaseModel):
    """Whom the server takes the caller for."""

    tenant: str = Field(examples=["dj-environment"])
    role: Role
    scopes: list[str]
    credential: str


class CredentialIn(Wire):
    """A credential to be made."""

    kind: CredentialKind = Field(
        default="key", description="API key, OAuth2 client, or user with a password."
    )
    title: str = Field(default="", max_length=200, examples=["GIS of the ministry"])
    tenant: str | None = Field(default=None, max_length=200, description="Default: the caller's own.")
    role: Role | None = Field(default=None, description="Default: the caller's own.")
    scopes: list[str] | None = Field(
        default=None, max_length=50, description="Default: all the role may hold and the caller holds."
    )
    id: str | None = Field(
        default=None, max_length=100, description="Of a client or user; keys get their own."
    )
    password: str | None = Field(
        default=None, max_length=1024, description="Of a user; 12 characters or more."
    )
    expires: AwareDatetime | None = None


class CredentialOut(BaseModel):
    """A credential; ``secret`` is told once, when it is made."""

    id: str
    kind: CredentialKind
    title: str
    tenant: str
    role: Role
    scopes: list[str]
    created: str
    expires: str | None
    revoked: str | None
    secret: str | None = Field(default=None, description="The key or client secret. It cannot be read again.")


class Credentials(BaseModel):
    """Credentials, in the order they were made."""

    credentials: list[CredentialOut]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """``/auth/…`` and ``/.well-known/…``."""
    routes = APIRouter(tags=["Identity"])
    logins = RateLimit(settings.logins_per_minute)
    failed = RateLimit(settings.tries_per_minute)
    hashing = asyncio.Semaphore(_HASHED_AT_ONCE)

    @routes.post(
        TOKEN_PATH,
        summary="Trade a client's secret or a user's password for an access token",
        responses=responses(401),
        openapi_extra={"x-comity-keeps": False},
    )
    async def token(
        request: Request,
        operator: OperatorDep,
        response: Response,
        grant_type: Annotated[Literal["client_credentials", "password"], Form()],
        client_id: Annotated[str | None, Form(max_length=200)] = None,
        client_secret: Annotated[str | None, Form(max_length=1024)] = None,
        username: Annotated[str | None, Form(max_length=200)] = None,
        password: Annotated[str | None, Form(max_length=1024)] = None,
        scope: Annotated[str | None, Form(max_length=2000)] = None,
    ) -> TokenAnswer:
        address = request.scope["state"].get("address", "unknown")
        basic = None
        if grant_type == "client_credentials":
            basic = _basic(request)
            name, secret = basic or (client_id, client_secret)
        else:
            name, secret = username, password
        if not name or secret is None:
            needed = (
                "client_id and client_secret" if grant_type == "client_credentials" else "username, password"
            )
            raise TokenRefusedError(
                f"grant {grant_type} needs {needed}", oauth="invalid_request", field="body", limit=needed
            )
        failed.check(address)
        logins.take(f"{address} {name[:200]}")
        trade = (
            operator.identity.client_token
            if grant_type == "client_credentials"
            else operator.identity.user_token
        )
        try:
            async with hashing:
                made: Token = await run_in_threadpool(trade, name, secret, scope)
        except UnauthenticatedError as error:
            await run_in_threadpool(_logged_in, operator, request, name, 401)
            failed.take(address)
            if grant_type == "password":
                raise TokenRefusedError(str(error), oauth="invalid_grant", field="body.password") from error
            raise BadClientError(str(error), basic=basic is not None) from error
        await run_in_threadpool(_logged_in, operator, request, name, 200)
        response.headers["Pragma"] = "no-cache"
        return TokenAnswer(access_token=made.access_token, expires_in=made.expires_in, scope=made.scope)

    @routes.get("/auth/me", summary="Who am I?")
    def me(caller: Annotated[Caller, scoped()]) -> Me:
        return Me(
            tenant=caller.tenant, role=caller.role, scopes=sorted(caller.scopes), credential=caller.name
        )

    @routes.get("/auth/credentials", summary="The tenant's credentials")
    def credentials(operator: OperatorDep, caller: Annotated[Caller, scoped("keys")]) -> Credentials:
        return Credentials(credentials=[_told(each) for each in operator.identity.listed(caller)])

    @routes.post(
        "/auth/credentials",
        summary="Make an API key, a client or a user",
        status_code=201,
        openapi_extra={"x-comity-keeps": False},
    )
    def make(
        operator: OperatorDep, caller: Annotated[Caller, scoped("keys")], asked: CredentialIn
    ) -> CredentialOut:
        tenant, role = asked.tenant or caller.tenant, asked.role or caller.role
        scopes = asked.scopes
        if "identity:write" not in caller.scopes:
            if (tenant, role, asked.kind) != (caller.tenant, caller.role, "key"):
                raise ForbiddenError(
                    "only API keys of the own tenant and role can be made without the scope 'identity:write'"
                )
            scopes = sorted(caller.scopes) if scopes is None else scopes
            if extra := [each for each in scopes if each not in caller.scopes]:
                raise FieldError(
                    f"scope {extra[0]!r} is none that the caller holds", field="body.scopes", value=extra[0],
                    limit=" ".join(sorted(caller.scopes)),
                )  # fmt: skip
        if asked.kind != "user" and asked.password is not None:
            raise FieldError("only a user has a password", field="body.password")
        expires = None if asked.expires is None else Epoch.from_datetime(asked.expires)
        made, secret = operator.identity.make(
            kind=asked.kind,
            tenant=tenant,
            role=role,
            by=caller.name,
            scopes=scopes,
            id=asked.id,
            title=asked.title,
            password=asked.password,
            expires=expires,
        )
        return _told(made, None if made.kind == "user" else secret)

    @routes.delete("/auth/credentials/{credential_id}", summary="Revoke a credential", status_code=204)
    def revoke(operator: OperatorDep, caller: Annotated[Caller, scoped("keys")], credential_id: str) -> None:
        operator.identity.revoke(credential_id, by=caller)

    @routes.get("/.well-known/jwks.json", summary="Public keys of this server's tokens")
    def jwks(operator: OperatorDep) -> dict[str, Any]:
        return operator.identity.signer.public_keys()

    @routes.get("/.well-known/oauth-authorization-server", summary="OAuth2 metadata (RFC 8414)")
    def metadata() -> dict[str, Any]:
        return {
            "issuer": settings.base_url,
            "token_endpoint": f"{settings.base_url}/auth/token",
            "jwks_uri": f"{settings.base_url}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials", "password"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": list(SCOPES),
        }

    return routes


def _basic(request: Request) -> tuple[str, str] | None:
    """Client credentials in an ``Authorization: Basic`` header."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise BadClientError("the Basic header cannot be read", basic=True) from error
    return unquote_plus(name), unquote_plus(secret)


def _logged_in(operator: Operator, request: Request, name: str, outcome: int) -> None:
    operator.audit.append(
        at=machine_now(),
        request=request.scope["state"]["request_id"],
        tenant="",
        role="",
        name=name[:200].encode("utf-8", "backslashreplace").decode(),
        action="LOGIN",
        subject=request.scope["path"],
        outcome=outcome,
        digest="",
    )


def _told(credential: Credential, secret: str | None = None) -> CredentialOut:
    return CredentialOut(
        id=credential.id,
        kind=credential.kind,
        title=credential.title,
        tenant=credential.tenant,
        role=credential.role,
        scopes=list(credential.scopes),
        created=credential.created.iso(0),
        expires=None if credential.expires is None else credential.expires.iso(0),
        revoked=None if credential.revoked is None else credential.revoked.iso(0),
        secret=secret,
    )


__all__ = ["router"]
