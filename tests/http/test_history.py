"""The past of a view over HTTP: history, versions, restore, differences, the decision log."""

from __future__ import annotations

import asyncio
import json

import pytest

from jupyter_views.core.model import SECOND, Changes

PERSPECTIVES = "api/v1/perspectives"


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"watching": "off"}
    return jp_server_config


async def saved(api, sql: str, name: str, **fields) -> str:
    """Save a view; returns the address of its past."""
    view = await api.save(sql, name, **fields)
    return f"api/views/{view['short_id']}"


async def refreshed(api, view: str) -> str:
    """Refresh a view to the end; returns the statement."""
    started = await api("POST", f"{view}/refresh")
    path = f"api/v1/statements/{started.json['id']}"
    ended = await api("GET", path, headers={"Prefer": "wait=30"})
    assert ended.json["status"] in {"SUCCESS", "FAILED"}
    return ended.json["id"]


async def history(api, view: str, query: str = "") -> list:
    return (await api("GET", f"{view}/history{query}")).json["items"]


async def first_entry(api, view: str, field: str):
    """A field of the newest refresh, once it is known: it is noted behind the refresh."""
    for _ in range(200):
        entry = (await history(api, view))[0]
        if entry[field] is not None:
            return entry[field]
        await asyncio.sleep(0.02)
    raise AssertionError((field, entry))


async def edited(api, view: str, sql: str, **fields) -> dict:
    """Give a view another definition."""
    slug = (await api("GET", view)).json["slug"]
    statement = await api.run(sql)
    body = {"statement_id": statement["id"], **fields}
    answer = await api("PUT", f"{PERSPECTIVES}/{slug}", body)
    assert answer.status == 201, answer.body
    return answer.json


async def test_a_history_tells_each_refresh_with_its_cause_cost_and_changes(api, data_folder):
    file = data_folder / "stock.csv"
    file.write_text("id,n\n1,10\n2,20\n")
    view = await saved(api, "SELECT * FROM 'stock.csv'", "Stock", auto_refresh=False)
    file.write_text("id,n\n2,21\n3,30\n4,40\n")
    statement = await refreshed(api, view)
    changes = await first_entry(api, view, "changes")

    newest, first = await history(api, view)

    assert changes == {"added": 2, "removed": 1, "changed": 1}
    assert newest["id"] == statement
    assert newest["status"] == "SUCCESS"
    assert newest["cause"] == {"kind": "asked", "sources": [], "by": "local"}
    assert (newest["row_count"], newest["version"], newest["count"]) == (3, 1, 1)
    assert newest["duration_us"] > 0
    assert newest["size_bytes"] > 0
    assert newest["method"].startswith(("full", "incremental"))
    assert newest["error"] is None
    assert (newest["is_unchanged"], newest["has_rows"]) == (False, True)
    assert newest["first_at"] == newest["last_at"] == newest["submitted_at"]
    assert newest["started_at"] <= newest["completed_at"]
    assert first["cause"] == {"kind": "saved", "sources": [], "by": "local"}
    assert (first["changes"], first["is_unchanged"]) == (None, None)


async def test_a_failed_refresh_is_told_with_its_reason_and_the_rows_stay(api, data_folder):
    (data_folder / "gone.csv").write_text("n\n1\n")
    view = await saved(api, "SELECT n FROM 'gone.csv'", "Gone", auto_refresh=False)
    (data_folder / "gone.csv").unlink()
    await refreshed(api, view)

    newest, first = await history(api, view)

    assert (newest["status"], newest["has_rows"], newest["method"]) == ("FAILED", False, None)
    assert newest["error"]["code"] == "ENGINE_ERROR"
    assert "gone.csv" in newest["error"]["message"]
    assert first["has_rows"]


async def test_unchanged_refreshes_are_one_line_and_pages_join_to_the_whole(api, data_folder):
    file = data_folder / "n.csv"
    file.write_text("n\n1\n")
    view = await saved(api, "SELECT n FROM 'n.csv'", "Lines", auto_refresh=False)
    for content in ("n\n1\n", "n\n1\n", "n\n2\n", "n\n2\n"):
        file.write_text(content)
        await refreshed(api, view)
        await first_entry(api, view, "changes")

    whole = await history(api, view)
    pages, cursor = [], ""
    while cursor is not None:
        page = (await api("GET", f"{view}/history?limit=1{cursor and f'&cursor={cursor}'}")).json
        pages += page["items"]
        cursor = page["next_cursor"]

    assert [(e["is_unchanged"], e["count"]) for e in whole] == [
        (True, 1),
        (False, 1),
        (True, 2),
        (None, 1),
    ]
    assert whole[2]["first_at"] < whole[2]["last_at"]
    assert pages == whole


