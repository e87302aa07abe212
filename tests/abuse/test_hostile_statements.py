"""Hostile SQL through the front door: refused or stopped, nothing written, the next one fine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

SECRET_FRAME = "a variable of the server's process"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    """The same server with little patience."""
    jp_server_config["ViewsApp"]["time_limit_seconds"] = 3.0
    return jp_server_config


REFUSED = {
    "INSERT INTO t VALUES (1)": "DATA_MANIPULATION_DETECTED",
    "CREATE TABLE t AS SELECT 1": "DATA_MANIPULATION_DETECTED",
    "COPY (SELECT 1) TO 'out.csv'": "DATA_MANIPULATION_DETECTED",
    "WITH x AS (COPY (SELECT 1) TO 'out.csv') SELECT * FROM x": "DATA_MANIPULATION_DETECTED",
    "SELECT 1; SELECT 2": "MULTIPLE_STATEMENTS",
    "SELECT 1; DROP TABLE t": "MULTIPLE_STATEMENTS",
    "ATTACH 'x.db'": "DATA_MANIPULATION_DETECTED",
    "SET memory_limit='100GB'": "DATA_MANIPULATION_DETECTED",
    "PRAGMA database_list": "NOT_ALLOWED",
    "INSTALL httpfs": "DATA_MANIPULATION_DETECTED",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))": "NOT_ALLOWED",
    "SELECT * FROM query('SELECT 1')": "NOT_ALLOWED",
    "SELECT * FROM checkpoint()": "NOT_ALLOWED",
    "SELECT * FROM duckdb_settings()": "NOT_ALLOWED",
    "SELECT * FROM read_text('/etc/passwd')": "NOT_ALLOWED",
    "SELECT * FROM '/etc/passwd'": "NOT_ALLOWED",
    "SELECT * FROM read_csv('../outside.csv')": "NOT_ALLOWED",
    "SELECT * FROM read_csv('file:///etc/passwd')": "NOT_ALLOWED",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')": "NOT_ALLOWED",
    "SELECT * FROM '.hidden.csv'": "NOT_ALLOWED",
}


def _digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".jupyter" not in p.parts):
        found.update(str(path).encode() + path.read_bytes())
    return found.hexdigest()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_A38_what_writes_escapes_or_configures_is_refused_and_leaves_no_trace(
    api, data_folder
):
    (data_folder / ".hidden.csv").write_text("a\n1\n")
    (data_folder.parent / "outside.csv").write_text("a\n1\n")
    before = _digest(data_folder)

    found = {}
    for sql in REFUSED:
        answer = await api("POST", "api/v1/statements", {"sql": sql}, headers={"Prefer": "wait=9"})
        assert answer.status == 400, (sql, answer.status, answer.body)
        assert str(data_folder) not in answer.body.decode()
        found[sql] = answer.json["error"]
    assert found == REFUSED

    assert _digest(data_folder) == before
    assert (await api("GET", "api/v1/statements")).json["items"] == []
    assert (await api.run("SELECT 'fine' AS f"))["status"] == "SUCCESS"


async def test_a_variable_of_the_servers_process_is_not_a_table(api):
    statement = await api.run("SELECT * FROM SECRET_FRAME")

    assert statement["status"] == "FAILED"
    assert SECRET_FRAME not in str(statement)


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("SELECT repeat('x', 4000000000) AS r", {"OUT_OF_MEMORY", "TIMED_OUT", "ENGINE_CRASHED"}),
        ("SELECT generate_series(1, 2000000000) AS r", {"OUT_OF_MEMORY", "TIMED_OUT"}),
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t) SELECT sum(n) FROM t",
            {"TIMED_OUT", "OUT_OF_MEMORY"},
        ),
        (
            "SELECT count(*) FROM range(10000000) a, range(10000000) b "
            "WHERE (a.range * b.range) % 7 = 3",
            {"TIMED_OUT"},
        ),
    ],
)
async def test_A44_what_would_eat_the_machine_is_stopped_and_the_server_stays_small(
    api, sql, codes
):
    await api.run("SELECT 'warm'")
    before = _resident_bytes()

    statement = await api.run(sql)

    assert statement["status"] == "FAILED", statement
    assert statement["error"]["code"] in codes, statement["error"]
    assert statement["error"]["message"]
    assert statement["error"].get("hint")
    assert _resident_bytes() - before < 50 * 1024 * 1024
    assert (await api.run("SELECT 'next' AS n"))["status"] == "SUCCESS"


async def test_A48_hostile_parameters_are_only_values(api):
    for value in ("' OR 1=1 --", "$other", "{{x}}", "\u202e", "a\x00b", "1e400", "9" * 400):
        statement = await api.run("SELECT $v AS v, length($v) AS n", params={"v": value})
        if statement["status"] == "SUCCESS":
            rows = await api("GET", f"api/v1/statements/{statement['id']}/result")
            assert rows.json["rows"][0][0] == value
        else:
            assert statement["error"]["message"]
    for value in ([1, 2], {"a": 1}, None, True, 2**70, 1.5):
        answer = await api(
            "POST",
            "api/v1/statements",
            {"sql": "SELECT $v AS v", "params": {"v": value}},
            headers={"Prefer": "wait=9"},
        )
        assert answer.status < 500, (value, answer.body)


async def test_who_crashes_the_engine_waits_and_others_do_not(person):
    mallory, ana = await person("mallory"), await person("ana")
    deep = "SELECT (repeat('[',100000)||'{n}'||repeat(']',100000))::JSON::VARIANT AS v"
    crashes = [(await mallory.run(deep.format(n=n)))["error"]["code"] for n in range(3)]

    refused = await mallory("POST", "api/v1/statements", {"sql": "SELECT 1"})

    assert crashes == ["ENGINE_CRASHED"] * 3
    assert (refused.status, refused.json["error"]) == (429, "RATE_LIMITED")
    assert (await ana.run("SELECT 'fine' AS f"))["status"] == "SUCCESS"
