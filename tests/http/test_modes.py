"""What a read does, cell by cell of mode and state, on real files and counted refreshes.

The row of ``missing`` cannot be reached from outside: a view is made of rows
that exist. It is proved in tests/core/test_freshness.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest

from jupyter_views.core.freshness import Mode

STATEMENTS = "api/v1/statements"
OLD, NEW = [[1]], [[3]]
CELLS = {
    # design, section 5: fresh, stale, very stale
    Mode.FORCE_CACHE: ("cached", "cached", "cached"),
    Mode.BLOCKING: ("cached", "compute", "compute"),
    Mode.ASYNC: ("cached", "start", "start"),
    Mode.LAZY_ASYNC: ("cached", "cached", "start"),
    Mode.ASYNC_EXCEPT_ON_CACHE_MISS: ("cached", "start", "start"),
    Mode.FORCE_BLOCKING: ("compute", "compute", "compute"),
    Mode.FORCE_ASYNC: ("start", "start", "start"),
}
STATES = ("fresh", "stale", "very_stale")


class Scene:
    """A view of one file, and how often its query was run."""

    def __init__(self, api, folder, store) -> None:
        self._api = api
        self._file = folder / "stock.csv"
        self._store = store

    async def save(self, **fields) -> None:
        self._file.write_text("n\n1\n")
        sql = "SELECT sum(n)::BIGINT AS s FROM 'stock.csv'"
        view = await self._api.save(sql, "Stock", **fields)
        self.path = f"api/views/{view['short_id']}"
        self.computed_at = view["computed_at"]
        self._runs = await self._total()

    async def become(self, state: str) -> None:
        """Bring the view into a state; a look at its file is good for a second."""
        if state == "fresh":
            return
        self._file.write_text("n\n1\n2\n")
        await asyncio.sleep(1.1)
        if state == "very_stale":
            an_hour_ago = time.time_ns() // 1000 - 3_600_000_000
            with sqlite3.connect(self._store / "views.sqlite") as connection:
                connection.execute("UPDATE views SET changed_at = ?", (an_hour_ago,))

    def delete_file(self) -> None:
        self._file.unlink()

    async def read(self, query: str = "", **headers):
        answer = await self._api("GET", f"{self.path}/result?{query}", headers=headers)
        assert answer.status == 200, answer.body
        return answer

    async def runs(self) -> int:
        """How often the query was run since the view was saved."""
        return await self._total() - self._runs

    async def _total(self) -> int:
        return (await self._api("GET", f"{STATEMENTS}?limit=1")).json["pagination"]["total"]

    async def settled(self) -> dict:
        """The view once nothing refreshes it."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            view = (await self._api("GET", "api/views")).json["items"][0]
            if view["refresh"] is None and view["status"] != "refreshing":
                return view
            await asyncio.sleep(0.05)
        raise AssertionError(view)


@pytest.fixture
def scene(api, data_folder, tmp_path):
    return Scene(api, data_folder, tmp_path / "views-store")


@pytest.mark.parametrize(
    ("mode", "state", "action"),
    [(mode, state, CELLS[mode][i]) for mode in Mode for i, state in enumerate(STATES)],
)
async def test_each_cell_of_mode_and_state(scene, mode, state, action):
    await scene.save(auto_refresh=False)
    await scene.become(state)
    expected = OLD if state == "fresh" else NEW

    answer = await scene.read(f"mode={mode}")

    if action == "compute":
        assert answer.json["rows"] == expected
        assert answer.json["computed_at"] > scene.computed_at
        assert answer.json["is_stale"] is False
        assert "X-Refresh-Statement-Id" not in answer.headers
    else:
        assert answer.json["rows"] == OLD
        assert answer.json["computed_at"] == scene.computed_at
        assert answer.json["is_stale"] is (state != "fresh")
        assert ("X-Refresh-Statement-Id" in answer.headers) is (action == "start")
    settled = await scene.settled()
    assert await scene.runs() == (0 if action == "cached" else 1)
    assert settled["is_stale"] is (action == "cached" and state != "fresh")
    assert (await scene.read("mode=force_cache")).json["rows"] == (
        OLD if action == "cached" else expected
    )


@pytest.mark.parametrize(("auto_refresh", "runs"), [(True, 1), (False, 0)])
async def test_without_a_mode_the_owners_choice_holds(scene, auto_refresh, runs):
    await scene.save(auto_refresh=auto_refresh)
    await scene.become("stale")

    answer = await scene.read()

    assert answer.json["rows"] == OLD
    await scene.settled()
    assert await scene.runs() == runs


async def test_refresh_true_is_force_async_and_a_mode_wins_over_it(scene):
    await scene.save(auto_refresh=False)

    kept = await scene.read("refresh=true&mode=force_cache")
    forced = await scene.read("refresh=true")

    assert "X-Refresh-Statement-Id" not in kept.headers
    assert forced.headers["X-Refresh-Statement-Id"].startswith("stmt_")
    assert forced.json["computed_at"] == scene.computed_at
    await scene.settled()
    assert await scene.runs() == 1


@pytest.mark.parametrize("mode", ["force_async", "force_blocking"])
async def test_rows_whose_renewal_was_forced_are_kept_by_nobody(scene, mode):
    await scene.save(is_public=True, age_seconds=600)

    forced = await scene.read(f"mode={mode}")

    assert forced.headers["Cache-Control"] == "no-store"
    await scene.settled()


async def test_many_who_wait_for_a_stale_view_cost_one_run_and_get_its_rows(scene):
    await scene.save(auto_refresh=False)
    await scene.become("stale")

    answers = await asyncio.gather(*(scene.read("mode=blocking") for _ in range(25)))

    assert {str(answer.json["rows"]) for answer in answers} == {str(NEW)}
    assert await scene.runs() == 1


async def test_who_waits_for_a_refresh_that_fails_gets_the_old_rows_and_the_truth(scene, api):
    await scene.save(auto_refresh=False)
    scene.delete_file()
    await asyncio.sleep(1.1)

    answer = await scene.read("mode=blocking")
    again = await scene.read("mode=blocking")

    assert answer.json["rows"] == again.json["rows"] == OLD
    assert (answer.json["stale_reason"], answer.json["stale_sources"]) == (
        "source_changed",
        ["stock.csv"],
    )
    assert (await api("GET", scene.path)).json["status"] == "failed"
    assert await scene.runs() == 1  # the second came within the back-off


@pytest.mark.parametrize("mode", ["ASYNC", "soon", "", "async,blocking"])
async def test_an_unknown_mode_is_422_with_those_that_there_are(scene, api, mode):
    await scene.save()

    answer = await api("GET", f"{scene.path}/result?mode={mode}")

    assert (answer.status, answer.json["error"]) == (422, "VALIDATION")
    assert answer.json["details"]["field"] == "mode"
    assert all(word in answer.json["hint"] for word in Mode)
    assert await scene.runs() == 0


async def test_a_reader_may_name_a_mode_too(scene, person, api):
    await scene.save(is_public=True, auto_refresh=False)
    await scene.become("stale")
    reader = await person("ana")

    answer = await reader("GET", f"{scene.path}/result?mode=blocking")

    assert answer.json["rows"] == NEW
    assert await scene.runs() == 1
