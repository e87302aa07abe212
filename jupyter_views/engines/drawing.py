"""A worker process that draws: Vega-Lite specs of ours as SVG and PNG.

Started by :mod:`.serving`. It is no read worker because the drawing library
brings V8, which reserves more address space than those may have, and which
must not see stored rows: it opens fonts and nothing else of the machine.
"""

from __future__ import annotations

import re
import traceback
from typing import Any
from xml.sax.saxutils import escape

import msgspec
import vl_convert

from ..core.errors import EngineFailed
from .confining import confine
from .governor import Governor
from .protocol import Draw, Drawn, Failed, Reply, Request, Setup

# The oldest of the library's that JupyterLab's own renderer is nearest to.
_VEGA_LITE = "5.8"
_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts", "/var/cache/fontconfig")
_PIXELS = 2.0
# The library aborts its process on a character that XML does not have.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ROOT = re.compile(r"<svg\b[^>]*>")


class Drawer:
    """Draws one chart at a time."""

    def warm_up(self) -> None:
        """Start V8 and compile the grammar, which takes seconds: draw a chart of one mark."""
        axis = {"field": "x", "type": "quantitative"}
        spec = {"mark": "bar", "data": {"values": [{"x": 1}]}, "encoding": {"x": axis}}
        self._draw(Draw(spec=msgspec.json.encode(spec), title="", form="png"))

    def answer(self, request: Request) -> Reply:
        """Draw; every failure is a reply, never an exception."""
        try:
            if isinstance(request, Draw):
                return Drawn(self._draw(request))
            raise EngineFailed("The worker was asked for something that it does not know.")
        # The library raises its own errors, and a worker must answer.
        except Exception:
            error = EngineFailed("The chart could not be drawn.")
            return Failed(error.to_dict(), trace=traceback.format_exc()[-4000:])

    def _draw(self, request: Draw) -> bytes:
        spec = _printable(msgspec.json.decode(request.spec))
        svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=[])
        if request.form == "png":
            return vl_convert.svg_to_png(svg, scale=_PIXELS)
        return _told(svg, _printable(request.title), spec.get("description", "")).encode()


def _printable(value: Any) -> Any:
    """The value, every text in it without characters that XML does not have."""
    if isinstance(value, str):
        return _NOT_XML.sub("\ufffd", value)
    if isinstance(value, list):
        return [_printable(each) for each in value]
    if isinstance(value, dict):
        return {name: _printable(each) for name, each in value.items()}
    return value


def _told(svg: str, title: str, description: str) -> str:
    """The picture with its title and what it shows, for those who cannot see it."""
    root = _ROOT.match(svg)
    if root is None:
        raise EngineFailed("The chart could not be drawn.")
    opening = root[0].removesuffix(">") + ' role="img">'
    told = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    return opening + told + svg[root.end() :]


def give_up_rights(setup: Setup) -> tuple[str, ...]:
    """Confine this process to fonts and its own folder; which walls hold."""
    return confine(
        readable=_FONTS,
        writable=(setup.scratch,),
        memory_bytes=setup.address_bytes,
        file_bytes=setup.file_bytes,
        nice=setup.nice,
        is_reserving=True,
    )


def open_servant(_setup: Setup, _governor: Governor) -> Drawer:
    """Somebody who draws."""
    return Drawer()
