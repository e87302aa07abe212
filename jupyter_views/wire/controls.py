"""Parameters as a person chooses their values now: with options, bounds and values of today."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from ..core.errors import InvalidParameters
from ..core.model import View
from ..core.parameters import BOUNDED, DATES, INSTANTS, RANGES, Parameter
from ..core.values import Moment, bound_one, choosable, limit_of
from .parameters import ParameterBody, parameter_out


class ControlOut(ParameterBody, frozen=True, kw_only=True, rename="camel"):
    """One parameter, ready to be chosen.

    Attributes
    ----------
    options
        Those of a ``query-enum`` too, as its view's rows have them now.
    min, max
        Days and instants as they are meant now, ``today`` included.
    timezone
        In which instants are written here.
    value
        The view's own, in the same form; null for none.
    """

    value: Any = None


class ControlsOut(Struct, frozen=True, kw_only=True):
    """The parameters of a view in the order of its query."""

    items: tuple[ControlOut, ...]


def controls_of(view: View, moment: Moment) -> ControlsOut:
    """What there is to choose for a view.

    Parameters
    ----------
    moment
        With the options of its query-enums, as far as they can be read.
    """
    return ControlsOut(
        items=tuple(_control(each, own, moment) for each, own in _with_own_values(view))
    )


def _with_own_values(view: View) -> list[tuple[Parameter, Any]]:
    """Parameters with the view's own values; one without a declaration is taken by its value."""
    own = view.version.params
    return [
        (each, own.get(each.name, None if each.default is UNSET else each.default))
        for each in choosable(view.version)
    ]


def _control(each: Parameter, own: Any, moment: Moment) -> ControlOut:
    facts = asdict(parameter_out(each))
    facts["options"] = moment.options.get(each.name, each.options) or UNSET
    if each.type in INSTANTS:
        facts["timezone"] = each.timezone or moment.zone
    if each.type in BOUNDED:
        for side in ("min", "max"):
            limit = limit_of(each, getattr(each, side), moment)
            facts[side] = UNSET if limit is None else _here(each, limit, moment)
    return ControlOut(**facts, value=_value(each, own, moment))


def _value(each: Parameter, own: Any, moment: Moment) -> Any:
    try:
        bound = bound_one(each, own, moment)
    except InvalidParameters:
        return None  # such as an option that is gone
    shown = [_here(each, bound[name], moment) for name in each.bound_names]
    if each.type in RANGES:
        return None if shown[0] is None else {"start": shown[0], "end": shown[1]}
    return shown[0]


def _here(each: Parameter, value: Any, moment: Moment) -> Any:
    """A bound value as a field of a form holds it: an instant on the clock of its zone."""
    if each.type in DATES | INSTANTS and not isinstance(value, str):
        return value
    if each.type in INSTANTS:
        zone = ZoneInfo(each.timezone or moment.zone)
        return datetime.fromisoformat(value).astimezone(zone).replace(tzinfo=None).isoformat()
    return value
