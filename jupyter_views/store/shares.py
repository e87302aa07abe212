"""Rows of links, of their passwords and of who opened them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    RowMapping,
    and_,
    delete,
    exc,
    func,
    insert,
    or_,
    select,
    update,
)

from ..core.activity import Activity, Scope
from ..core.errors import Conflict
from ..core.links import LinkSettings, Share, SharePassword, Visit
from ..core.model import Instant, Page
from ..core.names import new_id
from .activities import record
from .database import Database, Memo
from .rows import plain
from .tables import dashboards, insights, share_passwords, share_visits, shares, viewings

REFUSED = "refused"
_COLUMNS = {"view": shares.c.view_id, "dashboard": shares.c.dashboard_id}
_VISITS_KEPT = 1000
_NOT_OPENED = (REFUSED, "unlocked")


class ShareStore:
    """Links on disk; of each view and dashboard at most one that is shown."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_hash: Memo[Share] = Memo(database)

    def known(self, token_hash: str) -> Share | None:
        """The link with this hash, if it is remembered and still true; takes microseconds."""
        return self._by_hash.get(token_hash)

    def find(self, token_hash: str) -> Share | None:
        """The link whose token has this hash, open or not; None where its object is deleted.

        A view is shared as an insight, and no longer is when it is none.
        """
        version = self._database.version()
        with self._database.read() as connection:
            found = _loaded(connection, shares.c.token_hash == token_hash)
        if found is not None:
            self._by_hash.put(token_hash, found, version)
        return found

    def shown(self, scope: Scope, item_id: int) -> Share | None:
        """The link of an object that its owner is shown."""
        with self._database.read() as connection:
            return _loaded(connection, and_(_of(scope, item_id), shares.c.replaced_until.is_(None)))

    def old_until(self, scope: Scope, item_id: int, at: Instant) -> Instant | None:
        """Until when the newest replaced link of an object still answers."""
        with self._database.read() as connection:
            return connection.execute(
                select(func.max(shares.c.replaced_until)).where(
                    _of(scope, item_id), shares.c.enabled, shares.c.replaced_until > at
                )
            ).scalar_one()

    def create(self, share: Share, activities: Iterable[Activity]) -> None:
        """Write a first link.

        Raises
        ------
        Conflict
            If the object has one by now.
        """
        try:
            with self._database.write() as connection:
                _insert(connection, share)
                _record(connection, activities)
        except exc.IntegrityError as error:
            raise Conflict(
                "Somebody shared it at the same moment.", hint="Read it again."
            ) from error

    def change(
        self, share: Share, values: dict[str, Any], at: Instant, activities: Iterable[Activity]
    ) -> None:
        """Change a link, and with it the one that it replaced a moment ago."""
        with self._database.write() as connection:
            connection.execute(update(shares).where(_live(share, at)).values(**plain(values)))
            _record(connection, activities)

    def rotate(self, old: Share, new: Share, until: Instant, activity: Activity) -> None:
        """Put a link in another's place, with its passwords.

        Raises
        ------
        Conflict
            If somebody replaced it first.
        """
        with self._database.write() as connection:
            moved = connection.execute(
                update(shares)
                .where(shares.c.id == old.id, shares.c.replaced_until.is_(None))
                .values(replaced_until=until)
            )
            if not moved.rowcount:
                raise Conflict("The link was replaced at the same moment.", hint="Read it again.")
            _insert(connection, new)
            copied = connection.execute(
                select(share_passwords).where(
                    share_passwords.c.share_id == old.id, share_passwords.c.is_active
                )
            ).mappings()
            rows = [dict(row) | {"id": new_id("pass"), "share_id": new.id} for row in copied]
            if rows:
                connection.execute(insert(share_passwords), rows)
            record(connection, activity)

    def revoke(self, share: Share, at: Instant, activity: Activity) -> None:
        """End a link for good, and the one that it replaced a moment ago."""
        with self._database.write() as connection:
            connection.execute(
                update(shares).where(_live(share, at)).values(enabled=False, replaced_until=at)
            )
            record(connection, activity)

    def add_password(
        self, share_id: str, password: SharePassword, password_hash: str, activity: Activity
    ) -> None:
        """Add a password to a link."""
        with self._database.write() as connection:
            connection.execute(
                insert(share_passwords).values(
                    **plain(password),
                    share_id=share_id,
                    password_hash=password_hash,
                    is_active=True,
                )
            )
            record(connection, activity)

    def remove_password(self, share: Share, password_id: str, activity: Activity) -> bool:
        """End a password here and on the links that this one replaced; False if there is none."""
        own = share_passwords.c
        wanted = and_(own.id == password_id, own.share_id == share.id, own.is_active)
        with self._database.write() as connection:
            found = connection.scalar(select(own.password_hash).where(wanted))
            if found is None:
                return False
            # A copy that came with a rotation has the same salted hash.
            family = select(shares.c.id).where(_of(share.scope, share.item_id))
            connection.execute(
                update(share_passwords)
                .where(own.share_id.in_(family), own.password_hash == found)
                .values(is_active=False)
            )
            record(connection, activity)
        return True

    def hashes(self, share_id: str) -> list[tuple[SharePassword, str]]:
        """The active passwords of a link with their hashes, newest first."""
        with self._database.read() as connection:
            return [(_password(row), row["password_hash"]) for row in _active(connection, share_id)]

    def refusals(self, share_id: str, since: Instant, limit: int) -> list[tuple[str, Instant]]:
        """(address, instant) of the newest wrong passwords of a link, newest first."""
        own = share_visits.c
        with self._database.read() as connection:
            found = connection.execute(
                select(own.address, own.at)
                .where(own.share_id == share_id, own.at > since, own.kind == REFUSED)
                .order_by(own.at.desc())
                .limit(limit)
            )
            return [(row.address, row.at) for row in found]

    def note_attempt(self, visit: Visit, activity: Activity) -> None:
        """Write down that somebody tried a password."""
        with self._database.write() as connection:
            connection.execute(insert(share_visits).values(**_plain_visit(visit)))
            record(connection, activity)

    def write_visits(self, visits: tuple[Visit, ...]) -> None:
        """Add lines to the access logs, count them, and note the viewing of those views."""
        last = {visit.share_id: visit.at for visit in visits}
        with self._database.write() as connection:
            there = dict(
                connection.execute(
                    select(shares.c.id, shares.c.view_id).where(shares.c.id.in_(last))
                ).all()
            )
            lines = [_plain_visit(visit) for visit in visits if visit.share_id in there]
            if not lines:
                return
            connection.execute(insert(share_visits), lines)
            for share_id, count in Counter(line["share_id"] for line in lines).items():
                connection.execute(
                    update(shares)
                    .where(shares.c.id == share_id)
                    .values(
                        opened_count=shares.c.opened_count + count, last_opened_at=last[share_id]
                    )
                )
                if there[share_id] is not None:
                    _note_viewing(connection, there[share_id], last[share_id])

    def visits(self, scope: Scope, item_id: int, limit: int, offset: int) -> Page:
        """Who opened the links of an object, newest first; those of ended links too."""
        joined = share_visits.join(shares, shares.c.id == share_visits.c.share_id)
        condition = _of(scope, item_id)
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(joined).where(condition)
            ).scalar_one()
            found = connection.execute(
                select(share_visits, shares.c.hint)
                .select_from(joined)
                .where(condition)
                .order_by(share_visits.c.at.desc(), share_visits.c.id.desc())
                .limit(limit)
                .offset(offset)
            ).mappings()
            items = tuple(
                Visit(
                    share_id=row["share_id"],
                    kind=row["kind"],
                    address=row["address"],
                    at=row["at"],
                    hint=row["hint"],
                )
                for row in found
            )
        return Page(items, total)

    def trim(self, before: Instant) -> None:
        """Forget visits and ended links of before, and of each link all but the newest visits."""
        numbered = select(
            share_visits.c.id,
            func.row_number()
            .over(partition_by=share_visits.c.share_id, order_by=share_visits.c.id.desc())
            .label("n"),
        ).subquery()
        with self._database.write() as connection:
            connection.execute(delete(share_visits).where(share_visits.c.at < before))
            connection.execute(
                delete(share_visits).where(
                    share_visits.c.id.in_(select(numbered.c.id).where(numbered.c.n > _VISITS_KEPT))
                )
            )
            connection.execute(delete(shares).where(shares.c.replaced_until < before))


