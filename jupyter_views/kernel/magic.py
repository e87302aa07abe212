"""The three magics. Reading and deciding happen elsewhere; here errors become messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)
from IPython.display import display

from .._transport import NoAnswer, NoServer
from ..core.errors import ViewsError
from . import completion, grammar, output, saving, showing
from .context import Session
from .errors import Cancelled, MagicError, from_bad_line, from_views_error
from .grammar import BadLine

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .shown import ShownView

T = TypeVar("T")


@magics_class
class ViewsMagics(Magics):
    """``%%perspective``, ``%perspective`` and ``%views`` of one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.session = Session(shell)

    @no_var_expand
    @line_cell_magic
    def perspective(self, line: str, cell: str | None = None) -> ShownView | None:
        """Save the cell's query as a view, or show a saved one; ``%views help`` says more."""
        if cell is None:
            return _spoken(lambda: self._show(line))
        return _spoken(lambda: self._save(line, cell))

    @no_var_expand
    @line_magic
    def views(self, line: str) -> ShownView | None:
        """List views, or do something with one; ``%views help`` says more."""
        return _spoken(lambda: showing.verb(self.session, line))

    def _show(self, line: str) -> ShownView | None:
        read = grammar.parse(line, showing.SHOW_OPTIONS, free=True)
        if read["help"]:
            return self._help()
        return showing.show(self.session, read)

    def _save(self, line: str, cell: str) -> ShownView | None:
        read = grammar.parse(line)
        if read["help"]:
            return self._help()
        wish = saving.read_wish(read, cell, self.session.folder)
        return saving.save(self.session, wish)

    def _help(self) -> None:
        display(output.note(showing.help_text()), raw=True)


def _spoken(act: Callable[[], T]) -> T:
    """Run, and say every expected error in our own words, without a traceback."""
    try:
        return act()
    except BadLine as error:
        raise from_bad_line(error) from None
    except NoServer as error:
        raise MagicError(error.message, error.hint, cause=error) from None
    except NoAnswer as error:
        raise MagicError(str(error), cause=error) from None
    except ViewsError as error:
        raise from_views_error(error) from None
    except KeyboardInterrupt:
        # Between two steps; while a query runs, whoever waits for it says how far it came.
        raise Cancelled("Stopped.") from None


def load(ipython: Any) -> ViewsMagics:
    """Register the magics and their completion; loading twice changes nothing."""
    known = ipython.magics_manager.registry.get("ViewsMagics")
    if isinstance(known, ViewsMagics):
        return known
    magics = ViewsMagics(ipython)
    ipython.register_magics(magics)
    completion.install(magics.session)
    return magics
