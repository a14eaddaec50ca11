"""How a server is run: limits, lifetimes and who else's tokens it believes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from comity.core import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignIssuer:
    """An OpenID Connect provider whose access tokens are believed.

    ``jwks_uri``: where its public keys are. ``audience``: what its tokens must be meant for.
    ``tenant_claim`` / ``role_claim``: the claims that say whose and in which role; a token without them,
    or with a tenant the programme does not know, is refused.
    """

    issuer: str
    jwks_uri: str
    audience: str
    tenant_claim: str = "comity_tenant"
    role_claim: str = "comity_role"

    def __post_init__(self) -> None:
        for name in ("issuer", "jwks_uri"):
            url = urlsplit(getattr(self, name))
            local = url.hostname in ("127.0.0.1", "::1", "localhost")
            if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and local)):
                raise InputError(f"{name} {getattr(self, name)!r} must be an https:// address")


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
    none; ``job_lease_s``: how long after a worker's death its job is taken up by another.
    ``allowed_networks``: networks that customers' webhooks and buckets may be in although they are not
    public. ``cors_origins``: none by default. ``public_metrics``: whether
    ``/metrics`` needs no token. ``prepare``: work out the fleet's states when the server starts, so that the
    first customer need not wait for them.
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
    cors_origins: tuple[str, ...] = ()
    issuers: tuple[ForeignIssuer, ...] = ()
    public_metrics: bool = False
    prepare: bool = False
    job_threads: int = 1
    job_lease_s: float = 30.0
    allowed_networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname or self.base_url.endswith("/"):
            raise InputError(
                f"base URL {self.base_url!r} must be http(s)://HOST[:PORT][/PATH] without a slash at its end"
            )
        for origin in self.cors_origins:
            if origin == "*" or urlsplit(origin).scheme not in ("http", "https"):
                raise InputError(f"CORS origin {origin!r} must be one http(s) origin, not a pattern")

    @property
    def https(self) -> bool:
        """Whether customers come by https (perhaps through a proxy that ends it)."""
        return self.base_url.startswith("https://")
