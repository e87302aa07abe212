"""Due views are handed out once each, whatever the clocks do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading

import pytest
from sqlalchemy import update

from jupyter_views.core.model import SECOND, Rule
from jupyter_views.core.scheduling import Scheduler, first_due
from jupyter_views.store.tables import views

from .shared import T0, a_refresh, a_server, a_view, fail, seen

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class OwnClock:
    """Time that stands still until the test moves it."""

    def __init__(self, now: int = T0) -> None:
        self._now, self._monotonic = now, 1000.0

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, microseconds: int) -> None:
        """Time passes."""
        self._now += microseconds
        self._monotonic += microseconds / SECOND

    def jump(self, microseconds: int) -> None:
        """Somebody sets the wall clock."""
        self._now += microseconds


class Desk:
    """What a scheduler called back for; each call lasts until it is let through."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, bool]] = []
        self.under_way = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def on_due(self, view_id: int, is_scheduled: bool) -> None:
        self.calls.append((view_id, is_scheduled))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.gate.wait()
        self.under_way -= 1


@pytest.fixture
def servers(tmp_path):
    made = [a_server(tmp_path) for _ in range(2)]
    yield made
    for server in made:
        server.close()


@pytest.fixture
def clock():
    return OwnClock()


@pytest.fixture
def desk():
    return Desk()


@contextlib.asynccontextmanager
async def a_scheduler(server, clock, on_due, **options):
    """A scheduler at work; it is stopped at the end."""
    scheduler = Scheduler(
        rows=server.due, on_due=on_due, clock=clock, log=logging.getLogger("due"), **options
    )
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop()


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("It did not come to pass.")


def every(span: str) -> Rule:
    return Rule(schedule=span)


def test_a_view_with_a_schedule_is_due_at_its_next_slot_and_one_without_never():
    assert first_due(every("1h"), T0) == T0 + HOUR
    assert first_due(Rule(), T0) is None


def test_what_is_not_due_yet_is_not_claimed(servers):
    first, _ = servers
    a_view(first, every("1h"), next_due_at=T0 + 1)
    a_view(first)

    assert first.due.claim(T0, 20) == []
    assert first.due.earliest() == T0 + 1


def test_a_slot_is_claimed_once_and_the_view_moves_on_to_the_next(servers):
    first, second = servers
    view = a_view(first, every("1h"), next_due_at=T0)

    (claim,) = first.due.claim(T0 + SECOND, 20)

    assert (claim.view_id, claim.slot, claim.is_scheduled) == (view.id, T0, True)
    assert second.due.claim(T0 + SECOND, 20) == []
    assert seen(second, view).next_due_at == T0 + SECOND + HOUR


def test_slots_that_were_missed_are_caught_up_once_and_not_ten_times(servers):
    first, _ = servers
    view = a_view(first, Rule(schedule="0 * * * *"), next_due_at=T0)
    now = T0 + 10 * HOUR + MINUTE

    assert len(first.due.claim(now, 20)) == 1
    assert first.due.claim(now, 20) == []
    assert now < seen(first, view).next_due_at <= now + HOUR


def test_who_has_been_due_for_longest_comes_first_and_no_more_than_asked_for(servers):
    first, _ = servers
    made = [a_view(first, every("1d"), next_due_at=T0 - n * SECOND).id for n in range(30)]

    claimed = [claim.view_id for claim in first.due.claim(T0, 20)]

    assert claimed == list(reversed(made))[:20]
    assert len(first.due.claim(T0, 20)) == 10


def test_a_next_try_without_a_schedule_is_no_slot_and_comes_once(servers):
    first, _ = servers
    view = a_view(first)
    fail(first, a_refresh(first, view), T0)

    (claim,) = first.due.claim(T0 + 5 * SECOND, 20)

    assert (claim.slot, claim.is_scheduled) == (T0 + 5 * SECOND, False)
    assert seen(first, view).next_due_at is None


def test_a_next_try_of_a_scheduled_view_is_told_from_its_slots(servers):
    first, _ = servers
    view = a_view(first, every("1h"), next_due_at=T0 + HOUR)
    fail(first, a_refresh(first, view), T0)

    (retry,) = first.due.claim(T0 + 5 * SECOND, 20)
    (slot,) = first.due.claim(T0 + 5 * SECOND + HOUR, 20)

    assert (retry.is_scheduled, slot.is_scheduled) == (False, True)
    assert slot.view_id == view.id


