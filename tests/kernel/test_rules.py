from __future__ import annotations

import pytest

from jupyter_views.kernel.grammar import BadLine, parse
from jupyter_views.kernel.rules import rule_fields


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("", {}),
        ("--no-auto --tag a", {}),
        ("--every 1h", {"schedule": "1h"}),
        ('--every "0 7 * * MON-FRI"', {"schedule": "0 7 * * MON-FRI"}),
        ("--every never", {"schedule": None}),
        ("--timezone Europe/Berlin", {"timezone": "Europe/Berlin"}),
        ("--max-age 10m", {"age_seconds": 600}),
        ("--max-age 90s", {"age_seconds": 90}),
        ("--max-age '1 hour'", {"age_seconds": 3600}),
        ("--max-age never", {"age_seconds": None}),
        ("--max-staleness 1d", {"max_staleness_seconds": 86_400}),
        ("--max-staleness Never", {"max_staleness_seconds": None}),
        ("--changed-when 'SELECT max(day) FROM x'", {"changed_when": "SELECT max(day) FROM x"}),
        ("--changed-when ''", {"changed_when": None}),
        ("--strict", {"strict": True}),
        ("--no-strict", {"strict": False}),
        ("--key id,day", {"key": ["id", "day"]}),
        ("--key 'first name, day'", {"key": ["first name", "day"]}),
        ("--key ''", {"key": None}),
    ],
)
def test_only_what_the_line_says_is_a_field(options, fields):
    assert rule_fields(parse(f"x {options}")) == fields


@pytest.mark.parametrize(
    ("options", "message", "next_step"),
    [
        ("--max-age 10", '--max-age needs a time; got "10".', "--max-age 10m, 6h, 1d or never"),
        (
            "--max-staleness '0 7 * * *'",
            '--max-staleness needs a time; got "0 7 * * *".',
            "--max-staleness 10m, 6h, 1d or never",
        ),
        ("--max-age -1h", '--max-age needs a time; got "-1h".', "--max-age 10m, 6h, 1d or never"),
        (
            "--timezone Europe/Berlim",
            '"Europe/Berlim" is not a time zone.',
            "Did you mean Europe/Berlin or Europe/Dublin or Europe/Rome?",
        ),
    ],
)
def test_what_nobody_could_read_is_said_with_the_next_thing_to_type(options, message, next_step):
    with pytest.raises(BadLine) as caught:
        rule_fields(parse(f"x {options}"))

    assert (caught.value.message, caught.value.next_step) == (message, next_step)


@pytest.mark.parametrize("schedule", ["hourly", "'61 * * * *'", "'* * *'", "5s", "''"])
def test_a_schedule_that_is_none_is_refused_before_anything_runs(schedule):
    with pytest.raises(BadLine) as caught:
        rule_fields(parse(f"x --every {schedule}"))

    assert caught.value.message
    assert caught.value.next_step
