"""Rows of endpoints that are kept ready: built by themselves, served without a look, honest."""

from __future__ import annotations

import asyncio

import pytest
from fault.own_clock import DAY, HOUR, OwnClock, until

ENDPOINTS = "api/projects/1/endpoints"
STOCK = "SELECT sum(n)::BIGINT AS s FROM 'stock.csv'"
SLOW = "SELECT count(*) AS n FROM range(12000) a, range(12000) b WHERE a.range <> b.range"


@pytest.fixture(autouse=True)
def clock(jp_serverapp):
    """Slow by days, so that no leap ends in a future that the files do not know."""
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_views"]
    app.clock = OwnClock(-5 * DAY)
    return app.clock


class Scene:
    """One endpoint, as its owner and its callers meet it."""

    def __init__(self, api, folder, app) -> None:
        self.api, self.file, self._app = api, folder / "stock.csv", app

    async def make(self, sql=STOCK, name="stock", **more) -> dict:
        query = {"kind": "HogQLQuery", "query": sql}
        query |= {name: more.pop(name) for name in ("parameters", "values") if name in more}
        self.write(1)
        body = {"name": name, "query": query, "is_materialized": True, **more}
        answer = await self.api("POST", ENDPOINTS, body)
        assert answer.status == 201, answer.body
        return answer.json

    def write(self, *numbers: int) -> None:
        self.file.write_text("\n".join(["n", *map(str, numbers), ""]))

    async def change(self, name="stock", **body) -> dict:
        answer = await self.api("PATCH", f"{ENDPOINTS}/{name}", body)
        assert answer.status == 200, answer.body
        return answer.json

    async def stands(self, name="stock") -> dict:
        return (await self.api("GET", f"{ENDPOINTS}/{name}/materialization_status")).json

    async def until_status(self, status: str, name="stock", after: str | None = None) -> dict:
        """How it stands as soon as it is this, of a build later than ``after``."""

        async def is_there():
            found = await self.stands(name)
            at = found["last_materialized_at"]
            is_later = after is None or (at is not None and at > after)
            return found if found["status"] == status and is_later else None

        return await until(is_there)

    async def run(self, name="stock", **body):
        return await self.api("POST", f"{ENDPOINTS}/{name}/run", body)

    async def told(self, name="stock", **body) -> tuple:
        """Rows of a run, whether from those that are kept, and why not."""
        answer = (await self.run(name, **body)).json
        return answer["results"], answer["_materialized"], answer["materialization_reason"]

    async def ring(self) -> None:
        """Have the scheduler look, as any change of a view does."""
        query = {"kind": "HogQLQuery", "query": "SELECT 0"}
        body = {"name": f"bell{self._app.clock.now()}", "query": query}
        assert (await self.api("POST", ENDPOINTS, body)).status == 201

    async def restart(self) -> None:
        await self._app.stop_extension()
        await self._app.serverapp.extension_manager.start_all_extensions()
        await self._app.opened()

    async def seen(self, short_id: str) -> dict:
        return (await self.api("GET", f"api/views/{short_id}")).json


@pytest.fixture
def scene(api, data_folder, views_app):
    return Scene(api, data_folder, views_app)


