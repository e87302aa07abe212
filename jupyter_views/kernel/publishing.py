"""``--endpoint``: a view of a cell as an address that programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._output import plain
from .._publishing import address_of
from ..core.errors import Invalid, NameTaken
from .errors import MagicError
from .grammar import BadLine

if TYPE_CHECKING:
    from .context import Session


class Published(NamedTuple):
    """What is said of an endpoint: sentences, and the command that runs it; or nothing."""

    notes: tuple[str, ...] = ()
    command: str = ""


_KEPT = "The view is saved; it has no endpoint yet."


def checked(endpoint: str | bool | None) -> str | bool | None:
    """What ``--endpoint`` says, or BadLine before anything is run.

    Parameters
    ----------
    endpoint
        A name, True for one made from the view's, None where it is absent.
    """
    if isinstance(endpoint, str):
        from ..core.names import checked_endpoint_name, endpoint_name_from

        try:
            checked_endpoint_name(endpoint)
        except Invalid as error:
            raise BadLine(error.message, f"--endpoint {endpoint_name_from(endpoint)}") from None
    return endpoint


def publish(session: Session, endpoint: str | bool | None, detail: dict[str, Any]) -> Published:
    """Open the endpoint door of a saved view and say where it is.

    Parameters
    ----------
    endpoint
        See :func:`checked`; nothing happens for None.

    Raises
    ------
    MagicError
        When another endpoint has the name; the view is saved then.
    """
    if endpoint is None:
        return Published()
    transport, path = session.views._transport, f"views/{detail['short_id']}"
    body = {"name": endpoint} if isinstance(endpoint, str) else {}
    try:
        facts = transport.request("POST", f"{path}/doors/endpoint", body=body).json()
    except NameTaken as error:
        free = ", ".join(f"--endpoint {name}" for name in error.suggestions)
        words = plain(f"Another endpoint is called {endpoint}.")
        raise MagicError(words, f"Free now: {free}", _KEPT, cause=error) from None
    name = facts["endpoint_name"]
    said = [
        f"Programs run it as the endpoint {name}: {address_of(transport.url, facts, 'endpoint')}"
    ]
    if isinstance(endpoint, str) and endpoint != name:
        said.append(f"An endpoint keeps its name, so it is not called {endpoint}.")
    commands = [
        each["text"]
        for door in transport.request("GET", f"{path}/snippets").json()["doors"]
        for each in door["snippets"]
        if (door["door"], each["language"]) == ("endpoint", "curl")
    ]
    return Published(tuple(said), "\n".join(commands))
