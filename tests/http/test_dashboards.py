"""Dashboards: made, read, listed, changed, taken away and back, by whom and by two at once."""

from __future__ import annotations

import asyncio

import pytest

DASHBOARDS = "api/projects/1/dashboards"
NOT_FOUND = {"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}


async def insight(call, name: str, sql: str = "SELECT 1 AS n", **fields) -> int:
    """Save a view with an insight door; its number."""
    saved = await call.save(sql, name, doors=["perspective", "insight"], **fields)
    return (await call("GET", f"api/views/{saved['short_id']}")).json["insight_id"]


async def made(call, name: str = "Sales", **fields) -> dict:
    answer = await call("POST", DASHBOARDS, {"name": name, **fields})
    assert answer.status == 201, answer.body
    return answer.json


def shown(dashboard: dict) -> list[int]:
    return [tile["insight"]["id"] for tile in dashboard["tiles"]]


async def test_a_new_dashboard_has_a_tile_for_each_insight_in_the_order_given(api):
    first, second = await insight(api, "First"), await insight(api, "Second")

    answer = await api(
        "POST",
        DASHBOARDS,
        {
            "name": "Sales",
            "description": "What we sold",
            "insights": [second, first],
            "filters": {"date_from": "-7d", "date_to": None, "properties": []},
            "variables": {"region": "EU"},
        },
    )

    assert answer.status == 201
    assert answer.headers["Location"].endswith(f"/{DASHBOARDS}/{answer.json['id']}")
    told = answer.json
    assert (told["name"], told["description"]) == ("Sales", "What we sold")
    assert told["filters"] == {"date_from": "-7d", "date_to": None}
    assert told["variables"] == {"region": "EU"}
    assert (told["is_public"], told["deleted"]) == (False, False)
    assert told["user_access_level"] == "editor"
    assert told["created_at"] == told["updated_at"]
    assert [tile["insight"]["name"] for tile in told["tiles"]] == ["Second", "First"]
    assert [tile["order"] for tile in told["tiles"]] == [0, 1]
    assert {tile["dashboard_id"] for tile in told["tiles"]} == {told["id"]}
    assert (await api("GET", f"{DASHBOARDS}/{told['id']}")).json == told


async def test_the_smallest_dashboard_has_a_name_and_nothing_else(api):
    told = await made(api)

    assert (told["tiles"], told["filters"], told["variables"]) == ([], {}, {})
    assert told["description"] is None


async def test_environments_are_the_same_dashboards(api):
    told = await made(api)

    twin = await api("GET", f"api/environments/@current/dashboards/{told['id']}")
    listed = await api("GET", "api/environments/1/dashboards")

    assert twin.json == told
    assert [each["id"] for each in listed.json["results"]] == [told["id"]]


async def test_the_list_is_by_name_in_pages_of_whole_addresses(api):
    for name in ("beta", "Alpha", "gamma"):
        await made(api, name)

    first = (await api("GET", f"{DASHBOARDS}?limit=2")).json
    second = (await api("GET", f"{DASHBOARDS}?limit=2&offset=2")).json

    assert [each["name"] for each in first["results"]] == ["Alpha", "beta"]
    assert [each["name"] for each in second["results"]] == ["gamma"]
    assert first["count"] == second["count"] == 3
    assert first["previous"] is None
    assert first["next"].startswith("http://")
    assert first["next"].endswith(f"{DASHBOARDS}?limit=2&offset=2")
    assert second["next"] is None
    assert second["previous"].endswith("?limit=2&offset=0")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "offset=x"])
async def test_a_page_that_cannot_be_is_400_naming_the_parameter(api, query):
    answer = await api("GET", f"{DASHBOARDS}?{query}")

    assert answer.status == 400
    assert answer.json["attr"] == query.split("=")[0]


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_a_change_moves_what_it_names_and_nothing_else(api, verb):
    number = await insight(api, "First")
    told = await made(api, insights=[number], variables={"region": "EU"})
    path = f"{DASHBOARDS}/{told['id']}"

    body = {"name": "Sales", "description": "New", "is_public": True, "filters": None}
    changed = await api(verb, path, body)

    assert changed.status == 200
    assert (changed.json["description"], changed.json["is_public"]) == ("New", True)
    assert changed.json["variables"] == {"region": "EU"}
    assert changed.json["tiles"] == told["tiles"]
    assert changed.json["updated_at"] > told["updated_at"]
    assert (await api("GET", path)).json == changed.json


