"""A view may read another: its rows, its freshness, its failures, and no way round in a circle."""

from __future__ import annotations

import asyncio

PERSPECTIVES = "api/v1/perspectives"
STATEMENTS = "api/v1/statements"


async def rows(call, slug: str) -> list:
    answer = await call("GET", f"{PERSPECTIVES}/{slug}/result")
    assert answer.status == 200, answer.body
    return answer.json["rows"]


async def detail(call, slug: str) -> dict:
    answer = await call("GET", f"{PERSPECTIVES}/{slug}")
    assert answer.status == 200, answer.body
    return answer.json


async def refreshed(call, slug: str) -> dict:
    """Refresh a view and return the statement when it has ended."""
    answer = await call("POST", f"{PERSPECTIVES}/{slug}/refresh")
    assert answer.status == 202, answer.body
    path = f"{STATEMENTS}/{answer.json['id']}"
    return (await call("GET", path, headers={"Prefer": "wait=50"})).json


async def runs_of(call, short_id: str) -> int:
    history = await call("GET", f"api/views/{short_id}/history")
    assert history.status == 200, history.body
    return sum(item["count"] for item in history.json["items"])


async def test_a_view_reads_the_current_rows_of_another(api):
    await api.save("SELECT range AS n FROM range(5)", "Numbers")
    await api.save('SELECT sum(n)::BIGINT AS s FROM views."numbers"', "Sum")

    assert await rows(api, "sum") == [[10]]
    assert (await detail(api, "sum"))["is_stale"] is False


async def test_types_survive_from_view_to_view(api):
    sql = """SELECT 1.50::DECIMAL(9,2) AS d, TIMESTAMPTZ '2024-01-02 03:04:05+00' AS t,
    [1, 2] AS l, {'a': 'x'} AS s, MAP {'k': 1} AS m,
    NULL::DATE AS n, 'é' AS v"""
    await api.save(sql, "Kinds")
    await api.save('SELECT * FROM views."kinds"', "Again")

    first = (await api("GET", f"{PERSPECTIVES}/kinds/result")).json
    again = (await api("GET", f"{PERSPECTIVES}/again/result")).json

    assert again["rows"] == first["rows"]
    assert again["types"] == first["types"]


