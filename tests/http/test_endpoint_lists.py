"""Endpoints in lists, their versions, their doors, their log, and when they ran."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from urllib.parse import urlsplit

import pytest

ENDPOINTS = "api/projects/1/endpoints"
SELECT = {"kind": "HogQLQuery", "query": "SELECT 1 AS one"}
DAY = 86_400 * 1_000_000


def sql(text: str) -> dict:
    return {"kind": "HogQLQuery", "query": text}


async def made(api, name="daily", **body):
    answer = await api("POST", ENDPOINTS, {"name": name, "query": SELECT, **body})
    assert answer.status == 201, answer.body
    return answer.json


async def names(api, query=""):
    answer = await api("GET", f"{ENDPOINTS}?{query}")
    assert answer.status == 200, answer.body
    return [each["name"] for each in answer.json["results"]]


async def test_a_list_is_all_of_them_and_pages_where_it_is_asked_to(api):
    for number in range(5):
        await made(api, f"n{number}")

    whole = (await api("GET", ENDPOINTS)).json
    first = (await api("GET", f"{ENDPOINTS}?limit=2")).json
    second = (await api("GET", f"{ENDPOINTS}?limit=2&offset=2")).json
    last = (await api("GET", f"{ENDPOINTS}?limit=2&offset=4")).json

    assert [each["name"] for each in whole["results"]] == ["n4", "n3", "n2", "n1", "n0"]
    assert (whole["count"], whole["next"], whole["previous"]) == (5, None, None)
    assert (first["count"], first["previous"]) == (5, None)
    following = urlsplit(first["next"])
    assert following.path.endswith("/views/api/projects/1/endpoints")
    assert following.query == "limit=2&offset=2"
    assert [each["name"] for each in second["results"]] == ["n2", "n1"]
    assert urlsplit(second["previous"]).query == "limit=2&offset=0"
    assert last["next"] is None


async def test_filters_are_by_activity_and_maker_and_both(api, person):
    ana = await person("ana")
    await made(api, "mine")
    await made(api, "off", is_active=False)
    theirs = await made(ana, "theirs")
    await ana("PATCH", f"api/views/{theirs['short_id']}", {"is_public": True})
    number = theirs["created_by"]["id"]

    assert await names(api, "is_active=true") == ["theirs", "mine"]
    assert await names(api, "is_active=false") == ["off"]
    assert await names(api, f"created_by={number}") == ["theirs"]
    assert await names(api, f"created_by=[{number}]&is_active=0") == []
    assert await names(api, "created_by=1") == []


@pytest.mark.parametrize(
    ("query", "attr"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("offset=-1", "offset"),
     ("is_active=perhaps", "is_active"), ("created_by=ana", "created_by")],
)  # fmt: skip
async def test_a_filter_that_cannot_be_read_is_named(api, query, attr):
    answer = await api("GET", f"{ENDPOINTS}?{query}")

    assert (answer.status, answer.json["attr"]) == (400, attr)


async def test_another_query_is_another_version_and_other_words_are_none(api):
    await made(api)
    address = f"{ENDPOINTS}/daily"
    same = {
        "kind": "DataTableNode",
        "source": {"kind": "HogQLQuery", "query": "select  1 as one -- the same"},
    }
    changes = [
        {"description": "d"}, {"is_active": False}, {"is_active": True},
        {"cache_age_seconds": 600}, {"is_materialized": True}, {"tags": ["t"]},
        {"query": SELECT}, {"query": same},
    ]  # fmt: skip

    for change in changes:
        answer = (await api("PATCH", address, change)).json
        assert (answer["current_version"], answer["versions_count"]) == (1, 1), change
    assert answer["query"] == same
    answer = (await api("PATCH", address, {"query": sql("SELECT 2 AS two")})).json

    assert (answer["current_version"], answer["versions_count"]) == (2, 2)
    assert answer["query"] == sql("SELECT 2 AS two")
    assert answer["is_materialized"] is True


async def test_versions_are_a_list_newest_first_and_each_has_its_own_address(api):
    endpoint = await made(api)
    address = f"{ENDPOINTS}/daily"
    for number in range(2, 104):
        await api("PATCH", address, {"query": sql(f"SELECT {number} AS n")})

    found = (await api("GET", f"{address}/versions")).json
    second = (await api("GET", f"{address}/versions/2")).json
    asked = (await api("GET", f"{address}?version=2")).json

    assert [each["version"] for each in found] == list(range(103, 0, -1))
    assert len({each["id"] for each in found}) == 103
    assert found[-2] == second
    assert set(second) == {"id", "version", "query", "created_at", "created_by", "is_active"}
    assert second["query"] == sql("SELECT 2 AS n")
    assert second["created_by"] == endpoint["created_by"]
    assert second["is_active"] is True
    assert (asked["id"], asked["current_version"]) == (endpoint["id"], 103)
    assert (asked["version"], asked["version_id"]) == (2, second["id"])
    assert asked["query"] == second["query"]
    assert asked["version_created_at"] == second["created_at"]
    assert asked["version_created_by"] == second["created_by"]
    assert asked["url"] == f"{endpoint['url']}?version=2"


@pytest.mark.parametrize(
    ("tail", "status", "error"),
    [("/versions/9", 404, "Version 9 not found"), ("/versions/0", 404, "Version 0 not found"),
     ("?version=9", 404, "Version 9 not found"),
     ("?version=abc", 400, "Invalid version parameter: abc"),
     ("?version=-1", 400, "Invalid version parameter: -1")],
)  # fmt: skip
async def test_a_version_that_is_not_there_is_told_in_one_sentence(api, tail, status, error):
    await made(api)

    answer = await api("GET", f"{ENDPOINTS}/daily{tail}")

    assert (answer.status, answer.json) == (status, {"error": error})


async def test_changes_at_once_make_one_version_each_with_no_hole(api):
    await made(api)
    address = f"{ENDPOINTS}/daily"
    queries = [sql(f"SELECT {number} AS n") for number in range(12)]

    answers = await asyncio.gather(
        *(api("PATCH", address, {"query": query}) for query in queries),
        *(api("PATCH", address, {"description": str(number)}) for number in range(4)),
    )
    versions = (await api("GET", f"{address}/versions")).json

    assert {answer.status for answer in answers} == {200}
    assert sorted(each.json["current_version"] for each in answers[:12]) == list(range(2, 14))
    assert [each["version"] for each in versions] == list(range(13, 0, -1))
    told = {each["version"]: each["query"] for each in versions}
    for query, answer in zip(queries, answers, strict=False):
        assert told[answer.json["current_version"]] == query


async def test_of_makers_of_one_name_at_once_one_wins(api):
    body = {"name": "daily", "query": SELECT}

    answers = await asyncio.gather(*(api("POST", ENDPOINTS, body) for _ in range(6)))

    assert sorted(answer.status for answer in answers) == [201] + [400] * 5
    assert {answer.json["attr"] for answer in answers if answer.status == 400} == {"name"}
    assert await names(api) == ["daily"]


async def test_a_view_of_another_door_is_published_and_taken_back(api):
    view = await api.save("SELECT 1 AS one", "Daily Users", slug="daily")
    doors = f"api/views/{view['short_id']}/doors"

    opened = await api("POST", f"{doors}/endpoint", {})
    again = await api("POST", f"{doors}/endpoint", {"name": "other"})
    endpoint = (await api("GET", f"{ENDPOINTS}/Daily-Users")).json
    found = (await api("GET", "api/views?door=endpoint&search=daily-users")).json["items"]
    changed = await api("PATCH", f"{ENDPOINTS}/Daily-Users", {"query": sql("SELECT 2 AS two")})
    seen = (await api("GET", "api/v1/perspectives/daily")).json
    gone = await api("DELETE", f"{ENDPOINTS}/Daily-Users")
    left = (await api("GET", f"api/views/{view['short_id']}")).json

    assert (opened.status, again.status) == (200, 200)
    assert opened.json["doors"] == ["perspective", "endpoint"]
    assert again.json["endpoint_name"] == "Daily-Users"
    assert endpoint["query"]["source"]["query"] == "SELECT 1 AS one"
    assert endpoint["columns"] == [{"name": "one", "type": "integer"}]
    assert [each["endpoint_name"] for each in found] == ["Daily-Users"]
    assert found[0]["endpoint_path"] == endpoint["endpoint_path"]
    assert changed.json["current_version"] == seen["version"] == 2
    assert gone.status == 204
    assert left["doors"] == ["perspective"]
    assert (left["endpoint_name"], left["endpoint_path"]) == (None, None)
    assert (await api("GET", "api/views?door=endpoint")).json["items"] == []


async def test_a_name_of_ones_own_may_be_taken_and_a_made_one_gets_a_number(api):
    await made(api, "Daily-Users")
    view = await api.save("SELECT 1 AS one", "Daily Users")
    door = f"api/views/{view['short_id']}/doors/endpoint"

    taken = await api("POST", door, {"name": "Daily-Users"})
    wrong = await api("POST", door, {"name": "9 lives"})
    opened = await api("POST", door, {})

    assert (taken.status, taken.json["error"]) == (409, "NAME_CONFLICT")
    assert taken.json["suggestions"] == ["Daily-Users-2"]
    assert (wrong.status, wrong.json["details"]["field"]) == (422, "name")
    assert opened.json["endpoint_name"] == "Daily-Users-2"
    told = (await api("GET", "api/projects/1/endpoints")).json["results"]
    pages = {each["name"]: each["ui_url"] for each in told}
    assert pages["Daily-Users"] is None
    assert pages["Daily-Users-2"].endswith("/views/p/daily-users")
    page = await api("GET", "p/daily-users?plain=true", headers={"Accept": "text/html"})
    assert page.status == 200


async def test_an_endpoint_is_the_last_door_of_its_view_and_the_view_goes_with_it(api):
    endpoint = await made(api)
    view = f"api/views/{endpoint['short_id']}"
    listed = (await api("GET", "api/views")).json["items"]
    closed = await api("DELETE", f"{view}/doors/endpoint")

    assert [each["doors"] for each in listed] == [["endpoint"]]
    assert closed.status == 204
    assert (await api("GET", view)).status == 404
    assert (await api("GET", f"{ENDPOINTS}/daily")).status == 404
    assert (await api("DELETE", f"{ENDPOINTS}/daily")).status == 404


async def test_an_endpoint_opens_with_a_perspective_that_wants_it(api):
    statement = await api.run("SELECT 1 AS one")
    body = {
        "name": "Sales", "statement_id": statement["id"],
        "doors": ["perspective", "insight", "endpoint"],
    }  # fmt: skip

    answer = await api("POST", "api/v1/perspectives", body)

    assert answer.status == 201, answer.body
    assert await names(api) == ["Sales"]


async def test_a_view_that_would_read_itself_is_refused_by_name(api):
    view = await api.save("SELECT 1 AS one", "Loop")
    await api("POST", f"api/views/{view['short_id']}/doors/endpoint", {"name": "loop"})

    answer = await api("PATCH", f"{ENDPOINTS}/loop", {"query": sql('SELECT * FROM views."loop"')})

    assert (answer.status, answer.json["attr"]) == (400, "query")
    assert "would read itself" in answer.json["detail"]


async def test_the_log_tells_what_was_done_in_the_words_of_the_page(api):
    endpoint = await made(api)
    address = f"{ENDPOINTS}/daily"
    view = await api.save("SELECT 9 AS n", "Kept")
    await api("POST", f"api/views/{view['short_id']}/doors/endpoint", {})
    await api("PATCH", address, {"is_active": False, "cache_age_seconds": 600})
    await api("PATCH", address, {"description": "d", "query": sql("SELECT 2 AS two")})
    await api("PATCH", address, {"is_active": True, "sync_frequency": "1hour"})
    await api("PATCH", address, {"is_active": True})
    log = (await api("GET", f"api/views/{endpoint['short_id']}/activity")).json["results"]
    await api("DELETE", address)
    await api("DELETE", f"{ENDPOINTS}/Kept")
    kept = (await api("GET", f"api/views/{view['short_id']}/activity")).json["results"]
    all_of = (await api("GET", "api/projects/1/insights/activity?limit=50")).json["results"]

    told = [
        (each["activity"], {c["field"]: (c["before"], c["after"])
                            for c in each["detail"]["changes"] or ()})
        for each in log
    ]  # fmt: skip
    assert {each["scope"] for each in log} == {"Endpoint"}
    assert {each["item_id"] for each in log} == {endpoint["id"]}
    assert {each["detail"]["name"] for each in log} == {"daily"}
    assert sorted(told[1:3], key=lambda each: each[0]) == [
        ("updated", {"description": (None, "d")}),
        ("version_created", {"query": (SELECT, sql("SELECT 2 AS two"))}),
    ]
    assert [told[0], *told[3:]] == [
        ("updated", {"is_active": (False, True), "sync_frequency": (None, "1hour")}),
        ("updated", {"cache_age_seconds": (None, 600), "is_active": (True, False)}),
        ("created", {}),
    ]
    assert [(each["scope"], each["activity"]) for each in kept] == [
        ("Endpoint", "deleted"), ("Endpoint", "created"), ("Insight", "created"),
    ]  # fmt: skip
    gone = [each for each in all_of if each["item_id"] == endpoint["id"]]
    assert (gone[0]["scope"], gone[0]["activity"]) == ("Endpoint", "deleted")


def ran(store, short_id: str, at: int, *, client: str = "key", status: str = "success") -> None:
    """Write down that an endpoint was run."""
    with sqlite3.connect(store / "views.sqlite") as connection:
        connection.execute(
            "INSERT INTO executions (id, view_id, n, at, path, cache, duration_us, rows, status,"
            " client) SELECT lower(hex(randomblob(16))), id, 1, ?, 'inline', 'miss', 10, 1, ?, ?"
            " FROM views WHERE short_id = ?",
            (at, status, client, short_id),
        )


async def test_it_is_told_when_endpoints_ran_last(api, person, tmp_path):
    now = time.time_ns() // 1000
    store = tmp_path / "views-store"
    daily, weekly, old, own = [
        (await made(api, name))["short_id"] for name in ("daily", "weekly", "old", "own")
    ]
    hidden = (await made(await person("ana"), "hidden"))["short_id"]
    for short_id, days in ((daily, 3), (daily, 1), (weekly, 8), (old, 200), (hidden, 1)):
        ran(store, short_id, now - days * DAY)
    ran(store, daily, now - DAY // 2, client="server")
    ran(store, daily, now - DAY // 4, status="refused")
    ran(store, own, now, client="person", status="failed")
    asked = ["daily", "weekly", "old", "own", "hidden", "unknown", "daily"]

    answer = await api("POST", f"{ENDPOINTS}/last_execution_times", {"names": asked})
    status = answer.json["query_status"]
    nothing = await api("POST", f"{ENDPOINTS}/last_execution_times", {"names": []})
    never = await api("POST", f"{ENDPOINTS}/last_execution_times", {"names": ["unknown"]})

    times = dict(status["results"])
    assert sorted(name for name, _ in status["results"]) == ["daily", "own", "weekly"]
    assert times["daily"] == (await api("GET", f"{ENDPOINTS}/daily")).json["last_executed_at"]
    assert times["daily"] > times["weekly"]
    assert (await api("GET", f"{ENDPOINTS}/old")).json["last_executed_at"] is None
    assert (status["id"], status["team_id"], status["complete"], status["error"]) == (
        "", 1, True, False,
    )  # fmt: skip
    assert nothing.json["query_status"]["results"] is None
    assert never.json["query_status"]["results"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [({}, "required"), ({"names": "daily"}, "Expected"), ({"names": [1]}, "Expected"),
     ({"names": ["a b"]}, "Invalid endpoint name: a b")],
)  # fmt: skip
async def test_a_question_for_times_that_cannot_be_is_refused(api, body, words):
    answer = await api("POST", f"{ENDPOINTS}/last_execution_times", body)

    assert answer.status == 400
    assert answer.json["attr"].startswith("names")
    assert words in answer.json["detail"]
