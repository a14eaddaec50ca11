"""How a server is run: limits, lifetimes and who else's tokens it believes; read from a file, too."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from comity.core import InputError

#: The names of :mod:`comity.operations.schedules`, which is slow to import.
STANDING = ("plan", "approve", "execute", "process", "close")
_ROLES = ("operator", "planner", "partner", "customer")
_MAX_FILE = 1 << 20


def is_safe_url(url: str) -> bool:
    """Whether keys may be fetched there: https, or http on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignIssuer:
    """An OpenID Connect provider whose access tokens are believed.

    ``jwks_uri``: where its public keys are; without it they are found by discovery
    (``ISSUER/.well-known/openid-configuration``). ``audience``: what its tokens must be meant for; not a
    client's id, else a login's ID token passes for an access token. ``leeway_s``: how far its clock may be
    from ours.

    ``tenant_claim``, ``role_claim``: the claims that say whose and in which role; a name with dots is looked
    for inside (``realm_access.roles``). ``tenants`` maps what the claim says to tenants, ``tenant`` is that
    of all its tokens. ``roles`` maps words of the claim (a word or a list of words) to roles: the first that
    fits counts. A token that names no tenant and role of the programme is refused.
    """

    issuer: str
    audience: str
    jwks_uri: str | None = None
    tenant_claim: str = "comity_tenant"
    role_claim: str = "comity_role"
    tenant: str | None = None
    tenants: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    leeway_s: int = 30

    def __post_init__(self) -> None:
        for name, url in (("issuer", self.issuer), ("jwks_uri", self.jwks_uri)):
            if url is not None and not is_safe_url(url):
                raise InputError(f"{name} {url!r} must be an https:// address")
        if not self.audience:
            raise InputError(f"issuer {self.issuer} needs an audience: what its tokens are meant for")
        if not 0 <= self.leeway_s <= 300:
            raise InputError(f"leeway_s {self.leeway_s} is outside 0…300")
        for word, role in self.roles.items():
            if role not in _ROLES:
                raise InputError(
                    f"roles: {word!r} is mapped to {role!r}, which is none of {', '.join(_ROLES)}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What the operator does without being asked (:mod:`comity.operations.schedules`).

    ``active``: the standing work that is on when a database is new; ``insist``: also when it is not, whatever
    was paused or resumed in it. ``simulate``: outcomes are drawn as the programme's time passes; for
    demonstrations. ``plan_every_s``: least time between two plans; ``settle_s``: how long after a change one
    is made; ``plan_limit_s``: what the solver may take. ``max_pixels``: of one image. ``look_s``: how often
    it is looked whether there is anything to do. Times are the machine's.
    """

    active: tuple[str, ...] = ("plan", "execute", "process", "close")
    insist: bool = False
    simulate: bool = False
    plan_every_s: float = 600.0
    settle_s: float = 30.0
    plan_limit_s: float = 30.0
    max_pixels: int = 20_000_000
    look_s: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if unknown := [name for name in self.active if name not in STANDING]:
            raise InputError(f"{unknown[0]!r} is no standing work; there are {', '.join(STANDING)}")
        if not 0.0 <= self.plan_every_s <= 30 * 86_400.0:
            raise InputError(f"{self.plan_every_s:g} s between two plans is outside 0 … 30 days")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator of a server may choose; the defaults are safe on the open network.

    ``base_url``: the address customers use, without a slash at its end; every link begins with it.
    ``max_body_bytes`` and ``max_body_s``: the largest body taken, and how long one may take to come.
    ``requests_per_minute``, ``burst``: for each credential, and for each address without one.
    ``logins_per_minute``: attempts for each address and user. ``tries_per_minute``: bad tokens and keys for
    each address. ``token_s``: lifetime of an access token.
    ``idempotency_s``: how long the answer to an idempotency key is kept; ``lease_s``: how long a key is held
    for a worker that does not answer. ``job_threads``: background jobs done at once by this process, 0 for
    none; ``job_lease_s``: how long after a worker's death its job is taken up by another; ``job_grace_s``:
    what jobs under way are given to end by themselves when the server stops.
    ``plan_lead_s``: approved activities that begin within that time are not planned anew.
    ``automation``: what is done without being asked, None for nothing.
    ``allowed_networks``: networks that customers' webhooks and buckets may be in although they are not
    public. ``to``, ``endpoint``: the bucket that products are published to and, by servers whose folder lacks
    them, read from; about ``cache_bytes`` of what was read stay in the folder.
    ``cors_origins``: none by default. ``public_metrics``: whether ``/metrics`` needs no token.
    ``prepare``: work out the fleet's states when the server starts, so that the first customer need not
    wait for them.
    """

    base_url: str = "http://127.0.0.1:8080"
    max_body_bytes: int = 10 * 2**20
    max_body_s: float = 30.0
    requests_per_minute: float = 1200.0
    burst: int = 200
    logins_per_minute: float = 10.0
    tries_per_minute: float = 60.0
    token_s: int = 3600
    idempotency_s: float = 86_400.0
    lease_s: float = 60.0
    page_limit: int = 100
    max_page_limit: int = 1000
    max_plan_s: float = 60.0
    plan_lead_s: float = 6 * 3600.0
    cors_origins: tuple[str, ...] = ()
    issuers: tuple[ForeignIssuer, ...] = ()
    public_metrics: bool = False
    prepare: bool = False
    job_threads: int = 1
    job_lease_s: float = 30.0
    job_grace_s: float = 10.0
    automation: Automation | None = None
    allowed_networks: tuple[str, ...] = ()
    to: str | None = None
    endpoint: str | None = None
    cache_bytes: int = 2 * 2**30

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname or self.base_url.endswith("/"):
            raise InputError(
                f"base URL {self.base_url!r} must be http(s)://HOST[:PORT][/PATH] without a slash at its end"
            )
        for name, most in (("job_threads", 64), ("token_s", 30 * 86_400)):
            least, value = int(name == "token_s"), getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"{name} {value} is outside {least}…{most}")
        for name in ("requests_per_minute", "burst", "logins_per_minute", "tries_per_minute"):
            rate = getattr(self, name)
            if not (math.isfinite(rate) and rate >= 1):
                raise InputError(f"{name} {rate:g} is below 1: nobody would be answered")
        if self.endpoint is not None and self.to is None:
            raise InputError("endpoint says where s3://BUCKET is: name the bucket too (to, --to)")
        for origin in self.cors_origins:
            if origin == "*" or urlsplit(origin).scheme not in ("http", "https"):
                raise InputError(f"CORS origin {origin!r} must be one http(s) origin, not a pattern")

    @property
    def https(self) -> bool:
        """Whether customers come by https (perhaps through a proxy that ends it)."""
        return self.base_url.startswith("https://")


