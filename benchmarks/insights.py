"""P20 and P21: lists among 100,000 insights, beside a store of 100 and at any depth."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from .figures import Figure, alternate
from .server import Server, jupyter_server

MANY = 100_000
FEW = 100
PAGE = 100
_LISTS = {"basic": "&basic=true", "full": ""}
_COPIES = """
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count - 1)
INSERT INTO {table} ({columns}) SELECT {values} FROM {table}, numbers WHERE {key} = :first
"""


def measure(folder: Path, runs: int) -> list[Figure]:
    """First pages of both stores in turn; first and last page of the large one in turn."""
    few, many = folder / "few", folder / "many"
    few.mkdir()
    many.mkdir()
    with jupyter_server(few) as small, jupyter_server(many) as large:
        _fill(small, FEW)
        _fill(large, MANY)
        found = []
        for name, more in _LISTS.items():
            ours, peers = alternate(
                runs,
                lambda more=more: _page(large, 0, more),
                lambda more=more: _page(small, 0, more),
            )
            found.append(
                Figure(
                    name="P20", what=f"first page of {MANY:,} insights, {name}", unit="ms",
                    ours=ours, peers=peers, peer_name=f"of {FEW}", goal=3.0,
                )
            )  # fmt: skip
            deep, first = alternate(
                runs,
                lambda more=more: _page(large, MANY - PAGE, more),
                lambda more=more: _page(large, 0, more),
            )
            found.append(
                Figure(
                    name="P21", what=f"last page of {MANY:,} insights, {name}", unit="ms",
                    ours=deep, peers=first, peer_name="first page", goal=5.0,
                )
            )  # fmt: skip
        return found


def _fill(server: Server, count: int) -> None:
    """One insight over HTTP, and as many like it in the store."""
    query = {"kind": "HogQLQuery", "query": "SELECT 1 AS one"}
    body = {"name": "first", "query": query, "order": 0}
    made = server.request("POST", "projects/1/insights?refresh=blocking", json=body).json()
    with sqlite3.connect(server.folder / "store" / "views.sqlite", timeout=60) as connection:
        for table, key, changed in (
            ("views", "id", {"id": "id + i", "short_id": "printf('n%07d', i)"}),
            ("versions", "view_id", {"view_id": "view_id + i"}),
            ("insights", "view_id", {"view_id": "view_id + i", '"order"': "i"}),
        ):
            columns = [f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})")]
            values = {column: changed.get(column.strip('"'), column) for column in columns}
            values |= {name: value for name, value in changed.items() if name in columns}
            connection.execute(
                _COPIES.format(
                    table=table,
                    columns=", ".join(columns),
                    values=", ".join(values[column] for column in columns),
                    key=key,
                ),
                {"count": count, "first": made["id"]},
            )


def _page(server: Server, offset: int, more: str) -> float:
    """Milliseconds of one page."""
    began = time.perf_counter()
    answer = server.request("GET", f"projects/1/insights?limit={PAGE}&offset={offset}{more}")
    took = (time.perf_counter() - began) * 1000
    if len(answer.json()["results"]) != PAGE:
        raise RuntimeError("The page is not full.")
    return took