async def test_it_is_built_though_nobody_asks_and_served_without_a_look_at_its_sources(scene):
    made = await scene.make()
    assert (made["is_materialized"], made["sync_frequency"]) == (True, "24hour")

    built = await scene.until_status("Completed")

    assert set(built) == {
        "name", "can_materialize", "reason", "status", "last_materialized_at", "error",
        "sync_frequency",
    }  # fmt: skip
    assert (built["name"], built["can_materialize"], built["reason"]) == ("stock", True, None)
    assert (built["error"], built["sync_frequency"]) == (None, "24hour")
    endpoint = (await scene.api("GET", f"{ENDPOINTS}/stock")).json
    del built["name"]
    assert endpoint["materialization"] == built

    scene.write(1, 2)
    answer = (await scene.run()).json

    assert answer["results"] == [[1]]
    assert (answer["is_cached"], answer["query_status"]) == (True, None)
    assert answer["_materialized"] is answer["endpoint_materialized"] is True
    at = built["last_materialized_at"]
    assert answer["_materialized_at"] == answer["endpoint_materialized_at"] == at
    assert answer["computed_at"] == answer["last_refresh"] == at
    assert answer["materialization_reason"] is None
    assert (answer["execution_path"], answer["execution_path_reason"]) == (
        "materialized",
        "table_current",
    )
    lines = (await scene.api("GET", f"{ENDPOINTS}/stock/logs")).json["results"]
    assert "path=materialized" in lines[0]["message"]
    for refresh in ("async", "lazy_async", "force_cache", "cache"):
        assert await scene.told(refresh=refresh) == ([[1]], True, None)


async def test_what_is_not_served_from_the_table_says_why(scene):
    region = {"name": "region", "type": "enum", "options": ["EU", "US"], "defaultValue": "EU"}
    day = {"name": "day", "type": "date-picker", "defaultValue": "2024-01-31"}
    sql = "SELECT sum(n)::BIGINT AS s, {{region}} AS r, {{day}}::VARCHAR AS d FROM 'stock.csv'"
    await scene.make(sql, parameters=[region, day])
    await scene.until_status("Completed")
    scene.write(1, 2)
    old, new = [[1, "EU", "2024-01-31"]], [[3, "EU", "2024-01-31"]]

    # Its own values, written otherwise, are its own.
    assert await scene.told(variables={"region": "EU"}) == (old, True, None)
    us = [[3, "US", "2024-01-31"]]
    assert await scene.told(variables={"region": "US"}) == (us, False, "other values")
    again = (await scene.run(variables={"region": "US"})).json
    assert (again["is_cached"], again["results"]) == (True, us)
    assert await scene.told(version=1) == (old, True, None)
    for refresh in ("force_blocking", "force", "direct"):
        assert await scene.told(refresh=refresh) == (new, False, "forced")
    # What was forced is the newest build.
    assert await scene.told() == (new, True, None)


async def test_todays_rows_are_not_yesterdays(scene, clock):
    day = {"name": "day", "type": "date-picker", "defaultValue": "today"}
    await scene.make("SELECT {{day}}::VARCHAR AS d", parameters=[day], sync_frequency="7day")
    await scene.until_status("Completed")
    ((before,),), is_kept, _ = await scene.told()
    assert is_kept

    clock.let_pass(DAY)
    ((after,),), is_kept, reason = await scene.told()

    assert after > before
    assert (is_kept, reason) == (False, "its default values mean another day by now")
    assert await scene.told() == ([[after]], True, None)


async def test_another_query_keeps_the_frequency_is_built_by_itself_and_the_old_one_stays(scene):
    await scene.make(sync_frequency="1hour")
    first = await scene.until_status("Completed")

    changed = await scene.change(query={"kind": "HogQLQuery", "query": SLOW})

    assert (changed["current_version"], changed["sync_frequency"]) == (2, "1hour")
    assert changed["materialization"]["last_materialized_at"] is None
    rows, is_kept, reason = await scene.told()
    assert (rows, is_kept, reason) == ([[143988000]], False, "being built")
    await scene.until_status("Completed", after=first["last_materialized_at"])
    assert await scene.told() == (rows, True, None)
    # The rows of the old one are stored still.
    pinned = (await scene.run(version=1, refresh="force_cache")).json
    assert (pinned["results"], pinned["endpoint_version"]) == ([[1]], 1)
    assert (pinned["_materialized"], pinned["materialization_reason"]) == (False, "version pinned")


