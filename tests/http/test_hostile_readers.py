"""What readers may try who want more than they were given: rows, values, work of other people."""

from __future__ import annotations

import gc
import tracemalloc
from urllib.parse import clear_cache, unquote

import pytest

REFS = "api/queries/refs"
WAIT = {"Prefer": "wait=30"}
REGION = {"name": "region", "type": "enum", "options": ["EU", "US"], "defaultValue": "EU"}


async def shared(olga, sql, *readers, name="Open", parameters=(), **fields):
    """Olga's view of a query that declares parameters, granted to some."""
    statement = await olga.run(sql, parameters=list(parameters), **fields)
    body = {"name": name, "statement_id": statement["id"], "allowed_user_ids": list(readers)}
    answer = await olga("POST", "api/v1/perspectives", body)
    assert answer.status == 201, answer.body
    return answer.json


async def test_a_reference_does_not_loosen_what_anothers_view_declares(person):
    olga, ben = await person("olga"), await person("ben")
    await olga.save("SELECT * FROM (VALUES ('EU'), ('secret')) t(region)", "All")
    sql = 'SELECT * FROM views."all" WHERE region = {region}'
    await shared(olga, sql.format(region="{{region}}"), "ben", parameters=[REGION])
    free = {"name": "region", "type": "text", "defaultValue": "secret"}

    refused = await ben("POST", REFS, {"view": "open", "parameters": [free]})
    assert (refused.status, "region" in refused.json["message"]) == (422, True)
    made = (await ben("POST", REFS, {"view": "open"})).json
    path = f"{REFS}/{made['shortId']}"
    assert (await ben("PUT", path, {"parameters": [free]})).status == 422
    assert (await ben("GET", f"{path}/result?param.region=secret")).status == 400
    own = await olga("POST", REFS, {"view": "open", "parameters": [free]})
    rows = await olga("GET", f"{REFS}/{own.json['shortId']}/result")
    assert rows.json["rows"] == [["secret"]]

    # The reference may be the older one: what its view declares later holds for it too.
    loose = await olga.run(sql.format(region="$region"), params={"region": "EU"})
    await olga("PUT", "api/v1/perspectives/open", {"statement_id": loose["id"]})
    assert (await ben("PUT", path, {"parameters": [free]})).status == 200
    strict = await olga.run(sql.format(region="{{region}}"), parameters=[REGION])
    await olga("PUT", "api/v1/perspectives/open", {"statement_id": strict["id"]})
    assert (await ben("GET", f"{path}/result")).json["rows"] == [["EU"]]
    refused = await ben("GET", f"{path}/result?param.region=secret")
    assert refused.status == 400
    assert refused.json["message"] == "region must be one of EU, US."


async def test_a_reference_offers_nothing_out_of_anothers_private_view(person):
    olga, ben = await person("olga"), await person("ben")
    await olga.save("SELECT 'alpha' AS x", "Private list")
    await olga.save("SELECT $region AS region", "Open", params={"region": "EU"}, is_public=True)
    declared = {"name": "region", "type": "query-enum", "optionsFrom": "private-list"}

    refused = await ben("POST", REFS, {"view": "open", "parameters": [declared]})

    assert (refused.status, b"alpha" in refused.body) == (422, False)
    made = (await ben("POST", REFS, {"view": "open"})).json
    refused = await ben("PUT", f"{REFS}/{made['shortId']}", {"parameters": [declared]})
    assert (refused.status, b"alpha" in refused.body) == (422, False)
    assert (await olga("POST", REFS, {"view": "open", "parameters": [declared]})).status == 201


async def test_A10_a_key_for_queries_takes_no_rows_out_of_views(person):
    olga = await person("olga")
    narrow = await person("olga", "query:write", "statement:write", "endpoint:write")
    view = await olga.save("SELECT 'a private row' AS a", "Mine")
    declared = [{"name": "p", "type": "query-enum", "optionsFrom": "mine"}]
    query = {"kind": "HogQLQuery", "query": "SELECT $p", "parameters": declared}
    run = {"sql": "SELECT $p", "parameters": declared, "params": {"p": "?"}}
    valued = query | {"values": {"p": "?"}}

    for method, path, body in (
        ("POST", REFS, {"view": "mine"}),
        ("POST", REFS, {"queryId": view["request_id"], "parameters": declared}),
        ("POST", "api/queries", run),
        ("POST", "api/v1/statements", run),
        ("POST", "api/projects/1/endpoints", {"name": "e", "query": query}),
        (
            "POST",
            "api/projects/1/endpoints",
            {"name": "e", "query": valued},
        ),
    ):
        refused = await narrow(method, path, body)
        assert (refused.status, "perspective:read" in refused.body.decode()) == (403, True)
        assert b"a private row" not in refused.body


