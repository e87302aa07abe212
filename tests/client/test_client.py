from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

import pandas as pd
import pytest
from kernel.live import PACKAGE_PARENT

import jupyter_views as jv
from jupyter_views.client import NoServer, NoSuchView, RefreshFailed, StillRunning
from jupyter_views.core.errors import Invalid, NotFound, SlugTaken

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"


def test_a_saved_view_gives_its_rows_in_every_kind(views):
    view = views.save("Two rows", "SELECT i, 'x' || i AS s FROM range(2) t(i)", tags=["a"])

    assert view.slug == "two-rows"
    assert view.columns == ("i", "s")
    assert view.df().equals(pd.DataFrame({"i": [0, 1], "s": ["x0", "x1"]}))
    assert view.polars().rows() == [(0, "x0"), (1, "x1")]
    assert view.arrow().column_names == ["i", "s"]
    assert view.rows() == [(0, "x0"), (1, "x1")]
    assert view.rows(limit=1) == [(0, "x0")]
    assert sum(batch.num_rows for batch in view.batches()) == 2


def test_pandas_gets_floats_and_arrow_exact_decimals(views):
    from decimal import Decimal

    view = views.save("Money", "SELECT 0.10::DECIMAL(10,2) AS m, DATE '2026-11-20' AS day")

    assert view.df().dtypes.astype(str).to_dict() == {"m": "float64", "day": "datetime64[ms]"}
    assert view.rows()[0][0] == Decimal("0.10")


def test_all_rows_go_to_a_csv_file(views, tmp_path):
    views.save("Lines", "SELECT 1 AS a, 'x,y' AS b, NULL AS c").to_csv(tmp_path / "out.csv")

    assert (tmp_path / "out.csv").read_bytes() == b'a,b,c\r\n1,"x,y",\r\n'


def test_repeated_column_names_survive_as_tuples(views):
    view = views.save("Repeated", "SELECT 1 AS a, 2 AS a")

    assert view.columns == ("a", "a")
    assert view.rows() == [(1, 2)]


def test_freshness_is_asked_of_the_server(views, server):
    source = server.root / "source.csv"
    source.write_text("a\n1\n")
    view = views.save("From file", "FROM 'source.csv'", auto_refresh=False)
    assert (view.is_stale, view.reason, view.status) == (False, None, "fresh")
    assert abs((datetime.now(UTC) - view.computed_at).total_seconds()) < 30

    source.write_text("a\n1\n2\n3\n")
    time.sleep(1.1)

    assert (view.is_stale, view.reason, view.stale_sources) == (
        True,
        "source_changed",
        ("source.csv",),
    )
    assert repr(view).startswith("<View from-file: Stale: source.csv changed, 1 row × 1 column")
    assert view.refresh().is_stale is False
    assert len(view.df()) == 3


def test_unchanged_rows_are_not_sent_twice(views):
    view = views.save("Once", "SELECT 1 AS one")

    assert view.arrow() is view.arrow()
    first = view.arrow()
    view.refresh()
    assert view.arrow() is first


def test_a_mapping_of_slugs(views):
    views.save("First", "SELECT 1 AS one")
    views.save("Second one", "SELECT 2 AS two")

    assert sorted(views) == ["first", "second-one"]
    assert len(views) == 2
    assert "first" in views
    assert "third" not in views
    assert [view.slug for view in views.list("second")] == ["second-one"]
    assert {slug: view.name for slug, view in views.items()}["second-one"] == "Second one"


def test_more_views_than_a_page_are_all_listed(views):
    for number in range(53):
        views.save(f"view {number}", "SELECT 1 AS one")

    assert len(views) == 53
    assert len(views.list(limit=7)) == 7


def test_a_mistyped_slug_is_a_key_error_with_the_nearest(views):
    views.save("Daily active users", "SELECT 1 AS one")

    with pytest.raises(KeyError) as caught:
        views["daily-activ-users"]

    assert isinstance(caught.value, NoSuchView)
    assert str(caught.value) == (
        "No view named 'daily-activ-users'. Did you mean daily-active-users?"
    )


