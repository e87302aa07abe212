"""The command line against a real server, as a shell would call it."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest


@pytest.fixture
def shell(api, jp_serverapp, tmp_path):
    """Call ``jupyter views …``; returns (exit status, output, talk)."""

    async def call(*words: str, token: str | None = None) -> tuple[int, str, str]:
        environment = {
            **os.environ,
            "JUPYTER_VIEWS_TOKEN": token or jp_serverapp.identity_provider.token,
        }
        command = "from jupyter_views.cli import main; main(prog_name='jupyter views')"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            command,
            "--url",
            jp_serverapp.connection_url,
            *words,
            env=environment,
            cwd=os.getcwd(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, talk = await process.communicate()
        return process.returncode, output.decode(), talk.decode()

    return call


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
