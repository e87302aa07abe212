"""Queries under keys of their own: made, listed, run again, and hidden from strangers."""

from __future__ import annotations

import uuid

WAIT = {"Prefer": "wait=30"}


async def make(api, sql, **fields):
    answer = await api("POST", "api/queries", {"sql": sql, **fields}, headers=WAIT)
    assert answer.status == 201, answer.body
    return answer.json


async def test_a_query_is_made_with_a_uuid_and_its_first_run(api):
    answer = await api(
        "POST", "api/queries", {"sql": "SELECT $a AS n", "params": {"a": 7}}, headers=WAIT
    )

    assert answer.status == 201
    query = answer.json
    assert uuid.UUID(query["id"]).version == 7
    assert answer.headers["Location"].endswith(f"/api/queries/{query['id']}")
    assert query["sql"] == "SELECT $a AS n"
    assert query["analyticalDatabaseConfigId"] == "local"
    assert (query["inputs"], query["parameters"]) == (["a"], [])
    assert query["createdBy"] == "local"
    assert query["createdAt"] <= query["updatedAt"]
    run = query["latestRun"]
    assert (run["status"], run["error"]) == ("SUCCESS", None)
    assert run["submittedAt"] <= run["startedAt"] <= run["completedAt"]
    rows = await api("GET", f"api/v1/statements/{run['id']}/result")
    assert rows.json["rows"] == [[7]]
    metadata = query["latestRunMetadata"]
    assert metadata["status"] == "SUCCESS"
    assert metadata["statistics"]["rowCount"] == 1
    assert metadata["statistics"]["durationMs"] >= 0
    assert metadata["statistics"]["truncated"] is False


async def test_a_query_is_found_by_its_uuid_and_by_the_id_of_any_run(api):
    query = await make(api, "SELECT 1 AS a")
    again = await api.run("SELECT 1 AS a")

    by_uuid = await api("GET", f"api/queries/{query['id']}")
    by_case = await api("GET", f"api/queries/{query['id'].upper()}")
    by_run = await api("GET", f"api/queries/{again['id']}")

    assert by_uuid.status == by_case.status == by_run.status == 200
    assert by_uuid.json == by_case.json == by_run.json
    assert by_uuid.json["latestRun"]["id"] == again["id"]
    for absent in (uuid.uuid4(), "stmt_none", "nothing"):
        assert (await api("GET", f"api/queries/{absent}")).status == 404


async def test_queries_are_listed_newest_first_by_cursor(api):
    made = [(await make(api, f"SELECT {n} AS n"))["id"] for n in range(5)]

    seen, address, pages = [], "api/queries?limit=2", 0
    while address:
        page = await api("GET", address)
        assert page.status == 200
        seen += [item["id"] for item in page.json["items"]]
        cursor = page.json.get("nextCursor")
        assert ("Link" in page.headers) is (cursor is not None)
        address = cursor and f"api/queries?limit=2&cursor={cursor}"
        pages += 1

    assert seen == made[::-1]
    assert pages == 3
    assert len((await api("GET", "api/queries")).json["items"]) == 5


async def test_bad_limits_are_422_and_bad_cursors_400_in_the_words_of_the_page(api):
    for limit in ("0", "101", "-1", "x"):
        answer = await api("GET", f"api/queries?limit={limit}")
        assert answer.status == 422, limit
        assert (answer.json["type"], answer.json["code"]) == ("invalid_request", "VALIDATION")
    for cursor in ("x", "%00", "e30", "eyJpZCI6IjEifQ", "eyJpZCI6MX0", "a" * 199):
        answer = await api("GET", f"api/queries?cursor={cursor}")
        assert answer.status == 400, cursor
        assert answer.json.keys() == {"type", "message", "documentation_url", "code"}
        assert answer.json["documentation_url"].endswith("/views/api/docs")


async def test_execute_takes_fresh_rows_and_refresh_runs_in_any_case(api, data_folder):
    (data_folder / "n.csv").write_text("n\n1\n2\n")
    query = await make(
        api, "SELECT sum(n) AS s FROM 'n.csv' WHERE n >= $least", params={"least": 0}
    )
    path = f"api/queries/{query['id']}"

    reused = await api("POST", f"{path}/execute", headers=WAIT)
    forced = await api("POST", f"{path}/refresh", headers=WAIT)
    other = await api("POST", f"{path}/execute", {"params": {"least": 2}}, headers=WAIT)

    assert (reused.status, reused.json["latestRun"]["strategy"]) == (200, "from_cache")
    assert (forced.status, forced.json["latestRun"]["strategy"]) == (200, "execute")
    assert forced.headers["Location"].endswith(forced.json["latestRun"]["id"])
    rows = await api("GET", f"api/v1/statements/{other.json['latestRun']['id']}/result")
    assert rows.json["rows"] == [[2]]
    assert other.json["id"] == query["id"]
    unknown = await api("POST", f"{path}/execute", {"params": {"most": 2}})
    assert (unknown.status, unknown.json["code"]) == (400, "INVALID_PARAMETERS")


