"""Layers 3 and 4, each with all the others off."""

from __future__ import annotations

import socket
import sys

import duckdb
import pytest

from jupyter_views.engines import landlock

from .confinement import confined
from .places import MIB, Place

HAS_LANDLOCK = landlock.version() > 0
IS_LINUX = sys.platform.startswith("linux")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("sandbox"))


@pytest.fixture
def connection(place, monkeypatch):
    monkeypatch.chdir(place.root)
    with place.open(seconds=5) as connection:
        yield connection


@pytest.fixture
def listener():
    """A loopback server that nobody may reach; gives its port and how many came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def visitors(server: socket.socket) -> int:
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


# Layer 3: the engine's own configuration, with no gate before it.


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('/proc/self/environ')",
        "FROM read_blob('/dev/zero')",
        "FROM '../root-secret/salaries.csv'",
        "FROM 'leads-out.csv'",
        "FROM glob('/etc/*')",
        "FROM read_csv('file:///etc/passwd')",
        "COPY (SELECT 1) TO '../out.csv'",
        "WITH x AS (COPY (SELECT 1) TO '../out.csv') FROM x",
        "ATTACH '../out.db'",
        "EXPORT DATABASE '../out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "SET temp_directory = '/tmp'",
        "PRAGMA enable_profiling = 'json'",
        "CALL enable_logging('FileSystem')",
        "CREATE PERSISTENT SECRET s (TYPE http)",
        "FROM duckdb_secrets(redact = false)",
    ],
)
def test_the_engine_alone_refuses_to_leave_its_folders(place, connection, sql):
    with pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()

    assert sorted(path.name for path in place.root.parent.iterdir()) == [
        "root",
        "root-secret",
        "scratch",
    ]


def test_variables_of_the_process_are_not_tables(connection):
    secret_frame = duckdb.sql("SELECT 'secret' AS password").to_arrow_table()

    with pytest.raises(duckdb.CatalogException):
        connection.execute("FROM secret_frame").fetchall()
    assert secret_frame.num_rows == 1


def test_the_engine_alone_calls_nobody(connection, listener):
    port = listener.getsockname()[1]
    for name in (f"http://127.0.0.1:{port}/x.csv", f"https://127.0.0.1:{port}/x.parquet"):
        with pytest.raises(duckdb.Error):
            connection.execute(f"FROM '{name}'").fetchall()

    assert visitors(listener) == 0


def test_reading_below_the_folders_still_works(place, connection):
    assert connection.execute("SELECT id FROM 'sub/../events.csv'").fetchall() == [(1,), (2,)]
    absolute = place.root / "users.parquet"
    assert connection.execute(f"SELECT count(*) FROM '{absolute}'").fetchall() == [(4,)]
    (place.root.parent / "again").symlink_to(place.root)
    linked = place.root.parent / "again" / "users.parquet"
    try:
        assert connection.execute(f"SELECT count(*) FROM '{linked}'").fetchall() == [(4,)]
    finally:
        (place.root.parent / "again").unlink()


def test_the_clock_stops_a_query_and_the_connection_goes_on(place):
    with place.open(seconds=0.3) as connection:
        with pytest.raises(duckdb.InterruptException, match="execution time"):
            connection.execute(
                "SELECT count(*) FROM range(10000000) a, range(10000000) b "
                "WHERE a.range + b.range = 3"
            ).fetchall()
        assert connection.execute("SELECT 42").fetchall() == [(42,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(x) FROM range(100000000) t(x)",
        "SELECT x FROM range(60000000) t(x) ORDER BY hash(x)",
    ],
    ids=["memory", "spill"],
)
def test_a_limit_stops_a_query_that_outgrows_it(place, monkeypatch, sql):
    monkeypatch.chdir(place.root)
    # With time enough to reach it on a disk that others write to as well.
    with place.open(seconds=100) as connection, pytest.raises(duckdb.OutOfMemoryException):
        connection.execute(sql).fetchall()


def test_times_are_in_utc_whatever_the_machine_says(connection):
    rows = connection.execute("SELECT TIMESTAMPTZ '2026-11-20 12:00:00+02'::VARCHAR").fetchall()

    assert rows == [("2026-11-20 10:00:00+00",)]


def test_spilled_rows_lie_in_the_scratch_folder_alone(place, connection):
    settings = dict(
        connection.execute(
            "SELECT name, value FROM duckdb_settings() "
            "WHERE name IN ('temp_directory', 'lock_configuration', 'enable_external_access')"
        ).fetchall()
    )

    assert settings["temp_directory"].startswith(str(place.scratch))
    assert settings["lock_configuration"] == "true"
    assert settings["enable_external_access"] == "false"


def test_limits_and_time_zone_hold_on_every_cursor(connection):
    names = ("max_execution_time", "max_expression_depth", "memory_limit", "TimeZone")
    query = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    own, cursor = (each.execute(query).fetchall() for each in (connection, connection.cursor()))

    assert own == cursor
    assert own[0][1] == 250


def test_a_rewritten_file_is_read_again_and_not_from_a_cache(place, connection):
    path = place.root / "again.csv"
    path.write_text("id\n1\n")
    assert connection.execute("SELECT id FROM 'again.csv'").fetchall() == [(1,)]
    path.write_text("id\n2\n")

    assert connection.execute("SELECT id FROM 'again.csv'").fetchall() == [(2,)]
    path.unlink()


# Layer 4: the operating system, with an engine that is wide open.

_OPEN_ENGINE = """
import os, socket, subprocess
wide = duckdb.connect()
def run(sql):
    return lambda: wide.execute(sql).fetchall()
