"""A run reads the stored rows of views: proved, streamed, under their slugs, and gone after it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from jupyter_views.core.errors import Gone, NotFound, ViewsError

from .shelves import put_rows
from .workbench import a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("views")) as bench:
        yield bench


@pytest.fixture(scope="module")
def numbers(bench) -> str:
    return put_rows(bench.results, pa.table({"n": [1, 2, 3], "word": ["a", "b", None]}))


def inputs(bench) -> list:
    return list(bench.scratch.glob("engine-*/inputs/*"))


@pytest.mark.parametrize("name", ["views.numbers", 'views."numbers"', 'VIEWS."Numbers"'])
def test_a_view_is_read_by_its_slug_in_any_case(bench, numbers, name):
    outcome = bench.run(f"SELECT sum(n)::BIGINT FROM {name}", views={"numbers": numbers})

    assert bench.rows(outcome) == [[6]]
    (signature,) = outcome.signatures
    assert (signature.kind, signature.strength) == ("view", "exact")
    assert signature.entries == (("numbers", numbers),)


def test_a_view_may_be_scanned_many_times_and_filtered(bench, numbers):
    sql = "SELECT count(*) FROM views.numbers a JOIN views.numbers b USING (n) WHERE a.n > 1"

    assert bench.rows(bench.run(sql, views={"numbers": numbers})) == [[2]]


def test_columns_of_one_name_are_told_apart(bench):
    schema = pa.schema([("a", pa.int32()), ("a", pa.int32()), ("A", pa.int32())])
    sha256 = put_rows(
        bench.results, pa.Table.from_arrays([pa.array([1], pa.int32())] * 3, schema=schema)
    )

    outcome = bench.run("FROM views.twins", views={"twins": sha256})

    assert [column.name for column in outcome.columns] == ["a", "a_1", "A_2"]


def test_a_slug_that_the_run_does_not_know_is_named_with_the_next_step(bench):
    with pytest.raises(NotFound, match='"nope"') as caught:
        bench.run("FROM views.nope")

    assert "Refresh that view" in caught.value.hint


def test_rows_that_are_gone_or_damaged_are_never_read(bench):
    with pytest.raises(Gone, match="not stored any more"):
        bench.run("FROM views.lost", views={"lost": "0" * 64})
    sha256 = put_rows(bench.results, pa.table({"n": [7]}))
    path = bench.results / sha256[:2] / f"{sha256}.arrow"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(Gone, match="damaged"):
        bench.run("FROM views.bad", views={"bad": sha256})


def test_nothing_of_a_view_stays_after_a_run_that_ended_well_or_badly(bench, numbers):
    bench.run("FROM views.numbers", views={"numbers": numbers})
    with pytest.raises(ViewsError):
        bench.run("SELECT nope FROM views.numbers", views={"numbers": numbers})

    assert inputs(bench) == []
    with pytest.raises(NotFound):
        bench.run("FROM views.numbers")