def test_other_parameter_values_give_other_rows(views):
    view = views.save("With n", "SELECT $n + 1 AS next", params={"n": 1})

    assert view.rows() == [(2,)]
    assert view.rows(n=10) == [(11,)]
    assert view.rows() == [(2,)]


def test_wrong_sql_saves_nothing_and_says_where(views):
    with pytest.raises(RefreshFailed) as caught:
        views.save("Wrong", "SELECT actve\nFROM (SELECT 1 AS active)")

    assert caught.value.line == 1
    assert caught.value.column == 8
    assert "actve" in str(caught.value)
    assert "wrong" not in views


def test_a_taken_slug_comes_with_free_ones(views):
    views.save("Sales", "SELECT 1 AS one")

    with pytest.raises(SlugTaken) as caught:
        views.save("Sales", "SELECT 2 AS two")

    assert len(caught.value.suggestions) == 3
    assert views.save("Sales", "SELECT 2 AS two", slug=caught.value.suggestions[0])


def test_a_failed_refresh_raises_and_keeps_the_rows(views, server):
    source = server.root / "gone.csv"
    source.write_text("a\n1\n")
    view = views.save("Going", "SELECT a FROM 'gone.csv'", auto_refresh=False)
    source.unlink()

    with pytest.raises(RefreshFailed):
        view.refresh()

    assert view.rows() == [(1,)]
    assert views["going"].status == "failed"


def test_a_wait_has_an_end(views, server):
    with pytest.raises(StillRunning) as caught:
        views.save("Endless", ENDLESS, wait=1)

    path = f"views/api/v1/statements/{caught.value.statement_id}/cancel"
    assert server.request("POST", path).status_code == 200


def test_a_deleted_view_is_gone(views):
    views.save("Short", "SELECT 1 AS one").delete()

    assert "short" not in views


def test_html_of_a_view_shows_its_rows_and_no_markup_of_its_name(views):
    view = views.save("<b>bold</b>", "SELECT 'cell' AS c")

    assert "<b>bold" not in view._repr_html_()
    assert "cell" in view._repr_html_()


def test_a_plain_script_with_an_address_and_a_key_reads_a_view(views, server, tmp_path):
    views.save("For scripts", "SELECT 7 AS seven")
    key = server.key_for("tester", "perspective:read")
    server.request("PUT", "views/api/v1/perspectives/for-scripts", json={"is_public": True})
    code = f"import jupyter_views as jv; print(jv.connect({server.url!r})['for-scripts'].df())"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": PACKAGE_PARENT, "JUPYTER_VIEWS_TOKEN": key},
    )

    assert done.stdout.split() == ["seven", "0", "7"], done.stderr


def test_wrong_credentials_and_absent_servers_are_said_plainly(server):
    with pytest.raises(NoServer, match="refuses the credentials"):
        jv.connect(server.url, "wrong")
    with pytest.raises(NoServer, match="does not answer"):
        jv.connect("http://127.0.0.1:9", "x")


