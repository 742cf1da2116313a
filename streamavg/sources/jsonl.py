"""JSON lines: columns are the keys of the first lines, and a large plain file is split at line ends into units."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.errors import InputError
from streamavg.sources.faults import reading
from streamavg.sources.json_blocks import LONGEST, blocks
from streamavg.sources.json_columns import type_of
from streamavg.sources.json_lines import BLANK, MalformedError, parse
from streamavg.sources.json_rows import Rows
from streamavg.sources.unit import Column, Layout, Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streamavg.sources.file import File

HEAD = 1 << 20  # bytes in which the first lines are looked for
LINES = 1_000  # as many of them tell keys and types
UNIT_BYTES = 1 << 24  # part of a plain file: 0.1 s of work, so that two threads end together
BOM = b"\xef\xbb\xbf"


def open_jsonl(file: File) -> Layout:
    """The keys of the first lines as columns. Raises InputError if none of these lines is a JSON object."""
    with reading(file.shown, "JSON lines"):
        size = HEAD
        head = file.peek(size)
        if len(head) == size and b"\n" not in head:
            size = LONGEST
            head = file.peek(size)
    lines = head.removeprefix(BOM).split(b"\n")
    is_whole = len(head) < size
    filled = [line.strip(BLANK) for line in (lines if is_whole else lines[:-1]) if line.strip(BLANK)][:LINES]
    if is_whole and not filled:
        return Layout([], lambda _: [], is_empty=True)
    types = _types(filled) if filled[:1] not in ([b"["], [b"{"]) else {}  # one value over many lines
    if not types:
        raise InputError(
            f"{file.shown}: no JSON object with a field in the first {len(filled)} lines; expected one a line, but the "
            f"file starts with {head[:20]!r} (a JSON array is split by: jq -c '.[]' FILE)"
        )
    columns = [Column(key, pa.null() if kind is None else kind) for key, kind in types.items()]
    return Layout(columns, partial(_units, file, types))


def _types(lines: Iterable[bytes]) -> dict[str, pa.DataType | None]:
    """The keys of all lines with the type that suits their values; None if no single type does."""
    values: dict[str, list[Any]] = {}
    for line in lines:
        with suppress(MalformedError):
            for key, value in parse(line, ()).items():
                values.setdefault(key, []).append(value)
    return {key: type_of(seen) for key, seen in values.items()}


def _units(file: File, types: Mapping[str, pa.DataType | None], names: list[str]) -> list[Unit]:
    """Parts of about UNIT_BYTES of a plain file, otherwise the whole as one."""
    for name in names:
        if types[name] == pa.struct([]):
            raise InputError(f"{file.shown}: field {name!r} holds objects; expected text, integers, booleans or lists")
    wanted = {name: types[name] or pa.string() for name in names}
    if not file.can_seek:
        return [Unit(file.shown, file.size, None, partial(_read, file, 0, None, wanted))]
    cuts = list(range(0, max(file.size - UNIT_BYTES // 2, 1), UNIT_BYTES))
    ends: list[int | None] = [*cuts[1:], None]  # the last part goes on to the end, wherever that is by then
    return [
        Unit(file.shown, (end or file.size) - begin, None, partial(_read, file, begin, end, wanted))
        for begin, end in zip(cuts, ends, strict=True)
    ]


def _read(file: File, begin: int, end: int | None, types: Mapping[str, pa.DataType]) -> Iterator[Piece]:
    rows = Rows(types)
    at_start = begin == 0
    with reading(file.shown, "JSON lines"), file.random() if file.can_seek else file.stream() as handle:
        if begin:
            handle.seek(begin)
        for block in blocks(handle, begin, end):
            if block is None:
                yield rows.lost(1)
            else:
                yield from rows.pieces(block.removeprefix(BOM) if at_start else block)
            at_start = False
