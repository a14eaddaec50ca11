"""Who is who: tokens, keys, passwords, other issuers, revocation, scopes."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey

from comity.core import InputError, UnknownIdError
from comity.server.identity import ROLE_SCOPES, Caller, Identity, service
from comity.server.operator import Operator, open_operator
from comity.server.problems import UnauthenticatedError
from comity.server.settings import ForeignIssuer, Settings

BASE = "http://testserver"


def claims_of(headers: dict[str, str]) -> dict[str, object]:
    part = headers["Authorization"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "==="))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in (header, claims))
    return ".".join((*parts, ""))


def test_forged_tokens_are_refused(client, token, operator) -> None:
    good = claims_of(token["customer"])
    ours = operator.identity.signer.public_keys()["keys"][0]
    kid = ours["kid"]
    mine = OKPKey.generate_key("Ed25519")

    def sign(claims: dict[str, object], key: object = mine, **header: object) -> str:
        head = {"alg": "Ed25519", "typ": "at+jwt", "kid": kid, **header}
        return jwt.encode(head, claims, key, algorithms=["Ed25519", "HS256", "ES256"])

    real = token["customer"]["Authorization"].removeprefix("Bearer ")
    head, body, signature = real.split(".")
    operators = (
        base64.urlsafe_b64encode(json.dumps({**good, "role": "operator"}).encode()).decode().rstrip("=")
    )
    forged = [
        sign(good),
        sign({**good, "tenant": "operator", "role": "operator"}),
        sign(good, OctKey.import_key(base64.urlsafe_b64decode(ours["x"] + "=")), alg="HS256"),
        sign(good, ECKey.generate_key("P-256"), alg="ES256", jwk=mine.as_dict(private=False)),
        unsigned({"alg": "none", "kid": kid}, good),
        f"{head}.{operators}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        sign({**good, "iss": "https://evil.example"}),
        "a.b.c", "..", "", "x" * 20_000, "cmk_", f"cmk_{'a' * 12}_{'b' * 43}",
    ]  # fmt: skip
    for each in forged:
        answer = client.get("/auth/me", headers=bearer(each))
        assert answer.status_code == 401, each
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/auth/me", headers={**bearer(real), "X-API-Key": "x"}).status_code == 401


def test_our_own_signature_does_not_make_up_for_wrong_claims(operator) -> None:
    """Expired, for another audience, of another type, of a revoked or unknown credential."""
    signer = operator.identity.signer
    operator.identity.make(kind="client", tenant="cnsa", role="partner", by="t", id="p-1")
    claims = {"sub": "p-1", "scope": "plan:read"}
    good = signer.sign(claims, 60)
    assert operator.identity.authenticate(f"Bearer {good}", None) == Caller(
        tenant="cnsa", role="partner", scopes=frozenset({"plan:read"}), name="p-1"
    )
    bad = (
        signer.sign(claims, -60),
        signer.sign({**claims, "aud": "https://other.example"}, 60),
        signer.sign({**claims, "sub": "nobody"}, 60),
        signer.sign({**claims, "nbf": int(time.time()) + 3600}, 60),
    )
    for token in bad:
        with pytest.raises(UnauthenticatedError):
            operator.identity.authenticate(f"Bearer {token}", None)


def test_a_revoked_credential_ends_its_tokens(client, token, operator, monkeypatch) -> None:
    monkeypatch.setattr(service, "RECHECK_S", 0.0)
    key = client.post("/auth/credentials", headers=token["customer"], json={"title": "GIS"}).json()
    shown = {"X-API-Key": key["secret"]}
    assert client.get("/auth/me", headers=shown).json()["tenant"] == "dj-environment"
    assert client.get("/auth/me", headers=bearer(key["secret"])).status_code == 200
    for other in ("other_customer", "partner"):
        gone = client.delete(f"/auth/credentials/{key['id']}", headers=token[other])
        assert gone.status_code == 404
    assert client.delete(f"/auth/credentials/{key['id']}", headers=token["customer"]).status_code == 204
    assert client.get("/auth/me", headers=shown).status_code == 401
    assert client.delete("/auth/credentials/customer-client", headers=token["operator"]).status_code == 204
    assert client.get("/auth/me", headers=token["customer"]).status_code == 401


def test_a_credential_gives_no_more_than_its_maker_has(client, token, bare_token) -> None:
    few = bare_token("dj-environment", "customer", "keys", "orders:read")
    made = client.post("/auth/credentials", headers=few, json={}).json()
    assert made["scopes"] == ["keys", "orders:read"]
    asked = (
        {"scopes": ["orders:write"]},
        {"scopes": ["audit:read"]},
        {"tenant": "port-logistics"},
        {"role": "operator"},
        {"tenant": "operator", "role": "operator"},
        {"kind": "user", "password": "long enough it is"},
        {"kind": "client"},
    )
    for body in asked:
        assert client.post("/auth/credentials", headers=few, json=body).status_code in (400, 403), body
    none = bare_token("dj-environment", "customer", "orders:read")
    assert client.post("/auth/credentials", headers=none, json={}).status_code == 403
    wrong = client.post(
        "/auth/credentials", headers=token["operator"], json={"tenant": "port-logistics", "role": "partner"}
    )
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["field"] == "body.tenant"


def test_secrets_and_passwords_become_tokens(client, token) -> None:
    made = client.post(
        "/auth/credentials",
        headers=token["operator"],
        json={"kind": "client", "tenant": "port-logistics", "role": "customer"},
    ).json()
    form = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": made["secret"]}
    answer = client.post("/auth/token", data={**form, "scope": "orders:read"})
    assert answer.json()["scope"] == "orders:read" and answer.headers["cache-control"] == "no-store"
    me = client.get("/auth/me", headers=bearer(answer.json()["access_token"])).json()
    assert (me["tenant"], me["scopes"]) == ("port-logistics", ["orders:read"])
    basic = client.post(
        "/auth/token", data={"grant_type": "client_credentials"}, auth=(made["id"], made["secret"])
    )
    assert basic.status_code == 200
    user = {
        "kind": "user",
        "tenant": "cnsa",
        "role": "partner",
        "id": "wang@cnsa",
        "password": "twelve letters",
    }
    assert client.post("/auth/credentials", headers=token["operator"], json=user).json()["secret"] is None
    login = {"grant_type": "password", "username": "wang@cnsa", "password": "twelve letters"}
    assert client.post("/auth/token", data=login).status_code == 200
    bad = (
        ({**form, "client_secret": "x"}, 401, "invalid_client"),
        ({**form, "client_id": "wang@cnsa", "client_secret": "twelve letters"}, 401, "invalid_client"),
        ({**login, "password": "twelve Letters"}, 400, "invalid_grant"),
        ({**login, "username": "nobody"}, 400, "invalid_grant"),
        ({**login, "username": "' OR 1=1 --"}, 400, "invalid_grant"),
        ({**form, "scope": "audit:read"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
    )
    for each, status, error in bad:  # RFC 6749 §5.2
        answer = client.post("/auth/token", data=each)
        assert (answer.status_code, answer.json()["error"]) == (status, error), each
    wrong = client.post("/auth/token", data={"grant_type": "client_credentials"}, auth=(made["id"], "x"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    log = client.get("/operator/audit", headers=token["operator"]).text
    assert "twelve letters" not in log and '"LOGIN"' in log


def test_no_secret_is_kept_in_the_clear(client, token, operator, tmp_path: Path, capsys) -> None:
    made = client.post("/auth/credentials", headers=token["customer"], json={}).json()
    client.get("/auth/me", headers={"X-API-Key": made["secret"]})
    user = {"kind": "user", "id": "u-1", "password": "correct horse battery"}
    client.post("/auth/credentials", headers=token["operator"], json=user)
    client.post(
        "/auth/token", data={"grant_type": "password", "username": "u-1", "password": user["password"]}
    )
    kept = operator.credentials.find("u-1")
    assert kept is not None and PasswordHasher().verify(kept.secret_hash, user["password"])
    key = operator.credentials.find(made["id"])
    secret = made["secret"].split("_", 2)[2]
    assert key is not None and secret not in str(key)
    logged = "".join(capsys.readouterr())
    assert '"request"' in logged
    for hidden in (secret, user["password"], token["customer"]["Authorization"].split(".")[2]):
        assert hidden not in logged


@pytest.fixture
def foreign(loaded_database: Path, tmp_path: Path) -> tuple[Operator, Identity, ECKey, list[str]]:
    """An operator that believes one other issuer, whose keys are read by a function of ours."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    asked: list[str] = []
    issuer = ForeignIssuer(issuer="https://id.example", jwks_uri="https://id.example/keys", audience="comity")
    settings = Settings(base_url=BASE, issuers=(issuer,))
    (tmp_path / "d").mkdir()
    operator = open_operator(str(loaded_database), settings, delivery=tmp_path / "d")

    def fetch(url: str) -> dict[str, object]:
        asked.append(url)
        return {"keys": [key.as_dict(private=False)]}

    tenants = {"cnsa": frozenset({"partner"}), "operator": frozenset({"operator", "planner"})}
    identity = Identity(
        operator.credentials, settings, tenants=lambda t: tenants.get(t, frozenset()), fetch=fetch
    )
    return operator, identity, key, asked


