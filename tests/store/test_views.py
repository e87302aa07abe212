"""Views in the store: read whole, and remembered until anybody commits."""

from __future__ import annotations

import pytest

from jupyter_views.core.ports import Signature

from .shared import (
    T0,
    a_refresh,
    a_result,
    a_server,
    a_statement,
    a_view,
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
