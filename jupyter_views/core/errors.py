"""Everything that can go wrong, as one tree.

ViewsError
  Invalid              422  VALIDATION                 a field is wrong; details name it
    BadSlug            422  SLUG_INVALID               suggestions
    SlugImmutable      422  SLUG_IMMUTABLE
  BadRequest           400  BAD_REQUEST                the request cannot be read
    ParseError         400  PARSE_ERROR                line, column, hint
    ManyStatements     400  MULTIPLE_STATEMENTS
    NotReadOnly        400  DATA_MANIPULATION_DETECTED
    NotAllowed         400  NOT_ALLOWED                a file or function a view may not use
    StatementNotSuccess 400 STATEMENT_NOT_SUCCESS      details.status
    StatementNoResult  400  STATEMENT_NO_RESULT
    InvalidColumns     400  INVALID_COLUMNS
    RecentFailure      400  RECENT_FAILURE             details.last_error
    MissingParameters  400  MISSING_PARAMETERS         details.parameters
    InvalidParameters  400  INVALID_PARAMETERS         details.parameters
  Unauthenticated      401  UNAUTHENTICATED
  Forbidden            403  FORBIDDEN
  NotFound             404  NOT_FOUND                  also: exists but you may not know it
  MethodNotAllowed     405  METHOD_NOT_ALLOWED
  NotAcceptable        406  NOT_ACCEPTABLE             details.supported
  Conflict             409  CONFLICT
    SlugTaken          409  SLUG_CONFLICT              suggestions, each free when sent
    NameTaken          409  NAME_CONFLICT              suggestions, each free when sent
    IdempotencyInFlight 409 IDEMPOTENCY_IN_FLIGHT
  Gone                 410  GONE                       details.rerun
  StaleWrite           412  PRECONDITION_FAILED
  TooLarge             413  PAYLOAD_TOO_LARGE
  TooMany              429  RATE_LIMITED               retry_after_seconds
  EngineFailed         502  ENGINE_ERROR               line, column, hint when known
    EngineCrashed      502  ENGINE_CRASHED
    OutOfMemory        502  OUT_OF_MEMORY
    TimedOut           504  TIMED_OUT
    Canceled           409  CANCELED
    SourceLocked       409  SOURCE_LOCKED              another process holds a database file
    Interrupted        503  INTERRUPTED                the server stopped while it ran
  Unavailable          503  UNAVAILABLE                retry_after_seconds

Raised where the fact is known, rendered once per dialect in ``wire``. A
message is one sentence that says what happened, a hint says what to type
next; neither holds SQL of another user, an absolute path, or a secret.
"""

from __future__ import annotations

from typing import Any, ClassVar


