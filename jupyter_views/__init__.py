"""Views of a notebook's queries: named, versioned, refreshable, shareable.

In a notebook::

    %load_ext jupyter_views

In a script::

    import jupyter_views as jv
    views = jv.connect()

Importing this module loads neither the server, nor the store, nor the engine:
kernels import it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .client import Views

__all__ = ["__version__", "connect"]


def connect(url: str | None = None, token: str | None = None) -> Views:
    """Connect to a server that offers Jupyter Views.

    Parameters
    ----------
    url
        The server's address, such as ``http://localhost:8888``; None finds
        the server of this kernel, or else the one running for this user.
    token
        An API key (``vk_…``) or the server's own token; None takes
        ``JUPYTER_VIEWS_TOKEN`` from the environment.
    """
    from .client import connect as _connect

    return _connect(url, token)


def __getattr__(name: str) -> Any:
    if name == "ViewWidget":
        from .kernel.widget import ViewWidget

        return ViewWidget
    if name in {"Views", "View", "RefreshFailed"}:
        from . import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%%perspective``, ``%perspective`` and ``%views``."""
    from .kernel.magic import load

    load(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-views"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .app import ViewsApp

    return [{"module": "jupyter_views", "app": ViewsApp}]