def test_I5_of_200_due_views_each_is_claimed_once_by_two_servers_at_once(servers):
    first, _ = servers
    made = [a_view(first, every("1d")).id for _ in range(200)]
    with first.database.write() as connection:
        connection.execute(update(views).values(next_due_at=T0))
    claimed = []

    def work(server):
        while claims := server.due.claim(T0, 7):
            claimed.extend(claim.view_id for claim in claims)

    threads = [threading.Thread(target=work, args=(server,)) for server in servers * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == made


def test_F14_servers_whose_clocks_differ_by_five_minutes_claim_a_slot_once(servers):
    ahead, behind = servers
    a_view(ahead, Rule(schedule="0 * * * *"), next_due_at=T0)
    slots = []
    for minute in range(180):
        now = T0 + minute * MINUTE
        slots += [claim.slot for claim in ahead.due.claim(now + 5 * MINUTE, 20)]
        slots += [claim.slot for claim in behind.due.claim(now, 20)]

    assert len(slots) == len(set(slots))
    assert 3 <= len(slots) <= 4


def test_a_schedule_whose_zone_is_no_longer_known_stays_due_and_holds_up_nobody(servers):
    first, _ = servers
    gone = a_view(first, Rule(schedule="0 7 * * *", timezone="Mars/Phobos"), next_due_at=T0)
    good = a_view(first, every("1h"), next_due_at=T0)

    claims = first.due.claim(T0, 20)

    assert [claim.view_id for claim in claims] == [gone.id, good.id]
    assert seen(first, gone).next_due_at == T0 + HOUR


def test_only_what_was_not_begun_is_given_back(servers):
    first, second = servers
    waits, runs, done = (a_view(first, every("1h"), next_due_at=T0 - 1) for _ in range(3))
    claims = first.due.claim(T0, 20)
    a_refresh(first, runs)
    with first.database.write() as connection:
        connection.execute(
            update(views).where(views.c.id == done.id).values(refreshed_at=T0 + SECOND)
        )
        connection.execute(
            update(views).where(views.c.id == waits.id).values(refreshed_at=T0 - HOUR)
        )

    first.due.give_back(claims)

    assert [claim.view_id for claim in second.due.claim(T0, 20)] == [waits.id]


def test_looking_for_the_earliest_reads_the_index_alone(servers):
    first, _ = servers
    with first.database.read() as connection:
        text = "EXPLAIN QUERY PLAN SELECT min(next_due_at) FROM views"
        plan = [row[3] for row in connection.exec_driver_sql(text)]

    assert plan == ["SEARCH views USING COVERING INDEX ix_views_next_due_at"]


async def test_it_calls_back_for_what_is_due_at_the_start(servers, desk, clock):
    view = a_view(servers[0], every("1h"), next_due_at=T0)

    async with a_scheduler(servers[0], clock, desk.on_due):
        await until(lambda: desk.calls == [(view.id, True)])


async def test_it_wakes_by_itself_when_a_view_is_due(servers, desk, clock):
    view = a_view(servers[0], every("1h"), next_due_at=T0 + SECOND)
    async with a_scheduler(servers[0], clock, desk.on_due):
        await asyncio.sleep(0.1)
        assert desk.calls == []

        clock.advance(SECOND)

        await until(lambda: desk.calls == [(view.id, True)])


async def test_a_view_that_was_just_saved_is_seen_when_it_is_woken(servers, desk, clock):
    async with a_scheduler(servers[0], clock, desk.on_due) as scheduler:
        await asyncio.sleep(0.1)
        view = a_view(servers[0], every("1h"), next_due_at=T0)

        scheduler.wake()

        await until(lambda: desk.calls == [(view.id, True)])


async def test_an_error_in_one_view_is_logged_and_the_others_are_refreshed(
    servers, desk, clock, caplog
):
    bad, good = (a_view(servers[0], every("1h"), next_due_at=T0) for _ in range(2))

    async def on_due(view_id, is_scheduled):
        if view_id == bad.id:
            raise RuntimeError("broken")
        await desk.on_due(view_id, is_scheduled)

    async with a_scheduler(servers[0], clock, on_due) as scheduler:
        await until(lambda: desk.calls == [(good.id, True)])
        later = a_view(servers[0], every("1h"), next_due_at=T0)
        scheduler.wake()
        await until(lambda: desk.calls[1:] == [(later.id, True)])

    assert f"view {bad.id} was due" in caplog.text


async def test_a_store_that_cannot_be_written_to_ends_nothing(
    servers, desk, clock, tmp_path, caplog
):
    file = tmp_path / "store" / "views.sqlite"
    async with a_scheduler(servers[0], clock, desk.on_due) as scheduler:
        view = a_view(servers[0], every("1h"), next_due_at=T0)
        os.rename(file, tmp_path / "moved")
        scheduler.wake()
        await until(lambda: "due views could not be looked for" in caplog.text)

        os.rename(tmp_path / "moved", file)
        scheduler.wake()

        await until(lambda: desk.calls == [(view.id, True)])


async def test_it_takes_no_more_than_it_can_deal_with_and_goes_on_as_they_end(servers, desk, clock):
    made = [a_view(servers[0], every("1d"), next_due_at=T0).id for _ in range(12)]
    desk.gate.clear()

    async with a_scheduler(servers[0], clock, desk.on_due, concurrent=3):
        await until(lambda: len(desk.calls) == 3)
        left_to_others = [claim.view_id for claim in servers[1].due.claim(T0, 2)]
        desk.gate.set()
        await until(lambda: len(desk.calls) == 10)

    assert desk.most == 3
    assert sorted([view_id for view_id, _ in desk.calls] + left_to_others) == made


async def test_F19_what_was_claimed_but_not_begun_at_the_stop_is_due_for_other_servers(
    servers, desk, clock
):
    view = a_view(servers[0], every("1h"), next_due_at=T0, refreshed_at=T0 - HOUR)
    desk.gate.clear()

    async with a_scheduler(servers[0], clock, desk.on_due):
        await until(lambda: desk.calls == [(view.id, True)])
        assert servers[1].due.claim(T0, 20) == []

    assert [claim.view_id for claim in servers[1].due.claim(T0, 20)] == [view.id]


async def test_F14_a_jump_back_by_a_day_does_not_stop_a_view_of_every_five_minutes(
    servers, desk, clock, caplog
):
    view = a_view(servers[0], every("5m"), next_due_at=T0 + 5 * MINUTE)
    cron = a_view(servers[0], Rule(schedule="*/5 * * * *"), next_due_at=T0 + 5 * MINUTE)
    async with a_scheduler(servers[0], clock, desk.on_due) as scheduler:
        clock.jump(-DAY)
        scheduler.wake()
        await until(lambda: seen(servers[0], cron).next_due_at < T0)
        assert seen(servers[0], view).next_due_at == clock.now() + 5 * MINUTE
        clock.advance(5 * MINUTE)
        scheduler.wake()

        await until(lambda: sorted(desk.calls) == [(view.id, True), (cron.id, True)])
    assert caplog.text.count("the clock jumped by -86400 s") == 1


async def test_F14_a_jump_forth_by_a_day_causes_one_run_of_each_view_and_no_storm(
    servers, desk, clock, caplog
):
    made = [a_view(servers[0], every("5m"), next_due_at=T0 + MINUTE).id for _ in range(30)]
    async with a_scheduler(servers[0], clock, desk.on_due, concurrent=4) as scheduler:
        clock.jump(DAY)
        scheduler.wake()
        await until(lambda: len(desk.calls) == 30)
        for _ in range(5):
            scheduler.wake()
            await asyncio.sleep(0.02)

    assert sorted(view_id for view_id, _ in desk.calls) == made
    assert desk.most <= 4
    assert servers[0].due.earliest() == clock.now() + 5 * MINUTE
    assert caplog.text.count("the clock jumped by +86400 s") == 1


async def test_F14_time_that_merely_passes_is_no_jump(servers, desk, clock, caplog):
    async with a_scheduler(servers[0], clock, desk.on_due) as scheduler:
        clock.jump(4 * SECOND)
        for _ in range(3):
            clock.advance(DAY)
            scheduler.wake()
            await asyncio.sleep(0.05)

    assert "jumped" not in caplog.text


async def test_F14_a_back_off_set_by_a_clock_of_the_future_is_over_within_the_hour(
    servers, desk, clock
):
    view = a_view(servers[0])
    fail(servers[0], a_refresh(servers[0], view), T0 + 300 * DAY)

    async with a_scheduler(servers[0], clock, desk.on_due):
        await until(lambda: seen(servers[0], view).retry_at == T0 + HOUR)

    assert seen(servers[0], view).next_due_at == T0 + HOUR


async def test_F14_slots_set_by_a_clock_of_the_future_are_brought_forward_at_the_start(
    servers, desk, clock
):
    made = [a_view(servers[0], every("1h"), next_due_at=T0 + 300 * DAY) for _ in range(3)]

    async with a_scheduler(servers[0], clock, desk.on_due):
        for view in made:
            await until(lambda view=view: seen(servers[0], view).next_due_at == T0 + HOUR)


def test_F14_all_views_are_looked_at_in_batches(servers):
    first, _ = servers
    made = [a_view(first, every("1h"), next_due_at=T0 + 300 * DAY) for _ in range(7)]
    after, batches = 0, 0
    while after is not None:
        after = first.due.realign(T0, after, 3)
        batches += 1

    assert batches == 3
    assert {seen(first, view).next_due_at for view in made} == {T0 + HOUR}
