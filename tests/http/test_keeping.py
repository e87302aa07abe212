"""Views kept fresh without anyone looking: nobody reads a view here until it is fresh again."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

PERSPECTIVES = "api/v1/perspectives"


@pytest.fixture
def engine() -> None:
    """The server's own, with two workers for runs."""
    return


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"watching": "events", "run_workers": 2}
    return jp_server_config


class Heard:
    """The events of views, as an outside listener hears them."""

    def __init__(self, logger) -> None:
        self.events: list[tuple[str, dict]] = []
        for action in (
            "created",
            "edited",
            "stale",
            "refreshing",
            "refreshed",
            "changed",
            "failed",
        ):
            schema = f"https://events.jupyter.org/jupyter_views/{action}/v1"
            logger.add_listener(schema_id=schema, listener=self._hear)

    async def _hear(self, logger, schema_id: str, data: dict) -> None:
        self.events.append((schema_id.split("/")[-2], data))

    def count(self, action: str) -> int:
        return sum(heard == action for heard, _ in self.events)

    async def first(self, action: str, *, after: int = 0, seconds: float = 10.0) -> dict:
        """The next event of this action beyond the first ``after`` ones."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [data for heard, data in self.events if heard == action]
            if len(found) > after:
                return found[after]
            await asyncio.sleep(0.02)
        raise AssertionError((action, self.events))


@pytest.fixture
def heard(views_app):
    return Heard(views_app.serverapp.event_logger)


async def rows(call, slug: str) -> list:
    return (await call("GET", f"{PERSPECTIVES}/{slug}/result")).json["rows"]


async def test_a_changed_file_refreshes_its_view_with_no_reader(api, data_folder, heard):
    (data_folder / "stock.csv").write_text("n\n1\n")
    view = await api.save("SELECT sum(n)::BIGINT AS s FROM 'stock.csv'", "Stock")

    (data_folder / "stock.csv").write_text("n\n1\n2\n")

    stale = await heard.first("stale")
    assert stale["reason"] == "source_changed"
    changed = await heard.first("changed")
    assert (changed["short_id"], changed["row_count"]) == (view["short_id"], 1)
    assert await rows(api, "stock") == [[3]]


async def test_a_view_without_auto_refresh_is_marked_and_left_alone(api, data_folder, heard):
    (data_folder / "stock.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'stock.csv'", "Stock", auto_refresh=False)

    (data_folder / "stock.csv").write_text("n\n2\n")

    await heard.first("stale")
    assert await rows(api, "stock") == [[1]]
    assert heard.count("refreshing") == 0
    detail = (await api("GET", f"{PERSPECTIVES}/stock")).json
    assert detail["stale_since"] is not None


async def test_equal_rows_after_a_change_are_no_changed_event(api, data_folder, heard):
    (data_folder / "stock.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'stock.csv'", "Stock")

    (data_folder / "stock.csv").write_text("n,m\n1,2\n")

    await heard.first("refreshed")
    await asyncio.sleep(0.3)
    assert heard.count("changed") == 0


async def test_a_new_file_of_a_pattern_is_seen(api, data_folder, heard):
    (data_folder / "2024-01.csv").write_text("n\n1\n")
    await api.save("SELECT sum(n)::BIGINT AS s FROM '2024-*.csv'", "Year")

    (data_folder / "2024-02.csv").write_text("n\n5\n")

    await heard.first("changed")
    assert await rows(api, "year") == [[6]]


async def test_what_lies_downstream_follows_in_order(api, data_folder, heard):
    (data_folder / "a.csv").write_text("n\n1\n")
    base = await api.save("SELECT n FROM 'a.csv'", "Base")
    middle = await api.save('SELECT n * 2 AS n FROM views."base"', "Middle")
    top = await api.save('SELECT n * 2 AS n FROM views."middle"', "Top")

    (data_folder / "a.csv").write_text("n\n10\n")

    await heard.first("changed", after=2)
    order = [data["short_id"] for action, data in heard.events if action == "changed"]
    assert order == [view["short_id"] for view in (base, middle, top)]
    assert await rows(api, "top") == [[40]]


async def test_a_deleted_source_keeps_the_rows_and_its_return_heals_the_view(
    api, data_folder, heard
):
    source = data_folder / "stock.csv"
    source.write_text("n\n1\n")
    await api.save("SELECT n FROM 'stock.csv'", "Stock")

    source.unlink()
    failed = await heard.first("failed")
    assert failed["retry_at"] is not None
    assert await rows(api, "stock") == [[1]]
    source.write_text("n\n7\n")

    await heard.first("changed", seconds=20)
    assert await rows(api, "stock") == [[7]]


async def test_a_restored_modification_time_does_not_hide_a_change(api, data_folder, heard):
    source = data_folder / "stock.csv"
    source.write_text("n\n1\n")
    os.utime(source, (1_600_000_000, 1_600_000_000))
    await api.save("SELECT n FROM 'stock.csv'", "Stock")

    source.write_text("n\n2\n")
    os.utime(source, (1_600_000_000, 1_600_000_000))

    await heard.first("changed")
    assert await rows(api, "stock") == [[2]]


async def test_a_file_written_without_a_pause_is_no_storm_and_its_last_state_is_served(
    api, data_folder, heard
):
    source = data_folder / "stock.csv"
    source.write_text("n\n0\n")
    view = await api.save("SELECT max(n)::BIGINT AS m FROM 'stock.csv'", "Stock")

    for n in range(1, 41):
        source.write_text(f"n\n{n}\n")
        await asyncio.sleep(0.1)

    for _ in range(150):
        if await rows(api, "stock") == [[40]]:
            break
        await asyncio.sleep(0.1)
    assert await rows(api, "stock") == [[40]]
    history = (await api("GET", f"api/views/{view['short_id']}/history")).json
    assert sum(item["count"] for item in history["items"]) <= 12


async def test_every_second_view_of_many_is_refreshed_when_its_file_changes(
    api, data_folder, heard
):
    for i in range(12):
        (data_folder / f"f{i}.csv").write_text("n\n1\n")
        await api.save(f"SELECT n FROM 'f{i}.csv'", f"V{i}")

    for i in range(0, 12, 2):
        (data_folder / f"f{i}.csv").write_text("n\n2\n")

    await heard.first("changed", after=5, seconds=20)
    assert [await rows(api, f"v{i}") for i in range(12)] == [[[2]], [[1]]] * 6


async def test_the_log_tells_what_was_seen_and_done(api, data_folder, heard):
    (data_folder / "events.csv").write_text("id\n1\n2\n")
    view = await api.save("SELECT id FROM 'events.csv'", "Events")

    (data_folder / "events.csv").write_text("id\n1\n2\n3\n")
    await heard.first("changed")

    lines = (await api("GET", f"api/views/{view['short_id']}/log")).json["items"]
    texts = [line["text"] for line in reversed(lines)]
    assert "events.csv changed → refresh started" in texts
    assert "3 rows, 1 added" in texts
