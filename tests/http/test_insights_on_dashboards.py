"""Insights on dashboards: put there and taken off, found by them, read from them."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest

PROJECT = "api/projects/1"
INSIGHTS = f"{PROJECT}/insights"
DASHBOARDS = f"{PROJECT}/dashboards"
BY_REGION = "SELECT region, n FROM 'sales.csv' WHERE region = $region AND day >= $date_from"
VALUES = {"region": "EU", "date_from": "2024-01-01"}
SALES = "region,day,n\nEU,2024-01-01,1\nEU,2024-03-01,2\nUS,2024-02-01,3\nUS,2024-04-01,4\n"
BLOCKING = "refresh=blocking"


async def made(call, **body) -> dict:
    answer = await call("POST", INSIGHTS, body)
    assert answer.status == 201, answer.body
    return answer.json


async def board(call, name: str = "Sales", **fields) -> dict:
    answer = await call("POST", DASHBOARDS, {"name": name, **fields})
    assert answer.status == 201, answer.body
    return answer.json


def hogql(sql: str, **values) -> dict:
    return {"kind": "HogQLQuery", "query": sql, "values": values}


@pytest.fixture
def sales(data_folder):
    (data_folder / "sales.csv").write_text(SALES)


async def by_region(call) -> dict:
    return await made(call, name="By region", query=hogql(BY_REGION, **VALUES))


async def read(call, insight: dict, **query) -> dict:
    told = {
        name: json.dumps(value) if isinstance(value, dict) else str(value)
        for name, value in query.items()
    }
    address = "&".join(f"{name}={quote(value)}" for name, value in told.items())
    answer = await call("GET", f"{INSIGHTS}/{insight['id']}?{address}")
    assert answer.status == 200, answer.body
    return answer.json


async def ids(call, query: str = "") -> set[int]:
    return {
        each["id"] for each in (await call("GET", f"{INSIGHTS}?basic=true{query}")).json["results"]
    }


async def tiles(call, dashboard: dict) -> list[dict]:
    return (await call("GET", f"{DASHBOARDS}/{dashboard['id']}")).json["tiles"]


async def test_an_insight_is_made_on_its_dashboards(api):
    first, second = await board(api, "A"), await board(api, "B")

    insight = await made(api, name="x", dashboards=[second["id"], first["id"], first["id"]])

    assert insight["dashboards"] == [first["id"], second["id"]]
    assert [tile["dashboard_id"] for tile in insight["dashboard_tiles"]] == insight["dashboards"]
    assert [tile["deleted"] for tile in insight["dashboard_tiles"]] == [False, False]
    (tile,) = await tiles(api, first)
    assert tile["id"] == insight["dashboard_tiles"][0]["id"]
    assert tile["insight"]["id"] == insight["id"]
    assert tile["insight"]["dashboards"] == insight["dashboards"]


async def test_a_change_replaces_the_set_and_a_tile_that_comes_back_is_the_same(api):
    first, second = await board(api, "A"), await board(api, "B")
    insight = await made(api, name="x", dashboards=[first["id"]])
    address = f"{INSIGHTS}/{insight['id']}"
    before = insight["dashboard_tiles"]

    same = (await api("PATCH", address, {"dashboards": [first["id"]]})).json
    moved = (await api("PATCH", address, {"dashboards": [second["id"]]})).json
    back = (await api("PUT", address, {"dashboards": [first["id"]]})).json
    untouched = (await api("PATCH", address, {"name": "y"})).json

    assert same["dashboard_tiles"] == before
    assert moved["dashboards"] == [second["id"]]
    assert back["dashboard_tiles"] == untouched["dashboard_tiles"] == before
    assert await tiles(api, second) == []


async def test_a_new_tile_stands_behind_the_others(api):
    told = await board(api)
    for name in ("a", "b", "c"):
        await made(api, name=name, dashboards=[told["id"]])

    assert [tile["insight"]["name"] for tile in await tiles(api, told)] == ["a", "b", "c"]


@pytest.mark.parametrize("verb", ["POST", "PATCH", "PUT"])
async def test_a_dashboard_that_is_not_there_is_400_and_nothing_changes(api, person, verb):
    await api("POST", "api/projects", {"name": "Other"})
    elsewhere = (await api("POST", "api/projects/2/dashboards", {"name": "x"})).json
    deleted = await board(api, "Deleted")
    await api("PATCH", f"{DASHBOARDS}/{deleted['id']}", {"deleted": True})
    private = await board(await person("ana"), "Hers")
    insight = await made(api, name="kept")
    address = INSIGHTS if verb == "POST" else f"{INSIGHTS}/{insight['id']}"

    for number in (999, elsewhere["id"], deleted["id"], private["id"]):
        answer = await api(verb, address, {"name": "moved", "dashboards": [number]})
        assert answer.status == 400, number
        assert answer.json["attr"] == "dashboards"
        assert answer.json["detail"] == f"There is no dashboard {number} here."

    found = (await api("GET", f"{INSIGHTS}?basic=true")).json["results"]
    assert [(each["name"], each["dashboards"]) for each in found] == [("kept", [])]


async def test_a_dashboard_of_another_person_is_403_naming_it_and_nothing_changes(api, person):
    ana = await person("ana")
    hers = await board(ana, "Hers", is_public=True)
    mine = await board(api, "Mine")
    insight = await made(api, name="kept", dashboards=[mine["id"]])
    address = f"{INSIGHTS}/{insight['id']}"

    added = await api("PATCH", address, {"name": "x", "dashboards": [mine["id"], hers["id"]]})
    created = await api("POST", INSIGHTS, {"name": "new", "dashboards": [hers["id"]]})

    for answer in (added, created):
        assert answer.status == 403
        assert answer.json["code"] == "permission_denied"
        assert str(hers["id"]) in answer.json["detail"]
    assert (await api("GET", INSIGHTS)).json["count"] == 1
    assert (await read(api, insight))["name"] == "kept"
    assert await tiles(ana, hers) == []


async def test_who_may_not_edit_a_dashboard_takes_nothing_off_it(api, person):
    ana = await person("ana")
    insight = await made(api, name="x")
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    public = await board(ana, "Public", is_public=True, insights=[insight["id"]])
    private = await board(ana, "Private", insights=[insight["id"]])
    mine = await board(api, "Mine")
    address = f"{INSIGHTS}/{insight['id']}"

    kept = await api("PATCH", address, {"dashboards": [public["id"], mine["id"]]})
    taken = await api("PATCH", address, {"dashboards": [mine["id"]]})

    assert kept.json["dashboards"] == [public["id"], mine["id"]]
    assert taken.status == 403
    assert len(await tiles(ana, public)) == len(await tiles(ana, private)) == 1


async def test_A07_an_insight_names_only_dashboards_that_its_reader_may_open(api, person):
    ana = await person("ana")
    insight = await made(api, name="x")
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    mine = await board(api, "Mine", insights=[insight["id"]])
    hers = await board(ana, "Hers", insights=[insight["id"]])

    assert (await read(api, insight))["dashboards"] == [mine["id"]]
    assert (await read(ana, insight))["dashboards"] == [hers["id"]]
    assert (await read(ana, insight, basic="true"))["dashboards"] == [hers["id"]]
    assert await ids(ana, f"&dashboards=[{mine['id']}]") == set()


async def test_the_list_is_narrowed_to_insights_on_all_of_some_dashboards(api):
    first, second = await board(api, "A"), await board(api, "B")
    both = await made(api, name="both", dashboards=[first["id"], second["id"]])
    one = await made(api, name="one", dashboards=[first["id"]])
    gone = await made(api, name="gone", dashboards=[first["id"], second["id"]])
    await api("PATCH", f"{INSIGHTS}/{gone['id']}", {"dashboards": []})

    assert await ids(api, f"&dashboards=[{first['id']}]") == {both["id"], one["id"]}
    assert await ids(api, f"&dashboards=[{first['id']},{second['id']}]") == {both["id"]}
    assert await ids(api, "&dashboards=[999]") == set()
    await api("PATCH", f"{DASHBOARDS}/{second['id']}", {"deleted": True})
    assert await ids(api, f"&dashboards=[{second['id']}]") == set()


@pytest.mark.parametrize("text", ["[", "1", '["a"]', "{}", "[1"])
async def test_a_filter_of_dashboards_that_cannot_be_read_is_400(api, text):
    answer = await api("GET", f"{INSIGHTS}?dashboards={quote(text)}")

    assert (answer.status, answer.json["attr"]) == (400, "dashboards")


async def test_a_draft_on_a_dashboard_counts_as_saved(api):
    told = await board(api)
    draft = await made(api, name="draft", saved=False)
    shown = await made(api, name="shown", saved=False, dashboards=[told["id"]])

    assert await ids(api, "&saved=true") == {shown["id"]}
    assert await ids(api, "&saved=false") == {draft["id"]}


async def test_a_deleted_insight_leaves_its_dashboards_for_good(api):
    told = await board(api)
    insight = await made(api, name="x", dashboards=[told["id"]])
    address = f"{INSIGHTS}/{insight['id']}"

    deleted = (await api("PATCH", address, {"deleted": True})).json
    assert deleted["dashboards"] == []
    assert await tiles(api, told) == []
    restored = (await api("PATCH", address, {"deleted": False})).json
    assert restored["dashboards"] == []
    assert await tiles(api, told) == []

    back = (await api("PATCH", address, {"dashboards": [told["id"]]})).json
    assert back["dashboard_tiles"] == insight["dashboard_tiles"]


async def test_a_closed_insight_door_leaves_its_dashboards(api):
    told = await board(api)
    saved = await api.save("SELECT 1", "Both", doors=["perspective", "insight"])
    view = f"api/views/{saved['short_id']}"
    number = (await api("GET", view)).json["insight_id"]
    await api("PATCH", f"{INSIGHTS}/{number}", {"dashboards": [told["id"]]})

    await api("DELETE", f"{view}/doors/insight")
    assert await tiles(api, told) == []
    await api("POST", f"{view}/doors/insight", {})

    assert await tiles(api, told) == []


async def test_moving_between_dashboards_is_one_entry_of_the_log(api):
    told = await board(api, "Where it went")
    insight = await made(api, name="x")
    await api("PATCH", f"{INSIGHTS}/{insight['id']}", {"name": "y", "dashboards": [told["id"]]})

    log = (await api("GET", f"{INSIGHTS}/{insight['id']}/activity")).json["results"]

    changes = {
        each["field"]: (each["before"], each["after"]) for each in log[0]["detail"]["changes"]
    }
    assert changes["name"] == ("x", "y")
    assert changes["dashboards"] == ([], [{"id": told["id"], "name": "Where it went"}])


async def test_a_new_tile_defeats_an_older_conditional_change_of_the_dashboard(api):
    told = await board(api)
    path = f"{DASHBOARDS}/{told['id']}"
    tag = (await api("GET", path)).headers["Etag"]
    await made(api, name="x", dashboards=[told["id"]])

    answer = await api("PATCH", path, {"insights": []}, headers={"If-Match": tag})

    assert answer.status == 412
    assert len(await tiles(api, told)) == 1


async def test_an_insight_read_from_a_dashboard_has_its_values_and_its_look(api, sales):
    insight = await by_region(api)
    told = await board(
        api,
        insights=[insight["id"]],
        filters={"date_from": "2024-03-01"},
        variables={"region": "US", "unused": 1},
    )
    look = {"id": told["tiles"][0]["id"], "color": "blue", "layouts": {"sm": {"x": 1}}}
    await api("PATCH", f"{DASHBOARDS}/{told['id']}", {"tiles": [look]})

    alone = await read(api, insight, refresh="blocking")
    there = await read(api, insight, refresh="blocking", from_dashboard=told["id"])

    assert alone["result"] == [["EU", 1], ["EU", 2]]
    assert there["result"] == [["US", 4]]
    assert (there["color"], there["layouts"]) == ("blue", {"sm": {"x": 1}})
    assert {"color", "layouts"}.isdisjoint(alone)
    assert there["filters_hash"] != alone["filters_hash"]
    assert there["resolved_date_range"] == {"date_from": "2024-03-01", "date_to": None}
    assert alone["resolved_date_range"] is None
    assert (await read(api, insight))["result"] == alone["result"]


@pytest.mark.parametrize("which", ["unlinked", "absent", "deleted", "private", "taken off"])
async def test_without_a_live_tile_the_dashboard_is_ignored(api, person, sales, which):
    insight = await by_region(api)
    variables = {"region": "US"}
    number = 999
    if which != "absent":
        owner = await person("ana") if which == "private" else api
        await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
        linked = [] if which == "unlinked" else [insight["id"]]
        number = (await board(owner, insights=linked, variables=variables))["id"]
    if which == "deleted":
        await api("PATCH", f"{DASHBOARDS}/{number}", {"deleted": True})
    if which == "taken off":
        await api("PATCH", f"{DASHBOARDS}/{number}", {"insights": []})

    told = await read(api, insight, refresh="blocking", from_dashboard=number)

    assert told["result"] == [["EU", 1], ["EU", 2]]
    assert "color" not in told


async def test_a_dashboard_that_is_no_number_is_400(api):
    insight = await made(api, name="x")

    answer = await api("GET", f"{INSIGHTS}/{insight['id']}?from_dashboard=x")

    assert (answer.status, answer.json["attr"]) == (400, "from_dashboard")


async def test_a_readers_own_values_lie_over_those_of_the_dashboard(api, sales):
    insight = await by_region(api)
    told = await board(
        api,
        insights=[insight["id"]],
        filters={"date_from": "2024-03-01"},
        variables={"region": "US"},
    )

    dated = await read(
        api,
        insight,
        refresh="blocking",
        from_dashboard=told["id"],
        filters_override={"date_from": "2024-01-01"},
    )
    named = await read(api, insight, refresh="blocking", variables_override={"region": "US"})

    assert dated["result"] == [["US", 3], ["US", 4]]
    assert named["result"] == [["US", 3], ["US", 4]]


@pytest.mark.parametrize("name", ["filters_override", "variables_override"])
@pytest.mark.parametrize("text", ["{", "[]", "1", '"x"', "[" * 2000, '{"a b": 1, "date_from": 1}'])
async def test_values_that_are_no_json_are_400_naming_the_parameter(api, name, text):
    insight = await made(api, name="x")

    answer = await api("GET", f"{INSIGHTS}/{insight['id']}?{name}={quote(text)}")

    assert (answer.status, answer.json["attr"]) == (400, name)


async def test_a_date_that_is_none_is_400(api, sales):
    insight = await by_region(api)
    override = quote('{"date_from": "last week"}')

    answer = await api("GET", f"{INSIGHTS}/{insight['id']}?filters_override={override}")

    assert (answer.status, answer.json["attr"]) == (400, "filters_override")


async def test_A48_values_are_bound_and_never_text(api, sales):
    insight = await by_region(api)
    for value in ("EU' OR 1=1 --", "'; DROP TABLE x; --", "$date_from", "{{region}}"):
        told = await read(api, insight, refresh="blocking", variables_override={"region": value})
        assert told["result"] == [], value


async def test_a_value_of_the_wrong_type_is_the_readers_fault(api, data_folder):
    insight = await made(api, query=hogql("SELECT $n::INTEGER AS n", n=1))
    override = quote('{"n": "many"}')

    answer = await api(
        "GET", f"{INSIGHTS}/{insight['id']}?{BLOCKING}&variables_override={override}"
    )

    assert answer.status == 400
    assert answer.json["type"] == "validation_error"
    assert (await read(api, insight, refresh="blocking"))["result"] == [[1]]


async def test_own_values_are_worth_a_calculation_unless_the_cache_is_asked_for(api, sales):
    insight = await by_region(api)
    override = {"region": "US"}

    cached = await read(api, insight, refresh="force_cache", variables_override=override)
    unasked = await read(api, insight, variables_override=override)
    again = await read(api, insight, refresh="force_cache", variables_override=override)

    assert (cached["result"], cached["stale_reason"]) == (None, "never_run")
    assert (unasked["result"], unasked["is_cached"]) == ([["US", 3], ["US", 4]], False)
    assert (again["result"], again["is_cached"]) == (unasked["result"], True)
    assert again["last_refresh"] == unasked["last_refresh"]


async def test_every_set_of_values_has_rows_and_freshness_of_its_own(api, sales, data_folder):
    insight = await by_region(api)
    override = {"region": "US"}
    await read(api, insight, refresh="blocking")
    await read(api, insight, refresh="blocking", variables_override=override)
    (data_folder / "sales.csv").write_text(SALES + "US,2024-05-01,5\n")
    await asyncio.sleep(1.2)
    fresh = await read(api, insight, refresh="blocking", variables_override=override)

    alone = await read(api, insight)

    assert fresh["result"] == [["US", 3], ["US", 4], ["US", 5]]
    assert fresh["is_stale"] is False
    assert (alone["is_stale"], alone["stale_reason"]) == (True, "source_changed")
    assert alone["stale_sources"] == ["sales.csv"]
    assert alone["result"] == [["EU", 1], ["EU", 2]]


async def test_a_reader_follows_a_calculation_with_other_values(api, person, sales):
    insight = await by_region(api)
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    ana = await person("ana")

    told = await read(ana, insight, refresh="async", variables_override={"region": "US"})

    status = told["query_status"]
    assert (told["result"], status["complete"]) == (None, False)
    for _ in range(100):
        answer = await ana("GET", f"{PROJECT}/query/{status['id']}")
        if answer.status != 202:
            break
        await asyncio.sleep(0.05)
    assert answer.status == 200
    assert answer.json["query_status"]["results"]["results"] == [["US", 3], ["US", 4]]
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": False})
    assert (await ana("GET", f"{PROJECT}/query/{status['id']}")).status == 404


async def test_eight_readers_of_the_same_values_cost_one_run(api, sales):
    insight = await by_region(api)
    before = (await api("GET", "api/v1/statements")).json["pagination"]["total"]

    answers = await asyncio.gather(
        *(
            read(api, insight, refresh="blocking", variables_override={"region": "US"})
            for _ in range(8)
        )
    )

    assert {json.dumps(answer["result"]) for answer in answers} == {'[["US", 3], ["US", 4]]'}
    found = (await api("GET", "api/v1/statements?limit=100")).json["items"]
    ran = [each for each in found if each["strategy"] == "execute"]
    assert len(ran) == before + 1


async def test_other_values_leave_the_view_and_its_history_as_they_are(api, sales):
    insight = await by_region(api)
    await read(api, insight, refresh="blocking")
    view = f"api/views/{insight['short_id']}"
    before = (await api("GET", view)).json, (await api("GET", f"{view}/history")).json

    await read(api, insight, refresh="force_blocking", variables_override={"region": "US"})

    after = (await api("GET", view)).json, (await api("GET", f"{view}/history")).json
    assert after == before


async def test_what_failed_just_now_is_not_tried_again_for_every_reader(api, data_folder):
    (data_folder / "n.csv").write_text("n\n1\n")
    insight = await made(
        api, query=hogql("SELECT (10 / n)::INTEGER + $n::INTEGER AS n FROM 'n.csv'", n="1")
    )
    address = f"{INSIGHTS}/{insight['id']}?variables_override={quote(json.dumps({'n': 'x'}))}"
    count = "api/v1/statements?status=FAILED"

    first = await api("GET", f"{address}&{BLOCKING}")
    second = await api("GET", f"{address}&{BLOCKING}")
    behind = await api("GET", f"{address}&refresh=async")

    assert (first.status, second.status, behind.status) == (400, 400, 200)
    assert first.json["detail"] == second.json["detail"]
    assert (await api("GET", count)).json["pagination"]["total"] == 1
    await api("GET", f"{address}&refresh=force_blocking")
    assert (await api("GET", count)).json["pagination"]["total"] == 2


async def test_a_reader_who_is_not_the_owner_cannot_run_it_without_end(api, person, sales):
    insight = await by_region(api)
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    ana = await person("ana")

    answers = [
        await ana(
            "GET",
            f"{INSIGHTS}/{insight['id']}?{BLOCKING}"
            f"&variables_override={quote(json.dumps({'region': str(n)}))}",
        )
        for n in range(7)
    ]

    assert [answer.status for answer in answers] == [200] * 6 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_csv_of_an_insight_read_from_a_dashboard_has_its_rows(api, sales):
    insight = await by_region(api)
    told = await board(api, insights=[insight["id"]], variables={"region": "US"})

    answer = await api(
        "GET",
        f"{INSIGHTS}/{insight['id']}?format=csv&{BLOCKING}&from_dashboard={told['id']}",
    )

    assert answer.body.decode().split() == ["region,n", "US,3", "US,4"]


async def test_the_unified_door_reads_from_a_dashboard_too(api, sales):
    insight = await by_region(api)
    told = await board(api, insights=[insight["id"]], variables={"region": "US"})
    view, there = f"api/views/{insight['short_id']}", f"from_dashboard={told['id']}"
    await api("POST", f"{view}/refresh")
    refresh = await api("POST", f"{view}/refresh?{there}")
    assert refresh.status == 202
    await api("GET", f"api/v1/statements/{refresh.json['id']}", headers={"Prefer": "wait=50"})

    rows = await api("GET", f"{view}/result?{there}&limit=1&offset=1")
    facts = (await api("GET", f"{view}?{there}")).json
    own = (await api("GET", f"{view}/result?mode=blocking")).json

    assert (rows.json["rows"], rows.json["total_row_count"]) == ([["US", 4]], 2)
    assert (facts["status"], facts["row_count"]) == ("fresh", 2)
    assert facts["statement_id"] == refresh.json["id"]
    assert own["rows"] == [["EU", 1], ["EU", 2]]


async def test_the_first_reader_from_a_dashboard_starts_what_was_never_run(api, sales):
    insight = await by_region(api)
    told = await board(api, insights=[insight["id"]], variables={"region": "US"})
    view = f"api/views/{insight['short_id']}?from_dashboard={told['id']}"

    first = (await api("GET", view)).json
    for _ in range(100):
        facts = (await api("GET", view)).json
        if facts["status"] != "refreshing":
            break
        await asyncio.sleep(0.05)

    assert first["status"] == "refreshing"
    assert (facts["status"], facts["row_count"]) == ("fresh", 2)


async def test_values_that_cannot_be_run_are_told_as_failed(api, data_folder):
    insight = await made(api, query=hogql("SELECT $n::INTEGER AS n", n="1"))
    told = await board(api, insights=[insight["id"]], variables={"n": "x"})
    view, there = f"api/views/{insight['short_id']}", f"from_dashboard={told['id']}"
    refresh = (await api("POST", f"{view}/refresh?{there}")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=50"})

    facts = (await api("GET", f"{view}?{there}")).json

    assert facts["status"] == "failed"
    assert facts["last_refresh"]["error"]["code"] == "ENGINE_ERROR"
    assert (await api("GET", f"{view}/result?{there}")).status == 410
