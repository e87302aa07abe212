"""Errors and pages in the dialect of insights, sharing, dashboards and endpoints."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..core import errors
from ..core.errors import ViewsError


class ErrorOut(Struct, frozen=True, kw_only=True):
    """Every error of these routes; ``attr`` names the field at fault."""

    type: str
    code: str
    detail: str
    attr: str | None


class BareError(Struct, frozen=True, kw_only=True):
    """What a few of these routes answer instead: one sentence."""

    error: str


class OffsetPage(Struct, frozen=True, kw_only=True):
    """A list by offset; ``next`` and ``previous`` are whole addresses or null."""

    count: int
    next: str | None
    previous: str | None
    results: tuple[Any, ...]


def error_out(error: ViewsError) -> ErrorOut:
    """What the caller is told."""
    kind, code = _words(error)
    return ErrorOut(type=kind, code=code, detail=_detail(error), attr=error.details.get("field"))


def status_of(error: ViewsError) -> int:
    """The status of an error here: what cannot be taken, or cannot be run, is 400."""
    kinds = errors.Invalid | errors.NameTaken
    is_callers = type(error) is errors.EngineFailed or isinstance(error, kinds)
    return 400 if is_callers else error.status


def _detail(error: ViewsError) -> str:
    match error:
        case errors.NotFound():
            return "Not found."
        case errors.Unauthenticated() if error.hint is not None:
            return "Authentication credentials were not provided."
    return error.message if error.hint is None else f"{error.message} {error.hint}"


def _words(error: ViewsError) -> tuple[str, str]:
    """The page's words for kind and code."""
    match error:
        case errors.Invalid() | errors.NameTaken():
            return "validation_error", error.details.get("code", "invalid_input")
        case errors.Unauthenticated():
            # Without a hint there were credentials, and they were refused.
            is_absent = error.hint is not None
            return "authentication_error", (
                "not_authenticated" if is_absent else "authentication_failed"
            )
        case errors.Forbidden():
            return "authentication_error", "permission_denied"
        case errors.NotFound():
            return "invalid_request", "not_found"
        case errors.MethodNotAllowed():
            return "invalid_request", "method_not_allowed"
        case errors.TooMany():
            return "throttled_error", "throttled"
    if error.status >= 500 and not isinstance(error, errors.EngineFailed):
        return "server_error", error.code.lower()
    return "validation_error", error.code.lower()
