"""Errors in the dialect of statements, perspectives and our own routes."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ..core.errors import ViewsError


class ErrorBody(Struct, frozen=True, kw_only=True):
    """Every error of these routes: a stable code, words that may change, facts for programs."""

    error: str
    message: str
    status: int
    reason: str | None
    details: dict[str, Any]
    request_id: str
    hint: str | UnsetType = UNSET
    line: int | UnsetType = UNSET
    column: int | UnsetType = UNSET
    suggestions: tuple[str, ...] | UnsetType = UNSET


def error_body(error: ViewsError, request_id: str) -> ErrorBody:
    """What the caller is told."""
    return ErrorBody(
        error=error.code,
        message=error.message,
        status=error.status,
        reason=error.hint,
        details=error.details,
        request_id=request_id,
        hint=error.hint if error.hint is not None else UNSET,
        line=error.line if error.line is not None else UNSET,
        column=error.column if error.column is not None else UNSET,
        suggestions=getattr(error, "suggestions", UNSET),
    )
