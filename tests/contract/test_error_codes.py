"""Every code of the error tree, provoked from outside, in one shape and without a path."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from http_api import Answer, Api
from msgspec import Struct

from jupyter_views.core.errors import BY_CODE

STATEMENTS = "api/v1/statements"
PERSPECTIVES = "api/v1/perspectives"
ENDLESS = "SELECT count(*) FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"
# Our own fault, which nothing from outside may bring about.
UNPROVOKED = {"INTERNAL"}
_TOPS = "|".join(re.escape(name) for name in os.listdir("/"))
_ABSOLUTE = re.compile(rf"(?<![\w%@])/(?:{_TOPS})\b")


class Scene(Struct):
    """A server, the people at it, and its folders."""

    api: Api
    stranger: Api
    person: Callable[..., Awaitable[Api]]
    app: Any
    folder: Path
    store: Path

    async def submit(self, sql: str, **fields: Any) -> Answer:
        return await self.api("POST", STATEMENTS, {"sql": sql, **fields})

    async def create(self, statement_id: str, **fields: Any) -> Answer:
        body = {"name": "n", "statement_id": statement_id, **fields}
        return await self.api("POST", PERSPECTIVES, body)


@pytest.fixture
def engine() -> None:
    """The server's own, with bounds of its own, whose workers some of these kill."""
    return


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"time_limit_seconds": 5.0, "memory_limit_bytes": 256 * 2**20}
    return jp_server_config


@pytest.fixture
def scene(api, stranger, person, views_app, data_folder, tmp_path):
    folder = data_folder.resolve()
    return Scene(api, stranger, person, views_app, folder, tmp_path / "views-store")


async def validation(scene: Scene) -> Answer:
    return await scene.submit("SELECT 1", row_limit="many")


async def slug_invalid(scene: Scene) -> Answer:
    return await scene.create((await scene.api.run("SELECT 1"))["id"], slug="Not One")


async def slug_immutable(scene: Scene) -> Answer:
    await scene.api.save("SELECT 1", "Fixed")
    return await scene.api("PUT", f"{PERSPECTIVES}/fixed", {"slug": "other"})


async def bad_request(scene: Scene) -> Answer:
    return await scene.api("POST", STATEMENTS, raw=b'{"sql": "SELECT 1"')


async def parse_error(scene: Scene) -> Answer:
    return await scene.submit("SELECT FROM FROM x")


async def many_statements(scene: Scene) -> Answer:
    return await scene.submit("SELECT 1; SELECT 2")


async def not_read_only(scene: Scene) -> Answer:
    return await scene.submit(f"COPY (SELECT 1) TO '{scene.folder / 'out.csv'}'")


async def not_allowed(scene: Scene) -> Answer:
    return await scene.submit("SELECT * FROM read_text('/etc/passwd')")


async def statement_not_success(scene: Scene) -> Answer:
    failed = await scene.api.run("SELECT nope")
    return await scene.api("GET", f"{STATEMENTS}/{failed['id']}/result")


async def statement_no_result(scene: Scene) -> Answer:
    statement = await scene.api.run("SELECT 1")
    with sqlite3.connect(scene.store / "views.sqlite") as connection:
        connection.execute("UPDATE statements SET result_id = NULL")
    return await scene.create(statement["id"])


async def invalid_columns(scene: Scene) -> Answer:
    statement = await scene.api.run("SELECT 1 AS a")
    return await scene.api("GET", f"{STATEMENTS}/{statement['id']}/result?columns=b")


async def recent_failure(scene: Scene) -> Answer:
    sql = f"SELECT * FROM '{scene.folder / 'missing.csv'}'"
    await scene.api.run(sql)
    return await scene.submit(sql)


async def missing_parameters(scene: Scene) -> Answer:
    return await scene.submit("SELECT $region")


async def invalid_parameters(scene: Scene) -> Answer:
    return await scene.submit("SELECT 1", params={"unused": 1})


async def unauthenticated(scene: Scene) -> Answer:
    return await scene.stranger("GET", "api/views")


async def forbidden(scene: Scene) -> Answer:
    await scene.api.save("SELECT 1", "Private")
    return await (await scene.person("ana"))("GET", f"{PERSPECTIVES}/private")


async def not_found(scene: Scene) -> Answer:
    return await scene.api("GET", f"{PERSPECTIVES}/nowhere")


async def method_not_allowed(scene: Scene) -> Answer:
    return await scene.api("PATCH", PERSPECTIVES, {})


async def not_acceptable(scene: Scene) -> Answer:
    statement = await scene.api.run("SELECT 1")
    return await scene.api("GET", f"{STATEMENTS}/{statement['id']}/result?format=xlsx")


async def conflict(scene: Scene) -> Answer:
    await scene.api.run("SELECT 1", client_id="mine")
    return await scene.submit("SELECT 2", client_id="mine")


async def slug_conflict(scene: Scene) -> Answer:
    view = await scene.api.save("SELECT 1", "Taken")
    return await scene.create(view["request_id"], slug="taken")


