"""The front end's own files agree with the package and reach nobody but the registry."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import jupyter_views

ROOT = Path(__file__).resolve().parents[2]
LABEXTENSION = ROOT / "labextension"


def _json(name: str) -> Any:
    return json.loads((LABEXTENSION / name).read_text())


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_the_front_end_has_the_version_of_the_package(name: str) -> None:
    assert _json(name)["version"] == jupyter_views.__version__


def test_the_lock_file_holds_no_address() -> None:
    text = (LABEXTENSION / "package-lock.json").read_text()

    assert re.findall(r"https?:|git\+|\"resolved\"|npmjs", text) == []


def test_every_locked_package_has_a_checksum() -> None:
    packages = _json("package-lock.json")["packages"]

    assert len(packages) > 100
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []


def test_the_lock_file_is_of_the_package_beside_it() -> None:
    wanted, locked = _json("package.json"), _json("package-lock.json")["packages"][""]

    for group in ("dependencies", "devDependencies"):
        assert locked[group] == wanted[group]


def test_no_source_turns_text_into_markup() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write"
    )
    sources = sorted((LABEXTENSION / "src").glob("*.ts*"))

    assert len(sources) > 10
    assert [path.name for path in sources if forbidden.search(path.read_text())] == []


def test_the_style_sheets_name_no_colour_of_their_own() -> None:
    colour = re.compile(
        r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|:\s*(white|black|red|green|blue)\b"
    )
    sheets = sorted((LABEXTENSION / "style").glob("*.css"))

    assert {
        path.name: found for path in sheets if (found := colour.findall(path.read_text()))
    } == {}
