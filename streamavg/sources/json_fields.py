"""JSON fields: the wanted fields of flat objects, a line each, found by compiled loops in a fraction of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamavg.count.small import loops
from streamavg.sources.json_states import EVENTS, START, automaton

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LINE = 64  # bytes that a line has about: how many rows are counted before the loops are worth loading
LONGEST = 1 << 23  # of a block; a longer one has one line, or few
_PLAIN = (pa.string(), pa.int64(), pa.float64(), pa.bool_())


class Found(NamedTuple):
    """What the loops found: places and kinds of the fields, (lines, fields); where lines end; which are good."""

    text: Any
    fields: Any
    kinds: Any
    ends: Any
    good: Any

    def runs(self, fewest: int) -> Iterator[tuple[int, int, bool]]:
        """The lines as runs (first, after, good) in turn; a good run of fewer lines than `fewest` counts as bad."""
        cuts = np.flatnonzero(np.diff(self.good)) + 1
        first, is_good = 0, False
        for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(self.good)], strict=True):
            now = bool(self.good[begin]) and (end - begin >= fewest or end - begin == len(self.good))
            if now != is_good and begin > first:
                yield first, begin, is_good
                first = begin
            is_good = now
        if first < len(self.good):
            yield first, len(self.good), is_good


def found_in(block: bytes, names: Mapping[str, pa.DataType]) -> Found | None:
    """The places of the wanted fields in a block of whole lines; None where the loops are of no use."""
    kernels: Any = loops(len(block) // LINE)
    if not hasattr(kernels, "walk") or len(block) > LONGEST or not all(kind in _PLAIN for kind in names.values()):
        return None
    block = block if block.endswith(b"\n") else block + b"\n"
    middle = block.find(b"\n", len(block) // 2) + 1
    text = np.frombuffer(block, np.uint8)
    lines = int(np.count_nonzero(text == ord("\n")))  # bytes.count takes five times as long
    keys = [name.encode() for name in names]
    joined, ends = np.frombuffer(b"".join(keys) or b"-", np.uint8), np.cumsum([0, *map(len, keys)])
    places, states = np.empty((2, middle + 1), np.int32), np.empty((2, middle + 1), np.uint8)
    numbers = kernels.walk(text, middle, automaton(), np.uint64(START), np.uint64(len(EVENTS)), places, states)
    fields, kinds = np.empty((lines, len(keys), 2), np.int32), np.zeros((lines, len(keys)), np.uint8)
    found, row = (fields, kinds, np.empty(lines, np.int32), np.empty(lines, np.uint8)), 0
    meant = _meant()
    for half, number in enumerate(map(int, numbers)):
        at = places[half, :number] + (half and middle)
        rest = tuple(each[row:] for each in found)
        row += int(kernels.keep_fields(text, at, states[half, :number], joined, ends, meant, rest))
    return Found(text, *(each[:row] for each in found))


def _meant() -> Any:
    from streamavg.count.kernels.fields import FLAG, NONE, NULL, TEXT, WHOLE

    begun = {"TEXT": TEXT, "MINUS": WHOLE, "ZERO": WHOLE, "NUMBER": WHOLE, "t": FLAG, "f": FLAG, "n": NULL}
    return np.array([begun.get(event, NONE) for event in EVENTS], np.uint8)


def columns_of(found: Found, rows: slice, types: Mapping[str, pa.DataType]) -> list[pa.Array] | None:
    """The fields of these lines as arrays of their types; None if a value is of another type."""
    made = []
    for k, kind in enumerate(types.values()):
        column = _column(found.text, found.fields[rows, k], found.kinds[rows, k], kind)
        if column is None:
            return None
        made.append(column)
    return made


def _column(text: Any, places: Any, kinds: Any, kind: pa.DataType) -> pa.Array | None:
    from streamavg.count.kernels import copy_fields
    from streamavg.count.kernels.fields import FLAG, NONE, NULL, REAL, TEXT, WHOLE

    fits = {pa.string(): (TEXT,), pa.int64(): (WHOLE,), pa.bool_(): (FLAG,)}.get(kind, (WHOLE, REAL))
    known = np.zeros(8, np.uint8)
    known[list(fits)], known[[NONE, NULL]] = 1, 2
    states = known[kinds]
    if not states.all():
        return None
    ends = np.zeros(len(kinds) + 1, np.int32)
    np.cumsum((places[:, 1] - places[:, 0]) * (states == 1), out=ends[1:])
    out = np.empty(int(ends[-1]), np.uint8)
    copy_fields(text, places, ends, out)
    null = states == 2
    holes = pa.py_buffer(np.packbits(~null, bitorder="little")) if null.any() else None
    texts = pa.StringArray.from_buffers(len(kinds), pa.py_buffer(ends), pa.py_buffer(out), holes)
    try:
        texts.validate(full=True)  # or bytes might pass that are not UTF-8
        return texts if kind == pa.string() else pc.cast(pc.utf8_trim_whitespace(texts), kind)
    except pa.ArrowInvalid:
        return None
