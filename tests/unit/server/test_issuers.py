"""Tokens of an OpenID provider, from a settings file to a caller: discovery, keys, roles, what is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from comity.core import InputError
from comity.server.app import create_app
from comity.server.identity import foreign
from comity.server.operator import open_operator
from comity.server.settings import ForeignIssuer, Settings, read_settings
from comity.stores.jwks import fetch_document

ROLES = """
base_url = "http://testserver"
requests_per_minute = 6000
cors_origins = ["https://maps.example"]

[[issuers]]
issuer = "{issuer}"
audience = "comity"
tenant_claim = "org.id"
role_claim = "realm_access.roles"
leeway_s = 20

[issuers.tenants]
"beijing" = "cnsa"
"control-room" = "operator"

[issuers.roles]
"chief" = "operator"
"tasker" = "planner"
"owner" = "partner"
"""


class Issuer:
    """A small OpenID provider: what it publishes, and how often each was asked for."""

    def __init__(self) -> None:
        self.keys: list[Any] = [ECKey.generate_key("P-256", auto_kid=True)]
        self.asked: list[str] = []
        self.name = ""
        self.told: dict[str, Any] = {}

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> dict[str, str]:
        key = key or self.keys[-1]
        now = int(time.time())
        whole = {
            "iss": self.name, "aud": "comity", "sub": "wang", "iat": now, "exp": now + 60,
            "org": {"id": "beijing"}, "realm_access": {"roles": ["other", "owner"]}, **claims,
        }  # fmt: skip
        head = {"alg": "ES256", "kid": key.kid, **(header or {})}
        algorithms = [head["alg"]]
        return {"Authorization": f"Bearer {jwt.encode(head, whole, key, algorithms=algorithms)}"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            told = {
                "/.well-known/openid-configuration": {
                    "issuer": made.name, "jwks_uri": f"{made.name}/keys", **made.told,
                },
                "/keys": {"keys": [key.as_dict(private=False) for key in made.keys] + [
                    {"kty": "oct", "k": "A" * 43, "kid": "shared"}, {"kty": "strange"},
                ]},
            }.get(self.path)  # fmt: skip
            content = json.dumps(told).encode()
            self.send_response(200 if told else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        made.name = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def client(issuer: Issuer, loaded_database: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A server as its settings file has it."""
    file = tmp_path / "comity.toml"
    file.write_text(ROLES.format(issuer=issuer.name))
    settings = read_settings(file, defaults={"job_threads": 0}, given={"cors_origins": None})
    (tmp_path / "d").mkdir()
    operator = open_operator(str(loaded_database), settings, delivery=tmp_path / "d")
    with TestClient(create_app(operator, settings)) as made:
        yield made
    operator.close()


def test_a_provider_is_found_by_discovery_and_its_claims_become_tenant_and_role(
    client: TestClient, issuer: Issuer
) -> None:
    me = client.get("/auth/me", headers=issuer.token()).json()
    assert (me["tenant"], me["role"]) == ("cnsa", "partner")
    few = client.get("/auth/me", headers=issuer.token(scope="openid plan:read audit:read")).json()
    assert few["scopes"] == ["plan:read"], "no more than the role may"
    chief = issuer.token(org={"id": "control-room"}, realm_access={"roles": ["tasker", "chief"]})
    assert client.get("/auth/me", headers=chief).json()["role"] == "operator", "the first that is mapped"
    late = int(time.time())
    assert client.get("/auth/me", headers=issuer.token(exp=late - 5)).status_code == 200, "clocks differ"
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"], "read once"


