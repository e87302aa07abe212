"""Two things at once: what both callers get, and what is there afterwards."""

from __future__ import annotations

import asyncio

import pytest

STATEMENTS = "api/v1/statements"
PERSPECTIVES = "api/v1/perspectives"
# Quick while its file has one row, some seconds of work when it has many.
BY_SIZE = (
    "SELECT sum(a.range * s.n % 7)::BIGINT AS c, max(s.n) AS n FROM 'size.csv' s, range(400000) a"
)
ENDLESS = "SELECT count(*) FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"


@pytest.fixture
def size(data_folder):
    """Set how much work BY_SIZE is; returns the greatest ``n`` that it gives then."""

    def write(rows: int) -> int:
        lines = "".join(f"{n}\n" for n in range(1, rows + 1))
        (data_folder / "size.csv").write_text(f"n\n{lines}")
        return rows

    return write


async def ended(call, statement_id: str) -> dict:
    answer = await call("GET", f"{STATEMENTS}/{statement_id}", headers={"Prefer": "wait=50"})
    assert answer.json["status"] in {"SUCCESS", "FAILED", "CANCELED"}, answer.json
    return answer.json


async def under_way(call, statement_id: str) -> None:
    """Return once a statement runs."""
    for _ in range(200):
        status = (await call("GET", f"{STATEMENTS}/{statement_id}")).json["status"]
        if status == "RUNNING":
            return
        assert status == "QUEUED", status
        await asyncio.sleep(0.02)
    raise AssertionError(status)


async def newest(call) -> str:
    """The id of the newest statement, once there is one."""
    for _ in range(200):
        if items := (await call("GET", STATEMENTS)).json["items"]:
            return items[0]["id"]
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was submitted")


async def greatest(call, slug: str) -> int:
    answer = await call("GET", f"{PERSPECTIVES}/{slug}/result?columns=n")
    assert answer.status == 200
    return answer.json["rows"][0][0]


async def test_eight_changes_of_different_fields_at_once_all_hold(api):
    await api.save("SELECT 1 AS n", "Old", slug="many", tags=["old"])
    other = await api.run("SELECT 2 AS n")
    path = f"{PERSPECTIVES}/many"
    changes = [
        {"name": "New"},
        {"description": "said"},
        {"tags": ["a", "b"]},
        {"is_public": True},
        {"auto_refresh": False},
        {"allowed_user_ids": ["ana"]},
        {"statement_id": other["id"]},
        {"slug": "many"},
    ]

    answers = await asyncio.gather(*(api("PUT", path, change) for change in changes))

    assert [answer.status for answer in answers] == [201] * 8, [a.body for a in answers]
    view = (await api("GET", path)).json
    for change in changes[:6]:
        for name, value in change.items():
            assert view[name] == value, name
    assert (view["version"], view["request_id"]) == (2, other["id"])
    assert await greatest(api, "many") == 2


async def test_of_eight_conditional_changes_at_once_one_holds(api):
    await api.save("SELECT 1", "Once")
    path = f"{PERSPECTIVES}/once"
    tag = (await api("GET", path)).headers["Etag"]

    answers = await asyncio.gather(
        *(api("PUT", path, {"name": f"n{n}"}, headers={"If-Match": tag}) for n in range(8))
    )

    assert sorted(answer.status for answer in answers) == [201] + [412] * 7
    (winner,) = [answer for answer in answers if answer.status == 201]
    assert (await api("GET", path)).json["name"] == winner.json["name"]


async def test_a_new_definition_outlives_the_old_ones_running_refresh(api, size, views_app):
    size(1)
    await api.save(BY_SIZE, "Moved")
    new = await api.run("SELECT 12345 AS n")
    size(1500)
    refresh = (await api("POST", f"{PERSPECTIVES}/moved/refresh")).json
    await under_way(api, refresh["id"])

    changed = await api("PUT", f"{PERSPECTIVES}/moved", {"statement_id": new["id"]})
    assert changed.status == 201
    assert changed.json["refresh"] is None
    assert await greatest(api, "moved") == 12345
    await ended(api, refresh["id"])
    await asyncio.sleep(0.2)

    view = (await api("GET", f"{PERSPECTIVES}/moved")).json
    assert (view["version"], view["sql_query"]) == (2, "SELECT 12345 AS n")
    assert (view["request_id"], view["status"]) == (new["id"], "fresh")
    assert await greatest(api, "moved") == 12345
    assert views_app._parts.store.database.check() == []


