"""The doors of a view from Python: which are open, opening one, closing one."""

from __future__ import annotations

from typing import Any

from ._sharing import Shareable


class Publishable(Shareable):
    """What the owner of a view does with its doors."""

    @property
    def doors(self) -> tuple[str, ...]:
        """The open ones of perspective, insight and endpoint."""
        return tuple(self._transport.request("GET", self._path).json()["doors"])

    def open_door(self, door: str, *, name: str | None = None) -> str:
        """Publish the view through one more door; one that is open stays as it is.

        Parameters
        ----------
        door
            ``perspective``, ``insight`` or ``endpoint``.
        name
            The slug of a perspective, or the name of an endpoint, which no
            later call changes; None for one made from the view's name.

        Returns
        -------
        str
            The address at which other programs reach the view by this door.

        Raises
        ------
        NameTaken, SlugTaken
            With free ``suggestions``.
        Invalid
            When the name has not the form of one.
        """
        said = {"slug" if door == "perspective" else "name": name} if name is not None else {}
        path = f"{self._path}/doors/{door}"
        facts = self._transport.request("POST", path, body=said).json()
        return address_of(self._transport.url, facts, door)

    def close_door(self, door: str) -> None:
        """Close a door; the others stay, and a view whose last door closes is deleted.

        Raises
        ------
        NotFound
            When it is not open.
        """
        self._transport.request("DELETE", f"{self._path}/doors/{door}")


def address_of(server: str, facts: dict[str, Any], door: str) -> str:
    """Where an open door of a view is.

    Parameters
    ----------
    server
        Its address, with a trailing slash.
    facts
        The view as ``api/views`` tells it.
    """
    if door == "endpoint":
        project, name = facts["project_id"], facts["endpoint_name"]
        return f"{server}views/api/projects/{project}/endpoints/{name}/run"
    if door == "insight":
        return f"{server}views/api/projects/{facts['project_id']}/insights/{facts['insight_id']}"
    return f"{server}views/api/v1/perspectives/{facts['slug']}/result"