def test_another_issuers_token_is_believed_for_what_it_says(foreign) -> None:
    operator, identity, key, asked = foreign
    now = int(time.time())
    good = {
        "iss": "https://id.example", "aud": "comity", "sub": "wang", "exp": now + 60,
        "comity_tenant": "cnsa", "comity_role": "partner", "scope": "openid plan:read audit:read",
    }  # fmt: skip

    def call(claims: dict[str, object], with_key: ECKey = key) -> Caller | None:
        header = {"alg": "ES256", "kid": key.kid}
        return identity.authenticate(f"Bearer {jwt.encode(header, claims, with_key)}", None)

    caller = call(good)
    assert caller is not None and (caller.tenant, caller.role) == ("cnsa", "partner")
    assert caller.scopes == {"plan:read"} <= ROLE_SCOPES["partner"]
    bad = (
        {**good, "aud": "another"},
        {**good, "exp": now - 60},
        {**good, "comity_role": "operator"},
        {**good, "comity_tenant": "nobody"},
        {**good, "comity_role": ["partner", "customer"]},
        {name: value for name, value in good.items() if name != "comity_tenant"},
        {name: value for name, value in good.items() if name != "exp"},
    )
    for claims in bad:
        with pytest.raises(UnauthenticatedError):
            call(claims)
    with pytest.raises(UnauthenticatedError):
        call(good, ECKey.generate_key("P-256"))
    assert asked == ["https://id.example/keys"], "keys are read once"
    operator.close()