async def test_values_that_one_reader_chose_are_not_told_to_the_next(person):
    olga, ana, ben = await person("olga"), await person("ana"), await person("ben")
    fields = {"params": {"who": "nobody"}, "allowed_user_ids": ["ana", "ben"]}
    view = await olga.save("SELECT $who AS who", "Who", **fields)
    chosen = await ana("GET", "api/v1/perspectives/who/result?param.who=a-private-word")
    assert chosen.json["rows"] == [["a-private-word"]]

    (known,) = (await ben("GET", "api/queries")).json["items"]
    assert known["latestRun"]["id"] == view["request_id"]
    run = await ben("POST", f"api/queries/{known['id']}/execute", {}, headers=WAIT)
    own = await ben("GET", f"api/v1/statements/{run.json['latestRun']['id']}")
    assert own.json["params"] == {"who": "nobody"}
    made = (await ben("POST", REFS, {"queryId": known["id"]})).json
    rows = await ben("GET", f"{REFS}/{made['shortId']}/result")
    assert rows.json["rows"] == [["nobody"]]


async def test_A36_who_lost_a_view_keeps_nothing_of_it_by_references(person):
    olga, ben, ana = await person("olga"), await person("ben"), await person("ana")
    await olga.save("SELECT 42 AS a", "Upstream")
    view = await olga.save(
        'SELECT * FROM views."upstream"', "Open", allowed_user_ids=["ben", "ana"]
    )
    run, query = view["request_id"], (await ben("GET", "api/queries")).json["items"][0]["id"]
    follows = (await ben("POST", REFS, {"view": "open"})).json["shortId"]
    points = (await ben("POST", REFS, {"queryId": query})).json["shortId"]
    hers = (await ana("POST", REFS, {"view": "open"})).json["shortId"]
    assert (await ben("GET", f"api/v1/statements/{run}/result")).json["rows"] == [[42]]

    await olga("PUT", "api/v1/perspectives/open", {"allowed_user_ids": ["ana"]})

    async def assert_lost():
        for path in (
            f"api/v1/statements/{run}",
            f"api/v1/statements/{run}/result",
            f"api/queries/{query}",
            f"{REFS}/{follows}/result",
            f"{REFS}/{points}/result",
        ):
            assert (await ben("GET", path)).status == 404, path
        assert (await ben("GET", "api/queries")).json == {"items": []}

    await assert_lost()
    assert (await ben("GET", f"{REFS}/{follows}")).json["currentQuery"] is None
    assert (await olga("DELETE", "api/v1/perspectives/open")).status == 204
    await assert_lost()
    assert (await ben("GET", f"{REFS}/{follows}")).status == 404
    kept = await ana("GET", f"{REFS}/{hers}")
    assert kept.json["currentQuery"]["sql"] == 'SELECT * FROM views."upstream"'


async def test_a_pinned_version_of_an_endpoint_has_its_own_values(api):
    def query(a):
        return {"query": {"kind": "HogQLQuery", "query": "SELECT $a AS a", "values": {"a": a}}}

    await api("POST", "api/projects/1/endpoints", {"name": "pin", **query(1)})
    await api("PATCH", "api/projects/1/endpoints/pin", query(2))
    run = "api/projects/1/endpoints/pin/run"
    assert (await api("POST", run, {})).json["results"] == [[2]]

    for mode in ("blocking", "force_blocking", "force_cache"):
        first = await api("POST", run, {"version": 1, "refresh": mode})
        assert (first.json["results"], first.json["endpoint_version"]) == ([[1]], 1)
    assert (await api("POST", run, {"refresh": "force_cache"})).json["results"] == [[2]]


async def test_A10_an_owners_key_that_runs_no_sql_names_no_files(api, person, data_folder):
    (data_folder / "sales.csv").write_text("n\n1\n")
    (data_folder / "secret.csv").write_text("n\n99\n")
    query = {"kind": "HogQLQuery", "query": "FROM read_csv($file)", "values": {"file": "sales.csv"}}
    olga = await person("olga")
    await olga("POST", "api/projects/1/endpoints", {"name": "any", "query": query})
    run = "api/projects/1/endpoints/any/run"
    narrow = await person("olga", "endpoint:read", "perspective:write")

    assert (await narrow("GET", run)).json["results"] == [[1]]
    refused = await narrow("GET", f"{run}?file=secret.csv")
    assert (refused.status, "statement:write" in refused.body.decode()) == (403, True)
    for key in (olga, await person("olga", "endpoint:read", "statement:write")):
        assert (await key("GET", f"{run}?file=secret.csv")).json["results"] == [[99]]


async def test_A12_a_callers_name_for_a_run_stays_out_of_the_header(api):
    await api(
        "POST",
        "api/projects/1/endpoints",
        {"name": "one", "query": {"kind": "HogQLQuery", "query": "SELECT 1 AS a"}},
    )
    for name in ("a\r\nX-Evil: y", "\x00", "🐘", "../../../evil", "//evil"):
        body = {"client_query_id": name, "refresh": "force_async"}
        answer = await api("POST", "api/projects/1/endpoints/one/run", body)
        assert (answer.status, "X-Evil" in answer.headers) == (202, False)
        path, _, last = answer.headers["Location"].rpartition("/")
        assert path.endswith("/api/projects/1/query")
        assert unquote(last) == name


