"""A view's ``changed_when`` is tried before it is saved: it must be allowed, and give one value."""

from __future__ import annotations

from .errors import Invalid
from .model import Actor, Statement, Version
from .ports import Engine, Read, Signature
from .statements import StatementService
from .submissions import Submission

_NAME = "changed_when"
_NEVER_SEEN = Signature(name=_NAME, kind="probe", strength="coarse", entries=((_NAME, ""),))


async def try_probe(
    engine: Engine,
    statements: StatementService,
    actor: Actor,
    sql: str,
    beside: Version | Statement,
) -> None:
    """Run a probe once, in the folder of the definition that it will be asked beside.

    Raises
    ------
    BadRequest
        What the engine says of SQL that may not be run; the field is
        ``changed_when``.
    Invalid
        When it fails, or gives anything but one value.
    """
    query = beside.query
    await statements.check(
        actor,
        Submission(
            sql=query.sql,
            base_dir=query.base_dir,
            connection=query.connection,
            params=beside.params,
            frames=query.frames,
            changed_when=sql,
        ),
    )
    probe = Read(kind="probe", name=_NAME, path=query.base_dir, sql=sql)
    # Compared with an answer that it cannot give: all but a single value is "cannot be verified".
    if (await engine.compare((probe,), (_NEVER_SEEN,))).moved is None:
        raise Invalid(
            "The changed_when query does not give one value.",
            hint="Let it give one row with one column: SELECT max(day) FROM 'sales.parquet'.",
            field=_NAME,
        )
