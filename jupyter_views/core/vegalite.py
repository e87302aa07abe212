"""A chart as a Vega-Lite v5 spec with its values inside: one spec for every surface.

Names that people gave stand in the titles of axes and legends alone, which
Vega takes as text. Fields of the values are ours (``x``, ``y``, ``x2``, ``c``,
``s``, ``g``), because it takes ``.``, ``[`` and ``\\`` in a field's name for a path.
And the ``title`` of an encoding, as well as that of a tooltip, Vega-Lite
pastes into the code of an expression, between quotes that it does not escape.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from .charts import Chart, Kind, Points, is_discrete

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH, HEIGHT = 640, 320
_TITLE = 80
_BAR_HEIGHT = 20
_YEARS = (1000, 2999)
# Vega cuts a text that is too long between two halves of a character beyond the
# sixteen bits, and the server's own drawing fails on half a character: texts
# with such characters are cut before, to so many that they fit wherever they stand.
_WIDE_CHARS = 10
_WIDE = re.compile("[\U00010000-\U0010ffff]")
_WHOLE_CHARACTERS = (
    "replace(datum.label, regexp('^(?=[^]*[\\\\ud800-\\\\udbff])"
    "((?:[\\\\ud800-\\\\udbff][\\\\udc00-\\\\udfff]|[^\\\\ud800-\\\\udfff]){10})[^]+$'), '$1…')"
)
_NARROW = {"labelLimit": 160, "labelExpr": _WHOLE_CHARACTERS, "titleLimit": 160}
_BY_RANK = {"field": "s", "op": "min"}
_UPRIGHT_BARS, _UPRIGHT_LABEL = 8, 12
_TOLD_APART = 40
# A time is shown as it stands in the table, wherever the reader sits.
_TIME: dict[str, Any] = {"type": "temporal", "scale": {"type": "utc"}}
# What ticks say from so many hours on; the last that fits comes first.
_TICKS = (
    (24 * 366 * 6, "%Y"),
    (24 * 120, "%Y-%m"),
    (96, "%Y-%m-%d"),
    (24, "%m-%d %H:%M"),
    (0.1, "%H:%M"),
    (0, "%H:%M:%S"),
)
_DAY, _INSTANT = "utcyearmonthdate", "utcyearmonthdatehoursminutesseconds"
# Of a tooltip Vega draws these not as text: an image's address would be loaded.
_TOOLTIP_WORDS = frozenset({"image", "title"})
# What every object of JavaScript has. Vega keeps constants and groups in plain
# objects, by their words: with one of these it draws nothing.
_OF_OBJECTS = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)
_UNSEEN = "\u200b"
# What ends a string of JavaScript, or begins an escape in it.
_OF_CODE = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029]')
_LIKE_CODE = {'"': "\u201d", "\\": "\u29f5"}


def themed(theme: str) -> dict[str, Any]:
    """The colours of a theme, light or dark, as a config of Vega-Lite."""
    text, faint, domain = (
        ("#212121", "#e0e0e0", "#757575") if theme == "light" else ("#e6e6e6", "#3d3d3d", "#9e9e9e")
    )
    axis = {"labelColor": text, "titleColor": text, "gridColor": faint, "titlePadding": 10}
    return {
        "background": None,
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": axis | {"domainColor": domain, "tickColor": domain, "titleFontWeight": "normal"},
        "legend": {"labelColor": text, "titleColor": text, "titleFontWeight": "normal"},
        "text": {"color": text},
        # Told by the picture's title and description; each mark's would be noise.
        "aria": False,
    }


def spec_of(chart: Chart, points: Points, kinds: dict[str, Kind], summary: str) -> dict[str, Any]:
    """The spec of a chart.

    Parameters
    ----------
    kinds
        Of the chart's ``x``, ``y`` and ``color`` where it has them.
    summary
        What the chart shows, in words, for those who cannot see it.
    """
    if not points.drawn:
        return empty(summary)
    if chart.mark == "value":
        return _value(chart, points, summary)
    mark, encoding = _drawn(chart, points, kinds)
    encoding["tooltip"] = _tooltip(encoding, has_hours="T" in points.first)
    is_lying = encoding["y"]["field"] == "x"
    rows = points.rows
    if chart.stack is not None and any(word.encode() in rows for word in _OF_OBJECTS):
        rows, encoding = _grouped(rows, encoding)
    return _framed(summary, rows) | {
        "height": _lying_height(points, encoding) if is_lying else HEIGHT,
        # Whoever looks may have a wider font than was measured.
        "padding": {"left": 30 if is_lying else 10, "top": 5, "right": 10, "bottom": 5},
        "mark": mark,
        "encoding": encoding,
    }


def empty(reason: str) -> dict[str, Any]:
    """A picture of the words that say why there is no chart."""
    most = 4 * _WIDE_CHARS if _WIDE.search(reason) else len(reason)
    return _framed(reason, b"[{}]") | {
        "height": 60,
        "mark": {"type": "text", "text": reason[:most], "fontSize": 14, "limit": WIDTH},
        "encoding": {},
    }


def y_title(chart: Chart, points: Points) -> str:
    """What the measured axis says; an aggregate of single rows is the value itself."""
    if chart.aggregate == "count" or chart.y is None:
        return "rows"
    if chart.aggregate == "distinct":
        return shown(f"distinct {chart.y}")
    if chart.aggregate is None or points.is_plain:
        return shown(chart.y)
    return shown(f"{chart.aggregate} of {chart.y}")


def fields_of(chart: Chart, points: Points) -> dict[str, str]:
    """The fields of the values that people want to read, and what each is called."""
    x, y = chart.x or "", y_title(chart, points)
    if chart.mark == "value":
        return {"y": y}
    if chart.mark == "histogram":
        return {"x": f"{x} from", "x2": f"{x} to", "y": "rows"}
    return {"x": x, "y": y} | ({} if chart.color is None else {"c": chart.color})


def is_years(points: Points) -> bool:
    """Whether the numbers along x look like years, which are written without a comma."""
    ends = (points.first, points.last)
    return all(end.isdigit() and _YEARS[0] <= int(end) <= _YEARS[1] for end in ends)


def shown(name: str) -> str:
    """A name, cut to what a title has room for."""
    most = _WIDE_CHARS if _WIDE.search(name) else _TITLE
    return name if len(name) <= most else name[: most - 1] + "…"


def _framed(summary: str, rows: bytes) -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "description": summary,
        "width": WIDTH,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": msgspec.Raw(rows)},
    }


def _value(chart: Chart, points: Points, summary: str) -> dict[str, Any]:
    number = {"type": "text", "fontSize": 56, "dy": -10}
    text = _unlike_objects(y_title(chart, points))
    title = {"type": "text", "fontSize": 16, "dy": 36, "text": text, "limit": WIDTH}
    return _framed(summary, points.rows) | {
        "height": 160,
        "layer": [
            {"mark": number, "encoding": {"text": {"field": "y", "format": ",.12~g"}}},
            {"mark": title},
        ],
    }


def _drawn(
    chart: Chart, points: Points, kinds: dict[str, Kind]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The mark and the encoding of its position and colour."""
    x, y = _x(chart, points, kinds["x"]), _y(chart, points, kinds)
    mark: dict[str, Any] = {"type": "bar" if chart.mark == "histogram" else chart.mark}
    encoding = {"x": x, "y": y}
    if chart.mark == "histogram":
        encoding["x2"] = {"field": "x2"}
    elif chart.mark == "point":
        mark |= {"filled": True, "opacity": 0.6}
    elif chart.mark == "line":
        mark["point"] = points.drawn <= _TOLD_APART
    elif chart.mark == "area":
        mark |= {"line": chart.stack is None, "opacity": 0.8 if chart.stack else 0.4}
    elif kinds["x"] == "time":
        mark |= {"orient": "vertical", "x2Offset": -1}
        encoding["x2"] = {"field": "x2"}
    if chart.color is not None:
        encoding["color"] = {
            "field": "c",
            "type": "nominal",
            "sort": _BY_RANK,
            "legend": {"title": _unlike_objects(shown(chart.color)), "symbolLimit": 30} | _NARROW,
        }
        if chart.mark == "bar" and chart.stack is None and kinds["x"] != "time":
            encoding["xOffset"] = {"field": "c", "sort": _BY_RANK}
    if chart.mark == "bar" and kinds["x"] == "category" and _lies(points):
        encoding = _lying(encoding)
    return mark, encoding