async def test_a_refresh_of_the_new_definition_does_not_join_the_old_ones(api, size):
    size(1)
    await api.save(BY_SIZE, "Joined")
    new = await api.run("SELECT 12345 AS n")
    size(1500)
    old = (await api("POST", f"{PERSPECTIVES}/joined/refresh")).json
    await under_way(api, old["id"])
    await api("PUT", f"{PERSPECTIVES}/joined", {"statement_id": new["id"]})

    refresh = (await api("POST", f"{PERSPECTIVES}/joined/refresh")).json

    assert refresh["id"] != old["id"]
    assert refresh["sql"] == "SELECT 12345 AS n"
    assert (await ended(api, refresh["id"]))["status"] == "SUCCESS"
    await ended(api, old["id"])
    assert (await api("GET", f"{PERSPECTIVES}/joined")).json["request_id"] == refresh["id"]
    assert await greatest(api, "joined") == 12345


async def test_a_new_view_of_a_freed_slug_is_not_touched_by_the_old_ones_refresh(api, size):
    size(1)
    old = await api.save(BY_SIZE, "Reborn")
    other = await api.run("SELECT 777 AS n")
    size(800)
    refresh = (await api("POST", f"{PERSPECTIVES}/reborn/refresh")).json
    await under_way(api, refresh["id"])
    await api("DELETE", f"{PERSPECTIVES}/reborn")

    body = {"name": "Reborn", "statement_id": other["id"]}
    made = await api("POST", PERSPECTIVES, body)
    await ended(api, refresh["id"])
    await asyncio.sleep(0.2)

    assert (made.status, made.json["slug"]) == (201, "reborn")
    view = (await api("GET", f"{PERSPECTIVES}/reborn")).json
    assert view["id"] == made.json["id"] != old["id"]
    assert view["request_id"] == other["id"]
    assert await greatest(api, "reborn") == 777


async def test_new_words_do_not_disturb_a_running_refresh(api, size):
    size(1)
    await api.save(BY_SIZE, "Renamed")
    rows = size(800)
    refresh = (await api("POST", f"{PERSPECTIVES}/renamed/refresh")).json
    await under_way(api, refresh["id"])

    changed = await api("PUT", f"{PERSPECTIVES}/renamed", {"name": "New words"})

    assert changed.status == 201
    assert changed.json["refresh"]["statement_id"] == refresh["id"]
    assert (await ended(api, refresh["id"]))["status"] == "SUCCESS"
    assert await greatest(api, "renamed") == rows
    assert (await api("GET", f"{PERSPECTIVES}/renamed")).json["name"] == "New words"


async def test_a_view_deleted_during_its_refresh_is_gone_for_good(api, size, views_app):
    size(1)
    await api.save(BY_SIZE, "Doomed")
    size(800)
    refresh = (await api("POST", f"{PERSPECTIVES}/doomed/refresh")).json
    await under_way(api, refresh["id"])

    deleted = await api("DELETE", f"{PERSPECTIVES}/doomed")

    assert deleted.status == 204
    assert (await api("GET", f"{PERSPECTIVES}/doomed")).status == 404
    assert views_app._parts.store.database.check() == []
    assert (await ended(api, refresh["id"]))["status"] in {"SUCCESS", "CANCELED"}
    await asyncio.sleep(0.2)
    for verb, tail in (("GET", ""), ("GET", "/result"), ("POST", "/refresh"), ("DELETE", "")):
        assert (await api(verb, f"{PERSPECTIVES}/doomed{tail}")).status == 404, (verb, tail)
    assert (await api("GET", "api/views")).json["items"] == []
    assert views_app._parts.store.database.check() == []
    assert (await api.save("SELECT 5 AS n", "Doomed"))["version"] == 1
    assert await greatest(api, "doomed") == 5


