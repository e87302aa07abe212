"""The log of runs, their usage, and how often one may run."""

from __future__ import annotations

import sqlite3
import time

import pytest

ENDPOINT = "api/projects/1/endpoints/stock"
SECRET = "a-value-that-is-nobodys-affair"


@pytest.fixture
def make(api):
    async def make(sql="SELECT $word AS word", values=None, name="stock"):
        query = {"kind": "HogQLQuery", "query": sql, "values": values or {"word": "own"}}
        answer = await api("POST", "api/projects/1/endpoints", {"name": name, "query": query})
        assert answer.status == 201, answer.body
        return answer.json

    return make


async def logged(api, more=""):
    answer = await api("GET", f"{ENDPOINT}/logs{more}")
    assert answer.status == 200, answer.body
    return answer.json


async def test_each_run_is_a_line_and_values_are_in_none(api, make, tmp_path):
    made = await make("SELECT $word::VARCHAR AS w, ($word::VARCHAR).len() // $n AS n", {
        "word": "own", "n": 1,
    })  # fmt: skip
    own = await api("POST", f"{ENDPOINT}/run", {})
    hit = await api("GET", f"{ENDPOINT}/run")
    other = await api("POST", f"{ENDPOINT}/run", {"variables": {"word": SECRET}})
    in_address = await api("GET", f"{ENDPOINT}/run?word={SECRET}")
    wrong = await api("POST", f"{ENDPOINT}/run", {"variables": {"n": SECRET}})
    unknown = await api("POST", f"{ENDPOINT}/run", {"variables": {"nothing": SECRET}})
    pending = await api("POST", f"{ENDPOINT}/run", {"refresh": "force_async"})

    page = await logged(api)

    runs = (own, hit, other, in_address, wrong, unknown, pending)
    assert [answer.status for answer in runs] == [200, 200, 200, 200, 400, 400, 202]
    assert (page["count"], page["next"], page["previous"]) == (7, None, None)
    lines = page["results"][::-1]
    assert {line["log_source_id"] for line in lines} == {made["id"]}
    assert [line["level"] for line in lines] == ["INFO"] * 4 + ["WARNING"] * 2 + ["INFO"]
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    for answer, line in ((own, lines[0]), (hit, lines[1]), (pending, lines[6])):
        assert answer.headers["X-Execution-Id"] == line["instance_id"]
    said = [line["message"] for line in lines]
    assert said[0].startswith("Endpoint executed · path=inline cache=miss duration_ms=")
    assert said[0].endswith(" rows=1 version=1")
    assert "cache=hit" in said[1]
    assert said[4].startswith("Endpoint run refused: invalid request · error=validation field=")
    assert "cache=none" in said[6]
    assert SECRET not in str(page)
    with sqlite3.connect(tmp_path / "views-store" / "views.sqlite") as connection:
        assert SECRET not in str(connection.execute("SELECT * FROM executions").fetchall())


async def test_a_failure_keeps_its_words_only_where_no_values_were_given(api, make):
    await make("SELECT $word::INTEGER AS n", {"word": "ours"})

    own = await api("POST", f"{ENDPOINT}/run", {})
    given = await api("POST", f"{ENDPOINT}/run", {"variables": {"word": SECRET}})

    assert (own.status, given.status) == (400, 400)
    assert SECRET in given.json["detail"]
    last, first = (await logged(api))["results"]
    assert (first["level"], last["level"]) == ("ERROR", "ERROR")
    assert "error=engine_error " in first["message"] and "ours" in first["message"]
    assert last["message"].endswith("error=engine_error")


async def test_the_log_is_paged_and_narrowed(api, make):
    await make()
    for _ in range(3):
        await api("GET", f"{ENDPOINT}/run")
    await api("GET", f"{ENDPOINT}/run?nothing=1")
    whole = (await logged(api))["results"]
    newest, *_, oldest = whole

    first = await logged(api, "?limit=3")
    second = await api("GET", first["next"].split("/views/")[1])
    levels = [await logged(api, f"?level={word}") for word in ("INFO", "warning,error", "ERROR")]
    after = await logged(api, f"?after={oldest['timestamp']}")
    before = await logged(api, f"?before={newest['timestamp']}")
    found = [await logged(api, f"?search={word}") for word in ("CACHE=HIT", "refused", "no%20such")]
    paged = await logged(api, "?search=cache=&limit=1&offset=1")
    one = await logged(api, f"?instance_id={oldest['instance_id']}")

    assert [line["level"] for line in whole] == ["WARNING", "INFO", "INFO", "INFO"]
    assert first["results"] == whole[:3]
    assert (second.json["results"], second.json["next"]) == (whole[3:], None)
    assert second.json["previous"] is not None
    assert [page["count"] for page in levels] == [3, 1, 0]
    assert (after["results"], before["results"]) == (whole[:-1], whole[1:])
    assert [page["count"] for page in found] == [2, 1, 0]
    assert (paged["results"], paged["count"]) == ([whole[2]], 3)
    assert one["results"] == [oldest]


