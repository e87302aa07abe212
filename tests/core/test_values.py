"""What is bound for parameters: every type, its bounds, its tokens, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from abuse.injection import INJECTIONS
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from jupyter_views.core.declarations import checked
from jupyter_views.core.errors import Invalid, InvalidParameters, MissingParameters
from jupyter_views.core.parameters import TYPES, Parameter
from jupyter_views.core.values import Moment, bound_values, text_of, typed, value_from

NOW = Moment(now=int(datetime(2026, 11, 30, 23, 30, tzinfo=UTC).timestamp() * 1_000_000))
MORE = {
    "enum": {"options": ("EU", "US")},
    "multi-enum": {"options": ("a", "b", "c")},
    "query-enum": {"options_from": "regions"},
    "text-pattern": {"pattern": "[A-Z]{2}[0-9]+"},
}


def a(kind: str, **facts) -> Parameter:
    return Parameter(name="x", type=kind, **(MORE.get(kind, {}) | facts))


def bound(parameter: Parameter, value, moment: Moment = NOW):
    values = bound_values((parameter,), {"x": value}, moment)
    return values["x"] if len(values) == 1 else (values["x_start"], values["x_end"])


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", "", ""),
        ("text", "'; DROP TABLE t --", "'; DROP TABLE t --"),
        ("text-pattern", "AB12", "AB12"),
        ("number", 5, 5.0),
        ("number", -0.0, 0.0),
        ("integer", 5.0, 5),
        ("integer", -(2**63), -(2**63)),
        ("boolean", False, False),
        ("enum", "EU", "EU"),
        ("multi-enum", ["c", "a", "c"], ["a", "c"]),
        ("multi-enum", [], []),
        ("query-enum", "anything", "anything"),
        ("date-picker", "2024-02-29", "2024-02-29"),
        ("date-picker", "today", "2026-11-30"),
        ("date-picker", "today-7d", "2026-11-23"),
        ("date-picker", "today+1m", "2026-12-30"),
        ("date-picker", "today-9m", "2026-02-28"),
        ("date-picker", "today-1y", "2025-11-30"),
        ("datetime-picker", "2024-01-31T12:00:00+02:00", "2024-01-31T10:00:00+00:00"),
        ("datetime-picker", "2024-01-31T12:00", "2024-01-31T12:00:00+00:00"),
        ("datetime-picker", "today", "2026-11-30T00:00:00+00:00"),
        ("date-range", {"start": "2024-01-01", "end": "today"}, ("2024-01-01", "2026-11-30")),
        ("date-range", {"start": "2024-01-01", "end": "2024-01-01"}, ("2024-01-01",) * 2),
        (
            "datetime-range",
            {"start": "2024-01-01T00:00Z", "end": "2024-01-01T00:00:01Z"},
            ("2024-01-01T00:00:00+00:00", "2024-01-01T00:00:01+00:00"),
        ),
    ],
)
def test_a_value_has_one_canonical_form(kind, value, expected):
    found = bound(a(kind), value)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", 5),
        ("text", "x" * 10_001),
        ("text", "\ud800"),
        ("text-pattern", "ab12"),
        ("text-pattern", "AB12\n"),
        ("number", "5"),
        ("number", True),
        ("number", float("nan")),
        ("number", float("inf")),
        ("number", 10**400),
        ("integer", 5.5),
        ("integer", 2**63),
        ("integer", False),
        ("boolean", "true"),
        ("boolean", 1),
        ("enum", "eu"),
        ("enum", ["EU"]),
        ("multi-enum", "a"),
        ("multi-enum", ["a", "d"]),
        ("multi-enum", [1]),
        ("date-picker", "2024-02-30"),
        ("date-picker", "20240101"),
        ("date-picker", "2024-01-01T00:00"),
        ("date-picker", "today-1h"),
        ("date-picker", "today-9999y"),
        ("date-picker", "tomorrow"),
        ("date-picker", 20240101),
        ("datetime-picker", "2024-01-31"),
        ("datetime-picker", "2024-01-31T25:00"),
        ("date-range", "2024-01-01"),
        ("date-range", {"start": "2024-01-02", "end": "2024-01-01"}),
        ("date-range", {"start": "2024-01-02"}),
        ("date-range", {"start": "2024-01-01", "end": "2024-01-02", "more": 1}),
        ("datetime-range", {"start": "2024-01-01T00:00Z", "end": None}),
    ],
)
def test_what_is_not_of_the_type_is_refused_by_name(kind, value):
    with pytest.raises(InvalidParameters) as caught:
        bound(a(kind), value)

    assert caught.value.message.startswith("x must ")
    assert caught.value.details == {"parameters": ["x"], "field": "x"}


@pytest.mark.parametrize("kind", TYPES)
def test_500_injections_are_a_text_or_refused(kind):
    """Every string is bound as it is, or is no value of the type; nothing in between."""
    passed = []
    for text in INJECTIONS:
        for value in (text, [text], {"start": text, "end": text}, value_from(a(kind), text)):
            try:
                found = bound(a(kind), value)
            except InvalidParameters:
                continue
            assert found == text
            passed.append(text)

    assert set(passed) == (set(INJECTIONS) if kind in {"text", "query-enum"} else set())


@pytest.mark.parametrize(
    ("kind", "low", "high", "good", "bad"),
    [
        ("number", 0, 1, [0, 0.5, 1], [-0.1, 1.1]),
        ("integer", 1, None, [1, 99], [0]),
        ("date-picker", "2024-01-01", "today", ["2024-01-01", "today"], ["2023-12-31", "today+1d"]),
        ("datetime-picker", "today-1d", None, ["today"], ["today-2d"]),
    ],
)
def test_bounds_are_included(kind, low, high, good, bad):
    parameter = a(kind, min=low, max=high)
    for value in good:
        bound(parameter, value)
    for value in bad:
        with pytest.raises(InvalidParameters, match="must be a value from"):
            bound(parameter, value)


def test_a_range_is_bounded_at_both_ends():
    parameter = a("date-range", min="2024-01-01", max="2024-12-31")
    with pytest.raises(InvalidParameters):
        bound(parameter, {"start": "2024-06-01", "end": "2025-01-01"})


def test_today_is_a_day_of_the_time_zone():
    far = Moment(now=NOW.now, zone="Pacific/Auckland")

    assert bound(a("date-picker"), "today", far) == "2026-12-01"
    assert bound(a("date-picker", timezone="America/New_York"), "today", far) == "2026-11-30"
    berlin = a("datetime-picker", timezone="Europe/Berlin")
    assert bound(berlin, "today") == "2026-11-30T23:00:00+00:00"
    assert bound(berlin, "2026-07-01T12:00") == "2026-07-01T10:00:00+00:00"


def test_a_query_enum_takes_what_its_view_offers():
    moment = Moment(now=NOW.now, options={"x": ("EU", "US")})

    assert bound(a("query-enum"), "US", moment) == "US"
    with pytest.raises(InvalidParameters, match="must be one of EU, US"):
        bound(a("query-enum"), "Mars", moment)


def test_defaults_required_and_null():
    declared = (
        Parameter(name="plain"),
        Parameter(name="given", default="d"),
        Parameter(name="free", required=False),
        Parameter(name="strict", default="d", required=True),
        Parameter(name="span", type="date-range", required=False),
    )

    with pytest.raises(MissingParameters) as caught:
        bound_values(declared, {"strict": None}, NOW)
    assert caught.value.details["parameters"] == ["plain", "strict"]
    assert bound_values(declared, {"plain": "p", "given": None, "other": 1}, NOW) == {
        "plain": "p",
        "given": None,
        "free": None,
        "strict": "d",
        "span_start": None,
        "span_end": None,
        "other": 1,
    }


def test_days_and_instants_are_no_texts_for_the_engine():
    declared = (a("date-range"), Parameter(name="at", type="datetime-picker"))
    values = bound_values(
        declared, {"x": {"start": "today", "end": "today"}, "at": "2024-01-01T00:00Z"}, NOW
    )

    assert typed(declared, values) == {
        "x_start": date(2026, 11, 30),
        "x_end": date(2026, 11, 30),
        "at": datetime(2024, 1, 1, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": "X"}, "parameters.name"),
        ({"name": "1x"}, "parameters.name"),
        ({"name": "x" * 64}, "parameters.name"),
        ({"name": "é"}, "parameters.name"),
        ({"type": "enum"}, "parameters.x.options"),
        ({"type": "enum", "options": ("a", "a")}, "parameters.x.options"),
        ({"options": ("a",)}, "parameters.x.options"),
        ({"type": "multi-enum", "options": ("a,b",)}, "parameters.x.options"),
        ({"type": "text-pattern"}, "parameters.x.pattern"),
        ({"type": "text-pattern", "pattern": "("}, "parameters.x.pattern"),
        ({"type": "text-pattern", "pattern": "(a)\\1"}, "parameters.x.pattern"),
        ({"pattern": "a"}, "parameters.x.pattern"),
        ({"type": "query-enum"}, "parameters.x.options_from"),
        ({"options_from": "v"}, "parameters.x.options_from"),
        ({"timezone": "Mars/Base"}, "parameters.x.timezone"),
        ({"timezone": "../etc/passwd"}, "parameters.x.timezone"),
        ({"min": 1}, "parameters.x.min"),
        ({"type": "number", "min": 2, "max": 1}, "parameters.x.min"),
        ({"type": "date-picker", "min": "soon"}, "parameters.x.min"),
        ({"max_length": 0}, "parameters.x.max_length"),
        ({"type": "integer", "default": "5"}, "parameters.x.default"),
        ({"type": "enum", "options": ("a",), "default": "b"}, "parameters.x.default"),
        ({"type": "date-picker", "default": "2024-02-30"}, "parameters.x.default"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_at_its_field(facts, field):
    with pytest.raises(Invalid) as caught:
        checked([Parameter(**({"name": "x"} | facts))], NOW)

    assert caught.value.details["field"] == field


def test_two_parameters_share_no_name_in_the_sql():
    with pytest.raises(Invalid, match="Two parameters are called x_start"):
        checked([a("date-range"), Parameter(name="x_start")], NOW)


def test_a_pattern_takes_no_time_however_it_is_written():
    """Quadratic and exponential patterns of other engines: RE2 goes once over the text."""
    with pytest.raises(InvalidParameters):
        bound(a("text-pattern", pattern="(a|a)*(a*)*b"), "a" * 10_000)


@given(st.sampled_from(TYPES), st.data())
def test_the_text_of_an_address_is_read_back(kind, data):
    values = {
        "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
        "integer": st.integers(-(2**63), 2**63 - 1),
        "boolean": st.booleans(),
        "enum": st.sampled_from(["EU", "US"]),
        "multi-enum": st.lists(st.sampled_from(["a", "b", "c"]), unique=True, min_size=1),
        "date-picker": st.dates().map(str),
        "date-range": st.dates().map(lambda day: {"start": str(day), "end": "9999-12-31"}),
    }
    value = data.draw(values.get(kind, st.text(min_size=1)))
    parameter = a(kind)

    assert value_from(parameter, text_of(parameter, value)) == value or kind not in values
    assert text_of(parameter, UNSET) == text_of(parameter, None) == ""
