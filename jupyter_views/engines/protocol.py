"""What the server and a worker process say to each other over their socket.

Frames of a 4-byte big-endian length and a MessagePack body of one tagged
struct. Nothing is pickled, so a compromised worker can send wrong answers but
no code.
"""

from __future__ import annotations

import socket
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from ..core.charts import Chart, Points, Profile
from ..core.errors import InvalidParameters, ParseError, ViewsError
from ..core.ports import (
    Comparing,
    Comparison,
    Difference,
    Draft,
    Encoded,
    Encoding,
    Outcome,
    Plan,
    Progress,
    Read,
    Run,
    Signature,
    Stored,
)
from .spelling import spelled

MAX_FRAME_BYTES = 256 << 20
INLINE_BYTES = 256 << 10
HEAD = struct.Struct(">I")


class Setup(Struct, tag=True, frozen=True, kw_only=True):
    """The first frame: what this worker is and may touch. Sizes in bytes.

    Below ``inputs_dir`` lie, for the time of a run, the rows of the views that
    it reads: run workers may read there, and nothing in ``results_dir``.
    ``states_dir`` is for workers that run queries, to keep what incremental
    refreshes need; None keeps nothing.
    """

    kind: str
    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    results_dir: str
    frames_dir: str
    inputs_dir: str
    scratch: str
    states_dir: str | None
    memory_bytes: int
    address_bytes: int
    file_bytes: int
    temp_bytes: int
    threads: int
    nice: int


class Check(Struct, tag=True, frozen=True):
    """Gate and lineage of a draft."""

    draft: Draft


class Look(Struct, tag=True, frozen=True):
    """How sources stand now against what was recorded."""

    reads: tuple[Read, ...]
    recorded: tuple[Signature, ...]


class Execute(Struct, tag=True, frozen=True):
    """Run a query to a file; ``inputs`` is the folder with the rows of the views it reads."""

    run: Run
    inputs: str = ""


class Encode(Struct, tag=True, frozen=True):
    """Render a stored result."""

    encoding: Encoding


class Diff(Struct, tag=True, frozen=True):
    """Compare two stored results row by row."""

    comparing: Comparing


class Survey(Struct, tag=True, frozen=True):
    """What some columns of a stored result hold; ``rows`` is how many there are."""

    stored: Stored
    rows: int
    names: tuple[str, ...]


class Plot(Struct, tag=True, frozen=True):
    """The marks of a chart of a stored result."""

    stored: Stored
    chart: Chart


class Draw(Struct, tag=True, frozen=True):
    """Draw a Vega-Lite spec, given as JSON; asked of workers that draw."""

    spec: bytes
    title: str
    form: Literal["svg", "png"]


class Cancel(Struct, tag=True, frozen=True):
    """Interrupt the run with this id; ignored when another one runs."""

    run_id: str


class Ready(Struct, tag=True, frozen=True):
    """The worker has opened its engine; ``confined`` names the walls it stands behind."""

    confined: tuple[str, ...] = ()


class Tick(Struct, tag=True, frozen=True):
    """A run goes on."""

    progress: Progress


class Planned(Struct, tag=True, frozen=True):
    """Answer to :class:`Check`."""

    plan: Plan


class Looked(Struct, tag=True, frozen=True):
    """Answer to :class:`Look`."""

    comparison: Comparison


class Ran(Struct, tag=True, frozen=True):
    """Answer to :class:`Execute`."""

    outcome: Outcome


class Rendered(Struct, tag=True, frozen=True):
    """Answer to :class:`Encode`."""

    encoded: Encoded


class Compared(Struct, tag=True, frozen=True):
    """Answer to :class:`Diff`."""

    difference: Difference


class Surveyed(Struct, tag=True, frozen=True):
    """Answer to :class:`Survey`."""

    profile: Profile


class Plotted(Struct, tag=True, frozen=True):
    """Answer to :class:`Plot`."""

    points: Points


class Drawn(Struct, tag=True, frozen=True):
    """Answer to :class:`Draw`."""

    picture: bytes