def _x(chart: Chart, points: Points, kind: Kind) -> dict[str, Any]:
    title = _unlike_objects(shown(chart.x or ""))
    axis: dict[str, Any] = {"title": title, "titleLimit": WIDTH, "labelLimit": 160}
    if is_discrete(chart, kind):
        # The values come in the order in which they are to stand.
        axis["labelExpr"] = _WHOLE_CHARACTERS
        axis["labelAngle"] = 0 if points.places <= _UPRIGHT_BARS else -90
        return {"field": "x", "type": "nominal", "sort": None, "axis": axis}
    if kind == "time":
        axis |= {"format": _tick_format(points), "tickCount": 8, "labelSeparation": 8}
        return {"field": "x", **_TIME, "axis": axis}
    if is_years(points):
        axis["format"] = "d"
    x: dict[str, Any] = {"field": "x", "type": "quantitative", "axis": axis}
    return x | ({"bin": "binned"} if chart.mark == "histogram" else {"scale": {"zero": False}})


def _y(chart: Chart, points: Points, kinds: dict[str, Kind]) -> dict[str, Any]:
    title = "rows" if chart.mark == "histogram" else y_title(chart, points)
    y: dict[str, Any] = {
        "field": "y",
        "axis": {"title": _unlike_objects(title), "titleLimit": HEIGHT},
    }
    if chart.mark == "point" and kinds["y"] == "time":
        return y | _TIME
    y["type"] = "quantitative"
    if chart.mark in {"bar", "area"}:
        # Bars over a time have its width, so there is no room beside them.
        is_stacked = chart.mark == "bar" and kinds["x"] == "time" and chart.color is not None
        y["stack"] = chart.stack or ("zero" if is_stacked else None)
    elif chart.mark != "histogram":
        y["scale"] = {"zero": False}
    return y