async def name_conflict(scene: Scene) -> Answer:
    view = await scene.api.save("SELECT 1", "Taken")
    door = {"name": "taken", "query": {"kind": "HogQLQuery", "query": "SELECT 1"}}
    await scene.api("POST", "api/projects/1/endpoints", door)
    path = f"api/views/{view['short_id']}/doors/endpoint"
    return await scene.api("POST", path, {"name": "taken"})


async def idempotency_in_flight(scene: Scene) -> Answer:
    headers = {"Idempotency-Key": "k", "Prefer": "wait=50"}
    first = asyncio.create_task(scene.api("POST", STATEMENTS, {"sql": ENDLESS}, headers=headers))
    statement_id = await submitted(scene)
    second = await scene.api("POST", STATEMENTS, {"sql": ENDLESS}, headers=headers)
    await scene.api("POST", f"{STATEMENTS}/{statement_id}/cancel")
    await first
    return second


async def gone(scene: Scene) -> Answer:
    statement = await scene.api.run("SELECT 1")
    for path in (scene.store / "results").glob("*/*"):
        path.unlink()
    return await scene.api("GET", f"{STATEMENTS}/{statement['id']}/result")


async def precondition_failed(scene: Scene) -> Answer:
    await scene.api.save("SELECT 1", "Tagged")
    headers = {"If-Match": '"persp_of_yesterday-1"'}
    return await scene.api("PUT", f"{PERSPECTIVES}/tagged", {"name": "x"}, headers=headers)


async def payload_too_large(scene: Scene) -> Answer:
    return await scene.api("POST", STATEMENTS, raw=b" " * 2 * 2**20)


async def rate_limited(scene: Scene) -> Answer:
    await scene.api.save("SELECT 1", "Asked", is_public=True)
    reader = await scene.person("ana")
    answers = [await reader("POST", f"{PERSPECTIVES}/asked/refresh") for _ in range(7)]
    return answers[-1]


async def cycle(scene: Scene) -> Answer:
    await scene.api.save("SELECT 1 AS n", "Loop")
    itself = await scene.api.run('SELECT n FROM views."loop"')
    return await scene.api("PUT", f"{PERSPECTIVES}/loop", {"statement_id": itself["id"]})


async def unavailable(scene: Scene) -> Answer:
    await scene.app.stop_extension()
    return await scene.api("GET", "api/views")


ANSWERED: dict[str, Callable[[Scene], Awaitable[Answer]]] = {
    "VALIDATION": validation,
    "SLUG_INVALID": slug_invalid,
    "SLUG_IMMUTABLE": slug_immutable,
    "CYCLE": cycle,
    "BAD_REQUEST": bad_request,
    "PARSE_ERROR": parse_error,
    "MULTIPLE_STATEMENTS": many_statements,
    "DATA_MANIPULATION_DETECTED": not_read_only,
    "NOT_ALLOWED": not_allowed,
    "STATEMENT_NOT_SUCCESS": statement_not_success,
    "STATEMENT_NO_RESULT": statement_no_result,
    "INVALID_COLUMNS": invalid_columns,
    "RECENT_FAILURE": recent_failure,
    "MISSING_PARAMETERS": missing_parameters,
    "INVALID_PARAMETERS": invalid_parameters,
    "UNAUTHENTICATED": unauthenticated,
    "FORBIDDEN": forbidden,
    "NOT_FOUND": not_found,
    "METHOD_NOT_ALLOWED": method_not_allowed,
    "NOT_ACCEPTABLE": not_acceptable,
    "CONFLICT": conflict,
    "SLUG_CONFLICT": slug_conflict,
    "NAME_CONFLICT": name_conflict,
    "IDEMPOTENCY_IN_FLIGHT": idempotency_in_flight,
    "GONE": gone,
    "PRECONDITION_FAILED": precondition_failed,
    "PAYLOAD_TOO_LARGE": payload_too_large,
    "RATE_LIMITED": rate_limited,
    "UNAVAILABLE": unavailable,
}


async def submitted(scene: Scene) -> str:
    """The id of the newest statement, once there is one."""
    for _ in range(200):
        if items := (await scene.api("GET", STATEMENTS)).json["items"]:
            return items[0]["id"]
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was submitted")


async def running(scene: Scene) -> str:
    """Submit a query without an end and return its id once a worker is at it."""
    statement_id = (await scene.submit(ENDLESS)).json["id"]
    path = f"{STATEMENTS}/{statement_id}"
    for _ in range(200):
        if (status := (await scene.api("GET", path)).json["status"]) == "RUNNING":
            await asyncio.sleep(0.2)
            return statement_id
        await asyncio.sleep(0.05)
    raise AssertionError(status)


async def engine_error(scene: Scene) -> str:
    (scene.folder / "letters.csv").write_text("a\nx\n")
    sql = f"SELECT a::INTEGER AS n FROM '{scene.folder / 'letters.csv'}'"
    return (await scene.api.run(sql))["id"]


async def engine_crashed(scene: Scene) -> str:
    statement_id = await running(scene)
    for child in psutil.Process().children(recursive=True):
        if child.cwd() == str(scene.folder):  # only the worker that runs stands there
            child.kill()
    return statement_id