class ViewsError(Exception):
    """Root of the tree: a code that never changes and words that may.

    Parameters
    ----------
    message
        What happened, one sentence.
    hint
        What to type or press next; one sentence, or None.
    line, column
        1-based position in the user's own SQL, when known.
    details
        JSON facts for programs: names, limits, supported values.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        line: int | None = None,
        column: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.line = line
        self.column = column
        self.details = dict(details or {})

    def to_dict(self) -> dict[str, Any]:
        """The error as stored with a statement and shown by every dialect."""
        facts: dict[str, Any] = {"code": self.code, "message": self.message}
        for name in ("hint", "line", "column"):
            if (value := getattr(self, name)) is not None:
                facts[name] = value
        if self.details:
            facts["details"] = self.details
        return facts


class Invalid(ViewsError):
    """A field has the wrong type or value; ``field`` names it."""

    status, code = 422, "VALIDATION"

    def __init__(self, message: str, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        if field is not None:
            self.details["field"] = field


class BadSlug(Invalid):
    """The slug is not of the form ``lower-case-words``."""

    code = "SLUG_INVALID"

    def __init__(self, message: str, *, suggestions: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, field="slug", **facts)
        self.suggestions = suggestions


class SlugImmutable(Invalid):
    """A slug is chosen once."""

    code = "SLUG_IMMUTABLE"


class Cycle(Invalid):
    """A view would read itself, directly or through others."""

    code = "CYCLE"


class BadRequest(ViewsError):
    """The request cannot be read at all."""

    status, code = 400, "BAD_REQUEST"


class ParseError(BadRequest):
    """The SQL does not parse."""

    code = "PARSE_ERROR"


class ManyStatements(BadRequest):
    """More, or fewer, than one statement."""

    code = "MULTIPLE_STATEMENTS"


class NotReadOnly(BadRequest):
    """The statement would change something."""

    code = "DATA_MANIPULATION_DETECTED"


class NotAllowed(BadRequest):
    """A file, function or feature that a view may not use."""

    code = "NOT_ALLOWED"


class StatementNotSuccess(BadRequest):
    """The statement has not succeeded; ``details.status`` says where it stands."""

    code = "STATEMENT_NOT_SUCCESS"


class StatementNoResult(BadRequest):
    """The statement succeeded but its rows are gone."""

    code = "STATEMENT_NO_RESULT"


class InvalidColumns(BadRequest):
    """``columns=`` names something the result does not have."""

    code = "INVALID_COLUMNS"


class RecentFailure(BadRequest):
    """The same query failed a moment ago; ``details.last_error`` says how."""

    code = "RECENT_FAILURE"


class MissingParameters(BadRequest):
    """The SQL uses parameters that got no value."""

    code = "MISSING_PARAMETERS"


class InvalidParameters(BadRequest):
    """A parameter has a value of the wrong type, or is not used by the SQL."""

    code = "INVALID_PARAMETERS"


class Unauthenticated(ViewsError):
    """Nobody, or an unknown key."""

    status, code = 401, "UNAUTHENTICATED"


class Forbidden(ViewsError):
    """Known, but not allowed."""

    status, code = 403, "FORBIDDEN"


class NotFound(ViewsError):
    """Absent, or hidden from you: the two look alike."""

    status, code = 404, "NOT_FOUND"


class MethodNotAllowed(ViewsError):
    """The address exists, the verb does not."""

    status, code = 405, "METHOD_NOT_ALLOWED"


class NotAcceptable(ViewsError):
    """No offered format is wanted; ``details.supported`` lists them."""

    status, code = 406, "NOT_ACCEPTABLE"


class Conflict(ViewsError):
    """Somebody else was first."""

    status, code = 409, "CONFLICT"


class SlugTaken(Conflict):
    """The slug belongs to another view; ``suggestions`` are free."""

    code = "SLUG_CONFLICT"

    def __init__(self, message: str, *, suggestions: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.suggestions = suggestions


class NameTaken(Conflict):
    """Another endpoint of the project has the name; ``suggestions`` are free."""

    code = "NAME_CONFLICT"

    def __init__(self, message: str, *, suggestions: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.details["field"] = "name"
        self.suggestions = suggestions


class IdempotencyInFlight(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "IDEMPOTENCY_IN_FLIGHT"


class Gone(ViewsError):
    """The rows were kept for their time and are gone, or their file is damaged."""

    status, code = 410, "GONE"


class StaleWrite(ViewsError):
    """``If-Match`` names an older state."""

    status, code = 412, "PRECONDITION_FAILED"


class TooLarge(ViewsError):
    """The body passes its limit."""

    status, code = 413, "PAYLOAD_TOO_LARGE"


class _Retryable(ViewsError):
    def __init__(self, message: str, *, retry_after_seconds: int = 1, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after_seconds = retry_after_seconds


class TooMany(_Retryable):
    """Too many requests, or too many statements in the queue."""

    status, code = 429, "RATE_LIMITED"


class EngineFailed(ViewsError):
    """The engine refused or failed to run the SQL."""

    status, code = 502, "ENGINE_ERROR"


class EngineCrashed(EngineFailed):
    """The engine's process died."""

    code = "ENGINE_CRASHED"


class OutOfMemory(EngineFailed):
    """The query wanted more memory than it may have."""

    code = "OUT_OF_MEMORY"


class TimedOut(EngineFailed):
    """The query ran into its time limit."""

    status, code = 504, "TIMED_OUT"


class Canceled(EngineFailed):
    """Somebody who may cancel did."""

    status, code = 409, "CANCELED"


class UpstreamFailed(EngineFailed):
    """A view that the query reads could not be refreshed first.

    Attributes
    ----------
    until
        When that view is tried again; 0 where that is not known.
    """

    status, code = 409, "UPSTREAM_FAILED"

    def __init__(self, message: str, *, until: int = 0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.until = until


class SourceLocked(EngineFailed):
    """Another process holds a database file; ``details.source`` names it."""

    status, code = 409, "SOURCE_LOCKED"


class Interrupted(EngineFailed):
    """The server stopped while the statement ran."""

    status, code = 503, "INTERRUPTED"


class Unavailable(_Retryable):
    """The store or the engine is not ready."""

    status, code = 503, "UNAVAILABLE"


def _tree(root: type[ViewsError]) -> dict[str, type[ViewsError]]:
    found = {} if root.__name__.startswith("_") else {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


BY_CODE: dict[str, type[ViewsError]] = _tree(ViewsError)


def from_dict(facts: dict[str, Any]) -> ViewsError:
    """The error that :meth:`ViewsError.to_dict` wrote; an unknown code becomes EngineFailed."""
    kind = BY_CODE.get(facts.get("code", ""), EngineFailed)
    return kind(
        facts.get("message", "The engine failed."),
        hint=facts.get("hint"),
        line=facts.get("line"),
        column=facts.get("column"),
        details=facts.get("details"),
    )
