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
