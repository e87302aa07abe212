from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from jupyter_views import _output
from jupyter_views._output import Card, age, cell_text, headline, status_words, to_html, to_text

NOW = datetime(2026, 11, 20, 14, 2, 30, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>\"'&</td><script>alert(2)</script>"


def wire(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def a_view(**changes):
    return {
        "slug": "daily-active-users",
        "name": "Daily active users",
        "status": "fresh",
        "computed_at": wire(NOW - timedelta(minutes=2)),
        "row_count": 19,
        "columns": [{"name": "day"}, {"name": "active"}],
        "truncated": False,
        **changes,
    }


def a_window(rows=(("2026-11-01", 5),), **changes):
    return {
        "cols": ["day", "active"],
        "types": [{"name": "day", "type": "date"}, {"name": "active", "type": "integer"}],
        "rows": [list(row) for row in rows],
        "total_row_count": len(rows),
        **changes,
    }


class Outline(HTMLParser):
    """Tags and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=4.9), "just now"),
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
    ],
)
def test_an_age_is_in_the_largest_whole_unit(ago, words):
    assert age(NOW - ago, NOW) == words


def test_an_age_of_a_day_is_a_date():
    assert age(NOW - timedelta(days=3), NOW) == (NOW - timedelta(days=3)).astimezone().strftime(
        "%Y-%m-%d"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Fresh"),
        (
            {
                "status": "stale",
                "stale_reason": "source_changed",
                "stale_sources": ["events.parquet"],
            },
            "Stale: events.parquet changed",
        ),
        (
            {
                "status": "stale",
                "stale_reason": "source_changed",
                "stale_sources": ["a", "b", "c", "d"],
            },
            "Stale: a, b and 2 more changed",
        ),
        (
            {
                "status": "stale",
                "stale_reason": "source_changed",
                "stale_sources": ["events.parquet"],
                "stale_since": wire(NOW - timedelta(minutes=4)),
            },
            "Stale: events.parquet changed 4 min ago",
        ),
        (
            {
                "status": "stale",
                "stale_reason": "source_changed",
                "stale_sources": ["events.parquet"],
                "stale_since": wire(NOW),
            },
            "Stale: events.parquet changed",
        ),
        (
            {
                "status": "stale",
                "stale_reason": "source_changed",
                "stale_sources": ["events.parquet"],
                "stale_since": wire(NOW - timedelta(hours=2)),
                "max_staleness_exceeded": True,
            },
            "Stale: events.parquet changed 2 h ago, longer than allowed",
        ),
        (
            {"status": "stale", "stale_reason": "upstream_view", "stale_sources": ["daily"]},
            "Stale: the view daily changed",
        ),
        (
            {
                "status": "stale",
                "stale_reason": "age",
                "stale_since": wire(NOW - timedelta(minutes=4)),
            },
            "Stale: older than its limit",
        ),
        (
            {"status": "stale", "stale_reason": "unverifiable"},
            "Stale: its sources cannot be checked",
        ),
        (
            {"status": "refreshing", "refresh": {"started_at": wire(NOW - timedelta(seconds=3))}},
            "Refreshing 3 s",
        ),
        ({"status": "refreshing", "refresh": {"started_at": None}}, "Refreshing"),
        ({"status": "never_run"}, "Never run"),
    ],
)
def test_a_status_is_one_of_five_words_with_its_reason(changes, words):
    assert status_words(a_view(**changes), NOW) == words


def test_a_failure_says_when_why_and_of_when_the_rows_are():
    failed = a_view(
        status="failed",
        last_refresh={
            "at": wire(NOW - timedelta(minutes=2)),
            "error": {"message": "no such table orders."},
        },
    )
    computed = (NOW - timedelta(minutes=2)).astimezone()

    assert status_words(failed, NOW) == (
        f"Failed 2 min ago: no such table orders. Rows below are from {computed:%H:%M}"
    )


def test_a_headline_holds_status_size_and_age():
    assert headline(a_view(), NOW) == "Fresh, 19 rows × 2 columns, 2 min ago"
    assert headline(a_view(row_count=1, columns=[{"name": "a"}], truncated=True), NOW) == (
        "Fresh, 1 row × 1 column, Truncated, 2 min ago"
    )


def test_names_cells_and_notes_are_text_in_html():
    card = Card(
        facts=a_view(
            name=EVIL, status="stale", stale_reason="source_changed", stale_sources=[EVIL]
        ),
        window=a_window(rows=[(EVIL, EVIL)], cols=[EVIL, EVIL]),
        notes=(EVIL,),
        links=((EVIL, f"http://x/{EVIL}"),),
        now=NOW,
    )

    seen = Outline(to_html(card))

    assert not {"img", "script", "iframe", "style", "link"} & set(seen.tags)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert seen.text.count(EVIL) == 8


def test_html_brings_no_script_no_style_sheet_and_no_outside_address():
    seen = Outline(to_html(Card(facts=a_view(), window=a_window(), now=NOW)))

    assert set(seen.tags) <= {
        "div",
        "span",
        "b",
        "bdi",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert {name for name, _ in seen.attributes} <= {"style", "title", "scope", "aria-hidden"}
    assert not [value for _, value in seen.attributes if value and "url(" in value]


def test_numbers_stand_right_and_null_is_not_the_word():
    window = a_window(rows=[(None, 5), ("NULL", None)])
    page = to_html(Card(facts=a_view(), window=window, now=NOW))

    assert page.count("text-align:right") == 3
    assert page.count('<span style="opacity:.5">NULL</span>') == 2
    assert "<bdi>NULL</bdi>" in page


def test_at_most_twenty_rows_and_columns_are_shown_and_the_rest_is_counted():
    window = {
        "cols": [f"c{i}" for i in range(25)],
        "types": [{"type": "integer"}] * 25,
        "rows": [[1] * 25 for _ in range(30)],
        "total_row_count": 1_000_000,
    }
    seen = Outline(to_html(Card(facts=a_view(), window=window, most_rows=99, now=NOW)))

    assert seen.tags.count("tr") == 21
    assert seen.tags.count("th") == 20
    assert "999,980 more rows and 5 more columns" in seen.text


def test_repeated_and_missing_column_names_keep_their_places():
    window = a_window(rows=[(1, 2)], cols=["a", "a"], types=[])

    assert to_text(Card(facts=a_view(), window=window, now=NOW)).splitlines()[1:] == [
        "a  a",
        "-  -",
        "1  2",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (0.1, "0.1"),
        ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
    ],
)
def test_a_cell_shows_its_json_value_and_is_cut_at_200_characters(value, text):
    assert cell_text(value) == text


def test_a_terminal_never_gets_a_control_character():
    nasty = "\x1b[31mred\x07 \u202egnp.exe\r\n\x00"
    card = Card(
        facts=a_view(name=nasty), window=a_window(rows=[(nasty, 1)]), notes=(nasty,), now=NOW
    )

    lines = to_text(card).split("\n")

    assert all(line.isprintable() for line in lines)
    assert "\\x1b[31mred" in lines[0]


def test_text_columns_are_aligned_by_type():
    window = a_window(rows=[("2026-11-01", 5), ("x", 1234)])

    assert to_text(Card(facts=a_view(), window=window, seconds=0.3, now=NOW)) == (
        "Daily active users • Fresh • 19 rows × 2 columns • 0.3 s\n"
        "day         active\n"
        "----------  ------\n"
        "2026-11-01       5\n"
        "x             1234\n"
        "… 17 more rows"
    ).replace("\n… 17 more rows", "")


def test_an_instant_is_given_in_utc_and_in_local_time():
    assert _output.exact(NOW).startswith("2026-11-20 14:02:30 UTC, ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.008, "8 ms"),
        (0.31, "0.3 s"),
        (12.4, "12 s"),
        (125, "2 min 5 s"),
        (12_000, "3 h 20 min"),
        (190_000, "2 d 4 h"),
    ],
)
def test_a_duration_reads_naturally(seconds, words):
    assert _output.duration(seconds) == words
