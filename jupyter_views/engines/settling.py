"""Equal rows as equal bytes.

The engine leaves whatever its memory held in the slots under NULLs, so the
same rows give another file each time, and an unchanged refresh would look
like a changed one. Those slots are zeroed before rows are written.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def settled(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with zeros under its NULLs; columns without NULLs are not copied."""
    columns = [_settled(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _settled(array: pa.Array) -> pa.Array:
    kind = array.type
    if array.offset or pa.types.is_null(kind):
        return array
    if pa.types.is_dictionary(kind):
        indices = _settled(array.indices)
        return pa.DictionaryArray.from_arrays(indices, array.dictionary, safe=False)
    if children := _children(array):
        return _rebuilt(array, [_settled(child) for child in children])
    return _zeroed(array) if array.null_count else array


def _children(array: pa.Array) -> list[pa.Array]:
    kind = array.type
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        return [array.field(at) for at in range(kind.num_fields)]
    if pa.types.is_map(kind):
        pairs = pa.StructArray.from_arrays(
            [array.keys, array.items], fields=[kind.key_field, kind.item_field]
        )
        return [pairs]
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return [array.values]
    return []


def _rebuilt(array: pa.Array, children: list[pa.Array]) -> pa.Array:
    own = {"struct": 1, "fixed_size_list": 1, "list": 2, "map": 2, "sparse_union": 2}
    name = "sparse_union" if pa.types.is_union(array.type) else str(array.type).split("<")[0]
    name = name.split("[")[0]
    buffers = array.buffers()[: own[name]]
    return pa.Array.from_buffers(
        array.type, len(array), buffers, null_count=array.null_count, children=children
    )


def _zeroed(array: pa.Array) -> pa.Array:
    buffers = array.buffers()
    if len(buffers) != 2 or pa.types.is_boolean(array.type):
        return array
    width = array.type.bit_width // 8
    valid = np.unpackbits(
        np.frombuffer(buffers[0], dtype=np.uint8), count=len(array), bitorder="little"
    )
    cells = np.frombuffer(buffers[1], dtype=np.uint8, count=len(array) * width)
    cells = cells.reshape(len(array), width).copy()
    cells[valid == 0] = 0
    return pa.Array.from_buffers(
        array.type, len(array), [buffers[0], pa.py_buffer(cells)], null_count=array.null_count
    )
