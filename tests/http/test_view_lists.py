"""The unified list: narrowed by status, folder, favourites and door."""

from __future__ import annotations

import asyncio

FILTERS = {
    "status=fresh": {"fresh", "kept"},
    "status=stale": {"stale"},
    "status=failed": {"failed"},
    "status=never_run": {"never"},
    "status=refreshing": set(),
    "favorited=true": {"kept"},
    "folder=Sales": {"kept"},
    "folder=Nothing": set(),
    "door=insight": {"kept", "never"},
    "door=perspective": {"fresh", "stale", "failed", "kept"},
}


async def names(api, query):
    answer = await api("GET", f"api/views?{query}")
    assert answer.status == 200, answer.body
    return {view["name"] for view in answer.json["items"]}


async def five(api, data_folder):
    """A fresh, a stale, a failed and a never run view, and a favourite in a folder."""
    file = data_folder / "a.csv"
    file.write_text("n\n1\n")
    await api.save("SELECT 1 AS one", "fresh")
    await api.save("SELECT * FROM 'a.csv'", "stale", auto_refresh=False)
    failed = await api.save("SELECT * FROM 'a.csv' WHERE n > 0", "failed", auto_refresh=False)
    kept = await api.save(
        "SELECT 2 AS two", "kept", folder="Sales", doors=["perspective", "insight"]
    )
    await api("PATCH", f"api/views/{kept['short_id']}", {"favorited": True})
    query = {"kind": "HogQLQuery", "query": "SELECT 3 AS three"}
    await api("POST", "api/projects/1/insights", {"name": "never", "query": query})
    file.unlink()
    path = f"api/views/{failed['short_id']}"
    await api("GET", f"{path}/result?mode=force_blocking")
    file.write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)  # a look at a file is good for a second


async def test_each_filter(api, data_folder):
    await five(api, data_folder)

    found = {query: await names(api, query) for query in FILTERS}

    assert found == FILTERS


async def test_fresh_views_come_in_pages(api, data_folder):
    await five(api, data_folder)
    first = (await api("GET", "api/views?status=fresh&limit=1")).json
    second = (
        await api("GET", f"api/views?status=fresh&limit=1&cursor={first['next_cursor']}")
    ).json

    assert first["total"] == second["total"] == 2
    assert {first["items"][0]["name"], second["items"][0]["name"]} == {"fresh", "kept"}
    assert second["next_cursor"] is None


async def test_a_status_that_is_none_is_refused(api):
    answer = await api("GET", "api/views?status=happy")

    assert answer.status == 422
    assert "never_run" in answer.json["hint"]


async def test_a_mark_and_a_folder_are_told_and_can_be_taken_back(api):
    saved = await api.save("SELECT 1 AS one", "x", doors=["perspective", "insight"])
    path = f"api/views/{saved['short_id']}"

    marked = await api("PATCH", path, {"favorited": True, "folder": "Sales/2026"})
    cleared = await api("PATCH", path, {"favorited": False, "folder": None})

    assert (marked.json["favorited"], marked.json["folder"]) == (True, "Sales/2026")
    assert (cleared.json["favorited"], cleared.json["folder"]) == (False, None)
    assert marked.json["insight_id"] == 1


async def test_a_mark_needs_the_insight_door(api):
    saved = await api.save("SELECT 1 AS one", "x")

    answer = await api("PATCH", f"api/views/{saved['short_id']}", {"favorited": True})

    assert answer.status == 422
    assert answer.json["details"]["field"] == "favorited"
