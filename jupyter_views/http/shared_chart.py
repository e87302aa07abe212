"""The chart of a link, as pictures within its page."""

from __future__ import annotations

import base64

from ..core.charting import Theme
from ..core.errors import ViewsError
from ..core.links import LinkSettings
from ..core.model import View
from ..wire.linked import PictureOut
from .charts import TYPES
from .compact_svg import compact
from .services import Services

PICTURES_BYTES = 60_000
"""With the rest of the page below the hundred kilobytes that it may have."""


async def pictured(
    services: Services, view: View, settings: LinkSettings, href: str, most_bytes: int
) -> PictureOut | None:
    """The chart of a view for its page; None where it is hidden, or where nothing can be drawn.

    A page in the reader's own colours has a picture for each; where both
    are too large for a page, one on paper serves, and where that is too
    large as well, a way to the picture alone.

    Parameters
    ----------
    href
        Of the picture alone.
    most_bytes
        That the pictures may have together.
    """
    if settings.chart is False or view.current.result is None:
        return None
    themes: tuple[Theme, ...] = ("light", "dark")
    if settings.theme in themes:
        themes = (settings.theme,)
    try:
        plot = await services.charts.plot(view)
        if plot.chart is None:
            return None
        drawn = [await services.charts.draw(view, "svg", theme) for theme in themes]
    except ViewsError:
        return None  # rows are shown, whatever keeps their picture from being drawn
    first, *others = [await services.run_in_thread(_as_address, picture) for picture in drawn]
    dark = others[0] if others else None
    has_room = len(first) + len(dark or "") <= most_bytes
    return PictureOut(
        light=first if len(first) <= most_bytes else None,
        dark=dark if has_room else None,
        is_on_paper=dark is not None and not has_room,
        href=href,
        summary=plot.summary,
    )


def _as_address(svg: bytes) -> str:
    return f"data:{TYPES['svg']};base64,{base64.b64encode(compact(svg)).decode()}"