@pytest.mark.parametrize("change", [{"is_materialized": False}, {"is_active": False}])
async def test_its_schedule_ends_or_rests(scene, clock, change):
    made = await scene.make(sync_frequency="1hour")
    built = await scene.until_status("Completed")

    changed = await scene.change(**change)

    is_resting = "is_active" in change
    assert changed["is_materialized"] is is_resting
    assert changed["sync_frequency"] == ("1hour" if is_resting else None)
    view = await scene.seen(made["short_id"])
    assert (view["schedule"], view["next_refresh_at"]) == (None, None)
    clock.let_pass(3 * HOUR)
    await scene.ring()
    if is_resting:
        assert (await scene.run()).status == 404
        again = await scene.change(is_active=True)
        assert (again["is_materialized"], again["sync_frequency"]) == (True, "1hour")
        await scene.until_status("Completed", after=built["last_materialized_at"])
        assert (await scene.seen(made["short_id"]))["schedule"] == "1h"
    else:
        # An ordinary cached result: its sources are looked at, and have not changed.
        answer = (await scene.run()).json
        assert answer["is_cached"]
        assert answer["computed_at"] == built["last_materialized_at"]
        assert "_materialized" not in answer
        assert changed["materialization"] == {"can_materialize": True, "reason": None}


async def test_a_door_that_closes_takes_the_schedule_and_leaves_the_view(scene):
    view = await scene.api.save("SELECT 1 AS n", "Kept")
    path = f"api/views/{view['short_id']}"
    assert (await scene.api("POST", f"{path}/doors/endpoint", {"name": "kept"})).status == 200
    await scene.change("kept", is_materialized=True)
    await scene.until_status("Completed", "kept")
    assert (await scene.seen(view["short_id"]))["schedule"] == "24h"

    assert (await scene.api("DELETE", f"{ENDPOINTS}/kept")).status == 204

    left = await scene.seen(view["short_id"])
    assert (left["doors"], left["schedule"], left["next_refresh_at"]) == (
        ["perspective"],
        None,
        None,
    )


async def test_what_cannot_be_kept_ready_is_refused_with_the_reason(scene):
    region = {"name": "region", "type": "text"}
    asked = {"kind": "HogQLQuery", "query": "SELECT {{region}} AS r", "parameters": [region]}
    reason = "No default value for region."
    body = {"name": "asked", "query": asked, "is_materialized": True}

    refused = await scene.api("POST", ENDPOINTS, body)

    assert (refused.status, refused.json["attr"]) == (400, "is_materialized")
    assert refused.json["detail"] == f"Cannot materialize endpoint: {reason}"
    made = await scene.api("POST", ENDPOINTS, body | {"is_materialized": False})
    assert made.json["materialization"] == {"can_materialize": False, "reason": reason}
    again = await scene.api("PATCH", f"{ENDPOINTS}/asked", {"is_materialized": True})
    assert (again.status, again.json["detail"]) == (400, refused.json["detail"])
    assert (await scene.api("GET", f"{ENDPOINTS}/asked")).json["is_materialized"] is False

    # With a default value it can; another query that has none ends it.
    region["defaultValue"] = "EU"
    kept = await scene.change("asked", query=asked, is_materialized=True)
    assert (kept["current_version"], kept["is_materialized"]) == (2, True)
    await scene.until_status("Completed", "asked")
    del region["defaultValue"]
    ended = await scene.change("asked", query=asked)
    assert (ended["is_materialized"], ended["sync_frequency"]) == (False, None)
    assert ended["materialization"] == {"can_materialize": False, "reason": reason}


async def test_the_schedule_builds_it_anew_across_a_restart(scene, clock):
    await scene.make(sync_frequency="1hour")
    built = await scene.until_status("Completed")
    scene.write(1, 2)
    clock.let_pass(HOUR / 2)
    await scene.ring()
    assert await scene.told() == ([[1]], True, None)

    await scene.restart()
    clock.let_pass(HOUR)
    # Too old by now, and nobody has looked for what is due: the caller waits for new rows.
    assert await scene.told() == ([[3]], False, "older than its schedule")
    inline = await scene.until_status("Completed", after=built["last_materialized_at"])

    scene.write(1, 2, 3)
    clock.let_pass(2 * HOUR)
    await scene.ring()
    await scene.until_status("Completed", after=inline["last_materialized_at"])
    assert await scene.told() == ([[6]], True, None)


