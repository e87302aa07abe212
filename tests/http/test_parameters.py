"""Declared parameters over HTTP: saved with the query, checked, bound; each set has its rows."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fault.own_clock import DAY, OwnClock

SALES = "region,day,n\nEU,2024-01-01,1\nEU,2024-03-01,2\nUS,2024-02-01,3\nUS,2024-04-01,4\n"
REGION = {"name": "region", "type": "enum", "options": ["EU", "US"], "defaultValue": "EU"}
SPAN = {
    "name": "span",
    "type": "date-range",
    "displayName": "Days",
    "defaultValue": {"start": "2024-01-01", "end": "2024-12-31"},
}
SQL = (
    "SELECT sum(n)::INTEGER AS n FROM 'sales.csv' WHERE region = {{region}}"
    " AND day BETWEEN {{span.start}} AND {variables.span.end}"
)


@pytest.fixture(autouse=True)
def clock(jp_serverapp):
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_views"]
    app.clock = OwnClock()
    app.clock.set(datetime(2026, 11, 30, 12, tzinfo=UTC))
    return app.clock


@pytest.fixture
def sales(data_folder):
    (data_folder / "sales.csv").write_text(SALES)


async def saved(call, sql: str = SQL, parameters: Any = (REGION, SPAN), **fields: Any) -> dict:
    """A perspective and insight of a query that declares parameters."""
    params = fields.pop("params", {})
    statement = await call.run(sql, parameters=list(parameters), params=params)
    assert statement["status"] == "SUCCESS", statement["error"]
    body = {"name": "Sales", "statement_id": statement["id"], "doors": ["perspective", "insight"]}
    answer = await call("POST", "api/v1/perspectives", body | fields)
    assert answer.status == 201, answer.body
    return answer.json


async def result(call, slug: str = "sales", **values: str) -> Any:
    chosen = urlencode({f"param.{name.replace('__', '.')}": text for name, text in values.items()})
    return await call("GET", f"api/v1/perspectives/{slug}/result?refresh=false&{chosen}")


async def settled(call, slug: str = "sales", **values: str) -> Any:
    """The answer once the first run with these values is over."""
    for _ in range(200):
        answer = await result(call, slug, **values)
        if answer.status != 410:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(answer.body)


async def test_a_query_is_saved_with_what_it_declares(api, sales):
    view = await saved(api)

    assert view["params"] == {}
    region, span = view["parameters"]
    assert region == REGION | {"displayName": "region", "required": False}
    assert span == SPAN | {"required": False}
    told = (await api("GET", f"api/views/{view['short_id']}")).json
    assert told["parameters"] == view["parameters"]
    insight = await api("GET", f"api/projects/1/insights?short_id={view['short_id']}")
    source = insight.json["results"][0]["query"]["source"]
    assert source["parameters"] == view["parameters"]


async def test_each_set_of_values_has_rows_of_its_own(api, sales):
    await saved(api)

    assert (await result(api)).json["rows"] == [[3]]
    assert (await settled(api, region="US")).json["rows"] == [[7]]
    assert (await settled(api, span="2024-02-01/2024-12-31")).json["rows"] == [[2]]
    chosen = {"span__start": "2024-02-01", "span__end": "2024-03-01", "region": "US"}
    assert (await settled(api, **chosen)).json["rows"] == [[3]]
    assert (await result(api)).json["rows"] == [[3]]
    etags = {(await result(api, region=region)).headers["ETag"] for region in ("EU", "US")}
    assert len(etags) == 2


async def test_two_ways_to_write_a_value_share_one_result(api, sales):
    view = await saved(
        api,
        sql="SELECT {{day}} AS day",
        parameters=[{"name": "day", "type": "date-picker", "defaultValue": "today"}],
    )
    path = f"api/views/{view['short_id']}/result?mode=blocking&param.day="

    one = await api("GET", f"{path}today-7d")
    other = await api("GET", f"{path}2026-11-23")

    assert one.json["rows"] == other.json["rows"] == [["2026-11-23"]]
    assert one.headers["ETag"] == other.headers["ETag"]
    history = (await api("GET", "api/v1/statements")).json["items"]
    assert len(history) == 2


async def test_what_today_means_moves_and_the_view_says_so(api, sales, clock):
    day = {"name": "day", "type": "date-picker", "defaultValue": "today"}
    view = await saved(api, sql="SELECT {{day}} AS day", parameters=[day], auto_refresh=False)
    assert (await result(api)).json["rows"] == [["2026-11-30"]]

    clock.let_pass(DAY)
    answer = await result(api)
    assert answer.json["rows"] == [["2026-11-30"]]
    assert (answer.headers["Is-Stale"], answer.headers["X-Stale-Reason"]) == (
        "true",
        "source_changed",
    )
    told = (await api("GET", f"api/views/{view['short_id']}")).json
    assert told["stale_sources"] == ["day"]
    answer = await api("GET", f"api/views/{view['short_id']}/result?mode=blocking")
    assert answer.json["rows"] == [["2026-12-01"]]
    assert "Is-Stale" not in answer.headers


@pytest.mark.parametrize(
    ("values", "status", "code", "field"),
    [
        ({"region": "Mars"}, 400, "INVALID_PARAMETERS", "region"),
        ({"span": "2024-02-30/2024-03-01"}, 400, "INVALID_PARAMETERS", "span"),
        ({"span": "2024-03-02/2024-03-01"}, 400, "INVALID_PARAMETERS", "span"),
        ({"span__start": "2024-03-02"}, 400, "INVALID_PARAMETERS", "span"),
        ({"planet": "EU"}, 422, "VALIDATION", "param.planet"),
        ({"region__start": "EU"}, 422, "VALIDATION", "param.region.start"),
    ],
)
async def test_a_wrong_value_is_refused_by_name(api, sales, values, status, code, field):
    await saved(api)

    answer = await result(api, **values)

    assert (answer.status, answer.json["error"]) == (status, code)
    assert answer.json["details"]["field"] == field


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ([{"name": "Region"}], "parameters[0].name"),
        ([{"name": "x", "type": "colour"}], "parameters[0].type"),
        ([{"name": "x", "type": "enum"}], "parameters.x.options"),
        ([{"name": "x", "type": "integer", "defaultValue": "five"}], "parameters.x.default"),
        ([REGION, REGION], "parameters.region"),
    ],
)
async def test_a_declaration_is_checked_when_it_is_sent(api, parameters, field):
    body = {"sql": "SELECT {{x}}", "parameters": parameters, "params": {"x": 1}}
    answer = await api("POST", "api/v1/statements", body)

    assert answer.status == 422
    assert answer.json["details"]["field"] == field


@pytest.mark.parametrize("sql", ["SELECT '{{x}}'", 'SELECT "{{x}}"', "SELECT * FROM {{x}}"])
async def test_a_marker_that_is_no_value_is_refused(api, sql):
    body = {"sql": sql, "parameters": [{"name": "x"}], "params": {"x": "t"}}
    answer = await api("POST", "api/v1/statements?dry_run=true", body)

    assert (answer.status, answer.json["error"]) == (400, "PARSE_ERROR")


async def test_missing_values_are_all_named(api):
    body = {"sql": "SELECT {{a}}, {{b}}, {{c}}", "params": {"b": "x"}}
    declared = [{"name": name} for name in "abc"]
    answer = await api("POST", "api/v1/statements", body | {"parameters": declared})

    assert (answer.status, answer.json["error"]) == (400, "MISSING_PARAMETERS")
    assert answer.json["details"]["parameters"] == ["a", "c"]


async def test_an_insight_may_need_values_that_each_reader_brings(api, sales):
    needed = {
        "kind": "HogQLQuery",
        "query": "SELECT {variables.who} AS who",
        "parameters": [{"name": "who"}],
    }
    made = await api("POST", "api/projects/1/insights", {"name": "Who", "query": needed})
    assert made.status == 201, made.body
    path = f"api/projects/1/insights/{made.json['id']}?refresh=blocking"

    assert (await api("GET", path)).json["result"] is None
    told = quote(json.dumps({"who": "me"}))
    assert (await api("GET", f"{path}&variables_override={told}")).json["result"] == [["me"]]
    wrong = await api("GET", f"{path}&variables_override={quote(json.dumps({'who': 5}))}")
    assert wrong.status == 400
    assert "who must be a text." in wrong.json["detail"]


async def test_the_variables_of_a_query_object_are_its_values(api):
    query = {
        "kind": "HogQLQuery",
        "query": "SELECT {variables.region} AS region",
        "variables": {"0191": {"variableId": "0191", "code_name": "region", "value": "EU"}},
    }
    made = await api("POST", "api/projects/1/insights", {"query": query})

    path = f"api/projects/1/insights/{made.json['id']}?refresh=blocking"
    assert (await api("GET", path)).json["result"] == [["EU"]]


async def test_a_query_enum_offers_the_first_column_of_its_view(api, sales):
    await api.save("SELECT DISTINCT region FROM 'sales.csv' ORDER BY 1", "Regions")
    declared = {
        "name": "region",
        "type": "query-enum",
        "optionsFrom": "regions",
        "defaultValue": "EU",
    }
    await saved(api, "SELECT count(*) AS n FROM 'sales.csv' WHERE region = $region", [declared])

    assert (await settled(api, region="US")).json["rows"] == [[2]]
    refused = await result(api, region="Mars")
    assert refused.status == 400
    assert refused.json["message"] == "region must be one of EU, US."


async def test_a_reader_chooses_values_but_not_files(api, person, sales, data_folder):
    bob = await person("bob")
    (data_folder / "secret.csv").write_text("region,n\nEU,99\n")
    view = await saved(
        api,
        "SELECT sum(n)::INTEGER AS n FROM read_csv({{file}}) WHERE region = {{region}}",
        [REGION, {"name": "file", "defaultValue": "sales.csv"}],
        is_public=True,
    )

    assert (await settled(api, file="secret.csv")).json["rows"] == [[99]]
    assert (await settled(bob, region="US")).json["rows"] == [[7]]
    for path in (
        "api/v1/perspectives/sales/result?param.file=secret.csv",
        f"api/views/{view['short_id']}/result?mode=blocking&param.file=secret.csv",
    ):
        refused = await bob("GET", path)
        assert refused.status == 403
        assert "rows" not in refused.json
