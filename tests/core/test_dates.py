"""What a date of a filter stands for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jupyter_views.core.dates import resolved_date
from jupyter_views.core.errors import Invalid

NOW = int(datetime(2024, 3, 31, 13, 45, 6, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "stands_for"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00+00:00"),
        ("2024-01-31T12:00:00+02:00", "2024-01-31T10:00:00+00:00"),
        ("2024-01-31T12:00", "2024-01-31T12:00:00+00:00"),
        ("-0d", "2024-03-31"),
        ("-7d", "2024-03-24"),
        ("-2w", "2024-03-17"),
        ("-1m", "2024-02-29"),
        ("-1q", "2023-12-31"),
        ("-1y", "2023-03-31"),
        ("-13m", "2023-02-28"),
        ("-3h", "2024-03-31T10:00:00+00:00"),
    ],
)
def test_a_date_stands_for_a_day_or_an_instant(text, stands_for):
    assert resolved_date(text, NOW, field="date_from") == stands_for


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "-7",
        "7d",
        "-7x",
        "-9999y",
        "2024-02-30",
        "20240131",
        "2024-01-31'; --",
        "-٣d",
    ],
)
def test_what_is_no_date_names_its_field(text):
    with pytest.raises(Invalid) as caught:
        resolved_date(text, NOW, field="filters.date_to")

    assert caught.value.details["field"] == "filters.date_to"


def test_readers_of_one_day_ask_for_the_same_rows():
    later = NOW + 3_600_000_000

    assert resolved_date("-7d", NOW, field="x") == resolved_date("-7d", later, field="x")
