"""Pages for people without an account: HTML without script, and the header that keeps it so."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def _label(text: str) -> str:
    """A text for places where nothing can be isolated: without control or direction characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["label"] = _label
    # The only text here that is not escaped is our own style sheet.
    environment.globals |= {"style": Markup(_STYLE), "theme": "system"}  # noqa: S704
    return environment


_TEMPLATES = _environment()


def render(name: str, **values: Any) -> str:
    """A page as HTML; every value is escaped."""
    return _TEMPLATES.get_template(name).render(**values)


def page_policy(framed_by: tuple[str, ...]) -> str:
    """The page's Content-Security-Policy.

    ``sandbox`` gives the page an origin of its own, so that even a script, if
    one ever got in and were not forbidden twice, would be nobody's: no
    cookies, no storage, no API.

    Parameters
    ----------
    framed_by
        Sites that may show the page in a frame; empty for none.
    """
    ancestors = " ".join(framed_by) or "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}; "
        "sandbox allow-downloads allow-forms"
    )
