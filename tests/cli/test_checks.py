"""What the doctor says of facts that no test machine has: full disks, jumped clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_views import _checks
from jupyter_views._version import __version__

NOW = datetime(2026, 11, 20, 14, 2, 30, tzinfo=UTC)


def wire(at):
    return at.isoformat().replace("+00:00", "Z")


def test_a_server_of_another_release_is_a_note():
    same = _checks.server("http://localhost:8888/", {"version": __version__})
    other = _checks.server("http://localhost:8888/", {"version": "99.0"})

    assert same.state == "ok"
    assert (other.state, "99.0" in other.text) == ("note", True)


@pytest.mark.parametrize(
    ("version", "reason", "state", "words"),
    [
        ("2.0.3", None, "ok", "DuckDB 2.0.3."),
        ("2.1.0", None, "problem", "was not tested"),
        (None, None, "problem", "is not installed"),
        ("2.0.3", "No worker answers.", "problem", "No worker answers."),
    ],
)
def test_the_engine_must_be_there_answer_and_be_of_the_tested_line(version, reason, state, words):
    found = _checks.engine(version, reason)

    assert (found.state, words in found.text) == (state, True)
    assert (found.next is None) is (state == "ok")


def test_a_missing_library_is_a_note_with_its_command():
    delta, iceberg = _checks.libraries({"deltalake": "1.2", "pyiceberg": None})

    assert (delta.state, delta.text) == ("ok", "deltalake 1.2.")
    assert (iceberg.state, iceberg.next) == ("note", "pip install pyiceberg")


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (59, "ok"), (-61, "problem")])
def test_clocks_may_be_a_minute_apart(seconds, state):
    assert _checks.clock(NOW, NOW + timedelta(seconds=seconds)).state == state


def test_a_clock_that_is_a_day_off_is_said_in_days():
    assert "1 d 0 h apart" in _checks.clock(NOW, NOW + timedelta(days=1)).text


@pytest.mark.parametrize(
    ("low", "spare", "state"), [(0, 0, "ok"), (0, 1 << 60, "note"), (1 << 60, 1 << 60, "problem")]
)
def test_a_disk_that_fills_up_is_a_note_and_then_a_problem(
    tmp_path, monkeypatch, low, spare, state
):
    monkeypatch.setattr(_checks, "LOW_DISK_BYTES", low)
    monkeypatch.setattr(_checks, "SPARE_DISK_BYTES", spare)

    (found,) = _checks.disk(tmp_path / "not" / "yet" / "there")

    assert found.state == state


def test_watches_near_their_limit_come_with_the_line_to_type():
    used = {"max_user_instances": 3, "max_user_watches": 7000}
    limits = {"max_user_instances": 128, "max_user_watches": 8192}

    found = _checks.watches(used, limits)

    assert (found.state, found.next) == (
        "problem",
        "sudo sysctl fs.inotify.max_user_watches=16384",
    )
    assert "7,000 of 8,192" in found.text


def test_watches_far_from_their_limit_and_systems_without_one_are_fine():
    used = {"max_user_instances": 3, "max_user_watches": 70}

    assert _checks.watches(used, dict.fromkeys(used, 8192)).state == "ok"
    assert _checks.watches(used, dict.fromkeys(used)).state == "ok"


@pytest.mark.parametrize(("mode", "words"), [("polling", "are polled"), ("off", "is watched")])
def test_another_way_of_noticing_than_events_is_a_note(mode, words):
    (found,) = _checks.watching(mode, ())

    assert (found.state, words in found.text) == ("note", True)


def a_view(**changes):
    return {
        "slug": "stock", "short_id": "a1", "status": "fresh", "row_count": 3, "is_stale": False,
        "stale_reason": None, "stale_since": None, "stale_sources": [], "auto_refresh": True,
        "last_refresh": None, **changes,
    }  # fmt: skip


def stale(hours, **changes):
    return a_view(
        status="stale",
        is_stale=True,
        stale_reason="source_changed",
        stale_sources=["stock.csv"],
        stale_since=wire(NOW - timedelta(hours=hours)),
        **changes,
    )


@pytest.mark.parametrize("facts", [a_view(), stale(0.5), a_view(status="refreshing")])
def test_a_view_in_order_is_not_mentioned(facts):
    assert _checks.served(facts, NOW) is None


@pytest.mark.parametrize(
    ("facts", "state", "text", "then"),
    [
        (a_view(row_count=None), "problem", "It has no rows.", "jupyter views refresh stock"),
        (
            a_view(
                status="failed",
                last_refresh={
                    "at": wire(NOW - timedelta(minutes=3)),
                    "error": {"message": "There is no file stock.csv."},
                },
            ),
            "problem",
            "Failed 3 min ago: There is no file stock.csv.",
            "jupyter views log stock",
        ),
        (stale(3), "problem", "Stale: stock.csv changed 3 h ago.", "jupyter views log stock"),
        (
            stale(3, auto_refresh=False),
            "note",
            "Stale: stock.csv changed 3 h ago. It does not refresh by itself (--no-auto).",
            "jupyter views refresh stock",
        ),
    ],
)
def test_a_view_that_needs_somebody_says_why_and_what_to_type(facts, state, text, then):
    found = _checks.served(facts, NOW)

    assert (found.about, found.state, found.text, found.next) == (
        "view stock",
        state,
        text,
        then,
    )


def test_an_unverifiable_view_is_a_note_with_two_ways_out():
    found = _checks.served(a_view(status="stale", stale_reason="unverifiable"), NOW)

    assert found.state == "note"
    assert "--max-age" in found.next
    assert "--changed-when" in found.next
