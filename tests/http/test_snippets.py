"""Every snippet of a view does what it says, in the program that it is for."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from playwright._impl._driver import compute_driver_executable

from jupyter_views.wire.snippet_texts import VARIABLE

PACKAGE_PARENT = str(Path(__file__).parents[2])
_ARROW_ABORTS = b"terminate called without an active exception\n"
BOTH_DOORS = {"doors": ["perspective", "insight"]}
# What a value may not do: end its quotes, be run, be split, be decoded twice, be lost.
HOSTILE = (
    "'", '"', "`", "\\", "\\'", '\\"', "''", '""', "'''", '"""', "$HOME", "${x}", "$(id)", "`id`",
    "!!", "; id #", "' ; id ; '", '"; id; "', "\n", "\r\n", "\ttab", "a\nb", "\x03", "\x1b]0;x\x07",
    "\x7f", "%41", "%", "+", " ", "  a  ", "", "&param.v0=x", "a=b&c=d", "?", "#", "#(lf)", "/../",
    "@file", "<x", "{}", "{0}", "%s", "\\n", "\\u0041", "ü", "日本", "🐦", "\u202egnp", "\u2028",
    "\u2029", "\u0085", "\ufeff", "\u200b", "--", "-d x", "null", "true", "1",
)  # fmt: skip


