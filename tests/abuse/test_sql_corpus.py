"""The SQL corpus, every table function, and each layer with the others off."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import duckdb
import pytest

from jupyter_views.core.errors import NotAllowed, ParseError, ViewsError
from jupyter_views.core.ports import Draft
from jupyter_views.engines import gate
from jupyter_views.engines.catalog import GENERATORS, READERS
from tests.engines.places import Place

_ODD = re.compile(r"\{U\+([0-9A-F]{4})\}")


def corpus() -> list[tuple[str, str]]:
    """(label, SQL) of every line."""
    lines = (Path(__file__).parent / "sql_corpus.txt").read_text("utf-8").splitlines()
    pairs = [line.partition(" | ") for line in lines if line and not line.startswith("#")]
    return [(label, _ODD.sub(lambda odd: chr(int(odd[1], 16)), sql)) for label, _, sql in pairs]


CORPUS = corpus()


def digest(folder: Path) -> str:
    """A hash of every name and content below a folder."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state.update(str(path.relative_to(folder)).encode())
        if path.is_file() and not path.is_symlink():
            state.update(path.read_bytes())
    return state.hexdigest()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("corpus"))


def label_of(inspected) -> str:
    try:
        inspected()
    except ParseError:
        return "parse"
    except ViewsError as error:
        return f"refuse:{error.code}"
    return "read"


def test_the_corpus_is_large_and_has_no_line_twice():
    assert len(CORPUS) >= 200
    assert len({sql for _, sql in CORPUS}) == len(CORPUS)
    assert {label.partition(":")[0] for label, _ in CORPUS} == {"read", "refuse", "parse"}


@pytest.mark.parametrize(("label", "sql"), CORPUS, ids=[sql[:70] for _, sql in CORPUS])
def test_a38_the_gate_judges_a_statement_as_labelled(place, label, sql):
    assert label_of(lambda: place.inspect(sql)) == label


def test_a38_judging_the_whole_corpus_leaves_every_file_as_it_was(place):
    before = digest(place.root.parent)

    for _, sql in CORPUS:
        label_of(lambda sql=sql: place.inspect(sql))

    assert digest(place.root.parent) == before


def test_a38_running_what_is_labelled_read_changes_no_file(place, monkeypatch):
    monkeypatch.chdir(place.root)
    before = digest(place.root.parent)
    ran = 0
    with place.open(seconds=10) as connection:
        for label, sql in CORPUS:
            if label == "read":
                try:
                    connection.execute(sql).fetchall()
                except duckdb.Error as error:
                    # Names of nothing: orders, df, missing.csv; and calls that the worker
                    # replaces before the engine sees them: iceberg_scan, delta_scan.
                    expected = ("does not exist", "No files found", "is not in the catalog")
                    assert any(words in str(error) for words in expected), sql
                else:
                    ran += 1

    assert ran >= 60
    assert digest(place.root.parent) == before


def test_a41_the_gate_alone_judges_the_corpus_alike_on_an_engine_without_limits(place):
    with duckdb.connect() as wide:
        differing = [
            sql
            for label, sql in CORPUS
            if label_of(lambda sql=sql: _inspect_on(wide, place, sql)) != label
        ]

    assert differing == []


def _inspect_on(connection, place, sql):
    draft = Draft(sql=sql, base_dir=str(place.root))
    return gate.inspect(connection, draft, readable=(str(place.root),), hidden=place.hidden)


def test_a41_the_engines_settings_alone_let_no_statement_of_the_corpus_out(tmp_path, monkeypatch):
    """Without the gate statements may write below the folders, never beside them."""
    place = Place(tmp_path)
    monkeypatch.chdir(place.root)
    outside = digest(place.outside)
    with place.open(seconds=2) as connection:
        for label, sql in CORPUS:
            if label.startswith("refuse") and "sleep" not in sql:
                try:
                    (connection.execute(sql) or connection).fetchall()
                except (duckdb.Error, ValueError, RuntimeError):
                    continue

    assert digest(place.outside) == outside
    assert {path.name for path in place.root.parent.iterdir()} == {
        "root",
        "root-secret",
        "scratch",
    }


def _table_functions() -> list[str]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE function_type IN ('table', 'table_macro') ORDER BY 1"
        ).fetchall()
    return [name for (name,) in rows]


_ARGUMENT = {
    **dict.fromkeys(READERS, "'events.csv'"),
    **dict.fromkeys(GENERATORS, "1"),
    "summary": "(SELECT 1)",
}


@pytest.mark.parametrize("name", _table_functions())
def test_a40_of_all_table_functions_only_the_allow_list_passes(place, name):
    sql = f'SELECT * FROM "{name}"({_ARGUMENT.get(name, "1")})'

    if name in READERS | GENERATORS:
        place.inspect(sql)
    else:
        with pytest.raises(NotAllowed):
            place.inspect(sql)


def test_a42_no_reader_of_the_allow_list_waits_for_a_device_or_an_address(place):
    for reader in sorted(READERS):
        for name in ("/dev/zero", "/proc/self/environ", "http://127.0.0.1:9/x", "//host/share/x"):
            with pytest.raises(NotAllowed):
                place.inspect(f"FROM {reader}('{name}')")
