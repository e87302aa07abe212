"""What the store forgets of views, and what it keeps however old it is."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from jupyter_views.core.model import Instant
from jupyter_views.store.retention import Forgotten
from jupyter_views.store.tables import results, statements, views

from .past import DAY, HOUR, MINUTE, START, Past, ran, sha
from .shared import remove


@pytest.fixture
def past(tmp_path):
    made = Past(tmp_path, results_kept=3)
    yield made
    made.close()


def forget(past: Past, now: Instant) -> Forgotten:
    """What the server does each minute: rows go after 7 days, statements after 97."""
    now += START
    return past.store.retention.forget(now - 7 * DAY, now - 97 * DAY, superseded_before=now - HOUR)


def test_the_newest_distinct_results_of_a_view_are_kept_however_old_they_are(past):
    view_id = past.view(rows="saved")
    made = past.statements(
        *(ran(n * MINUTE, view_id, rows) for n, rows in enumerate("abccdbb", start=1))
    )

    forgotten = forget(past, 1000 * DAY)

    # d, and the newest of b and of c; the version's own rows as ever.
    assert past.with_rows() == {"stmt_000001", made[3], made[4], made[6]}
    assert set(forgotten.results) == {sha("a")}
    assert forget(past, 2000 * DAY) == Forgotten(results=(), frames=())
    assert past.with_rows() <= past.ids()
    assert past.store.database.check() == []


def test_older_results_of_a_view_go_after_an_hour_and_not_before(past):
    view_id = past.view()
    made = past.statements(*(ran(n * MINUTE, view_id, str(n)) for n in range(10)))

    forget(past, HOUR + 3 * MINUTE)
    assert past.with_rows() == {"stmt_000001", *made[3:]}
    forget(past, HOUR + 5 * MINUTE)
    assert past.with_rows() == {"stmt_000001", *made[5:]}
    forget(past, HOUR + 60 * MINUTE)
    assert past.with_rows() == {"stmt_000001", *made[7:]}


def test_what_a_view_serves_or_ran_last_and_what_a_version_names_stays(past):
    view_id = past.view()
    made = past.statements(*(ran(n * MINUTE, view_id, str(n)) for n in range(10)))
    past.version(view_id, 2, made[1], "SELECT 1", at=MINUTE)
    past.serve(view_id, made[2])
    with past.store.database.write() as connection:
        connection.execute(update(views).values(last_refresh_statement_id=made[3]))

    forget(past, 1000 * DAY)

    assert past.with_rows() == {"stmt_000001", *made[1:4], *made[7:]}


def test_rows_of_no_view_or_of_a_deleted_one_go_by_their_age(past):
    view_id = past.view()
    past.statements(*(ran(n, None, f"alone {n}") for n in range(5)))
    past.statements(*(ran(n, view_id, f"view {n}") for n in range(2)))
    forget(past, 6 * DAY)
    assert len(past.with_rows()) == 8

    remove(past.store.views, view_id)
    forgotten = forget(past, 8 * DAY)

    assert past.with_rows() == set()
    assert len(forgotten.results) == 8
    forget(past, 98 * DAY)
    assert past.ids() == set()


def test_a_file_that_another_row_names_is_not_forgotten(past):
    first, second = past.view(rows="a"), past.view(rows="b", at=1)
    past.statements(*(ran(n * MINUTE, first, str(n % 5)) for n in range(20)))
    (shared,) = past.statements(ran(0, second, "1"))

    forgotten = forget(past, 30 * DAY)

    assert set(forgotten.results) == {sha("0")}
    assert shared in past.with_rows()


def test_statements_beyond_the_newest_500_of_a_view_go_with_the_age_of_rows(past):
    view_id, other = past.view(), past.view(at=1)
    made = past.statements(*(ran(n * MINUTE, view_id, "same") for n in range(700)))
    failed = past.statements(*(ran(DAY + n, view_id, None, status="FAILED") for n in range(400)))
    past.statements(ran(2 * DAY, other, "x"))

    forget(past, 6 * DAY)
    assert len(past.ids()) == 1103

    forget(past, 9 * DAY)
    left = past.ids()
    assert set(failed) <= left
    assert set(made[-100:]) <= left
    assert len(left & set(made)) == 100
    assert {"stmt_000001", "stmt_000002"} <= left


def test_rows_that_are_kept_keep_their_statement_beyond_the_newest_500(past):
    view_id = past.view()
    (kept,) = past.statements(ran(0, view_id, "kept"))
    past.statements(*(ran(MINUTE + n, view_id, "same") for n in range(600)))

    forget(past, 200 * DAY)

    assert kept in past.with_rows()
    assert len(past.with_rows()) == 3


def test_followers_of_a_dropped_statement_stay_without_the_link(past):
    view_id = past.view()
    made = past.statements(*(ran(n, view_id, None, status="FAILED") for n in range(502)))
    with past.store.database.write() as connection:
        connection.execute(
            update(statements)
            .where(statements.c.id == made[-1])
            .values(primary_id=made[0], strategy="await_primary")
        )

    forget(past, 8 * DAY)

    assert made[0] not in past.ids()
    assert made[-1] in past.ids()
    assert past.store.database.check() == []


def test_of_thousands_of_statements_only_what_grew_old_is_looked_at(past):
    ids = [past.view(f"SELECT {n}", rows=f"r{n}", at=n) for n in range(20)]
    past.statements(
        *(ran(n * MINUTE + m, view_id, f"{n}") for n in range(300) for m, view_id in enumerate(ids))
    )
    forget(past, 300 * MINUTE + 2 * HOUR)
    assert len(past.with_rows()) == 20 * (1 + 3)
    asked: list[str] = []
    with past.store.database.read() as connection:
        raw = connection.connection.dbapi_connection
        raw.set_trace_callback(asked.append)

    forget(past, 301 * MINUTE + 2 * HOUR)

    raw.set_trace_callback(None)
    assert asked
    assert not any("row_number" in text for text in asked)
    with past.store.database.read() as connection:
        assert len(connection.execute(select(results.c.id)).all()) == 80


def test_a_new_server_finds_what_the_last_one_left(tmp_path, past):
    view_id = past.view()
    past.statements(*(ran(n * MINUTE, view_id, str(n)) for n in range(2000)))
    again = Past(tmp_path, results_kept=3)

    again.store.retention.forget(0, 0)

    assert len(again.with_rows()) == 4
    again.close()