def test_tokens_of_an_earlier_key_stay_good(operator) -> None:
    credential, _ = operator.identity.make(kind="client", tenant="cnsa", role="partner", by="t")
    old = operator.identity.token_of(credential).access_token
    operator.identity.signer.rotate()
    new = operator.identity.token_of(credential).access_token
    assert old.split(".")[0] != new.split(".")[0]
    for token in (old, new):
        caller = operator.identity.authenticate(f"Bearer {token}", None)
        assert caller is not None and caller.tenant == "cnsa"


def test_settings_refuse_what_is_not_safe() -> None:
    with pytest.raises(InputError, match="https"):
        ForeignIssuer(issuer="http://id.example", jwks_uri="https://id.example/k", audience="a")
    with pytest.raises(InputError, match="origin"):
        Settings(cors_origins=("*",))
    with pytest.raises(InputError, match="base URL"):
        Settings(base_url="ftp://x")


def test_nobody_revokes_what_is_not_theirs(operator) -> None:
    credential, _ = operator.identity.make(kind="key", tenant="cnsa", role="partner", by="t")
    stranger = Caller(tenant="roscosmos", role="partner", scopes=ROLE_SCOPES["partner"], name="x")
    with pytest.raises(UnknownIdError):
        operator.identity.revoke(credential.id, by=stranger)
