"""What must hold in both themes: the page stays as it is, and only the theme changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator

from .screen import Screen

THEMES = ("JupyterLab Light", "JupyterLab Dark")


def each_theme(screen: Screen) -> Iterator[str]:
    """Put on one theme after the other, beginning with the one that is on."""
    worn = screen.page.evaluate("() => document.body.dataset.jpThemeName")
    for theme in sorted(THEMES, key=lambda theme: theme != worn):
        screen.wear(theme)
        yield theme


def assert_no_violations(screen: Screen, region: str) -> None:
    """Axe objects to nothing below this selector, in neither theme."""
    # The host's body clips and has no height: axe would take all texts in it for invisible.
    screen.page.evaluate("() => { document.body.style.height = '100vh'; }")
    for theme in each_theme(screen):
        found = Axe().run(screen.page, context=region).response["violations"]
        told = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found]
        assert told == [], (theme, json.dumps(found, indent=1)[:4000])


def assert_fits(screen: Screen, part: Locator) -> None:
    """Nothing in it is wider than it is, in neither theme."""
    for theme in each_theme(screen):
        assert part.evaluate("node => node.scrollWidth <= node.clientWidth"), theme
