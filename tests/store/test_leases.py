"""A statement in flight is one server's, under a number that only grows."""

from __future__ import annotations

import os
import threading
import time

import pytest

from jupyter_views.core.leases import LeaseLost
from jupyter_views.core.model import SECOND, Rule, Status, Strategy

from .shared import (
    ERROR,
    T0,
    a_refresh,
    a_result,
    a_server,
    a_statement,
    a_view,
    fail,
    lease_of,
    seen,
    succeed,
)


@pytest.fixture
def servers(tmp_path):
    made = [a_server(tmp_path) for _ in range(3)]
    yield made
    for server in made:
        server.close()


def taken_over(server, statement):
    """The statement under its next number, held by this server now."""
    taken = server.statements.take_over(lease_of(server, statement), ERROR, T0 + SECOND)
    assert taken is not None
    return taken


def test_a_statement_is_held_by_the_server_that_it_was_submitted_to(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())

    lease = lease_of(second, statement)

    assert lease.server_id == first.lock.server_id
    assert (lease.fence, lease.beat, lease.is_abandoned) == (0, 0, False)


def test_what_has_ended_has_no_lease(servers):
    first, second, _ = servers
    for end in (succeed, fail):
        end(first, first.statements.submit(a_statement()))

    assert second.statements.leases() == []


def test_the_holder_raises_the_counter_and_nobody_else_can(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())

    assert first.statements.beat({statement.id: 0}) == set()
    assert second.statements.beat({statement.id: 0}) == {statement.id}
    assert lease_of(second, statement).beat == 1


def test_one_write_raises_the_counters_of_all_that_a_server_holds(servers):
    first, second, _ = servers
    held = {first.statements.submit(a_statement()).id: 0 for _ in range(20)}

    assert first.statements.beat(held | {"stmt_unknown": 0}) == {"stmt_unknown"}

    assert {lease.beat for lease in second.statements.leases()} == {1}


def test_a_server_that_died_on_this_host_is_known_to_be_dead_at_once(tmp_path, servers):
    _, second, _ = servers
    dead = a_server(tmp_path)
    statement = dead.statements.submit(a_statement())
    dead.close()

    assert lease_of(second, statement).is_abandoned


def test_a_server_of_another_host_is_never_judged_by_a_lock_that_is_not_here(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())
    elsewhere = "0badc0de-0123456789abcdef"
    with first.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE statements SET server_id = '{elsewhere}'")
    scratch = second.files.scratch.parent / elsewhere
    scratch.mkdir()

    second.clean(0, 0)

    assert not lease_of(second, statement).is_abandoned
    assert scratch.exists()


def test_servers_of_one_host_and_folder_share_a_mark_and_others_do_not(tmp_path, servers):
    other = a_server(tmp_path / "other")
    marks = {server.lock.server_id.partition("-")[0] for server in servers}

    assert len(marks) == 1
    assert other.lock.server_id.partition("-")[0] not in marks
    assert other.lock.is_alive(servers[0].lock.server_id)
    other.close()


def test_what_waited_goes_to_the_server_that_takes_it_under_the_next_number(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())

    taken, view_ids = taken_over(second, statement)

    assert (taken.status, taken.fence, view_ids) == (Status.QUEUED, 1, [])
    assert lease_of(first, statement).server_id == second.lock.server_id
    assert first.statements.beat({statement.id: 0}) == {statement.id}
    succeed(second, taken)
    assert second.statements.find(statement.id).status is Status.SUCCESS


def test_what_ran_has_failed_when_its_server_is_gone_and_its_view_tries_again(servers):
    first, second, _ = servers
    view = a_view(first)
    refresh = a_refresh(first, view)
    first.statements.start(refresh.id, refresh.fence, T0)

    ended, view_ids = taken_over(second, refresh)

    assert (ended.status, ended.error) == (Status.FAILED, ERROR)
    assert view_ids == [view.id]
    after = seen(second, view)
    assert (after.refreshing, after.failures) == (None, 1)
    assert after.retry_at == after.next_due_at == T0 + 6 * SECOND
    assert after.current.id == view.current.id