async def test_new_rows_upstream_make_the_view_stale_and_say_which(api, data_folder):
    (data_folder / "a.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'a.csv'", "Base", auto_refresh=False)
    await api.save('SELECT sum(n)::BIGINT AS s FROM views."base"', "Top", auto_refresh=False)
    (data_folder / "a.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)

    top = await detail(api, "top")

    assert (top["is_stale"], top["stale_reason"]) == (True, "upstream_view")
    assert top["stale_sources"] == ["base"]


async def test_refreshing_the_top_refreshes_its_branch_first_and_nothing_beside_it(
    api, data_folder
):
    (data_folder / "a.csv").write_text("n\n1\n")
    (data_folder / "b.csv").write_text("n\n1\n")
    off = {"auto_refresh": False}
    base = await api.save("SELECT n FROM 'a.csv'", "Base", **off)
    beside = await api.save("SELECT n FROM 'b.csv'", "Beside", **off)
    await api.save('SELECT n * 10 AS n FROM views."base"', "Middle", **off)
    await api.save('SELECT sum(n)::BIGINT AS s FROM views."middle"', "Top", **off)
    (data_folder / "a.csv").write_text("n\n1\n2\n")
    (data_folder / "b.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)

    ended = await refreshed(api, "top")

    assert ended["status"] == "SUCCESS", ended
    assert await rows(api, "top") == [[30]]
    assert (await detail(api, "middle"))["is_stale"] is False
    assert (await detail(api, "beside"))["is_stale"] is True
    assert await runs_of(api, base["short_id"]) == 2
    assert await runs_of(api, beside["short_id"]) == 1


async def test_a_failed_upstream_is_said_downstream_and_the_old_rows_stay(api, data_folder):
    (data_folder / "a.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'a.csv'", "Base", auto_refresh=False)
    await api.save('SELECT sum(n)::BIGINT AS s FROM views."base"', "Top", auto_refresh=False)
    (data_folder / "a.csv").unlink()
    await asyncio.sleep(1.1)

    ended = await refreshed(api, "top")

    assert ended["status"] == "FAILED"
    assert ended["error"]["code"] == "UPSTREAM_FAILED"
    assert "a.csv" in ended["error"]["message"]
    assert await rows(api, "top") == [[1]]
    assert (await detail(api, "top"))["is_stale"] is True


async def test_equal_rows_upstream_leave_the_view_fresh(api, data_folder):
    (data_folder / "a.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'a.csv'", "Base", auto_refresh=False)
    await api.save('SELECT sum(n)::BIGINT AS s FROM views."base"', "Top", auto_refresh=False)
    (data_folder / "a.csv").write_text("n,m\n1,2\n")
    await refreshed(api, "base")
    await asyncio.sleep(1.1)

    assert (await detail(api, "top"))["is_stale"] is False


async def test_a_view_cannot_be_made_to_read_itself(api):
    await api.save("SELECT 1 AS n", "A")
    itself = await api.run('SELECT n FROM views."a"')

    answer = await api("PUT", f"{PERSPECTIVES}/a", {"statement_id": itself["id"]})

    assert (answer.status, answer.json["error"]) == (422, "CYCLE")
    assert "a → a" in answer.json["message"]
    assert (await detail(api, "a"))["sql_query"] == "SELECT 1 AS n"


async def test_a_circle_through_others_is_refused_when_saved_and_named(api):
    await api.save("SELECT 1 AS n", "A")
    await api.save('SELECT n FROM views."a"', "B")
    await api.save('SELECT n FROM views."b"', "C")
    back = await api.run('SELECT n FROM views."c"')

    answer = await api("PUT", f"{PERSPECTIVES}/a", {"statement_id": back["id"]})

    assert (answer.status, answer.json["error"]) == (422, "CYCLE")
    assert "a → c → b → a" in answer.json["message"]
    assert (await detail(api, "a"))["version"] == 1


async def test_two_changes_at_once_cannot_close_a_circle(api):
    await api.save("SELECT 1 AS n", "A")
    await api.save("SELECT 2 AS n", "B")
    reads_b = await api.run('SELECT n FROM views."b"')
    reads_a = await api.run('SELECT n FROM views."a"')

    answers = await asyncio.gather(
        api("PUT", f"{PERSPECTIVES}/a", {"statement_id": reads_b["id"]}),
        api("PUT", f"{PERSPECTIVES}/b", {"statement_id": reads_a["id"]}),
    )

    assert sorted(answer.status for answer in answers) == [201, 422]


async def test_an_unknown_view_is_named_with_what_to_do(api):
    answer = await api("POST", STATEMENTS, {"sql": 'SELECT * FROM views."nowhere"'})

    assert answer.status == 404
    assert "nowhere" in answer.json["message"]
    assert answer.json["hint"]


async def test_a_private_view_is_as_unknown_as_an_absent_one(api, person):
    ana = await person("ana")
    await api.save("SELECT 1 AS n", "Secret")

    private = await ana("POST", STATEMENTS, {"sql": 'SELECT * FROM views."secret"'})
    absent = await ana("POST", STATEMENTS, {"sql": 'SELECT * FROM views."absent"'})

    assert private.status == absent.status == 404
    assert private.json["message"].replace("secret", "absent") == absent.json["message"]


async def test_a_key_without_the_scope_of_perspectives_reads_no_view_through_sql(api, person):
    ana = await person("ana", "statement:write")
    await api.save("SELECT 1 AS n", "Open", is_public=True)

    answer = await ana("POST", STATEMENTS, {"sql": 'SELECT * FROM views."open"'})

    assert answer.status == 403
    assert answer.json["details"]["missing_scope"] == "perspective:read"


async def test_rows_cached_from_a_deleted_view_are_not_given_to_readers_of_its_namesake(
    api, person
):
    ana = await person("ana")
    await api.save("SELECT 'mine' AS word", "Note")
    sql = 'SELECT word FROM views."note"'
    await api.run(sql)
    assert (await api("DELETE", f"{PERSPECTIVES}/note")).status == 204
    await ana.save("SELECT 'hers' AS word", "Note")

    cached = await ana.run(sql, max_age=-1)

    found = await ana("GET", f"{STATEMENTS}/{cached['id']}/result")
    assert found.json["rows"] == [["hers"]]


async def test_a_deleted_upstream_is_said_and_the_rows_stay(api):
    await api.save("SELECT 1 AS n", "Base")
    await api.save('SELECT n FROM views."base"', "Top", auto_refresh=False)
    assert (await api("DELETE", f"{PERSPECTIVES}/base")).status == 204
    await asyncio.sleep(1.1)

    top = await detail(api, "top")

    assert (top["stale_reason"], top["stale_sources"]) == ("upstream_view", ["base"])
    assert await rows(api, "top") == [[1]]
    refresh = await api("POST", f"{PERSPECTIVES}/top/refresh")
    assert refresh.status == 404
    assert "base" in refresh.json["message"]
