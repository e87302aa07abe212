"""What `pip install .` has put on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

LABEXTENSION = "share/jupyter/labextensions/jupyter-views/"
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/jupyter_views.json"


@pytest.fixture(scope="module")
def installed() -> dict[str, Path]:
    """Every installed file but byte code: where it is, by its path below the environment."""
    dist = distribution("jupyter_views")
    prefix = Path(sys.prefix).resolve()
    found = {}
    for file in dist.files or ():
        path = Path(str(dist.locate_file(file))).resolve()
        if path.suffix != ".pyc":
            found[path.relative_to(prefix).as_posix()] = path
    return found


def test_the_labextension_is_installed_as_data(installed: dict[str, Path]) -> None:
    package = json.loads(installed[LABEXTENSION + "package.json"].read_text())

    assert package["name"] == "jupyter-views"
    assert package["version"] == distribution("jupyter_views").version
    assert LABEXTENSION + package["jupyterlab"]["_build"]["load"] in installed


def test_the_labextension_says_which_python_package_brought_it(installed: dict[str, Path]) -> None:
    said = json.loads(installed[LABEXTENSION + "install.json"].read_text())

    assert said["packageManager"] == "python"
    assert said["packageName"] == "jupyter_views"


def test_the_server_extension_is_switched_on_by_a_data_file(installed: dict[str, Path]) -> None:
    config = json.loads(installed[SERVER_CONFIG].read_text())

    assert config == {"ServerApp": {"jpserver_extensions": {"jupyter_views": True}}}


def test_nothing_of_the_workshop_is_installed(installed: dict[str, Path]) -> None:
    workshop = (
        "node_modules",
        "/tests/",
        "/benchmarks/",
        ".ts",
        ".tsx",
        ".tsbuildinfo",
        "/lib/index",
    )

    strangers = [name for name in installed if any(part in f"/{name}" for part in workshop)]
    assert strangers == []


def test_the_front_end_is_installed_once(installed: dict[str, Path]) -> None:
    assert [name for name in installed if "jupyter_views/labextension" in name] == []


def test_the_licence_is_installed(installed: dict[str, Path]) -> None:
    licences = [path for name, path in installed.items() if name.endswith("licenses/LICENSE")]

    assert ["BSD 3-Clause" in path.read_text() for path in licences] == [True]


@pytest.mark.parametrize(
    ("command", "sign"),
    [
        (["server", "extension", "list"], r"jupyter_views.*OK"),
        (["labextension", "list"], r"jupyter-views.*enabled.*OK"),
    ],
)
def test_the_host_lists_the_extension_as_working(command: list[str], sign: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "jupyter", *command], capture_output=True, text=True, check=False
    )

    plain = re.sub(r"\x1b\[[0-9;]*m", "", answer.stdout + answer.stderr)
    assert re.search(sign, plain, re.DOTALL), plain


def test_the_example_that_the_demo_opens_is_installed(installed: dict[str, Path]) -> None:
    found = [path for name, path in installed.items() if name.endswith("examples/first_view.ipynb")]

    assert len(found) == 1
    assert json.loads(found[0].read_text())["cells"]