async def test_the_difference_of_the_current_rows_is_taken_to_the_last_other_ones(api, data_folder):
    file = data_folder / "people.csv"
    file.write_text("id,name\n1,ana\n2,bo\n")
    view = await saved(api, "SELECT * FROM 'people.csv' ORDER BY id", "People", auto_refresh=False)
    first = (await history(api, view))[0]["id"]
    file.write_text("id,name\n1,Ana\n3,cy\n")
    second = await refreshed(api, view)
    third = await refreshed(api, view)

    answer = await api("GET", f"{view}/diff")

    assert answer.status == 200, answer.body
    found = answer.json
    assert found["before"]["statement_id"] == first
    assert found["after"]["statement_id"] == third
    assert (found["key"], found["is_key_guessed"]) == (["id"], True)
    assert (found["added"], found["removed"], found["changed"]) == (1, 1, 1)
    assert found["columns"] == ["id", "name"]
    assert found["rows"] == [
        {"change": "changed", "before": [1, "ana"], "after": [1, "Ana"]},
        {"change": "removed", "before": [2, "bo"], "after": None},
        {"change": "added", "before": None, "after": [3, "cy"]},
    ]
    assert (found["offset"], found["next_offset"]) == (0, None)
    backwards = (await api("GET", f"{view}/diff?before={second}&after={first}")).json
    assert (backwards["added"], backwards["removed"]) == (1, 1)
    same = (await api("GET", f"{view}/diff?before={second}&after={third}")).json
    assert (same["added"], same["removed"], same["changed"], same["rows"]) == (0, 0, 0, [])


async def test_the_rows_that_differ_are_exact_for_readers_whose_numbers_are_doubles(
    api, data_folder
):
    file = data_folder / "wide.csv"
    file.write_text("id,wide\n1,9007199254740993\n")
    sql = "SELECT id, wide, id::DECIMAL(18, 2) AS price FROM 'wide.csv'"
    view = await saved(api, sql, "Wide", auto_refresh=False)
    file.write_text("id,wide\n1,9007199254740995\n")
    await refreshed(api, view)

    numbers = (await api("GET", f"{view}/diff")).json
    texts = (await api("GET", f"{view}/diff?big=string")).json

    assert texts["types"] == ["integer", "integer", "decimal"]
    assert [row["after"] for row in numbers["rows"]] == [[1, 9007199254740995, 1.0]]
    assert texts["rows"] == [
        {
            "change": "changed",
            "before": [1, "9007199254740993", "1.00"],
            "after": [1, "9007199254740995", "1.00"],
        }
    ]
    assert (await api("GET", f"{view}/diff?big=none")).status == 422


async def test_pages_of_a_difference_join_to_the_whole(api, data_folder):
    file = data_folder / "wide.csv"
    file.write_text("id,n\n" + "".join(f"{n},{n}\n" for n in range(50)))
    view = await saved(api, "SELECT * FROM 'wide.csv'", "Wide", auto_refresh=False)
    file.write_text("id,n\n" + "".join(f"{n},{n + 1}\n" for n in range(10, 60)))
    await refreshed(api, view)

    whole = (await api("GET", f"{view}/diff?limit=1000")).json
    pages, offset = [], 0
    while offset is not None:
        page = (await api("GET", f"{view}/diff?limit=7&offset={offset}")).json
        assert page["offset"] == offset
        pages += page["rows"]
        offset = page["next_offset"]

    assert len(whole["rows"]) == 10 + 10 + 40
    assert pages == whole["rows"]
    beyond = (await api("GET", f"{view}/diff?offset=1000")).json
    assert (beyond["rows"], beyond["next_offset"]) == ([], None)
    counts = (await api("GET", f"{view}/diff?limit=0")).json
    assert (counts["rows"], counts["changed"]) == ([], 40)


async def test_the_key_is_the_one_asked_for_else_the_owners_else_a_guess(api, data_folder):
    file = data_folder / "keys.csv"
    file.write_text("id,name,n\n1,a,1\n2,b,2\n")
    view = await saved(api, "SELECT * FROM 'keys.csv'", "Keys", auto_refresh=False)
    file.write_text("id,name,n\n2,a,1\n1,b,2\n")
    await refreshed(api, view)

    async def key(query: str = "") -> tuple[list, bool, int]:
        found = (await api("GET", f"{view}/diff{query}")).json
        return found["key"], found["is_key_guessed"], found["changed"]

    assert await key() == (["id"], True, 2)
    assert await key("?key=name") == (["name"], False, 2)
    assert await key("?key=name,n") == (["name", "n"], False, 2)
    assert await key('?key=["n","name"]') == (["n", "name"], False, 2)
    changed = await api("PATCH", view, {"key": ["name"]})
    assert changed.status == 200, changed.body
    assert await key() == (["name"], False, 2)
    assert await key("?key=id") == (["id"], False, 2)


