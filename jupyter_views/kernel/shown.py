"""The view that a magic returns: a client's view that does not show itself twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.display import display

from .._output import Card
from .._view import View
from . import output

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .context import Session
    from .widget import ViewWidget


class ShownView(View):
    """A view that stands in a cell's output already.

    The magic shows the view itself, so that it is visible in the middle of a
    cell and when the value is assigned; as the last value of that same cell
    it then stays quiet.
    """

    def __init__(self, session: Session, facts: dict[str, Any]) -> None:
        super().__init__(session.views._transport, facts)
        self._shell: InteractiveShell = session.shell
        self._shown_in: int | None = None

    def mark_shown(self) -> None:
        """Remember the cell in which the view was shown."""
        self._shown_in = self._shell.execution_count

    def _ipython_display_(self) -> None:
        if self._shown_in == self._shell.execution_count:
            return
        card = Card(facts=self.facts, window=self.window(20))
        display(output.bundle_of(card), raw=True)

    def widget(self) -> ViewWidget:
        """The view as a widget: refresh, cancel, all rows."""
        from .widget import ViewWidget

        return ViewWidget(self)
