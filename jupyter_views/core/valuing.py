"""Values of parameters as of now: in the server's time zone, with the options of the moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .errors import BadRequest
from .model import View
from .parameters import Parameter
from .ports import Clock
from .values import Moment, Options, bound_values

Offered = Callable[[str, str], Awaitable[tuple[str, ...]]]
"""What a person may choose among: the first column of the view with this slug."""


class Valuer:
    """Binds values of parameters.

    Parameters
    ----------
    zone
        IANA name of the server's time zone, for parameters without one.
    offered
        Gives the options of a ``query-enum``.
    """

    def __init__(self, *, clock: Clock, zone: str, offered: Offered) -> None:
        self._clock = clock
        self._zone = zone
        self._offered = offered

    def moment(self, options: Options | None = None) -> Moment:
        """Now, here."""
        return Moment(now=self._clock.now(), zone=self._zone, options=options or {})

    async def moment_of(self, view: View) -> Moment:
        """Now, with what the view's parameters offer its owner."""
        return self.moment(await self.options(view.version.query.declared, view.owner))

    async def options(self, declared: tuple[Parameter, ...], person: str) -> Options:
        """What the query-enums offer a person now.

        Raises
        ------
        ViewsError
            When a view that offers them cannot be read, or has no rows.
        """
        slugs = {each.options_from for each in declared} - {None}
        lists = {slug: await self._offered(person, slug) for slug in slugs if slug is not None}
        return {
            each.name: lists[each.options_from]
            for each in declared
            if each.options_from is not None
        }

    async def bound(
        self, declared: tuple[Parameter, ...], given: Mapping[str, Any], person: str
    ) -> dict[str, Any] | None:
        """What is bound for these values, see :func:`~.values.bound_values`.

        None for a query that declares nothing: its values are bound as they are.
        """
        if not declared:
            return None
        moment = self.moment(await self.options(declared, person))
        return bound_values(declared, given, moment)

    def moved(self, view: View) -> tuple[str, ...]:
        """Names of the parameters for which the view's own values mean something else by now.

        ``today`` does so every day.
        """
        current, declared = view.current, view.version.query.declared
        if current.bound is None or current.params != view.version.params:
            return ()
        try:
            now = bound_values(declared, view.version.params, self.moment())
        except BadRequest:
            return ()  # nothing can be computed with them anyway
        return tuple(
            each.name
            for each in declared
            if any(now.get(name) != current.bound.get(name) for name in each.bound_names)
        )
