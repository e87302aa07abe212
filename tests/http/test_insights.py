"""Insights: made, read, changed, taken away and brought back."""

from __future__ import annotations

import pytest

INSIGHTS = "api/projects/@current/insights"
SELECT = {"kind": "HogQLQuery", "query": "SELECT 1 AS one, 'a' AS word"}


def sql(text: str) -> dict:
    return {"kind": "DataVisualizationNode", "source": {"kind": "HogQLQuery", "query": text}}


async def made(api, **body):
    answer = await api("POST", INSIGHTS, body)
    assert answer.status == 201, answer.body
    return answer.json


async def test_an_insight_may_be_made_with_a_name_alone(api):
    insight = await made(api, name="x")

    assert len(insight["short_id"]) == 8
    assert (insight["name"], insight["description"], insight["tags"]) == ("x", None, [])
    assert insight["created_by"]["first_name"] == insight["last_modified_by"]["first_name"]
    assert insight["created_at"] == insight["updated_at"] == insight["last_modified_at"]
    assert insight["query"] is None
    assert insight["result"] is None


async def test_a_new_insight_is_not_calculated(api):
    insight = await made(api, name="x", query=SELECT)

    assert insight["result"] is None
    assert insight["last_refresh"] is None
    assert insight["is_cached"] is False
    assert insight["stale_reason"] == "never_run"
    assert insight["query"] == SELECT


async def test_a_query_comes_back_as_it_was_sent(api):
    query = sql("SELECT 1") | {"chartSettings": {"xAxis": {"column": "a"}}}
    insight = await made(api, query=query)

    again = await api("GET", f"{INSIGHTS}/{insight['id']}")

    assert again.json["query"] == query


async def test_blocking_calculates_once_and_then_serves_from_the_cache(api):
    insight = await made(api, query=SELECT)
    address = f"{INSIGHTS}/{insight['short_id']}"

    first = await api("GET", f"{address}?refresh=blocking")
    second = await api("GET", f"{address}?refresh=blocking")

    assert first.json["result"] == [[1, "a"]]
    assert first.json["columns"] == ["one", "word"]
    assert first.json["types"] == [["one", "INTEGER"], ["word", "VARCHAR"]]
    assert first.json["is_cached"] is False
    assert first.json["hasMore"] is False
    assert second.json["is_cached"] is True
    assert second.json["last_refresh"] == first.json["last_refresh"]


async def test_a_create_that_asks_for_it_calculates(api):
    answer = await api("POST", f"{INSIGHTS}?refresh=true", {"query": SELECT})

    assert answer.status == 201
    assert answer.json["result"] == [[1, "a"]]


@pytest.mark.parametrize(
    "prefix", ["api/projects/1", "api/environments/1", "api/environments/@current"]
)
async def test_both_prefixes_lead_to_the_same_insights(api, prefix):
    insight = await made(api, name="same")

    answer = await api("GET", f"{prefix}/insights/{insight['id']}")

    assert answer.json["short_id"] == insight["short_id"]


async def test_an_insight_is_found_by_number_and_by_short_id(api):
    insight = await made(api, name="twice")

    for key in (insight["id"], insight["short_id"]):
        assert (await api("GET", f"{INSIGHTS}/{key}")).json["name"] == "twice"


@pytest.mark.parametrize("key", ["999", "Nothing1", "0", "00000000"])
async def test_what_is_not_there_is_404_in_the_pages_words(api, key):
    answer = await api("GET", f"{INSIGHTS}/{key}")

    assert answer.status == 404
    assert answer.json == {
        "type": "invalid_request",
        "code": "not_found",
        "detail": "Not found.",
        "attr": None,
    }


async def test_an_insight_of_another_project_is_404(api):
    await api("POST", "api/projects", {"name": "Other"})
    answer = await api("POST", "api/projects/2/insights", {"name": "there"})
    key = answer.json["id"]

    assert (await api("GET", f"api/projects/2/insights/{key}")).status == 200
    assert (await api("GET", f"api/projects/1/insights/{key}")).status == 404
    assert (await api("GET", f"api/projects/3/insights/{key}")).status == 404