async def test_A46_many_references_to_one_view_are_no_more_work_for_its_owner(person):
    olga, ben = await person("olga"), await person("ben")
    await olga.save("SELECT $n AS n", "Open", params={"n": 0}, is_public=True)
    made = [
        (await ben("POST", REFS, {"view": "open", "version": 1, **more})).json["shortId"]
        for more in ({}, {"title": "again"}, {"parameters": [{"name": "n", "type": "integer"}]})
    ]

    statuses = [
        (await ben("GET", f"{REFS}/{short_id}/result?param.n={10 * i + n + 1}")).status
        for n in range(3)
        for i, short_id in enumerate(made)
    ]

    assert statuses == [200] * 6 + [429] * 3


async def test_A44_values_that_readers_choose_do_not_fill_the_store(person):
    olga, ben = await person("olga"), await person("ben")
    values = {"a": "x" * 100_000}
    query = {"kind": "HogQLQuery", "query": "SELECT length($a) AS n", "values": values}
    made = await olga("POST", "api/projects/1/endpoints", {"name": "long", "query": query})
    await olga("PATCH", f"api/views/{made.json['short_id']}", {"is_public": True})
    run = "api/projects/1/endpoints/long/run"

    assert (await ben("POST", run, {})).json["results"] == [[100_000]]
    kept = await ben("POST", run, {"variables": {"a": "y" * 60_000}})
    assert kept.json["results"] == [[60_000]]
    refused = await ben("POST", run, {"variables": {"a": "y" * 70_000}})
    assert (refused.status, refused.json["attr"]) == (400, "variables")


async def test_A48_an_infinite_number_is_no_value_and_no_null(api):
    query = {"kind": "HogQLQuery", "query": "SELECT $f IS NULL AS a", "values": {"f": 1.5}}
    await api("POST", "api/projects/1/endpoints", {"name": "f", "query": query})
    run = "api/projects/1/endpoints/f/run"

    for text in ("1e999", "-1e999"):
        refused = await api("GET", f"{run}?f={text}")
        assert (refused.status, refused.json["attr"]) == (400, "variables")
    assert (await api("POST", run, {"variables": {"f": None}})).json["results"] == [[True]]


async def test_A34_what_a_caller_wrote_is_one_line_of_the_log(api):
    query = {"kind": "HogQLQuery", "query": "SELECT 1 AS a"}
    await api("POST", "api/projects/1/endpoints", {"name": "one", "query": query})
    path = "api/projects/1/endpoints/one"

    await api("POST", f"{path}/run", {"x\nINFO \u001b[31m\u2028\u202e": 1})

    (line,) = (await api("GET", f"{path}/logs")).json["results"]
    assert "field=x INFO  [31m" in line["message"]
    assert line["message"].isprintable()
    assert len((line["timestamp"] + line["message"]).splitlines()) == 1


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ({"pattern": r"\pL{1,300}"}, "parameters.p.pattern"),
        ({"pattern": "a", "maxLength": 10_000}, "parameters.p.max_length"),
    ],
)
async def test_A45_a_pattern_does_not_stop_the_server(api, parameter, field):
    declared = [{"name": "p", "type": "text-pattern", **parameter}]
    refused = await api("POST", "api/v1/statements", {"sql": "SELECT 1", "parameters": declared})
    assert (refused.status, refused.json["details"]["field"]) == (422, field)


async def test_A45_patterns_are_few_and_what_they_match_is_short(api):
    declared = [{"name": f"p{n}", "type": "text-pattern", "pattern": "a*"} for n in range(17)]
    refused = await api("POST", "api/v1/statements", {"sql": "SELECT 1", "parameters": declared})
    assert (refused.status, refused.json["details"]["field"]) == (422, "parameters")
    body = {"sql": "SELECT $p0", "parameters": declared[:1], "params": {"p0": "a" * 1001}}
    refused = await api("POST", "api/v1/statements", body)
    assert (refused.status, refused.json["details"]["field"]) == (400, "p0")


async def test_A44_what_is_remembered_of_requests_is_small(api, caplog):
    view = await api.save("SELECT 1 AS a", "One")
    rows = f"api/views/{view['short_id']}/result?columns="

    async def send(some: range) -> None:
        for n in some:
            sql = f"SELECT '{n:06}{'x' * 150_000}' AS a"
            checked = await api("POST", "api/v1/statements?dry_run=true", {"sql": sql})
            assert checked.status == 200
            refused = await api("GET", f"{rows}{n:06}{'y' * 50_000}")
            assert refused.status == 400

    caplog.set_level("CRITICAL", logger="ServerApp")  # its lines are kept by the test itself
    await send(range(3))
    gc.collect()
    tracemalloc.start()
    try:
        await send(range(3, 33))
        clear_cache()  # where Python keeps addresses itself
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
