"""Runs of endpoints: every field, every mode in every state, both prefixes, what goes wrong."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import time
from urllib.parse import urlencode

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from jupyter_views.core.freshness import Mode

PREFIXES = ("projects", "environments")
STATES = ("missing", "fresh", "stale", "very_stale")
# N new rows at once, R those that are stored, 0 none; S: a calculation runs behind.
CELLS = {
    Mode.FORCE_CACHE: ("0", "R", "R", "R"),
    Mode.BLOCKING: ("N", "R", "N", "N"),
    Mode.ASYNC: ("0S", "R", "RS", "RS"),
    Mode.LAZY_ASYNC: ("0S", "R", "R", "RS"),
    Mode.ASYNC_EXCEPT_ON_CACHE_MISS: ("N", "R", "RS", "RS"),
    Mode.FORCE_BLOCKING: ("N", "N", "N", "N"),
    Mode.FORCE_ASYNC: ("0S", "0S", "0S", "0S"),
}
SYNONYMS = {"cache": Mode.BLOCKING, "force": Mode.FORCE_BLOCKING, "direct": Mode.FORCE_BLOCKING}
OLD, NEW = [[1]], [[3]]
STOCK = "SELECT sum(n)::BIGINT AS s FROM 'stock.csv'"
SLOW = "SELECT count(*) AS n FROM range(400000) a, range(400000) b WHERE a.range % 7 = b.range % 5"
ROWS = "SELECT i AS id, 'name ' || i AS name FROM range(10) t(i) ORDER BY i"


class Endpoints:
    """Endpoints of a project, made, changed and run."""

    def __init__(self, api, folder, store) -> None:
        self.api = api
        self.file = folder / "stock.csv"
        self._store = store

    async def make(self, sql=STOCK, name="stock", **more) -> dict:
        values = more.pop("values", None)
        query = {"kind": "HogQLQuery", "query": sql}
        query |= {name: more.pop(name) for name in ("parameters", "variables") if name in more}
        if values is not None:
            query["values"] = values
        self.file.write_text("n\n1\n")
        body = {"name": name, "query": query, **more}
        answer = await self.api("POST", "api/projects/1/endpoints", body)
        assert answer.status == 201, answer.body
        return answer.json

    async def run(self, body=None, *, name="stock", tail="run", api=None):
        address = f"api/projects/1/endpoints/{name}/{tail}"
        if body is None:
            return await (api or self.api)("GET", address)
        return await (api or self.api)("POST", address, body)

    async def become(self, state: str, *names: str) -> None:
        if state == "missing":
            return
        for name in names:
            assert (await self.run({}, name=name)).status == 200
        if state == "fresh":
            return
        self.file.write_text("n\n1\n2\n")
        if state == "very_stale":
            an_hour_ago = time.time_ns() // 1000 - 3_600_000_000
            with sqlite3.connect(self._store / "views.sqlite") as connection:
                connection.execute("UPDATE views SET changed_at = ?", (an_hour_ago,))
        for name in names:
            await self.until_stale(name)

    async def until_stale(self, name: str = "stock") -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if (await self.run({"refresh": "force_cache"}, name=name)).json["is_stale"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("never stale")

    def calculated(self) -> int:
        """How many statements were run; those that waited for an equal one were not."""
        with sqlite3.connect(self._store / "views.sqlite") as connection:
            asked = (
                "SELECT count(*) FROM statements"
                " WHERE started_at IS NOT NULL AND strategy = 'execute'"
            )
            return connection.execute(asked).fetchone()[0]

    async def judge(self, answer, word, cell, newest, state) -> None:
        """What an answer says must be what its cell says."""
        run = answer.json
        assert run["results"] == {"N": newest, "R": OLD, "0": None}[cell[0]], word
        assert run["is_cached"] is (cell[0] == "R"), word
        assert (run["last_refresh"] is None) is (cell[0] == "0")
        assert answer.status == (202 if cell.endswith("S") else 200)
        assert (run["query_status"] is not None) is cell.endswith("S")
        if cell[0] == "R" and state not in {"missing", "fresh"}:
            assert (run["is_stale"], run["stale_reason"]) == (True, "source_changed")
            assert run["stale_sources"] == ["stock.csv"]
            assert answer.headers["Is-Stale"] == "true"
            assert answer.headers["X-Stale-Reason"] == "source_changed"
        if cell.endswith("S"):
            mine = f"my-{word}"
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Location"].endswith(f"/api/projects/1/query/{mine}")
            assert (run["query_status"]["id"], run["query_status"]["complete"]) == (mine, False)
            status = await self.ended(mine)
            assert (status["http"], status["results"]["results"]) == (200, newest)
            stored = await self.run({"refresh": "force_cache"}, name=word)
            assert stored.json["results"] == newest

    async def ended(self, job_id: str) -> dict:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = await self.api("GET", f"api/projects/1/query/{job_id}")
            if answer.status != 202:
                return answer.json["query_status"] | {"http": answer.status}
            await asyncio.sleep(0.05)
        raise AssertionError(answer.body)

    async def lines(self, name="stock", more="") -> list[dict]:
        answer = await self.api("GET", f"api/projects/1/endpoints/{name}/logs{more}")
        assert answer.status == 200, answer.body
        return answer.json["results"]


@pytest.fixture
def endpoints(api, data_folder, tmp_path):
    return Endpoints(api, data_folder, tmp_path / "views-store")


@pytest.mark.parametrize("state", STATES)
async def test_each_cell_of_refresh_and_state(endpoints, state):
    words = (*Mode, *SYNONYMS)
    for word in words:
        await endpoints.make(name=word)
    await endpoints.become(state, *words)
    newest = OLD if state in {"missing", "fresh"} else NEW

    for word in words:
        cell = CELLS[SYNONYMS.get(word) or Mode(word)][STATES.index(state)]
        body = {"refresh": word, "client_query_id": f"my-{word}"}
        await endpoints.judge(await endpoints.run(body, name=word), word, cell, newest, state)


async def test_a_mode_in_the_address_and_one_that_is_none(endpoints):
    await endpoints.make()

    cached = await endpoints.run(tail="run?refresh=force_cache")
    plain = await endpoints.run()
    unknown = await endpoints.run(tail="run?refresh=sometimes")
    in_body = await endpoints.run({"refresh": True})

    assert (cached.status, cached.json["results"]) == (200, None)
    assert plain.json["results"] == OLD
    for refused in (unknown, in_body):
        assert (refused.status, refused.json["attr"]) == (400, "refresh")
        assert refused.json["type"] == "validation_error"
    assert "lazy_async" in unknown.json["detail"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_documented_field_is_in_the_answer_of_both_prefixes(api, endpoints, prefix):
    made = await endpoints.make()
    address = f"api/{prefix}/1/endpoints/stock/run"

    for answer in (await api("GET", address), await api("POST", address, {})):
        run = answer.json
        assert answer.body.startswith(b'{"results":')
        version = run["_version_created_at"]
        assert run == {
            "results": OLD,
            "columns": ["s"],
            "types": [["s", "BIGINT"]],
            "hasMore": False,
            "limit": None,
            "offset": None,
            "is_cached": answer is not None and run["is_cached"],
            "last_refresh": run["computed_at"],
            "cache_target_age": None,
            "next_allowed_client_refresh": run["next_allowed_client_refresh"],
            "timezone": "UTC",
            "query_status": None,
            "error": None,
            "name": made["name"],
            "execution_id": answer.headers["X-Execution-Id"],
            "endpoint_version": 1,
            "endpoint_version_created_at": version,
            "_version": 1,
            "_version_created_at": version,
            "execution_path": "inline",
            "execution_path_reason": "not_materialized",
            "is_stale": False,
            "stale_reason": None,
            "stale_sources": [],
            "computed_at": run["computed_at"],
            "max_staleness_exceeded": False,
        }
    assert run["is_cached"] is True


async def test_debug_shows_the_sql_and_what_it_read(endpoints):
    await endpoints.make()

    shown = (await endpoints.run({"debug": True})).json
    in_address = (await endpoints.run(tail="run?debug=true")).json
    hidden = (await endpoints.run({"debug": False})).json

    for told in (shown, in_address):
        assert "stock.csv" in told["hogql"]
        assert told["explain"]["reads"] == [{"kind": "file", "name": "stock.csv"}]
        assert told["timings"][0]["k"] == "query"
        assert told["cache_key"]
    assert not {"hogql", "explain", "timings", "cache_key", "modifiers"} & set(hidden)


async def test_an_age_decides_and_is_told(endpoints):
    await endpoints.make(cache_age_seconds=300)

    run = (await endpoints.run({})).json

    seconds = pd.Timestamp(run["cache_target_age"]) - pd.Timestamp(run["last_refresh"])
    assert seconds == pd.Timedelta(seconds=300)


async def test_fifty_readers_of_a_stale_endpoint_are_one_calculation(endpoints):
    await endpoints.make()
    await endpoints.become("stale", "stock")
    before = endpoints.calculated()

    answers = await asyncio.gather(*(endpoints.run({}) for _ in range(50)))

    assert {answer.status for answer in answers} == {200}
    assert all(answer.json["results"] == NEW for answer in answers)
    assert endpoints.calculated() == before + 1
    told = {answer.headers["X-Execution-Id"] for answer in answers}
    assert len(told) == 50
    lines = await endpoints.lines(more="?limit=500")
    assert told <= {line["instance_id"] for line in lines}


async def test_fifty_readers_with_values_of_their_own_are_one_calculation(endpoints):
    await endpoints.make("SELECT $n AS n", values={"n": 1})
    before = endpoints.calculated()

    body = {"variables": {"n": 2}}
    answers = await asyncio.gather(*(endpoints.run(body) for _ in range(50)))

    assert all(answer.json["results"] == [[2]] for answer in answers)
    assert endpoints.calculated() == before + 1


VALUES = {"region": "EU", "least": 1, "share": 0.5, "is_open": True}
PICKED = "SELECT $region AS region, $least AS least, $share AS share, $is_open AS is_open"


@pytest.mark.parametrize(
    "body",
    [
        {"variables": {"region": "US", "least": 7}},
        {"variables_values": {"region": "US", "least": 7}},
        {"variables_override": {"v1": {"code_name": "region", "value": "US"}, "least": 7}},
        {
            "variables_override": {"region": "nobody"},
            "variables_values": {"region": "nowhere", "least": 7},
            "variables": {"region": "US"},
        },
    ],
)
async def test_values_by_each_of_their_fields(endpoints, body):
    await endpoints.make(PICKED, values=VALUES)

    run = (await endpoints.run(body)).json
    again = (await endpoints.run(body)).json
    own = (await endpoints.run({})).json

    assert run["results"] == [["US", 7, 0.5, True]]
    assert (again["results"], again["is_cached"]) == (run["results"], True)
    assert own["results"] == [["EU", 1, 0.5, True]]


async def test_values_in_an_address_are_of_the_type_of_the_querys_own(endpoints):
    await endpoints.make(PICKED, values=VALUES)

    spelled = await endpoints.run(tail="run?region=US&least=7&share=.25&is_open=false")
    as_json = await endpoints.run(tail='run?variables={"least":8}&least=9')
    prefixed = await endpoints.run(tail="run?param.least=6&param.region=US")
    body_wins = await endpoints.run({"variables": {"least": 3}}, tail="run?least=4&region=US")

    assert spelled.json["results"] == [["US", 7, 0.25, False]]
    assert as_json.json["results"][0][1] == 8
    assert prefixed.json["results"] == [["US", 6, 0.5, True]]
    assert body_wins.json["results"] == [["US", 3, 0.5, True]]


@pytest.mark.parametrize(
    ("tail", "body", "attr", "said"),
    [
        ("run", {"variables": {"b": 1, "a": 2}}, "variables", "Unknown variable(s): a, b"),
        ("run?b=1&a=2", None, "variables", "Unknown variable(s): a, b"),
        ("run", {"variables": {"least": "many"}}, "variables", "'least' is a number"),
        ("run", {"variables": {"region": 5}}, "variables", "'region' is a text"),
        ("run?least=many", None, "variables", "'least' is a number"),
        ("run?is_open=maybe", None, "variables", "'is_open' is true or false"),
        ("run?variables=[", None, "variables", "JSON object"),
        ("run", {"variables": [1]}, "variables", ""),
        ("run", {"variables": {"not a name": 1}}, "variables", ""),
        ("run", {"query_override": {"limit": 1}}, "query_override", "not supported for HogQL"),
        ('run?query_override={"limit":1}', None, "query_override", "not supported for HogQL"),
        ("run", {"filters_override": {"date_from": "-7d"}}, "filters_override", "date_from"),
        ("run", {"filters_override": {"properties": [1]}}, "filters_override", "date_from"),
        ("run", {"surprise": 1}, "surprise", "surprise"),
        ("run", {"debug": "yes"}, "debug", ""),
        ("run", {"client_query_id": ""}, "client_query_id", ""),
        ("run", {"client_query_id": 7}, "client_query_id", ""),
    ],
)
async def test_what_cannot_be_taken_is_400_and_named(endpoints, tail, body, attr, said):
    await endpoints.make(PICKED, values=VALUES)

    answer = await endpoints.run(body, tail=tail)

    assert answer.status == 400, answer.body
    assert answer.json["attr"] == attr
    assert answer.json["type"] == "validation_error"
    assert said in answer.json["detail"]
    assert (await endpoints.run({})).json["results"] == [["EU", 1, 0.5, True]]


DECLARED = [
    {"name": "region", "type": "enum", "options": ["EU", "US"]},
    {"name": "least", "type": "integer", "min": 1, "defaultValue": 1},
    {
        "name": "span",
        "type": "date-range",
        "defaultValue": {"start": "2024-01-01", "end": "2024-12-31"},
    },
    {"name": "many", "type": "multi-enum", "options": ["a", "b", "c"], "defaultValue": ["a"]},
    {"name": "on", "type": "boolean", "defaultValue": True},
    {"name": "day", "type": "date-picker", "defaultValue": "2024-02-29"},
]
SELECTED = (
    "SELECT {{region}} AS r, {variables.least} AS l, {{span.start}} AS f, {{span.end}} AS t,"
    " $many AS m, $on AS o, {{day}} AS d"
)


async def test_declared_variables_by_body_and_by_address(endpoints):
    await endpoints.make(SELECTED, parameters=DECLARED)

    body = {
        "region": "US", "least": 2, "span": {"start": "2024-03-01", "end": "2024-03-31"},
        "many": ["c", "a"], "on": False, "day": "2024-05-01",
    }  # fmt: skip
    posted = await endpoints.run({"variables": body})
    tail = "region=US&least=2&span.start=2024-03-01&span.end=2024-03-31&many=c&many=a&on=false"
    spelled = await endpoints.run(tail=f"run?{tail}&day=2024-05-01")
    compact = await endpoints.run(
        tail="run?region=US&least=2&span=2024-03-01/2024-03-31&many=a,c&on=false&day=2024-05-01"
    )
    defaults = await endpoints.run(tail="run?region=EU")

    told = ["US", 2, "2024-03-01", "2024-03-31", ["a", "c"], False, "2024-05-01"]
    assert posted.json["results"] == [told]
    assert spelled.json["results"] == compact.json["results"] == [told]
    assert compact.json["is_cached"] is True
    assert defaults.json["results"][0][:2] == ["EU", 1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Required variable(s) 'region' not provided"),
        ({"region": None}, "Required variable(s) 'region' not provided"),
        ({"region": "XX"}, "region must be one of EU, US"),
        ({"region": "EU", "least": 0}, "least must be"),
        ({"region": "EU", "least": "x"}, "least must be a whole number"),
        ({"region": "EU", "day": "2024-02-30"}, "day must be a day"),
        ({"region": "EU", "span": {"start": "2024-05-01", "end": "2024-04-01"}}, "span must not"),
        ({"region": "EU", "many": ["z"]}, "many must be"),
        ({"region": "EU", "on": "maybe"}, "on must be true or false"),
        ({"region": "EU", "x": 1, "a": 2}, "Unknown variable(s): a, x"),
    ],
)
async def test_a_declared_variable_takes_what_it_declares(endpoints, values, said):
    await endpoints.make(SELECTED, parameters=DECLARED)

    posted = await endpoints.run({"variables": values})
    simple = {name: value for name, value in values.items() if isinstance(value, str | int)}
    spelled = await endpoints.run(tail=f"run?{urlencode(simple)}") if simple == values else posted

    for answer in (posted, spelled):
        assert (answer.status, answer.json["attr"]) == (400, "variables")
        assert said in answer.json["detail"]


async def test_null_is_a_value(endpoints):
    await endpoints.make(PICKED, values=VALUES)

    assert (await endpoints.run({"variables": {"region": None}})).json["results"][0][0] is None


async def test_dates_are_put_in_the_place_of_its_own(endpoints):
    sql = "SELECT $date_from AS f, $date_to AS t"
    await endpoints.make(sql, values={"date_from": "2026-01-01", "date_to": "2026-01-31"})

    body = {"filters_override": {"date_from": "2026-02-01", "properties": []}, "debug": True}
    run = (await endpoints.run(body)).json
    wrong = await endpoints.run({"filters_override": {"date_from": "2024-02-30"}})

    assert run["results"] == [["2026-02-01", "2026-01-31"]]
    assert run["resolved_date_range"] == {"date_from": "2026-02-01", "date_to": None}
    assert (wrong.status, wrong.json["attr"]) == (400, "filters_override")


async def test_a_body_that_is_none(endpoints):
    await endpoints.make()
    address = "api/projects/1/endpoints/stock/run"

    for raw in (b"[]", b'"x"', b"{", b"\xff"):
        answer = await endpoints.api("POST", address, raw=raw)
        assert answer.status == 400, raw
    assert (await endpoints.api("POST", address, raw=b"")).json["results"] == OLD


@pytest.mark.parametrize("tail", ["run", "run.json"])
async def test_pages_within_the_rows_that_are_stored(endpoints, tail):
    await endpoints.make(f"{ROWS} LIMIT 7")

    pages = [
        await endpoints.run({"limit": 3, "offset": 0}, tail=tail),
        await endpoints.run(tail=f"{tail}?limit=3&offset=3"),
        await endpoints.run({"limit": 3, "offset": 6}, tail=tail),
        await endpoints.run({"limit": 3, "offset": 60}, tail=tail),
    ]

    assert [[row[0] for row in page.json["results"]] for page in pages] == [
        [0, 1, 2], [3, 4, 5], [6], [],
    ]  # fmt: skip
    assert [page.json["hasMore"] for page in pages] == [True, True, False, False]
    assert [page.json["is_cached"] for page in pages] == [False, True, True, True]
    assert (pages[1].json["limit"], pages[1].json["offset"]) == (3, 3)
    whole = (await endpoints.run({})).json
    assert (len(whole["results"]), whole["hasMore"], whole["limit"]) == (7, False, None)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many", True, [3], 2**60])
async def test_a_limit_that_is_none_is_a_bare_400(endpoints, wrong):
    await endpoints.make()

    answer = await endpoints.run({"limit": wrong})

    assert answer.status == 400
    assert answer.json == {"error": f"Invalid limit parameter: {str(wrong)[:100]}"}


async def test_an_offset_needs_a_limit_and_is_a_number(endpoints):
    await endpoints.make()

    lonely = await endpoints.run({"offset": 1})
    wrong = await endpoints.run({"limit": 1, "offset": -1})
    in_address = await endpoints.run(tail="run?limit=0")

    assert (lonely.status, lonely.json) == (400, {"error": "offset requires limit to be set"})
    assert (wrong.status, wrong.json) == (400, {"error": "Invalid offset parameter: -1"})
    assert (in_address.status, in_address.json) == (400, {"error": "Invalid limit parameter: 0"})


async def test_a_version_is_pinned_by_address_and_by_body(endpoints, api):
    await endpoints.make("SELECT 1 AS n")
    await endpoints.run({})
    second = {"query": {"kind": "HogQLQuery", "query": "SELECT 2 AS n"}}
    assert (await api("PATCH", "api/projects/1/endpoints/stock", second)).status == 200

    newest = (await endpoints.run({})).json
    first = (await endpoints.run(tail="run?version=1")).json
    body_wins = (await endpoints.run({"version": 1}, tail="run?version=2")).json
    again = (await endpoints.run({"version": "1"})).json
    named = (await endpoints.run({"version": 2})).json

    assert (newest["results"], newest["_version"], newest["endpoint_version"]) == ([[2]], 2, 2)
    for run in (first, body_wins, again):
        assert (run["results"], run["_version"], run["endpoint_version"]) == ([[1]], 1, 1)
    assert again["is_cached"] is True
    assert (named["results"], named["_version"], named["is_cached"]) == ([[2]], 2, True)
    assert first["_version_created_at"] < newest["_version_created_at"]


async def test_an_older_version_is_run_with_the_rows_of_the_newest_untouched(endpoints, api):
    await endpoints.make("SELECT $n AS n", values={"n": 1})
    second = {"query": {"kind": "HogQLQuery", "query": "SELECT $n * 10 AS n", "values": {"n": 2}}}
    await api("PATCH", "api/projects/1/endpoints/stock", second)

    never_run = (await endpoints.run({"version": 1})).json
    given = (await endpoints.run({"version": 1, "variables": {"n": 5}})).json
    forced = (await endpoints.run({"version": 1, "refresh": "force_blocking"})).json
    newest = (await endpoints.run({})).json

    assert [run["results"] for run in (never_run, given, forced)] == [[[1]], [[5]], [[1]]]
    assert [run["is_cached"] for run in (never_run, given, forced)] == [False, False, False]
    assert newest["results"] == [[20]]


async def test_versions_that_are_not_there(endpoints):
    await endpoints.make()

    missing = [
        await endpoints.run({"version": 999}),
        await endpoints.run(tail="run?version=999"),
        await endpoints.run({"version": 999, "query_override": {"a": 1}}),
    ]
    none = await endpoints.run(tail="run?version=abc")
    strict_first = await endpoints.run({"version": "abc", "surprise": 1})

    for answer in missing:
        assert answer.status == 404
        said = "Version 999 not found for endpoint 'stock'"
        assert answer.json == {"error": said, "current_version": 1}
    assert (none.status, none.json) == (400, {"error": "Invalid version parameter: abc"})
    assert strict_first.json["attr"] == "surprise"


async def test_inactive_unknown_foreign_and_deleted_are_404_alike(endpoints, api, person):
    await endpoints.make()
    await api("POST", "api/projects", {"name": "other"})
    stranger = await person("zoe")
    foreign = [
        await endpoints.run({}, name="nothing"),
        await endpoints.run({}, api=stranger),
        await api("POST", "api/projects/2/endpoints/stock/run", {}),
    ]
    await api("PATCH", "api/projects/1/endpoints/stock", {"is_active": False})
    inactive = [await endpoints.run({}), await endpoints.run(tail="run.csv")]
    listed = await api("GET", "api/projects/1/endpoints/stock/logs")
    await api("DELETE", "api/projects/1/endpoints/stock")
    deleted = await endpoints.run()

    for answer in (*foreign, *inactive, deleted):
        assert answer.status == 404
        assert answer.json["code"] == "not_found"
    assert listed.status == 200


async def test_what_the_engine_says_of_a_failure_is_a_400(endpoints):
    await endpoints.make("SELECT $word::INTEGER AS n", values={"word": "no luck"})

    answer = await endpoints.run({})
    at_once = await endpoints.run({})
    other = await endpoints.run({"variables": {"word": "5"}})

    for failed in (answer, at_once):
        assert (failed.status, failed.json["type"]) == (400, "validation_error")
        assert failed.json["code"] == "engine_error"
        assert "no luck" in failed.json["detail"]
    assert other.json["results"] == [[5]]


async def test_a_failure_behind_is_told_with_the_rows_that_are_there(endpoints):
    await endpoints.make("SELECT n::INTEGER AS n FROM 'stock.csv'")
    await endpoints.run({})
    endpoints.file.write_text("n\nnone\n")
    await endpoints.until_stale()
    refused = await endpoints.run({})

    run = await endpoints.run({"refresh": "force_cache"})

    assert refused.status == 400
    assert (run.status, run.json["results"]) == (200, OLD)
    assert run.json["error"].startswith("CSV Error")


async def test_a_calculation_is_cancelled_by_its_name(endpoints, api):
    await endpoints.make(SLOW)
    started = await endpoints.run({"refresh": "async", "client_query_id": "slow-one"})
    assert started.status == 202

    cancelled = await api("DELETE", "api/projects/1/query/slow-one")

    assert cancelled.json["message"] == "Cancelled query"
    assert (await api("GET", "api/projects/1/query/slow-one")).status == 404


FORMATS = {
    "csv": ("text/csv; charset=utf-8; header=present", lambda b: pd.read_csv(io.BytesIO(b))),
    "parquet": (
        "application/vnd.apache.parquet",
        lambda b: pl.read_parquet(io.BytesIO(b)).to_pandas(),
    ),
    "arrow": (
        "application/vnd.apache.arrow.stream",
        lambda b: pa.ipc.open_stream(b).read_all().to_pandas(),
    ),
    "ndjson": ("application/x-ndjson", lambda b: pd.read_json(io.BytesIO(b), lines=True)),
}


@pytest.mark.parametrize("suffix", FORMATS)
async def test_rows_as_files_that_other_tools_read(endpoints, suffix):
    sql = "SELECT i AS id, 'name ' || i AS name FROM range(10) t(i) WHERE i < $most ORDER BY i"
    await endpoints.make(sql, values={"most": 4})
    kind, read = FORMATS[suffix]

    answer = await endpoints.run(tail=f"run.{suffix}?most=3")
    posted = await endpoints.run({"variables": {"most": 3}}, tail=f"run.{suffix}")
    again = await endpoints.api(
        "GET",
        f"api/projects/1/endpoints/stock/run.{suffix}?most=3",
        headers={"If-None-Match": answer.headers["Etag"]},
    )
    head = await endpoints.api("HEAD", f"api/projects/1/endpoints/stock/run.{suffix}?most=3")

    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"].startswith('inline; filename="stock_')
    assert answer.headers["Content-Disposition"].endswith(f'.{suffix}"')
    assert answer.headers["X-Execution-Id"]
    frame = read(answer.body)
    assert list(frame.columns) == ["id", "name"]
    assert list(frame["id"]) == [0, 1, 2]
    assert posted.body == answer.body
    assert (again.status, again.body) == (304, b"")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(answer.body)))


async def test_a_file_is_paged_and_narrowed(endpoints):
    await endpoints.make(ROWS)

    answer = await endpoints.run(tail="run.csv?limit=2&offset=3&columns=name&bom=true&guard=true")

    assert answer.body == "\ufeffname\r\nname 3\r\nname 4\r\n".encode()
    assert (await endpoints.run(tail="run.csv?columns=nope")).status == 400
    assert (await endpoints.run(tail="run.xlsx")).status == 406
    saved = await endpoints.run(tail="run.csv?download=true")
    assert saved.headers["Content-Disposition"].startswith("attachment;")


async def test_a_variable_that_is_called_like_a_field(endpoints):
    await endpoints.make("SELECT $limit AS n", values={"limit": 1})

    run = await endpoints.run(tail="run?param.limit=7&limit=1")

    assert (run.json["results"], run.json["limit"]) == ([[7]], 1)


async def test_a_file_that_is_not_there_yet(endpoints):
    await endpoints.make()

    nothing = await endpoints.run(tail="run.csv?refresh=force_cache")
    behind = await endpoints.run(tail="run.csv?refresh=async&client_query_id=file")
    await endpoints.ended("file")
    there = await endpoints.run(tail="run.csv?refresh=force_cache")

    assert (nothing.status, nothing.json["code"]) == (410, "gone")
    assert (behind.status, behind.json["query_status"]["id"]) == (202, "file")
    assert there.body == b"s\r\n1\r\n"


async def test_equal_rows_are_304_for_as_long_as_they_are_equal(endpoints):
    await endpoints.make()
    address = "api/projects/1/endpoints/stock/run"
    tag = (await endpoints.run()).headers["Etag"]
    known = {"If-None-Match": tag}

    same = await endpoints.api("GET", address, headers=known)
    forced = await endpoints.api("GET", f"{address}?refresh=force_blocking", headers=known)
    posted = await endpoints.api("POST", address, {}, headers=known)
    endpoints.file.write_text("n\n1\n2\n")
    other = await endpoints.api("GET", address, headers=known)

    assert (same.status, same.body, forced.status) == (304, b"", 304)
    assert (posted.status, posted.json["results"]) == (200, OLD)
    assert (other.status, other.json["results"]) == (200, NEW)


async def test_many_rows_are_streamed_into_the_answer(endpoints):
    sql = "SELECT i AS id, repeat('x', 100) AS text FROM range(60000) t(i) ORDER BY i"
    await endpoints.make(sql)

    run = json.loads((await endpoints.run({})).body)

    assert len(run["results"]) == 60_000
    assert run["results"][-1][0] == 59_999
