"""Pictures made small enough to lie within a page: the same strokes in fewer bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_SVG = "http://www.w3.org/2000/svg"
# What an image does not use: nobody points at its parts, and its caption says what it shows.
_UNUSED = frozenset({"class", "role", "pointer-events", "version"})
_NOTHING = {("opacity", "1"), ("transform", "translate(0,0)")}
_INHERITED = (
    "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "fill-opacity",
    "font-family", "font-size", "font-weight", "text-anchor",
)  # fmt: skip
_LONG_NUMBER = re.compile(r"-?\d*\.\d{2,}")
_CIRCLE = re.compile(r"M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0")
_PLACE = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")

ElementTree.register_namespace("", _SVG)


@lru_cache(maxsize=32)
def compact(svg: bytes) -> bytes:
    """An SVG image that looks the same, without what only a page's own elements need.

    Numbers keep one decimal: a tenth of a pixel. What is common to all
    elements of a group is said once, by the group.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - drawn by our own worker
    _prune(root)
    for group in list(_groups(root)):
        _hoist(group)
    return ElementTree.tostring(root, encoding="utf-8")


def _prune(element: Element) -> None:
    for child in list(element):
        if _is_invisible(child):
            element.remove(child)
        else:
            _prune(child)
    for name, value in list(element.attrib.items()):
        if name in _UNUSED or name.startswith("aria-") or (name, value) in _NOTHING:
            del element.attrib[name]
        elif name in {"d", "transform", "x", "y", "x2", "y2"}:
            element.set(name, _LONG_NUMBER.sub(_rounded, value))
    if element.tag == f"{{{_SVG}}}path":
        _as_circle(element)


def _is_invisible(element: Element) -> bool:
    if element.get("display") == "none" or element.get("d") in {"", "M0,0h0v0h0Z"}:
        return True
    is_background = element.get("class") == "background"
    return is_background and not {"fill", "stroke"} & element.attrib.keys()


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _as_circle(path: Element) -> None:
    """Points are drawn as paths of two arcs."""
    shape = _CIRCLE.fullmatch(path.get("d", ""))
    place = _PLACE.fullmatch(path.get("transform", ""))
    if shape is None or place is None:
        return
    path.tag = f"{{{_SVG}}}circle"
    del path.attrib["d"], path.attrib["transform"]
    path.attrib.update({"cx": place[1], "cy": place[2], "r": shape[1]})
    if "stroke" not in path.attrib and "opacity" in path.attrib:
        # The same where nothing but a fill is drawn, and a group can say it.
        path.set("fill-opacity", path.attrib.pop("opacity"))


def _groups(element: Element) -> Iterator[Element]:
    """Groups, inner ones first."""
    for child in element:
        yield from _groups(child)
    if element.tag == f"{{{_SVG}}}g":
        yield element


def _hoist(group: Element) -> None:
    children = list(group)
    for name in _INHERITED:
        values = {child.get(name) for child in children}
        if len(values) == 1 and None not in values:
            group.set(name, values.pop() or "")
            for child in children:
                del child.attrib[name]
