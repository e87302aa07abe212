"""Endpoints: made, read, changed and deleted; every field that the page documents."""

from __future__ import annotations

import asyncio
import re

import pytest
from fault.own_clock import until

ENDPOINTS = "api/projects/@current/endpoints"
SELECT = {"kind": "HogQLQuery", "query": "SELECT 1 AS one, 'a' AS word"}


def sql(text: str, **beside) -> dict:
    source = {"kind": "HogQLQuery", "query": text, **beside}
    return {"kind": "DataVisualizationNode", "source": source}


async def made(api, name="daily", **body):
    answer = await api("POST", ENDPOINTS, {"name": name, "query": SELECT, **body})
    assert answer.status == 201, answer.body
    return answer.json


async def changed(api, body, name="daily"):
    answer = await api("PATCH", f"{ENDPOINTS}/{name}", body)
    assert answer.status == 200, answer.body
    return answer.json


def refusal(answer) -> tuple:
    assert answer.json["type"] == "validation_error", answer.body
    return answer.status, answer.json["attr"]


async def test_an_endpoint_is_made_with_a_name_and_a_query(api):
    endpoint = await made(api)

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", endpoint["id"])
    assert (endpoint["name"], endpoint["description"], endpoint["tags"]) == ("daily", "", [])
    assert endpoint["query"] == SELECT
    assert endpoint["parameters"] == {}
    assert (endpoint["is_active"], endpoint["is_materialized"]) == (True, False)
    assert endpoint["cache_age_seconds"] is None
    assert endpoint["sync_frequency"] is None
    assert endpoint["endpoint_path"] == "/api/environments/1/endpoints/daily/run"
    assert endpoint["url"].startswith("http://")
    assert endpoint["url"].endswith("/views/api/environments/1/endpoints/daily/run")
    assert endpoint["created_at"] == endpoint["updated_at"]
    assert endpoint["created_by"]["first_name"]
    assert (endpoint["current_version"], endpoint["versions_count"]) == (1, 1)
    assert endpoint["derived_from_insight"] is None
    assert endpoint["last_executed_at"] is None
    assert endpoint["columns"] == []
    assert endpoint["materialization"] == {"can_materialize": True, "reason": None}
    assert (endpoint["is_stale"], endpoint["stale_reason"]) == (True, "never_run")
    assert (endpoint["stale_sources"], endpoint["computed_at"]) == ([], None)


async def built(api) -> dict:
    """The endpoint whose rows are kept ready, once they are there."""

    async def is_there() -> dict | None:
        found = (await api("GET", f"{ENDPOINTS}/daily")).json
        return found if found["materialization"]["status"] == "Completed" else None

    return await until(is_there)


async def test_every_field_of_a_create_is_kept(api):
    said = {
        "description": "how many",
        "tags": ["b", "a"],
        "is_active": True,
        "cache_age_seconds": 300,
        "is_materialized": True,
        "sync_frequency": "1hour",
        "derived_from_insight": "Abcd1234",
        "query": sql("SELECT 2 AS two"),
    }

    endpoint = await made(api, **said)

    assert {name: endpoint[name] for name in said} == said
    assert endpoint["materialization"] == {
        "can_materialize": True,
        "reason": None,
        "status": endpoint["materialization"]["status"],
        "last_materialized_at": endpoint["computed_at"],
        "error": None,
        "sync_frequency": "1hour",
    }
    kept = await built(api)
    assert (await api("GET", f"{ENDPOINTS}/daily")).json == kept
    assert {name: kept[name] for name in said} == said


@pytest.mark.parametrize(
    "prefix", ["api/projects/1", "api/environments/1", "api/environments/@current"]
)
async def test_both_prefixes_lead_to_the_same_endpoints(api, prefix):
    endpoint = await made(api)

    answer = await api("GET", f"{prefix}/endpoints/daily/")

    assert answer.status == 200
    assert answer.json == endpoint