@pytest.mark.parametrize(
    ("more", "attr"),
    [
        ("limit=0", "limit"), ("limit=501", "limit"), ("offset=-1", "offset"),
        ("level=LOUD", "level"), ("after=soon", "after"), ("before=2024-02-30", "before"),
    ],
)  # fmt: skip
async def test_a_filter_that_is_none_is_named(api, make, more, attr):
    await make()

    answer = await api("GET", f"{ENDPOINT}/logs?{more}")

    assert (answer.status, answer.json["attr"]) == (400, attr)


async def test_usage_counts_by_version_and_by_day(api, make):
    await make()
    for tail in ("run", "run", "run.csv", "run?nothing=1"):
        await api("GET", f"{ENDPOINT}/{tail}")
    query = {"kind": "HogQLQuery", "query": "SELECT 2 AS n"}
    await api("PATCH", ENDPOINT, {"query": query})
    await api("GET", f"{ENDPOINT}/run")

    answer = await api("GET", f"{ENDPOINT}/usage?days=7")
    wrong = await api("GET", f"{ENDPOINT}/usage?days=0")

    usage = answer.json
    total = usage["total"]
    assert (usage["name"], total["runs"], total["errors"], total["rows"]) == ("stock", 5, 1, 4)
    assert total["cached_share"] == 0.5
    assert 0 < total["p50_ms"] <= total["p95_ms"]
    assert [(each["version"], each["runs"]) for each in usage["versions"]] == [(2, 1), (1, 4)]
    assert {each["date"] for each in usage["days"]} <= {
        time.strftime("%Y-%m-%d", time.gmtime(time.time() - back)) for back in (0, 60)
    }
    assert (wrong.status, wrong.json["attr"]) == (400, "days")


async def test_the_log_and_the_usage_are_for_those_who_may_read(api, make, person):
    await make()
    stranger = await person("zoe")

    for tail in ("logs", "usage"):
        assert (await stranger("GET", f"{ENDPOINT}/{tail}")).status == 404
        assert (await api("GET", f"api/projects/1/endpoints/nothing/{tail}")).status == 404


async def test_a_run_is_told_as_the_last_one(api, make):
    await make()
    ran = await api("GET", f"{ENDPOINT}/run")
    await logged(api)

    times = await api("POST", "api/projects/1/endpoints/last_execution_times", {"names": ["stock"]})

    (told,) = times.json["query_status"]["results"]
    (line,) = (await logged(api))["results"]
    assert ran.status == 200
    assert told == ["stock", line["timestamp"]]


async def test_a_key_runs_240_times_a_minute_and_the_owner_as_often_as_he_likes(
    api, make, person, views_app
):
    await make()
    mine = await person("local", "endpoint:read", "query:read")
    other = await person("local", "endpoint:read")

    answers = [await mine("GET", f"{ENDPOINT}/run") for _ in range(239)]
    answers.append(await mine("GET", "api/projects/1/query/nothing"))
    throttled = await mine("GET", f"{ENDPOINT}/run")
    bad_body = await mine("POST", f"{ENDPOINT}/run", {"surprise": 1})
    polled = await mine("GET", "api/projects/1/query/nothing")
    words = await mine("GET", f"{ENDPOINT}/logs")
    fresh_key = await other("GET", f"{ENDPOINT}/run")
    owner = await api("GET", f"{ENDPOINT}/run")

    assert {answer.status for answer in answers} == {200, 404}
    for answer in (throttled, bad_body, polled):
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.json["type"] == "throttled_error"
        assert answer.json["code"] == "throttled"
        assert answer.json["detail"].startswith("Request was throttled.")
    assert [answer.status for answer in (words, fresh_key, owner)] == [200, 200, 200]
    assert words.json["count"] == 239