@pytest.mark.parametrize("was_running", [True, False])
def test_F15_nothing_that_a_late_server_brings_is_taken(servers, was_running):
    first, second, _ = servers
    view = a_view(first)
    refresh = a_refresh(first, view)
    if was_running:
        first.statements.start(refresh.id, refresh.fence, T0)
    taken_over(second, refresh)
    before = second.statements.find(refresh.id)

    for late in (
        lambda: first.statements.start(refresh.id, 0, T0),
        lambda: succeed(first, refresh),
        lambda: fail(first, refresh),
    ):
        with pytest.raises(LeaseLost):
            late()

    assert second.statements.find(refresh.id) == before
    assert seen(second, view).current.id == view.current.id
    assert second.database.check() == []


def test_F15_the_file_of_a_late_result_is_swept(tmp_path, servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())
    taken_over(second, statement)
    result = a_result()
    made = first.files.scratch / "late.arrow"
    made.write_bytes(b"rows")
    late = first.files.adopt_result(str(made), result.sha256)
    with pytest.raises(LeaseLost):
        first.statements.succeed(statement.id, 0, result, started_at=T0, at=T0)
    old = time.time() - 7200
    os.utime(late, (old, old))

    second.clean(0, 0)

    assert not late.exists()


def test_a_server_that_lost_a_statement_and_regained_it_is_bound_by_the_new_number(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())
    taken_over(second, statement)
    regained, _ = taken_over(first, statement)

    with pytest.raises(LeaseLost):
        succeed(first, statement)

    assert regained.fence == 2
    assert first.statements.beat({statement.id: 0}) == {statement.id}
    succeed(first, regained)
    assert first.statements.find(statement.id).status is Status.SUCCESS


def test_of_two_servers_that_take_one_lease_one_gets_it(servers):
    first, second, third = servers
    statement = first.statements.submit(a_statement())
    lease = lease_of(second, statement)

    assert second.statements.take_over(lease, ERROR, T0) is not None
    assert third.statements.take_over(lease, ERROR, T0) is None
    assert lease_of(first, statement).server_id == second.lock.server_id


def test_a_holder_that_lives_after_all_keeps_what_somebody_was_about_to_take(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())
    lease = lease_of(second, statement)
    first.statements.beat({statement.id: 0})

    assert second.statements.take_over(lease, ERROR, T0) is None

    succeed(first, statement)


def test_what_ended_meanwhile_stays_as_it_ended(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())
    lease = lease_of(second, statement)
    succeed(first, statement)

    taken = second.statements.take_over(lease, ERROR, T0)

    assert taken is None or taken[0].status is Status.SUCCESS
    assert second.statements.find(statement.id).status is Status.SUCCESS


def test_canceling_takes_a_statement_from_whoever_holds_it(servers):
    first, second, _ = servers
    view = a_view(first)
    refresh = a_refresh(first, view)
    first.statements.start(refresh.id, refresh.fence, T0)

    assert second.statements.cancel(refresh.id, {"code": "CANCELED"}, T0) == [view.id]

    assert first.statements.beat({refresh.id: refresh.fence}) == {refresh.id}
    with pytest.raises(LeaseLost):
        succeed(first, refresh)
    after = seen(second, view)
    assert (after.refreshing, after.failures, after.next_due_at) == (None, 0, None)
    assert second.statements.find(refresh.id).status is Status.CANCELED


def test_a_server_that_stops_leaves_what_waits_to_any_other(servers):
    first, second, _ = servers
    statement = first.statements.submit(a_statement())
    kept = second.statements.submit(a_statement())

    first.statements.let_go()

    assert lease_of(second, statement).is_abandoned
    assert not lease_of(first, kept).is_abandoned
    taken, _ = taken_over(second, statement)
    succeed(second, taken)


def test_followers_end_with_what_they_wait_for_wherever_that_runs(servers):
    first, second, third = servers
    primary = first.statements.submit(a_statement("SELECT 1"))
    follower = second.statements.submit(a_statement("SELECT 1"))
    assert follower.strategy is Strategy.AWAIT_PRIMARY

    assert [lease.statement_id for lease in third.statements.leases()] == [primary.id]
    taken, _ = taken_over(third, primary)
    succeed(third, taken)

    ended = second.statements.find(follower.id)
    assert (ended.status, ended.result) == (
        Status.SUCCESS,
        third.statements.find(primary.id).result,
    )


def test_who_waits_for_a_canceled_statement_is_not_left_waiting_when_its_server_dies(
    tmp_path, servers
):
    _, second, _ = servers
    dead = a_server(tmp_path)
    primary = dead.statements.submit(a_statement("SELECT 1"))
    dead.statements.start(primary.id, primary.fence, T0)
    follower = second.statements.submit(a_statement("SELECT 1"))
    dead.statements.detach(primary.id, {"code": "CANCELED"}, T0)
    dead.close()

    lease = lease_of(second, primary)
    second.statements.take_over(lease, ERROR, T0)

    assert lease.is_abandoned
    assert second.statements.find(primary.id).status is Status.CANCELED
    assert second.statements.find(follower.id).status is Status.FAILED
    assert second.statements.leases() == []


