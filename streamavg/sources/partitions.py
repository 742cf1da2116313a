"""Partitions: key=value directories of a Hive-style data set, as columns of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from streamavg.sources.unit import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamavg.sources.unit import Piece

_NULL = "__HIVE_DEFAULT_PARTITION__"
_TYPE = pa.dictionary(pa.int32(), pa.string())


def partition_keys(path: str) -> dict[str, str | None]:
    """The keys in the directories of a path, decoded; the file's own name gives none.

    >>> partition_keys("lang=en/day=__HIVE_DEFAULT_PARTITION__/what=a%2Fb/part=0.parquet")
    {'lang': 'en', 'day': None, 'what': 'a/b'}
    """
    pairs = (part.split("=", 1) for part in path.split("/")[:-1] if "=" in part)
    return {unquote(key): None if value == _NULL else unquote(value) for key, value in pairs}


def partition_columns(keys: Mapping[str, str | None]) -> list[Column]:
    """The keys as columns; a path does not say whether its values are text or numbers."""
    return [Column(key, pa.null() if value is None else _TYPE, loose=True) for key, value in keys.items()]


def arranged(pieces: Iterator[Piece], chosen: list[str], keys: Mapping[str, str | None]) -> Iterator[Piece]:
    """The pieces with the chosen columns in that order; a column that the file lacks holds its partition's value."""
    for piece in pieces:
        batch = piece.batch
        names = batch.schema.names
        if names == chosen:
            yield piece
            continue
        arrays, fields = [], []
        for name in chosen:
            if name in names:  # with its field, whose metadata may say which class each score is for
                arrays.append(batch.column(names.index(name)))
                fields.append(batch.schema.field(names.index(name)))
            else:
                arrays.append(_constant(keys[name], batch.num_rows))
                fields.append(pa.field(name, arrays[-1].type))
        yield piece._replace(batch=pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))


def _constant(value: str | None, rows: int) -> pa.DictionaryArray:
    """One value in every row. From buffers, because pa.array and pa.scalar import pandas, 0.4 s where it is there."""
    if value is None:
        return pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()), pa.nulls(0, pa.string()))
    text = value.encode()
    word = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, len(text)], np.int32)), pa.py_buffer(text))
    codes = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(np.zeros(rows, np.int32))])
    return pa.DictionaryArray.from_arrays(codes, word)
