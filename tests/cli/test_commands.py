"""The command line against a real server, as a shell would call it."""

from __future__ import annotations

import asyncio
import json
import os


async def test_show_prints_the_digits_that_the_server_stores(api, shell):
    await api.save("SELECT 9007199254740993 AS big, sum(n)::HUGEINT AS s FROM range(4) t(n)", "Big")

    status, output, _ = await shell("show", "big")
    lines = await shell("show", "big", "--format", "ndjson")
    table = await shell("show", "big", "--format", "table")

    assert (status, output) == (0, "big,s\r\n9007199254740993,6\r\n")
    assert json.loads(lines[1]) == {"big": 9007199254740993, "s": 6}
    assert "9007199254740993" in table[1], table[2]


async def test_list_tells_slugs_names_and_states(api, shell):
    await api.save("SELECT 1", "[red]Markup[/red]")

    status, output, _ = await shell("list")

    assert status == 0
    assert output.startswith("red-markup-red\t[red]Markup[/red]\tfresh\t")


async def test_an_unknown_view_is_3_with_the_nearest_names(api, shell):
    await api.save("SELECT 1", "Daily users")

    status, output, talk = await shell("show", "daily-user")

    assert (status, output) == (3, "")
    assert "daily-users" in talk
    assert "Traceback" not in talk


async def test_a_refused_key_is_4_or_1_without_a_traceback(shell):
    status, _, talk = await shell("list", token="vk_wrong")

    assert status in {1, 4}
    assert "Traceback" not in talk


