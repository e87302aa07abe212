from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from jupyter_views._past import (
    Difference,
    changes_words,
    clock,
    diff_text,
    history_text,
    log_text,
    sql_diff_text,
    version_numbers,
    versions_text,
    why_words,
)

AT = "2024-02-03T10:00:00Z"


def local(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def a_difference(**changes):
    facts = {
        "before": {"statement_id": "stmt_a"},
        "after": {"statement_id": "stmt_b"},
        "key": ["id"],
        "is_key_guessed": True,
        "added": 1,
        "removed": 1,
        "changed": 1,
        "columns": ["id", "pieces", "note"],
        "types": ["integer", "integer", "string"],
        "columns_added": [],
        "columns_removed": [],
        "columns_changed": [],
        "rows": [
            {"change": "added", "before": None, "after": [5, 10, None]},
            {"change": "removed", "before": [6, 3, "old"], "after": None},
            {"change": "changed", "before": [7, 4, "x"], "after": [7, 5, "x"]},
        ],
        **changes,
    }
    return Difference.from_facts(facts)


def test_a_difference_shows_counts_key_and_rows_with_their_signs():
    assert diff_text(a_difference()).splitlines() == [
        "1 row added, 1 removed, 1 changed.",
        "Rows are matched by id (guessed; --key COLUMN,COLUMN chooses).",
        "   id  pieces  note",
        "+  5   10      NULL",
        "-  6   3       old",
        "~  7   4 → 5   x",
    ]


def test_a_chosen_key_is_not_called_a_guess():
    text = diff_text(a_difference(is_key_guessed=False, key=["id", "day"]))

    assert "Rows are matched by id, day." in text


def test_without_a_key_it_says_that_whole_rows_were_counted():
    text = diff_text(a_difference(key=[]))

    assert "Whole rows were counted: no column identifies a row." in text
    assert "--key COLUMN,COLUMN" in text


def test_rows_that_are_not_shown_are_counted():
    assert diff_text(a_difference(added=1_000)).endswith("… 999 more")


def test_columns_that_came_went_or_changed_are_named():
    text = diff_text(
        a_difference(columns_added=["price"], columns_removed=["cost"], columns_changed=["day"])
    )

    assert text.splitlines()[1:4] == ["+ column price", "- column cost", "~ column day"]


def test_equal_results_are_said_to_be_equal():
    assert diff_text(a_difference(added=0, removed=0, changed=0, rows=[])) == (
        "Both results say the same."
    )


def test_the_differing_rows_as_a_frame_hold_a_changed_row_twice():
    frame = a_difference().df()

    assert list(frame.columns) == ["change", "id", "pieces", "note"]
    assert list(frame["change"]) == ["added", "removed", "before", "after"]
    assert list(frame["pieces"]) == [10, 3, 4, 5]


def test_numbers_that_came_as_text_are_numbers_with_every_digit():
    found = a_difference(
        types=["integer", "decimal", "string"],
        rows=[
            {
                "change": "changed",
                "before": ["9007199254740993", "0.0000000000", "5"],
                "after": ["9007199254740993", "12345678901234567890.10", None],
            }
        ],
    )

    assert found.rows == (
        (
            "changed",
            (9007199254740993, Decimal("0E-10"), "5"),
            (9007199254740993, Decimal("12345678901234567890.10"), None),
        ),
    )
    assert diff_text(found).splitlines()[-2].split(maxsplit=2) == [
        "~",
        "9007199254740993",
        "0.0000000000 → 12345678901234567890.10  5 → NULL",
    ]


def test_control_characters_in_a_difference_are_shown_and_not_obeyed():
    evil = "\x1b[2J"
    text = diff_text(
        a_difference(
            key=[evil],
            columns=["id", evil, "note"],
            types=["integer", "string", "string"],
            columns_added=[evil],
            rows=[{"change": "added", "before": None, "after": [1, evil, evil]}],
        )
    )

    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (None, ""),
        ({"added": 0, "removed": 0, "changed": 0}, "no row changed"),
        ({"added": 12, "removed": 0, "changed": 3}, "12 rows added, 3 changed"),
        ({"added": 0, "removed": 1, "changed": 0}, "1 row removed"),
        ({"added": 1_200, "removed": 2, "changed": 3}, "1,200 rows added, 2 removed, 3 changed"),
    ],
)
def test_changes_are_told_in_one_phrase(changes, words):
    assert changes_words(changes) == words


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (None, ""),
        ({"kind": "asked", "sources": [], "by": "ana"}, "ana asked"),
        ({"kind": "source_changed", "sources": ["a.csv"], "by": None}, "a.csv changed"),
        (
            {"kind": "source_changed", "sources": ["a", "b", "c", "d"], "by": None},
            "a, b and 2 more changed",
        ),
        ({"kind": "source_changed", "sources": [], "by": None}, "a source changed"),
        ({"kind": "read", "sources": ["a.csv"]}, "a.csv changed (noticed by a read)"),
        ({"kind": "read", "sources": []}, "read while stale"),
        ({"kind": "upstream", "sources": ["daily"]}, "the view daily changed"),
        ({"kind": "schedule", "sources": []}, "its time had come"),
        ({"kind": "retry", "sources": []}, "tried again"),
        ({"kind": "restored", "sources": [], "by": "ana"}, "restored"),
        ({"kind": "saved", "sources": []}, "saved"),
        ({"kind": "of_a_later_release", "sources": []}, "of_a_later_release"),
    ],
)
def test_a_cause_is_told_as_a_person_would(cause, words):
    assert why_words(cause) == words


