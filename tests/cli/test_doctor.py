"""``jupyter views doctor`` on real stores: whole, broken, served and alone."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from jupyter_views import _machine

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def store(tmp_path):
    """Where the server under test has its store."""
    return tmp_path / "views-store"


@pytest.fixture
def copy(api, store, tmp_path):
    """A copy of the store, made while the server runs: like one that no server has open."""

    def make():
        folder = tmp_path / "copied"
        folder.mkdir(mode=0o700)
        shutil.copytree(store / "results", folder / "results")
        with (
            closing(sqlite3.connect(store / "views.sqlite")) as source,
            closing(sqlite3.connect(folder / "views.sqlite")) as target,
        ):
            source.backup(target)
        return folder

    return make


@pytest.fixture
def doctor(shell):
    """Ask the doctor; returns (exit status, findings by what they are about)."""

    async def ask(*words, **options):
        status, output, talk = await shell("doctor", "--json", *words, **options)
        assert "Traceback" not in talk, talk
        report = json.loads(output)
        assert report["healthy"] is (status == 0)
        found = {}
        for finding in report["findings"]:
            found.setdefault(finding["about"], []).append(finding)
        return status, found

    return ask


def problems(found):
    return {
        about: [each["text"] for each in findings if each["state"] == "problem"]
        for about, findings in found.items()
        if any(each["state"] == "problem" for each in findings)
    }


def execute(folder, sql):
    with closing(sqlite3.connect(folder / "views.sqlite")) as connection, connection:
        connection.execute(sql)


async def test_a_healthy_server_with_its_store_is_0(api, doctor, store):
    await api.save("SELECT 1 AS one", "One")

    status, found = await doctor()

    assert (status, problems(found)) == (0, {})
    assert {"server", "engine", "libraries", "clock", "watching", "store", "disk", "rows"} == set(
        found
    )
    assert found["store"][0]["text"] == f"{store} is whole, with 1 view."
    assert found["rows"][0]["text"] == "The 1 result has its file."


async def test_people_read_one_line_a_finding_with_the_next_thing_to_type(api, shell, data_folder):
    (data_folder / "f.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'f.csv'", "F", auto_refresh=False)
    (data_folder / "f.csv").unlink()
    await api("POST", "api/v1/perspectives/f/refresh")

    status, output, _ = await shell("refresh", "f")
    assert status == 5
    status, output, _ = await shell("doctor")

    (line,) = [line for line in output.splitlines() if line.startswith("problem")]
    _, about, text, then = line.split("\t")
    assert status == 1
    assert (about, then) == ("view f", "jupyter views log f")
    assert text.startswith("Failed just now: ")
    assert "f.csv" in text
    assert "SELECT" not in output


async def test_no_secret_and_no_sql_is_in_the_output(api, shell, jp_serverapp):
    await api.save("SELECT 'very private words' AS secret_column", "Private")

    for words in (("doctor",), ("doctor", "--json")):
        _, output, talk = await shell(*words)
        assert "private words" not in output + talk
        assert "secret_column" not in output + talk
        assert jp_serverapp.identity_provider.token not in output + talk


async def test_a_result_that_lost_its_file_is_found_with_its_view(api, doctor, store):
    await api.save("SELECT 1 AS one", "Whole")
    await api.save("SELECT 2 AS two", "Lost")
    newest = max((store / "results").glob("*/*.arrow"), key=lambda path: path.stat().st_mtime)
    newest.unlink()

    status, found = await doctor()

    assert status == 1
    assert problems(found) == {
        "rows": ["1 of 2 results has lost its file."],
        "view lost": ["It has no rows."],
    }
    assert found["view lost"][0]["next"] == "jupyter views refresh lost"


async def test_a_result_that_no_row_names_is_a_note(api, doctor, store):
    folder = store / "results" / "ab"
    folder.mkdir(mode=0o700)
    (folder / f"{'ab' * 32}.arrow").write_bytes(b"x" * 2048)

    status, found = await doctor()

    assert status == 0
    assert found["rows"][0]["text"].startswith("1 result file (2.0 KiB) belongs to nothing")


async def test_a_person_who_does_not_run_the_server_hears_of_the_own_views_alone(
    api, person, doctor, data_folder
):
    (data_folder / "f.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'f.csv'", "Of the owner")
    key = (await api("POST", "api/keys", {"label": "a", "user": "ana", "scopes": ["*"]})).json

    status, found = await doctor(token=key["key"])

    assert (status, set(found)) == (0, {"server"})
    assert found["server"][0]["state"] == "note"


async def test_without_a_server_the_store_is_looked_at_alone(api, doctor, store):
    await api.save("SELECT 1 AS one", "One")

    status, found = await doctor("--store", str(store), url=NOBODY)

    assert status == 1
    assert set(problems(found)) == {"server"}
    assert found["server"][0]["next"].startswith("jupyter views --url ")
    assert found["store"][0]["text"] == f"{store} is whole, with 1 view."
    assert found["rows"][0]["state"] == "ok"


async def test_the_store_is_only_read(api, doctor, copy):
    await api.save("SELECT 1 AS one", "One")
    folder = copy()

    def state():
        return {
            path.relative_to(folder): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in folder.rglob("*")
            if path.is_file()
        }

    before = state()
    await doctor("--store", str(folder), url=NOBODY)

    assert state() == before


async def test_the_settings_say_where_the_store_is(api, doctor, copy, tmp_path, monkeypatch):
    folder = copy()
    (tmp_path / "settings").mkdir()
    settings = tmp_path / "settings" / "jupyter_server_config.py"
    settings.write_text(f"c.ViewsApp.store_dir = {str(folder)!r}\n")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(settings.parent))

    _, found = await doctor(url=NOBODY)
    settings.write_text("c.ViewsApp.store_url = 'postgresql://db/views'\n")
    _, elsewhere = await doctor(url=NOBODY)

    assert found["store"][0]["text"] == f"{folder} is whole, with 0 views."
    assert [(each["state"], each["next"]) for each in elsewhere["store"]] == [("note", None)]
    assert "postgresql" not in json.dumps(elsewhere)


async def test_without_a_store_there_is_nothing_wrong_with_it(doctor, tmp_path):
    _, found = await doctor("--store", str(tmp_path / "absent"), url=NOBODY)

    assert [(each["state"], each["next"]) for each in found["store"]] == [("note", "jupyter lab")]


async def test_a_folder_that_others_may_enter_is_a_problem(api, doctor, copy):
    folder = copy()
    folder.chmod(0o755)

    _, found = await doctor("--store", str(folder), url=NOBODY)

    assert "store" in problems(found)
    assert found["store"][0]["next"] == f"chmod 700 {folder}"


async def test_a_damaged_database_is_a_problem_and_stays_as_it_is(api, doctor, copy):
    await api.save("SELECT 1 AS one", "One")
    folder = copy()
    path = folder / "views.sqlite"
    content = bytearray(path.read_bytes())
    content[0:16] = b"not a database.."
    path.write_bytes(content)

    _, found = await doctor("--store", str(folder), url=NOBODY)

    assert problems(found)["store"] == ["The store cannot be relied on: its file is damaged."]
    assert path.read_bytes() == content


async def test_pages_that_contradict_each_other_are_found(api, doctor, copy):
    for number in range(30):
        await api.save(f"SELECT {number} AS n", f"View {number}")
    folder = copy()
    path = folder / "views.sqlite"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(content)

    _, found = await doctor("--store", str(folder), url=NOBODY)

    assert problems(found)["store"][0].startswith("The store cannot be relied on: ")


async def test_a_locked_database_is_said_to_be_locked(api, doctor, copy):
    folder = copy()
    with closing(sqlite3.connect(folder / "views.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")

        _, found = await doctor("--store", str(folder), url=NOBODY)

    assert problems(found)["store"] == [
        "The store cannot be relied on: another program holds its file locked."
    ]


@pytest.mark.parametrize(
    ("revision", "state", "then"),
    [("9999", "problem", "pip install --upgrade jupyter_views"), ("0001", "note", "jupyter lab")],
)
async def test_a_store_of_another_release_is_told_apart(api, doctor, copy, revision, state, then):
    folder = copy()
    execute(folder, f"UPDATE alembic_version SET version_num = '{revision}'")

    _, found = await doctor("--store", str(folder), url=NOBODY)

    assert [(each["state"], each["next"]) for each in found["store"]] == [(state, then)]


async def test_views_without_a_server_are_judged_by_their_rows(api, doctor, copy):
    for name in ("Failing", "Changed", "Kept", "Unsure"):
        await api.save(f"SELECT '{name}' AS n", name)
    folder = copy()
    long_ago = (time.time_ns() // 1000) - 3 * 3_600_000_000
    of = "WHERE id = (SELECT view_id FROM perspectives WHERE slug = '{}')"
    execute(folder, f"UPDATE views SET failures = 3 {of.format('failing')}")
    execute(folder, f"UPDATE views SET changed_at = {long_ago} {of.format('changed')}")
    execute(
        folder, f"UPDATE views SET changed_at = {long_ago}, auto_refresh = 0 {of.format('kept')}"
    )
    execute(
        folder,
        "UPDATE results SET signatures = "
        """'[{"name": "x", "kind": "unknown", "strength": "none"}]' WHERE id = ("""
        "SELECT result_id FROM statements s JOIN views v ON v.current_statement_id = s.id "
        "JOIN perspectives p ON p.view_id = v.id WHERE p.slug = 'unsure')",
    )

    _, found = await doctor("--store", str(folder), url=NOBODY)

    told = {about: (each[0]["state"], each[0]["text"]) for about, each in found.items()}
    assert told["view failing"][0] == "problem"
    assert told["view failing"][1].startswith("3 refreshes failed in a row")
    assert told["view changed"] == ("problem", "Stale: a source changed 3 h ago.")
    assert told["view kept"][0] == "note"
    assert told["view unsure"][0] == "note"


async def test_rows_of_the_future_betray_a_clock_that_jumped(api, doctor, copy):
    await api.save("SELECT 1 AS one", "One")
    folder = copy()
    execute(folder, "UPDATE results SET computed_at = computed_at + 86400000000")

    _, found = await doctor("--store", str(folder), url=NOBODY)

    assert problems(found)["clock"][0].startswith("Rows were computed in the future")


def test_every_network_file_system_is_known_by_its_plain_name():
    assert {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"} <= _machine.NETWORK
