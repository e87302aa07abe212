"""A cell's rule of freshness, from its options to the line under its rows."""

from __future__ import annotations

import time

import pytest

RULE = (
    "schedule", "timezone", "age_seconds", "max_staleness_seconds", "changed_when", "strict", "key"
)  # fmt: skip
SLOW = "SELECT count(*) AS n FROM range({}) a, range(20000) b WHERE a.range * b.range % 7 = 3"


def perspective(server, slug):
    return server.request("GET", f"views/api/v1/perspectives/{slug}").json()


def rule(server, slug):
    facts = perspective(server, slug)
    return {name: facts[name] for name in RULE}


def notes(ran):
    return ran.shown[-1]["text/plain"].splitlines()


@pytest.fixture
def stock(kernel, server):
    (server.root / "stock.csv").write_text("item,pieces\nnails,10\n")
    return kernel


def test_every_option_of_the_rule_reaches_the_view(stock, server):
    ran = stock.run(
        '%%perspective Stock --every "0 7 * * MON-FRI" --timezone Europe/Berlin --max-age 10m '
        "--max-staleness 1h --changed-when \"SELECT count(*) FROM 'stock.csv'\" --strict "
        "--key item\n"
        "SELECT item, pieces FROM 'stock.csv'"
    )

    assert ran.error is None, ran.error
    assert rule(server, "stock") == {
        "schedule": "0 7 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "age_seconds": 600,
        "max_staleness_seconds": 3600,
        "changed_when": "SELECT count(*) FROM 'stock.csv'",
        "strict": True,
        "key": ["item"],
    }


def test_saving_again_without_an_option_leaves_the_rule_as_it_is(stock, server):
    stock.run("%%perspective Stock --every 1h --max-age 10m --key item\nFROM 'stock.csv'")
    before = rule(server, "stock")

    stock.run("%%perspective Stock --tag a\nFROM 'stock.csv'")
    stock.run("%%perspective Stock\nSELECT item FROM 'stock.csv'")

    assert rule(server, "stock") == before


def test_never_and_an_empty_text_clear_what_was_set(stock, server):
    stock.run(
        "%%perspective Stock --every 1h --max-age 10m --max-staleness 1h --key item --strict\n"
        "FROM 'stock.csv'"
    )

    stock.run(
        "%%perspective Stock --every never --max-age never --max-staleness never --key '' "
        "--no-strict\nFROM 'stock.csv'"
    )

    assert rule(server, "stock") == {
        "schedule": None,
        "timezone": "UTC",
        "age_seconds": None,
        "max_staleness_seconds": None,
        "changed_when": None,
        "strict": False,
        "key": None,
    }


def test_a_changed_rule_makes_no_new_version(stock, server):
    stock.run("%%perspective Stock\nFROM 'stock.csv'")

    stock.run("%%perspective Stock --every 1h\nFROM 'stock.csv'")

    assert perspective(server, "stock")["version"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "Refreshes by itself when stock.csv changes."),
        ("--every 1h", "Refreshes by itself every hour and when stock.csv changes."),
        ("--every 1h --no-auto", "Refreshes by itself every hour."),
        ("--no-auto", "Refreshes on your next run."),
    ],
)
def test_the_line_under_the_rows_says_what_will_keep_them_fresh(stock, options, words):
    saved = stock.run(f"%%perspective Stock {options}\nFROM 'stock.csv'")
    shown = stock.run("%perspective stock")

    assert notes(saved)[-1] == words
    assert notes(shown)[-1] == words


def test_rows_that_never_change_need_no_such_line(kernel):
    ran = kernel.run("%%perspective The answer\nSELECT 42 AS answer")

    assert notes(ran)[-1] == "Saved as the-answer (version 1, only you)."


def test_a_query_that_changes_by_itself_says_when(kernel):
    ran = kernel.run("%%perspective Now\nSELECT now() AS now")

    assert notes(ran)[-1] == "Refreshes by itself when read after 5 min."


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--every hourly", '"hourly" is not a schedule.'),
        ("--every 1h --timezone Mars", '"Mars" is not a time zone.'),
        ("--max-age soon", '--max-age needs a time; got "soon".'),
    ],
)
def test_a_rule_that_nobody_can_read_runs_nothing(kernel, server, option, message):
    ran = kernel.run(f"%%perspective Unread {option}\nSELECT 1")

    assert ran.error[0] == message
    assert len(ran.error) == 2
    assert server.request("GET", "views/api/v1/perspectives/unread").status_code == 404