def _tick_format(points: Points) -> str:
    """As much of ISO 8601 as tells the ticks of a span apart."""
    first, last = (_instant(end) for end in (points.first, points.last))
    hours = (last - first).total_seconds() / 3600
    return next(words for least, words in _TICKS if hours >= least)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(msgspec.json.decode(text, type=str)).replace(tzinfo=UTC)


def _lies(points: Points) -> bool:
    """Whether bars have more, or longer, names than there is room for below them."""
    longest = max((len(name) for name in _places(points)), default=0)
    return points.places > _UPRIGHT_BARS or longest > _UPRIGHT_LABEL


def _places(points: Points) -> list[str]:
    rows = msgspec.json.decode(points.rows)
    return list(dict.fromkeys(str(row["x"]) for row in rows))


def _lying(encoding: dict[str, Any]) -> dict[str, Any]:
    """The same bars from left to right, the title of their names above these."""
    swapped = {"x": "y", "y": "x", "xOffset": "yOffset"}
    lying = {swapped.get(channel, channel): each for channel, each in encoding.items()}
    above = {"titleAngle": 0, "titleAlign": "right", "titleX": -6, "titleY": -8}
    names, lengths = lying["y"]["axis"], lying["x"]["axis"]
    lying["y"] = lying["y"] | {"axis": {"title": names["title"], **_NARROW, **above}}
    lying["x"] = lying["x"] | {"axis": lengths | {"titleLimit": WIDTH}}
    return lying


def _lying_height(points: Points, encoding: dict[str, Any]) -> int:
    is_beside = "yOffset" in encoding
    bars = len(_places(points)) * (len(points.series) if is_beside else 1)
    return min(max(HEIGHT // 2, bars * (_BAR_HEIGHT // (2 if is_beside else 1)) + 60), 4 * HEIGHT)


def _tooltip(encoding: dict[str, Any], *, has_hours: bool) -> list[dict[str, Any]]:
    lines = []
    for channel, guide in (("x", "axis"), ("y", "axis"), ("color", "legend")):
        if (told := encoding.get(channel)) is not None:
            title = _harmless(told[guide]["title"])
            line = {"field": told["field"], "type": told["type"], "title": title}
            if told["type"] == "temporal":
                line["timeUnit"] = _INSTANT if has_hours else _DAY
            lines.append(line)
    return lines


def _harmless(title: str) -> str:
    """A title that stays text in an expression and in a tooltip; looks as it did."""
    text = _OF_CODE.sub(lambda found: _LIKE_CODE.get(found[0], " "), title)
    return f"{text} " if text in _TOOLTIP_WORDS else text


def _unlike_objects(word: Any) -> Any:
    """A word that looks the same and is not the name of what every object has."""
    return f"{word}{_UNSEEN}" if word in _OF_OBJECTS else word


def _grouped(rows: bytes, encoding: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Rows and their encoding, placed by a field of its own that holds none of those words."""
    told = msgspec.json.decode(rows, type=list[dict[str, msgspec.Raw]])
    for row in told:
        place = msgspec.json.decode(row["x"])
        row["g"] = msgspec.Raw(msgspec.json.encode(_unlike_objects(place)))
    channels = {
        channel: {**each, "field": "g"} if channel in "xy" and each["field"] == "x" else each
        for channel, each in encoding.items()
    }
    return msgspec.json.encode(told), channels
