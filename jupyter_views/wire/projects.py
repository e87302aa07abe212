"""Projects as JSON."""

from __future__ import annotations

from msgspec import Struct

from ..core.projects import Project
from .fields import Name, iso


class ProjectCreate(Struct, frozen=True, kw_only=True):
    """Body of a create."""

    name: Name


class ProjectOut(Struct, frozen=True, kw_only=True):
    """A project."""

    id: int
    name: str
    created_at: str


class ProjectList(Struct, frozen=True, kw_only=True):
    """Every project that the caller may name."""

    count: int
    next: None
    previous: None
    results: tuple[ProjectOut, ...]


def project_out(project: Project) -> ProjectOut:
    """A project as its callers see it."""
    return ProjectOut(id=project.id, name=project.name, created_at=iso(project.created_at) or "")
