"""Markers of parameters: three spellings of one thing, in code and nowhere else."""

from __future__ import annotations

import pytest
from abuse.injection import INJECTIONS

from jupyter_views.core.errors import (
    InvalidParameters,
    MissingParameters,
    ParseError,
    ViewsError,
)
from jupyter_views.engines.spelling import spelled

from .workbench import a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("spelling")) as bench:
        (bench.data / "t.csv").write_text("day,n\n2024-01-01,1\n2024-02-01,2\n")
        yield bench


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SELECT {{x}}", "SELECT $x   "),
        ("SELECT {{ x }} + 1", "SELECT $x      + 1"),
        ("SELECT {variables.x}", "SELECT $x           "),
        ("SELECT {{s.start}}, {variables.s.end}", "SELECT $s_start   , $s_end           "),
        ("SELECT 'é€🐘', {{x}}", "SELECT 'é€🐘', $x   "),
        ("SELECT {'a': {{x}}}", "SELECT {'a': $x   }"),
        ("SELECT 1 -- {{x}}\n, {{x}} /* {{x}} */", "SELECT 1 -- {{x}}\n, $x    /* {{x}} */"),
        ("SELECT {'a': {'b': 1}}", "SELECT {'a': {'b': 1}}"),
        ("SELECT a{{x}}", "SELECT a $x  "),
        ("SELECT {{x", "SELECT {{x"),
        ("SELECT 'open, {{x}}", None),
    ],
)
def test_a_marker_becomes_a_parameter_of_the_same_length(written, meant):
    if meant is None:
        with pytest.raises(ParseError):
            spelled(written)
        return
    assert spelled(written) == meant
    assert len(spelled(written)) == len(written)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '{{x}}'",
        "SELECT 'a' || '%{{x}}%'",
        "SELECT \"{{x}}\" FROM 't.csv'",
        "SELECT $$ {{x}} $$",
        "SELECT $q$ {variables.x} $q$",
        "SELECT e'\\'{{x}}'",
        "SELECT * FROM '{{x}}.csv'",
    ],
)
def test_a_marker_in_quotes_is_refused_at_its_place(bench, sql):
    with pytest.raises(ParseError, match="stands inside quotes") as caught:
        bench.run(sql, params={"x": "t"})

    assert (caught.value.line, caught.value.column) == (1, sql.index("{") + 1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {{x}}",
        "SELECT t.{{x}} FROM 't.csv' t",
        "SELECT 1 AS {{x}}",
        "SELECT n AS a{{x}} FROM 't.csv'",
        "SELECT * FROM 't.csv' JOIN {variables.x} USING (n)",
    ],
)
def test_a_marker_as_a_name_is_refused_with_the_reason(bench, sql):
    with pytest.raises(ParseError) as caught:
        bench.run(sql, params={"x": "t"})

    assert caught.value.hint == (
        "A parameter stands for a value, never for the name of a table or a column."
    )


def test_three_spellings_are_one_query(bench):
    runs = [
        bench.run(f"SELECT n FROM 't.csv' WHERE n >= {mark}", params={"least": 2})
        for mark in ("$least", "{{least}}", "{variables.least}")
    ]

    assert len({run.sha256 for run in runs}) == 1
    assert bench.rows(runs[0]) == [[2]]


def test_an_error_still_points_into_what_was_written(bench):
    with pytest.raises(ViewsError) as caught:
        bench.run("SELECT {{least}},\n nothing FROM 't.csv'", params={"least": 2})

    assert (caught.value.line, caught.value.column) == (2, 2)


def test_a_declared_parameter_need_not_be_used_nor_have_a_value_yet(bench):
    run = bench.run("SELECT {{x}} AS x", params={"x": 1, "y": 2}, declared=("x", "y"))
    assert bench.rows(run) == [[1]]

    plan = bench.wait(bench.engine.check(bench.a_run("SELECT {{x}}", declared=("x",)).draft))
    assert plan.parameters == ("x",)
    with pytest.raises(MissingParameters):
        bench.run("SELECT {{x}}, {{z}}", declared=("x",), params={"x": 1})
    with pytest.raises(InvalidParameters, match="does not use y"):
        bench.run("SELECT {{x}}", params={"x": 1, "y": 2})


def test_500_injections_come_back_as_the_texts_that_they_are(bench):
    (bench.data / "intact.csv").write_text("i\n1\n2\n")
    names = [f"p{number}" for number in range(len(INJECTIONS))]
    values = dict(zip(names, INJECTIONS, strict=True))
    asked = " UNION ALL ".join(
        f"SELECT {number} AS n, {{{{{name}}}}} AS x" for number, name in enumerate(names)
    )
    before = sorted(path.name for path in bench.data.iterdir())

    run = bench.run(f"SELECT x FROM ({asked}) ORDER BY n", params=values)

    assert [x for (x,) in bench.rows(run)] == list(INJECTIONS)
    assert sorted(path.name for path in bench.data.iterdir()) == before
    assert (bench.data / "intact.csv").read_text() == "i\n1\n2\n"
