"""Parameters of a cell: declared, checked by the server, chosen when the view is shown."""

from __future__ import annotations

import html
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

SALES = "region,day,n\nEU,2024-01-01,1\nEU,2024-03-01,2\nUS,2024-02-01,3\nUS,2024-04-01,4\n"
CELL = (
    "%%perspective Sales --param region:enum(EU, US)=EU --param least:integer(0..100)=0 "
    "--param span:date-range=2024-01-01/2024-12-31\n"
    "SELECT sum(n)::INTEGER AS total FROM 'sales.csv'\n"
    "WHERE region = {{region}} AND n >= $least AND day BETWEEN $span_start "
    "AND {variables.span.end}"
)


@pytest.fixture
def sales(kernel, server):
    (server.root / "sales.csv").write_text(SALES)
    ran = kernel.run(CELL)
    assert ran.error is None, ran.error
    return kernel


def view_of(server, slug="sales"):
    return server.request("GET", f"views/api/v1/perspectives/{slug}").json()


def shown(ran) -> str:
    assert ran.error is None, ran.error
    return ran.shown[-1]["text/plain"].splitlines()[3].strip()


def test_a_cell_declares_what_the_server_keeps(sales, server):
    view = view_of(server)

    region, least, span = view["parameters"]
    assert (region["type"], region["options"], region["defaultValue"]) == (
        "enum", ["EU", "US"], "EU",
    )  # fmt: skip
    assert (least["type"], least["min"], least["max"]) == ("integer", 0, 100)
    assert span["defaultValue"] == {"start": "2024-01-01", "end": "2024-12-31"}
    assert view["row_count"] == 1


def test_the_same_cell_makes_no_version_and_another_declaration_does(sales, server):
    assert "Refreshed sales (version 1" in sales.run(CELL).shown[-1]["text/plain"]
    short_id = view_of(server)["short_id"]

    ran = sales.run(CELL.replace("EU, US", "EU, US, UK"))

    assert "Version 2 (was 1)" in (ran.updates or ran.shown)[-1]["text/plain"]
    versions = server.request("GET", f"views/api/views/{short_id}/versions").json()["items"]
    assert [each["n"] for each in versions] == [2, 1]


def test_values_are_read_by_their_declared_types(sales, server):
    assert shown(sales.run("%perspective sales --region US")) == "7"
    assert shown(sales.run("%perspective sales --region=US --least=4")) == "4"
    assert shown(sales.run("%perspective sales --span 2024-02-01/2024-12-31")) == "2"
    ran = sales.run("%perspective sales --span 2024-02-01/today")
    assert (
        "With span = 2024-02-01 to today. The saved view is unchanged."
        in (ran.shown[-1]["text/plain"])
    )
    assert view_of(server)["version"] == 1


def test_rows_of_other_values_are_the_views_own_variant_and_not_a_statement_of_the_reader(
    sales, server
):
    before = server.request("GET", "views/api/v1/statements").json()["pagination"]["total"]

    sales.run("%perspective sales --least 2")
    sales.run("%perspective sales --least 2")

    after = server.request("GET", "views/api/v1/statements").json()["pagination"]["total"]
    assert after == before + 1


def test_stale_rows_of_other_values_say_so(sales, server):
    sales.run(CELL.replace("%%perspective Sales", "%%perspective Sales --no-auto"))
    sales.run("%perspective sales --region US")
    (server.root / "sales.csv").write_text(SALES + "US,2024-05-01,10\n")

    until = time.monotonic() + 20
    while "Fresh" in (ran := sales.run("%perspective sales --region US")).shown[-1]["text/plain"]:
        assert time.monotonic() < until
    assert "Stale: sales.csv changed" in ran.shown[-1]["text/plain"]
    assert shown(ran) == "7"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--region Mars", ["region must be one of EU, US.", "  %perspective sales --region VALUE"]),
        ("--least 101", [
            "least must be a value from 0 up to 100.", "  %perspective sales --least 5",
        ]),
        ("--span 2024-02-30/today", [
            "span must be a day such as 2024-01-31, or today-7d.",
            "  %perspective sales --span 2024-01-01/today",
        ]),
        ("--regoin US", ["sales has no parameter regoin.", "Did you mean --region?"]),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence_and_what_to_type(sales, line, error):
    assert sales.run(f"%perspective sales {line}").error == error


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--param n:integer=five", [
            "The default of n must be a whole number.", "  --param n:integer=5",
            "Nothing was saved.",
        ]),
        ("--param n:integer(9..1)=5", [
            "n has a smallest value above its largest.", "  --param n:integer=5",
            "Nothing was saved.",
        ]),
        ("--param n:integer(0..9) --value n=10", [
            "n must be a value from 0 up to 9.", "  --value n=5", "Nothing was saved.",
        ]),
        ("--param n:options-of(nothing-here)=1", [
            'There is no view "nothing-here", or it may not be read.',
            "  %views lists those that can be read.", "Nothing was saved.",
        ]),
    ],
)  # fmt: skip
def test_a_wrong_declaration_saves_nothing_and_says_what_to_type(kernel, server, line, error):
    assert kernel.run(f"%%perspective Wrong {line}\nSELECT $n AS n").error == error
    assert server.request("GET", "views/api/v1/perspectives/wrong").status_code == 404


