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
