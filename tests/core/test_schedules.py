from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_views.core.errors import Invalid
from jupyter_views.core.model import SECOND
from jupyter_views.core.schedules import describe, parse

DAY = 86_400 * SECOND


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """Microseconds UTC of a wall-clock time; ``fold=1`` for its second pass in autumn."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.timestamp()) * SECOND


def slots(schedule: str, zone: str, after: int, count: int) -> list[str]:
    """The next slots, in UTC, to the minute."""
    parsed = parse(schedule, zone)
    found = []
    for _ in range(count):
        after = parsed.next(after)
        found.append(datetime.fromtimestamp(after / SECOND, UTC).strftime("%Y-%m-%d %H:%M"))
    return found


def refusal(schedule: str, zone: str = "UTC") -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse(schedule, zone)
    return caught.value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("90s", 90),
        ("15m", 900),
        ("15 min", 900),
        ("1h", 3600),
        ("1 hour", 3600),
        ("2 hours", 7200),
        ("  1   Day ", 86_400),
        ("1w", 604_800),
        ("366d", 366 * 86_400),
    ],
)
def test_a_span_is_due_each_time_that_it_has_passed(text, seconds):
    parsed = parse(text)

    assert parsed.next(1_000_003) == 1_000_003 + seconds * SECOND
    assert parsed.age(42) == seconds * SECOND


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1m", "every minute"),
        ("15m", "every 15 minutes"),
        ("90s", "every 90 seconds"),
        ("1 hour", "every hour"),
        ("1d", "every day"),
        ("* * * * *", "every minute (Europe/Berlin)"),
        ("0 7 * * 1-5", "at 07:00 on Monday through Friday (Europe/Berlin)"),
        ("30 7 * * *", "at 07:30 every day (Europe/Berlin)"),
        ("0 0 1 JAN *", "at 00:00 on January 1 (Europe/Berlin)"),
        ("0 0 31 * *", "at 00:00 on the 31st day of every month (Europe/Berlin)"),
        ("0 0 11 * *", "at 00:00 on the 11th day of every month (Europe/Berlin)"),
    ],
)
def test_a_schedule_is_told_in_words(text, words):
    assert describe(text, "Europe/Berlin") == words


def test_each_fifth_minute_comes_every_five_minutes():
    assert slots("*/5 * * * *", "UTC", at("2026-03-01T10:03:20"), 3) == [
        "2026-03-01 10:05",
        "2026-03-01 10:10",
        "2026-03-01 10:15",
    ]


def test_a_slot_is_strictly_later_than_the_instant_asked_for():
    slot = at("2026-03-01T10:05:00")

    assert parse("*/5 * * * *").next(slot - 1) == slot
    assert parse("*/5 * * * *").next(slot) == slot + 300 * SECOND


def test_names_of_days_and_months_mean_their_numbers():
    after = at("2026-01-01T00:00:00")

    assert slots("0 7 * JAN,JUL MON-FRI", "UTC", after, 5) == slots(
        "0 7 * 1,7 1-5", "UTC", after, 5
    )
    assert slots("0 7 * * sun", "UTC", after, 3) == slots("0 7 * * 7", "UTC", after, 3)


def test_29_february_comes_in_leap_years_only():
    assert slots("0 0 29 2 *", "UTC", at("2026-01-01T00:00:00"), 2) == [
        "2028-02-29 00:00",
        "2032-02-29 00:00",
    ]


def test_the_31st_skips_the_months_that_have_none():
    assert slots("0 12 31 * *", "UTC", at("2026-03-01T00:00:00"), 3) == [
        "2026-03-31 12:00",
        "2026-05-31 12:00",
        "2026-07-31 12:00",
    ]


def test_the_last_day_comes_in_every_month():
    assert slots("0 12 L * *", "UTC", at("2028-01-31T13:00:00"), 2) == [
        "2028-02-29 12:00",
        "2028-03-31 12:00",
    ]


@pytest.mark.parametrize(
    ("zone", "day", "missing", "instead"),
    [
        # Clocks go from 02:00 to 03:00: 02:30 does not exist and runs at 03:00.
        ("Europe/Berlin", "2026-03-29", "30 2 * * *", "2026-03-29 01:00"),
        ("America/New_York", "2026-03-08", "30 2 * * *", "2026-03-08 07:00"),
    ],
)
def test_what_falls_into_the_missing_hour_of_spring_runs_right_after_it(
    zone, day, missing, instead
):
    assert slots(missing, zone, at(f"{day}T00:00:00", zone), 1) == [instead]


@pytest.mark.parametrize(
    ("zone", "repeated", "day", "found"),
    [
        # Clocks go back over this hour: it comes twice, the run once.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-25",
            ["2026-10-25 00:30", "2026-10-26 01:30"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-11-01",
            ["2026-11-01 05:30", "2026-11-02 06:30"],
        ),
    ],
)
def test_what_falls_into_the_repeated_hour_of_autumn_runs_once(zone, repeated, day, found):
    assert slots(repeated, zone, at(f"{day}T00:00:00", zone), 2) == found


@pytest.mark.parametrize(
    ("zone", "second_pass"),
    [("Europe/Berlin", "2026-10-25T02:10:00"), ("America/New_York", "2026-11-01T01:10:00")],
)
def test_asked_within_the_repeated_hour_it_never_gives_a_slot_that_has_passed(zone, second_pass):
    hour = int(second_pass[11:13])
    after = at(second_pass, zone, fold=1)
    parsed = parse(f"30 {hour} * * *", zone)

    assert parsed.next(after) > after + DAY // 2
    assert parsed.age(after) > DAY // 2


@pytest.mark.parametrize(
    ("zone", "evening"),
    [
        ("Europe/Berlin", "2026-03-28T22:00:00"),
        ("Europe/Berlin", "2026-10-24T22:00:00"),
        ("America/New_York", "2026-03-07T22:00:00"),
        ("America/New_York", "2026-10-31T22:00:00"),
        ("Australia/Lord_Howe", "2026-10-03T22:00:00"),  # half an hour, the other way round
        ("Australia/Lord_Howe", "2026-04-04T22:00:00"),
    ],
)
def test_each_fifteen_minutes_go_on_through_both_changes_of_the_clock(zone, evening):
    parsed = parse("*/15 * * * *", zone)
    moment = at(evening, zone)

    for _ in range(48):
        slot = parsed.next(moment)
        assert slot == moment + 900 * SECOND
        moment = slot


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_rows_of_a_daily_view_are_fresh_until_the_next_days_slot(day, hours):
    seven_before = parse("0 7 * * *", "Europe/Berlin").next(
        at(f"{day}T00:00:00", "Europe/Berlin") - DAY
    )

    assert parse("0 7 * * *", "Europe/Berlin").age(seven_before) == hours * 3600 * SECOND


def test_the_same_expression_means_another_instant_in_another_zone():
    after = at("2026-06-01T00:00:00")

    assert slots("0 7 * * *", "Asia/Tokyo", after, 1) == ["2026-06-01 22:00"]
    assert slots("0 7 * * *", "America/New_York", after, 1) == ["2026-06-01 11:00"]


def test_a_cron_of_each_minute_is_not_too_often():
    assert parse("* * * * *").age(at("2026-06-01T00:00:00")) == 60 * SECOND


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("9s", "too short", "10s"),
        ("0m", "too short", "10s"),
        ("367d", "too long", "366d"),
        ("999999999d", "too long", "366d"),
        ("soon", '"soon" is not a schedule', "15m"),
        ("", "is not a schedule", "15m"),
        ("1.5h", "is not a schedule", "15m"),
        ("-5m", "is not a schedule", "15m"),
        ("5 years", "is not a schedule", "15m"),
        ("@daily", "is not a schedule", "0 7 * * MON-FRI"),
        ("* * * *", "five fields, this one has 4", "minute, hour"),
        ("0 * * * * *", "five fields, this one has 6", "minute, hour"),
        ("60 * * * *", 'The minute of a cron expression cannot be "60"', "0 to 59"),
        ("*/0 * * * *", "cannot be", "*/n"),
        ("0 24 * * *", 'The hour of a cron expression cannot be "24"', "0 to 23"),
        ("0 0 32 * *", "The day of the month", "1 to 31"),
        ("0 0 * FEBRUARY *", "The month", "JAN to DEC"),
        ("0 0 * * FRI-MON", "The day of the week", "MON-FRI"),
        ("0 0 30 2 *", "There is no day that fits", "0 0 L * *"),
        ("0 0 31 4,6,9,11 *", "There is no day that fits", "0 0 L * *"),
        ("* * */20 * 1L", "There is no day that fits", "0 0 L * *"),
        ("1," * 200 + "1 * * * *", "at most 200 characters", "15m"),
    ],
)
def test_a_bad_schedule_is_refused_with_what_is_wrong_and_what_to_type(text, told, hint):
    error = refusal(text)

    assert told in error.message
    assert hint in (error.hint or "")
    assert error.details == {"field": "schedule"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berlinn", "Europe/Berlin"),
        ("europe/berlin", "Did you mean Europe/Berlin?"),
        ("Berlin", "Did you mean Europe/Berlin?"),
        ("New York", "Did you mean America/New_York?"),
        ("nowhere at all", "for example Europe/Berlin"),
        ("", "for example Europe/Berlin"),
        ("../../etc/passwd", "for example Europe/Berlin"),
        ("/etc/passwd", "for example Europe/Berlin"),
        ("a\0b", "for example Europe/Berlin"),
        ("Europe", "for example Europe/Berlin"),
        ("x" * 10_000, "for example Europe/Berlin"),
    ],
)
def test_an_unknown_zone_is_refused_with_near_names(name, hint):
    error = refusal("0 7 * * *", name)

    assert "is not a time zone" in error.message
    assert hint in (error.hint or "")
    assert error.details == {"field": "timezone"}


_cron_field = st.text(alphabet="0123456789*/,-#LW MONFRIJADEC", max_size=8)


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(_cron_field, min_size=5, max_size=5).map(" ".join),
        st.from_regex(r"\A[0-9]{1,10} ?[a-z]{1,7}\Z"),
    ),
    st.integers(0, 4_000_000_000),
)
def test_any_text_is_a_schedule_with_later_slots_and_words_or_invalid(text, second):
    now = second * SECOND
    try:
        parsed = parse(text, "Europe/Berlin")
    except Invalid as error:
        assert error.details["field"] == "schedule"
        assert error.hint
        return
    slot = parsed.next(now)
    assert slot is None or slot > now
    assert parsed.age(now) > 0
    assert parsed.words
