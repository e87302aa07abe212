"""What every worker process does: take its setup, answer one request after the other.

Started as ``python -m jupyter_views.engines.serving MODULE FD``: MODULE says how
to confine the process and who answers, FD is its end of a socket pair.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import signal
import socket
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Protocol

from .governor import Governor
from .protocol import Ready, Reply, Request, Setup, read_frame, to_request

_PR_SET_PDEATHSIG = 1


class _Without(MetaPathFinder):
    """Makes a package one that is not installed.

    The Arrow library loads pandas when it finds it, which was two fifths of a
    worker's start; no worker has any use for it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Refuse the package, leave all others to those who come after."""
        if fullname == self._name:
            raise ModuleNotFoundError(f"Workers do without {fullname}.", name=fullname)


class Servant(Protocol):
    """The tasks of one kind of worker."""

    def warm_up(self) -> None:
        """Load what the first task would otherwise wait for."""
        ...

    def answer(self, request: Request) -> Reply:
        """Do one task; every failure is a reply, never an exception."""
        ...


def serve(
    descriptor: int,
    confine: Callable[[Setup], tuple[str, ...]],
    open_servant: Callable[[Setup, Governor], Servant],
) -> None:
    """Serve requests until the socket closes.

    Parameters
    ----------
    descriptor
        This worker's end of the socket pair.
    confine
        Gives up rights for good, and says which walls hold.
    """
    _die_with_parent()
    sock = socket.socket(fileno=descriptor)
    setup = to_request(read_frame(sock))
    if not isinstance(setup, Setup):
        raise SystemExit(2)
    confined = confine(setup)
    governor = Governor(sock)
    servant = open_servant(setup, governor)
    governor.start()
    governor.send(Ready(confined))
    servant.warm_up()
    while True:
        request = governor.requests.get()
        reply = servant.answer(request)
        governor.done()
        governor.send(reply)


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.meta_path.insert(0, _Without("pandas"))
    kind = importlib.import_module(sys.argv[1])
    serve(int(sys.argv[2]), kind.give_up_rights, kind.open_servant)
