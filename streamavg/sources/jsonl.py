"""JSON lines: columns are the keys of the first lines, and a large plain file is split at line ends into units."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from streamavg.errors import InputError
from streamavg.numeric import Numeric, Timed
from streamavg.position import MOST, gaps
from streamavg.sources.faults import reading
from streamavg.sources.json_blocks import LONGEST, blocks
from streamavg.sources.json_lines import BLANK, MalformedError, parse
from streamavg.sources.json_paths import Keys
from streamavg.sources.json_rows import Rows
from streamavg.sources.trail import Trail
from streamavg.sources.unit import Column, Layout, Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streamavg.position import Ranges
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
        return Layout([], lambda *_: [], is_empty=True)
    keys = _keys(filled if filled[:1] not in ([b"["], [b"{"]) else ())  # else one value over many lines
    types = keys.types()
    if not types:
        raise InputError(
            f"{file.shown}: no JSON object with a field in the first {len(filled)} lines; expected one a line, but the "
            f"file starts with {head[:20]!r} (a JSON array is split by: jq -c '.[]' FILE)"
        )
    columns = [Column(key, pa.null() if kind is None else kind) for key, kind in types.items()]
    return Layout(columns, partial(_units, file, keys), has_spans=file.can_seek)


def _keys(lines: Iterable[bytes]) -> Keys:
    """The keys of all lines."""
    keys = Keys()
    for line in lines:
        with suppress(MalformedError):
            keys.add(parse(line, ()))
    return keys


def _units(file: File, keys: Keys, names: list[str], done: Ranges | None = None) -> list[Unit]:
    """Parts of about UNIT_BYTES of a plain file, those `done` left out; otherwise the whole as one."""
    try:
        wanted = wanted_types(names, keys.types())
    except InputError as error:
        raise InputError(f"{file.shown}: {error}") from None
    make = partial(Rows, wanted, keys.paths(names))
    if not file.can_seek:
        return [Unit(file.shown, file.size, None, partial(_read, file, 0, None, make))]
    return [
        Unit(file.shown, (end or file.size) - begin, None, partial(_read, file, begin, end, make, done is not None))
        for begin, end in _parts(file.size, done or ())
    ]


def wanted_types(names: Sequence[str], types: Mapping[str, pa.DataType | None]) -> dict[str, pa.DataType]:
    """The type to read each column as, from what its first values suggest. InputError for objects."""
    for name in names:
        if types.get(name) == pa.struct([]):
            inner = [each for each in types if each.startswith(f"{name}.")]
            raise InputError(
                f"field {name!r} holds objects; expected text, integers, booleans or lists"
                + (f", such as its field {inner[0]!r}" if inner else "")
            )
    return {name: _wanted(name, types.get(name, pa.null())) for name in names}


def _wanted(name: str, kind: pa.DataType | None) -> pa.DataType:
    """The type to read a column as, from what its first values suggest."""
    if isinstance(name, Timed) and kind is not None and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return pa.float64()
    if not isinstance(name, Numeric):
        return pa.string() if kind is None else kind
    return pa.list_(pa.float64()) if kind is not None and pa.types.is_list(kind) else pa.float64()


def _parts(size: int, done: Ranges) -> Iterator[tuple[int, int | None]]:
    """The parts to read, as (begin, end) in the words of `blocks`; `done` are the bytes at which lines counted start.

    The last part goes on to the end, wherever that is by then.
    """
    for start, stop in gaps(done, 0, 0, MOST):
        if done and start >= size:
            return
        cuts = range(start + UNIT_BYTES, min(stop, size) - UNIT_BYTES // 2, UNIT_BYTES)
        starts = [start, *(cut + 1 for cut in cuts)]
        for first, after in zip(starts, [*starts[1:], stop], strict=True):
            yield max(first - 1, 0), None if after == MOST else after - 1


def _read(
    file: File, begin: int, end: int | None, make: Callable[[], Rows], has_spans: bool = False
) -> Iterator[Piece]:
    rows = make()
    at_start = begin == 0
    with reading(file.shown, "JSON lines"), file.random() if file.can_seek else file.stream() as handle:
        trail = Trail(handle, begin, end) if has_spans else None
        if begin:
            handle.seek(begin)
        for after, block in blocks(handle, begin, end):
            ahead = len(BOM) if at_start and block is not None and block.startswith(BOM) else 0
            pieces = iter([rows.lost(1)]) if block is None else rows.pieces(block[ahead:] if ahead else block)
            if trail is not None:
                yield from trail.spanned(pieces, block, after, ahead)
            elif block != b"":
                yield from pieces
            at_start = False
        if trail is not None:
            file.refuse_change(may_grow=True)
            yield from trail.ended(rows.lost(0))
