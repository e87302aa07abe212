from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_views.kernel.grammar import BadLine, parse
from jupyter_views.kernel.params import (
    KINDS,
    given_values,
    parse_param,
    require_values,
    told,
    value_of,
    with_known,
)


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("region=EU", {"type": "text", "defaultValue": "EU"}),
        ("$region=EU", {"type": "text", "defaultValue": "EU"}),
        ("region=", {"type": "text", "defaultValue": ""}),
        ("region=a=b", {"type": "text", "defaultValue": "a=b"}),
        ("region:text", {"type": "text"}),
        ("region:text?", {"type": "text", "required": False}),
        ("region:text(20)?=EU", {
            "type": "text", "maxLength": 20, "required": False, "defaultValue": "EU",
        }),
        ("region=f(x", {"type": "text", "defaultValue": "f(x"}),
        ("region:number=5", {"type": "number", "defaultValue": 5}),
        ("region:number(0..1)=0.5", {
            "type": "number", "min": 0, "max": 1, "defaultValue": 0.5,
        }),
        ("region:int=-5", {"type": "integer", "defaultValue": -5}),
        ("region:integer(1..)=5", {"type": "integer", "min": 1, "defaultValue": 5}),
        ("region:bool=Yes", {"type": "boolean", "defaultValue": True}),
        ("region:boolean=0", {"type": "boolean", "defaultValue": False}),
        ("region:enum(EU,US,APAC)=EU", {
            "type": "enum", "options": ["EU", "US", "APAC"], "defaultValue": "EU",
        }),
        ("region:enum('a, b', \"c\",d e)=a, b", {
            "type": "enum", "options": ["a, b", "c", "d e"], "defaultValue": "a, b",
        }),
        ("region:enum(f(x), g)=g", {
            "type": "enum", "options": ["f(x)", "g"], "defaultValue": "g",
        }),
        ("region:multi-enum(a,b)=a,b", {
            "type": "multi-enum", "options": ["a", "b"], "defaultValue": ["a", "b"],
        }),
        ("region:multi-enum(a,b)=", {
            "type": "multi-enum", "options": ["a", "b"], "defaultValue": [],
        }),
        ("region:options-of(regions)=Rome", {
            "type": "query-enum", "optionsFrom": "regions", "defaultValue": "Rome",
        }),
        ("region:date=today-7d", {"type": "date-picker", "defaultValue": "today-7d"}),
        ("region:date(2020-01-01..today)=2024-02-29", {
            "type": "date-picker", "min": "2020-01-01", "max": "today",
            "defaultValue": "2024-02-29",
        }),
        ("region:datetime=2024-01-31T12:00", {
            "type": "datetime-picker", "defaultValue": "2024-01-31T12:00",
        }),
        ("region:date-range=2024-01-01/today", {
            "type": "date-range", "defaultValue": {"start": "2024-01-01", "end": "today"},
        }),
        ("region:datetime-range=today-1d/today", {
            "type": "datetime-range", "defaultValue": {"start": "today-1d", "end": "today"},
        }),
        ("region:pattern([A-Z]{2}(x|y))=EUx", {
            "type": "text-pattern", "pattern": "[A-Z]{2}(x|y)", "defaultValue": "EUx",
        }),
        ("region:pattern('[(]')=(", {
            "type": "text-pattern", "pattern": "[(]", "defaultValue": "(",
        }),
    ],
)  # fmt: skip
def test_a_declaration_is_what_the_server_takes(text, declared):
    found = parse_param(text)

    assert found == {"name": "region", **declared}
    default = declared.get("defaultValue")
    assert type(found.get("defaultValue")) is type(default)


@pytest.mark.parametrize("word", KINDS)
def test_every_type_has_an_example_that_can_be_typed(word):
    found = parse_param(f"x:{KINDS[word].example}")

    assert (found["type"], "defaultValue" in found) == (KINDS[word].type, True)


