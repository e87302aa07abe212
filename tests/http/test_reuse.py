"""When rows that are there are served again, and when a query is run anew."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

STATEMENTS = "api/v1/statements"
SECONDS = 1_000_000
# A thousand rows after about a second of work, so that others can come meanwhile.
SLOW_ROWS = (
    "SELECT r.range AS n FROM range(1000) r WHERE"
    " (SELECT sum(a.range * b.range % 7) FROM range(20000) a, range(8000) b) > 0"
)


@pytest.fixture
def grow_older(tmp_path):
    """Make every stored result so many seconds older."""

    def move(seconds: int) -> None:
        with sqlite3.connect(tmp_path / "views-store" / "views.sqlite") as connection:
            connection.execute(
                "UPDATE results SET computed_at = computed_at - ?", (seconds * SECONDS,)
            )

    return move


async def submit(call, sql: str, *, max_age: int | None = None, wait: int = 50, **fields):
    query = "" if max_age is None else f"?max_age={max_age}"
    headers = {"Prefer": f"wait={wait}"}
    answer = await call("POST", STATEMENTS + query, {"sql": sql, **fields}, headers=headers)
    assert answer.status in {200, 202}, answer.body
    return answer.json


async def rows_of(call, statement: dict) -> list:
    return (await call("GET", f"{STATEMENTS}/{statement['id']}/result")).json["rows"]


@pytest.mark.parametrize("other", [{}, {"row_limit": 5}, {"row_limit": 20}, {"byte_limit": 10_000}])
async def test_rows_cut_by_a_row_limit_are_not_served_under_other_limits(api, other):
    sql = "SELECT range AS n FROM range(1000)"
    cut = await submit(api, sql, row_limit=10)
    assert (cut["row_count"], cut["truncated"]) == (10, True)

    under_others = await submit(api, sql, **other)
    same = await submit(api, sql, row_limit=10)

    assert under_others["strategy"] == "execute"
    assert under_others["row_count"] == other.get("row_limit", 1000)
    assert under_others["truncated"] is ("row_limit" in other)
    assert (same["strategy"], same["row_count"]) == ("from_cache", 10)


@pytest.mark.parametrize("other", [{}, {"byte_limit": 400_000}, {"row_limit": 100_000}])
async def test_rows_cut_by_a_byte_limit_are_not_served_under_other_limits(api, other):
    sql = "SELECT md5(range::VARCHAR) AS h FROM range(100000)"
    cut = await submit(api, sql, byte_limit=100_000)
    assert cut["truncated"] is True
    assert 0 < cut["row_count"] < 100_000

    under_others = await submit(api, sql, **other)

    assert under_others["strategy"] == "execute"
    assert under_others["row_count"] > cut["row_count"]
    assert (under_others["row_count"] == 100_000) is ("byte_limit" not in other)
    assert (await submit(api, sql, byte_limit=100_000))["strategy"] == "from_cache"


@pytest.mark.parametrize("max_age", [-1, 3600])
async def test_even_who_takes_any_rows_gets_none_that_other_limits_cut(api, max_age):
    sql = "SELECT range AS n FROM range(1000)"
    await submit(api, sql, row_limit=10)

    whole = await submit(api, sql, max_age=max_age)

    assert (whole["strategy"], whole["row_count"], whole["truncated"]) == ("execute", 1000, False)


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ({"row_limit": 10}, {}, (10, 1000)),
        ({}, {"row_limit": 10}, (1000, 10)),
        ({"row_limit": 10}, {"row_limit": 20}, (10, 20)),
    ],
)
async def test_a_run_under_way_is_not_joined_under_other_limits(api, first, second, counts):
    primary = await submit(api, SLOW_ROWS, wait=0, **first)
    other = await submit(api, SLOW_ROWS, wait=0, **second)
    equal = await submit(api, SLOW_ROWS, wait=0, **first)

    assert [s["strategy"] for s in (primary, other, equal)] == [
        "execute",
        "execute",
        "await_primary",
    ]
    assert equal["primary"]["id"] == primary["id"]
    ended = [
        (await api("GET", f"{STATEMENTS}/{s['id']}", headers={"Prefer": "wait=50"})).json
        for s in (primary, other, equal)
    ]
    assert [s["row_count"] for s in ended] == [*counts, counts[0]]


async def test_rows_under_ones_ttl_are_not_the_rows_of_somebody_without_one(person, grow_older):
    ana, ben = await person("ana"), await person("ben")
    kept = await submit(ana, "SELECT now() AS t", ttl=0)
    grow_older(600)

    of_ben = await submit(ben, "SELECT now() AS t")
    assert of_ben["strategy"] == "execute"
    assert await rows_of(ben, of_ben) != await rows_of(ana, kept)


async def test_ttl_0_keeps_even_a_moving_clock(person, grow_older):
    ana = await person("ana")
    kept = await submit(ana, "SELECT now() AS t", ttl=0)
    grow_older(40 * 86_400)

    again = await submit(ana, "SELECT now() AS t", ttl=0)

    assert (again["strategy"], again["is_stale"]) == ("from_cache", False)
    assert await rows_of(ana, again) == await rows_of(ana, kept)


async def test_a_ttl_of_ones_own_bounds_rows_that_others_made_without_one(person, grow_older):
    ana, ben = await person("ana"), await person("ben")
    await submit(ana, "SELECT 1 AS a")
    grow_older(600)

    bounded = await submit(ben, "SELECT 1 AS a", ttl=5)
    grow_older(600)
    unbounded = await submit(ben, "SELECT 1 AS a")

    assert bounded["strategy"] == "execute"
    assert unbounded["strategy"] == "from_cache"


async def test_max_age_0_runs_and_minus_1_takes_any_and_n_takes_the_young(api, grow_older):
    sql = "SELECT now() AS t"
    first = await submit(api, sql)
    grow_older(7200)

    too_old = await submit(api, sql, max_age=3600)
    young = await submit(api, sql, max_age=3600)
    grow_older(7200)
    any_age = await submit(api, sql, max_age=-1)
    by_freshness = await submit(api, sql)
    anew = await submit(api, sql, max_age=0)

    strategies = [s["strategy"] for s in (first, too_old, young, any_age, by_freshness, anew)]
    assert strategies == ["execute", "execute", "from_cache", "from_cache", "execute", "execute"]
    assert await rows_of(api, young) == await rows_of(api, too_old) == await rows_of(api, any_age)
    assert (await api("POST", f"{STATEMENTS}?max_age=-2", {"sql": sql})).status == 422


async def test_a_changed_file_is_read_anew_unless_its_old_rows_are_asked_for(api, data_folder):
    sql = "SELECT sum(n) AS s FROM 'f.csv'"
    (data_folder / "f.csv").write_text("n\n1\n")
    await submit(api, sql)
    (data_folder / "f.csv").write_text("n\n1\n2\n")

    any_age = await submit(api, sql, max_age=-1)
    young = await submit(api, sql, max_age=3600)
    fresh = await submit(api, sql)

    assert [s["strategy"] for s in (any_age, young, fresh)] == [
        "from_cache",
        "from_cache",
        "execute",
    ]
    assert await rows_of(api, any_age) == await rows_of(api, young) == [[1]]
    assert await rows_of(api, fresh) == [[3]]
    assert (await submit(api, sql))["strategy"] == "from_cache"


async def test_a_file_that_is_gone_is_no_reason_to_serve_its_old_rows_unasked(api, data_folder):
    sql = "SELECT sum(n) AS s FROM 'lost.csv'"
    (data_folder / "lost.csv").write_text("n\n1\n")
    await submit(api, sql)
    (data_folder / "lost.csv").unlink()

    unasked = await submit(api, sql)
    asked = await submit(api, sql, max_age=-1)

    assert (unasked["strategy"], unasked["status"]) == ("execute", "FAILED")
    assert asked["strategy"] == "from_cache"


async def test_a_reused_result_says_when_it_was_computed_and_whose_run_it_was(person):
    ana, ben = await person("ana"), await person("ben")
    first = await submit(ana, "SELECT 7 AS n")

    second = await submit(ben, "SELECT 7 AS n", meta={"cell": 3}, format_hint="csv")
    third = await submit(ana, "SELECT 7 AS n")

    assert second["computed_at"] == first["computed_at"]
    assert second["submitted_at"] > first["submitted_at"]
    assert second["primary"]["id"] == third["primary"]["id"] == first["id"]
    assert (second["meta"], second["format_hint"]) == ({"cell": 3}, "csv")
    assert (third["meta"], third["format_hint"]) == (None, None)


async def test_meta_hint_limits_and_ttl_survive_the_refreshes_of_a_view(api, data_folder):
    (data_folder / "m.csv").write_text("n\n1\n2\n3\n")
    meta = {"team": "growth", "deep": {"list": [1, None, "ü"]}}
    statement = await submit(
        api,
        "SELECT n FROM 'm.csv'",
        meta=meta,
        format_hint="arrow",
        row_limit=2,
        byte_limit=1_000_000,
        ttl=30,
    )
    body = {"name": "Kept", "statement_id": statement["id"]}
    assert (await api("POST", "api/v1/perspectives", body)).status == 201

    for _ in range(2):
        refresh = (await api("POST", "api/v1/perspectives/kept/refresh")).json
        ended = await api("GET", f"{STATEMENTS}/{refresh['id']}", headers={"Prefer": "wait=30"})
        assert ended.json["status"] == "SUCCESS"
        assert (ended.json["meta"], ended.json["format_hint"]) == (meta, "arrow")
        assert (ended.json["row_count"], ended.json["truncated"]) == (2, True)
        assert ended.json["ttl"] == 30

    view = (await api("GET", "api/v1/perspectives/kept")).json
    assert view["request_id"] == refresh["id"]
    assert (view["meta"], view["truncated"]) == (meta, True)


async def test_a_refresh_finds_rows_that_are_there_no_reason_not_to_run(api):
    view = await api.save("SELECT 1 AS a", "Forced")

    refresh = (await api("POST", "api/v1/perspectives/forced/refresh")).json
    ended = await api("GET", f"{STATEMENTS}/{refresh['id']}", headers={"Prefer": "wait=30"})

    assert ended.json["strategy"] == "execute"
    assert ended.json["id"] != view["request_id"]
    await asyncio.sleep(0.1)
    assert (await api("GET", "api/v1/perspectives/forced")).json["request_id"] == refresh["id"]