async def test_eight_deletes_at_once_end_in_one_deletion_and_no_fault(api, views_app):
    await api.save("SELECT 1", "Gone")

    answers = await asyncio.gather(*(api("DELETE", f"{PERSPECTIVES}/gone") for _ in range(8)))

    assert {answer.status for answer in answers} <= {204, 404}
    assert 204 in {answer.status for answer in answers}
    assert (await api("GET", f"{PERSPECTIVES}/gone")).status == 404
    assert views_app._parts.store.database.check() == []


async def test_changes_and_a_deletion_at_once_leave_nothing_half_done(api, views_app):
    await api.save("SELECT 1", "Torn")
    path = f"{PERSPECTIVES}/torn"

    answers = await asyncio.gather(
        *(api("PUT", path, {"name": f"n{n}", "allowed_user_ids": [f"p{n}"]}) for n in range(3)),
        api("DELETE", path),
        *(api("PUT", path, {"tags": [f"t{n}"]}) for n in range(3)),
    )

    assert answers[3].status == 204
    assert {answer.status for answer in answers} <= {201, 204, 404}
    assert (await api("GET", path)).status == 404
    assert views_app._parts.store.database.check() == []


async def test_eight_creates_of_one_slug_that_may_be_suffixed_all_succeed(api):
    statement = await api.run("SELECT 1")
    body = {"name": "Same name", "statement_id": statement["id"]}
    path = f"{PERSPECTIVES}?on_conflict=suffix"

    answers = await asyncio.gather(*(api("POST", path, body) for _ in range(8)))

    assert [answer.status for answer in answers] == [201] * 8, [a.body for a in answers]
    slugs = {answer.json["slug"] for answer in answers}
    assert len(slugs) == 8
    assert "same-name" in slugs
    assert all(slug.startswith("same-name") for slug in slugs)
    for slug in slugs:
        assert (await api("GET", f"{PERSPECTIVES}/{slug}")).status == 200


