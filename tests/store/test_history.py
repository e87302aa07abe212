"""The past of views in the store: refreshes, versions, decisions."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from jupyter_views.core.deciding import DecisionLog
from jupyter_views.core.errors import Unavailable
from jupyter_views.core.history import HistoryService, collapsed
from jupyter_views.core.model import Cause, Changes, Decision, Status

from .past import DAY, MINUTE, START, Past, ran, sha
from .shared import remove

SCHEDULE = {"kind": "schedule"}


@pytest.fixture
def past(tmp_path):
    made = Past(tmp_path)
    yield made
    made.close()


def refreshes(past, view_id, after=None, limit=20_000):
    return past.store.history.refreshes(view_id, after, limit)


def entries(past, view_id):
    return list(collapsed(refreshes(past, view_id)))


def test_a_history_is_what_refreshed_a_view_and_what_it_was_saved_with_newest_first(past):
    other = past.view(at=5)
    view_id = past.view("SELECT 1", at=0)
    (late, failed) = past.statements(
        ran(at=2 * MINUTE, rows="b", view_id=view_id, cause={"kind": "asked", "by": "bo"}),
        ran(
            at=1 * MINUTE,
            view_id=view_id,
            status="FAILED",
            cause={"kind": "source_changed", "sources": ["a.csv"]},
            error={"code": "TIMED_OUT", "message": "Too slow."},
        ),
    )
    past.statements(ran(at=3 * MINUTE, rows="c", view_id=other))

    newest, middle, oldest = refreshes(past, view_id)

    assert [newest.id, middle.id] == [late, failed]
    assert newest.cause == Cause(kind="asked", by="bo")
    assert (newest.sha256, newest.row_count, newest.size_bytes) == (sha("b"), 1, 100)
    assert (newest.method, newest.duration_us, newest.version) == ("full", 2000, 1)
    assert middle.status is Status.FAILED
    assert middle.cause == Cause(kind="source_changed", sources=("a.csv",))
    assert (middle.error or {})["code"] == "TIMED_OUT"
    assert (middle.sha256, middle.row_count) == (None, None)
    assert oldest.cause == Cause(kind="saved", by="ana")
    assert [each.id for each in refreshes(past, other)] == ["stmt_000005", "stmt_000001"]


def test_a_refresh_names_the_version_whose_query_it_ran_at_its_time(past):
    view_id = past.view("SELECT 1", at=0)
    (second,) = past.statements(ran(at=2 * MINUTE, rows="b", view_id=None, sql="SELECT 2"))
    past.version(view_id, 2, second, "SELECT 2", at=2 * MINUTE + 1)
    past.version(view_id, 3, second, "SELECT 1", at=4 * MINUTE)
    past.version(view_id, 4, second, "SELECT 1", at=5 * MINUTE, params={"n": 1})
    past.statements(
        ran(at=1 * MINUTE, rows="x", view_id=view_id),
        ran(at=3 * MINUTE, rows="x", view_id=view_id, sql="SELECT 2"),
        ran(at=6 * MINUTE, rows="x", view_id=view_id),
        ran(at=7 * MINUTE, rows="x", view_id=view_id, params={"n": 1}),
        ran(at=8 * MINUTE, rows="x", view_id=view_id, params={"n": 2}),
    )

    assert [each.version for each in refreshes(past, view_id)] == [None, 4, 3, 2, 2, 1, 1]


def test_rows_that_a_person_saved_again_are_of_the_history_while_they_are_current(past):
    view_id = past.view()
    (again,) = past.statements(ran(at=MINUTE, rows="again", view_id=None))
    assert len(refreshes(past, view_id)) == 1

    past.serve(view_id, again)

    assert refreshes(past, view_id)[0].id == again
    assert past.store.history.statement(view_id, again).id == again


def test_a_statement_of_another_view_is_none_of_this_one(past):
    first, second = past.view(), past.view(at=1)
    mine, theirs, nobodys = past.statements(
        ran(at=2, rows="a", view_id=first),
        ran(at=3, rows="b", view_id=second),
        ran(at=4, rows="c", view_id=None),
    )
    find = past.store.history.statement

    assert find(first, mine).id == mine
    assert find(first, theirs) is find(first, nobodys) is find(first, "stmt_nothing") is None
    assert find(first, "stmt_000001").result.sha256 == sha("first")


def test_the_rows_before_are_the_newest_others_that_are_stored(past):
    view_id = past.view(rows="a")
    _, _, b, _, c1, c2 = past.statements(
        ran(at=1 * MINUTE, rows="a", view_id=view_id),
        ran(at=2 * MINUTE, rows=None, view_id=view_id),
        ran(at=3 * MINUTE, rows="b", view_id=view_id),
        ran(at=4 * MINUTE, view_id=view_id, status="FAILED"),
        ran(at=5 * MINUTE, rows="c", view_id=view_id),
        ran(at=6 * MINUTE, rows="c", view_id=view_id),
    )
    other = past.store.history.other_rows

    assert other(view_id, sha("c"), (START + 6 * MINUTE, c2)).id == b
    assert other(view_id, sha("c"), (START + 5 * MINUTE, c1)).id == b
    assert other(view_id, sha("b"), (START + 3 * MINUTE, b)).id == "stmt_000002"
    assert other(view_id, sha("b"), None).id == c2
    assert other(view_id, sha("a"), (START + 1 * MINUTE, "stmt_000002")) is None


def test_equal_refreshes_in_a_row_are_one_entry(past):
    view_id = past.view(rows="a")
    error = {"code": "TIMED_OUT", "message": "Too slow."}
    past.statements(
        *(ran(at=n * MINUTE, rows="a", view_id=view_id, cause=SCHEDULE) for n in (1, 2, 3)),
        ran(at=4 * MINUTE, rows="b", view_id=view_id, cause=SCHEDULE),
        ran(at=5 * MINUTE, rows="b", view_id=view_id, cause=SCHEDULE),
        ran(at=6 * MINUTE, view_id=view_id, status="FAILED", cause=SCHEDULE, error=error),
        ran(at=7 * MINUTE, view_id=view_id, status="FAILED", cause=SCHEDULE, error=error),
        ran(
            at=8 * MINUTE,
            view_id=view_id,
            status="FAILED",
            cause=SCHEDULE,
            error={"code": "TIMED_OUT", "message": "Otherwise slow."},
        ),
        ran(at=9 * MINUTE, rows="b", view_id=view_id, cause=SCHEDULE),
        ran(at=10 * MINUTE, rows="b", view_id=view_id, cause={"kind": "asked"}),
        ran(at=11 * MINUTE, view_id=view_id, status="RUNNING", cause={"kind": "asked"}),
    )

    found = [(e.refresh.status.value, e.is_unchanged, e.count) for e in entries(past, view_id)]

    assert found == [
        ("RUNNING", None, 1),
        ("SUCCESS", True, 1),
        ("SUCCESS", True, 1),
        ("FAILED", None, 1),
        ("FAILED", None, 2),
        ("SUCCESS", True, 1),
        ("SUCCESS", False, 1),
        ("SUCCESS", True, 3),
        ("SUCCESS", None, 1),
    ]
    run = entries(past, view_id)[-2]
    assert run.refresh.submitted_at == START + 3 * MINUTE
    assert run.first[0] == START + 1 * MINUTE


def test_what_a_refresh_changed_outlives_its_rows(past):
    view_id = past.view(rows="a")
    same, other = past.statements(
        ran(at=1 * MINUTE, rows=None, view_id=view_id),
        ran(at=2 * MINUTE, rows=None, view_id=view_id),
    )
    past.store.history.note_changes(same, Changes(added=0, removed=0, changed=0))
    past.store.history.note_changes(other, Changes(added=3, removed=2, changed=1))

    newest, older, _ = entries(past, view_id)

    assert (newest.refresh.changes, newest.is_unchanged) == (
        Changes(added=3, removed=2, changed=1),
        False,
    )
    assert older.is_unchanged


def service(past):
    return HistoryService(
        rows=past.store.history,
        engine=None,
        files=past.store.files,
        cache=past.store.cache,
        log=logging.getLogger("history"),
    )


def test_ten_thousand_refreshes_of_one_view_are_paged_by_a_mark(past):
    view_id, other = past.view(rows="0"), past.view(at=1)
    past.statements(
        *(
            ran(at=n * MINUTE, rows=str(n // 100), view_id=view_id, cause=SCHEDULE)
            for n in range(1, 10_001)
        ),
        *(ran(at=n * MINUTE, rows="x", view_id=other, cause=SCHEDULE) for n in range(1, 500)),
    )
    view = past.store.views.find(view_id)

    async def pages():
        found, after = [], None
        while True:
            items, after = await service(past).page(view, 7, after)
            assert len(items) == 7 or after is None
            found += items
            if after is None:
                return found

    found = asyncio.run(pages())

    assert sum(entry.count for entry in found) == 10_001
    assert [entry.count for entry in found[:5]] == [1, 99, 1, 99, 1]
    assert [(e.refresh.id, e.count) for e in found] == [
        (e.refresh.id, e.count) for e in entries(past, view_id)
    ]


def test_pages_of_a_long_past_are_found_by_the_index_and_not_by_sorting(past):
    view_id = past.view()
    past.statements(*(ran(at=n * MINUTE, view_id=view_id, rows=None) for n in range(2000)))
    asked: list[str] = []

    with past.store.database.read() as connection:
        raw = connection.connection.dbapi_connection
        raw.set_trace_callback(asked.append)
    refreshes(past, view_id, (START + 1000 * MINUTE, "stmt_x"), 50)
    past.store.history.other_rows(view_id, sha("x"), None)
    raw.set_trace_callback(None)

    paged = [text for text in asked if "ORDER BY statements.submitted_at" in text]
    assert len(paged) == 4
    for text in paged:
        with past.store.database.read() as connection:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        assert not any(line.startswith("SCAN statements") for line in plan), plan
        if "WHERE statements.view_id =" in text:
            assert any("ix_statements_view_id_submitted_at" in line for line in plan), plan
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_versions_come_newest_first_below_a_number(past):
    view_id = past.view()
    (statement,) = past.statements(ran(at=1, rows="b", view_id=None))
    for n in range(2, 6):
        past.version(view_id, n, statement, f"SELECT {n}", at=n)
    store = past.store.history

    assert [each.n for each in store.versions(view_id, None, 3)] == [5, 4, 3]
    assert [each.n for each in store.versions(view_id, 3, 3)] == [2, 1]
    third = store.version(view_id, 3)
    assert (third.n, third.query.sql, third.note, third.author) == (3, "SELECT 3", "note 3", "ana")
    assert store.version(view_id, 6) is None
    assert store.version(view_id + 1, 1) is None


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> int:
        self.time += 1
        return self.time

    def monotonic(self) -> float:
        return self.time / 1e6


def a_log(rows) -> DecisionLog:
    return DecisionLog(rows=rows, clock=Clock(), log=logging.getLogger("decisions"))


def told(lines) -> list[tuple[str, str, int]]:
    return [(line.kind, line.text, line.count) for line in lines]


async def test_equal_lines_in_a_row_are_one_with_how_often_and_until_when(past):
    view_id, other = past.view(), past.view(at=1)
    log = a_log(past.store.history)
    for text in ("a.csv changed", "a.csv changed", "b.csv changed", "a.csv changed"):
        log.note(view_id, "changed", text)
        log.note(other, "skipped", "its upstream failed")

    lines = await log.page(view_id)

    assert told(lines) == [
        ("changed", "a.csv changed", 1),
        ("changed", "b.csv changed", 1),
        ("changed", "a.csv changed", 2),
    ]
    assert lines[-1].last_at > lines[-1].at
    log.note(view_id, "changed", "a.csv changed")
    log.note(view_id, "changed", "a.csv changed")
    log.note(view_id, "refreshed", "5 rows")
    assert told(await log.page(view_id))[:2] == [
        ("refreshed", "5 rows", 1),
        ("changed", "a.csv changed", 3),
    ]
    assert told(await log.page(other)) == [("skipped", "its upstream failed", 4)]


async def test_the_newest_two_hundred_lines_of_a_view_are_kept(past):
    view_id, other = past.view(), past.view(at=1)
    log = a_log(past.store.history)
    log.note(other, "due", "due")
    for n in range(450):
        log.note(view_id, "refreshed", f"{n} rows")
        if n % 100 == 0:
            await log.page(view_id)

    lines = await log.page(view_id)

    assert [line.text for line in lines] == [f"{n} rows" for n in range(449, 249, -1)]
    assert len(await log.page(other)) == 1


async def test_lines_of_a_deleted_view_are_dropped_and_those_of_others_are_not(past):
    view_id, gone = past.view(), past.view(at=1)
    log = a_log(past.store.history)
    log.note(gone, "due", "due")
    remove(past.store.views, gone)
    log.note(gone, "started", "refresh started")
    log.note(view_id, "due", "due")

    assert told(await log.page(view_id)) == [("due", "due", 1)]
    assert await log.page(gone) == ()
    assert past.store.database.check() == []


async def test_lines_are_written_by_themselves_and_at_the_end(past):
    view_id = past.view()
    log = a_log(past.store.history)
    await log.start()
    log.note(view_id, "due", "due")
    until = time.monotonic() + 10
    while not past.store.history.decisions(view_id):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    log.note(view_id, "started", "refresh started")
    await log.stop()

    assert told(past.store.history.decisions(view_id)) == [
        ("started", "refresh started", 1),
        ("due", "due", 1),
    ]


async def test_noting_does_not_wait_for_a_store_that_is_slow(past):
    class Slow:
        """The real store behind a gate."""

        def __init__(self) -> None:
            self.gate = threading.Event()

        def write_decisions(self, lines: tuple[Decision, ...]) -> None:
            assert self.gate.wait(20)
            past.store.history.write_decisions(lines)

        def decisions(self, view_id: int) -> tuple[Decision, ...]:
            return past.store.history.decisions(view_id)

    view_id, slow = past.view(), Slow()
    log = a_log(slow)
    log.note(view_id, "due", "0")
    reading = asyncio.create_task(log.page(view_id))
    await asyncio.sleep(0)
    for n in range(1, 5000):
        log.note(view_id, "due", str(n))
    assert not reading.done()
    slow.gate.set()

    assert told(await reading) == [("due", "0", 1)]
    assert (await log.page(view_id))[0].text == "4999"


async def test_F22_a_store_that_cannot_be_written_to_loses_only_old_lines(past, tmp_path):
    view_id, busy = past.view(), past.view(at=1)
    file = tmp_path / "store" / "views.sqlite"
    log = a_log(past.store.history)
    await log.start()
    log.note(view_id, "due", "before")
    file.rename(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        await log.page(view_id)
    log.note(view_id, "due", "before")
    for n in range(25_000):
        log.note(busy, "due", str(n))
    log.note(view_id, "due", "after")
    with pytest.raises(Unavailable):
        await log.page(view_id)

    (tmp_path / "elsewhere").rename(file)
    await log.stop()

    assert [line.text for line in past.store.history.decisions(view_id)] == ["after"]
    kept = [line.text for line in past.store.history.decisions(busy)]
    assert kept == [str(n) for n in range(24_999, 24_799, -1)]


def test_days_of_equal_refreshes_are_one_line(past):
    view_id = past.view(rows="same")
    past.statements(
        *(ran(at=n * MINUTE, rows="same", view_id=view_id, cause=SCHEDULE) for n in range(1, 1440))
    )

    (run, saved) = entries(past, view_id)

    assert (run.count, saved.count) == (1439, 1)
    assert run.refresh.submitted_at - run.first[0] < DAY
