from __future__ import annotations

import pytest

from jupyter_views._rule import kept_fresh, seconds_of, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("10 min", 600),
        ("6h", 21_600),
        ("1 day", 86_400),
        ("1W", 604_800),
    ],
)
def test_a_span_of_time_is_read_as_schedules_spell_it(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "1h30m", "-1h", "0s", "0 7 * * *", "soon", "1 2 3 4 5"])
def test_what_is_no_span_is_none(text):
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(90, "90 s"), (600, "10 min"), (5400, "90 min"), (172_800, "2 d")]
)
def test_a_span_is_told_in_the_largest_unit_that_loses_nothing(seconds, words):
    assert span(seconds) == words


FOLLOWED = {"auto_refresh": True, "sources": ["stock.csv"]}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (FOLLOWED, "Refreshes by itself when stock.csv changes."),
        ({**FOLLOWED, "sources": ["a", "b"]}, "Refreshes by itself when a or b changes."),
        (
            {**FOLLOWED, "sources": ["a", "b", "c", "d"]},
            "Refreshes by itself when a, b or 2 more change.",
        ),
        (
            {**FOLLOWED, "schedule": "1h", "schedule_text": "every hour"},
            "Refreshes by itself every hour and when stock.csv changes.",
        ),
        (
            {**FOLLOWED, "auto_refresh": False, "schedule": "1h", "schedule_text": "every hour"},
            "Refreshes by itself every hour.",
        ),
        ({**FOLLOWED, "auto_refresh": False}, "Refreshes on your next run."),
        (
            {**FOLLOWED, "age_seconds": 600},
            "Refreshes by itself when stock.csv changes or when read after 10 min.",
        ),
        (
            {**FOLLOWED, "changed_when": "SELECT 1"},
            "Refreshes by itself when the value of --changed-when differs.",
        ),
        (
            {"auto_refresh": True, "sources": [], "volatile": ["now"]},
            "Refreshes by itself when read after 5 min.",
        ),
        (
            {"auto_refresh": True, "sources": ["df"], "frames": {"df": "0a"}},
            "Refreshes on your next run.",
        ),
        ({"auto_refresh": True, "sources": []}, ""),
        (
            {**FOLLOWED, "sources": ["\x1b[31mred.csv"]},
            "Refreshes by itself when \\x1b[31mred.csv changes.",
        ),
    ],
)
def test_one_sentence_says_what_will_bring_new_rows(facts, words):
    assert kept_fresh(facts) == words