async def test_a_change_of_words_moves_the_time_of_modification(api):
    insight = await made(api, name="before")
    address = f"{INSIGHTS}/{insight['id']}"

    marked = await api("PATCH", address, {"favorited": True, "tags": ["b", "a"], "order": 3})
    renamed = await api("PATCH", address, {"name": "after", "description": "why"})

    assert (marked.json["favorited"], marked.json["tags"], marked.json["order"]) == (
        True, ["b", "a"], 3,
    )  # fmt: skip
    assert marked.json["last_modified_at"] == insight["last_modified_at"]
    assert renamed.json["name"] == "after"
    assert renamed.json["last_modified_at"] > insight["last_modified_at"]
    assert renamed.json["favorited"] is True


async def test_null_clears_a_name_and_the_derived_one_is_shown_in_the_list_of_views(api):
    insight = await made(api, name="x", derived_name="one by word")

    answer = await api("PATCH", f"{INSIGHTS}/{insight['id']}", {"name": None})
    views = await api("GET", "api/views")

    assert answer.json["name"] is None
    assert views.json["items"][0]["name"] == "one by word"


async def test_another_query_is_another_version_and_old_rows_say_so(api):
    insight = await made(api, query=SELECT)
    address = f"{INSIGHTS}/{insight['id']}"
    await api("GET", f"{address}?refresh=blocking")

    changed = await api("PATCH", address, {"query": sql("SELECT 2 AS two")})
    computed = await api("GET", f"{address}?refresh=blocking")

    assert changed.json["version"] == 2
    assert changed.json["stale_reason"] == "definition_changed"
    assert changed.json["result"] == [[1, "a"]]
    assert changed.json["columns"] == ["one", "word"]
    assert computed.json["result"] == [[2]]
    assert computed.json["is_stale"] is False


async def test_the_same_sql_in_another_dress_is_no_new_version(api):
    insight = await made(api, query=SELECT)
    dressed = {
        "kind": "DataTableNode",
        "source": SELECT | {"query": "select 1 as one, 'a' as word"},
    }

    answer = await api("PATCH", f"{INSIGHTS}/{insight['id']}", {"query": dressed})

    assert answer.json["version"] == 1
    assert answer.json["query"] == dressed


async def test_put_is_an_update_too(api):
    insight = await made(api, name="x")

    answer = await api("PUT", f"{INSIGHTS}/{insight['id']}", {"name": "y"})

    assert (answer.status, answer.json["name"]) == (200, "y")


async def test_delete_is_405_without_a_body_and_takes_nothing_away(api):
    insight = await made(api, name="x")

    answer = await api("DELETE", f"{INSIGHTS}/{insight['id']}")

    assert (answer.status, answer.body) == (405, b"")
    assert "DELETE" not in answer.headers["Allow"]
    assert (await api("GET", f"{INSIGHTS}/{insight['id']}")).status == 200


async def test_a_deleted_insight_is_nowhere_and_comes_back(api):
    insight = await made(api, name="x")
    address = f"{INSIGHTS}/{insight['id']}"

    gone = await api("PATCH", address, {"deleted": True})

    assert (gone.status, gone.json["deleted"]) == (200, True)
    assert (await api("GET", address)).status == 404
    assert (await api("PATCH", address, {"name": "y"})).status == 404
    assert (await api("PATCH", address, {"deleted": True})).status == 404
    assert (await api("GET", f"{address}/activity")).status == 404
    assert (await api("GET", INSIGHTS)).json["count"] == 0
    assert (await api("GET", f"{INSIGHTS}/my_last_viewed")).json == []
    assert (await api("GET", "api/views")).json["total"] == 0
    assert (await api("GET", f"api/views/{insight['short_id']}")).status == 404

    back = await api("PATCH", address, {"deleted": False})
    assert (back.status, back.json["deleted"]) == (200, False)
    words = [each["activity"] for each in (await api("GET", f"{address}/activity")).json["results"]]
    assert words == ["restored", "deleted", "created"]


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "TrendsQuery", "series": []},
        {"kind": "InsightVizNode", "source": {"kind": "FunnelsQuery"}},
        {"kind": "HogQLQuery"},
        {"kind": "HogQLQuery", "query": ""},
        {"kind": "HogQLQuery", "query": 7},
        {"kind": "DataTableNode", "source": None},
        {},
        "SELECT 1",
        [1],
    ],
)
async def test_a_query_that_cannot_be_run_here_is_refused_naming_what_can(api, query):
    answer = await api("POST", INSIGHTS, {"query": query})

    assert answer.status == 400
    assert answer.json["type"] == "validation_error"
    assert answer.json["attr"] == "query"
    assert (await api("GET", INSIGHTS)).json["count"] == 0