async def out_of_memory(scene: Scene) -> str:
    sql = "SELECT string_agg(repeat('x', 1000), '') AS s FROM range(3000000)"
    return (await scene.api.run(sql))["id"]


async def timed_out(scene: Scene) -> str:
    return (await scene.api.run(ENDLESS))["id"]


async def canceled(scene: Scene) -> str:
    statement_id = await running(scene)
    await scene.api("POST", f"{STATEMENTS}/{statement_id}/cancel")
    return statement_id


async def interrupted(scene: Scene) -> str:
    statement_id = await running(scene)
    await scene.app._services.engine.stop()
    return statement_id


async def upstream_failed(scene: Scene) -> str:
    (scene.folder / "base.csv").write_text("n\n1\n")
    await scene.api.save("SELECT n FROM 'base.csv'", "Base", auto_refresh=False)
    await scene.api.save('SELECT n FROM views."base"', "Top", auto_refresh=False)
    (scene.folder / "base.csv").unlink()
    return (await scene.api("POST", f"{PERSPECTIVES}/top/refresh")).json["id"]


async def source_locked(scene: Scene) -> str:
    shop = sqlite3.connect(scene.folder / "shop.sqlite", isolation_level=None)
    shop.execute("CREATE TABLE orders (n INTEGER)")
    shop.execute("BEGIN EXCLUSIVE")
    statement = await scene.api.run('SELECT n FROM "shop.sqlite".orders')
    shop.close()
    return statement["id"]


OF_STATEMENTS: dict[str, Callable[[Scene], Awaitable[str]]] = {
    "ENGINE_ERROR": engine_error,
    "ENGINE_CRASHED": engine_crashed,
    "OUT_OF_MEMORY": out_of_memory,
    "TIMED_OUT": timed_out,
    "CANCELED": canceled,
    "INTERRUPTED": interrupted,
    "UPSTREAM_FAILED": upstream_failed,
    "SOURCE_LOCKED": source_locked,
}


def assert_readable(message: str, body: bytes, scene: Scene) -> None:
    """A sentence for people, and nothing of how this machine's disks are laid out."""
    text = body.decode()
    assert re.fullmatch(r"[A-Z0-9_a-z].{4,}[.?!]", message), message
    for path in (scene.folder, scene.store, scene.store.parent, Path.cwd(), Path.home()):
        assert str(path) not in text
    assert not _ABSOLUTE.search(text), text
    assert "Traceback" not in text


def test_every_code_of_the_tree_is_provoked_here():
    assert set(ANSWERED) | set(OF_STATEMENTS) | UNPROVOKED == set(BY_CODE)
    assert not set(ANSWERED) & set(OF_STATEMENTS)


@pytest.mark.parametrize("code", ANSWERED)
async def test_an_error_answers_with_its_status_its_code_and_words_for_people(scene, code):
    answer = await ANSWERED[code](scene)

    assert answer.status == BY_CODE[code].status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert (body["error"], body["status"]) == (code, answer.status)
    assert body["reason"] == body.get("hint")
    assert isinstance(body["details"], dict)
    assert body["request_id"]
    assert_readable(body["message"], answer.body, scene)
    assert ("Retry-After" in answer.headers) is (code in {"RATE_LIMITED", "UNAVAILABLE"})


@pytest.mark.parametrize("code", OF_STATEMENTS)
async def test_a_statement_that_fails_says_why_inside_a_200(scene, code):
    statement_id = await OF_STATEMENTS[code](scene)

    path = f"{STATEMENTS}/{statement_id}"
    answer = await scene.api("GET", path, headers={"Prefer": "wait=30"})
    rows = await scene.api("GET", f"{path}/result")

    assert answer.status == 200
    assert answer.json["status"] == ("CANCELED" if code == "CANCELED" else "FAILED")
    assert answer.json["error"]["code"] == code, answer.json["error"]
    sql = answer.json.pop("sql")
    assert sql
    error = answer.json["error"]
    assert_readable(error["message"], str(error).encode(), scene)
    assert (rows.status, rows.json["error"]) == (400, "STATEMENT_NOT_SUCCESS")
    assert_readable(rows.json["message"], rows.body, scene)


async def test_the_facts_that_programs_need_are_in_the_details(scene):
    facts = {
        "VALIDATION": ("field", "row_limit"),
        "SLUG_INVALID": ("field", "slug"),
        "SLUG_IMMUTABLE": ("field", "slug"),
        "STATEMENT_NOT_SUCCESS": ("status", "FAILED"),
        "MISSING_PARAMETERS": ("parameters", ["region"]),
        "INVALID_PARAMETERS": ("parameters", ["unused"]),
        "NOT_ACCEPTABLE": ("supported", ["json", "ndjson", "csv", "arrow", "parquet"]),
        "INVALID_COLUMNS": ("columns", ["a"]),
        "CONFLICT": ("client_id", "mine"),
    }
    for code, (name, value) in facts.items():
        answer = await ANSWERED[code](scene)
        assert answer.json["details"][name] == value, code
