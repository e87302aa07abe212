"""Lists of insights: filters, order, pages; what was looked at; what was done."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

INSIGHTS = "api/projects/1/insights"
SELECT = {"kind": "HogQLQuery", "query": "SELECT 1 AS one"}
WRAPPED = {"kind": "DataVisualizationNode", "source": SELECT}


async def made(api, name, **body):
    answer = await api("POST", INSIGHTS, {"name": name, **body})
    assert answer.status == 201, answer.body
    return answer.json


async def names(api, query=""):
    answer = await api("GET", f"{INSIGHTS}?{query}")
    assert answer.status == 200, answer.body
    return [each["name"] for each in answer.json["results"]]


async def test_pages_have_the_whole_addresses_of_their_neighbours(api):
    for number in range(5):
        await made(api, f"n{number}", order=number)

    first = (await api("GET", f"{INSIGHTS}?limit=2&order=order")).json
    second = (await api("GET", f"{INSIGHTS}?limit=2&offset=2&order=order")).json
    last = (await api("GET", f"{INSIGHTS}?limit=2&offset=4&order=order")).json

    assert first["count"] == 5
    assert first["previous"] is None
    assert first["next"].startswith("http://")
    assert "limit=2" in first["next"] and "offset=2" in first["next"]
    assert [each["name"] for each in second["results"]] == ["n2", "n3"]
    assert "offset=0" in second["previous"]
    assert last["next"] is None


async def test_the_basic_list_has_exactly_the_pages_fields_and_whether_it_is_stale(api):
    await made(api, "x", query=SELECT)

    (basic,) = (await api("GET", f"{INSIGHTS}?basic=true")).json["results"]

    assert set(basic) == {
        "id", "short_id", "name", "derived_name", "favorited", "filters", "query", "dashboards",
        "dashboard_tiles", "description", "last_refresh", "refreshing", "saved", "updated_at",
        "created_by", "created_at", "last_modified_at", "tags", "user_access_level",
        "last_viewed_at", "is_stale",
    }  # fmt: skip


async def test_the_full_list_carries_rows_and_says_when_there_are_more(api):
    many = {"kind": "HogQLQuery", "query": "SELECT range AS n FROM range(150)"}
    await made(api, "many", query=many)

    answer = await api("GET", f"{INSIGHTS}?refresh=blocking")

    (insight,) = answer.json["results"]
    assert len(insight["result"]) == 100
    assert insight["hasMore"] is True


async def test_one_broken_insight_does_not_break_the_list(api):
    broken = {"kind": "HogQLQuery", "query": "SELECT CAST('x' AS INTEGER) AS n"}
    await made(api, "broken", query=broken)
    await made(api, "good", query=SELECT)

    answer = await api("GET", f"{INSIGHTS}?refresh=blocking&order=name")

    bad, good = answer.json["results"]
    assert good["result"] == [[1]]
    assert bad["result"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("favorited=true", {"ann"}),
        ("favorited=false", {"ann"}),
        ("saved=true", {"ann", "bob"}),
        ("saved=false", {"cid"}),
        ("search=NN", {"ann"}),
        ("search=WHY", {"bob"}),
        ("search=%25", set()),
        ("search=finance", {"ann", "bob"}),
        ("tags=" + quote('["finance"]'), {"ann", "bob"}),
        ("tags=" + quote('["sales","fin"]'), {"bob"}),
        ("insight=SQL", {"bob"}),
        ("insight=JSON", {"ann"}),
        ("insight=TRENDS", set()),
        ("user=x", {"ann", "bob", "cid"}),
        ("date_from=-1h", {"ann", "bob", "cid"}),
        ("date_to=-1h", set()),
        ("date_from=2020-01-01&date_to=2020-01-02", set()),
        ("created_date_from=2020-01-01", {"ann", "bob", "cid"}),
        ("created_date_to=2020-01-01T00:00:00Z", set()),
        ("last_viewed_date_from=-1d", {"ann", "bob", "cid"}),
        ("last_viewed_date_to=-1d", set()),
        ("unknown=1", {"ann", "bob", "cid"}),
    ],
)
async def test_each_filter(api, query, expected):
    await made(api, "ann", tags=["finance"], favorited=True, query=SELECT)
    await made(api, "bob", tags=["finance", "sales"], description="why not", query=WRAPPED)
    await made(api, "cid", saved=False)

    assert set(await names(api, query)) == expected


async def test_short_id_and_maker_narrow_the_list(api, person):
    ana = await person("ana")
    mine, hers = await made(api, "mine"), await made(ana, "hers")
    await ana("PATCH", f"api/views/{hers['short_id']}", {"is_public": True})
    number = hers["created_by"]["id"]

    assert await names(api, f"short_id={mine['short_id']}") == ["mine"]
    assert await names(api, f"created_by={number}") == ["hers"]
    assert await names(api, "created_by=" + quote(f"[{number}, 7]")) == ["hers"]
    assert await names(api, "created_by=7") == []
    assert await names(api, f"user=1&created_by={number}") == []


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("tags=" + quote("[1]"), "tags"),
        ("tags=" + quote('["a'), "tags"),
        ("tags=a", "tags"),
        ("created_by=ana", "created_by"),
        ("created_by=" + quote('{"a":1}'), "created_by"),
        ("tags=" + quote("[" * 5000), "tags"),
        ("insight=PIE", "insight"),
        ("date_from=yesterday", "date_from"),
        ("date_to=-9999y", "date_to"),
        ("order=password", "order"),
        ("order=-", "order"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("offset=-1", "offset"),
        ("saved=maybe", "saved"),
        ("basic=maybe", "basic"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_400_naming_it(api, query, attr):
    answer = await api("GET", f"{INSIGHTS}?{query}")

    assert answer.status == 400
    assert answer.json["attr"] == attr


@pytest.mark.parametrize(
    "field",
    [
        "id", "short_id", "name", "description", "created_at", "created_by", "updated_at",
        "derived_name", "order", "favorited", "saved", "last_modified_at", "last_modified_by",
    ],
)  # fmt: skip
async def test_every_field_can_be_ordered_by_both_ways(api, field):
    for name in ("b", "a", "c"):
        await made(api, name, description=name, derived_name=name, order=ord(name))

    up, down = await names(api, f"order={field}"), await names(api, f"order=-{field}")

    assert sorted(up) == sorted(down) == ["a", "b", "c"]
    if field in {"name", "description", "derived_name", "order"}:
        assert up == ["a", "b", "c"]
        assert down == ["c", "b", "a"]


async def test_what_nobody_looked_at_is_last_where_the_latest_come_first(api):
    for name in ("a", "b"):
        await made(api, name)
    saved = await api.save("SELECT 1 AS one", "unseen")
    await api("POST", f"api/views/{saved['short_id']}/doors/insight")

    assert await names(api, "order=-last_viewed_at") == ["b", "a", "unseen"]
    assert await names(api, "order=last_viewed_at") == ["unseen", "a", "b"]


async def test_a_list_as_csv(api):
    await made(api, "=evil", description='say "hi"')

    answer = await api("GET", f"{INSIGHTS}?format=csv&basic=true")

    assert answer.headers["Content-Type"].startswith("text/csv")
    header, line, *_ = answer.body.decode().splitlines()
    assert "created_by.first_name" in header.split(",")
    assert "'=evil" in line
    assert '"say ""hi"""' in line


