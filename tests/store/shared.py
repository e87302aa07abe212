"""Two servers on one store: real rows, made the way the servers make them."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from jupyter_views.core.deeds import deed
from jupyter_views.core.errors import Interrupted
from jupyter_views.core.leases import Lease
from jupyter_views.core.model import (
    SECOND,
    Query,
    Result,
    Rule,
    Statement,
    Status,
    Strategy,
    Version,
    View,
)
from jupyter_views.core.submissions import hash_of
from jupyter_views.store.opened import Store
from jupyter_views.store.views import ViewStore

T0 = 1_700_000_000 * SECOND
ERROR = Interrupted("The server stopped while this ran.").to_dict()
_numbers = count(1)


def a_server(folder: Path) -> Store:
    """A server's way to the store; each call is another server."""
    return Store(folder / "store", url="", cache_memory_bytes=10, cache_disk_bytes=10)


def a_statement(sql: str | None = None, *, base_dir: str = "/", **facts: Any) -> Statement:
    """One that nobody has submitted; equal SQL has equal fingerprints."""
    number = next(_numbers)
    sql = sql or f"SELECT {number}"
    definition = {"sql": sql, "connection": "local", "base_dir": base_dir, "frames": {}}
    query = Query(
        id=f"qry_{number}",
        sql=sql,
        normalized_sql=sql,
        connection="local",
        base_dir=base_dir,
        parameters=(),
        frames={},
        reads=(),
        volatile=(),
        definition_hash=hash_of(definition),
        created_at=T0,
    )
    defaults = {
        "id": f"stmt_{number}",
        "query": query,
        "params": {},
        "fingerprint": sql,
        "status": Status.QUEUED,
        "strategy": Strategy.EXECUTE,
        "submitted_by": "ana",
        "submitted_at": T0,
        "row_limit": 10,
        "byte_limit": 1000,
    }
    return Statement(**defaults | facts)


def a_result(**facts: Any) -> Result:
    """One row that nobody has stored."""
    number = next(_numbers)
    defaults = {
        "id": f"res_{number}",
        "sha256": f"{number:064}",
        "row_count": 1,
        "size_bytes": 10,
        "columns": (),
        "truncated": None,
        "computed_at": T0,
        "duration_us": 1000,
        "saved_at": T0,
        "signatures": (),
    }
    return Result(**defaults | facts)


def succeed(server: Store, statement: Statement, at: int = T0) -> list[int]:
    """End a statement well, as the server that holds it."""
    _, view_ids = server.statements.succeed(
        statement.id, statement.fence, a_result(computed_at=at), started_at=at, at=at
    )
    return view_ids


def fail(server: Store, statement: Statement, at: int = T0) -> list[int]:
    """End a statement badly, as the server that holds it."""
    return server.statements.fail(statement.id, statement.fence, Status.FAILED, ERROR, at)


def a_view(
    server: Store,
    rule: Rule | None = None,
    *,
    sql: str | None = None,
    base_dir: str = "/",
    **facts: Any,
) -> View:
    """A saved view with rows of T0."""
    number = next(_numbers)
    statement = server.statements.submit(a_statement(sql, base_dir=base_dir))
    succeed(server, statement)
    current = server.statements.find(statement.id)
    assert current is not None
    version = Version(
        n=1,
        query=current.query,
        params={},
        statement_id=current.id,
        note=None,
        author="ana",
        created_at=T0,
    )
    defaults = {
        "id": 0,
        "short_id": f"view{number}",
        "name": f"View {number}",
        "owner": "ana",
        "is_public": False,
        "auto_refresh": True,
        "revision": 1,
        "version": version,
        "current": current,
        "rule": rule or Rule(),
        "refreshed_at": T0,
        "created_at": T0,
        "updated_at": T0,
        "created_by": "ana",
        "updated_by": "ana",
    }
    view = View(**defaults | facts)
    return server.views.create(view, deed(view, view.owner, "created", view.created_at))


def a_refresh(server: Store, view: View) -> Statement:
    """A refresh of a view, waiting in this server."""
    return server.statements.submit(a_statement(view.version.query.sql, view_id=view.id))


def lease_of(server: Store, statement: Statement) -> Lease:
    """A statement's lease as this server sees it."""
    (lease,) = [each for each in server.statements.leases() if each.statement_id == statement.id]
    return lease


def seen(server: Store, view: View) -> View:
    """A view as it stands now."""
    found = server.views.find(view.id)
    assert found is not None
    return found


def remove(views: ViewStore, view_id: int) -> None:
    """Delete a view as its owner would."""
    view = views.find(view_id)
    views.delete(view, deed(view, view.owner, "deleted", view.updated_at))