def test_a_script_finds_the_running_server_by_its_file(server, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
    for name in ("JUPYTER_VIEWS_URL", "JUPYTER_VIEWS_TOKEN", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)

    assert jv.connect().url == server.url


def test_a_stale_environment_falls_through_to_the_server_that_runs(server, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
    monkeypatch.setenv("JUPYTER_VIEWS_KEY", "of-a-server-that-is-gone")
    for url in ("http://127.0.0.1:9/", server.url):
        monkeypatch.setenv("JUPYTER_VIEWS_URL", url)
        assert jv.connect().url == server.url


def test_importing_the_package_loads_neither_server_nor_store_nor_engine(tmp_path):
    code = (
        "import sys, jupyter_views, jupyter_views.client;"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'tornado','sqlalchemy','duckdb',"
        "'jupyter_server','pandas','pyarrow','httpx','IPython'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": PACKAGE_PARENT},
    )

    assert done.stdout.strip() == "[]", done.stderr


@pytest.fixture
def counted(views, server):
    """A view whose file changed once, refreshed by hand."""
    source = server.root / "counted.csv"
    source.write_text("id,n\n1,1\n2,2\n")
    view = views.save("Counted", "FROM 'counted.csv'", auto_refresh=False)
    source.write_text("id,n\n1,1\n2,5\n3,3\n")
    return view.refresh()


def test_the_rule_and_the_words_of_a_view_are_set_in_one_call(counted):
    counted.set(schedule="1h", age_seconds=600, key=["id"], tags=["a"], strict=True)

    facts = counted.facts
    assert (facts["schedule"], facts["schedule_text"], facts["age_seconds"]) == (
        "1h",
        "every hour",
        600,
    )
    assert (facts["key"], facts["tags"], facts["strict"]) == (["id"], ["a"], True)
    assert counted.set(schedule=None).facts["schedule"] is None
    assert counted.facts["age_seconds"] == 600


def test_a_view_is_saved_with_its_rule(views, server):
    (server.root / "ruled.csv").write_text("n\n1\n")
    probe = "SELECT max(n) FROM 'ruled.csv'"

    view = views.save("Ruled", "FROM 'ruled.csv'", schedule="1h", changed_when=probe, key=["n"])

    facts = view.facts
    assert (facts["schedule"], facts["changed_when"], facts["key"]) == ("1h", probe, ["n"])


def test_a_wrong_field_is_named_and_nothing_is_changed(counted):
    with pytest.raises(Invalid) as caught:
        counted.set(age_seconds=60, schedule="sometimes")

    assert caught.value.details["field"] == "schedule"
    assert counted.facts["age_seconds"] is None


def test_the_history_tells_why_each_refresh_ran_and_what_it_changed(counted):
    until = time.monotonic() + 10
    while (newest := counted.history(limit=1)[0])["changes"] is None:
        assert time.monotonic() < until
        time.sleep(0.1)

    assert newest["cause"]["kind"] == "asked"
    assert newest["changes"] == {"added": 1, "removed": 0, "changed": 1}
    assert [entry["row_count"] for entry in counted.history()] == [3, 2]


def test_a_difference_counts_shows_its_key_and_gives_the_rows(counted):
    diff = counted.diff()

    assert (diff.key, diff.is_key_guessed) == (("id",), True)
    assert (diff.added, diff.removed, diff.changed) == (1, 0, 1)
    assert set(diff.rows) == {("changed", (2, 2), (2, 5)), ("added", None, (3, 3))}
    assert len(diff.df()) == 3
    assert repr(diff) == "<Difference: 1 row added, 1 changed>"
    assert "~  2   2 → 5" in str(diff)
    after, before = (entry["id"] for entry in counted.history())
    turned = counted.diff(after, before, key=["id"], limit=0)
    assert (turned.removed, turned.is_key_guessed, turned.rows) == (1, False, ())


def test_without_earlier_rows_there_is_nothing_to_compare(views):
    with pytest.raises(NotFound, match="No earlier rows"):
        views.save("Alone", "SELECT 1 AS one").diff()


def test_the_log_tells_what_was_done(counted):
    until = time.monotonic() + 10
    while not any("3 rows" in line["text"] for line in counted.log()):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_an_earlier_version_is_compared_and_restored(views, server, monkeypatch):
    monkeypatch.setattr("jupyter_views._view._PAGE", 2)
    view = views.save("Versions", "SELECT 1 AS one")
    newer = server.request(
        "POST",
        "views/api/v1/statements",
        json={"sql": "SELECT 2 AS two"},
        headers={"Prefer": "wait=20"},
    ).json()
    body = {"statement_id": newer["id"]}
    server.request("PUT", "views/api/v1/perspectives/versions", json=body)

    lines = view.sql_diff(1)
    assert [(line["kind"], line["text"]) for line in lines[1:]] == [
        ("removed", "SELECT 1 AS one"),
        ("added", "SELECT 2 AS two"),
    ]
    assert view.restore(1, note="back").rows() == [(1,)]
    assert [(each["n"], each["note"]) for each in view.versions()] == [
        (3, "back"),
        (2, None),
        (1, None),
    ]
    assert [each["n"] for each in view.versions(limit=1)] == [3]
    with pytest.raises(NotFound):
        view.restore(9)