async def test_sql_that_writes_is_refused_and_nothing_is_saved(api):
    answer = await api("POST", INSIGHTS, {"query": sql("CREATE TABLE t (a INT)")})

    assert answer.status == 400
    assert answer.json["code"] == "data_manipulation_detected"
    assert (await api("GET", INSIGHTS)).json["count"] == 0


async def test_values_of_a_query_object_are_bound(api):
    query = {"kind": "HogQLQuery", "query": "SELECT $x AS x", "values": {"x": "a'; DROP TABLE t"}}

    answer = await api("POST", f"{INSIGHTS}?refresh=blocking", {"query": query})

    assert answer.json["result"] == [["a'; DROP TABLE t"]]


async def test_a_query_that_fails_is_the_callers_fault_in_the_engines_words(api):
    insight = await made(api, query=sql("SELECT CAST('no luck' AS INTEGER) AS n"))

    answer = await api("GET", f"{INSIGHTS}/{insight['id']}?refresh=blocking")

    assert answer.status == 400
    assert answer.json["type"] == "validation_error"
    assert "no luck" in answer.json["detail"]
    kept = await api("GET", f"{INSIGHTS}/{insight['id']}")
    assert (kept.status, kept.json["result"]) == (200, None)


async def test_a_refresh_of_an_insight_without_a_query_does_nothing(api):
    insight = await made(api, name="empty")

    for mode in ("blocking", "force_blocking", "async", "force_async"):
        answer = await api("GET", f"{INSIGHTS}/{insight['id']}?refresh={mode}")
        assert (answer.status, answer.json["result"]) == (200, None)


async def test_many_rows_come_whole(api):
    insight = await made(
        api, query=sql("SELECT range AS n, repeat('x', 20) AS x FROM range(50000)")
    )

    answer = await api("GET", f"{INSIGHTS}/{insight['id']}?refresh=blocking")

    assert len(answer.json["result"]) == 50_000
    assert answer.json["result"][-1] == [49_999, "x" * 20]
    assert answer.json["id"] == insight["id"]


async def test_rows_as_csv(api):
    insight = await made(api, query=sql("SELECT 1 AS n, '=1+1' AS text"))

    answer = await api("GET", f"{INSIGHTS}/{insight['id']}?refresh=blocking&format=csv")

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.body.decode().splitlines() == ["n,text", "1,'=1+1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("name", "x" * 401),
        ("derived_name", "x" * 401),
        ("description", "x" * 401),
        ("tags", "a"),
        ("tags", [1]),
        ("favorited", "yes"),
        ("order", "first"),
        ("deleted", 1),
        ("saved", None),
    ],
)
async def test_a_field_of_the_wrong_type_is_400_naming_it(api, field, value):
    answer = await api("POST", INSIGHTS, {field: value})

    assert answer.status == 400
    assert answer.json["type"] == "validation_error"
    assert answer.json["attr"].split(".")[0].split("[")[0] == field


async def test_unknown_fields_change_nothing(api):
    taken = {"id": 77, "short_id": "mine", "created_by": "eve", "owner": "eve", "version": 9}
    insight = await made(api, name="x", **taken)

    assert insight["id"] == 1
    assert insight["short_id"] != "mine"
    assert insight["created_by"]["first_name"] != "eve"


