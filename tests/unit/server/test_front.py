def test_it(client, token):
    assert client.get("/healthz").json()["status"] == "ok"
    r = client.get("/auth/me", headers=token["customer"])
    print(r.json(), r.headers)
    assert r.status_code == 200
    assert client.get("/auth/me").status_code == 401
    r = client.post("/auth/credentials", headers=token["customer"], json={"title": "a"})
    assert r.status_code == 201, r.text
    assert client.get("/auth/me", headers={"X-API-Key": r.json()["secret"]}).status_code == 200
    print(client.get("/metrics", headers=token["operator"]).text[-2000:])
    assert client.get("/readyz").status_code == 200