@pytest.mark.parametrize(
    ("body", "attr", "words"),
    [
        ({"query": SELECT}, "name", "This field is required."),
        ({"name": "", "query": SELECT}, "name", "This field is required."),
        ({"name": None, "query": SELECT}, "name", "This field is required."),
        ({"name": 7, "query": SELECT}, "name", "Expected"),
        ({"name": "1st", "query": SELECT}, "name", "start with a letter"),
        ({"name": "two words", "query": SELECT}, "name", "Use two-words."),
        ({"name": "über", "query": SELECT}, "name", "Use uber."),
        ({"name": "a" * 129, "query": SELECT}, "name", "1-128"),
        ({"name": "last_execution_times", "query": SELECT}, "name", "reserved"),
        ({"name": "x"}, "query", "This field is required."),
        ({"name": "x", "query": None}, "query", "This field is required."),
        ({"name": "x", "query": "SELECT 1"}, "query", "JSON object"),
        ({"name": "x", "query": {"kind": "TrendsQuery"}}, "query", "Supported are HogQLQuery"),
        ({"name": "x", "query": sql("SELECT FROM y")}, "query", "Invalid query: "),
        ({"name": "x", "query": sql("SELECT 1; SELECT 2")}, "query", "Invalid query: "),
        ({"name": "x", "query": sql("COPY (SELECT 1) TO 'x'")}, "query", "may only read"),
        ({"name": "x", "query": sql('FROM views."no"')}, "query", "There is no view"),
        (
            {"name": "x", "query": sql("SELECT {variables.b}, {variables.a}")},
            "query",
            "Query references undefined variable(s): a, b.",
        ),
        ({"name": "x", "query": sql("SELECT 1", values={"a": 1})}, "query", "does not use a"),
        (
            {"name": "x", "query": sql("SELECT $a", parameters=[{"name": "a", "type": "enum"}])},
            "query",
            "options",
        ),
        ({"name": "x", "query": SELECT, "description": 1}, "description", "Expected"),
        ({"name": "x", "query": SELECT, "is_active": "yes"}, "is_active", "Expected"),
        ({"name": "x", "query": SELECT, "is_materialized": 1}, "is_materialized", "Expected"),
        ({"name": "x", "query": SELECT, "tags": "a"}, "tags", "Expected"),
        ({"name": "x", "query": SELECT, "cache_age_seconds": "1h"}, "cache_age_seconds", "Exp"),
        (
            {"name": "x", "query": SELECT, "cache_age_seconds": 299},
            "cache_age_seconds",
            "Cache age must be between 300 and 86400 seconds.",
        ),
        ({"name": "x", "query": SELECT, "cache_age_seconds": 86401}, "cache_age_seconds", "Cache"),
        ({"name": "x", "query": SELECT, "sync_frequency": "2hour"}, "sync_frequency", "5min"),
        (
            {"name": "x", "query": SELECT, "sync_frequency": "1hour", "is_materialized": False},
            "sync_frequency",
            "is_materialized is false",
        ),
        (
            {"name": "x", "query": SELECT, "is_active": False, "is_materialized": True},
            "is_materialized",
            "inactive",
        ),
        (
            {"name": "x", "query": SELECT, "is_active": False, "sync_frequency": "1hour"},
            "sync_frequency",
            "inactive",
        ),
        (
            {"name": "x", "query": SELECT, "derived_from_insight": "a" * 13},
            "derived_from_insight",
            "12",
        ),
        ({"name": "x", "query": SELECT, "is_activ": True}, "is_activ", "Did you mean is_active?"),
        ({"name": "x", "query": SELECT, "data_freshness_seconds": 900}, "data_freshness_seconds",
         "no field"),
    ],
)  # fmt: skip
async def test_a_create_that_cannot_be_names_its_field(api, body, attr, words):
    answer = await api("POST", ENDPOINTS, body)

    assert refusal(answer) == (400, attr)
    assert words in answer.json["detail"]
    assert (await api("GET", ENDPOINTS)).json["count"] == 0


