"""Rows of projects."""

from __future__ import annotations

from sqlalchemy import insert, select

from ..core.model import Instant
from ..core.projects import Project
from .database import Database
from .tables import projects


class ProjectStore:
    """Projects on disk; none is ever deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, at: Instant, by: str) -> Project:
        """Write a new project."""
        with self._database.write() as connection:
            made = connection.execute(
                insert(projects).values(name=name, created_at=at, created_by=by)
            ).inserted_primary_key
            return Project(id=made[0], name=name, created_at=at, created_by=by)

    def find(self, project_id: int) -> Project | None:
        """The project with this number."""
        with self._database.read() as connection:
            row = connection.execute(select(projects).where(projects.c.id == project_id)).first()
            return Project(**row._mapping) if row else None

    def list(self) -> list[Project]:
        """Every project, oldest first."""
        with self._database.read() as connection:
            found = connection.execute(select(projects).order_by(projects.c.id)).mappings()
            return [Project(**row) for row in found]
