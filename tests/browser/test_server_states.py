"""What the sidebar says when the server says nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .lab import Lab
from .screen import Screen


@pytest.fixture(scope="module")
def lab_without_views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("plain-lab"), offers_views=False)
    lab.start()
    yield lab
    lab.stop()


def test_a_server_without_the_extension_gets_the_setup_sentence(
    page: Page, lab_without_views: Lab
) -> None:
    screen = Screen(page, lab_without_views)

    screen.open_sidebar()

    expect(screen.panel).to_contain_text("does not offer it")
    expect(screen.panel).to_contain_text(lab_without_views.url)
    expect(screen.panel).to_contain_text("jupyter server extension enable jupyter_views")
    expect(screen.panel.get_by_role("button", name="Try again")).to_be_visible()


def test_rows_stay_while_the_server_is_away_and_the_list_returns_with_it(screen: Screen) -> None:
    screen.lab.save("SELECT 42 AS answer", "Answer")
    screen.open_sidebar()
    expect(screen.badge("Answer")).to_have_text("Fresh")

    screen.lab.stop()
    expect(screen.panel.locator(".jp-ViewsBanner")).to_contain_text(
        "The server does not answer. This list may be old.", timeout=20_000
    )
    expect(screen.badge("Answer")).to_have_text("Fresh")
    expect(screen.called_out).to_have_text("The server does not answer.")

    screen.lab.start()
    expect(screen.panel.locator(".jp-ViewsBanner")).to_have_count(0, timeout=90_000)
    expect(screen.badge("Answer")).to_have_text("Fresh")
