"""The chart of a link, as pictures within its page."""

from __future__ import annotations

import base64

from ..core.charting import Form, Theme
from ..core.errors import ViewsError
from ..core.links import LinkSettings
from ..core.model import View
from ..wire.linked import PictureOut
from .charts import TYPES
from .services import Services

# With the rest of the page below the hundred kilobytes that it may have.
_PICTURES_BYTES = 60_000


def _as_address(picture: bytes, form: Form) -> str:
    return f"data:{TYPES[form]};base64,{base64.b64encode(picture).decode()}"


async def pictured(services: Services, view: View, settings: LinkSettings) -> PictureOut | None:
    """The chart of a view for its page; None where it is hidden, or where nothing can be drawn.

    A page in the reader's own colours has a picture for each; where both
    are too large for a page, one on paper serves.
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
        pictures = [
            _as_address(await services.charts.draw(view, "svg", theme), "svg") for theme in themes
        ]
        if sum(map(len, pictures)) > _PICTURES_BYTES:
            paper = await services.charts.draw(view, "png", themes[0])
            pictures = [_as_address(paper, "png")]
    except ViewsError:
        return None  # rows are shown, whatever keeps their picture from being drawn
    dark = pictures[1] if len(pictures) > 1 else None
    return PictureOut(light=pictures[0], dark=dark, summary=plot.summary)
