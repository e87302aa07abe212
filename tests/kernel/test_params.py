from __future__ import annotations

import pytest

from jupyter_views.kernel.grammar import BadLine
from jupyter_views.kernel.params import Param, parse_param


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("since:date=2026-11-01", Param("since", "date", "2026-11-01")),
        ("region=EU", Param("region", "text", "EU")),
        ("$region=EU", Param("region", "text", "EU")),
        ("empty=", Param("empty", "text", "")),
        ("n:number=5", Param("n", "number", 5)),
        ("n:int=-5", Param("n", "number", -5)),
        ("n:number=0.5", Param("n", "number", 0.5)),
        ("on:bool=Yes", Param("on", "bool", True)),
        ("on:bool=0", Param("on", "bool", False)),
        ("eq=a=b", Param("eq", "text", "a=b")),
    ],
)
def test_a_parameter_has_a_name_a_type_and_a_value_of_that_type(text, param):
    found = parse_param(text)

    assert found == param
    assert type(found.value) is type(param.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("since:date=last week", 'since must be a date like 2026-11-20; got "last week".'),
        ("since:date=2026-02-30", 'since must be a date like 2026-11-20; got "2026-02-30".'),
        ("n:number=five", 'n must be a number like 12 or 0.5; got "five".'),
        ("n:number=nan", 'n must be a number like 12 or 0.5; got "nan".'),
        ("n:number=1e999", 'n must be a number like 12 or 0.5; got "1e999".'),
        ("on:bool=maybe", 'on must be true or false; got "maybe".'),
        ("region", "This view needs a value for region (text)."),
        ("day:dat=1", "day has the unknown type 'dat'; there are text, number, date, bool."),
        ("1st=1", "'1st' is no parameter name."),
        ("a b=1", "'a b' is no parameter name."),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(text, message):
    with pytest.raises(BadLine) as caught:
        parse_param(text)

    assert caught.value.message == message
