"""Projects: number 1 is always there, and a key may be bound to one."""

from __future__ import annotations


async def test_the_first_project_is_always_there(api):
    answer = await api("GET", "api/projects")

    assert answer.status == 200
    assert [(p["id"], p["name"]) for p in answer.json["results"]] == [(1, "Default")]


async def test_a_new_project_gets_the_next_number(api):
    made = await api("POST", "api/projects", {"name": "Sales"})

    assert (made.status, made.json["id"], made.json["name"]) == (201, 2, "Sales")
    assert (await api("GET", "api/projects")).json["count"] == 2


async def test_a_project_without_a_name_is_refused_naming_the_field(api):
    answer = await api("POST", "api/projects", {"name": ""})

    assert answer.status == 400
    assert answer.json["type"] == "validation_error"
    assert answer.json["attr"] == "name"


async def test_a_key_of_one_project_sees_that_one_and_makes_no_other(api, person):
    await api("POST", "api/projects", {"name": "Sales"})
    bound = await person("ana", project=2)

    listed = await bound("GET", "api/projects")
    refused = await bound("POST", "api/projects", {"name": "Mine"})

    assert [p["id"] for p in listed.json["results"]] == [2]
    assert refused.status == 403
    assert refused.json["code"] == "permission_denied"


async def test_a_key_of_one_project_makes_keys_of_that_project_only(api, person):
    await api("POST", "api/projects", {"name": "Sales"})
    bound = await person("ana", project=2)

    wider = await bound("POST", "api/keys", {"label": "wide", "scopes": ["*"]})
    same = await bound("POST", "api/keys", {"label": "same", "scopes": ["*"], "project": 2})

    assert wider.status == 403
    assert same.status == 201
    assert same.json["project"] == 2


async def test_a_key_of_no_project_that_there_is_cannot_be_made(api):
    answer = await api("POST", "api/keys", {"label": "x", "scopes": ["*"], "project": 99})

    assert answer.status == 404


async def test_a_key_of_one_project_is_good_for_nothing_that_belongs_to_none(api, person):
    await api("POST", "api/projects", {"name": "Sales"})
    view = await api.save("SELECT 'a private row' AS a", "Mine")
    bound = await person(view["owner"], project=2)
    reference = (await api("POST", "api/queries/refs", {"view": "mine"})).json

    for method, path in (
        ("GET", "api/v1/perspectives/mine/result"),
        ("POST", "api/v1/perspectives/mine/refresh"),
        ("GET", f"api/views/{view['short_id']}"),
        ("GET", f"api/views/{view['short_id']}/result.csv"),
        ("GET", "api/views"),
        ("GET", "api/queries"),
        ("GET", f"api/queries/refs/{reference['shortId']}/result"),
        ("POST", "api/v1/statements"),
        ("GET", "p/mine.csv"),
    ):
        refused = await bound(method, path, {"sql": "SELECT 1"} if method == "POST" else None)
        assert (refused.status, b"api/projects/2/ only" in refused.body) == (403, True), path
        assert b"a private row" not in refused.body


async def test_a_query_of_one_project_reads_no_view_of_another_for_its_key(api, person):
    await api("POST", "api/projects", {"name": "Sales"})
    view = await api.save("SELECT 'a private row' AS a", "Mine")
    bound = await person(view["owner"], project=2)
    choices = [{"name": "p", "type": "query-enum", "optionsFrom": "mine"}]

    for query in (
        {"kind": "HogQLQuery", "query": 'SELECT a FROM views."mine"'},
        {"kind": "HogQLQuery", "query": "SELECT $p AS a", "parameters": choices},
    ):
        for path, body in (
            ("api/projects/2/insights", {"name": "i", "query": query}),
            ("api/projects/2/endpoints", {"name": "e", "query": query}),
        ):
            refused = await bound("POST", path, body)
            assert refused.status == 403, (path, refused.body)
            assert "project 1" in refused.json["detail"]
    same = {"name": "e", "query": {"kind": "HogQLQuery", "query": "SELECT 1 AS a"}}
    assert (await bound("POST", "api/projects/2/endpoints", same)).status == 201


async def test_a_key_of_one_project_follows_no_calculation_of_another(api, person):
    await api("POST", "api/projects", {"name": "Sales"})
    olga = await person("olga")
    bound = await person("olga", project=2)
    mine = {"sql": "SELECT 'a private row' AS a", "client_id": "daily"}
    statement = (await olga("POST", "api/v1/statements", mine)).json
    other = await olga.save("SELECT 'another private row' AS a", "Other")

    for name in ("daily", statement["id"], other["request_id"]):
        for method in ("GET", "DELETE"):
            refused = await bound(method, f"api/projects/2/query/{name}")
            assert refused.status == 404, (method, name, refused.body)
    assert (await olga("GET", "api/projects/1/query/daily")).status == 200

    query = {"kind": "HogQLQuery", "query": "SELECT 1 AS a"}
    made = await bound("POST", "api/projects/2/endpoints", {"name": "e", "query": query})
    assert made.status == 201
    asked = {"client_query_id": "own", "refresh": "force_async"}
    ran = await bound("POST", "api/projects/2/endpoints/e/run", asked)
    assert ran.status == 202
    assert (await bound("GET", "api/projects/2/query/own")).status in {200, 202}


async def test_a_key_of_one_project_is_told_of_an_address_that_there_is_not(api, person):
    await api("POST", "api/projects", {"name": "Sales"})
    bound = await person("ana", project=2)

    assert (await bound("GET", "api/projects/2/nothing")).status == 404