def test_what_a_provider_did_not_mean_is_refused(client: TestClient, issuer: Issuer) -> None:
    now, mine = int(time.time()), ECKey.generate_key("P-256", auto_kid=True)
    public = json.dumps(issuer.keys[0].as_dict(private=False)).encode()
    kid = issuer.keys[0].kid
    confused = OctKey.import_key(public, {"kid": kid})
    bad = [
        issuer.token(aud="another"), issuer.token(exp=now - 60), issuer.token(nbf=now + 60),
        issuer.token(iat=now + 600), issuer.token(exp="never"), issuer.token(sub=""),
        issuer.token(sub="a\x00b"), issuer.token(sub=7), issuer.token(sub="x" * 300),
        issuer.token(org={"id": "moscow"}), issuer.token(org="beijing"),
        issuer.token(realm_access={"roles": ["chief"]}), issuer.token(realm_access={"roles": []}),
        issuer.token(mine), issuer.token(mine, {"kid": kid}),
        issuer.token(confused, {"alg": "HS256", "kid": kid}),
        issuer.token(OctKey.import_key(b"\x00" * 32), {"alg": "HS256", "kid": "shared"}),
        issuer.token(header={"typ": "logout+jwt"}), issuer.token(iss="http://127.0.0.1:1"),
    ]  # fmt: skip
    for number, headers in enumerate(bad):
        assert client.get("/auth/me", headers=headers).status_code == 401, number
    head, body, _ = issuer.token()["Authorization"].split(".")
    none = "eyJhbGciOiJub25lIn0"
    for forged in (f"Bearer {none}.{body}.", f"{head}.{body}.", f"{head}.{body}.AAAA"):
        assert client.get("/auth/me", headers={"Authorization": forged}).status_code == 401


def test_keys_rotate_and_withdrawn_ones_end(issuer: Issuer) -> None:
    """A new key is believed once it is published, an old one no longer than an hour after it is not."""
    clock = [0.0]
    tokens = foreign.ForeignTokens(
        (ForeignIssuer(issuer=issuer.name, audience="comity", role_claim="role", tenant="cnsa"),),
        fetch_document,
        lambda tenant: frozenset({"partner"}),
        clock=lambda: clock[0],
    )

    def good(headers: dict[str, str], kid: object) -> bool:
        token = headers["Authorization"].removeprefix("Bearer ")
        try:
            return tokens.caller(token, {"alg": "ES256", "kid": kid}, issuer.name).tenant == "cnsa"
        except foreign.UnauthenticatedError:
            return False

    old = issuer.keys[0]
    assert good(issuer.token(role="partner"), old.kid)
    new = ECKey.generate_key("P-256", auto_kid=True)
    issuer.keys = [new]
    clock[0] = 30.0
    assert not good(issuer.token(new, role="partner"), new.kid), "not asked again so soon"
    asked = len(issuer.asked)
    assert not good(issuer.token(new, role="partner"), new.kid) and len(issuer.asked) == asked
    clock[0] = 61.0
    assert good(issuer.token(new, role="partner"), new.kid)
    assert not good(issuer.token(old, role="partner"), old.kid)
    issuer.told = {"issuer": "https://another.example"}
    issuer.keys = [RSAKey.generate_key(2048, auto_kid=True)]
    clock[0] = 4000.0
    assert good(issuer.token(new, role="partner"), new.kid), "what is known stays while the provider fails"


@pytest.mark.parametrize(
    "text, named",
    [
        ("token_s = '1'", "token_s"),
        ("token_seconds = 1", "token_seconds"),
        ("token_s = true", "token_s"),
        ("requests_per_minute = 0", "requests_per_minute"),
        ("max_body_s = inf", "max_body_s"),
        ("cors_origins = 'https://x'", "cors_origins"),
        ("cors_origins = ['*']", "CORS"),
        ("base_url = 'ftp://x'", "base URL"),
        ("issuers = 1", "issuers"),
        ("[[issuers]]\nissuer = 'https://id.example'", "audience"),
        ("[[issuers]]\nissuer = 'http://id.example'\naudience = 'a'", "https"),
        ("[[issuers]]\nissuer = 'https://id.example'\naudience = 'a'\nroles = {a = 'king'}", "king"),
        ("[[issuers]]\nissuer = 'https://id.example'\naudience = 'a'\nleeway_s = 9999", "leeway_s"),
        ("x = [", "TOML"),
    ],
)
def test_a_settings_file_that_says_something_else_is_refused(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "comity.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=named) as refused:
        read_settings(file, defaults={}, given={})
    assert "comity.toml" in str(refused.value)


def test_options_count_more_than_the_file_and_the_file_more_than_defaults(tmp_path: Path) -> None:
    file = tmp_path / "comity.toml"
    file.write_text("token_s = 60\nburst = 7")
    found = read_settings(file, defaults={"burst": 1, "job_threads": 2}, given={"token_s": 5, "burst": None})
    assert found == Settings(token_s=5, burst=7, job_threads=2)
    with pytest.raises(InputError, match="cannot be read"):
        read_settings(tmp_path / "none.toml", defaults={}, given={})