async def test_a_put_needs_a_name(api):
    told = await made(api)

    answer = await api("PUT", f"{DASHBOARDS}/{told['id']}", {"description": "x"})

    assert (answer.status, answer.json["attr"]) == (400, "name")


async def test_insights_replace_the_set_and_a_tile_that_comes_back_is_the_same_one(api):
    a, b, c = [await insight(api, name) for name in ("A", "B", "C")]
    told = await made(api, insights=[a, b])
    path = f"{DASHBOARDS}/{told['id']}"
    before = {tile["insight"]["id"]: tile["id"] for tile in told["tiles"]}

    without = (await api("PATCH", path, {"insights": [c, a]})).json
    again = (await api("PATCH", path, {"insights": [b, a, c, b]})).json

    assert shown(without) == [c, a]
    assert shown(again) == [b, a, c]
    tiles = {tile["insight"]["id"]: tile["id"] for tile in again["tiles"]}
    assert (tiles[a], tiles[b]) == (before[a], before[b])
    assert not any(tile["deleted"] for tile in again["tiles"])


async def test_saying_what_is_so_already_changes_nothing(api, views_app):
    number = await insight(api, "A")
    told = await made(api, insights=[number])
    path = f"{DASHBOARDS}/{told['id']}"
    tag = (await api("GET", path)).headers["Etag"]

    answer = await api("PATCH", path, {"name": "Sales", "insights": [number]})

    assert answer.json == told
    assert answer.headers["Etag"] == tag
    assert [deed.activity for deed in await deeds(views_app)] == ["created"]


async def test_color_and_layouts_of_a_tile_are_kept(api):
    number = await insight(api, "A")
    told = await made(api, insights=[number])
    look = {"color": "blue", "layouts": {"sm": {"x": 0, "y": 5, "w": 6, "h": 5}}}
    path = f"{DASHBOARDS}/{told['id']}"

    answer = await api("PATCH", path, {"tiles": [{"id": told["tiles"][0]["id"], **look}]})

    (tile,) = answer.json["tiles"]
    assert {"color": tile["color"], "layouts": tile["layouts"]} == look
    await api("PATCH", path, {"insights": []})
    (tile,) = (await api("PATCH", path, {"insights": [number]})).json["tiles"]
    assert {"color": tile["color"], "layouts": tile["layouts"]} == look


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "description": 1}, "description"),
        ({"name": "x", "insights": "1"}, "insights"),
        ({"name": "x", "insights": [0]}, "insights[0]"),
        ({"name": "x", "insights": [999]}, "insights"),
        ({"name": "x", "filters": []}, "filters"),
        ({"name": "x", "filters": {"date_from": "last week"}}, "filters.date_from"),
        ({"name": "x", "filters": {"date_to": "2024-02-30"}}, "filters.date_to"),
        ({"name": "x", "filters": {"date_to": "-9999y"}}, "filters.date_to"),
        ({"name": "x", "variables": []}, "variables"),
        ({"name": "x", "variables": {"a b": 1}}, "variables"),
        ({"name": "x", "is_public": "yes"}, "is_public"),
    ],
)
async def test_what_cannot_be_kept_is_400_naming_the_field_and_nothing_is_saved(api, body, attr):
    answer = await api("POST", DASHBOARDS, body)

    assert answer.status == 400
    assert answer.json["type"] == "validation_error"
    assert answer.json["attr"] == attr
    assert (await api("GET", DASHBOARDS)).json["count"] == 0


async def test_a_change_with_a_foreign_insight_saves_nothing_of_it(api, person):
    mine, ana = await insight(api, "Mine"), await person("ana")
    private = await insight(ana, "Hers")
    told = await made(api, insights=[mine])
    path = f"{DASHBOARDS}/{told['id']}"

    answer = await api("PATCH", path, {"name": "Half", "insights": [mine, private]})
    absent = await api("PATCH", path, {"name": "Half", "insights": [mine, 999]})

    assert (answer.status, answer.json["attr"]) == (400, "insights")
    assert answer.json == {
        **absent.json,
        "detail": absent.json["detail"].replace("999", str(private)),
    }
    assert (await api("GET", path)).json == told