@pytest.mark.parametrize("key", ["twice", "nothing", '["no","such"]', '["id"', "id,,n"])
async def test_a_key_that_identifies_no_row_is_refused_by_name(api, data_folder, key):
    file = data_folder / "twice.csv"
    file.write_text("id,twice\n1,1\n2,1\n")
    view = await saved(api, "SELECT * FROM 'twice.csv'", "Twice", auto_refresh=False)
    file.write_text("id,twice\n1,1\n3,1\n")
    await refreshed(api, view)

    answer = await api("GET", f"{view}/diff?key={key}")

    assert (answer.status, answer.json["error"]) == (422, "VALIDATION")
    assert answer.json["details"]["field"] == "key"
    if key == "twice":
        assert answer.json["message"].startswith("The key twice does not identify a row")
        assert answer.json["details"]["columns"] == ["id", "twice"]


async def test_nothing_to_compare_with_is_said(api):
    view = await saved(api, "SELECT 1 AS n", "Alone")

    answer = await api("GET", f"{view}/diff")

    assert (answer.status, answer.json["error"]) == (404, "NOT_FOUND")
    assert "No earlier rows" in answer.json["message"]
    assert "refresh" in answer.json["hint"]


async def test_A04_a_statement_of_another_view_cannot_be_compared(api, person):
    ana, bo = await person("ana"), await person("bo")
    mine = await saved(bo, "SELECT 1 AS n", "Mine", is_public=True)
    private = await saved(ana, "SELECT 2 AS n", "Private")
    theirs = (await history(ana, private))[0]["id"]
    loose = (await ana.run("SELECT 3 AS n"))["id"]

    answers = [
        await bo("GET", f"{mine}/diff?{side}={statement}")
        for statement in (theirs, loose, "stmt_nothing")
        for side in ("before", "after")
    ]

    assert {answer.status for answer in answers} == {404}
    assert len({answer.json["message"] for answer in answers}) == 1
    assert (await ana("GET", f"{mine}/diff?before={theirs}")).status == 404


async def test_A04_the_past_of_a_private_view_is_its_readers_alone(api, person):
    ana, bo = await person("ana"), await person("bo")
    view = await saved(ana, "SELECT 1 AS n", "Secret")
    await edited(ana, view, "SELECT 2 AS n")
    tails = ("history", "versions", "versions/1", "versions/1/diff", "diff", "log")

    assert {(await ana("GET", f"{view}/{tail}")).status for tail in tails} == {200}
    for tail in tails:
        hidden = await bo("GET", f"{view}/{tail}")
        absent = await bo("GET", f"api/views/Nothing1/{tail}")
        assert (hidden.status, hidden.json["message"]) == (404, absent.json["message"])
    assert (await bo("POST", f"{view}/restore", {"version": 1})).status == 404
    await ana("PATCH", view, {"allowed_user_ids": ["bo"]})
    assert {(await bo("GET", f"{view}/{tail}")).status for tail in tails} == {200}


async def test_a_refresh_without_rows_cannot_be_compared_and_says_what_to_do(
    api, views_app, data_folder
):
    file = data_folder / "old.csv"
    file.write_text("n\n0\n")
    view = await saved(api, "SELECT n FROM 'old.csv'", "Old", auto_refresh=False)
    file.write_text("n\n1\n")
    gone = await refreshed(api, view)
    for n in range(2, 14):
        file.write_text(f"n\n{n}\n")
        last = await refreshed(api, view)
    file.unlink()
    failed = await refreshed(api, view)
    store = views_app._parts.store
    now = views_app._services.clock.now()
    store.retention.forget(0, 0, superseded_before=now + SECOND)

    expired = await api("GET", f"{view}/diff?before={gone}")
    never = await api("GET", f"{view}/diff?before={failed}")

    assert (expired.status, expired.json["error"]) == (410, "GONE")
    assert "has_rows" in expired.json["hint"]
    assert (never.status, never.json["error"]) == (400, "STATEMENT_NOT_SUCCESS")
    kept = [entry["id"] for entry in await history(api, view) if entry["has_rows"]]
    assert len(kept) == 11
    assert (gone in kept, last in kept) == (False, True)
    assert store.database.check() == []


