"""What ``refresh`` does, cell by cell of mode and state, and calculations in the background."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest

from jupyter_views.core.freshness import Mode

INSIGHTS = "api/projects/1/insights"
STATES = ("missing", "fresh", "stale", "very_stale")
# N new rows at once, R those that are stored, 0 none; S: a calculation runs behind.
CELLS = {
    Mode.FORCE_CACHE: ("0", "R", "R", "R"),
    Mode.BLOCKING: ("N", "R", "N", "N"),
    Mode.ASYNC: ("0S", "R", "RS", "RS"),
    Mode.LAZY_ASYNC: ("0S", "R", "R", "RS"),
    Mode.ASYNC_EXCEPT_ON_CACHE_MISS: ("N", "R", "RS", "RS"),
    Mode.FORCE_BLOCKING: ("N", "N", "N", "N"),
    Mode.FORCE_ASYNC: ("0S", "0S", "0S", "0S"),
}
OLD, NEW = [[1]], [[3]]


class Scene:
    """An insight over one file."""

    def __init__(self, api, folder, store) -> None:
        self.api = api
        self._file = folder / "stock.csv"
        self._store = store

    async def make(self, sql="SELECT sum(n)::BIGINT AS s FROM 'stock.csv'") -> dict:
        self._file.write_text("n\n1\n")
        answer = await self.api("POST", INSIGHTS, {"query": {"kind": "HogQLQuery", "query": sql}})
        assert answer.status == 201, answer.body
        self.address = f"{INSIGHTS}/{answer.json['id']}"
        return answer.json

    async def become(self, state: str) -> None:
        if state == "missing":
            return
        await self.get("blocking")
        if state == "fresh":
            return
        self._file.write_text("n\n1\n2\n")
        await asyncio.sleep(1.1)
        if state == "very_stale":
            an_hour_ago = time.time_ns() // 1000 - 3_600_000_000
            with sqlite3.connect(self._store / "views.sqlite") as connection:
                connection.execute("UPDATE views SET changed_at = ?", (an_hour_ago,))

    async def get(self, refresh: str, more: str = "") -> dict:
        answer = await self.api("GET", f"{self.address}?refresh={refresh}{more}")
        assert answer.status == 200, answer.body
        return answer.json

    async def ended(self, job_id: str) -> dict:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = await self.api("GET", f"api/projects/1/query/{job_id}")
            if answer.status != 202:
                return answer.json["query_status"] | {"http": answer.status}
            assert answer.json["query_status"]["complete"] is False
            await asyncio.sleep(0.05)
        raise AssertionError(answer.body)


@pytest.fixture
def scene(api, data_folder, tmp_path):
    return Scene(api, data_folder, tmp_path / "views-store")


@pytest.mark.parametrize(
    ("mode", "state", "cell"),
    [(mode, state, CELLS[mode][i]) for mode in Mode for i, state in enumerate(STATES)],
)
async def test_each_cell_of_refresh_and_state(scene, mode, state, cell):
    await scene.make()
    await scene.become(state)
    newest = OLD if state in {"missing", "fresh"} else NEW

    insight = await scene.get(mode)

    expected = {"N": newest, "R": OLD, "0": None}[cell[0]]
    assert insight["result"] == expected
    assert insight["is_cached"] is (cell[0] == "R")
    assert (insight["last_refresh"] is None) is (cell[0] == "0")
    assert (insight["query_status"] is not None) is cell.endswith("S")
    if cell.endswith("S"):
        status = await scene.ended(insight["query_status"]["id"])
        assert (status["http"], status["complete"], status["error"]) == (200, True, False)
        assert status["results"]["results"] == newest
        assert (await scene.get("force_cache"))["result"] == newest


@pytest.mark.parametrize(
    ("word", "calculates"),
    [
        ("true", True), ("1", True), ("yes", True), ("", True), ("BLOCKING", True),
        ("false", False), ("0", False), ("no", False), ("nonsense", False),
    ],
)  # fmt: skip
async def test_the_pages_other_spellings_of_refresh(scene, word, calculates):
    await scene.make()

    assert ((await scene.get(word))["result"] is not None) is calculates


async def test_the_address_wins_over_the_body(scene, api):
    await scene.make()

    cached = await api("PATCH", f"{scene.address}?refresh=force_cache", {"refresh": True})
    computed = await api("PATCH", scene.address, {"refresh": True})

    assert cached.json["result"] is None
    assert computed.json["result"] == OLD


async def test_a_calculation_answers_to_the_name_that_its_reader_gave_it(scene):
    await scene.make()

    insight = await scene.get("force_async", "&client_query_id=my-own-name")

    assert insight["query_status"]["id"] == "my-own-name"
    assert (await scene.ended("my-own-name"))["results"]["columns"] == ["s"]


async def test_a_failed_calculation_says_so_under_its_name(scene):
    await scene.make("SELECT CAST('no luck' AS INTEGER) AS n")
    insight = await scene.get("async")

    status = await scene.ended(insight["query_status"]["id"])

    assert status["http"] == 400
    assert (status["complete"], status["error"], status["results"]) == (True, True, None)
    assert "no luck" in status["error_message"]


async def test_a_calculation_that_is_unknown_is_404(api):
    assert (await api("GET", "api/projects/1/query/nothing")).status == 404
    assert (await api("DELETE", "api/projects/1/query/nothing")).status == 404


SLOW = "SELECT count(*) AS n FROM range(400000) a, range(400000) b WHERE a.range % 7 = b.range % 5"


async def test_a_calculation_can_be_cancelled_by_its_name(scene, api):
    await scene.make(SLOW)
    await scene.get("async", "&client_query_id=slow")
    running = await api("GET", "api/projects/1/query/slow?show_progress=true")
    assert running.status == 202
    assert running.json["query_status"]["query_progress"]["time_elapsed"] >= 0

    canceled = await api("POST", f"{INSIGHTS}/cancel", {"client_query_id": "slow"})

    assert (canceled.status, canceled.body) == (200, b"")
    status = await scene.ended("slow")
    assert (status["complete"], status["error"]) == (True, True)


async def test_deleting_a_calculation_stops_it_and_forgets_its_name(scene, api):
    await scene.make(SLOW)
    await scene.get("async", "&client_query_id=slow")

    stopped = await api("DELETE", "api/projects/1/query/slow")

    assert (stopped.status, stopped.json) == (200, {"message": "Cancelled query"})
    assert (await api("GET", "api/projects/1/query/slow")).status == 404


async def test_cancelling_what_nobody_knows_is_fine_and_without_a_name_is_not(api):
    unknown = await api("POST", f"{INSIGHTS}/cancel", {"client_query_id": "x"})
    nameless = await api("POST", f"{INSIGHTS}/cancel", {})

    assert (unknown.status, unknown.body) == (200, b"")
    assert (nameless.status, nameless.json["attr"]) == (400, "client_query_id")


async def test_nobody_else_can_cancel_a_calculation(person, data_folder):
    ana, ben = await person("ana"), await person("ben")
    scene = Scene(ana, data_folder, None)
    await scene.make(SLOW)
    job = (await scene.get("async"))["query_status"]["id"]

    assert (await ben("DELETE", f"api/projects/1/query/{job}")).status == 404
    assert (await ben("GET", f"api/projects/1/query/{job}")).status == 404
    assert (await ana("DELETE", f"api/projects/1/query/{job}")).status == 200