async def test_a_name_is_taken_within_its_project_alone_and_free_once_it_is_deleted(api):
    await made(api)
    await api("POST", "api/projects", {"name": "Other"})
    body = {"name": "daily", "query": SELECT}

    taken = await api("POST", ENDPOINTS, body)
    elsewhere = await api("POST", "api/projects/2/endpoints", body)
    gone = await api("DELETE", f"{ENDPOINTS}/daily")
    again = await api("POST", ENDPOINTS, body)

    assert refusal(taken) == (400, "name")
    assert taken.json["detail"] == (
        "An endpoint with this name already exists for this team. Free now: daily-2."
    )
    assert elsewhere.status == 201
    assert elsewhere.json["endpoint_path"] == "/api/environments/2/endpoints/daily/run"
    assert (gone.status, gone.body) == (204, b"")
    assert again.status == 201
    assert (await api("GET", "api/projects/3/endpoints/daily")).status == 404


async def test_put_and_patch_change_what_they_name_and_leave_the_rest(api):
    endpoint = await made(api, description="a", tags=["t"], cache_age_seconds=600)
    address = f"{ENDPOINTS}/daily"

    for verb, words in (("PUT", "b"), ("PATCH", "c")):
        answer = await api(verb, address, {"description": words})
        assert answer.status == 200
        rest = {"description", "updated_at"}
        assert answer.json["description"] == words
        assert answer.json["updated_at"] > endpoint["updated_at"]
        assert {k: v for k, v in answer.json.items() if k not in rest} == {
            k: v for k, v in endpoint.items() if k not in rest
        }


async def test_null_leaves_everything_but_the_age(api):
    said = {
        "description": "d", "tags": ["t"], "cache_age_seconds": 600, "is_materialized": True,
        "sync_frequency": "7day", "derived_from_insight": "Abcd1234",
    }  # fmt: skip
    await made(api, **said)
    endpoint = await built(api)

    nulls = {**dict.fromkeys(said), "name": None, "query": None, "is_active": None}
    kept = await changed(api, {k: v for k, v in nulls.items() if k != "cache_age_seconds"})
    reset = await changed(api, nulls)

    assert {**kept, "updated_at": ""} == {**endpoint, "updated_at": ""}
    assert {**reset, "updated_at": ""} == {**endpoint, "updated_at": "", "cache_age_seconds": None}


async def test_a_rename_and_another_origin_are_passed_over(api):
    endpoint = await made(api)

    answer = await changed(api, {"name": "other", "derived_from_insight": "Abcd1234"})

    assert (answer["name"], answer["derived_from_insight"]) == ("daily", None)
    assert answer["id"] == endpoint["id"]
    assert (await api("GET", f"{ENDPOINTS}/other")).status == 404


async def test_an_inactive_endpoint_is_still_listed_and_read(api):
    await made(api)

    off = await changed(api, {"is_active": False})
    materialize = await api("PATCH", f"{ENDPOINTS}/daily", {"is_materialized": True})
    schedule = await api("PATCH", f"{ENDPOINTS}/daily", {"sync_frequency": "1hour"})
    both = await changed(api, {"is_active": True, "is_materialized": True})

    assert off["is_active"] is False
    assert (await api("GET", f"{ENDPOINTS}/daily")).status == 200
    assert (await api("GET", ENDPOINTS)).json["count"] == 1
    assert refusal(materialize) == (400, "is_materialized")
    assert refusal(schedule) == (400, "sync_frequency")
    assert (both["is_active"], both["is_materialized"]) == (True, True)