async def test_versions_are_listed_newest_first_with_who_and_what(api):
    view = await saved(api, "SELECT 1 AS n", "Versioned", note="the first")
    await edited(api, view, "SELECT 2 AS n", note="better")
    await edited(api, view, "SELECT 3 AS n")

    page = (await api("GET", f"{view}/versions")).json
    second = (await api("GET", f"{view}/versions/2")).json

    assert [each["n"] for each in page["items"]] == [3, 2, 1]
    assert [each["is_current"] for each in page["items"]] == [True, False, False]
    assert (page["total"], page["next_cursor"]) == (3, None)
    assert page["items"][1] == second
    assert (second["sql"], second["note"], second["author"]) == ("SELECT 2 AS n", "better", "local")
    assert second["params"] == {}
    result = await api("GET", f"api/v1/statements/{second['statement_id']}/result")
    assert result.json["rows"] == [[2]]
    part = (await api("GET", f"{view}/versions?limit=2")).json
    assert ([each["n"] for each in part["items"]], part["next_cursor"]) == ([3, 2], "2")
    rest = (await api("GET", f"{view}/versions?limit=2&cursor=2")).json
    assert ([each["n"] for each in rest["items"]], rest["next_cursor"]) == ([1], None)
    for n in ("4", "999999999"):
        answer = await api("GET", f"{view}/versions/{n}")
        assert (answer.status, answer.json["hint"]) == (404, "It has 1 to 3.")
    assert (await api("GET", f"{view}/versions/0")).status == 404
    assert (await api("GET", f"{view}/versions?cursor=0")).status == 422


async def test_the_sql_of_two_versions_is_compared_line_by_line(api):
    view = await saved(api, "SELECT 1 AS a,\n  2 AS b", "Lines of SQL")
    await edited(api, view, "SELECT 1 AS a,\n  3 AS b,\n  4 AS c")

    found = (await api("GET", f"{view}/versions/1/diff")).json
    back = (await api("GET", f"{view}/versions/2/diff?to=1")).json
    same = (await api("GET", f"{view}/versions/2/diff?to=2")).json

    assert (found["before"]["n"], found["after"]["n"]) == (1, 2)
    assert (found["added"], found["removed"]) == (2, 1)
    assert [(line["kind"], line["text"]) for line in found["lines"]] == [
        ("place", "@@ -1,2 +1,3 @@"),
        ("same", "SELECT 1 AS a,"),
        ("removed", "  2 AS b"),
        ("added", "  3 AS b,"),
        ("added", "  4 AS c"),
    ]
    assert (back["added"], back["removed"]) == (1, 2)
    assert same["lines"] == []
    assert (await api("GET", f"{view}/versions/1/diff?to=9")).status == 404
    assert (await api("GET", f"{view}/versions/1/diff?to=x")).status == 422


async def test_a_restored_version_is_a_new_one_with_its_rows_at_once(api):
    view = await saved(api, "SELECT 1 AS n", "Restored")
    await edited(api, view, "SELECT 2 AS n")

    answer = await api("POST", f"{view}/restore", {"version": 1, "note": "it was right"})

    assert answer.status == 201, answer.body
    assert (answer.json["version"], answer.json["sql"]) == (3, "SELECT 1 AS n")
    assert (await api("GET", f"{view}/result")).json["rows"] == [[1]]
    versions = (await api("GET", f"{view}/versions")).json["items"]
    assert [(v["n"], v["sql"], v["note"]) for v in versions] == [
        (3, "SELECT 1 AS n", "it was right"),
        (2, "SELECT 2 AS n", None),
        (1, "SELECT 1 AS n", None),
    ]
    found = (await api("GET", f"{view}/diff")).json
    assert (found["added"], found["removed"]) == (1, 1)
    assert found["rows"][0]["change"] == "removed"


async def test_the_answer_to_a_restore_names_the_refresh_that_it_started(api):
    view = await saved(api, "SELECT 1 AS n", "Restored and refreshed")
    await edited(api, view, "SELECT 2 AS n")

    answer = (await api("POST", f"{view}/restore", {"version": 1})).json

    named = (answer["refresh"] or answer["last_refresh"])["statement_id"]
    ended = await api("GET", f"api/v1/statements/{named}", headers={"Prefer": "wait=30"})
    assert ended.json["status"] == "SUCCESS"
    assert (await api("GET", view)).json["last_refresh"]["statement_id"] == named


