"""Blocks of JSON lines: whole lines cut from bytes, and the proof that a block is one plain object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 20  # 256 KiB to 8 MiB parse equally fast; a small block loses less time to one bad line
LONGEST = 1 << 26  # a line of more bytes is malformed, so that memory stays flat
DEPTH = 256  # deeper nesting is malformed: the standard library stops at about 1,000, pyarrow.json may die at 10,000
_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"


def blocks(handle: Any, begin: int, end: int | None) -> Iterator[tuple[int, bytes | None]]:
    """Runs of whole lines, with the line ends, each after the position in the file that follows it.

    None stands for one line above LONGEST, which is skipped. The handle stands at `begin`. A part has the lines that
    start after `begin` (or at 0) and not after `end`, so parts that touch share no line and leave none out. The last
    line of the file need not have a line end; a part that goes on to the end of the file tells where that is.
    """
    held, position = _after_newline(handle, begin, end) if begin else (b"", 0)
    while end is None or position <= end:
        last = -1 if end is None else held.find(b"\n", end - position)
        cut = 1 + (held.rfind(b"\n") if last < 0 else last)
        if cut:
            position += cut
            yield position, held[:cut]
            held = held[cut:]
        elif len(held) > LONGEST:
            held, position = _after_newline(handle, position + len(held), end)
            yield position, None
        else:
            data = handle.read(min(max(BLOCK, len(held)), LONGEST + 1 - len(held)))
            if not data:
                break
            held += data
    else:
        return
    if held or end is None:
        yield position + len(held), held


def _after_newline(handle: Any, position: int, end: int | None) -> tuple[bytes, int]:
    """Skip the rest of a line: the bytes read after it, and where they start; beyond `end` if that is not before."""
    while end is None or position < end:
        data = handle.read(BLOCK)
        if not data:
            break
        cut = data.find(b"\n") + 1
        if cut:
            return data[cut:], position + cut
        position += len(data)
    return b"", position if end is None else end + 1


def plain_lines(block: bytes) -> int | None:
    """The number of lines that are not blank if each looks like {...} and none can be nested too deeply; else None.

    pyarrow.json does not look at line ends: it reads {"a": 1}{"a": 2} as two rows, an object over two lines as one,
    and dies of SIGSEGV on a first line `null`. If all lines start with { and end with }, an object that spans two of
    them is not JSON, so as many rows as lines means one object a line.
    """
    if not block:
        return 0
    raw = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(raw == _NEWLINE)
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(raw))
    starts = np.append(0, ends[:-1] + 1)
    ends = np.where((ends > starts) & (raw[ends - 1] == _RETURN), ends - 1, ends)
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    if not ((raw[starts] == _OPEN) & (raw[ends - 1] == _CLOSE)).all():
        return None
    for i in np.flatnonzero(ends - starts > 2 * DEPTH):
        if block.count(b"{", starts[i], ends[i]) + block.count(b"[", starts[i], ends[i]) > DEPTH:
            return None
    return len(starts)