class Programs:
    """Runs snippets as their readers would, with a key in the environment."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._environment = {
            VARIABLE: key,
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": PACKAGE_PARENT,
            "LC_ALL": "C.UTF-8",
        }
        node, _ = compute_driver_executable()
        python = [sys.executable, "-"]
        self._commands = {
            "curl": ["bash", "-s"],
            **dict.fromkeys(("client", "python", "pandas", "polars", "duckdb"), python),
            # The browser tests bring a Node of their own.
            "javascript": [node, "--input-type=module", "-"],
            "r": [shutil.which("Rscript") or "Rscript", "-"],
        }

    async def run(self, language: str, text: str) -> str:
        if language == "spreadsheet":
            return await asyncio.to_thread(self._spreadsheet, text)
        process = await asyncio.create_subprocess_exec(
            *self._commands[language],
            env=self._environment,
            cwd=self._folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, told = await asyncio.wait_for(process.communicate(text.encode()), 60)
        # Arrow may abort while Python ends, once all is printed (apache/arrow#34314).
        if (process.returncode, told) != (-signal.SIGABRT, _ARROW_ABORTS):
            assert process.returncode == 0, (language, text, told.decode())
        return out.decode()

    def _spreadsheet(self, text: str) -> str:
        """What Power Query does with it: there is none to be had here."""
        address = re.search(r'^    "(http.*)",$', text, re.MULTILINE)
        assert address is not None
        assert f'[Name = "{VARIABLE}"]' in text
        assert '[Authorization = "Bearer " & Key]' in text
        key = self._environment[VARIABLE]
        request = Request(address[1], headers={"Authorization": f"Bearer {key}"})
        with urlopen(request) as answer:
            return answer.read().decode()


@pytest.fixture
def server(http_server_port, jp_base_url):
    return f"http://127.0.0.1:{http_server_port[1]}{jp_base_url}"


@pytest.fixture
def programs(api, tmp_path):
    async def of(*scopes: str) -> Programs:
        body = {"label": "snippets", "scopes": scopes}
        return Programs(tmp_path, (await api("POST", "api/keys", body)).json["key"])

    return of


async def _snippets(api, view, server) -> dict:
    opened = await api(
        "POST", f"api/views/{view['short_id']}/doors/endpoint", {"name": view["slug"]}
    )
    assert opened.status == 200, opened.body
    followed = await api("POST", "api/queries/refs", {"view": view["slug"]})
    assert followed.status == 201, followed.body
    answer = await api("GET", f"api/views/{view['short_id']}/snippets?server={quote(server)}")
    assert answer.status == 200, answer.body
    return {door["door"]: door for door in answer.json["doors"]}


async def test_every_snippet_of_every_door_prints_the_rows(api, server, programs):
    view = await api.save("SELECT 42 AS answer, 'ü' AS \"a b\"", "The answer", **BOTH_DOORS)
    doors = await _snippets(api, view, server)

    async def run(door, snippet):
        with_its_scopes = await programs(*snippet["scopes"])
        printed = await with_its_scopes.run(snippet["language"], snippet["text"])
        assert "42" in printed and "ü" in printed, (door, snippet["language"], printed)

    assert list(doors) == ["perspective", "insight", "endpoint", "reference"]
    await _each(doors, run)
    languages = [snippet["language"] for snippet in doors["perspective"]["snippets"]]
    assert languages == [
        "curl", "client", "python", "pandas", "polars", "duckdb", "javascript", "r", "spreadsheet",
    ]  # fmt: skip
    # The client knows perspectives alone.
    for door in ("insight", "endpoint", "reference"):
        others = [snippet["language"] for snippet in doors[door]["snippets"]]
        assert others == [language for language in languages if language != "client"]


async def test_hostile_values_arrive_as_they_are_from_every_program(api, server, programs):
    params = {f"v{n}": value for n, value in enumerate(HOSTILE)}
    # In hexadecimal, for programs print what they read in their own ways.
    codes = ", ".join(f"hex(CAST($v{n} AS VARCHAR))" for n in range(len(HOSTILE)))
    sql = f"SELECT '<' || concat_ws('.', {codes}) || '>' AS codes"
    view = await api.save(sql, "Hostile", params=params, **BOTH_DOORS)
    expected = ".".join(value.encode().hex().upper() for value in HOSTILE)
    doors = await _snippets(api, view, server)
    # From here on the view has other values: what a snippet sends decides what it reads.
    statement = await api.run(sql, params=dict.fromkeys(params, "changed"))
    body = {"statement_id": statement["id"]}
    assert (await api("PUT", "api/v1/perspectives/hostile", body)).status == 201
    own = (await api("GET", "api/v1/perspectives/hostile/result.csv")).body.decode()
    assert expected not in own

    async def run(door, snippet):
        text = _printing_all(snippet["language"], snippet["text"])
        with_its_scopes = await programs(*snippet["scopes"])
        printed = await with_its_scopes.run(snippet["language"], text)
        assert f"<{expected}>" in printed, (door, snippet["language"], printed)

    await _each(doors, run)


async def _each(doors, run) -> None:
    await asyncio.gather(
        *(run(name, snippet) for name, door in doors.items() for snippet in door["snippets"])
    )


async def test_snippets_know_the_server_that_was_asked_and_hold_no_secret(api, server, person):
    view = await api.save("SELECT $v AS v", "Shown", params={"v": 1}, is_public=True)
    path = f"api/views/{view['short_id']}/snippets"
    ana = await person("ana")

    here = (await ana("GET", path)).json
    there = (await api("GET", f"{path}?server=https://hub.example/user/o'brien/")).json

    assert here["variable"] == VARIABLE
    (door,) = here["doors"]
    assert (door["door"], door["name"]) == ("perspective", "shown")
    assert door["address"] == f"{server}views/api/v1/perspectives/shown/result"
    assert "vk_" not in str(here)
    assert api._authorization.split()[1] not in str(here)
    stem = "https://hub.example/user/o'brien/views/api/v1/perspectives/shown/result"
    assert there["doors"][0]["address"] == stem
    curl = there["doors"][0]["snippets"][0]["text"]
    assert f"{stem}.csv" in shlex.split(curl)
    for wrong in (
        "",
        "hub.example",
        "javascript:alert(1)",
        "http://a b/",
        "http://h/?x",
        "file:///",
    ):
        answer = await api("GET", f"{path}?server={quote(wrong)}")
        assert (answer.status, answer.json["details"]["field"]) == (422, "server"), wrong


async def test_an_endpoint_that_cannot_be_run_is_not_offered(api, server):
    view = await api.save("SELECT 1", "Idle")
    assert list(await _snippets(api, view, server)) == ["perspective", "endpoint", "reference"]

    body = {"is_active": False}
    assert (await api("PATCH", "api/projects/1/endpoints/idle", body)).status == 200
    there = (await api("GET", f"api/views/{view['short_id']}/snippets")).json["doors"]

    assert [door["door"] for door in there] == ["perspective", "reference"]


async def test_declared_parameters_stand_in_the_text_and_it_works(api, server, programs):
    span = {"start": "2024-01-01", "end": "today"}
    declared = [
        {"name": "region", "type": "enum", "options": ["EU", "US"], "defaultValue": "US"},
        {"name": "tags", "type": "multi-enum", "options": ["a b", "c"], "defaultValue": ["a b"]},
        {"name": "span", "type": "date-range", "defaultValue": span},
        {"name": "least", "type": "integer"},
    ]
    sql = (
        "SELECT {{region}} AS region, {{tags}} AS tags, {{span.start}} AS since, {{least}} AS least"
        ", {{span.end}} > DATE '2024-01-01' AS later"
    )
    statement = await api.run(sql, parameters=declared, params={"least": 7})
    body = {"name": "Declared", "statement_id": statement["id"], **BOTH_DOORS}
    view = (await api("POST", "api/v1/perspectives", body)).json
    doors = await _snippets(api, view, server)

    for door in doors.values():
        texts = {snippet["language"]: snippet["text"] for snippet in door["snippets"]}
        for language in ("curl", "python"):
            printed = await (await programs("*")).run(language, texts[language])
            for value in ("US", "a b", "2024-01-01", "7"):
                assert value in printed, (language, printed)
    curl = doors["perspective"]["snippets"][0]["text"]
    assert "'param.region=US'" in curl
    assert "'param.least=7'" in curl
    assert """'param.span={"start":"2024-01-01","end":"today"}'""" in curl


async def test_who_may_not_read_the_view_gets_no_snippet(api, person):
    view = await api.save("SELECT 1", "Private")
    ana = await person("ana")

    assert (await ana("GET", f"api/views/{view['short_id']}/snippets")).status in {403, 404}


def _printing_all(language: str, text: str) -> str:
    """The snippet with all columns printed, where the program would cut a wide table."""
    if language in {"client", "pandas"}:
        return re.sub(r"print\((.*)\)$", r"print((\1).to_csv())", text)
    if language == "polars":
        return re.sub(r"print\((.*)\)$", r"print(\1.write_csv())", text)
    if language == "duckdb":
        return text.replace('duckdb.sql("FROM result").show()', "print(result.to_pylist())")
    if language == "javascript":
        return re.sub(r"console\.log\((.*)\);$", r"console.log(JSON.stringify(\1));", text)
    return text
