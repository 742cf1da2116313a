"""Rows of JSON lines: blocks go through pyarrow.json, and what it refuses is halved until single lines tell why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.numeric import Numeric, Timed
from streamavg.sources.json_blocks import plain_lines
from streamavg.sources.json_columns import (
    bool_array,
    label_array,
    list_array,
    number_array,
    number_lists,
    type_of,
    whole_numbers,
)
from streamavg.sources.json_fields import columns_of, found_in
from streamavg.sources.json_lines import BLANK, MalformedError, instant, label, number, parse, plain
from streamavg.sources.json_paths import column_of, schema_of, value_at
from streamavg.sources.unit import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FEWEST = 64  # plain lines in a row among others for which a piece of their own is worth it
SMALL = 1 << 14  # a refused block of this size is read line by line: 2 us a line, against 0.3 in pyarrow.json


class Rows:
    """Reads blocks of lines into pieces; `types` is what the first lines suggest, and follows what later ones show.

    Which way a block is read never shows in the result but in the type of a column: int64 or the same label's text.
    """

    def __init__(self, types: Mapping[str, pa.DataType], paths: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """paths: the keys that lead to a column inside other objects."""
        self._paths = dict(paths or {})
        self._keys = list(dict.fromkeys(self._path(name)[0] for name in types))
        self._inner = [key for path in self._paths.values() for key in path[1:]]
        self._names = list(types)
        self._unknown = {name for name, kind in types.items() if pa.types.is_null(kind)}
        self._types = {name: pa.string() if pa.types.is_null(kind) else kind for name, kind in types.items()}
        self._lists = {name: pa.types.is_list(kind) for name, kind in types.items() if name not in self._unknown}

    def pieces(self, block: bytes) -> Iterator[Piece]:
        """The rows of a block of whole lines."""
        found = None if self._paths else found_in(block, self._types)  # a path leads into nested objects
        if found is None or not found.good.any():
            yield from self._pieces(block)
            return
        at = 0
        for first, after, good in found.runs(FEWEST):
            end = len(block) if after == len(found.ends) else int(found.ends[after - 1])
            columns = columns_of(found, slice(first, after), self._types) if good else None
            arrays = columns and [self._settled(name, each) for name, each in zip(self._names, columns, strict=True)]
            if arrays and None not in arrays:
                yield Piece(pa.RecordBatch.from_arrays(arrays, names=self._names), size=end - at)
            else:
                yield from self._pieces(block[at:end])
            at = end

    def _pieces(self, block: bytes) -> Iterator[Piece]:
        """As `pieces`, through pyarrow.json."""
        lines = plain_lines(block)
        if lines == 0:
            yield Piece(self._line_by_line(b"").batch, size=len(block))
            return
        batch = self._parsed(block, lines) if lines else None
        if batch is not None:
            yield Piece(batch, size=len(block))
            return
        middle = block.find(b"\n", len(block) // 2) + 1 if len(block) > SMALL else 0
        if 0 < middle < len(block):
            yield from self._pieces(block[:middle])
            yield from self._pieces(block[middle:])
        else:
            yield self._line_by_line(block)

    def lost(self, malformed: int) -> Piece:
        """A piece without rows, for lines that were lost."""
        return Piece(self._line_by_line(b"").batch, malformed)

    def _parsed(self, block: bytes, lines: int) -> pa.RecordBatch | None:
        """The block through pyarrow.json, or None if one line does not fit the types."""
        import pyarrow.json as pj

        # With only the wanted fields in the schema, other fields may hold anything, 500,000 levels deep.
        options = pj.ParseOptions(schema_of(self._types, self._paths), unexpected_field_behavior="ignore")
        whole = pj.ReadOptions(use_threads=False, block_size=len(block) + 1)
        try:
            table = pj.read_json(pa.BufferReader(block), whole, options)
            table.validate(full=True)  # pyarrow.json lets bytes pass that are not UTF-8
        except pa.ArrowInvalid:
            return None
        if table.num_rows != lines:
            return None
        columns = [self._settled(name, column_of(table, self._path(name))) for name in self._names]
        return pa.RecordBatch.from_arrays(columns, names=self._names) if None not in columns else None

    def _path(self, name: str) -> tuple[str, ...]:
        return self._paths.get(name, (name,))

    def _settled(self, name: str, column: pa.Array) -> pa.Array | None:
        """The column as it is handed on: a guessed type without a value as nulls, floats as integers if they are."""
        if isinstance(name, Numeric) or (isinstance(name, Timed) and pa.types.is_floating(column.type)):
            return column
        if name in self._unknown and column.null_count == len(column):
            return pa.nulls(len(column))
        return whole_numbers(column) if pa.types.is_floating(column.type) else column

    def _line_by_line(self, block: bytes) -> Piece:
        rows: list[list[Any]] = []
        malformed = 0
        for line in filter(None, (line.strip(BLANK) for line in block.split(b"\n"))):
            try:
                rows.append(self._row(line))
            except MalformedError:
                malformed += 1
        columns = [self._array(name, [row[i] for row in rows]) for i, name in enumerate(self._names)]
        return Piece(pa.RecordBatch.from_arrays(columns, names=self._names), malformed, size=len(block))

    def _row(self, line: bytes) -> list[Any]:
        found = parse(line, self._keys, self._inner)
        return [self._value(name, value_at(found, self._path(name))) for name in self._names]

    def is_row(self, line: bytes) -> bool:
        """Whether a line that is not blank is a row, as `pieces` found after reading it."""
        try:
            self._row(line.strip(BLANK))
        except MalformedError:
            return False
        return True

    def _value(self, name: str, value: Any) -> Any:
        """The value if it is what the column holds, labels or numbers, or a list of them where the first value was one.

        Raises MalformedError for another.
        """
        if value is None:
            return None
        if self._lists.setdefault(name, isinstance(value, list)) != isinstance(value, list):
            raise MalformedError
        check = number if isinstance(name, Numeric) else instant if isinstance(name, Timed) else label
        for each in value if isinstance(value, list) else (value,):
            check(each)
        return value

    def _array(self, name: str, values: list[Any]) -> pa.Array:
        """The values as labels, booleans as such if there are no others; remembers their type for the next block."""
        if isinstance(name, Numeric):
            return number_lists(values) if self._lists.get(name) else number_array(values)
        seen = type_of(values)
        if isinstance(name, Timed) and seen in (None, pa.int64(), pa.float64()):
            return self._instants(name, values)
        if seen == pa.null() and name in self._unknown:
            return pa.nulls(len(values))
        if seen not in (None, pa.null()):
            self._types[name] = seen
        if seen == pa.bool_():
            return bool_array(values)
        if self._lists.get(name):
            return list_array([None if value is None else [label(each) for each in value] for value in values])
        return label_array([label(value) for value in values])

    def _instants(self, name: str, values: list[Any]) -> pa.Array:
        """Numbers, or numbers among texts as texts too; a number comes to the same time either way."""
        if not any(isinstance(value, str) for value in values):
            self._types[name] = pa.float64()
            return number_array(values)
        return label_array([value if value is None or isinstance(value, str) else plain(value) for value in values])