async def test_a_tile_of_another_dashboard_is_400(api):
    number = await insight(api, "A")
    other = await made(api, "Other", insights=[number])
    told = await made(api)

    answer = await api(
        "PATCH",
        f"{DASHBOARDS}/{told['id']}",
        {"tiles": [{"id": other["tiles"][0]["id"], "color": "red"}]},
    )

    assert (answer.status, answer.json["attr"]) == (400, "tiles")
    assert (await api("GET", f"{DASHBOARDS}/{other['id']}")).json == other


async def test_delete_is_405_with_the_way_to_delete(api):
    told = await made(api)
    path = f"{DASHBOARDS}/{told['id']}"

    answer = await api("DELETE", path)

    assert answer.status == 405
    assert answer.json["code"] == "method_not_allowed"
    assert 'PATCH {"deleted": true}' in answer.json["detail"]
    assert (await api("GET", path)).status == 200


async def test_a_deleted_dashboard_is_gone_until_it_is_brought_back(api):
    told = await made(api, insights=[await insight(api, "A")])
    path = f"{DASHBOARDS}/{told['id']}"

    deleted = await api("PATCH", path, {"deleted": True})

    assert (deleted.status, deleted.json["deleted"]) == (200, True)
    assert (await api("GET", path)).json == NOT_FOUND
    assert (await api("GET", DASHBOARDS)).json["count"] == 0
    assert (await api("PATCH", path, {"deleted": True})).status == 404
    assert (await api("PATCH", path, {"name": "x"})).status == 404
    assert (await api("DELETE", path)).status == 404
    restored = await api("PATCH", path, {"deleted": False})
    assert restored.status == 200
    assert restored.json["tiles"] == told["tiles"]
    assert (await api("GET", path)).json == restored.json


@pytest.mark.parametrize("number", ["0", "-1", "x", "%25", "*", "null", "99999999999", "77"])
async def test_A08_a_number_that_is_none_is_404(api, number):
    await made(api)

    assert (await api("GET", f"{DASHBOARDS}/{number}")).status == 404


async def test_a_dashboard_of_another_project_is_404(api):
    await api("POST", "api/projects", {"name": "Other"})
    told = await made(api)

    assert (await api("GET", f"api/projects/2/dashboards/{told['id']}")).json == NOT_FOUND
    assert (await api("GET", "api/projects/2/dashboards")).json["count"] == 0


async def test_an_insight_of_another_project_is_400(api):
    await api("POST", "api/projects", {"name": "Other"})
    number = await insight(api, "Here")

    answer = await api("POST", "api/projects/2/dashboards", {"name": "x", "insights": [number]})

    assert (answer.status, answer.json["attr"]) == (400, "insights")


async def test_everybody_reads_a_public_one_and_its_owner_alone_changes_it(api, person):
    told = await made(api, is_public=True)
    path, ana = f"{DASHBOARDS}/{told['id']}", await person("ana")

    read = await ana("GET", path)
    refused = [await ana(verb, path, {"name": "mine"}) for verb in ("PATCH", "PUT")]

    assert read.status == 200
    assert read.json == {**told, "user_access_level": "viewer"}
    assert [each["id"] for each in (await ana("GET", DASHBOARDS)).json["results"]] == [told["id"]]
    assert [answer.status for answer in refused] == [403, 403]
    assert refused[0].json["code"] == "permission_denied"
    assert (await api("GET", path)).json == told


async def test_A04_a_private_dashboard_is_to_others_as_if_absent(api, person):
    told = await made(api, "Secret plans")
    ana = await person("ana")

    for verb, body in (
        ("GET", None),
        ("HEAD", None),
        ("PATCH", {"name": "mine"}),
        ("PATCH", {"deleted": False}),
        ("PATCH", {"nonsense": 1}),
        ("PUT", {"name": "mine"}),
        ("DELETE", None),
    ):
        private = await ana(verb, f"{DASHBOARDS}/{told['id']}", body)
        absent = await ana(verb, f"{DASHBOARDS}/4711", body)
        assert private.status == absent.status == 404, (verb, body)
        assert private.body == absent.body
        assert private.headers.keys() == absent.headers.keys()


