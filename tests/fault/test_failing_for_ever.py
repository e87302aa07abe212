"""F21: refreshes that fail for ever, and sources that change for ever: no loop, no flood."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_views.core.model import Actor, Cause, Status

from .invariants import check_store
from .own_clock import DAY, Door, OwnClock, until


@pytest.fixture(autouse=True)
def clock(jp_serverapp):
    """Days pass in seconds."""
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_views"]
    app.clock = OwnClock(-2 * DAY)
    return app.clock


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"watching": "events", "run_workers": 2}
    return jp_server_config


@pytest.fixture
def bell(api, jp_asyncio_loop):
    """A view that nothing happens to; each edit of it has the server look for what is due."""
    return Door(api, jp_asyncio_loop.run_until_complete(api.save("SELECT 'ding' AS d", "Bell")))


async def has_run(door: Door, times: int) -> None:
    await until(lambda: _has_run(door, times))


async def _has_run(door: Door, times: int) -> bool:
    return await door.runs() >= times and (await door.facts())["status"] != "refreshing"


async def wait_of(door: Door, clock: OwnClock) -> float:
    """Seconds until it is tried again; while a try is about to begin no instant is set."""
    return clock.seconds_to(await until(lambda: _next_try(door)))


async def _next_try(door: Door) -> str | None:
    return (await door.facts())["next_refresh_at"]


async def test_F21_a_refresh_that_fails_for_ever_is_tried_less_often_and_told_in_few_lines(
    api, bell, clock, data_folder, tmp_path
):
    file = data_folder / "n.csv"
    file.write_text("n\n1\n")
    view = Door(api, await api.save("SELECT n FROM 'n.csv'", "Fails"))
    file.unlink()
    for failures in range(1, 14):
        await has_run(view, failures)
        expected = min(5.0 * 2 ** (failures - 1), 3600.0)
        assert expected - 2 < await wait_of(view, clock) <= expected
        clock.let_pass(await wait_of(view, clock) - 2)
        await bell.ring()
        await asyncio.sleep(0.05)
        assert await view.runs() == failures
        clock.let_pass(2)
        await bell.ring()
    await has_run(view, 14)
    assert (await view.answer()).json["rows"] == [[1]]

    history = [(item["status"], item["count"]) for item in await view.history()]
    assert history == [("FAILED", 13), ("FAILED", 1), ("SUCCESS", 1)]
    log = [(line["kind"], line["count"]) for line in await view.log()]
    assert log[:2] == [("failed", 14), ("started", 1)]

    file.write_text("n\n2\n")
    clock.let_pass(3600)
    await bell.ring()
    await until(lambda: _serves(view, [[2]]))
    file.unlink()
    await has_run(view, 16)
    assert 3 < await wait_of(view, clock) <= 5
    check_store(tmp_path / "views-store", is_stopped=False)


async def _serves(view: Door, rows: list) -> bool:
    return (await view.answer()).json["rows"] == rows


async def test_F21_the_slots_of_a_schedule_do_not_get_round_the_back_off(
    api, bell, clock, data_folder
):
    file = data_folder / "n.csv"
    file.write_text("n\n1\n")
    view = Door(
        api, await api.save("SELECT n FROM 'n.csv'", "Slots", schedule="10s", auto_refresh=False)
    )
    file.unlink()
    clock.let_pass(10)
    for failures in range(1, 9):
        await bell.ring()
        await has_run(view, failures)
        clock.let_pass(await wait_of(view, clock))
    # Sixty-four slots of ten seconds; all but the first lie within the tenth wait of 640 s.
    await bell.ring()
    await has_run(view, 9)
    assert 1270 < await wait_of(view, clock) <= 1280
    for _ in range(10):
        clock.let_pass(12)
        await bell.ring()
        await asyncio.sleep(0.05)
    assert await view.runs() == 9

    file.write_text("n\n2\n")
    clock.let_pass(1280)
    await bell.ring()
    await until(lambda: _serves(view, [[2]]))
    assert 8 < await wait_of(view, clock) <= 10


async def test_F21_what_lies_below_a_view_that_fails_is_not_asked_for_in_vain(
    api, bell, clock, data_folder, views_app
):
    file = data_folder / "n.csv"
    file.write_text("n\n1\n")
    above = Door(api, await api.save("SELECT n FROM 'n.csv'", "Above"))
    below = Door(api, await api.save('SELECT n FROM views."above"', "Below", schedule="10s"))
    file.unlink()
    for failures in range(1, 9):
        await has_run(above, failures)
        clock.let_pass(await wait_of(above, clock))
        await bell.ring()
    await has_run(above, 9)
    # What waited for that run ends after it.
    await until(lambda: _is_idle(views_app))
    tried, skipped = await below.runs(), await _skipped(below)
    assert await wait_of(above, clock) > 1270
    for _ in range(40):
        clock.let_pass(30)
        await bell.ring()
        await asyncio.sleep(0.03)

    assert await below.runs() == tried
    assert await _skipped(below) <= skipped + 1
    assert (await below.answer()).json["rows"] == [[1]]


async def test_F21_whoever_asks_gets_a_run_though_one_by_itself_comes_too_early(
    api, clock, data_folder, views_app
):
    file = data_folder / "n.csv"
    file.write_text("n\n1\n")
    view = Door(api, await api.save("SELECT n FROM 'n.csv'", "Fails"))
    file.unlink()
    await has_run(view, 1)
    parts = views_app._parts
    found = await asyncio.to_thread(parts.store.views.find, 1)

    early, asked = await asyncio.gather(
        parts._refresher.behind(found, Cause(kind="read")),
        parts._refresher.asked(Actor(name=found.owner), found),
    )

    assert early.status is Status.FAILED
    assert not asked.status.is_final
    await has_run(view, 2)


async def _is_idle(views_app) -> bool:
    return not views_app._parts._scheduler._pending


async def _skipped(view: Door) -> int:
    return sum(line["count"] for line in await view.log() if line["kind"] == "skipped")


async def test_F21_a_view_over_now_is_not_refreshed_in_a_loop(api, bell, clock, views_app):
    now = Door(api, await api.save("SELECT now()::VARCHAR AS n", "Now"))
    below = Door(api, await api.save('SELECT n FROM views."now"', "Below now"))
    probed = Door(
        api, await api.save("SELECT 1 AS n", "Probed", changed_when="SELECT now()::VARCHAR")
    )
    views = now, below, probed
    every = frozenset(range(1, 5))
    for _ in range(5):
        await views_app._parts._keeper.look_again(every)
        for view in views:
            assert (await view.answer("async")).json["is_stale"] is False
        clock.let_pass(30)
    assert [await view.runs() for view in views] == [0, 0, 0]

    clock.let_pass(301)
    assert (await now.facts())["stale_reason"] == "unverifiable"
    for _ in range(5):
        await views_app._parts._keeper.look_again(every)
        for view in views:
            assert (await view.answer("async")).status == 200
        await bell.ring()
        await asyncio.sleep(0.1)

    assert max([await view.runs() for view in views]) <= 2
