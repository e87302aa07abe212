"""Every block of the README and of the docs does what the page says it does."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_server.serverapp import ServerApp
from kernel.live import LiveKernel, LiveServer, Ran, a_server
from traitlets.config import Config

from jupyter_views.app import ViewsApp

from .pages import HOME, PAGES, Block, assert_output, blocks

RUN_BY_OTHER_TESTS = {
    "make demo": "tests/examples/test_first_view.py",
    "make demo ARGS=--no-browser": "tests/examples/test_first_view.py",
    "make test": ".ci/run",
    'make test ARGS="tests/http -x"': ".ci/run",
    "make lint": "Makefile",
    "jupyter server extension list": "tests/packaging/test_installed_files.py",
    'pip install ".[lab]"': "tests/packaging/test_installed_files.py",
}
CELLS, SHELL, OUTPUTS = {"python", "sql"}, {"bash"}, {"text", "json"}
OTHERS = {"python config", "bash packaging"}


class Session:
    """One page's shell and kernel, on one server, in the server's root folder."""

    def __init__(self, server: LiveServer, folder: Path) -> None:
        self._kernel = LiveKernel(server)
        self._root = server.root
        self._state = folder / "state"
        given = self._kernel.value(
            "{k: v for k, v in __import__('os').environ.items() if k.startswith('JUPYTER')}"
        )
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            **ast.literal_eval(given),
        }

    def run(self, block: Block) -> str:
        """Run a block; what it printed."""
        return self._shell(block.text) if block.kind in SHELL else self._cell(block.text)

    def _shell(self, text: str) -> str:
        script = f"set -euo pipefail; set -a\n{text}\nenv -0 > '{self._state}'"
        done = subprocess.run(
            ["bash", "-c", script],
            env=self._environment,
            cwd=self._root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n\nexit status {done.returncode}\n{done.stdout}"
        state = self._state.read_text().split("\0")
        self._environment = dict(pair.split("=", 1) for pair in state if "=" in pair)
        return done.stdout

    def _cell(self, text: str) -> str:
        return _printed(self._kernel.run(text))

    def close(self) -> None:
        self._kernel.close()


def _printed(ran: Ran) -> str:
    if ran.error:
        return "\n".join(ran.error)
    last = ran.updates[-1:] or ran.shown
    return ran.text + "\n".join(data["text/plain"] for data in (*last, *ran.results))


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[LiveServer]:
    with a_server(tmp_path_factory.mktemp("pages")) as live:
        yield live


@pytest.fixture
def session(server, tmp_path) -> Iterator[Session]:
    server.forget_views()
    opened = Session(server, tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_of_a_page_print_what_the_page_shows(name, session):
    all_blocks = blocks(PAGES[name])
    for at, block in enumerate(all_blocks):
        if block.kind not in CELLS | SHELL:
            continue
        printed = session.run(block)
        following = all_blocks[at + 1] if at + 1 < len(all_blocks) else None
        try:
            if following is not None and following.kind in OUTPUTS:
                assert_output(following, printed)
            else:
                assert "Traceback" not in printed, printed
        except AssertionError as error:
            raise AssertionError(f"{name}, line {block.line}: {error}") from None


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_of_a_kind_that_a_test_knows(name):
    for at, block in enumerate(blocks(PAGES[name])):
        assert block.kind in CELLS | SHELL | OUTPUTS | OTHERS, (name, block.line, block.kind)
        if block.kind in OUTPUTS:
            assert blocks(PAGES[name])[at - 1].kind in CELLS | SHELL, (name, block.line)


@pytest.mark.parametrize("name", PAGES)
def test_a_command_that_installs_or_starts_everything_is_run_by_another_test(name):
    for block in blocks(PAGES[name]):
        if block.kind == "bash packaging":
            for command in block.text.split("\n"):
                assert (HOME / RUN_BY_OTHER_TESTS[command]).exists(), command


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_make_knows_the_targets_that_pages_name(target):
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", target, "ARGS=--the-arguments"],
        cwd=HOME, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert planned.returncode == 0, planned.stderr
    command = {"demo": "jupyter views demo --the-arguments", "test": "loadfile --the-arguments"}
    assert command.get(target, "ruff check") in planned.stdout


def test_ci_calls_make_test():
    assert "make test" in (HOME / ".ci" / "run").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_configuration_on_a_page_is_taken_by_the_server_extension(name):
    for block in blocks(PAGES[name]):
        if block.kind == "python config":
            config = Config()
            exec(block.text, {"c": config})
            for name, kind in {"ViewsApp": ViewsApp, "ServerApp": ServerApp}.items():
                app = kind(config=config)
                for setting, value in config.pop(name, {}).items():
                    assert app.has_trait(setting), setting
                    assert getattr(app, setting) == value
            assert config == {}, "a class that this test does not know"


def test_the_shells_of_the_pages_find_curl():
    assert shutil.which("curl"), "install curl: pages and examples call it"