async def test_A04_a_dashboard_shows_only_tiles_whose_insight_the_reader_may_read(api, person):
    open_one = await insight(api, "Open", is_public=True)
    granted = await insight(api, "Granted", allowed_user_ids=["ana"])
    private = await insight(api, "Private plans")
    told = await made(api, insights=[private, open_one, granted], is_public=True)
    path = f"{DASHBOARDS}/{told['id']}"

    as_ana = await (await person("ana"))("GET", path)
    as_ben = await (await person("ben"))("GET", path)

    assert shown(told) == [private, open_one, granted]
    assert shown(as_ana.json) == [open_one, granted]
    assert shown(as_ben.json) == [open_one]
    assert b"Private plans" not in as_ana.body + as_ben.body


async def test_a_tile_that_its_owner_may_see_no_more_is_left_alone(api, person):
    ana = await person("ana")
    mine = await insight(api, "Mine")
    hers = await insight(ana, "Hers", is_public=True)
    told = await made(api, insights=[hers, mine])
    path = f"{DASHBOARDS}/{told['id']}"
    await ana("PUT", "api/v1/perspectives/hers", {"is_public": False})

    hidden = (await api("PATCH", path, {"insights": [mine], "description": "x"})).json
    await ana("PUT", "api/v1/perspectives/hers", {"is_public": True})

    assert shown(hidden) == [mine]
    assert sorted(shown((await api("GET", path)).json)) == sorted([mine, hers])


async def test_A05_a_body_cannot_set_what_is_not_its_own(api, person):
    ana = await person("ana")
    extra = {"id": 77, "owner": "ben", "created_by": "ben", "created_at": "2001", "project_id": 2}

    told = await made(ana, "Hers", **extra, revision=9, user_access_level="none")
    changed = await ana("PATCH", f"{DASHBOARDS}/{told['id']}", {**extra, "description": "x"})

    for answer in (told, changed.json):
        assert answer["id"] != 77
        assert answer["created_by"]["first_name"] == "ana"
        assert answer["created_at"] == told["created_at"] != "2001"
        assert answer["user_access_level"] == "editor"


async def test_A07_private_names_are_in_no_list_count_or_activity_of_others(api, person, views_app):
    told = await made(api, "Secret plans")
    await api("PATCH", f"{DASHBOARDS}/{told['id']}", {"name": "Secret plans, revised"})
    ana = await person("ana")

    listed = await ana("GET", DASHBOARDS)

    assert listed.json == {"count": 0, "next": None, "previous": None, "results": []}
    assert await deeds(views_app, reader="ana") == []
    assert len(await deeds(views_app)) == 2


@pytest.mark.parametrize(
    ("verb", "body", "scope"),
    [
        ("GET", None, "dashboard:read"),
        ("PATCH", {"name": "x"}, "dashboard:write"),
        ("PUT", {"name": "x"}, "dashboard:write"),
        ("DELETE", None, "dashboard:write"),
    ],
)
async def test_a_key_needs_the_scope_of_the_verb(api, person, verb, body, scope):
    other = "insight:write" if scope == "dashboard:read" else "dashboard:read"
    told = await made(api, is_public=True)
    limited = await person("ana", other)

    answer = await limited(verb, f"{DASHBOARDS}/{told['id']}", body)

    assert answer.status == 403
    assert answer.json["detail"] == f"API key missing required scope '{scope}'"


async def test_writing_includes_reading(person):
    ana = await person("ana", "dashboard:write")

    told = await made(ana)

    assert (await ana("GET", f"{DASHBOARDS}/{told['id']}")).json == told


async def deeds(app, reader: str | None = None) -> list:
    services = app._services
    page = await services.activity.page(reader or services.local_person, 1, 100, 0)
    return [deed for deed in page.items if deed.scope == "dashboard"]


