"""``%views history``, ``diff``, ``log``, ``restore`` and ``schedule`` in a cell."""

from __future__ import annotations

import time

import pytest


def text(ran):
    assert ran.error is None, ran.error
    return ran.shown[-1]["text/plain"]


def facts(server, slug):
    return server.request("GET", f"views/api/v1/perspectives/{slug}").json()


@pytest.fixture
def stock(kernel, server):
    """A view whose file changed once, refreshed by its cell."""
    source = server.root / "stock.csv"
    source.write_text("id,pieces\n1,10\n2,20\n3,30\n")
    cell = "%%perspective Stock --no-auto\nFROM 'stock.csv'"
    kernel.run(cell)
    source.write_text("id,pieces\n1,10\n2,25\n4,40\n")
    kernel.run(cell)
    return kernel


def test_history_lists_refreshes_and_versions(stock):
    lines = text(stock.run("%views history stock")).splitlines()

    assert lines[0] == "Stock, newest first"
    assert lines[2].split() == ["When", "Why", "Result", "Took", "How", "Version", "Statement"]
    assert "3 rows" in lines[3]
    assert "asked" in lines[3]
    assert "saved" in lines[4]
    assert any(line.startswith("1 (current)") for line in lines)
    assert lines[-1] == "%views diff stock shows the last change of its rows."


def test_diff_shows_key_counts_and_rows(stock):
    lines = text(stock.run("%views diff stock")).splitlines()

    assert lines[0] == "Stock: 1 row added, 1 removed, 1 changed."
    assert lines[1] == "Rows are matched by id (guessed; --key COLUMN,COLUMN chooses)."
    assert sorted(line.split(maxsplit=1)[0] for line in lines[3:]) == ["+", "-", "~"]
    assert any("20 → 25" in line for line in lines)


def test_diff_takes_a_key_and_two_refreshes(stock, server):
    short_id = facts(server, "stock")["short_id"]
    entries = server.request("GET", f"views/api/views/{short_id}/history").json()["items"]
    after, before = (entry["id"] for entry in entries)

    chosen = text(stock.run(f"%views diff stock --before {before} --after {after} --key id"))
    turned = text(stock.run(f"%views diff stock --before {after} --after {before}"))

    assert "Rows are matched by id." in chosen
    assert "25 → 20" in turned


def test_diff_of_two_versions_shows_their_sql(kernel):
    kernel.run("%%perspective Grown\nSELECT 1 AS one")
    kernel.run("%%perspective Grown\nSELECT 1 AS one,\n2 AS two")

    lines = text(kernel.run("%views diff grown --before 1 --after 2")).splitlines()

    assert "- SELECT 1 AS one" in lines
    assert "+ 2 AS two" in lines


def test_a_version_and_a_refresh_are_not_compared(stock):
    ran = stock.run("%views diff stock --before 1 --after stmt_x")

    assert ran.error == [
        "--before and --after name two versions, or two refreshes.",
        "%views history stock lists both.",
    ]


def test_without_earlier_rows_diff_says_what_to_do(kernel):
    kernel.run("%%perspective Alone\nSELECT 1 AS one")

    ran = kernel.run("%views diff alone")

    assert ran.error[0] == "No earlier rows of this view are kept that differ from these."
    assert len(ran.error) == 2


def test_a_key_that_is_none_is_refused(stock):
    ran = stock.run("%views diff stock --key colour")

    assert ran.error
    assert "colour" in ran.error[0]


def test_log_tells_what_was_noticed(stock):
    until = time.monotonic() + 15
    while "3 rows" not in (lines := text(stock.run("%views log stock"))):
        assert time.monotonic() < until, lines
        time.sleep(0.2)


def test_restore_makes_a_new_version_and_shows_it(kernel, server):
    kernel.run("%%perspective Back\nSELECT 1 AS one")
    kernel.run("%%perspective Back\nSELECT 2 AS two")

    shown = text(kernel.run("%views restore back 1"))

    assert "Restored version 1 as version 3." in shown
    assert "one" in shown.splitlines()[1]
    assert facts(server, "back")["sql_query"] == "SELECT 1 AS one"


def test_restoring_what_is_not_there_says_what_there_is(kernel):
    kernel.run("%%perspective Back\nSELECT 1 AS one")

    assert kernel.run("%views restore back 7").error == [
        "The view has no version 7.",
        "  It has 1 to 1.",
    ]
    assert kernel.run("%views restore back").error[0] == "Which version?"


@pytest.mark.parametrize(
    ("words", "schedule", "told"),
    [
        ("stock 1h", "1h", "every hour"),
        ("Stock 0 7 * * MON-FRI", "0 7 * * MON-FRI", "(UTC)"),
        ("stock '0 7 * * *' --timezone Europe/Berlin", "0 7 * * *", "(Europe/Berlin)"),
    ],
)
def test_a_schedule_is_set_by_a_verb_and_told(stock, server, words, schedule, told):
    shown = text(stock.run(f"%views schedule {words}"))

    assert shown.startswith("Stock: Refreshes by itself ")
    assert told in shown
    assert facts(server, "stock")["schedule"] == schedule


def test_never_ends_a_schedule(stock, server):
    stock.run("%views schedule stock 1h")

    shown = text(stock.run("%views schedule stock never"))

    assert shown == "Stock: Refreshes on your next run."
    assert facts(server, "stock")["schedule"] is None


@pytest.mark.parametrize("words", ["", "stock", "stock sometimes", "nothing-like-it 1h"])
def test_a_schedule_without_view_or_time_says_what_to_type(stock, words):
    ran = stock.run(f"%views schedule {words}")

    assert len(ran.error) == 2


def test_verbs_and_their_options_are_completed(stock):
    def complete(line):
        reply = stock.client.complete(line, reply=True, timeout=20)
        return reply["content"]["matches"]

    assert complete("%views hist") == ["history"]
    assert complete("%views diff sto") == ["stock"]
    assert complete("%views diff stock --be") == ["--before"]
    assert complete("%views schedule stock 1h --ti") == ["--timezone"]
    assert "1h" in complete("%views schedule stock 1")