def test_a_probe_that_may_not_run_saves_nothing_and_is_named(kernel, server):
    ran = kernel.run("%%perspective Probed --changed-when 'DROP TABLE x'\nSELECT 1 AS one")

    assert ran.error[-1] == "Nothing was saved."
    assert server.request("GET", "views/api/v1/perspectives/probed").status_code == 404


def test_a_dry_run_saves_no_rule(kernel, server):
    kernel.run("%%perspective Dry --every 1h --dry-run\nSELECT 1")

    assert server.request("GET", "views/api/v1/perspectives/dry").status_code == 404


def begin_slowly(kernel, server, cell):
    """Start a cell and wait until the server runs its statement."""
    message = kernel.start(cell)
    until = time.monotonic() + 20
    while True:
        newest = server.request("GET", "views/api/v1/statements?limit=1").json()["items"][0]
        if newest["status"] == "RUNNING" and "range(20000)" in (newest["sql"] or ""):
            return message
        assert time.monotonic() < until, newest
        time.sleep(0.05)


def test_a_view_changed_in_another_tab_is_not_overwritten(kernel, server):
    kernel.run("%%perspective Raced\nSELECT 1 AS one")
    message = begin_slowly(
        kernel, server, f"%%perspective Raced --desc mine\n{SLOW.format(20_001)}"
    )
    theirs = {"description": "theirs"}
    changed = server.request("PUT", "views/api/v1/perspectives/raced", json=theirs)
    assert changed.status_code == 201

    ran = kernel.finish(message)

    what, when, then, outcome = ran.error
    assert what == "raced was changed elsewhere while this cell ran."
    assert when.startswith("  It is version 1 now, saved ")
    assert then == "  %views history raced shows it; run this cell again to save over it."
    assert outcome == "Nothing was saved."
    assert perspective(server, "raced")["description"] == "theirs"
    again = kernel.run("%%perspective Raced --desc mine\nSELECT 2 AS two")
    assert again.error is None
    assert perspective(server, "raced")["description"] == "mine"


def test_a_name_taken_in_another_tab_meanwhile_is_not_called_somebody_elses(kernel, server):
    message = begin_slowly(kernel, server, f"%%perspective Both tabs\n{SLOW.format(20_002)}")
    statement = server.request(
        "POST",
        "views/api/v1/statements",
        json={"sql": "SELECT 1 AS one"},
        headers={"Prefer": "wait=20"},
    ).json()
    body = {"name": "Both tabs", "statement_id": statement["id"]}
    saved = server.request("POST", "views/api/v1/perspectives", json=body)
    assert saved.status_code == 201, saved.text

    ran = kernel.finish(message)

    assert ran.error[0] == "both-tabs was changed elsewhere while this cell ran."
    assert ran.error[-1] == "Nothing was saved."
    assert perspective(server, "both-tabs")["sql_query"] == "SELECT 1 AS one"


def test_a_refresh_meanwhile_is_no_change_by_another(kernel, server):
    kernel.run("%%perspective Refreshed\nSELECT 1 AS one")
    message = begin_slowly(kernel, server, f"%%perspective Refreshed\n{SLOW.format(20_003)}")
    server.request("POST", "views/api/v1/perspectives/refreshed/refresh")

    ran = kernel.finish(message)

    assert ran.error is None, ran.error
    assert perspective(server, "refreshed")["version"] == 2


def status_within(kernel, slug, word, seconds=10.0):
    until = time.monotonic() + seconds
    while True:
        head = kernel.run(f"%perspective {slug}").shown[0]["text/plain"].splitlines()[0]
        if word in head or time.monotonic() > until:
            return head
        time.sleep(0.3)


def test_a_probe_decides_from_the_first_look_on(stock, server):
    source = server.root / "stock.csv"
    stock.run(
        "%%perspective Stock --no-auto --changed-when \"SELECT max(pieces) FROM 'stock.csv'\"\n"
        "SELECT sum(pieces) AS pieces FROM 'stock.csv'"
    )

    source.write_text("item,pieces\nnails,10\nscrews,5\n")
    assert "Fresh" in status_within(stock, "stock", "Stale", seconds=3)

    source.write_text("item,pieces\nnails,10\nscrews,50\n")
    assert "Stale" in status_within(stock, "stock", "Stale")
