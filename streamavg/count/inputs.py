"""Inputs: whatever a user calls data, as an Arrow table or an iterator of record batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

SLICE = 1 << 20  # rows encoded and counted at once; what an update holds beside the data is a few such columns


def table_or_none(data: Any) -> pa.Table | None:
    """The data as a table if it is in memory and can be read again; None for a stream."""
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, Mapping):
        return table_of(data)
    if hasattr(data, "__arrow_c_array__") and not hasattr(data, "__arrow_c_stream__"):
        return pa.Table.from_batches([pa.record_batch(data)])
    return None


def table_of(columns: Mapping[str, Any]) -> pa.Table:
    """A table of arrays of any kind: Arrow, numpy, lists, or what numpy's array protocol takes."""
    arrays = {name: _array_of(values, name) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("the columns differ in length: " + ", ".join(f"{n} has {k}" for n, k in lengths.items()))
    return pa.table(arrays)


def listed_pairs(y_true: Any, y_pred: Any, count: Any) -> tuple[pa.Table, list[int]]:
    """(truth, prediction, number of rows) triples as a table, and the numbers. Raises InputError for bad ones."""
    table = table_of({"y_true": y_true, "y_pred": y_pred, "count": count})
    rows = table["count"]
    if not pa.types.is_integer(rows.type) or rows.null_count:
        raise InputError(f"count must be integers without nulls, it is {rows.type} with {rows.null_count} nulls")
    numbers = rows.to_pylist()
    if numbers and min(numbers) < 0:
        raise InputError(f"count holds {min(numbers)}; to take rows away use retract, or subtract a snapshot")
    return table, numbers


def _array_of(values: Any, name: str) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    try:
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
        if hasattr(values, "__arrow_c_array__") or isinstance(values, list | tuple):
            return pa.array(values)
        values = np.asarray(values)
        if values.dtype.name == "bfloat16":  # of ml_dtypes, which jax and tensorflow use
            values = from_bfloat16(values)
        if values.ndim == 2:
            return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError) as error:  # pa.ArrowTypeError is a TypeError
        reason = str(error).partition("\n")[0]
        raise InputError(f"column {name!r} cannot become an Arrow array: {reason}; give values of one type") from None


def from_bfloat16(values: Any) -> Any:
    """Numbers of two bytes, whose bits are the upper half of a float32's, as float32: exact, nan and infinity too."""
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def batches_of(data: Any) -> Iterator[pa.RecordBatch]:
    """The record batches of a stream, cut so that no step holds much beside them."""
    if isinstance(data, pa.RecordBatchReader):
        reader = data
    elif hasattr(data, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(data)
    else:
        raise InputError(
            f"cannot read rows from a {type(data).__name__}; give a record batch, a table, a reader, an object with "
            "__arrow_c_stream__, or a mapping of column names to arrays"
        )
    for batch in reader:
        for start in range(0, max(batch.num_rows, 1), SLICE):
            yield batch.slice(start, SLICE)