@pytest.mark.parametrize(
    ("text", "message", "next_step"),
    [
        ("1st=1", "'1st' is no parameter name.", "Use lower-case letters, digits and _, "
            "as in --param since:date=today-7d"),
        ("Region=1", "'Region' is no parameter name.", "Use lower-case letters, digits and _, "
            "as in --param since:date=today-7d"),
        ("x:dat=1", "x has the unknown type 'dat'; there are text, number, integer, bool, date, "
            "datetime, date-range, datetime-range, enum, multi-enum, options-of, pattern.",
            "Did you mean date?"),
        ("x:enum=EU", "x of the type enum needs its options in parentheses.",
            "--param x:enum(EU,US)=EU"),
        ("x:enum()=EU", "x of the type enum needs its options in parentheses.",
            "--param x:enum(EU,US)=EU"),
        ("x:options-of=EU", "x of the type options-of needs the view whose first column holds "
            "the options in parentheses.", "--param x:options-of(regions)=EU"),
        ("x:enum(EU,US", "The parentheses of x:enum are not closed.",
            "--param x:enum(EU,US)=VALUE"),
        ("x:enum(EU) US=EU", "'US=EU' stands behind the parentheses of x:enum.",
            "--param x:enum(EU)=VALUE"),
        ("x:bool(1)=true", "x of the type bool takes nothing in parentheses.",
            "--param x:bool=true"),
        ("x:integer(5)=5", "x of the type integer takes bounds, as in (0..100) in parentheses.",
            "--param x:integer=5"),
    ],
)  # fmt: skip
def test_a_wrong_form_says_what_is_wrong_and_what_to_type(text, message, next_step):
    with pytest.raises(BadLine) as caught:
        parse_param(text)

    assert (caught.value.message, caught.value.next_step) == (message, next_step)


def test_parentheses_hold_their_white_space_together():
    line = parse(
        "Sales (EU --param region:enum(New York, EU)='New York' --param n:integer( 0.. 5 )"
    )

    assert line.name == "Sales (EU"
    region, n = map(parse_param, line["param"])
    assert (region["options"], region["defaultValue"]) == (["New York", "EU"], "New York")
    assert (n["min"], n["max"]) == (0, 5)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("integer", "five"), ("number", "nan"), ("number", "1e999"), ("integer", "9" * 5000),
     ("boolean", "maybe"), ("date-range", "yesterday"), ("date-picker", "2024-02-30")],
)  # fmt: skip
def test_what_a_type_cannot_mean_stays_a_text_that_the_server_refuses(kind, text):
    assert value_of(kind, text) == text


def test_a_value_needs_its_declaration_and_a_declaration_its_value():
    declared = [parse_param("who:text"), parse_param("least:integer=5"), parse_param("to:date?")]

    with pytest.raises(BadLine) as caught:
        require_values(declared, {})
    assert caught.value.message == "This view needs a value for who (text)."
    assert caught.value.next_step.startswith("--value who=VALUE gives one for this run")
    values = given_values(declared, ["who=ana", "least=7"])
    assert values == {"who": "ana", "least": 7}
    require_values(declared, values)
    for text, message, next_step in (
        ("leest=7", "leest is not declared in this cell.", "Did you mean least?"),
        ("x=7", "x is not declared in this cell.", "--param x=7"),
        ("who", "--value who has no value.", "--value who=VALUE"),
    ):
        with pytest.raises(BadLine) as caught:
            given_values(declared, [text])
        assert (caught.value.message, caught.value.next_step) == (message, next_step)


def test_what_a_cell_cannot_say_of_a_parameter_is_kept():
    declared = [parse_param("region=EU"), parse_param("n:integer=5")]
    known = [
        {"name": "region", "type": "text", "displayName": "Region", "description": "Where",
         "required": False, "defaultValue": "US"},
        {"name": "gone", "type": "text", "displayName": "Gone", "required": True},
    ]  # fmt: skip

    region, n = map(told, with_known(declared, known))

    assert (region["displayName"], region["description"]) == ("Region", "Where")
    assert (region["defaultValue"], n["displayName"]) == ("EU", "n")


@given(st.text(alphabet=st.sampled_from("ax:=()?,./\"' -0é\n{}\\"), max_size=30))
def test_any_declaration_is_read_or_refused_with_a_message(text):
    try:
        found = parse_param(text)
    except BadLine as error:
        assert error.message
    else:
        assert found["name"]
