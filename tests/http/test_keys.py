from __future__ import annotations


async def test_a_key_speaks_for_its_person_until_it_is_revoked(api, person):
    made = await api("POST", "api/keys", {"label": "bot", "user": "ana", "scopes": ["*"]})
    assert made.status == 201
    assert made.json["key"].startswith("vk_")
    assert made.json["key"].startswith(made.json["prefix"])
    assert made.json["expires_at"] is not None
    listed = await api("GET", "api/keys")
    assert made.json["key"] not in listed.body.decode()
    bearer = {"Authorization": f"Bearer {made.json['key']}"}
    assert (await api("GET", "api/views", headers=bearer)).status == 200

    assert (await api("DELETE", f"api/keys/{made.json['id']}")).status == 204

    assert (await api("GET", "api/views", headers=bearer)).status == 401
    assert (await api("DELETE", f"api/keys/{made.json['id']}")).status == 404


async def test_a_key_never_makes_a_key_that_may_more(person):
    limited = await person("ana", "key:write", "statement:read")
    plain = await person("ben", "statement:write")

    more = await limited("POST", "api/keys", {"label": "x", "scopes": ["statement:write"]})
    other = await limited(
        "POST", "api/keys", {"label": "x", "scopes": ["statement:read"], "user": "ben"}
    )
    same = await limited("POST", "api/keys", {"label": "x", "scopes": ["statement:read"]})
    none = await plain("POST", "api/keys", {"label": "x", "scopes": ["statement:read"]})

    assert (more.status, other.status, same.status, none.status) == (403, 403, 201, 403)


async def test_the_list_says_for_whom_a_new_key_may_be(api, person):
    ana = await person("ana", "key:write")

    own = (await api("GET", "api/keys")).json
    hers = (await ana("GET", "api/keys")).json

    assert own["can_name_others"] is True
    assert (
        own["user"] == (await api("POST", "api/keys", {"label": "x", "scopes": ["*"]})).json["user"]
    )
    assert (hers["user"], hers["can_name_others"]) == ("ana", False)


async def test_an_unknown_scope_is_refused_by_name(api):
    answer = await api("POST", "api/keys", {"label": "x", "scopes": ["everything"]})

    assert answer.status == 422
    assert "scopes" in answer.json["details"]["field"]


async def test_the_store_holds_no_key_in_clear(api, tmp_path):
    made = await api("POST", "api/keys", {"label": "bot", "scopes": ["*"]})
    secret = made.json["key"].encode()

    for path in (tmp_path / "views-store").rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes()