class Failed(Struct, tag=True, frozen=True):
    """The task failed; ``error`` as :meth:`ViewsError.to_dict` writes it.

    ``is_poisoned`` says that the engine instance can no longer be trusted and
    the process must be replaced; ``trace`` is for the server's log only.
    """

    error: dict[str, Any]
    is_poisoned: bool = False
    trace: str = ""


Request = Setup | Check | Look | Execute | Encode | Diff | Survey | Plot | Draw | Cancel
Reply = (
    Ready
    | Tick
    | Planned
    | Looked
    | Ran
    | Rendered
    | Compared
    | Surveyed
    | Plotted
    | Drawn
    | Failed
)

_to_bytes = msgspec.msgpack.Encoder().encode
_to_request = msgspec.msgpack.Decoder(Request)
_to_reply = msgspec.msgpack.Decoder(Reply)


def to_frame(message: Request | Reply) -> bytes:
    """The bytes of one frame."""
    body = _to_bytes(message)
    return HEAD.pack(len(body)) + body


def to_request(body: bytes) -> Request:
    """A request from a frame's body, checked against its type."""
    return _to_request.decode(body)


def to_reply(body: bytes) -> Reply:
    """A reply from a frame's body, checked against its type."""
    return _to_reply.decode(body)


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """``size`` bytes from a blocking socket; EOFError when the other side has gone."""
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def read_frame(sock: socket.socket) -> bytes:
    """The body of the next frame on a blocking socket."""
    (size,) = HEAD.unpack(read_exactly(sock, HEAD.size))
    if size > MAX_FRAME_BYTES:
        raise EOFError
    return read_exactly(sock, size)


def _unicode(text: str, error: ViewsError) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise error from None
    return text


# MessagePack has no dates, decimals or integers beyond 64 bits, and a date sent
# as text would be bound as VARCHAR, which the engine refuses to compare with a
# DATE. Such values travel as {"": [kind, text]}; a dict with an empty key
# cannot be mistaken for one because plain dicts are wrapped as well.
_KINDS: dict[type, str] = {
    datetime: "datetime",
    date: "date",
    time: "time",
    Decimal: "decimal",
    UUID: "uuid",
}


def pack_value(value: Any) -> Any:
    """A parameter value in a form that survives MessagePack with its type."""
    if isinstance(value, str):
        return _unicode(value, InvalidParameters("A parameter must be valid Unicode text."))
    if value is None or isinstance(value, bool | bytes | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else {"": ["int", str(value)]}
    if isinstance(value, timedelta):
        return {"": ["timedelta", [value.days, value.seconds, value.microseconds]]}
    if (kind := _KINDS.get(type(value))) is not None:
        text = str(value) if kind in {"decimal", "uuid"} else value.isoformat()
        return {"": [kind, text]}
    if isinstance(value, list | tuple):
        return [pack_value(each) for each in value]
    if isinstance(value, dict):
        return {"": ["dict", {str(name): pack_value(each) for name, each in value.items()}]}
    raise InvalidParameters(f"A parameter cannot be a {type(value).__name__}.")


_UNPACK: dict[str, Any] = {
    "int": int,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
    "timedelta": lambda parts: timedelta(*parts),
    "dict": lambda parts: {name: unpack_value(each) for name, each in parts.items()},
}


def unpack_value(value: Any) -> Any:
    """The value that :func:`pack_value` packed."""
    if isinstance(value, list):
        return [unpack_value(each) for each in value]
    if isinstance(value, dict):
        kind, content = value[""]
        return _UNPACK[kind](content)
    return value


def pack_draft(draft: Draft) -> Draft:
    """The draft with its parameter values packed for the journey.

    Raises
    ------
    ParseError, InvalidParameters
        A text holds half a character (a lone surrogate), or a value is of a
        type that cannot be bound.
    """
    _unicode(draft.sql, ParseError("SQL must be valid Unicode text."))
    params = {name: pack_value(value) for name, value in draft.params.items()}
    return msgspec.structs.replace(draft, params=params)


def unpack_draft(draft: Draft) -> Draft:
    """The draft as it was before :func:`pack_draft`, its parameters spelled as the engine does.

    Raises
    ------
    ParseError
        A marker stands inside quotes.
    """
    params = {name: unpack_value(value) for name, value in draft.params.items()}
    return msgspec.structs.replace(draft, sql=spelled(draft.sql), params=params)