def test_a_parameter_without_a_default_needs_a_value_to_be_run(kernel, server):
    cell = "%%perspective Who --param who:text\nSELECT $who AS who"

    refused = kernel.run(cell)
    assert refused.error[0] == "This view needs a value for who (text)."
    assert "--value who=VALUE" in refused.error[1]
    saved = kernel.run(cell.replace("\n", " --value who=ana\n", 1))

    assert shown(saved) == "ana"
    view = view_of(server, "who")
    assert (view["parameters"][0]["required"], view["params"]) == (True, {"who": "ana"})


def test_an_option_of_another_view_and_a_day_that_moves(kernel, server):
    kernel.run("%%perspective Cities\nFROM (VALUES ('Rome'), ('Oslo')) t(city)")
    ran = kernel.run(
        "%%perspective Trips --param city:options-of(cities)=Rome --param since:date=today-7d\n"
        "SELECT $city AS city, {{since}} AS since"
    )
    day = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    assert shown(ran).split() == ["Rome", day]

    assert shown(kernel.run("%perspective trips --city Oslo --since today-1d")).split()[0] == "Oslo"
    assert (
        kernel.run("%perspective trips --city Mars").error[0] == "city must be one of Rome, Oslo."
    )


def test_what_runs_for_other_values_can_be_stopped(kernel, server):
    kernel.run(
        "%%perspective Slow --param n:integer=1\nSELECT count(*) AS c\n"
        "FROM range($n) a, range($n) b WHERE a.range * b.range % 7 = 3"
    )
    message = kernel.start("%perspective slow --n 9000000")
    until = time.monotonic() + 20
    newest = {"status": "SUCCESS"}
    while newest["status"] != "RUNNING":
        newest = server.request("GET", "views/api/v1/statements?limit=1").json()["items"][0]
        assert time.monotonic() < until
    kernel.interrupt()

    ran = kernel.finish(message)

    assert ran.error[0].startswith("Cancelled after ")
    path = f"views/api/v1/statements/{newest['id']}"
    assert server.request("GET", path).json()["status"] == "CANCELED"


def test_an_endpoint_is_opened_once_and_keeps_its_name(kernel, server):
    cell = "%%perspective Daily sales --endpoint\nSELECT 1 AS one"

    card = kernel.run(cell).shown[-1]
    first = card["text/plain"]
    again = kernel.run(cell).shown[-1]["text/plain"]
    other = kernel.run(cell.replace("--endpoint", "--endpoint other")).shown[-1]["text/plain"]

    address = f"{server.url}views/api/projects/1/endpoints/Daily-sales/run"
    for text in (first, again, other):
        assert f"Programs run it as the endpoint Daily-sales: {address}" in text
    (command,) = re.findall(r"<pre[^>]*>(curl [^<]*)</pre>", card["text/html"])
    lines = html.unescape(command).splitlines()
    assert len(lines) > 1 and all(line.endswith(" \\") for line in lines[:-1])
    assert all(f"  {line}" in first for line in lines)
    assert "An endpoint keeps its name, so it is not called other." in other
    assert "other" not in again
    (row,) = server.request("GET", "views/api/views").json()["items"]
    assert (row["endpoint_name"], sorted(row["doors"])) == (
        "Daily-sales", ["endpoint", "insight", "perspective"],
    )  # fmt: skip
    listed = kernel.run("%views").shown[-1]["text/plain"].splitlines()
    assert listed[0].split()[-1] == "Endpoint"
    assert listed[1].split()[-1] == "Daily-sales"


def test_a_refused_endpoint_says_why(kernel, server):
    kernel.run("%%perspective First --endpoint sales\nSELECT 1 AS one")

    taken = kernel.run("%%perspective Second --endpoint sales\nSELECT 2 AS two")
    assert taken.error == [
        "Another endpoint is called sales.",
        "Free now: --endpoint sales-2", "The view is saved; it has no endpoint yet.",
    ]  # fmt: skip
    wrong = kernel.run("%%perspective Third --endpoint 'a b'\nSELECT 3 AS three")
    assert wrong.error[0].startswith("Endpoint name must start with a letter")
    assert wrong.error[1] == "--endpoint a-b"
    assert server.request("GET", "views/api/v1/perspectives/third").status_code == 404


def test_types_names_and_options_are_completed(sales):
    def complete(text):
        reply = sales.client.complete(text, reply=True, timeout=20)
        return reply["content"]["matches"]

    assert set(complete("%%perspective x --param since:da")) == {
        "date", "datetime", "date-range", "datetime-range",
    }  # fmt: skip
    assert "enum(" in complete("%%perspective x --param since:en")
    until = time.monotonic() + 20
    while "--region" not in complete("%perspective sales --re"):
        assert time.monotonic() < until  # it offers what it has, and asks behind that
    assert complete("%perspective sales --region U") == ["US"]
