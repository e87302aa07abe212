"""Stored rows that the disk lost or changed: said with a way out, and never served wrong (F06)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .invariants import check_store

PERSPECTIVE = "api/v1/perspectives"
OTHERS = "SELECT range + 1 AS n FROM range(1000)"


def _truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def _swap(path: Path, other: Path) -> None:
    shutil.copy(other, path)


def _make_a_folder_of_it(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def _make_a_link_of_it(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


DAMAGES = {
    "truncated": _truncate,
    "flipped": _flip,
    "emptied": lambda path, _: path.write_bytes(b""),
    "swapped": _swap,
    "deleted": lambda path, _: path.unlink(),
    "a folder": _make_a_folder_of_it,
    "a link to other rows": _make_a_link_of_it,
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_F06_damaged_rows_are_gone_on_every_way_to_them_and_a_refresh_brings_them_back(
    api, tmp_path, damage
):
    store = tmp_path / "views-store"
    await api.save(OTHERS, "Other")
    (path_of_other,) = (store / "results").glob("*/*")
    await api.save("SELECT range AS n FROM range(1000)", "Damaged")
    (path,) = {*(store / "results").glob("*/*")} - {path_of_other}

    DAMAGES[damage](path, path_of_other)

    for format in ("json", "csv", "arrow", "parquet"):
        gone = await api("GET", f"{PERSPECTIVE}/damaged/result?format={format}")
        assert (gone.status, gone.json["error"]) == (410, "GONE")
        assert "efresh" in gone.json["hint"]
    above = await api.run('SELECT sum(n) AS s FROM views."damaged"')
    assert (above["status"], above["error"]["code"]) == ("FAILED", "GONE")
    assert (await api("GET", f"{PERSPECTIVE}/damaged")).status == 200
    assert (await api("GET", f"{PERSPECTIVE}/other/result?limit=1")).json["rows"] == [[1]]

    refresh = (await api("POST", f"{PERSPECTIVE}/damaged/refresh")).json
    wait = {"Prefer": "wait=50"}
    ended = (await api("GET", f"api/v1/statements/{refresh['id']}", headers=wait)).json
    assert ended["status"] == "SUCCESS", ended["error"]
    assert (await api("GET", f"{PERSPECTIVE}/damaged/result")).json["total_row_count"] == 1000
    above = await api.run('SELECT sum(n)::BIGINT AS s FROM views."damaged"')
    rows = await api("GET", f"api/v1/statements/{above['id']}/result")
    assert rows.json["rows"] == [[499500]]
    check_store(store, is_stopped=False)


async def test_F06_rows_cannot_be_compared_with_damaged_ones(api, data_folder, tmp_path):
    source = data_folder / "a.csv"
    source.write_text("n\n1\n")
    view = await api.save("SELECT n FROM 'a.csv'", "Compared")
    (first,) = (tmp_path / "views-store" / "results").glob("*/*")
    source.write_text("n\n1\n2\n")
    refresh = (await api("POST", f"{PERSPECTIVE}/compared/refresh")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=50"})

    _flip(first, first)

    path = f"api/views/{view['short_id']}"
    gone = await api("GET", f"{path}/diff?limit=7")
    assert (gone.status, gone.json["error"]) == (410, "GONE")
    assert (await api("GET", f"{path}/history")).status == 200
    assert (await api("GET", f"{path}/result")).json["rows"] == [[1], [2]]
    check_store(tmp_path / "views-store", is_stopped=False)