@pytest.mark.parametrize(
    ("frequency", "schedule"),
    [("5min", "5m"), ("30min", "30m"), ("1hour", "1h"), ("6hour", "6h"), ("12hour", "12h"),
     ("24hour", "24h"), ("7day", "7d"), ("30day", "30d")],
)  # fmt: skip
async def test_a_frequency_is_the_schedule_of_the_view(api, frequency, schedule):
    endpoint = await made(api, sync_frequency=frequency)

    view = (await api("GET", f"api/views/{endpoint['short_id']}")).json

    assert endpoint["sync_frequency"] == frequency
    assert view["schedule"] == schedule
    assert view["next_refresh_at"] > endpoint["created_at"]


async def test_materializing_brings_a_frequency_and_ending_it_takes_it_away(api):
    endpoint = await made(api)
    view = f"api/views/{endpoint['short_id']}"

    on = await changed(api, {"is_materialized": True})
    other = await changed(api, {"sync_frequency": "6hour"})
    again = await changed(api, {"is_materialized": True})
    off = await changed(api, {"is_materialized": False})

    told = [(each["is_materialized"], each["sync_frequency"]) for each in (on, other, again, off)]
    assert told == [(True, "24hour"), (True, "6hour"), (True, "6hour"), (False, None)]
    assert on["materialization"]["sync_frequency"] == "24hour"
    assert off["materialization"] == {"can_materialize": True, "reason": None}
    assert (await api("GET", view)).json["schedule"] is None


async def test_what_needs_a_value_is_not_materialized_and_the_reason_names_it(api):
    query = sql("SELECT $region AS r", parameters=[{"name": "region"}])
    endpoint = await made(api, query=query)

    refused = await api("PATCH", f"{ENDPOINTS}/daily", {"is_materialized": True})
    created = await api("POST", ENDPOINTS, {"name": "x", "query": query, "is_materialized": True})
    helped = sql("SELECT $region AS r", parameters=[{"name": "region", "defaultValue": "EU"}])
    done = await changed(api, {"query": helped, "is_materialized": True})

    assert endpoint["materialization"] == {
        "can_materialize": False,
        "reason": "No default value for region.",
    }
    assert refusal(refused) == refusal(created) == (400, "is_materialized")
    assert refused.json["detail"] == ("Cannot materialize endpoint: No default value for region.")
    assert done["is_materialized"] is True


async def test_age_and_schedule_of_other_doors_show_where_the_page_has_words_for_them(api):
    endpoint = await made(api)
    view = f"api/views/{endpoint['short_id']}"
    told = []

    for schedule in ("60m", "15m", "0 7 * * *", "1w"):
        await api("PATCH", view, {"age_seconds": 60, "schedule": schedule})
        told.append((await api("GET", f"{ENDPOINTS}/daily")).json)

    assert [each["sync_frequency"] for each in told] == ["1hour", None, None, "7day"]
    assert {each["cache_age_seconds"] for each in told} == {60}


async def test_parameters_are_told_with_the_values_that_they_have_otherwise(api):
    text = "SELECT {variables.region}, $day::DATE, $n, $free"
    query = {
        "kind": "HogQLQuery",
        "query": text,
        "variables": {
            "018f": {"code_name": "region", "value": "EU", "variableId": "018f"},
            "018e": {"code_name": "unused", "value": 1, "variableId": "018e"},
        },
        "values": {"n": 3, "free": 0.5},
        "parameters": [
            {"name": "day", "type": "date-picker", "description": "Which day"},
            {"name": "n", "type": "integer", "defaultValue": 1},
        ],
    }

    endpoint = await made(api, query=query)

    assert endpoint["query"] == query
    assert endpoint["parameters"] == {
        "day": {"name": "day", "displayName": "day", "type": "date-picker",
                "description": "Which day", "required": True},
        "n": {"name": "n", "displayName": "n", "type": "integer", "defaultValue": 3,
              "required": False},
        "region": {"name": "region", "type": "text", "defaultValue": "EU", "required": False},
        "free": {"name": "free", "type": "number", "defaultValue": 0.5, "required": False},
    }  # fmt: skip