async def test_a_folder_can_be_given_and_is_shown(api):
    insight = await made(api, name="x", _create_in_folder="Sales/2026")

    assert insight["folder"] == "Sales/2026"


async def test_no_route_answers_without_credentials(stranger):
    answer = await stranger("GET", INSIGHTS)

    assert answer.status == 401
    assert answer.json == {
        "type": "authentication_error",
        "code": "not_authenticated",
        "detail": "Authentication credentials were not provided.",
        "attr": None,
    }


async def test_others_see_an_insight_only_when_its_owner_lets_them(api, person):
    ana, ben = await person("ana"), await person("ben")
    insight = await made(ana, name="private")
    address = f"{INSIGHTS}/{insight['id']}"

    assert (await ben("GET", address)).status == 404
    assert (await ben("GET", INSIGHTS)).json["count"] == 0
    assert (await ben("PATCH", address, {"name": "mine"})).status == 404

    shared = {"allowed_user_ids": ["ben"]}
    assert (await ana("PATCH", f"api/views/{insight['short_id']}", shared)).status == 200
    seen = await ben("GET", address)
    assert seen.json["user_access_level"] == "viewer"
    refused = await ben("PATCH", address, {"name": "mine"})
    assert (refused.status, refused.json["code"]) == (403, "permission_denied")


async def test_a_perspective_is_no_insight_until_that_door_is_opened(api):
    saved = await api.save("SELECT 1 AS one", "Mine")
    assert (await api("GET", INSIGHTS)).json["count"] == 0

    opened = await api("POST", f"api/views/{saved['short_id']}/doors/insight")
    assert opened.status == 200
    assert set(opened.json["doors"]) == {"perspective", "insight"}

    listed = await api("GET", INSIGHTS)
    assert listed.json["results"][0]["result"] == [[1]]
    query = listed.json["results"][0]["query"]
    assert query["source"]["query"] == "SELECT 1 AS one"


async def test_closing_the_last_door_deletes_the_view(api):
    insight = await made(api, name="x")
    address = f"api/views/{insight['short_id']}"
    assert (await api("POST", f"{address}/doors/perspective", {"slug": "x"})).status == 200

    closed = await api("DELETE", f"{address}/doors/insight")
    assert closed.json["doors"] == ["perspective"]
    assert (await api("GET", f"{INSIGHTS}/{insight['id']}")).status == 404
    deeds = (await api("GET", f"{address}/activity")).json["results"]
    moved = [change for deed in deeds[:2] for change in deed["detail"]["changes"]]
    assert [(change["field"], change["before"], change["after"]) for change in moved] == [
        ("doors", "insight", None),
        ("doors", None, "perspective"),
    ]

    assert (await api("DELETE", f"{address}/doors/perspective")).status == 204
    assert (await api("GET", address)).status == 404


async def test_what_was_only_planned_is_no_refresh_of_its_history(api):
    insight = await made(api, query=SELECT)
    history = f"api/views/{insight['short_id']}/history"
    assert (await api("GET", history)).json["items"] == []

    await api("GET", f"{INSIGHTS}/{insight['id']}?refresh=blocking")

    (entry,) = (await api("GET", history)).json["items"]
    assert (entry["status"], entry["version"], entry["row_count"]) == ("SUCCESS", 1, 1)


async def test_a_version_that_never_ran_can_be_restored_and_then_run(api):
    insight = await made(api, query=SELECT)
    address = f"{INSIGHTS}/{insight['id']}"
    await api("PATCH", f"{address}?refresh=blocking", {"query": sql("SELECT 2 AS two")})

    body = {"version": 1}
    restored = await api("POST", f"api/views/{insight['short_id']}/restore", body)
    assert restored.status == 201
    waiting = (await api("GET", address)).json
    assert (waiting["version"], waiting["stale_reason"]) == (3, "definition_changed")
    assert waiting["result"] == [[2]]

    assert (await api("GET", f"{address}?refresh=blocking")).json["result"] == [[1, "a"]]
