"""What everybody at a server hears of a view, from its first day to its last."""

from __future__ import annotations

import asyncio
import json
import time
from typing import get_args

import pytest

from jupyter_views.core.announcing import Action
from jupyter_views.wire.events import schema_id


class Bus:
    """The host's event bus, as a listener of another extension hears it."""

    def __init__(self, logger) -> None:
        self.heard: list[tuple[str, dict]] = []
        for action in get_args(Action):
            logger.add_listener(schema_id=schema_id(action), listener=self._hear)

    async def _hear(self, logger, schema_id: str, data: dict) -> None:
        self.heard.append((schema_id.split("/")[-2], data))

    async def until(self, action: str, count: int = 1) -> dict:
        """The event that is the n-th of its action."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = [data for name, data in self.heard if name == action]
            if len(found) >= count:
                return found[count - 1]
            await asyncio.sleep(0.02)
        raise AssertionError((action, self.heard))


@pytest.fixture
def bus(views_app):
    return Bus(views_app.serverapp.event_logger)


async def test_the_life_of_a_view_is_heard_in_order_and_nothing_private_with_it(
    api, data_folder, bus
):
    source = data_folder / "hush.csv"
    source.write_text("n\n1\n")
    view = await api.save("SELECT n FROM 'hush.csv'", "Hush", auto_refresh=False)
    path = f"api/views/{view['short_id']}"
    await api("PATCH", path, {"description": "hush", "key": ["n"]})
    source.write_text("n\n1\n2\n")
    await api("POST", f"{path}/refresh")
    changed = await bus.until("changed")
    await api("POST", f"{path}/refresh")
    refreshed = await bus.until("refreshed", 2)
    source.unlink()
    await api("POST", f"{path}/refresh")
    failed = await bus.until("failed")
    await api("DELETE", path)
    await bus.until("deleted")

    assert [action for action, _ in bus.heard] == [
        *("created", "edited"),
        *("refreshing", "refreshed", "changed"),
        *("refreshing", "refreshed"),
        *("refreshing", "failed"),
        "deleted",
    ]
    assert {data["short_id"] for _, data in bus.heard} == {view["short_id"]}
    instants = [data["at"] for _, data in bus.heard]
    assert instants == sorted(instants)
    assert {data["cause"] for action, data in bus.heard if action == "refreshing"} == {"asked"}
    assert (changed["added"], changed["removed"], changed["changed"]) == (1, 0, 0)
    assert (refreshed["row_count"], refreshed["is_incremental"]) == (2, False)
    assert refreshed["computed_at"] > view["computed_at"]
    assert failed["retry_at"] > failed["at"]
    told = json.dumps(bus.heard)
    assert not [word for word in ("hush", "Hush", "SELECT", "local") if word in told]
