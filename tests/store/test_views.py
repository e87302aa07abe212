"""Views in the store: read whole, and remembered until anybody commits."""

from __future__ import annotations

import pytest

from jupyter_views.core.deeds import deed
from jupyter_views.core.model import Changes, InsightDoor, PerspectiveDoor, Rule, Status
from jupyter_views.core.ports import Signature
from jupyter_views.store.database import Memo

from .shared import (
    ERROR,
    T0,
    a_refresh,
    a_result,
    a_server,
    a_statement,
    a_view,
    fail,
    remove,
    seen,
    succeed,
)


@pytest.fixture
def servers(tmp_path):
    opened = [a_server(tmp_path), a_server(tmp_path)]
    yield opened
    for server in opened:
        server.close()


def test_a_view_known_by_its_key_is_forgotten_at_the_next_commit_of_anybody(servers):
    mine, theirs = servers
    view, other = a_view(mine), a_view(mine)

    assert mine.views.known_by_short_id(view.short_id) is None
    found = mine.views.find_by_short_id(view.short_id)
    assert mine.views.known_by_short_id(view.short_id) is found
    remove(theirs.views, other.id)
    assert mine.views.known_by_short_id(view.short_id) is None
    mine.views.find_by_short_id(view.short_id)
    remove(theirs.views, view.id)

    assert mine.views.known_by_short_id(view.short_id) is None
    assert mine.views.find_by_short_id(view.short_id) is None


def test_a_row_that_was_read_before_a_commit_is_not_remembered_after_it(servers):
    mine, theirs = servers
    other = a_view(mine)
    memo: Memo[str] = Memo(mine.database)
    before = mine.database.version()
    remove(theirs.views, other.id)

    assert memo.get("v") is None
    memo.put("v", "as it was", before)
    assert memo.get("v") is None
    memo.put("v", "as it is", mine.database.version())
    assert memo.get("v") == "as it is"
    memo.put("w", "late", before)
    assert memo.get("w") is None


def test_a_view_found_by_one_of_its_names_is_known_by_the_others(servers):
    mine, _ = servers
    view = a_view(mine, perspective=PerspectiveDoor(id="p1", slug="sales"))

    assert mine.views.known_by_slug("sales") is None
    found = mine.views.find(view.id)

    assert mine.views.known(view.id) is found
    assert mine.views.known_by_slug("sales") is found
    assert mine.views.known_by_short_id(view.short_id) is found


def test_a_name_that_went_over_to_another_view_does_not_lead_to_the_old_one(servers):
    mine, theirs = servers
    first = a_view(
        mine,
        perspective=PerspectiveDoor(id="p1", slug="sales"),
        insight=InsightDoor(),
    )
    mine.views.find_by_slug("sales")
    theirs.views.close(
        first,
        "perspective",
        first.rule,
        by="ana",
        at=T0,
        activity=deed(first, "ana", "updated", T0),
    )
    second = a_view(theirs, perspective=PerspectiveDoor(id="p2", slug="sales"))

    assert mine.views.find(first.id) is not None
    assert mine.views.known_by_slug("sales") is None
    assert mine.views.find_by_slug("sales").id == second.id


def test_a_refresh_that_brought_the_same_rows_says_so_in_the_commit_that_serves_them(servers):
    mine, _ = servers
    view = a_view(mine)
    before = seen(mine, view).current.result
    same = a_refresh(mine, view)
    rows = a_result(sha256=before.sha256)
    mine.statements.succeed(same.id, same.fence, rows, started_at=T0, at=T0)
    assert seen(mine, view).current.changes == Changes(added=0, removed=0, changed=0)

    other = a_refresh(mine, view)
    succeed(mine, other)
    assert seen(mine, view).current.changes is None


def test_a_signature_of_many_files_comes_back_as_it_was_stored(servers):
    mine, theirs = servers
    entries = tuple((f"part-{at:05} 'ü'.csv", f"{at:x}-1-2-3-4;{at:064x}?") for at in range(10_000))
    signatures = (
        Signature(name="*.csv", kind="file", strength="exact", entries=entries, provisional=True),
        Signature(name="now", kind="probe", strength="none"),
    )
    ran = mine.statements.submit(a_statement())
    result = a_result(signatures=signatures)
    mine.statements.succeed(ran.id, ran.fence, result, started_at=T0, at=T0)

    assert theirs.statements.find(ran.id).result == result
    mine.statements.confirm(result.id, signatures[1:])
    assert theirs.statements.find(ran.id).result.signatures == signatures[1:]


