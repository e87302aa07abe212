"""Arrow streams that lie about themselves never become rows."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest


def _stream(table: pa.Table, **options) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _longer_than_its_buffer() -> bytes:
    numbers = pa.table({"x": pa.array(range(6000), pa.int64())})
    content = _stream(numbers, compression="lz4")
    return content.replace((6000).to_bytes(8, "little"), (36000).to_bytes(8, "little"))


def _offsets_out_of_bounds() -> bytes:
    content = _stream(pa.table({"x": pa.array(["abcdefgh"], pa.large_string())}))
    honest = (0).to_bytes(8, "little") + (8).to_bytes(8, "little")
    return content.replace(honest, (0).to_bytes(8, "little") + (2**20).to_bytes(8, "little"))


@pytest.mark.parametrize(
    "content",
    [
        _longer_than_its_buffer(),
        _offsets_out_of_bounds(),
        b"",
        b"not arrow at all",
        _stream(pa.table({"x": [1, 2, 3]}))[:-40],
    ],
    ids=["longer", "offsets", "empty", "junk", "cut"],
)
async def test_A47_a_hostile_stream_fails_its_statement_and_nothing_else(api, content):
    sha256 = hashlib.sha256(content).hexdigest()
    assert (await api("PUT", f"api/frames/{sha256}", raw=content)).status == 201

    statement = await api.run("SELECT x FROM f", frames={"f": sha256})

    assert statement["status"] == "FAILED"
    assert statement["error"]["code"] == "ENGINE_ERROR", statement["error"]
    assert "damaged" in statement["error"]["message"]
    assert (await api.run("SELECT 1"))["status"] == "SUCCESS"


async def test_A47_a_frame_that_changed_on_disk_is_refused(api, tmp_path):
    content = _stream(pa.table({"x": list(range(1000))}))
    sha256 = hashlib.sha256(content).hexdigest()
    await api("PUT", f"api/frames/{sha256}", raw=content)
    (path,) = (tmp_path / "views-store" / "frames").iterdir()
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    path.write_bytes(bytes(changed))

    statement = await api.run("SELECT sum(x) FROM f", frames={"f": sha256})

    assert statement["status"] == "FAILED"
    assert "damaged" in statement["error"]["message"]
