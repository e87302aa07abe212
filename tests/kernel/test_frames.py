from __future__ import annotations

import io

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_views.kernel import frames
from jupyter_views.kernel.errors import MagicError


def streamed(table: pa.Table) -> pa.Table:
    return pa.ipc.open_stream(io.BytesIO(b"".join(frames.pieces(table)))).read_all()


def test_pandas_polars_and_arrow_of_equal_rows_have_one_schema_and_equal_rows():
    columns = {"n": [1, 2, None], "x": [0.5, None, 1.5]}
    expected = pa.table({"n": pa.array([1, 2, None]), "x": pa.array([0.5, None, 1.5])})
    pandas_frame = pd.DataFrame({"n": pd.array([1, 2, None], dtype="Int64"), "x": [0.5, None, 1.5]})

    assert frames.to_table(pandas_frame, "df").equals(expected)
    assert frames.to_table(pl.DataFrame(columns), "df").equals(expected)
    assert frames.to_table(pl.LazyFrame(columns), "df").equals(expected)
    assert frames.to_table(expected, "df").equals(expected)


def test_the_index_of_pandas_is_not_sent():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([10, 20], name="key"))

    assert frames.to_table(frame, "df").column_names == ["a"]


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.text()), min_size=1), st.data())
def test_the_hash_depends_on_rows_and_not_on_chunks(rows, data):
    schema = pa.schema({"n": pa.int64(), "s": pa.string()})
    records = [{"n": n, "s": s} for n, s in rows]
    whole = pa.Table.from_pylist(records, schema)
    cut = data.draw(st.integers(0, len(rows)))
    parts = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    changed = pa.Table.from_pylist([{**records[0], "n": rows[0][0] + 1}, *records[1:]], schema)

    digest = frames.sha256_of(frames.to_table(whole, "df"))

    assert frames.sha256_of(frames.to_table(parts, "df")) == digest
    assert frames.sha256_of(frames.to_table(changed, "df")) != digest


def test_the_hash_is_that_of_the_bytes_that_are_sent():
    import hashlib

    table = frames.to_table(pd.DataFrame({"a": range(300_000)}), "df")
    body = list(frames.pieces(table))

    assert len(body) > 2
    assert hashlib.sha256(b"".join(body)).hexdigest() == frames.sha256_of(table)
    assert streamed(table).equals(table)


def test_an_empty_frame_keeps_its_columns():
    table = frames.to_table(pd.DataFrame({"a": pd.array([], dtype="int64")}), "df")

    assert streamed(table).schema == table.schema


def test_a_column_of_several_kinds_is_refused_by_name():
    with pytest.raises(MagicError) as caught:
        frames.to_table(pd.DataFrame({"mixed": [1, "a", object()]}), "orders")

    assert "orders cannot be sent" in caught.value.lines[0]
    assert "mixed" in caught.value.lines[0]
    assert caught.value.lines[-1] == "Nothing was saved."


def test_repeated_column_names_are_refused():
    with pytest.raises(MagicError, match="orders cannot be sent"):
        frames.to_table(pd.DataFrame([[1, 2]], columns=["a", "a"]), "orders")


def test_only_frames_whose_name_is_a_word_of_the_sql_are_candidates():
    namespace = {
        "df": pd.DataFrame({"a": [1]}),
        "Orders": pl.DataFrame({"a": [1]}),
        "unused": pa.table({"a": [1]}),
        "day": 5,
        "_df": pd.DataFrame(),
    }

    found = frames.mentioned("SELECT day FROM df JOIN orders USING (a) JOIN _df", namespace)

    assert found == {"df", "Orders"}


def test_a_series_and_a_list_are_no_frames():
    assert frames.kind_of(pd.Series([1])) is None
    assert frames.kind_of([{"a": 1}]) is None


def test_periods_and_intervals_are_sent_as_their_text():
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "month": pd.period_range("2020", periods=2, freq="M"),
            "range": pd.interval_range(0, 2),
        }
    )

    table = frames.to_table(frame, "frame")

    assert table.to_pydict() == {
        "n": [1, 2],
        "month": ["2020-01", "2020-02"],
        "range": ["(0, 1]", "(1, 2]"],
    }


def test_a_number_beyond_every_integer_type_is_refused_by_name():
    with pytest.raises(MagicError, match="frame cannot be sent"):
        frames.to_table(pd.DataFrame({"n": [10**40, 1]}), "frame")
