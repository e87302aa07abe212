"""What the doors of a view share: how it is tagged, and what is tried before it is changed."""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec
from msgspec import Struct

from ..core.model import Statement, Version, View
from ..core.probing import try_probe
from ..core.reading import Reading
from ..core.requests import ViewChange
from ..core.variants import Overrides
from ..wire.overrides import Surroundings, surroundings_of
from .base import ViewsHandler


class Revised(Protocol):
    """A view or a dashboard: what people change, and how often they did."""

    @property
    def revision(self) -> int:
        """How often."""
        ...


def object_tag(key: str, revised: Revised, told: Struct) -> str:
    """The tag of an object: what people changed before the dot, all that a reader is told after.

    ``If-Match`` looks at the first part alone, so that a refresh never defeats
    a conditional write; ``If-None-Match`` looks at the whole.
    """
    digest = hashlib.sha256(msgspec.json.encode(told)).hexdigest()
    return f"{key}-{revised.revision}.{digest[:16]}"


async def change_view(
    handler: ViewsHandler, view: View, change: ViewChange, if_match: int | None
) -> Reading:
    """Change a view and look at it; a new probe is tried before."""
    probe = change.rule.get("changed_when")
    if probe != view.rule.changed_when:
        await try_rule(handler, probe, change.statement_id or view.version)
    services = handler.services
    changed = await services.views.change(handler.actor, view, change, if_match=if_match)
    return await services.reading.look(changed)


async def surroundings(
    handler: ViewsHandler, view: View, from_dashboard: int | None, own: Overrides | None = None
) -> Surroundings:
    """From which dashboard a view is read, and with which values of the reader's own."""
    services = handler.services
    found = None
    if from_dashboard is not None:
        found = await services.dashboards.beneath(handler.actor, view, from_dashboard)
    return surroundings_of(view, found, own or Overrides(), services.clock.now())


async def try_rule(handler: ViewsHandler, probe: str | None, definition: Version | str) -> None:
    """Try the probe of a rule, if there is one, in the folder of a definition.

    Parameters
    ----------
    definition
        A version, or the id of a statement that one will be made of.
    """
    if probe is None:
        return
    services, actor = handler.services, handler.actor
    beside: Version | Statement
    if isinstance(definition, Version):
        beside = definition
    else:
        beside, _ = await services.statements.get(actor, definition)
    await try_probe(services.engine, services.statements, actor, probe, beside)
