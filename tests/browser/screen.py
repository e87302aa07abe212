"""What a person sees of Jupyter Views in the browser, and does there."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Error, Locator, Page, Request, TimeoutError, expect

from .lab import Lab

FIRST_LOAD_MS = 60_000
KERNEL_MS = 60_000
CLOSING_MS = 1_000
FOCUS_MS = 3_000
REMEMBERED_SECONDS = 30
# What a dialog holds or asks is of no more interest once the test is over.
NO_DIALOG_IS_LEFT = """() => {
  const dialog = document.querySelector('.jp-Dialog');
  const buttons = Array.from(dialog?.querySelectorAll('button') ?? []);
  const discard = buttons.find(button => button.textContent === 'Discard and close');
  (discard ?? dialog?.querySelector('.jp-Dialog-footer .jp-mod-reject'))?.click();
  return dialog === null;
}"""
IS_WORN = """theme =>
  document.body.dataset.jpThemeName === theme && !document.getElementById('jupyterlab-splash')"""


class Screen:
    """One browser page on one server."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.foreign_requests: list[str] = []
        self.own_errors: list[str] = []
        self.dialogs: list[str] = []
        page.on("request", self._note_request)
        page.on("pageerror", self._note_error)
        page.on("dialog", self._note_dialog)

    def open(self, query: str = "", *, reset: bool = True) -> None:
        """Load JupyterLab and wait until it can take commands."""
        parts = [
            f"token={self.lab.token}",
            *(["reset"] if reset else []),
            *([query] if query else []),
        ]
        self.page.goto(f"{self.lab.url}lab?{'&'.join(parts)}")
        self.page.wait_for_function("() => window.jupyterapp !== undefined", timeout=FIRST_LOAD_MS)
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")
        if reset and not query:
            self._wait_for_launcher()

    def _wait_for_launcher(self, milliseconds: int = FIRST_LOAD_MS) -> None:
        # It takes the focus when it comes, and it comes after everything else.
        self.page.wait_for_function(
            "() => document.activeElement?.closest('.jp-Launcher') != null", timeout=milliseconds
        )

    def open_sidebar(self) -> None:
        """Load JupyterLab with the views sidebar in front."""
        self.open()
        self.page.locator('.jp-SideBar [data-id="jupyter-views-panel"]').click()
        expect(self.panel).to_be_visible()

    def empty(self) -> None:
        """Close every menu, dialog and tab, and show the sidebar as :meth:`open_sidebar` does."""
        for _ in range(self.page.locator(".lm-Menu").count()):
            self.page.keyboard.press("Escape")
        try:
            self.page.wait_for_function(NO_DIALOG_IS_LEFT, timeout=CLOSING_MS)
        except TimeoutError:
            # Whatever it asks, the test is over.
            self.open_sidebar()
            return
        self.page.evaluate("() => window.jupyterapp.shell.activateById('jupyter-views-panel')")
        expect(self.panel).to_be_visible()
        self.command("application:close-all")
        expect(self.page.locator(".jp-Launcher")).to_be_visible()
        # It takes the focus once: where the sidebar was quicker to take it back, it is there.
        with suppress(TimeoutError):
            self._wait_for_launcher(FOCUS_MS)

    def widen(self) -> None:
        """Show the whole list from its beginning: nothing searched, no filter, not scrolled."""
        self.panel.get_by_label("Search views").fill("")
        chips = self.panel.get_by_role("list", name="Active filters").get_by_role("button")
        for left in reversed(range(chips.count())):
            chips.first.click()
            expect(chips).to_have_count(left)
        # There is none before the first view.
        lists = self.panel.locator(".jp-ViewsList")
        lists.evaluate_all("lists => lists.forEach(list => list.scrollTo(0, 0))")

    def wear(self, theme: str) -> None:
        """Change the theme, and wait until it is on and its splash is over."""
        self.command("apputils:change-theme", theme=theme)
        self.page.wait_for_function(IS_WORN, arg=theme)

    def open_view(self, short_id: str, tab: str = "table") -> None:
        """Open a view's result tab, with one of its parts in front."""
        self.command("views:open", id=short_id, tab=tab)
        expect(self.result.get_by_role("tab", selected=True)).to_have_text(
            tab.upper() if tab == "api" else tab.capitalize()
        )

    def command(self, name: str, **args: Any) -> None:
        """Run one of the application's commands to its end."""
        self.page.evaluate(
            "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args); }",
            [name, args],
        )

    def begin(self, name: str, **args: Any) -> None:
        """Run a command that waits for the person, such as one that asks."""
        self.page.evaluate(
            "([name, args]) => { void window.jupyterapp.commands.execute(name, args); }",
            [name, args],
        )

    def wait_until_remembered(self, short_id: str, tab: str) -> None:
        """Wait for the layout with this result tab: the host saves it a while after a change."""
        self.wait_until_saved(f"jupyter-views:{short_id}", tab=tab)

    def wait_until_saved(self, key: str, **data: Any) -> None:
        """Wait until the host has saved a document of this key in its layout, with these data."""
        deadline = time.monotonic() + REMEMBERED_SECONDS
        while time.monotonic() < deadline:
            saved = self.lab.call("GET", "lab/api/workspaces/default")["data"].get(key)
            if saved is not None and data.items() <= saved["data"].items():
                return
            time.sleep(0.1)
        raise AssertionError(f"The layout was not saved with {key} {data}.")

    def run_all_cells(self) -> None:
        """Run the notebook in front, once its kernel can take it, and wait for its last cell."""
        idle = self.page.locator(".jp-StatusBar-TextItem, .jp-StatusItem", has_text="| Idle").first
        expect(idle).to_be_visible(timeout=KERNEL_MS)
        self.command("notebook:run-all-cells")
        expect(idle).to_be_visible(timeout=KERNEL_MS)

    def short_id(self, name: str) -> str:
        """The key of the view that a row shows."""
        return self.row(name).get_attribute("data-short-id") or ""

    @property
    def panel(self) -> Locator:
        """The sidebar."""
        return self.page.locator("#jupyter-views-panel")

    @property
    def result(self) -> Locator:
        """The result tab in front."""
        return self.page.locator(".jp-ViewsResult:visible")

    @property
    def said(self) -> Locator:
        """What a screen reader was told last, once it had a moment."""
        return self.page.locator(".jp-Views-forReaders [aria-live=polite]")

    @property
    def called_out(self) -> Locator:
        """What a screen reader was told last, at once."""
        return self.page.locator(".jp-Views-forReaders [aria-live=assertive]")

    def row(self, name: str) -> Locator:
        """The sidebar's row of the view with this name."""
        return self.panel.locator(".jp-ViewsRow").filter(
            has=self.page.locator(".jp-ViewsRow-name", has_text=name)
        )

    def badge(self, name: str) -> Locator:
        """The status word in that row."""
        return self.row(name).locator(".jp-ViewsBadge-word")

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
            self.foreign_requests.append(request.url)

    def _note_error(self, error: Error) -> None:
        # The host has uncaught errors of its own, for one when its server goes away.
        if "/extensions/jupyter-views/" in (error.stack or ""):
            self.own_errors.append(f"{error.message}\n{error.stack}")

    def _note_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()
