"""A person's own query that says whether sources changed: one plain value, within seconds."""

from __future__ import annotations

import pytest

from jupyter_views.core.errors import (
    EngineFailed,
    NotAllowed,
    NotReadOnly,
    ParseError,
    TimedOut,
    ViewsError,
)
from jupyter_views.core.ports import Draft, Read

from .workbench import a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("probes")) as bench:
        (bench.data / "marks.csv").write_text("m\n1\n")
        yield bench


def asked(bench, sql: str):
    (signature,) = bench.run("SELECT 1", changed_when=sql).signatures
    return signature


def compared(bench, sql: str, signature):
    read = Read(kind="probe", name="changed_when", path=str(bench.data), sql=sql)
    return bench.wait(bench.engine.compare((read,), (signature,))).moved


def test_the_answer_is_signed_with_its_type(bench):
    signature = asked(bench, "SELECT 5::INTEGER")

    assert (signature.kind, signature.name, signature.strength) == (
        "probe",
        "changed_when",
        "coarse",
    )
    assert signature.entries == (("changed_when", "INTEGER: '5'"),)


def test_null_and_its_word_are_different_answers(bench):
    assert asked(bench, "SELECT NULL::INTEGER").entries[0][1] == "INTEGER: null"
    assert asked(bench, "SELECT 'null'").entries[0][1] == "VARCHAR: 'null'"


def test_another_answer_is_a_change_named_by_the_probe(bench):
    sql = "SELECT max(m) FROM 'marks.csv'"
    signature = asked(bench, sql)
    assert compared(bench, sql, signature) == ()

    (bench.data / "marks.csv").write_text("m\n2\n")

    assert compared(bench, sql, signature) == ("changed_when",)


def test_a_probe_that_moves_under_the_run_proves_nothing(bench):
    signature = asked(bench, "SELECT now()")

    assert signature.strength == "none"
    assert compared(bench, "SELECT now()", signature) is None


def test_a_probe_that_fails_later_proves_nothing(bench):
    sql = "SELECT max(m) FROM 'going.csv'"
    (bench.data / "going.csv").write_text("m\n1\n")
    signature = asked(bench, sql)
    (bench.data / "going.csv").unlink()

    assert compared(bench, sql, signature) is None


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1, 2", EngineFailed),
        ("SELECT range FROM range(2)", EngineFailed),
        ("SELECT 1 WHERE false", EngineFailed),
        ("SELECT [1]", EngineFailed),
        ("SELECT nope", EngineFailed),
        (
            "SELECT max(a.range * b.range) FROM range(10000000) a, range(100000000) b",
            TimedOut,
        ),
    ],
)
def test_anything_but_one_plain_value_in_time_is_an_error_of_the_run(bench, sql, kind):
    with pytest.raises(kind, match="changed_when") as caught:
        bench.run("SELECT 1", changed_when=sql)

    assert caught.value.details["field"] == "changed_when"
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO x VALUES (1)", NotReadOnly),
        ("SELEC 1", ParseError),
        ("SELECT $x", NotAllowed),
        ("FROM views.other", NotAllowed),
        ("FROM nowhere", NotAllowed),
        ("SELECT 1; SELECT 2", ViewsError),
        ("FROM '/etc/passwd'", NotAllowed),
    ],
)
def test_a_probe_is_judged_by_the_same_gate_when_it_is_checked(bench, sql, kind):
    draft = Draft(sql="SELECT 1", base_dir=str(bench.data), changed_when=sql)

    with pytest.raises(kind, match="changed_when") as caught:
        bench.wait(bench.engine.check(draft))

    assert caught.value.details["field"] == "changed_when"


def test_the_plan_names_the_probe_among_its_reads(bench):
    draft = Draft(sql="SELECT 1", base_dir=str(bench.data), changed_when="SELECT 2")

    assert bench.wait(bench.engine.check(draft)).reads == (
        Read(kind="probe", name="changed_when", path=str(bench.data), sql="SELECT 2"),
    )