def read_settings(path: Path | None, *, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Settings:
    """Settings of a TOML file; what it does not say is of ``defaults``, what is ``given`` counts more.

    A key of the file is a field of :class:`Settings`, ``[automation]`` an :class:`Automation`, each
    ``[[issuers]]`` a :class:`ForeignIssuer`. Raises :class:`InputError` naming file, key and what may stand
    there.
    """
    said = {} if path is None else settings_from_text(_text_of(path), str(path))
    return Settings(
        **{**defaults, **said, **{name: each for name, each in given.items() if each is not None}}
    )


def settings_from_text(text: str, name: str) -> dict[str, Any]:
    """Values of settings from TOML; ``name`` says whose in errors."""
    try:
        read = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name} is no TOML: {error}") from error
    automation = read.pop("automation", None)
    if automation is not None and not isinstance(automation, dict):
        raise InputError(f"{name}: automation must be a table, begun by [automation]")
    issuers = read.pop("issuers", [])
    if not isinstance(issuers, list) or not all(isinstance(each, dict) for each in issuers):
        raise InputError(f"{name}: issuers must be tables, each begun by [[issuers]]")
    values = _checked(Settings, read, name)
    try:
        found = tuple(ForeignIssuer(**_checked(ForeignIssuer, each, "issuers")) for each in issuers)
        if len({each.issuer for each in found}) < len(found):
            raise InputError("an issuer stands there twice")
        if automation is not None:
            values["automation"] = Automation(**_checked(Automation, automation, "automation"))
        Settings(**values)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return values | ({"issuers": found} if found else {})


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"settings {path} cannot be read: {error.strerror or error}") from error
    if len(content) > _MAX_FILE:
        raise InputError(f"settings {path} has more than {_MAX_FILE:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"settings {path} is no UTF-8 text") from error


def _checked(kind: type[Any], read: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The values of a table by the fields' names and types."""
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}
    values = {}
    for key, value in read.items():
        if key not in known:
            raise InputError(f"{name}: {key!r} is no setting; there are {', '.join(sorted(known))}")
        values[key] = _value(hints[key], value, f"{name}: {key}")
    for key, each in known.items():
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and key not in values:
            raise InputError(f"{name}: {key} is missing")
    return values


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint is bool:
        fits, wanted = isinstance(value, bool), "true or false"
    elif hint is int:
        fits, wanted = type(value) is int and value >= 0, "an integer, 0 or more"
    elif hint is float:
        fits = type(value) in (int, float) and math.isfinite(value) and value > 0
        wanted = "a number over 0"
        value = float(value) if fits else value
    elif hint in (str, str | None):
        fits, wanted = isinstance(value, str), "text"
    elif hint == Mapping[str, str]:
        fits = isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
        wanted = "a table of texts"
    else:
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        wanted = "a list of texts"
        value = tuple(value) if fits else value
    if not fits:
        raise InputError(f"{where} is {value!r}, it must be {wanted}")
    return value
