"""Options that come from rows: the first column of another view."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from .assessing import Upstreams
from .errors import InvalidParameters
from .parameters import MOST_OPTIONS
from .results import ResultService, Window


class OptionLists:
    """Reads what a person may choose among."""

    def __init__(self, *, upstreams: Upstreams, results: ResultService) -> None:
        self._upstreams = upstreams
        self._results = results

    async def of(self, person: str, slug: str) -> tuple[str, ...]:
        """The first thousand different texts in the first column of a view's current rows.

        Raises
        ------
        NotFound
            When the person may not read the view.
        InvalidParameters
            When it has no rows yet.
        """
        view = await asyncio.to_thread(self._upstreams.require, person, slug)
        result = view.current.result
        if result is None:
            raise InvalidParameters(
                f'The options come from the view "{slug}", which has no rows yet.',
                hint="Refresh that view first.",
            )
        window = Window(columns=(result.columns[0].name,), limit=10 * MOST_OPTIONS)
        rendered = await self._results.render(result, window)
        # Ten thousand rows: not on the loop that serves everybody.
        return await asyncio.to_thread(_first_texts, rendered.content)


def _first_texts(content: bytes | Path) -> tuple[str, ...]:
    text = content if isinstance(content, bytes) else content.read_bytes()
    rows = msgspec.json.decode(b"[" + text + b"]")
    texts = dict.fromkeys(_text(value) for (value,) in rows if value is not None)
    return tuple(texts)[:MOST_OPTIONS]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