async def test_looking_at_insights_is_remembered_by_person(api, person):
    made_by_me = [await made(api, f"n{number}") for number in range(7)]
    ana = await person("ana")
    shared = made_by_me[0]
    await api("PATCH", f"api/views/{shared['short_id']}", {"is_public": True})

    answer = await api("POST", f"{INSIGHTS}/viewed", {"insight_ids": [made_by_me[2]["id"]]})
    hers = await ana(
        "POST", f"{INSIGHTS}/viewed", {"insight_ids": [shared["id"], made_by_me[1]["id"], 999]}
    )

    assert (answer.status, answer.body) == (201, b"")
    assert (hers.status, hers.body) == (201, b"")
    mine = (await api("GET", f"{INSIGHTS}/my_last_viewed")).json
    assert [each["name"] for each in mine] == ["n2", "n6", "n5", "n4", "n3"]
    assert [each["name"] for each in (await ana("GET", f"{INSIGHTS}/my_last_viewed")).json] == [
        "n0"
    ]


@pytest.mark.parametrize(
    "body", [{}, {"insight_ids": []}, {"insight_ids": ["a"]}, {"insight_ids": 1}]
)
async def test_viewed_wants_numbers(api, body):
    answer = await api("POST", f"{INSIGHTS}/viewed", body)

    assert answer.status == 400
    assert answer.json["attr"].startswith("insight_ids")