def test_I5_of_equal_statements_submitted_at_once_to_all_servers_one_is_held(servers):
    stored = []

    def submit(server):
        stored.append(server.statements.submit(a_statement("SELECT 'same'")))

    threads = [threading.Thread(target=submit, args=(server,)) for server in servers * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    primaries = [each for each in stored if each.strategy is Strategy.EXECUTE]
    assert len(stored) == 12
    assert len(primaries) == 1
    assert [lease.statement_id for lease in servers[0].statements.leases()] == [primaries[0].id]


def test_looking_for_leases_reads_no_statement_that_has_ended(servers):
    first, second, _ = servers
    for _ in range(20):
        succeed(first, first.statements.submit(a_statement()))
    asked = []
    with second.database.read() as connection:
        raw = connection.connection.dbapi_connection
    raw.set_trace_callback(asked.append)
    second.statements.leases()
    raw.set_trace_callback(None)

    (looked,) = [text for text in asked if "beat" in text]
    with second.database.read() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {looked}")]
    assert not any(line.startswith("SCAN") for line in plan), plan


def test_a_failed_refresh_is_due_again_only_where_the_server_refreshes_by_itself(servers):
    first, *_ = servers
    by_readers = a_view(first, auto_refresh=False)
    scheduled = a_view(
        first, Rule(schedule="1h"), auto_refresh=False, next_due_at=T0 + 3600 * SECOND
    )
    by_itself = a_view(first)
    for view in (by_readers, scheduled, by_itself):
        fail(first, a_refresh(first, view))

    due = [seen(first, view).next_due_at for view in (by_readers, scheduled, by_itself)]

    assert due == [None, T0 + 5 * SECOND, T0 + 5 * SECOND]


def test_F21_the_slots_of_a_schedule_are_put_off_while_refreshes_fail(servers):
    first, *_ = servers
    now = T0
    view = a_view(first, Rule(schedule="10s"), next_due_at=now)
    waits = []
    for _ in range(12):
        assert first.due.claim(now, 20)
        fail(first, a_refresh(first, view), now)
        stands = seen(first, view)
        assert stands.next_due_at == stands.retry_at
        waits.append((stands.retry_at - now) // SECOND)
        now = stands.retry_at
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]

    assert first.due.claim(now, 20)
    succeed(first, a_refresh(first, view), now)
    assert seen(first, view).next_due_at == now + 10 * SECOND


def test_F14_F21_a_restart_does_not_bring_back_slots_that_a_back_off_put_off(servers):
    first, *_ = servers
    view = a_view(first, Rule(schedule="10s"), next_due_at=T0)
    for _ in range(9):
        fail(first, a_refresh(first, view), T0)

    first.due.realign(T0 + SECOND, 0, 20)

    assert seen(first, view).next_due_at == T0 + 1280 * SECOND


def test_back_off_doubles_up_to_an_hour_and_a_success_clears_it(servers):
    first, *_ = servers
    view = a_view(first)
    waits = []
    for _ in range(13):
        fail(first, a_refresh(first, view))
        waits.append((seen(first, view).retry_at - T0) // SECOND)
    first.views.note_changed(view.id, T0)

    succeed(first, a_refresh(first, view), T0 + SECOND)

    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]
    after = seen(first, view)
    assert (after.failures, after.retry_at) == (0, 0)
    assert (after.changed_at, after.next_due_at) == (None, None)


def test_a_success_takes_back_the_next_try_and_keeps_the_schedules_slot(servers):
    first, *_ = servers
    slot = T0 + 3600 * SECOND
    view = a_view(first, Rule(schedule="1h"), next_due_at=slot)

    succeed(first, a_refresh(first, view), T0 + SECOND)
    kept = seen(first, view).next_due_at
    fail(first, a_refresh(first, view), T0 + 2 * SECOND)
    retry = seen(first, view).next_due_at
    succeed(first, a_refresh(first, view), T0 + 3 * SECOND)

    assert (kept, retry) == (slot, T0 + 7 * SECOND)
    assert seen(first, view).next_due_at == T0 + 3603 * SECOND
