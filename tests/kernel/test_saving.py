from __future__ import annotations

import time

import pytest


def perspective(server, slug):
    answer = server.request("GET", f"views/api/v1/perspectives/{slug}")
    return answer.json() if answer.status_code == 200 else None


def test_a_cell_becomes_a_view_that_lives_on_the_server(kernel, server):
    ran = kernel.run("%%perspective The answer\nSELECT 42 AS answer, NULL AS nothing")

    assert ran.error is None
    assert len(ran.shown) == 1
    assert not ran.results
    text = ran.shown[0]["text/plain"].splitlines()
    assert text[0].startswith("The answer • Fresh • 1 row × 2 columns • ")
    assert text[3].split() == ["42", "NULL"]
    assert text[-1] == "Saved as the-answer (version 1, only you)."
    assert perspective(server, "the-answer")["sql_query"] == "SELECT 42 AS answer, NULL AS nothing"


def test_the_same_cell_again_refreshes_and_makes_no_second_version(kernel, server):
    cell = "%%perspective Again\nSELECT 1 AS one"
    kernel.run(cell)
    before = perspective(server, "again")

    ran = kernel.run(cell)

    after = perspective(server, "again")
    assert "Refreshed again (version 1, only you)." in ran.shown[0]["text/plain"]
    assert after["version"] == 1
    assert after["computed_at"] > before["computed_at"]


def test_a_changed_cell_makes_the_next_version_and_counts_its_lines(kernel, server):
    kernel.run("%%perspective Growing\nSELECT 1 AS one\nFROM range(3)")

    ran = kernel.run("%%perspective Growing\nSELECT 2 AS two\nFROM range(3)")

    assert "Version 2 (was 1): 1 line changed." in ran.shown[0]["text/plain"]
    assert perspective(server, "growing")["version"] == 2


def test_wrong_sql_points_at_its_place_and_saves_nothing(kernel, server):
    ran = kernel.run("%%perspective Wrong\nSELECT actve\nFROM (SELECT 1 AS active)", timeout=30)

    assert ran.error[0]
    assert "  line 1:  SELECT actve" in ran.error
    assert ran.error[ran.error.index("  line 1:  SELECT actve") + 1].strip() == "^^^^^"
    assert ran.error[-1] == "Nothing was saved."
    assert not ran.shown
    assert perspective(server, "wrong") is None


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a INT)",
        "SELECT 1; SELECT 2",
        "WITH x AS (COPY (SELECT 1) TO 'stolen.csv') SELECT 1",
        "SELECT * FROM '/etc/passwd'",
    ],
)
def test_what_a_view_may_not_do_is_refused_in_words(kernel, server, sql):
    ran = kernel.run(f"%%perspective Forbidden\n{sql}")

    assert ran.error
    assert not any("Traceback" in line for line in ran.error)
    assert ran.error[-1] == "Nothing was saved."
    assert perspective(server, "forbidden") is None
    assert not (server.root / "stolen.csv").exists()


def test_a_failing_change_keeps_the_last_good_result(kernel, server):
    kernel.run("%%perspective Kept\nSELECT 1 AS one")

    ran = kernel.run("%%perspective Kept\nSELECT nothing_like_it")

    assert ran.error[-1] == "The last good result is kept."
    assert perspective(server, "kept")["version"] == 1


def test_options_reach_the_view_and_can_change_without_a_new_version(kernel, server):
    kernel.run("%%perspective Tagged --tag a --tag b --desc 'two words' --no-auto\nSELECT 1")
    first = perspective(server, "tagged")

    ran = kernel.run("%%perspective Tagged --name 'New name' --who team --auto\nSELECT 1")

    second = perspective(server, "tagged")
    assert (first["tags"], first["description"], first["auto_refresh"]) == (
        ["a", "b"],
        "two words",
        False,
    )
    assert (second["name"], second["is_public"], second["auto_refresh"]) == (
        "New name",
        True,
        True,
    )
    assert (second["version"], second["tags"]) == (1, ["a", "b"])
    assert "every signed-in user" in ran.shown[0]["text/plain"]


def test_a_parameter_is_bound_and_never_spliced(kernel, server):
    ran = kernel.run(
        '%%perspective Bound --param "word=it\'s; DROP" --param n:number=2\n'
        "SELECT $word AS word, i FROM range(5) t(i) WHERE i < $n"
    )

    assert "it's; DROP" in ran.shown[0]["text/plain"]
    declared = {each["name"]: each for each in perspective(server, "bound")["parameters"]}
    assert declared["word"]["defaultValue"] == "it's; DROP"
    assert (declared["n"]["type"], declared["n"]["defaultValue"]) == ("number", 2)


def test_a_date_parameter_compares_with_dates(kernel):
    ran = kernel.run(
        "%%perspective Since --param since:date=2026-11-02\n"
        "SELECT day FROM (VALUES (DATE '2026-11-01'), (DATE '2026-11-03')) t(day)\n"
        "WHERE day >= $since"
    )

    assert "2026-11-03" in ran.shown[0]["text/plain"]
    assert "2026-11-01" not in ran.shown[0]["text/plain"]


def test_python_variables_are_not_put_into_the_sql(kernel):
    kernel.run("secret = 'no'")

    ran = kernel.run("%%perspective Literal\nSELECT '{secret} $secret' AS text")

    assert "{secret} $secret" in ran.shown[0]["text/plain"]


