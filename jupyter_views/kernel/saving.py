"""``%%perspective``: run the cell's SQL on the server, keep it as a view, show it.

Nothing is kept that has not run once, and nothing is run under a name that
belongs to somebody else.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from .. import _statements, _transport
from .._arrow import convert
from .._output import Card, plain
from .._rule import VERIFYING
from .._view import path_of
from ..core.errors import Forbidden, NotFound, SlugTaken, StaleWrite, ViewsError
from . import frames, output, params, publishing
from .context import Session
from .errors import KEPT, NOTHING_SAVED, Cancelled, MagicError, from_views_error
from .explaining import changed_elsewhere, for_the_cell
from .grammar import BadLine, Line
from .noting import links, notes_of
from .rules import rule_fields
from .running import Live, finish, refresh
from .shown import ShownView

WAIT_SECONDS = 1


@dataclass(frozen=True)
class Known:
    """The view as it stood when the cell began, and the tag of that state."""

    facts: dict[str, Any]
    etag: str | None


@dataclass(frozen=True)
class Wish:
    """What the cell asks for, checked before anything is sent.

    Attributes
    ----------
    draft
        Body of the statement: sql, base_dir, and what was given of
        connection, parameters and params.
    facts
        Fields of the perspective that were given as options.
    endpoint
        The name of the endpoint to open, True for one made from the view's
        name, None for no endpoint.
    """

    name: str
    slug: str
    draft: dict[str, Any]
    facts: dict[str, Any]
    into: str | None
    kind: str
    rows: int
    is_dry_run: bool
    endpoint: str | bool | None = None


def read_wish(line: Line, cell: str, folder: str) -> Wish:
    """Turn a read line and the cell's body into a wish.

    Raises
    ------
    BadLine
        For what could only fail later.
    """
    from ..core.names import slug_from

    name = line.name.strip()
    if not name:
        raise BadLine("A view needs a name.", "%%perspective Daily active users")
    sql = cell.rstrip()
    if not sql.strip():
        raise BadLine("The cell holds no SQL.", "Put one SELECT below the first line.")
    slug = slug_from(name)
    draft: dict[str, Any] = {"sql": sql, "base_dir": folder}
    declared = [params.parse_param(text) for text in line["param"] or ()]
    values = params.given_values(declared, line["value"] or ())
    params.require_values(declared, values)
    if declared:
        draft["parameters"] = declared
    if values:
        draft["params"] = values
    if line["conn"]:
        draft["connection"] = line["conn"]
    into, kind = _variable(line)
    return Wish(
        name,
        slug,
        draft,
        _fields(line),
        into,
        kind,
        20 if line["rows"] is None else min(20, line["rows"]),
        bool(line["dry_run"]),
        publishing.checked(line["endpoint"]),
    )


def _fields(line: Line) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for option, field in (
        ("name", "name"),
        ("desc", "description"),
        ("tag", "tags"),
        ("auto", "auto_refresh"),
        ("note", "note"),
    ):
        if line[option] is not None:
            facts[field] = line[option]
    who = line["who"]
    if who is not None:
        people = [name.strip() for name in who.split(",") if name.strip()]
        if not people:
            raise BadLine("--who needs me, team, or names.", "--who ana,ben")
        facts["is_public"] = people == ["team"]
        facts["allowed_user_ids"] = [] if people in (["team"], ["me"]) else people
    return facts | rule_fields(line)


def _variable(line: Line) -> tuple[str | None, str]:
    into, kind = line["into"], line["as"]
    if into is not None and (not into.isidentifier() or keyword.iskeyword(into)):
        raise BadLine(f"{into!r} is no name for a variable.", "--into df")
    if kind and not into:
        raise BadLine("--as needs --into.", f"--into df --as {kind}")
    for library in ("pandas", "polars"):
        if kind == library and find_spec(library) is None:
            raise BadLine(f"{library} is not installed in this kernel.", f"%pip install {library}")
    return into, kind or ("pandas" if find_spec("pandas") else "arrow")


def save(session: Session, wish: Wish) -> ShownView | None:
    """Carry out the wish; None after a dry run.

    Raises
    ------
    MagicError
        With the outcome in its last line.
    """
    known = _known(session, wish)
    outcome = NOTHING_SAVED if known is None else KEPT
    live = Live(session, (known.facts if known else wish.facts).get("name") or wish.name)
    sql = wish.draft["sql"]
    try:
        return _save(session, wish, known, live, outcome)
    except StaleWrite as error:
        raise changed_elsewhere(session, wish.slug, error) from None
    except SlugTaken as error:
        if _is_mine(session, wish):
            raise changed_elsewhere(session, wish.slug, error) from None
        raise from_views_error(error, outcome=NOTHING_SAVED) from None
    except ViewsError as error:
        error = for_the_cell(error, wish.draft, session)
        raise from_views_error(error, sql=sql, outcome=outcome) from None
    except KeyboardInterrupt:
        # Not while the statement ran, which has its own words: while something was sent.
        raise Cancelled("Interrupted.", f"%perspective {wish.slug} shows what is saved.") from None
    except _transport.NoAnswer as error:
        raise MagicError(
            str(error), f"%perspective {wish.slug} shows whether it was saved.", cause=error
        ) from None


def _save(
    session: Session, wish: Wish, known: Known | None, live: Live, outcome: str
) -> ShownView | None:
    transport = session.views._transport
    facts = known.facts if known else {}
    draft = _as_known(wish, facts)
    if wish.is_dry_run:
        _show_plan(session, wish, draft, live)
        return None
    bound = frames.bind(transport, draft, session.shell.user_ns)
    if bound:
        draft["frames"] = bound
    if known is not None and _is_same(facts, draft, session.bound.get(wish.slug, {})):
        ended = refresh(transport, live, wish.slug, outcome=outcome)
        changed = {key: value for key, value in wish.facts.items() if facts.get(key) != value}
        changed.pop("note", None)
        detail = _put(session, known, changed) if changed else _get(session, wish.slug).facts
    else:
        ended = finish(
            transport,
            live,
            lambda key: _statements.submit(
                transport,
                {**draft, "client_id": key},
                wait_seconds=WAIT_SECONDS,
                retry_on_recent_failure="true",
            ),
            outcome=outcome,
        )
        changed = {**wish.facts, "statement_id": ended["id"]}
        detail = _put(session, known, changed) if known else _post(session, wish, changed)
    session.bound[wish.slug] = bound
    said = publishing.publish(session, wish.endpoint, detail)
    return _show(session, wish, facts or None, detail, ended, live, said)


def _as_known(wish: Wish, known: dict[str, Any]) -> dict[str, Any]:
    """The draft with what only the view says: how to verify sources, what parameters are called."""
    rule = {name: wish.facts.get(name, known.get(name)) for name in VERIFYING}
    draft = {**wish.draft, **{name: value for name, value in rule.items() if value}}
    if "parameters" in draft:
        before = known.get("parameters") or ()
        draft["parameters"] = params.with_known(draft["parameters"], before)
    return draft


def _known(session: Session, wish: Wish) -> Known | None:
    """The view as it stands; None when the slug is free. Raises when it is somebody else's."""
    try:
        known = _get(session, wish.slug)
    except NotFound:
        return None
    except Forbidden:
        raise _taken(session, wish.slug, "somebody else") from None
    if not _is_owned(known.facts):
        raise _taken(session, wish.slug, str(known.facts.get("owner")))
    return known