async def test_require_fresh_exits_with_5_when_the_source_moved(api, shell, data_folder):
    (data_folder / "f.csv").write_text("n\n1\n")
    view = await api.save("SELECT n FROM 'f.csv'", "F", auto_refresh=False)
    (data_folder / "f.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.2)

    status, _, talk = await shell("show", view["slug"], "--require-fresh")

    assert status == 5
    assert "source_changed" in talk
    assert (await shell("refresh", view["slug"]))[0] == 0
    assert (await shell("show", view["slug"], "--require-fresh"))[1] == "n\r\n1\r\n2\r\n"


async def test_a_key_is_made_listed_used_and_revoked(api, shell):
    await api.save("SELECT 1 AS one", "One")
    status, output, talk = await shell("keys", "create", "reader", "--days", "1")
    secret = output.strip()
    assert status == 0
    assert secret.startswith("vk_")
    assert secret not in talk
    assert (await shell("show", "one", token=secret))[1] == "one\r\n1\r\n"
    listed = (await shell("keys", "list"))[1]
    assert secret not in listed

    assert (await shell("keys", "revoke", listed.split("\t")[0]))[0] == 0

    assert (await shell("show", "one", token=secret))[0] in {1, 4}


async def test_history_diff_and_log_tell_the_past_as_text_and_as_json(api, shell, data_folder):
    (data_folder / "f.csv").write_text("id,n\n1,1\n2,2\n")
    view = await api.save("SELECT id, n FROM 'f.csv'", "F", auto_refresh=False)
    (data_folder / "f.csv").write_text("id,n\n1,1\n2,5\n3,3\n")
    assert (await shell("refresh", view["slug"]))[0] == 0

    status, history, _ = await shell("history", view["slug"])
    past = json.loads((await shell("history", view["slug"], "--json"))[1])
    _, diff, _ = await shell("diff", view["slug"])
    counted = json.loads((await shell("diff", view["slug"], "--json", "--rows", "0"))[1])
    lines = [json.loads(x) for x in (await shell("log", view["slug"], "--json"))[1].splitlines()]

    assert status == 0
    assert "3 rows" in history
    assert "1 (current)" in history
    assert [entry["row_count"] for entry in past["refreshes"]] == [3, 2]
    assert [version["n"] for version in past["versions"]] == [1]
    assert diff.splitlines()[0] == "1 row added, 1 changed."
    assert "~  2   2 → 5" in diff.splitlines()
    assert "+  3   3" in diff.splitlines()
    assert (counted["added"], counted["changed"], counted["rows"]) == (1, 1, [])
    assert any("3 rows" in line["text"] for line in lines)


async def test_two_versions_are_compared_by_their_numbers_and_one_is_restored(api, shell):
    view = await api.save("SELECT 1 AS one", "V")
    newer = await api.run("SELECT 2 AS two")
    await api("PUT", f"api/v1/perspectives/{view['slug']}", {"statement_id": newer["id"]})

    _, diff, _ = await shell("diff", view["slug"], "--before", "1", "--after", "2")
    status, _, talk = await shell("restore", view["slug"], "1", "--note", "back")

    assert "- SELECT 1 AS one\n+ SELECT 2 AS two\n" in diff
    assert (status, talk) == (0, "Version 3 is version 1 again.\n")
    assert (await shell("show", view["slug"]))[1] == "one\r\n1\r\n"


async def test_what_cannot_be_compared_or_restored_has_its_own_exit_status(api, shell):
    await api.save("SELECT 1 AS one", "Alone")

    mixed = await shell("diff", "alone", "--before", "1", "--after", "stmt_x")
    nothing = await shell("diff", "alone")
    absent = await shell("restore", "alone", "7")

    assert mixed[0] == 2
    assert "two versions, or two refreshes" in mixed[2]
    assert nothing[0] == 3
    assert (absent[0], absent[2]) == (3, "The view has no version 7.\nIt has 1 to 1.\n")


async def test_the_log_of_a_view_that_nothing_happened_to_is_empty(api, shell):
    await api.save("SELECT 1 AS one", "Quiet", auto_refresh=False)

    status, output, talk = await shell("log", "quiet")

    assert (status, talk) == (0, "")
    assert "\t" not in output


async def test_a_view_is_shared_and_revoked(api, shell, stranger):
    await api.save("SELECT 4711 AS n", "Open")

    status, output, talk = await shell("share", "open", "--expires", "1d")
    path = output.strip().partition("/views/")[2]

    assert status == 0
    assert path.startswith("shared/vs_")
    assert talk.startswith("Anyone with this address can read it until 20")
    assert b"4711" in (await stranger("GET", path)).body

    assert await shell("revoke", "open", "--yes") == (0, "", "")
    assert (await stranger("GET", path)).status == 404
    assert await shell("revoke", "open", "--yes") == (3, "", "open has no link.\n")


async def test_a_password_stands_below_the_address(api, shell, stranger):
    await api.save("SELECT 4711 AS n", "Guarded")

    status, output, talk = await shell("share", "guarded", "--password", "--expires", "never")
    address, password = output.splitlines()
    path = address.partition("/views/")[2]

    assert status == 0
    assert "this address and a password can read it until it is revoked." in talk
    assert password not in talk
    assert b"4711" not in (await stranger("GET", path)).body
    sent = {"Content-Type": "application/json"}
    opened = await stranger("POST", path, {"password": password}, headers=sent)
    assert opened.status == 200


async def test_revoking_asks_and_where_nobody_can_be_asked_it_does_nothing(api, shell, stranger):
    await api.save("SELECT 4711 AS n", "Kept")
    path = (await shell("share", "kept"))[1].strip().partition("/views/")[2]

    unasked = await shell("revoke", "kept")
    refused = await answered(shell, b"n\n")
    assert unasked[0] == 2
    assert "say --yes" in unasked[2]
    assert refused[0] == 1
    assert "Revoke the link of kept, never opened?" in refused[2]
    assert "Nothing was changed." in refused[2]
    assert (await stranger("GET", path)).status == 200

    assert (await answered(shell, b"y\n"))[0] == 0
    assert (await stranger("GET", path)).status == 404


async def answered(shell, keys: bytes):
    """``revoke kept`` on a terminal on which somebody types."""
    terminal, its_end = os.openpty()
    try:
        os.write(terminal, keys)
        return await shell("revoke", "kept", stdin=its_end)
    finally:
        os.close(terminal)
        os.close(its_end)


async def test_what_cannot_be_shared_has_its_own_exit_status(api, shell):
    await api.save("SELECT 1 AS one", "Mine", is_public=True)
    body = {"label": "ben's", "user": "ben", "scopes": ["*"]}
    key = (await api("POST", "api/keys", body)).json["key"]

    usage = await shell("share", "mine", "--expires", "soon")
    absent = await shell("share", "no-such-view")
    theirs = await shell("share", "mine", token=key)

    assert (usage[0], usage[1]) == (2, "")
    assert 'A link cannot work for "soon". Type a time such as 12h or 7d' in usage[2]
    assert (absent[0], absent[1]) == (3, "")
    assert (theirs[0], theirs[1]) == (4, "")
    assert "Traceback" not in theirs[2]


async def test_an_absent_server_is_named_in_the_words_of_a_shell(shell):
    status, output, talk = await shell("list", url="http://127.0.0.1:9")

    assert (status, output) == (1, "")
    assert "connect(" not in talk
    assert "Next: jupyter views --url http://localhost:8888 …" in talk