def an_entry(**changes):
    return {
        "id": "stmt_1", "status": "SUCCESS", "cause": {"kind": "saved", "sources": []},
        "version": 1, "submitted_at": AT, "completed_at": AT, "duration_us": 300_000,
        "row_count": 340, "method": "full", "error": None, "is_unchanged": None,
        "changes": {"added": 12, "removed": 0, "changed": 0}, "has_rows": True, "count": 1,
        **changes,
    }  # fmt: skip


def test_the_history_says_when_why_what_and_at_what_cost():
    head, row = history_text([an_entry(method="incremental: 1 of 100 files")]).splitlines()

    assert head.split() == ["When", "Why", "Result", "Took", "How", "Version", "Statement"]
    assert [part.strip() for part in row.split("  ") if part] == [
        local(AT), "saved", "340 rows, 12 added", "0.3 s", "incremental: 1 of 100 files", "1",
        "stmt_1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_unchanged": True, "changes": None}, "340 rows, none changed"),
        ({"changes": None}, "340 rows"),
        ({"changes": None, "row_count": None, "has_rows": False}, "its rows are gone"),
        (
            {"status": "FAILED", "error": {"message": "There is no file a.csv.\nmore"}},
            "Failed: There is no file a.csv.",
        ),
        ({"status": "CANCELED"}, "Cancelled"),
        ({"status": "RUNNING"}, "Running"),
    ],
)
def test_how_a_refresh_ended_is_told_in_a_few_words(changes, words):
    assert words in history_text([an_entry(**changes)])


def test_equal_refreshes_are_one_line_with_their_number():
    assert f"{local(AT)} (×12)" in history_text([an_entry(count=12)])


def test_rows_that_are_gone_have_no_statement_to_compare():
    assert "stmt_1" not in history_text([an_entry(has_rows=False)])


def test_versions_say_who_saved_them_and_which_is_current():
    text = versions_text(
        [
            {"n": 2, "created_at": AT, "author": "ana", "note": "wider", "is_current": True},
            {"n": 1, "created_at": AT, "author": "ana", "note": None, "is_current": False},
        ]
    )

    assert "2 (current)" in text
    assert "wider" in text


def test_the_log_reads_from_top_to_bottom_and_counts_equal_lines():
    lines = [
        {"at": AT, "last_at": AT, "count": 1, "text": "340 rows, 12 added"},
        {"at": AT, "last_at": AT, "count": 3, "text": "stock.csv changed → refresh started"},
    ]

    assert log_text(lines).splitlines() == [
        f"{local(AT)}  stock.csv changed → refresh started  (×3 until {local(AT)})",
        f"{local(AT)}  340 rows, 12 added",
    ]


def test_changed_sql_has_signs_and_equal_sql_says_so():
    lines = [
        {"kind": "place", "text": "@@ -1,2 +1,2 @@"},
        {"kind": "same", "text": "SELECT"},
        {"kind": "removed", "text": "  1"},
        {"kind": "added", "text": "  2"},
    ]

    assert sql_diff_text(lines).splitlines() == ["@@ -1,2 +1,2 @@", "  SELECT", "-   1", "+   2"]
    assert sql_diff_text([]) == "Both versions have the same SQL."


def test_a_time_of_today_stands_without_its_date():
    now = datetime.now(UTC)

    assert clock(now.isoformat(), now) == f"{now.astimezone():%H:%M:%S}"
    assert clock(AT) == local(AT)


@pytest.mark.parametrize(
    ("before", "after", "numbers"),
    [
        (None, None, None),
        ("stmt_a", None, None),
        ("stmt_a", "stmt_b", None),
        ("1", None, (1, None)),
        ("1", "3", (1, 3)),
    ],
)
def test_numbers_are_versions_and_ids_are_refreshes(before, after, numbers):
    assert version_numbers(before, after) == numbers


@pytest.mark.parametrize(("before", "after"), [("1", "stmt_a"), ("stmt_a", "2"), (None, "2")])
def test_a_version_is_not_compared_with_a_refresh(before, after):
    with pytest.raises(ValueError, match="two versions, or two refreshes"):
        version_numbers(before, after)