async def test_every_deed_is_written_down_with_what_was_before_and_after(api, views_app):
    number = await insight(api, "A")
    told = await made(api)
    path = f"{DASHBOARDS}/{told['id']}"
    await api("PATCH", path, {"name": "New", "insights": [number], "variables": {"a": 1}})
    await api("PATCH", path, {"deleted": True})
    await api("PATCH", path, {"deleted": False})
    await api("PATCH", path, {"name": "Half", "insights": [999]})

    found = await deeds(views_app)

    found = [deed for deed in found if deed.scope == "dashboard"]
    assert [deed.activity for deed in found] == ["restored", "deleted", "updated", "created"]
    assert {deed.item_id for deed in found} == {told["id"]}
    assert {(deed.scope, deed.person) for deed in found} == {
        ("dashboard", views_app._services.local_person)
    }
    changes = {c.field: (c.action, c.before, c.after) for c in found[2].changes}
    assert changes == {
        "name": ("changed", "Sales", "New"),
        "insights": ("created", [], [number]),
        "variables": ("changed", {}, {"a": 1}),
    }


async def test_a_post_sent_twice_with_one_key_makes_one_dashboard(api):
    headers = {"Idempotency-Key": "k"}

    first = await api("POST", DASHBOARDS, {"name": "Once"}, headers=headers)
    second = await api("POST", DASHBOARDS, {"name": "Once"}, headers=headers)

    assert first.json == second.json
    assert (await api("GET", DASHBOARDS)).json["count"] == 1


async def test_an_unchanged_dashboard_is_304(api):
    told = await made(api)
    path = f"{DASHBOARDS}/{told['id']}"
    tag = (await api("GET", path)).headers["Etag"]

    again = await api("GET", path, headers={"If-None-Match": tag})
    await api("PATCH", path, {"description": "x"})
    changed = await api("GET", path, headers={"If-None-Match": tag})

    assert (again.status, again.body) == (304, b"")
    assert changed.status == 200


async def test_A51_of_eight_conditional_changes_at_once_one_holds(api):
    told = await made(api)
    path = f"{DASHBOARDS}/{told['id']}"
    tag = (await api("GET", path)).headers["Etag"]

    answers = await asyncio.gather(
        *(api("PATCH", path, {"name": f"n{n}"}, headers={"If-Match": tag}) for n in range(8))
    )

    assert sorted(answer.status for answer in answers) == [200] + [412] * 7
    (winner,) = [answer for answer in answers if answer.status == 200]
    assert (await api("GET", path)).json["name"] == winner.json["name"]


async def test_A51_changes_of_different_fields_at_once_all_hold(api):
    number = await insight(api, "A")
    told = await made(api)
    path = f"{DASHBOARDS}/{told['id']}"
    changes = [
        {"name": "New"},
        {"description": "said"},
        {"insights": [number]},
        {"filters": {"date_from": "2024-01-01"}},
        {"variables": {"region": "EU"}},
        {"is_public": True},
    ]

    answers = await asyncio.gather(*(api("PATCH", path, change) for change in changes))

    assert [answer.status for answer in answers] == [200] * 6, [a.body for a in answers]
    now = (await api("GET", path)).json
    assert shown(now) == [number]
    for change in changes:
        for name, value in change.items():
            assert name == "insights" or now[name] == value, name


async def test_A51_a_dashboard_deleted_twice_at_once_is_deleted_once(api, views_app):
    told = await made(api)
    path = f"{DASHBOARDS}/{told['id']}"

    answers = await asyncio.gather(*(api("PATCH", path, {"deleted": True}) for _ in range(6)))

    assert sorted(answer.status for answer in answers) == [200] + [404] * 5
    assert [deed.activity for deed in await deeds(views_app)] == ["deleted", "created"]


async def test_a_deleted_view_takes_its_tile_along(api):
    number = await insight(api, "Short lived")
    told = await made(api, insights=[number])

    await api("DELETE", "api/v1/perspectives/short-lived")

    assert (await api("GET", f"{DASHBOARDS}/{told['id']}")).json["tiles"] == []


async def test_reading_a_dashboard_starts_no_refresh_and_says_what_is_stale(api, data_folder):
    (data_folder / "d.csv").write_text("n\n1\n")
    number = await insight(api, "Moving", "SELECT n FROM 'd.csv'")
    told = await made(api, insights=[number])
    before = (await api("GET", "api/v1/statements")).json["pagination"]["total"]
    (data_folder / "d.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.2)

    (tile,) = (await api("GET", f"{DASHBOARDS}/{told['id']}")).json["tiles"]

    assert told["tiles"][0]["insight"]["is_stale"] is False
    assert tile["insight"]["is_stale"] is True
    assert (await api("GET", "api/v1/statements")).json["pagination"]["total"] == before