async def test_one_key_makes_one_query_however_often_it_is_sent(api):
    headers = {**WAIT, "Idempotency-Key": "once"}
    body = {"sql": "SELECT 5 AS n"}

    first = await api("POST", "api/queries", body, headers=headers)
    second = await api("POST", "api/queries", body, headers=headers)
    other = await api("POST", "api/queries", {"sql": "SELECT 6"}, headers=headers)

    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert other.status == 422


async def test_what_is_no_query_is_refused_with_the_words_of_the_page(api):
    refused = {
        "PARSE_ERROR": {"sql": "SELECT FROM FROM"},
        "MULTIPLE_STATEMENTS": {"sql": "SELECT 1; SELECT 2"},
        "DATA_MANIPULATION_DETECTED": {"sql": "CREATE TABLE t (a INT)"},
        "MISSING_PARAMETERS": {"sql": "SELECT $a"},
        "VALIDATION": {"sql": ""},
    }
    for code, body in refused.items():
        answer = await api("POST", "api/queries", body)
        assert answer.status in {400, 422}
        assert (answer.json["type"], answer.json["code"]) == ("invalid_request", code)
    elsewhere = {"sql": "SELECT 1", "analyticalDatabaseConfigId": "warehouse"}
    assert (await api("POST", "api/queries", elsewhere)).status == 422
    assert (await api("GET", "api/queries")).json["items"] == []


async def test_a_stranger_learns_neither_sql_nor_that_somebody_ran_it(person):
    olga, sam = await person("olga"), await person("sam")
    hers = await make(olga, "SELECT 41 AS secret")

    assert (await sam("GET", f"api/queries/{hers['id']}")).status == 404
    assert (await sam("GET", f"api/queries/{hers['latestRun']['id']}")).status == 404
    for verb in ("execute", "refresh"):
        assert (await sam("POST", f"api/queries/{hers['id']}/{verb}")).status == 404
    assert (await sam("GET", "api/queries")).json == {"items": []}

    same = await make(sam, "SELECT 41 AS secret")
    assert same["id"] == hers["id"]
    assert (same["createdBy"], same["createdAt"] > hers["createdAt"]) == ("sam", True)
    assert (await olga("GET", f"api/queries/{hers['id']}")).json["createdBy"] == "olga"


async def test_readers_of_a_view_see_its_query_and_run_it_in_their_own_name(person):
    olga, ana, sam = await person("olga"), await person("ana"), await person("sam")
    view = await olga.save("SELECT 1 AS a", "Shared", allowed_user_ids=["ana"])
    path = f"api/queries/{view['request_id']}"

    seen = await ana("GET", path)
    assert (seen.status, seen.json["createdBy"]) == (200, "olga")
    assert [item["id"] for item in (await ana("GET", "api/queries")).json["items"]] == [
        seen.json["id"]
    ]
    run = await ana("POST", f"api/queries/{seen.json['id']}/execute", headers=WAIT)
    assert run.status == 200
    assert (await ana("GET", f"api/v1/statements/{run.json['latestRun']['id']}")).json["sql"]
    assert (await sam("GET", path)).status == 404
    await olga("PUT", "api/v1/perspectives/shared", {"allowed_user_ids": []})
    assert (await ana("GET", path)).status == 404


async def test_why_a_run_failed_only_its_submitter_learns(person, data_folder):
    olga, ana = await person("olga"), await person("ana")
    (data_folder / "s.csv").write_text("a\n1\n")
    view = await olga.save("SELECT a::INTEGER AS a FROM 's.csv'", "S", is_public=True)
    (data_folder / "s.csv").write_text("a\nsecret\n")
    refresh = (await olga("POST", "api/v1/perspectives/s/refresh")).json["id"]
    await olga("GET", f"api/v1/statements/{refresh}", headers=WAIT)

    mine = await olga("GET", f"api/queries/{view['request_id']}")
    theirs = await ana("GET", f"api/queries/{view['request_id']}")

    assert mine.json["latestRun"]["id"] == theirs.json["latestRun"]["id"] == refresh
    assert mine.json["latestRun"]["error"]["code"] == "ENGINE_ERROR"
    assert (theirs.json["latestRun"]["status"], theirs.json["latestRun"]["error"]) == (
        "FAILED",
        None,
    )


async def test_scopes_of_keys(person):
    reads, writes, other = (
        await person("ana", "query:read"),
        await person("ana", "query:write"),
        await person("ana", "perspective:write"),
    )
    query = await make(writes, "SELECT 1 AS a")

    assert (await reads("GET", "api/queries")).status == 200
    assert (await reads("GET", f"api/queries/{query['id']}")).status == 200
    refused = await reads("POST", "api/queries", {"sql": "SELECT 1"})
    assert (refused.status, refused.json["code"]) == (403, "FORBIDDEN")
    assert "query:write" in refused.json["message"]
    assert (await reads("POST", f"api/queries/{query['id']}/execute")).status == 403
    assert (await other("GET", "api/queries")).status == 403
