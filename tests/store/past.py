"""A store with views whose past is written straight into its tables, thousands of lines at once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from jupyter_views.core.model import SECOND
from jupyter_views.store.opened import Store
from jupyter_views.store.tables import queries, results, statements, versions, views

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_000_000 * SECOND


def ran(at: int, view_id: int | None, rows: str | None = None, **facts: Any) -> dict[str, Any]:
    """A statement that ran at an instant.

    ``rows`` is a word that stands for the content of its result; None where
    there is none.
    """
    return {"at": at, "view_id": view_id, "rows": rows, **facts}


def sha(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


class Past:
    """Writes views, versions and statements; instants are microseconds after ``START``."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.store = Store(
            folder / "store", url="", cache_memory_bytes=1 << 20, cache_disk_bytes=0, **options
        )
        self._count = 0
        self._queries: set[str] = set()

    def close(self) -> None:
        self.store.close()

    def query(self, sql: str) -> str:
        key = sha(sql)
        if key in self._queries:
            return key
        self._queries.add(key)
        with self.store.database.write() as connection:
            connection.execute(
                insert(queries).values(
                    id=key,
                    definition_hash=key,
                    sql=sql,
                    normalized_sql=sql,
                    connection="local",
                    base_dir="/",
                    parameters=[],
                    frames={},
                    reads=[],
                    volatile=[],
                    created_at=START,
                )
            )
        return key

    def view(self, sql: str = "SELECT 1", *, at: int = 0, rows: str = "first") -> int:
        """A view saved with a statement of its own that somebody ran at an instant."""
        (first,) = self.statements(ran(at, None, rows, sql=sql))
        with self.store.database.write() as connection:
            view_id = connection.execute(
                insert(views).values(
                    short_id=f"view{first}",
                    name="A view",
                    tags=[],
                    owner="ana",
                    is_public=False,
                    auto_refresh=True,
                    revision=1,
                    current_version=1,
                    current_statement_id=first,
                    failures=0,
                    retry_at=0,
                    rule={},
                    refreshed_at=START + at,
                    created_at=START + at,
                    created_by="ana",
                    updated_at=START + at,
                    updated_by="ana",
                )
            ).inserted_primary_key[0]
        self.version(view_id, 1, first, sql, at=at)
        return view_id

    def version(
        self, view_id: int, n: int, statement_id: str, sql: str, *, at: int, params: Any = None
    ) -> None:
        query_id = self.query(sql)
        with self.store.database.write() as connection:
            connection.execute(
                insert(versions).values(
                    view_id=view_id,
                    n=n,
                    query_id=query_id,
                    params=params or {},
                    statement_id=statement_id,
                    note=f"note {n}",
                    author="ana",
                    created_at=START + at,
                )
            )

    def statements(self, *facts: dict[str, Any]) -> list[str]:
        """Insert statements, each as :func:`ran` tells it, and their results; returns their ids."""
        made = [self._statement(each) for each in facts]
        with self.store.database.write() as connection:
            kept = [result for _, result in made if result is not None]
            if kept:
                connection.execute(insert(results), kept)
            connection.execute(insert(statements), [statement for statement, _ in made])
        return [statement["id"] for statement, _ in made]

    def _statement(self, facts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
        self._count += 1
        at = START + facts["at"]
        status = facts.get("status", "SUCCESS")
        rows = facts.get("rows")
        result = None
        if rows is not None:
            result = {
                "id": f"res_{self._count:06}",
                "sha256": sha(rows),
                "row_count": len(rows),
                "size_bytes": 100,
                "columns": [],
                "computed_at": at,
                "duration_us": 1000,
                "saved_at": at,
                "signatures": [],
                "method": "full",
            }
        is_final = status in {"SUCCESS", "FAILED", "CANCELED"}
        statement = {
            "id": facts.get("id", f"stmt_{self._count:06}"),
            "query_id": self.query(facts.get("sql", "SELECT 1")),
            "params": facts.get("params", {}),
            "fingerprint": f"f{self._count}",
            "status": status,
            "strategy": "execute",
            "view_id": facts["view_id"],
            "server_id": "here",
            "submitted_by": facts.get("by", "ana"),
            "row_limit": 1,
            "byte_limit": 1,
            "error": facts.get("error"),
            "cause": facts.get("cause"),
            "changes": facts.get("changes"),
            "result_id": result["id"] if result else None,
            "submitted_at": at,
            "started_at": at + 10,
            "completed_at": at + 2010 if is_final else None,
        }
        return statement, result

    def serve(self, view_id: int, statement_id: str) -> None:
        """Make a statement the current one of a view."""
        with self.store.database.write() as connection:
            connection.execute(
                update(views).where(views.c.id == view_id).values(current_statement_id=statement_id)
            )

    def with_rows(self) -> set[str]:
        """Statements whose rows are stored."""
        with self.store.database.read() as connection:
            found = select(statements.c.id).where(statements.c.result_id.is_not(None))
            return set(connection.scalars(found).all())

    def ids(self) -> set[str]:
        """All statements."""
        with self.store.database.read() as connection:
            return set(connection.scalars(select(statements.c.id)).all())