async def test_the_columns_and_the_freshness_of_the_current_rows_are_told(api, data_folder):
    (data_folder / "d.csv").write_text("n\n1\n")
    text = (
        "SELECT n, n / 2.0 AS f, 'a' AS s, DATE '2026-01-01' AS d, now()::TIMESTAMP AS t,"
        " true AS b, [1] AS l, {'a': 1} AS j, 'x'::BLOB AS o, 1.5::DECIMAL(9, 2) AS m FROM 'd.csv'"
    )
    endpoint = await made(api, query=sql(text), cache_age_seconds=86400)
    wait = {"Prefer": "wait=50"}
    await api("GET", f"api/views/{endpoint['short_id']}/result?mode=blocking", headers=wait)

    fresh = (await api("GET", f"{ENDPOINTS}/daily")).json
    (data_folder / "d.csv").write_text("n\n1\n2\n")
    for _ in range(200):  # a look at the sources is good for a second
        stale = (await api("GET", f"{ENDPOINTS}/daily")).json
        if stale["is_stale"]:
            break
        await asyncio.sleep(0.05)

    assert {each["name"]: each["type"] for each in fresh["columns"]} == {
        "n": "integer", "f": "float", "s": "string", "d": "date", "t": "datetime", "b": "boolean",
        "l": "array", "j": "json", "o": "unknown", "m": "float",
    }  # fmt: skip
    assert (fresh["is_stale"], fresh["stale_reason"]) == (False, None)
    assert fresh["computed_at"] > endpoint["created_at"]
    assert (stale["is_stale"], stale["stale_reason"]) == (True, "source_changed")
    assert stale["stale_sources"] == ["d.csv"]


async def test_what_others_made_is_private_until_it_is_granted_and_its_owners_to_change(
    api, person
):
    ana, bo = await person("ana"), await person("bo")
    endpoint = await made(ana)
    view = f"api/views/{endpoint['short_id']}"
    address = f"{ENDPOINTS}/daily"
    reads = [address, f"{address}/versions", f"{address}/versions/1"]

    for each in reads:
        answer = await bo("GET", each)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), each
    assert (await bo("PATCH", address, {"nonsense": 1})).status == 404
    assert (await bo("DELETE", address)).status == 404
    assert (await bo("GET", ENDPOINTS)).json["results"] == []

    await ana("PATCH", view, {"allowed_user_ids": ["bo"]})

    assert [(await bo("GET", each)).status for each in reads] == [200, 200, 200]
    assert (await bo("GET", ENDPOINTS)).json["count"] == 1
    assert (await bo("PATCH", address, {"description": "x"})).status == 403
    assert (await bo("DELETE", address)).status == 403
    assert (await ana("GET", address)).json["description"] == ""


async def test_every_route_wants_its_scope_and_no_other(api, person):
    await made(await person("local"))
    routes = [
        ("GET", "", None, "endpoint:read", 200),
        ("POST", "", {"name": "x", "query": SELECT}, "endpoint:write", 201),
        ("GET", "/daily", None, "endpoint:read", 200),
        ("PATCH", "/daily", {"description": "d"}, "endpoint:write", 200),
        ("PUT", "/daily", {"description": "e"}, "endpoint:write", 200),
        ("GET", "/daily/versions", None, "endpoint:read", 200),
        ("GET", "/daily/versions/1", None, "endpoint:read", 200),
        ("POST", "/last_execution_times", {"names": []}, "endpoint:read", 200),
        ("DELETE", "/x", None, "endpoint:write", 204),
    ]
    wrong = []
    for scope in ("endpoint:read", "endpoint:write", "insight:write"):
        caller = await person("local", scope)
        for verb, tail, body, wanted, status in routes:
            answer = await caller(verb, ENDPOINTS + tail, body)
            may = scope in {wanted, "endpoint:write"}
            if answer.status != (status if may else 403):
                wrong.append((scope, verb, tail, answer.status))
            if not may:
                told = f"API key missing required scope '{wanted}'"
                assert answer.json["detail"] == told

    assert wrong == []
