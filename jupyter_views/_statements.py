"""Statements from afar: submit one, follow it to its end, stop it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from ._transport import Transport
from .core.errors import ViewsError, from_dict

LONGEST_WAIT_SECONDS = 50
FINAL = frozenset({"SUCCESS", "FAILED", "CANCELED"})


class RefreshFailed(ViewsError):
    """A refresh, or the run of a definition, ended badly; old rows are kept.

    Attributes
    ----------
    line, column
        1-based position in the view's SQL, None when unknown.
    hint
        What to do next, None when nobody knows.
    code
        Of the failure underneath, such as ``ENGINE_ERROR`` or ``CANCELED``.
    """

    def __init__(self, cause: ViewsError) -> None:
        super().__init__(
            cause.message,
            hint=cause.hint,
            line=cause.line,
            column=cause.column,
            details=cause.details,
        )
        self.code = cause.code  # type: ignore[misc]

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.message}{where}" + (f" {self.hint}" if self.hint else "")


class StillRunning(TimeoutError):
    """The wait is over, the statement is not; it goes on on the server."""

    def __init__(self, statement_id: str, seconds: float) -> None:
        super().__init__(f"Still running after {seconds:.0f} s (statement {statement_id}).")
        self.statement_id = statement_id


def new_client_id() -> str:
    """A name for a statement that exists before the server has given it one."""
    return f"kernel-{uuid.uuid4().hex}"


def submit(
    transport: Transport, body: dict[str, Any], *, wait_seconds: int, **query: Any
) -> dict[str, Any]:
    """Submit a statement and wait a while for its end.

    Returns
    -------
    dict
        The statement; final, or not yet.
    """
    seconds = max(0, min(LONGEST_WAIT_SECONDS, wait_seconds))
    answer = transport.request(
        "POST",
        "v1/statements",
        body=body,
        params=query or None,
        headers={"Prefer": f"wait={seconds}"},
        seconds=seconds,
    )
    return answer.json()


def follow(
    transport: Transport,
    statement: dict[str, Any],
    *,
    until: float | None = None,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
    step_seconds: int = 1,
) -> dict[str, Any]:
    """Ask for a statement until it is final or the monotonic instant ``until`` has come.

    Parameters
    ----------
    on_progress
        Called with each state that is not final; about once per step.
    """
    while statement["status"] not in FINAL:
        if on_progress is not None:
            on_progress(statement)
        left = float(step_seconds) if until is None else until - time.monotonic()
        if left <= 0:
            break
        seconds = min(step_seconds, max(1, round(left)))
        asked_at = time.monotonic()
        statement = transport.request(
            "GET",
            f"v1/statements/{statement['id']}",
            headers={"Prefer": f"wait={seconds}"},
            seconds=seconds,
        ).json()
        if statement["status"] not in FINAL and time.monotonic() - asked_at < 0.2:
            # A server that does not hold the answer back must not be asked in a tight loop.
            time.sleep(min(0.2, max(0.0, left)))
    return statement


def cancel(transport: Transport, key: str) -> None:
    """Stop a statement by its id or by the client_id it was submitted with."""
    transport.request("POST", f"v1/statements/{key}/cancel")


def failure_of(statement: dict[str, Any]) -> ViewsError | None:
    """The error of a statement that ended badly, None otherwise."""
    if statement["status"] not in {"FAILED", "CANCELED"}:
        return None
    facts = statement.get("error") or {
        "code": "CANCELED",
        "message": "The statement was cancelled.",
    }
    return from_dict(facts)


def run_to_end(transport: Transport, body: dict[str, Any], wait: float) -> dict[str, Any]:
    """Submit a statement and wait to its end; raises RefreshFailed or StillRunning."""
    until = time.monotonic() + wait
    statement = submit(
        transport,
        {**body, "client_id": new_client_id()},
        wait_seconds=int(min(wait, 20)),
        retry_on_recent_failure="true",
    )
    return settled(follow(transport, statement, until=until, step_seconds=20), wait)


def settled(statement: dict[str, Any], wait: float) -> dict[str, Any]:
    """The statement once it succeeded; raises RefreshFailed or StillRunning otherwise."""
    failure = failure_of(statement)
    if failure is not None:
        raise RefreshFailed(failure)
    if statement["status"] != "SUCCESS":
        raise StillRunning(statement["id"], wait)
    return statement