async def test_only_the_owner_restores_and_only_what_there_is(api, person):
    ana = await person("ana")
    view = await saved(api, "SELECT 1 AS n", "Owned", is_public=True)
    await edited(api, view, "SELECT 2 AS n")

    refused = await ana("POST", f"{view}/restore", {"version": 1})
    unknown = await api("POST", f"{view}/restore", {"version": 9})
    unnamed = await api("POST", f"{view}/restore", {})

    assert (refused.status, refused.json["error"]) == (403, "FORBIDDEN")
    assert (unknown.status, unknown.json["error"]) == (404, "NOT_FOUND")
    assert (unnamed.status, unnamed.json["details"]["field"]) == (422, "version")
    assert (await api("GET", f"{view}/versions")).json["total"] == 2


async def test_a_restore_that_is_sent_twice_with_one_key_happens_once(api):
    view = await saved(api, "SELECT 1 AS n", "Once")
    await edited(api, view, "SELECT 2 AS n")
    headers = {"Idempotency-Key": "once"}

    first = await api("POST", f"{view}/restore", {"version": 1}, headers=headers)
    again = await api("POST", f"{view}/restore", {"version": 1}, headers=headers)

    assert (first.status, again.status) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json
    assert (await api("GET", f"{view}/versions")).json["total"] == 3


async def test_the_log_says_what_was_noticed_and_done(api, views_app, data_folder):
    file = data_folder / "log.csv"
    file.write_text("n\n1\n")
    view = await saved(api, "SELECT n FROM 'log.csv'", "Logged", auto_refresh=False)
    file.write_text("n\n1\n2\n")
    await refreshed(api, view)
    await first_entry(api, view, "changes")
    view_id = (
        await views_app._services.reading.by_short_id(
            views_app._services.kernel_actor, view.rpartition("/")[2]
        )
    ).id
    for _ in range(3):
        views_app._services.decisions.note(view_id, "changed", "log.csv changed")

    newest, older, *_ = (await api("GET", f"{view}/log")).json["items"]

    assert (newest["kind"], newest["text"], newest["count"]) == ("changed", "log.csv changed", 3)
    assert newest["at"] <= newest["last_at"]
    assert (older["kind"], older["text"]) == ("refreshed", "2 rows, 1 added")


async def test_a_wrong_cursor_limit_or_id_is_refused(api):
    view = await saved(api, "SELECT 1 AS n", "Strict")
    wrong = (
        "history?cursor=x", "history?cursor=99999999999999999999-stmt_x", "history?limit=0",
        "history?limit=101", "diff?limit=1001", "diff?offset=-1", "diff?before=a%20b",
    )  # fmt: skip
    for tail in wrong:
        answer = await api("GET", f"{view}/{tail}")
        assert (answer.status, answer.json["error"]) == (422, "VALIDATION"), tail


async def test_equal_rows_cost_no_comparison_and_many_rows_get_none(api, views_app):
    service = views_app._services.history
    view = await saved(api, "SELECT range AS id FROM range(3)", "Counted")
    other = await saved(api, "SELECT range AS id, 'x' AS word FROM range(4)", "Reshaped")
    rows = [
        (
            await views_app._services.statements.result(
                views_app._services.kernel_actor, (await history(api, each))[0]["id"]
            )
        )[1]
        for each in (view, other)
    ]
    before, after = rows
    from msgspec.structs import replace

    async def between(older, newer, key=None):
        return await service.changes_between(older, newer, key)

    lost = replace(before, sha256="0" * 64)
    assert await between(lost, lost) == Changes(added=0, removed=0, changed=0)
    assert await between(before, after) == Changes(added=1, removed=0, changed=3)
    assert await between(before, replace(after, row_count=2_000_001)) is None
    assert await between(before, lost) is None
    assert await between(before, after, ("word",)) is None


async def test_equal_questions_at_once_are_one_comparison(api, data_folder, views_app):
    file = data_folder / "many.csv"
    file.write_text("id\n" + "\n".join(map(str, range(1000))))
    view = await saved(api, "SELECT * FROM 'many.csv'", "Many", auto_refresh=False)
    file.write_text("id\n" + "\n".join(map(str, range(2000))))
    await refreshed(api, view)

    answers = await asyncio.gather(*(api("GET", f"{view}/diff") for _ in range(8)))

    assert len({answer.body for answer in answers}) == 1
    assert json.loads(answers[0].body)["added"] == 1000
    assert views_app._services.history._comparing == {}
