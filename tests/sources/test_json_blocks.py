"""Blocks: cut wherever they may be, the parts of a file hold each line once; only plain ones are called plain."""

from __future__ import annotations

import io
import random

import pytest

from streamavg.sources import json_blocks
from streamavg.sources.json_blocks import DEPTH, blocks, plain_lines


def owned(data: bytes, begin: int, end: int | None) -> list[bytes | None]:
    """The lines of a part by the definition: those that start after `begin` (or at 0) and not after `end`."""
    lines, start = [], 0
    for line in data.splitlines(keepends=True):
        if (start > begin or start == begin == 0) and (end is None or start <= end):
            lines.append(line if len(line.rstrip(b"\n")) <= json_blocks.LONGEST else None)
        start += len(line)
    return lines


def cut(data: bytes, begin: int, end: int | None) -> list[bytes | None]:
    handle = io.BytesIO(data)
    handle.seek(begin)
    lines: list[bytes | None] = []
    for _, block in blocks(handle, begin, end):
        lines += [None] if block is None else block.splitlines(keepends=True)
    return lines


@pytest.mark.parametrize("seed", range(30))
def test_parts_of_any_size_hold_each_line_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(json_blocks, "BLOCK", draw.choice([1, 3, 8]))
    monkeypatch.setattr(json_blocks, "LONGEST", draw.choice([10, 30, 1000]))
    data = b"".join(bytes(draw.choices(b"abc{}", k=draw.choice([0, 1, 2, 5, 12, 60]))) + b"\n" for _ in range(20))
    data = data[: draw.choice([len(data), len(data) - 1, len(data) // 2])]
    size = draw.choice([1, 2, 7, 30, 10_000])
    cuts = list(range(0, max(len(data), 1), size))
    parts = list(zip(cuts, [*cuts[1:], None], strict=True))
    for begin, end in parts:
        assert cut(data, begin, end) == owned(data, begin, end)
    together = [line for begin, end in parts for line in cut(data, begin, end)]
    assert together == owned(data, 0, None)


def test_a_line_above_the_limit_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_blocks, "BLOCK", 1 << 10)
    monkeypatch.setattr(json_blocks, "LONGEST", 1 << 14)
    asked: list[int] = []

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size or 0)
            return b"x" * (size or 0) if len(asked) < 3000 else super().read(size)

    assert [block for _, block in blocks(Endless(b"\nlast"), 0, None)] == [None, b"last"]
    assert max(asked) <= (1 << 14) + 1


def test_a_line_of_exactly_the_limit_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_blocks, "LONGEST", 10)
    assert cut(b"x" * 10 + b"\n" + b"y" * 11 + b"\n" + b"z" * 11, 0, None) == [b"x" * 10 + b"\n", None, None]


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        (b'{"a": 1}\n{"a": 2}\n', 2),
        (b'{"a": 1}\n{"a": 2}', 2),
        (b'\n\n{"a": 1}\r\n\r\n{}\r\n', 2),
        (b"", 0),
        (b"\n", 0),
        (b"\r\n\r\n", 0),
        (b'{"a": [{"b": {}}]}', 1),
        (b'{"a": 1}{"a": 2}\n', 1),  # pyarrow.json finds two rows, which is not one
    ],
)
def test_the_lines_of_a_plain_block_are_counted(block: bytes, lines: int) -> None:
    assert plain_lines(block) == lines


@pytest.mark.parametrize(
    "block",
    [
        b"null\n",
        b'null\n{"a": 1}\n',
        b'{"a": 1}\nnull\n',
        b'{"a":\n1}\n',
        b'[1]\n{"a": 1}',
        b'{"a": 1} \n',
        b' {"a": 1}\n',
        b'\xef\xbb\xbf{"a": 1}\n',
        b'{"a": 1}\n}\n',
        b"{\n}\n",
        b" \n",
        b"\r\r\n",
        b'{"a": 1}\0\n',
        b'{"a":' + b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1) + b"}\n",
        b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1) + b'\n{"a": 1}\n',
    ],
)
def test_a_block_that_pyarrow_could_misread_is_not_plain(block: bytes) -> None:
    assert plain_lines(block) is None


def test_a_deep_line_is_found_among_long_ones() -> None:
    long = b'{"a": "' + b"x" * 5000 + b'"}\n'
    deep = b'{"a": ' + b"[" * DEPTH + b"]" * DEPTH + b"}\n"
    assert plain_lines(long * 3) == 3
    assert plain_lines(long + deep + long) is None