root, outside, own = given["root"], given["outside"], given["own"]
attempt("reads root", run(f"FROM '{root}/events.csv'"))
attempt("writes own", run(f"COPY (SELECT 1) TO '{own}/fine.csv'"))
attempt("writes root", run(f"COPY (SELECT 1) TO '{root}/bad.csv'"))
attempt("writes root in with", run(f"WITH x AS (COPY (SELECT 1) TO '{root}/b.csv') FROM x"))
attempt("writes outside", run(f"COPY (SELECT 1) TO '{outside}/bad.csv'"))
attempt("attaches in root", run(f"ATTACH '{root}/bad.db'"))
attempt("reads outside", run(f"FROM '{outside}/salaries.csv'"))
attempt("reads through link", run(f"FROM '{root}/leads-out.csv'"))
attempt("reads passwd", run("FROM read_text('/etc/passwd')"))
attempt("reads environment", run("FROM read_text('/proc/self/environ')"))
attempt("lists root of system", lambda: os.listdir("/"))
attempt("removes", lambda: os.unlink(f"{root}/days.csv"))
attempt("renames", lambda: os.rename(f"{root}/days.csv", f"{own}/days.csv"))
attempt("truncates", lambda: os.truncate(f"{root}/days.csv", 0))
attempt("links", lambda: os.symlink("/etc/passwd", f"{root}/l.csv"))
attempt("connects", lambda: socket.create_connection(("127.0.0.1", given["port"]), 2))
attempt("listens", lambda: socket.create_server(("127.0.0.1", 0)))
attempt("executes", lambda: subprocess.run(["/bin/true"]))
facts["rows"] = wide.execute("SELECT count(*) FROM range(1000000)").fetchall()[0][0]
facts["zone"] = str(wide.execute(
    "SELECT timezone('Europe/Berlin', TIMESTAMP '2026-07-01')").fetchall()[0][0])
"""

_DENIED = {
    *("writes root", "writes root in with", "writes outside", "attaches in root"),
    *("reads outside", "reads through link", "reads passwd", "reads environment"),
    *("lists root of system", "removes", "renames", "truncates", "links", "executes"),
}


def test_the_kernel_alone_keeps_a_wide_open_engine_in_its_folders(tmp_path, listener):
    place = Place(tmp_path)
    facts = confined(
        _OPEN_ENGINE,
        readable=(place.root,),
        writable=(place.scratch,),
        root=str(place.root),
        outside=str(place.outside),
        own=str(place.scratch),
        port=listener.getsockname()[1],
    )

    assert ("landlock" in facts["held"]) == HAS_LANDLOCK
    assert facts["reads root"] == facts["writes own"] == "done"
    assert facts["rows"] == 1_000_000
    assert facts["zone"].startswith("2026-")
    done = {name for name in _DENIED if facts[name] == "done"}
    assert done == (set() if HAS_LANDLOCK else _DENIED)
    if "landlock_network" in facts["held"]:
        assert facts["connects"] == facts["listens"] == "PermissionError"
        assert visitors(listener) == 0


_GREEDY = """
wide = duckdb.connect(config={"memory_limit": "100GB"})
attempt("text", lambda: wide.execute("SELECT length(repeat('x', 4000000000))").fetchall())
attempt("list", lambda: wide.execute("SELECT len(generate_series(1, 2000000000))").fetchall())
attempt("file", lambda: wide.execute(
    f"COPY (FROM range(10000000)) TO '{given['own']}/large.csv'").fetchall())
attempt("next", lambda: wide.execute("SELECT 1").fetchall())
if sys.platform.startswith("linux"):
    import resource
    facts["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
"""


def test_the_address_limit_alone_stops_what_passes_the_engines_memory_limit(place):
    facts = confined(
        _GREEDY,
        readable=(place.root,),
        writable=(place.scratch,),
        file=8 * MIB,
        own=str(place.scratch),
    )

    assert ("memory_limit" in facts["held"]) == (sys.platform != "win32")
    if IS_LINUX:
        assert facts["text"] == facts["list"] == "OutOfMemoryException"
        assert facts["peak"] < 1024 * MIB
    assert facts["file"] == "IOException"
    assert facts["next"] == "done"
    assert not (place.scratch / "large.csv").exists()


_FACTS = """
import os, stat
mine = given["own"] + "/mine"
open(mine, "w").close()
facts["mode"] = stat.S_IMODE(os.stat(mine).st_mode)
os.unlink(mine)
facts["nice"] = os.nice(0)
if sys.platform != "win32":
    import resource
    facts["core"] = list(resource.getrlimit(resource.RLIMIT_CORE))
    facts["files"] = list(resource.getrlimit(resource.RLIMIT_NOFILE))
    attempt("raises", lambda: resource.setrlimit(resource.RLIMIT_AS, (2**60, 2**60)))
"""


def test_the_process_is_polite_private_and_leaves_no_core(place):
    before = confined(
        _FACTS, readable=(), writable=(place.scratch,), confine=False, own=str(place.scratch)
    )
    facts = confined(_FACTS, readable=(), writable=(place.scratch,), nice=3, own=str(place.scratch))

    assert facts["mode"] == 0o600
    assert facts["nice"] == min(19, before["nice"] + 3)
    assert facts["core"] == [0, 0]
    assert facts["files"][0] <= 1024
    assert {"no_core", "open_files", "file_limit"} <= set(facts["held"])
    assert ("no_new_privs" in facts["held"]) == IS_LINUX


def test_confining_names_only_layers_that_doctor_knows(place):
    facts = confined("", readable=(), writable=(place.scratch,))

    assert set(facts["held"]) <= {
        "memory_limit",
        "file_limit",
        "no_core",
        "open_files",
        "no_new_privs",
        "landlock",
        "landlock_network",
    }
