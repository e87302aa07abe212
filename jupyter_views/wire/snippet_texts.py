"""A view in the words of other programs, one function for each language.

Each text reads the key from an environment variable, and none holds one.
Whatever people wrote (values, names, the server's own address) stands in
quotes that the language cannot be talked out of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from keyword import iskeyword
from typing import Any, Literal
from urllib.parse import quote, urlencode

from msgspec import Struct

from .quoting import in_javascript, in_power_query, in_python, in_r, in_shell, is_plain

VARIABLE = "JUPYTER_VIEWS_TOKEN"
"""The environment variable that a snippet reads the key from."""

Language = Literal[
    "curl",
    "client",
    "python",
    "pandas",
    "polars",
    "duckdb",
    "javascript",
    "r",
    "spreadsheet",
]


class Address(Struct, frozen=True, kw_only=True):
    """An address, and what stands behind its question mark."""

    url: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def whole(self) -> str:
        """All of it in one line."""
        return f"{self.url}?{urlencode(self.query, quote_via=quote)}" if self.query else self.url


class Door(Struct, frozen=True, kw_only=True):
    """Where the rows are, in the forms that this door has.

    Attributes
    ----------
    rows
        The key of the rows in its JSON.
    values
        Of the view's parameters, by name.
    """

    door: str
    name: str
    address: str
    note: str
    scope: str
    server: str
    rows: str
    json: Address
    csv: Address
    arrow: Address | None = None
    parquet: Address | None = None
    values: dict[str, Any] = {}


def texts_of(door: Door) -> Iterable[tuple[Language, str, str, str | None]]:
    """Language, label, text and note of all that can be said for a door."""
    for language, (label, note, write) in _LANGUAGES.items():
        text = write(door)
        if text is not None:
            yield language, label, text, note


def _curl(door: Door) -> str:
    at = door.csv
    lines = [f'curl -fsS -H "Authorization: Bearer ${VARIABLE}"']
    lines[0] += " -G" if at.query else ""
    lines.append(in_shell(at.url))
    for name, value in at.query:
        if is_plain(value):
            lines.append(f"--data-urlencode {in_shell(f'{name}={value}')}")
        else:
            # A terminal would take them for keys, even between quotes.
            lines.append(f"-d {in_shell(f'{name}={_encoded(value)}')}")
    return " \\\n  ".join(lines)


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _client(door: Door) -> str | None:
    if door.door != "perspective":
        return None
    if all(name.isidentifier() and not iskeyword(name) for name in door.values):
        given = ", ".join(f"{name}={_literal(value)}" for name, value in door.values.items())
    else:
        given = f"**{_literal(door.values)}"
    return (
        "import jupyter_views as jv\n\n"
        f"views = jv.connect({in_python(door.server)})\n"
        f"print(views[{in_python(door.name)}].df({given}))"
    )


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return in_python(value)
    if isinstance(value, dict):
        pairs = (f"{in_python(name)}: {_literal(inner)}" for name, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)


def _python(door: Door) -> str:
    query = "".join(
        f"        {in_python(name)}: {in_python(value)},\n" for name, value in door.json.query
    )
    params = f"    params={{\n{query}    }},\n" if query else ""
    return (
        "import os\n\nimport httpx\n\n"
        "answer = httpx.get(\n"
        f"    {in_python(door.json.url)},\n"
        f"{params}"
        f'    headers={{"Authorization": f"Bearer {{os.environ[\'{VARIABLE}\']}}"}},\n'
        "    timeout=60,\n"
        ")\n"
        "answer.raise_for_status()\n"
        f'print(answer.json()["{door.rows}"])'
    )


def _pandas(door: Door) -> str:
    at, method = _table(door)
    return (
        f"{_imports(at, None, 'import pandas as pd')}"
        f"{_address(at)}"
        f'key = {{"Authorization": f"Bearer {{os.environ[\'{VARIABLE}\']}}"}}\n'
        f"print(pd.{method}(address, storage_options=key))"
    )


def _polars(door: Door) -> str:
    at, method = _table(door)
    return (
        f"{_imports(at, _REQUEST, 'import polars as pl')}"
        f"{_request(at)}"
        "with urlopen(request) as answer:\n"
        f"    print(pl.{method}(answer.read()))"
    )


def _duckdb(door: Door) -> str:
    at = door.arrow or door.csv
    reads = "pyarrow.ipc.open_stream(answer).read_all()" if door.arrow else "read_csv(answer)"
    library = "import pyarrow" if door.arrow else "from pyarrow.csv import read_csv"
    return (
        f"{_imports(at, _REQUEST, 'import duckdb', library)}"
        f"{_request(at)}"
        "with urlopen(request) as answer:\n"
        f"    result = {reads}\n"
        'duckdb.sql("FROM result").show()'
    )


_REQUEST = "from urllib.request import Request, urlopen"


def _table(door: Door) -> tuple[Address, str]:
    return (door.parquet, "read_parquet") if door.parquet else (door.csv, "read_csv")


def _imports(at: Address, of_requests: str | None, *libraries: str) -> str:
    encode = "from urllib.parse import urlencode" if at.query else None
    own = _lines(filter(None, ("import os", encode, of_requests)))
    return f"{own}\n\n{_lines(libraries)}\n\n"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _address(at: Address) -> str:
    if not at.query:
        return f"address = {in_python(at.url)}\n"
    pairs = "".join(f"    {in_python(name)}: {in_python(value)},\n" for name, value in at.query)
    return f"values = {{\n{pairs}}}\naddress = {in_python(f'{at.url}?')} + urlencode(values)\n"


def _request(at: Address) -> str:
    return (
        f"{_address(at)}"
        f'key = {{"Authorization": f"Bearer {{os.environ[\'{VARIABLE}\']}}"}}\n'
        "request = Request(address, headers=key)\n"
    )


def _javascript(door: Door) -> str:
    sets = "".join(
        f"address.searchParams.set({in_javascript(name)}, {in_javascript(value)});\n"
        for name, value in door.json.query
    )
    return (
        f"const address = new URL({in_javascript(door.json.url)});\n"
        f"{sets}"
        "const answer = await fetch(address, {\n"
        f"  headers: {{ Authorization: `Bearer ${{process.env.{VARIABLE}}}` }}\n"
        "});\n"
        "if (!answer.ok) {\n"
        "  throw new Error(await answer.text());\n"
        "}\n"
        f"const {{ {door.rows} }} = await answer.json();\n"
        f"console.log({door.rows});"
    )


def _r(door: Door) -> str:
    return (
        f"address <- {in_r(door.csv.whole)}\n"
        f'key <- paste("Bearer", Sys.getenv("{VARIABLE}"))\n'
        "rows <- read.csv(\n"
        "  url(address, headers = c(Authorization = key)),\n"
        '  check.names = FALSE, encoding = "UTF-8"\n'
        ")\n"
        "print(rows)"
    )


def _spreadsheet(door: Door) -> str:
    return (
        "let\n"
        f'  Key = Excel.CurrentWorkbook(){{[Name = "{VARIABLE}"]}}[Content]{{0}}[Column1],\n'
        "  File = Web.Contents(\n"
        f"    {in_power_query(door.csv.whole)},\n"
        '    [Headers = [Authorization = "Bearer " & Key]]\n'
        "  ),\n"
        '  Rows = Table.PromoteHeaders(Csv.Document(File, [Delimiter = ",", Encoding = 65001]))\n'
        "in\n"
        "  Rows"
    )


_LANGUAGES: dict[Language, tuple[str, str | None, Callable[[Door], str | None]]] = {
    "curl": ("curl", None, _curl),
    "client": ("Python client", "Needs jupyter_views.", _client),
    "python": ("Python", "Needs httpx.", _python),
    "pandas": ("pandas", "Needs pandas and pyarrow.", _pandas),
    "polars": ("polars", "Needs polars.", _polars),
    "duckdb": ("DuckDB", "Python; needs duckdb and pyarrow.", _duckdb),
    "javascript": ("JavaScript", "A module for Node 18 or newer.", _javascript),
    "r": ("R", "Needs nothing but R.", _r),
    "spreadsheet": (
        "Excel",
        f"For the advanced editor of Power Query; a cell that is named {VARIABLE} holds the key. "
        "Google Sheets and LibreOffice send no key: give them the .csv address of a link.",
        _spreadsheet,
    ),
}