async def test_trending_counts_people(api, person):
    popular, quiet = await made(api, "popular"), await made(api, "quiet")
    for insight in (popular, quiet):
        await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    for name in ("ana", "ben", "cem"):
        reader = await person(name)
        await reader("POST", f"{INSIGHTS}/viewed", {"insight_ids": [popular["id"]]})

    answer = (await api("GET", f"{INSIGHTS}/trending")).json

    assert [(each["name"], each["view_count"]) for each in answer["results"]] == [
        ("popular", 4), ("quiet", 1),
    ]  # fmt: skip
    assert [each["first_name"] for each in answer["results"][0]["viewers"]] == ["cem", "ben", "ana"]
    assert (await api("GET", f"{INSIGHTS}/trending?limit=1")).json["count"] == 1
    assert (await api("GET", f"{INSIGHTS}/trending?days=x")).status == 400


async def test_activity_tells_who_changed_what_from_what_to_what(api):
    insight = await made(api, "before", tags=["b"])
    address = f"{INSIGHTS}/{insight['id']}"
    await api("PATCH", address, {"name": "after", "tags": ["z", "a"], "favorited": True})

    answer = (await api("GET", f"{address}/activity")).json

    assert answer["total_count"] == 2
    newest, oldest = answer["results"]
    assert (newest["activity"], oldest["activity"]) == ("updated", "created")
    assert oldest["detail"]["changes"] is None
    assert newest["scope"] == "Insight"
    assert newest["item_id"] == str(insight["id"])
    assert newest["detail"]["short_id"] == insight["short_id"]
    changes = {
        each["field"]: (each["before"], each["after"]) for each in newest["detail"]["changes"]
    }
    assert changes == {
        "name": ("before", "after"), "tags": (["b"], ["a", "z"]), "favorited": (False, True),
    }  # fmt: skip


async def test_activity_of_all_insights_by_page_and_for_readers_only(api, person):
    for number in range(3):
        await made(api, f"n{number}")
    ana = await person("ana")

    first = (await api("GET", f"{INSIGHTS}/activity?limit=2")).json
    second = (await api("GET", f"{INSIGHTS}/activity?limit=2&page=2")).json

    assert [each["detail"]["name"] for each in first["results"]] == ["n2", "n1"]
    assert first["previous"] is None and "page=2" in first["next"]
    assert [each["detail"]["name"] for each in second["results"]] == ["n0"]
    assert second["next"] is None and "page=1" in second["previous"]
    assert (await ana("GET", f"{INSIGHTS}/activity")).json["total_count"] == 0
    assert (await api("GET", f"{INSIGHTS}/activity?page=0")).json["attr"] == "page"


async def test_activity_needs_a_scope_of_its_own(person):
    reader = await person("ana", "insight:write")
    insight = await made(reader, "x")

    answer = await reader("GET", f"{INSIGHTS}/{insight['id']}/activity")

    assert answer.status == 403
    assert answer.json["detail"] == "API key missing required scope 'activity_log:read'"


async def test_what_is_done_through_the_first_door_is_told_too(api):
    saved = await api.save("SELECT 1 AS one", "First")
    slug, short_id = saved["slug"], saved["short_id"]
    await api("PUT", f"api/v1/perspectives/{slug}", {"name": "Second"})
    await api("PUT", f"api/v1/perspectives/{slug}", {"name": "Second"})
    redefined = await api.run("SELECT 2 AS two")
    await api("PUT", f"api/v1/perspectives/{slug}", {"statement_id": redefined["id"]})
    await api("POST", f"api/views/{short_id}/restore", {"version": 1})

    answer = (await api("GET", f"api/views/{short_id}/activity")).json

    told = [(each["activity"], [c["field"] for c in each["detail"]["changes"] or ()])
            for each in answer["results"]]  # fmt: skip
    assert told == [
        ("updated", ["query"]), ("updated", ["query"]), ("updated", ["name"]), ("created", []),
    ]  # fmt: skip
    assert json.dumps(answer).count("SELECT 2 AS two") == 2