async def test_a_repeated_request_is_told_while_the_first_one_runs(api):
    headers = {"Idempotency-Key": "flight", "Prefer": "wait=50"}
    first = asyncio.create_task(api("POST", STATEMENTS, {"sql": ENDLESS}, headers=headers))
    statement_id = await newest(api)

    again = await api("POST", STATEMENTS, {"sql": ENDLESS}, headers=headers)
    other = await api("POST", STATEMENTS, {"sql": "SELECT 1"}, headers=headers)
    assert (again.status, again.json["error"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
    assert other.status == 422
    assert other.json["details"]["field"] == "Idempotency-Key"
    await api("POST", f"{STATEMENTS}/{statement_id}/cancel")
    answered = await first
    replayed = await api("POST", STATEMENTS, {"sql": ENDLESS}, headers=headers)

    assert (answered.status, answered.json["status"]) == (200, "CANCELED")
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.json == answered.json
    assert len((await api("GET", STATEMENTS)).json["items"]) == 1


async def test_eight_equal_requests_with_one_key_do_one_deed(api):
    statement = await api.run("SELECT 1")
    body = {"name": "Deed", "statement_id": statement["id"]}
    headers = {"Idempotency-Key": "deed"}

    answers = await asyncio.gather(
        *(api("POST", PERSPECTIVES, body, headers=headers) for _ in range(8))
    )

    assert {answer.status for answer in answers} <= {201, 409}
    made = {answer.json["id"] for answer in answers if answer.status == 201}
    refused = {answer.json["error"] for answer in answers if answer.status == 409}
    assert len(made) == 1
    assert refused <= {"IDEMPOTENCY_IN_FLIGHT"}
    assert (await api("GET", PERSPECTIVES)).json["pagination"]["total"] == 1


async def test_a_key_whose_first_try_failed_may_be_used_again(api):
    submitted = (await api("POST", STATEMENTS, {"sql": ENDLESS})).json
    body = {"name": "Again", "statement_id": submitted["id"]}
    headers = {"Idempotency-Key": "retry"}
    too_soon = await api("POST", PERSPECTIVES, body, headers=headers)
    assert (too_soon.status, too_soon.json["error"]) == (400, "STATEMENT_NOT_SUCCESS")
    await api("POST", f"{STATEMENTS}/{submitted['id']}/cancel")
    done = await api.run("SELECT 1 AS n")

    mended = body | {"statement_id": done["id"]}
    second = await api("POST", PERSPECTIVES, mended, headers=headers)
    third = await api("POST", PERSPECTIVES, mended, headers=headers)

    assert (second.status, third.status) == (201, 201)
    assert "Idempotency-Replayed" not in second.headers
    assert third.headers["Idempotency-Replayed"] == "true"
    assert third.headers["Location"] == second.headers["Location"]


async def test_one_key_of_two_people_or_of_two_routes_is_two_keys(person):
    ana, ben = await person("ana"), await person("ben")
    headers = {"Idempotency-Key": "same", "Prefer": "wait=30"}

    of_ana = await ana("POST", STATEMENTS, {"sql": "SELECT 1"}, headers=headers)
    of_ben = await ben("POST", STATEMENTS, {"sql": "SELECT 2"}, headers=headers)
    body = {"name": "Keyed", "statement_id": of_ana.json["id"]}
    elsewhere = await ana("POST", PERSPECTIVES, body, headers=headers)

    assert [a.status for a in (of_ana, of_ben, elsewhere)] == [200, 200, 201]
    assert of_ana.json["id"] != of_ben.json["id"]
    assert "Idempotency-Replayed" not in of_ben.headers


async def test_a_canceled_automatic_refresh_is_not_started_again_by_the_next_read(api, size):
    size(1)
    await api.save(BY_SIZE, "Stopped")
    path = f"{PERSPECTIVES}/stopped"
    rows = size(2500)
    await asyncio.sleep(1.2)
    read = await api("GET", f"{path}/result?columns=n")
    refresh = read.headers["X-Refresh-Statement-Id"]
    await under_way(api, refresh)

    canceled = await api("POST", f"{STATEMENTS}/{refresh}/cancel")
    assert canceled.json["status"] == "CANCELED"
    for _ in range(3):
        again = await api("GET", f"{path}/result?columns=n")
        assert (again.status, again.json["rows"]) == (200, [[1]])
        assert again.headers["Is-Stale"] == "true"
        assert "X-Refresh-Statement-Id" not in again.headers
    view = (await api("GET", path)).json
    assert (view["status"], view["refresh"]) == ("stale", None)
    assert view["last_refresh"]["status"] == "CANCELED"

    forced = await api("GET", f"{path}?refresh=true")
    wanted = forced.headers["X-Refresh-Statement-Id"]
    assert wanted != refresh
    assert (await ended(api, wanted))["status"] == "SUCCESS"
    assert await greatest(api, "stopped") == rows


async def test_readers_of_a_refreshing_view_are_told_of_one_and_the_same_run(api, size):
    size(1)
    await api.save(BY_SIZE, "Busy")
    rows = size(800)
    refresh = (await api("POST", f"{PERSPECTIVES}/busy/refresh")).json["id"]

    answers = await asyncio.gather(
        *(api("GET", f"{PERSPECTIVES}/busy/result?columns=n&refresh=true") for _ in range(4)),
        *(api("GET", f"{PERSPECTIVES}/busy/result?columns=n") for _ in range(4)),
        *(api("POST", f"{PERSPECTIVES}/busy/refresh") for _ in range(4)),
    )

    named = {a.headers.get("X-Refresh-Statement-Id") for a in answers[:8]}
    assert named | {a.json["id"] for a in answers[8:]} == {refresh}
    assert {a.status for a in answers[:8]} == {200}
    await ended(api, refresh)
    assert await greatest(api, "busy") == rows
    assert len((await api("GET", STATEMENTS)).json["items"]) == 2


async def test_a_reader_sees_the_end_of_a_refresh_that_ended_since_the_view_was_found(
    api, views_app, size
):
    size(1)
    short_id = (await api.save(BY_SIZE, "Torn", auto_refresh=False))["short_id"]
    size(20)
    refresh = (await api("POST", f"api/views/{short_id}/refresh")).json["id"]
    reading, actor = views_app._services.reading, views_app._services.kernel_actor
    found = await reading.by_short_id(actor, short_id)
    assert found.refreshing.id == refresh
    await ended(api, refresh)

    met = await reading.read(actor, found)

    assert met.status == "fresh"
    assert (met.view.current.id, met.view.last_refresh.statement_id) == (refresh, refresh)
