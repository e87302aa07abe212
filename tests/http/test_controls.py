"""What there is to choose for a view, and its chart and freshness for what was chosen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from fault.own_clock import OwnClock

DECLARED = [
    {"name": "region", "type": "query-enum", "optionsFrom": "regions", "defaultValue": "EU"},
    {"name": "day", "type": "date-picker", "max": "today", "defaultValue": "today-7d"},
    {
        "name": "at",
        "type": "datetime-picker",
        "timezone": "Europe/Berlin",
        "min": "2024-01-01T00:00",
        "defaultValue": "2024-06-01T12:00:00Z",
    },
    {
        "name": "span",
        "type": "date-range",
        "displayName": "Days",
        "defaultValue": {"start": "2024-01-01", "end": "today"},
    },
    {"name": "least", "type": "integer", "min": 0, "max": 9, "defaultValue": 5},
    {"name": "who", "required": False, "description": "Whose"},
]
SQL = "SELECT $region AS r, $day AS d, $at AS a, $span_start AS s, $least AS l, $who AS w"


@pytest.fixture(autouse=True)
def clock(jp_serverapp):
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_views"]
    app.clock = OwnClock()
    app.clock.set(datetime(2026, 11, 30, 12, tzinfo=UTC))


async def saved(call, sql, parameters=(), **fields):
    statement = await call.run(sql, parameters=list(parameters), params=fields.pop("params", {}))
    assert statement["status"] == "SUCCESS", statement["error"]
    body = {"name": "Sales", "statement_id": statement["id"], **fields}
    return (await call("POST", "api/v1/perspectives", body)).json["short_id"]


async def controls(call, short_id):
    answer = await call("GET", f"api/views/{short_id}/parameters")
    assert answer.status == 200, answer.body
    return {each["name"]: each for each in answer.json["items"]}


async def test_controls_have_the_options_bounds_and_values_of_now(api):
    await api.save("FROM (VALUES ('EU'), ('US')) t(region)", "Regions")

    told = await controls(api, await saved(api, SQL, DECLARED))

    assert list(told) == ["region", "day", "at", "span", "least", "who"]
    assert (told["region"]["options"], told["region"]["value"]) == (["EU", "US"], "EU")
    assert (told["day"]["value"], told["day"]["max"]) == ("2026-11-23", "2026-11-30")
    assert told["day"]["defaultValue"] == "today-7d"
    at = told["at"]
    assert (at["value"], at["min"]) == ("2024-06-01T14:00:00", "2024-01-01T00:00:00")
    assert at["timezone"] == "Europe/Berlin"
    assert told["span"]["value"] == {"start": "2024-01-01", "end": "2026-11-30"}
    assert told["span"]["displayName"] == "Days"
    assert (told["least"]["min"], told["least"]["max"], told["least"]["value"]) == (0, 9, 5)
    assert (told["who"]["value"], told["who"]["description"]) == (None, "Whose")


async def test_what_nothing_declares_is_taken_by_its_value(api):
    own = {"n": 5, "day": "2024-01-31", "on": True, "t": "x"}
    sql = "SELECT $n AS n, $day AS day, $on AS on_, $t AS t"

    told = await controls(api, await saved(api, sql, params=own))

    assert {name: (each["type"], each["value"]) for name, each in told.items()} == {
        "n": ("integer", 5),
        "day": ("date-picker", "2024-01-31"),
        "on": ("boolean", True),
        "t": ("text", "x"),
    }


async def test_options_that_are_gone_leave_a_text(api):
    regions = await api.save("SELECT 'EU' AS region", "Regions")
    short_id = await saved(api, "SELECT $region AS r", DECLARED[:1])
    await api("DELETE", f"api/views/{regions['short_id']}")

    told = (await controls(api, short_id))["region"]

    assert "options" not in told
    assert told["value"] == "EU"


async def test_a_stranger_learns_nothing_and_a_reader_the_options(api, person):
    bob = await person("bob")
    await api.save("FROM (VALUES ('EU'), ('US')) t(region)", "Regions")
    private = await saved(api, "SELECT $region AS r", DECLARED[:1])
    open_to_all = await saved(api, "SELECT $region AS a", DECLARED[:1], name="Open", is_public=True)

    assert (await bob("GET", f"api/views/{private}/parameters")).status in {403, 404}
    assert (await controls(bob, open_to_all))["region"]["options"] == ["EU", "US"]


async def test_the_chart_is_that_of_the_values(api):
    sql = "SELECT i, i * $least AS n FROM range(5) t(i)"
    short_id = await saved(api, sql, DECLARED[4:5])
    own = await api("GET", f"api/views/{short_id}/chart")

    chosen = await api("GET", f"api/views/{short_id}/chart?param.least=9")
    again = await api("GET", f"api/views/{short_id}/chart?param.least=5")
    refused = await api("GET", f"api/views/{short_id}/chart?param.least=10")

    assert chosen.status == again.status == 200, chosen.body
    assert chosen.json != own.json
    assert again.json == own.json
    assert (refused.status, refused.json["details"]["field"]) == (400, "least")


async def test_a_change_right_after_the_run_for_values_is_seen(api, data_folder):
    source = data_folder / "levels.csv"
    source.write_text("a\n1\n2\n")
    sql = "SELECT count(*) AS n FROM 'levels.csv' WHERE a >= $least"
    short_id = await saved(api, sql, DECLARED[4:5], auto_refresh=False)
    path = f"api/views/{short_id}/result?param.least=1&mode="
    assert (await api("GET", f"{path}blocking")).json["rows"] == [[2]]

    source.write_text("a\n1\n2\n3\n")
    for _ in range(200):
        answer = await api("GET", f"{path}force_cache")
        if answer.json["is_stale"]:
            break
        await asyncio.sleep(0.05)

    assert (answer.json["is_stale"], answer.json["stale_sources"]) == (True, ["levels.csv"])