def test_a_refresh_that_was_decided_on_rows_that_are_gone_is_needless(servers):
    mine, theirs = servers
    view = a_view(mine)
    decided_on = view.current.id
    quicker = a_refresh(theirs, view)
    succeed(theirs, quicker)

    late = a_statement(view.version.query.sql, view_id=view.id)

    assert mine.statements.submit(late, replaces=decided_on).id == quicker.id
    assert mine.statements.find(late.id) is None
    assert seen(mine, view).refreshing is None
    assert mine.statements.submit(late, replaces=quicker.id).id == late.id


def test_a_refresh_that_another_server_has_just_failed_at_waits_for_the_next_try(servers):
    mine, theirs = servers
    view = a_view(mine)
    quicker = a_refresh(theirs, view)
    fail(theirs, quicker, at=T0)
    next_try = seen(mine, view).retry_at
    early, due = (
        a_statement(view.version.query.sql, view_id=view.id, submitted_at=at)
        for at in (next_try - 1, next_try)
    )

    assert mine.statements.submit(early, replaces=view.current.id).id == quicker.id
    assert seen(mine, view).failures == 1
    assert mine.statements.submit(due, replaces=view.current.id).id == due.id


def test_who_sets_a_schedule_does_not_wait_for_what_failed_before(servers):
    mine, _ = servers
    view = a_view(mine)
    fail(mine, a_refresh(mine, view), at=T0)
    failing = seen(mine, view)
    assert failing.retry_at > T0 + 1

    fields = {"rule": Rule(schedule="24h"), "next_due_at": T0 + 1}
    mine.views.update(failing, fields, by="ana", at=T0, activity=None)
    (claim,) = mine.due.claim(T0 + 1, 10)
    due = a_statement(view.version.query.sql, view_id=view.id, submitted_at=T0 + 1)

    assert (claim.view_id, claim.is_scheduled) == (view.id, True)
    assert mine.statements.submit(due, replaces=view.current.id).id == due.id


def test_a_statement_that_was_canceled_while_others_waited_for_it_stays_canceled(servers):
    mine, theirs = servers
    first = mine.statements.submit(a_statement("SELECT 1"))
    follower = theirs.statements.submit(a_statement("SELECT 1"))
    mine.statements.detach(first.id, ERROR, T0)

    result = a_result()
    is_wanted, _ = mine.statements.succeed(first.id, first.fence, result, started_at=T0, at=T0)

    assert not is_wanted
    assert mine.statements.find(first.id).status is Status.CANCELED
    assert mine.statements.find(follower.id).result == result


def test_what_somebody_canceled_does_not_keep_a_schedule_from_its_refresh(servers):
    mine, _ = servers
    view = a_view(mine)
    fail(mine, a_refresh(mine, view), at=T0)
    canceled = mine.statements.submit(a_statement(view.version.query.sql, view_id=view.id))
    mine.statements.cancel(canceled.id, ERROR, T0)
    early = a_statement(view.version.query.sql, view_id=view.id, submitted_at=T0 + 1)

    assert mine.statements.submit(early, replaces=view.current.id).id == early.id


def test_a_run_with_other_values_that_was_decided_on_rows_that_are_gone_is_needless(servers):
    mine, theirs = servers
    sql = "SELECT $other"
    quicker = theirs.statements.submit(a_statement(sql, variant_of=1), replaces="nothing yet")
    succeed(theirs, quicker)

    late = a_statement(sql, variant_of=1)

    assert mine.statements.submit(late, replaces="nothing yet").id == quicker.id
    assert mine.statements.find(late.id) is None
    assert mine.statements.submit(late, replaces=quicker.id).id == late.id
    succeed(mine, mine.statements.find(late.id))
    forced = a_statement(sql, variant_of=1)
    assert mine.statements.submit(forced).id == forced.id
