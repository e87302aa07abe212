"""Rows for other values than the view's own, as Python has them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from jupyter_views._values import address_of
from jupyter_views.client import RefreshFailed
from jupyter_views.core.errors import Invalid, InvalidParameters, NameTaken, NotFound

PARAMETERS = [
    {"name": "region", "type": "enum", "options": ["EU", "US"], "defaultValue": "EU"},
    {"name": "several", "type": "multi-enum", "options": ["a", "b"], "defaultValue": ["a"]},
    {"name": "day", "type": "date-picker", "defaultValue": "2024-01-01"},
    {"name": "at", "type": "datetime-picker", "defaultValue": "2024-01-01T12:00:00Z"},
    {
        "name": "span",
        "type": "date-range",
        "defaultValue": {"start": "2024-01-01", "end": "2024-01-31"},
    },
    {"name": "on", "type": "boolean", "defaultValue": False},
    {"name": "least", "type": "integer", "min": 0, "defaultValue": 5},
    {"name": "rate", "type": "number", "defaultValue": 0.5},
    {"name": "who", "required": False},
]
SQL = (
    "SELECT $region AS region, $several AS several, $day AS day, $at AS at, "
    "$span_start AS s, $span_end AS e, $on AS on_, $least AS least, $rate AS rate, $who AS who"
)


@pytest.fixture
def chosen(views):
    return views.save("Chosen", SQL, parameters=PARAMETERS)


def test_every_kind_of_value_is_taken_as_python_has_it(chosen):
    noon = datetime(2024, 3, 1, 12, tzinfo=UTC)

    (row,) = chosen.rows(
        region="US", several=("b", "a"), day=date(2024, 3, 1), at=noon,
        span=(date(2024, 2, 1), date(2024, 2, 29)), on=True, least=7, rate=Decimal("0.25"),
        who="it's; DROP",
    )  # fmt: skip

    assert row[:3] == ("US", ["a", "b"], date(2024, 3, 1))
    assert row[3].astimezone(UTC) == noon
    assert row[4:] == (date(2024, 2, 1), date(2024, 2, 29), True, 7, 0.25, "it's; DROP")
    assert chosen.rows()[0][0] == "EU"


def test_scalars_of_numpy_and_pandas_and_other_spellings_too(chosen):
    table = chosen.arrow(
        least=np.int64(9), rate=np.float64(1.5), on=np.bool_(True), several=["b"],
        day=pd.Timestamp("2024-03-01T10:00"), span={"start": "2024-02-01", "end": "today"},
    )  # fmt: skip

    (row,) = table.to_pylist()
    assert (row["least"], row["rate"], row["on_"], row["several"]) == (9, 1.5, True, ["b"])
    assert (row["day"], row["s"]) == (date(2024, 3, 1), date(2024, 2, 1))
    assert list(chosen.df(region="US")["region"]) == ["US"]
    assert chosen.polars(region="US")["region"].to_list() == ["US"]
    assert b"".join(chosen.text("csv", region="US")).splitlines()[1].startswith(b"US,")
    assert sum(batch.num_rows for batch in chosen.batches(least=8)) == 1


@pytest.mark.parametrize(
    ("values", "kind", "sentence"),
    [
        ({"region": "Mars"}, InvalidParameters, "region must be one of EU, US."),
        ({"least": -1}, InvalidParameters, "least must be a value from 0."),
        ({"least": float("nan")}, InvalidParameters, "least must be a whole number."),
        ({"several": ["a", "c"]}, InvalidParameters, "several must be a list of a, b."),
        ({"span": ("2024-02-02", "2024-02-01")}, InvalidParameters,
            "span must not start after it ends."),
        ({"span": ("2024-02-02",)}, InvalidParameters,
            'span must be a range such as {"start": "2024-01-01", "end": "2024-01-31"}.'),
        ({"planet": "EU"}, Invalid, "This view has no parameter 'planet'."),
        ({"least": None}, Invalid, "least has no value."),
        ({"least": object()}, Invalid, "least cannot be of the type object."),
        ({"who": "\ud800"}, Invalid, "who must be valid Unicode text."),
    ],
)  # fmt: skip
def test_a_wrong_value_raises_with_one_sentence(chosen, values, kind, sentence):
    for read in (chosen.df, chosen.rows, chosen.arrow, lambda **v: list(chosen.text("csv", **v))):
        with pytest.raises(kind) as caught:
            read(**values)
        assert caught.value.message == sentence


def test_a_run_that_fails_with_these_values_is_a_failed_refresh(views):
    declared = [{"name": "n", "type": "integer", "defaultValue": 1}]
    view = views.save("Fails", "SELECT repeat('9', $n)::TINYINT AS n", parameters=declared)

    with pytest.raises(RefreshFailed, match="999"):
        view.rows(n=3)

    assert view.rows(n=2) == [(99,)]
    assert view.status == "fresh"


def test_values_of_parameters_that_nothing_declares_keep_their_type(views):
    view = views.save("Plain", "SELECT $n + 1 AS n, $t AS t", params={"n": 1, "t": "x"})

    assert view.rows(n=2, t="5") == [(3, "5")]
    with pytest.raises(Invalid, match=r"param\.n is a whole number"):
        view.rows(n="five")


def test_a_reader_gets_rows_of_other_values_of_a_view_over_files(views, server):
    import jupyter_views as jv

    (server.root / "levels.csv").write_text("a\n1\n2\n3\n")
    views.save(
        "Levels", "SELECT sum(a)::INT AS s FROM 'levels.csv' WHERE a >= $n", is_public=True,
        parameters=[{"name": "n", "type": "integer", "defaultValue": 1}],
    )  # fmt: skip
    with jv.connect(server.url, server.key_for("bob", "perspective:read")) as bobs:
        assert bobs["levels"].rows(n=3) == [(3,)]


def test_an_address_says_what_the_server_reads_back():
    facts = {"parameters": PARAMETERS, "params": {"plain": 5}}

    assert address_of(
        facts,
        {"span": ("2024-01-01", "today"), "several": [], "on": False, "plain": 6, "who": ""},
    ) == {
        "param.span": "2024-01-01/today",
        "param.several": "[]",
        "param.on": "false",
        "param.plain": "6",
        "param.who": "",
    }


def test_doors_are_opened_by_name_and_closed(views, server):
    view, other = views.save("One", "SELECT 1 AS one"), views.save("Other", "SELECT 2 AS two")

    address = view.open_door("endpoint", name="one-more")

    assert address == f"{server.url}views/api/projects/1/endpoints/one-more/run"
    assert view.open_door("endpoint", name="another") == address
    assert set(view.doors) == {"perspective", "insight", "endpoint"}
    assert view.open_door("insight").startswith(f"{server.url}views/api/projects/1/insights/")
    with pytest.raises(NameTaken) as caught:
        other.open_door("endpoint", name="one-more")
    assert caught.value.suggestions == ("one-more-2",)
    with pytest.raises(Invalid, match="must start with a letter"):
        other.open_door("endpoint", name="1 2")
    view.close_door("endpoint")
    assert set(view.doors) == {"perspective", "insight"}
    with pytest.raises(NotFound):
        view.close_door("endpoint")
