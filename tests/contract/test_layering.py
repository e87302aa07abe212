"""Imports point inward, and a kernel that imports the package stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jupyter_views"
MAY_IMPORT = {
    "core": {"core"},
    "store": {"core", "store"},
    "engines": {"core", "engines"},
    "wire": {"core", "wire", "_version"},
    "http": {"core", "wire", "http", "_version"},
    "kernel": {"core", "kernel", "client", "_version"},
}
ONLY_IN = {
    "watchfiles": {"engines"},
    "cronsim": {"core"},
    "tornado": {"http", "app"},
    "duckdb": {"engines"},
    "vl_convert": {"engines"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "IPython": {"kernel"},
    "ipywidgets": {"kernel"},
    "anywidget": {"kernel"},
}
CLIENT = {path.stem for path in PACKAGE.glob("*.py")} - {"app", "cli", "wiring", "__init__"}


def _modules():
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not {"labextension", "examples"} & set(path.relative_to(PACKAGE).parts)
    ]


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path):
    """Every import of a module as (absolute name, is it for type checkers only)."""
    tree = ast.parse(path.read_text())
    package = ["jupyter_views", *path.relative_to(PACKAGE).parent.parts]
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(path):
    room = _room(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "jupyter_views" and room in MAY_IMPORT and len(parts) > 1:
            allowed = MAY_IMPORT[room] | (CLIENT if room == "kernel" else set())
            assert parts[1] in allowed, f"{room} must not import {name}"
        for library, rooms in ONLY_IN.items():
            if parts[0] == library:
                assert room in rooms, f"{library} belongs to {rooms}, not to {room}"


def test_no_module_has_a_name_that_says_nothing():
    for path in _modules():
        assert path.stem not in {"utils", "helpers", "common", "misc", "tools"}


@pytest.mark.parametrize("module", ["jupyter_views", "jupyter_views.kernel.magic"])
def test_importing_it_in_a_kernel_loads_no_server_store_or_engine(module):
    heavy = ("tornado.web", "sqlalchemy", "alembic", "duckdb", "jupyter_server")
    script = (
        f"import sys, {module}\n"
        f"loaded = [n for n in {heavy!r} if n in sys.modules]\n"
        "sys.exit(', '.join(loaded) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_starting_the_server_extension_does_not_load_the_engine_into_the_server():
    script = "import sys, jupyter_views.app\nsys.exit('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
