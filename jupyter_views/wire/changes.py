"""What people say about a view on any door: words, access, and when its rows are stale."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import asdict, replace

from ..core.model import Rule, View
from ..core.requests import ViewChange
from ..core.schedules import parse
from .fields import Name, People, Sql, Tags, Text

_LONGEST_SECONDS = 2**31 - 1
_ANY_SCHEDULE = "1d"
_RULE_FIELDS = frozenset(Rule.__struct_fields__)

Seconds = Annotated[int, Meta(ge=0, le=_LONGEST_SECONDS)]
Age = Annotated[int, Meta(ge=1, le=_LONGEST_SECONDS)]
Schedule = Annotated[str, Meta(min_length=1, max_length=200)]
Timezone = Annotated[str, Meta(min_length=1, max_length=100)]
Columns = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=1000)], ...],
    Meta(min_length=1, max_length=100),
]


class RuleFields(Struct, frozen=True, kw_only=True):
    """The freshness rule in a request: what is absent stays, null clears."""

    age_seconds: Age | UnsetType | None = UNSET
    schedule: Schedule | UnsetType | None = UNSET
    timezone: Timezone | UnsetType = UNSET
    max_staleness_seconds: Seconds | UnsetType | None = UNSET
    changed_when: Sql | UnsetType | None = UNSET
    is_strict: bool | UnsetType = field(default=UNSET, name="strict")
    key: Columns | UnsetType | None = UNSET


class ViewUpdate(RuleFields, frozen=True, kw_only=True):
    """Body of an update: what is absent stays, null clears the description and rule fields."""

    name: Name | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    folder: Name | UnsetType | None = UNSET
    favorited: bool | UnsetType = UNSET
    auto_refresh: bool | UnsetType = UNSET
    is_public: bool | UnsetType = UNSET
    allowed_user_ids: People | UnsetType = UNSET


_WORDS = frozenset(ViewUpdate.__struct_fields__) - _RULE_FIELDS - {"favorited"}


def given(body: Struct) -> dict[str, Any]:
    """What a request says, by field name."""
    return {name: value for name, value in asdict(body).items() if value is not UNSET}


def rule_from(body: RuleFields, rule: Rule) -> Rule:
    """The rule with what a request says of it; may look at the disk for a time zone.

    Raises
    ------
    Invalid
        When the schedule or the time zone is none; it names the field.
    """
    said = given(body)
    made = replace(rule, **{name: said[name] for name in said.keys() & _RULE_FIELDS})
    if said.keys() & {"schedule", "timezone"}:
        # A time zone is judged also while no schedule uses it.
        parse(made.schedule or _ANY_SCHEDULE, made.timezone)
    return made


def view_change(body: ViewUpdate, view: View) -> ViewChange:
    """An update in the core's words."""
    said = given(body)
    rule_from(body, view.rule)  # what cannot be kept is refused here
    return ViewChange(
        fields={name: said[name] for name in said.keys() & _WORDS},
        rule={name: said[name] for name in said.keys() & _RULE_FIELDS},
        insight={name: said[name] for name in said.keys() & {"favorited"}},
    )
