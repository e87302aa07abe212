"""The values of a widget: kept in its state, set from Python and from its page."""

from __future__ import annotations

import time

import pytest

from .test_widget import FrontEnd, wait_until

CELL = (
    "%%perspective Levels --param least:integer(0..)=1 --param kind:enum(a,b)=a\n"
    "SELECT kind, n FROM 'levels.csv' WHERE n >= $least AND kind = {{kind}} ORDER BY n"
)
CSV = "kind,n\na,1\na,2\na,3\nb,4\n"


@pytest.fixture
def levels(kernel, server):
    source = server.root / "levels.csv"
    source.write_text(CSV)
    ran = kernel.run(CELL)
    assert ran.error is None, ran.error
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'levels')).widget()")
    yield kernel
    kernel.run("w.close()")


def choose(kernel, **values):
    """As the page does: the state of the model, without waiting for what comes of it."""
    client = kernel.client
    model = kernel.value("w.model_id").strip("'")
    data = {"method": "update", "state": {"values": values}, "buffer_paths": []}
    client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": model, "data": data}))


def test_setting_values_shows_their_rows_and_leaves_the_view(levels, server):
    levels.run("seen = []; w.observe(lambda change: seen.append(change['new']), 'values')")

    levels.run("w.values = {'least': 3}")

    assert levels.value("w.rows, w.row_count, w.status, w.error") == "([['a', 3]], 1, 'fresh', '')"
    assert levels.value("seen, w.problems") == "([{'least': 3}], {})"
    answer = FrontEnd(levels, "w").ask(command="window", offset=0)
    assert answer["rows"] == [["a", 3]]
    own = FrontEnd(levels, "w").ask(command="chart")["svg"]
    levels.run("w.values = {}")
    assert levels.value("w.row_count") == "3"
    assert FrontEnd(levels, "w").ask(command="chart")["svg"] != own
    view = server.request("GET", "views/api/v1/perspectives/levels").json()
    assert (view["params"], view["version"]) == ({}, 1)


def test_what_can_be_chosen_is_told_with_options_and_own_values(kernel):
    kernel.run("%%perspective Kinds\nFROM (VALUES ('b'), ('a')) t(kind)")
    kernel.run(
        "%%perspective Picks --param kind:options-of(kinds)=a --param day:date(..today)=today\n"
        "SELECT $kind AS kind, $day AS day"
    )
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'picks')).widget()")

    today = kernel.value("str(w.rows[0][1])")
    assert kernel.value("[p['options'] for p in w.parameters[:1]]") == "[['b', 'a']]"
    assert kernel.value("str(w.parameters[1]['value'])") == today
    assert kernel.value("str(w.parameters[1]['max'])") == today


def test_values_of_python_are_kept_as_json(levels):
    levels.run("import numpy as np\nw.values = {'least': np.int64(2)}")

    assert levels.value("w.values, w.row_count") == "({'least': 2}, 2)"


def test_the_newest_of_many_values_wins_and_the_kernel_stays_free(levels):
    for least in (1, 2, 3, 2):
        choose(levels, least=least, kind="a")
    choose(levels, least=3)

    assert levels.value("1 + 1") == "2"
    wait_until(levels, "not w.is_running")
    assert levels.value("w.values, w.rows") == "({'least': 3}, [['a', 3]])"


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"least": -1}, {"least": "least must be a value from 0."}),
        ({"least": "1; DROP TABLE x"}, {"least": "least must be a whole number."}),
        ({"kind": "<img src=x>"}, {"kind": "kind must be one of a, b."}),
        ({"kind": ["a"]}, {"kind": "kind must be one of a, b."}),
        ({"kind": {"a": None}}, {"kind": "kind has no value."}),
        ({"least": None}, {"least": "least has no value."}),
        ({"planet": "x"}, {"planet": "This view has no parameter 'planet'."}),
    ],
)
def test_a_wrong_value_is_said_at_its_parameter_and_the_rows_stay(levels, values, problems):
    before = levels.value("w.rows, w.status, w.result_id")

    choose(levels, **values)

    wait_until(levels, "bool(w.problems) and not w.is_running")
    assert levels.value("w.problems") == repr(problems)
    assert levels.value("w.rows, w.status, w.result_id") == before
    choose(levels)
    wait_until(levels, "not w.problems and not w.error and not w.is_running")


def test_rows_of_other_values_follow_their_sources_too(levels, server):
    levels.run("w.values = {'least': 3}")
    FrontEnd(levels, "w").ask(command="follow", on=True)

    (server.root / "levels.csv").write_text(CSV + "a,5\n")

    wait_until(levels, "w.rows == [['a', 3], ['a', 5]]", seconds=30)
    wait_until(levels, "w.status == 'fresh'", seconds=20)
    assert levels.value("w.values") == "{'least': 3}"


def test_the_badge_and_a_refresh_are_those_of_the_values(kernel, server):
    source = server.root / "levels.csv"
    source.write_text(CSV)
    kernel.run(CELL.replace("Levels", "Levels --no-auto", 1))
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'levels')).widget()")
    kernel.run("w.values = {'kind': 'b'}")
    FrontEnd(kernel, "w").ask(command="follow", on=True)
    source.write_text(CSV + "b,9\n")
    wait_until(kernel, "w.status_text.startswith('Stale: levels.csv changed')", seconds=30)
    assert kernel.value("w.rows") == "[['b', 4]]"

    assert FrontEnd(kernel, "w").ask(command="refresh")["ok"] is True

    wait_until(kernel, "w.rows == [['b', 4], ['b', 9]]")
    wait_until(kernel, "w.status == 'fresh' and not w.is_running")
    own = server.request("GET", "views/api/v1/perspectives/levels").json()
    assert (own["status"], own["row_count"]) == ("stale", 3)
    kernel.run("w.close()")


def test_a_slow_run_for_values_is_cancelled_and_overtaken(kernel, server):
    kernel.run(
        "%%perspective Slow --param n:integer=1\nSELECT count(*) AS c\n"
        "FROM range($n) a, range($n) b WHERE a.range * b.range % 7 = 3"
    )
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'slow')).widget()")
    choose(kernel, n=8_000_000)
    wait_until(kernel, "w._statement_key is not None")
    FrontEnd(kernel, "w").ask(command="cancel")
    wait_until(kernel, "w.error == 'Cancelled. The last good result is kept.'")

    choose(kernel, n=8_000_001)
    wait_until(kernel, "w._statement_key is not None")
    key = kernel.value("w._statement_key").strip("'")
    choose(kernel, n=10)

    wait_until(kernel, "w.rows == [[10]] and not w.is_running")
    assert kernel.value("w.error, w.values") == "('', {'n': 10})"
    server.request("POST", f"views/api/v1/statements/{key}/cancel")
    until = time.monotonic() + 10
    while server.request("GET", f"views/api/v1/statements/{key}").json()["status"] != "CANCELED":
        assert time.monotonic() < until
    assert kernel.value("w.rows, w.error") == "([[10]], '')"