def _is_owned(facts: dict[str, Any]) -> bool:
    # Whom a view is shared with, only its owner is told.
    return facts.get("allowed_user_ids") is not None


def _is_mine(session: Session, wish: Wish) -> bool:
    """Whether a slug that was free a moment ago was taken by this person, in another tab."""
    try:
        return _is_owned(_get(session, wish.slug).facts)
    except (ViewsError, ConnectionError):
        return False


def _taken(session: Session, slug: str, owner: str) -> MagicError:
    from datetime import date

    from ..core.names import suggest_slugs

    transport = session.views._transport

    def is_free(candidate: str) -> bool:
        return transport.request("HEAD", path_of(candidate)).status_code == 404

    free = suggest_slugs(slug, _user(session), f"{date.today():%Y-%m}", is_free)
    return MagicError(
        plain(f"{slug} belongs to {owner}."), f"Free now: {', '.join(free)}.", NOTHING_SAVED
    )


def _user(session: Session) -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "mine"


def _is_same(known: dict[str, Any], draft: dict[str, Any], bound: dict[str, str]) -> bool:
    """Whether a refresh does; in doubt no, for the server numbers only real changes.

    Parameters
    ----------
    bound
        Frames that this kernel bound to the view last.
    """
    return (
        str(known.get("sql_query", "")).strip() == draft["sql"].strip()
        and (known.get("params") or {}) == draft.get("params", {})
        and list(map(params.told, known.get("parameters") or ()))
        == list(map(params.told, draft.get("parameters", ())))
        and bound == draft.get("frames", {})
        and known.get("gateway", "local") == draft.get("connection", "local")
        and all((known.get(name) or None) == draft.get(name) for name in VERIFYING)
    )


def _get(session: Session, slug: str) -> Known:
    answer = session.views._transport.request("GET", path_of(slug))
    return Known(answer.json(), answer.headers.get("ETag"))


def _put(session: Session, known: Known, facts: dict[str, Any]) -> dict[str, Any]:
    """Write over the state that was read; StaleWrite when somebody was quicker."""
    headers = {"If-Match": known.etag} if known.etag else {}
    path = path_of(known.facts["slug"])
    return session.views._transport.request("PUT", path, body=facts, headers=headers).json()


def _post(session: Session, wish: Wish, facts: dict[str, Any]) -> dict[str, Any]:
    doors = ["perspective", "insight"]
    body = {"name": wish.name, "slug": wish.slug, "doors": doors, **facts}
    return session.views._transport.request("POST", "v1/perspectives", body=body).json()


def _show_plan(session: Session, wish: Wish, draft: dict[str, Any], live: Live) -> None:
    plan = session.views._transport.request(
        "POST", "v1/statements", body=draft, params={"dry_run": "true"}
    ).json()
    own = [
        read["name"]
        for read in plan.get("reads", ())
        if frames._variable(read["name"], session.shell.user_ns)
    ]
    words = params.words_of(draft.get("parameters") or ())
    live.show(output.note(output.plan_words(wish.name, plan, own, words)))


def _show(
    session: Session,
    wish: Wish,
    known: dict[str, Any] | None,
    detail: dict[str, Any],
    ended: dict[str, Any],
    live: Live,
    said: publishing.Published,
) -> ShownView:
    notes = notes_of(wish, known, {**detail, "volatile": ended.get("volatile")})
    view = ShownView(session, detail)
    window = view.window(wish.rows) if wish.rows else None
    if wish.into:
        session.shell.user_ns[wish.into] = convert(view.arrow(), wish.kind)
    is_new = ended.get("strategy") == "execute"
    seconds = (ended.get("execution_duration_ms") or 0) / 1000 if is_new else None
    live.show(
        output.bundle_of(
            Card(
                facts=detail,
                window=window,
                seconds=seconds,
                most_rows=wish.rows,
                notes=(*notes, *said.notes),
                command=said.command,
                links=links(session, detail["slug"]),
            )
        )
    )
    if window is not None:
        session.remember(detail, window)
    view.mark_shown()
    return view
