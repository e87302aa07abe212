"""What the server knows of itself, for whoever runs it."""

from __future__ import annotations

from ..core.errors import Forbidden
from ..wire.doctor import ServerFacts
from .base import ViewsHandler
from .operations import route


class DoctorHandler(ViewsHandler):
    """``api/doctor``."""

    @route("read", "statement:read", "What the server knows of itself", answer=ServerFacts)
    async def get(self) -> None:
        """For ``jupyter views doctor``; only for the person who runs the server."""
        if self.actor.name != self.services.local_person:
            raise Forbidden(
                "Only the person who runs this server may ask how it is set up.",
                hint="Ask them to type: jupyter views doctor",
            )
        self.send(await self.services.run_in_thread(self.services.facts))

    head = get