def _of(scope: Scope, item_id: int) -> Any:
    return _COLUMNS[scope] == item_id


def _live(share: Share, at: Instant) -> Any:
    """The link that is shown and those that it replaced and that still answer."""
    until = shares.c.replaced_until
    return and_(_of(share.scope, share.item_id), or_(until.is_(None), until > at))


def _loaded(connection: Connection, condition: Any) -> Share | None:
    row = (
        connection.execute(
            select(shares)
            .outerjoin(insights, insights.c.view_id == shares.c.view_id)
            .outerjoin(dashboards, dashboards.c.id == shares.c.dashboard_id)
            .where(
                condition,
                or_(insights.c.deleted.is_(False), dashboards.c.deleted.is_(False)),
            )
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    passwords = tuple(map(_password, _active(connection, row["id"])))
    cells = dict(row)
    view_id, dashboard_id = cells.pop("view_id"), cells.pop("dashboard_id")
    return Share(
        **cells
        | {
            "scope": "view" if dashboard_id is None else "dashboard",
            "item_id": view_id if dashboard_id is None else dashboard_id,
            "settings": msgspec.convert(row["settings"], LinkSettings | None),
            "passwords": passwords,
        }
    )


def _active(connection: Connection, share_id: str) -> Iterable[RowMapping]:
    own = share_passwords.c
    return connection.execute(
        select(share_passwords)
        .where(own.share_id == share_id, own.is_active)
        .order_by(own.created_at.desc(), own.id.desc())
    ).mappings()


def _password(row: RowMapping) -> SharePassword:
    names = SharePassword.__struct_fields__
    return SharePassword(**{name: row[name] for name in names})


def _insert(connection: Connection, share: Share) -> None:
    cells = plain(share)
    for not_a_column in ("scope", "item_id", "passwords"):
        del cells[not_a_column]
    cells[_COLUMNS[share.scope].name] = share.item_id
    connection.execute(insert(shares).values(**cells))


def _record(connection: Connection, activities: Iterable[Activity]) -> None:
    for activity in activities:
        record(connection, activity)


def _plain_visit(visit: Visit) -> dict[str, Any]:
    cells = plain(visit)
    del cells["hint"]
    return cells


def _note_viewing(connection: Connection, view_id: int, at: Instant) -> None:
    mine = and_(viewings.c.view_id == view_id, viewings.c.person == "")
    if not connection.execute(update(viewings).where(mine).values(at=at)).rowcount:
        connection.execute(insert(viewings).values(view_id=view_id, person="", at=at))