def test_a_name_belonging_to_somebody_else_runs_nothing_and_offers_free_ones(kernel, server):
    import jupyter_views as jv

    ana = jv.connect(server.url, server.key_for("ana"))
    for is_public, name in ((True, "Public sales"), (False, "Private sales")):
        ana.save(name, "SELECT 1 AS one", is_public=is_public)

    public = kernel.run("%%perspective Public sales\nSELECT 2 AS two")
    private = kernel.run("%%perspective Private sales\nSELECT 2 AS two")

    assert public.error[0] == "public-sales belongs to ana."
    assert private.error[0] == "private-sales belongs to somebody else."
    offered = public.error[1].removeprefix("Free now: ").rstrip(".").split(", ")
    assert len(offered) == 3
    assert offered[0] == "public-sales-2"
    assert kernel.run(f"%%perspective {offered[1]}\nSELECT 3 AS three").error is None
    for view in ("public-sales", "private-sales"):
        ana[view].delete()
    ana.close()


def test_markup_in_a_name_and_in_cells_is_text(kernel):
    evil = "<img src=x onerror=alert(1)>"

    ran = kernel.run(f"%%perspective {evil}\nSELECT '{evil}' AS \"{evil}\"")

    assert ran.error is None
    assert "<img" not in ran.shown[0]["text/html"]
    assert ran.shown[0]["text/html"].count("&lt;img src=x onerror=alert(1)&gt;") >= 3


def test_a_long_run_shows_progress_in_the_same_place_as_its_result(kernel):
    ran = kernel.run(
        "%%perspective Slow\nSELECT count(*) AS n FROM range(150000) a, range(70000) b "
        "WHERE a.range % 7 = b.range % 11",
        timeout=90,
    )

    assert ran.error is None
    assert "Running" in ran.shown[0]["text/plain"]
    assert len(ran.shown) == 1
    assert "Saved as slow" in ran.updates[-1]["text/plain"]


def test_the_stop_button_cancels_on_the_server_within_two_seconds(kernel, server):
    message_id = kernel.start(
        "%%perspective Endless\nSELECT count(*) FROM range(1000000) a, range(10000000) b "
        "WHERE a.range * b.range % 7 = 3"
    )
    time.sleep(2.5)
    pressed_at = time.monotonic()

    kernel.interrupt()
    ran = kernel.finish(message_id, timeout=30)

    assert time.monotonic() - pressed_at < 2.8
    assert ran.error[0].startswith("Cancelled after ")
    assert ran.error[0].endswith("Nothing was saved.")
    newest = server.request("GET", "views/api/v1/statements?limit=1").json()["items"][0]
    assert newest["status"] == "CANCELED"
    assert perspective(server, "endless") is None
    assert kernel.run("%%perspective Next\nSELECT 1").error is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("", "pandas.DataFrame"),
        ("--as pandas", "pandas.DataFrame"),
        ("--as polars", "polars.dataframe.frame.DataFrame"),
        ("--as arrow", "pyarrow.lib.Table"),
    ],
)
def test_into_puts_all_rows_into_a_variable(kernel, kind, expected):
    ran = kernel.run(f"%%perspective Many --into rows {kind} --rows 2\nFROM range(1000)")

    assert kernel.value("type(rows)") == expected
    assert kernel.value("len(rows)") == "1000"
    assert "998 more rows" in ran.shown[0]["text/plain"]


def test_a_dry_run_lists_sources_and_parameters_and_runs_nothing(kernel, server):
    (server.root / "points.csv").write_text("a,b\n1,2\n")

    ran = kernel.run(
        "%%perspective Dry --dry-run --param n:number=1\nSELECT * FROM 'points.csv' WHERE a > $n"
    )

    assert ran.shown[0]["text/plain"].splitlines() == [
        "Dry was checked. Nothing was run.",
        "  Reads: points.csv (file)",
        "  Parameters: n (number, default 1)",
    ]
    assert perspective(server, "dry") is None


def test_help_comes_from_the_option_and_runs_nothing(kernel):
    ran = kernel.run("%%perspective --help\nSELECT 1")

    assert "--param NAME[:TYPE][=DEFAULT]" in ran.shown[0]["text/plain"]


def test_a_missing_parameter_names_the_option_that_gives_it(kernel):
    ran = kernel.run("%%perspective Needs\nSELECT $region AS region")

    assert ran.error[1].strip() == "--param region=VALUE"


def test_a_variable_that_is_no_frame_is_said_to_be_one(kernel):
    kernel.run("orders = [1, 2]")

    ran = kernel.run("%%perspective Listed\nSELECT * FROM orders")

    assert ran.error[-2].strip() == (
        "orders in this kernel is of type list; a query reads pandas, polars and Arrow tables."
    )


def test_a_reserved_name_gets_a_slug_that_can_be_reached(kernel, server):
    ran = kernel.run("%%perspective New\nSELECT 1")

    assert "Saved as new-view" in ran.shown[0]["text/plain"]
    assert perspective(server, "new-view")["name"] == "New"


def test_a_name_in_another_script_gets_a_readable_slug(kernel, server):
    ran = kernel.run("%%perspective Продажи\nSELECT 1 AS one")

    assert "Saved as prodazhi" in ran.shown[0]["text/plain"]
    assert perspective(server, "prodazhi")["name"] == "Продажи"


def test_a_folder_of_the_notebook_is_where_file_names_start(kernel, server):
    folder = server.root / "deep" / "er"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "near.csv").write_text("a\n7\n")
    kernel.run(f"import os; os.chdir({str(folder)!r})")

    ran = kernel.run("%%perspective Near\nFROM 'near.csv'")
    kernel.run(f"import os; os.chdir({str(server.root)!r})")

    assert ran.error is None, ran.error
    assert ran.shown[0]["text/plain"].splitlines()[3].strip() == "7"
