"""Full queues: who is refused, who is not, and what readers notice of it."""

from __future__ import annotations

import asyncio

import pytest

STATEMENTS = "api/v1/statements"


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"queued_per_person": 2, "queued_limit": 4}
    return jp_server_config


def endless(number: int) -> str:
    """SQL that does not end by itself; each number gives another query."""
    pairs = "range(300000) a, range(300000) b"
    return f"SELECT count(*) FROM {pairs} WHERE a.range + b.range < -{number}"


async def submit(call, sql: str):
    return await call("POST", STATEMENTS, {"sql": sql})


async def a_stale_view(call, folder, name: str) -> str:
    """Save a view of a file, change the file, and return the address of the view."""
    slug = name.lower()
    (folder / f"{slug}.csv").write_text("n\n1\n")
    await call.save(f"SELECT sum(n) AS s FROM '{slug}.csv'", name, is_public=True)
    (folder / f"{slug}.csv").write_text("n\n100\n")
    await asyncio.sleep(1.2)
    return f"api/v1/perspectives/{slug}"


async def test_the_third_statement_of_one_person_is_refused_and_another_person_is_not(person):
    ana, ben = await person("ana"), await person("ben")
    taken = [await submit(ana, endless(n)) for n in (1, 2)]

    third = await submit(ana, endless(3))
    of_another = await submit(ben, endless(4))

    assert [answer.status for answer in taken] == [202, 202]
    assert (third.status, third.json["error"]) == (429, "RATE_LIMITED")
    assert 1 <= int(third.headers["Retry-After"]) <= 30
    assert third.json["hint"]
    assert of_another.status == 202


async def test_a_refused_statement_leaves_no_row_and_may_be_sent_again_after_a_cancel(person):
    ana = await person("ana")
    first, second = [(await submit(ana, endless(n))).json["id"] for n in (1, 2)]
    assert (await submit(ana, "SELECT 3")).status == 429
    listed = (await ana("GET", STATEMENTS)).json["items"]

    assert {item["id"] for item in listed} == {first, second}
    for statement_id in (first, second):
        assert (await ana("POST", f"{STATEMENTS}/{statement_id}/cancel")).status == 200
    assert (await ana.run("SELECT 3"))["status"] == "SUCCESS"


async def test_what_costs_no_run_is_never_refused(person):
    ana = await person("ana")
    await ana.run("SELECT 'known'")
    taken = [(await submit(ana, endless(n))).json["id"] for n in (1, 2)]

    joined = await submit(ana, endless(1))
    reused = await submit(ana, "SELECT 'known'")

    assert (joined.status, joined.json["strategy"]) == (202, "await_primary")
    assert joined.json["primary"]["id"] == taken[0]
    assert (reused.status, reused.json["strategy"]) == (200, "from_cache")


async def test_followers_do_not_use_up_a_persons_share(person):
    ana = await person("ana")
    same = [await submit(ana, endless(1)) for _ in range(4)]

    other = await submit(ana, endless(2))

    assert [answer.status for answer in same] == [202] * 4
    assert other.status == 202


async def test_the_queue_of_all_people_is_bounded_too(person):
    ana, ben, eve = await person("ana"), await person("ben"), await person("eve")
    taken = [await submit(who, endless(n)) for n, who in enumerate((ana, ana, ben, ben), 1)]

    refused = await submit(eve, endless(5))

    assert [answer.status for answer in taken] == [202] * 4
    assert (refused.status, refused.json["error"]) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) >= 1


async def test_a_stale_view_answers_its_old_rows_while_the_queue_of_all_is_full(
    person, data_folder
):
    owner, ana, ben = await person("olga"), await person("ana"), await person("ben")
    path = await a_stale_view(owner, data_folder, "Sales")
    for number, who in enumerate((ana, ana, ben, ben), 1):
        assert (await submit(who, endless(number))).status == 202

    for call in (owner, ana):
        read = await call("GET", path)
        rows = await call("GET", f"{path}/result")

        assert (read.status, rows.status) == (200, 200)
        assert rows.json["rows"] == [[1]]
        assert rows.headers["Is-Stale"] == "true"
        assert rows.headers["X-Stale-Reason"] == "source_changed"
        assert "X-Refresh-Statement-Id" not in rows.headers
        assert "X-Refresh-Statement-Id" not in read.headers
        assert (read.json["status"], read.json["refresh"]) == ("stale", None)


async def test_who_asks_for_a_refresh_is_told_that_the_queue_is_full(person, data_folder):
    owner, ana, ben = await person("olga"), await person("ana"), await person("ben")
    path = await a_stale_view(owner, data_folder, "Asked")
    for number, who in enumerate((ana, ana, ben, ben), 1):
        await submit(who, endless(number))

    asked = await owner("POST", f"{path}/refresh")

    assert (asked.status, asked.json["error"]) == (429, "RATE_LIMITED")
    assert int(asked.headers["Retry-After"]) >= 1
    assert (await owner("GET", f"{path}/result")).json["rows"] == [[1]]


async def test_a_refresh_is_not_kept_back_by_its_owners_own_statements(person, data_folder):
    owner, reader = await person("olga"), await person("ana")
    path = await a_stale_view(owner, data_folder, "Own")
    running = [(await submit(owner, endless(n))).json["id"] for n in (1, 2)]
    assert (await submit(owner, endless(3))).status == 429

    read = await reader("GET", f"{path}/result")

    assert (read.status, read.json["rows"]) == (200, [[1]])
    refresh = read.headers["X-Refresh-Statement-Id"]
    for statement_id in running:
        await owner("POST", f"{STATEMENTS}/{statement_id}/cancel")
    ended = await owner("GET", f"{STATEMENTS}/{refresh}", headers={"Prefer": "wait=30"})
    assert ended.json["status"] == "SUCCESS"
    assert (await reader("GET", f"{path}/result")).json["rows"] == [[100]]