async def test_a_first_build_that_a_server_did_not_end_is_the_next_ones(scene, clock):
    await scene.make(SLOW)
    await scene.until_status("Running")

    await scene.restart()
    clock.let_pass(HOUR / 60)
    await scene.ring()

    await scene.until_status("Completed")
    assert await scene.told() == ([[143988000]], True, None)


async def test_a_source_that_is_gone_leaves_the_last_good_rows(scene, clock):
    await scene.make(sync_frequency="1hour")
    built = await scene.until_status("Completed")
    scene.file.unlink()
    assert await scene.told() == ([[1]], True, None)

    clock.let_pass(2 * HOUR)
    await scene.ring()
    failed = await scene.until_status("Failed")

    assert "stock.csv" in failed["error"]
    assert failed["last_materialized_at"] == built["last_materialized_at"]
    cached = (await scene.run(refresh="force_cache")).json
    assert (cached["results"], cached["_materialized"]) == ([[1]], False)
    assert cached["materialization_reason"] == f"the last build failed: {failed['error']}"
    assert cached["is_stale"]
    own = await scene.run()
    assert (own.status, own.json["type"]) == (400, "validation_error")
    assert "stock.csv" in own.json["detail"]

    scene.write(5)
    clock.let_pass(HOUR / 60)
    await scene.ring()
    await scene.until_status("Completed", after=built["last_materialized_at"])
    assert await scene.told() == ([[5]], True, None)


async def test_lost_rows_are_calculated_anew(scene, tmp_path):
    await scene.make()
    await scene.until_status("Completed")
    scene.write(1, 2)
    for file in (tmp_path / "views-store" / "results").rglob("*.*"):
        file.unlink()

    assert await scene.told(limit=1) == ([[3]], False, "its rows were lost")
    assert await scene.told() == ([[3]], True, None)


async def test_readers_never_meet_nothing_or_a_half(scene):
    await scene.make("SELECT n, (SELECT count(*) FROM 'stock.csv') AS all FROM 'stock.csv'")
    await scene.until_status("Completed")
    is_over = False
    met: list[tuple[int, str]] = []

    async def read() -> None:
        while not is_over:
            answer = await scene.run()
            assert answer.status == 200, answer.body
            rows, told = answer.json["results"], answer.json
            assert rows and all(count == len(rows) for _, count in rows)
            assert told["_materialized"] is True
            met.append((len(rows), told["_materialized_at"]))

    readers = [asyncio.create_task(read()) for _ in range(8)]
    for count in range(2, 12):
        scene.write(*range(count))
        assert (await scene.run(refresh="force_blocking")).json["hasMore"] is False
    is_over = True
    await asyncio.gather(*readers)

    assert len({count for count, _ in met}) > 3
    # Who reads later never meets an earlier build, and each build is one table.
    assert len({at for _, at in met}) == len({count for count, _ in met})


async def test_runs_of_a_table_have_limits_of_their_own(scene, person):
    await scene.make()
    await scene.until_status("Completed")
    ana = await person("ana")
    view = (await scene.api("GET", f"{ENDPOINTS}/stock")).json
    path = f"api/views/{view['short_id']}"
    assert (await scene.api("PATCH", path, {"is_public": True})).status == 200
    body = {"refresh": "force_cache"}

    answers = [await ana("POST", f"{ENDPOINTS}/stock/run", body) for _ in range(300)]

    assert {answer.status for answer in answers} == {200}
    await scene.change(is_materialized=False)
    inline = [await ana("POST", f"{ENDPOINTS}/stock/run", body) for _ in range(241)]
    assert {answer.status for answer in inline[:240]} == {200}
    assert inline[240].status == 429
