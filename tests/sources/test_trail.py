"""Trail: spans of a log's pieces follow each other without a gap, and the bytes before are those of the file."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from streamavg.position import Position, digest_of, gaps
from streamavg.sources import json_blocks, jsonl, open_rest
from streamavg.sources.trail import BEFORE
from tests.sources.samples import choose

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    b'{"y_true": "a", "y_pred": "b"}\n',
    b"\n",
    b"  \r\n",
    b'{"broken\n',
    b'{"y_true": "long", "y_pred": "' + b"x" * 300 + b'"}\n',
    b'{"y_pred": "b", "y_true": "a"}\r\n',
]


def starts(data: bytes) -> list[int]:
    """Where the lines of a file start."""
    return [0, *(i + 1 for i, byte in enumerate(data) if byte == ord("\n") and i + 1 < len(data))]


@pytest.mark.parametrize("seed", range(40))
def test_spans_hold_each_line_once(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(json_blocks, "BLOCK", draw.choice([1, 40, 200, 5000]))
    monkeypatch.setattr(json_blocks, "LONGEST", draw.choice([250, 1 << 20]))
    monkeypatch.setattr(jsonl, "UNIT_BYTES", draw.choice([30, 100, 1000, 1 << 20]))
    bom = draw.choice([b"", jsonl.BOM])
    data = bom + LINES[0] + b"".join(draw.choices(LINES, k=draw.choice([0, 1, 10, 60])))
    data = data[: len(data) - draw.choice([0, 1])]
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    units, _ = open_rest(str(path), choose, Position())
    held = [(piece, unit) for unit in units for piece in unit.read()]
    for piece, _ in held:
        (span,) = piece.spans
        end = span.after[1]
        assert span.rows == end - span.start
        assert piece.before == digest_of(data[max(end - BEFORE, 0) : end])
        if draw.random() < 0.3:  # what is read from here on is what lies behind
            done = ((0, 0, *span.after),)
            again, _ = open_rest(str(path), choose, _of(path, data, end))
            rest = list(gaps(done, 0, 0, len(data)))
            counted = sum(p.batch.num_rows + p.malformed for u in again for p in u.read())
            assert counted == sum(filled(data, at) for at in starts(data) if any(a <= at < b for a, b in rest))
    position = Position.of((unit.source, piece.spans, piece.before) for piece, unit in held if unit.source)
    (counted_file,) = position.files.values()
    assert counted_file.ranges == ((0, 0, 0, len(data)),)
    for piece, _ in held:
        (span,) = piece.spans
        lines = sum(filled(data, at) for at in starts(data) if span.start <= at < span.after[1])
        assert lines == piece.batch.num_rows + piece.malformed


def filled(data: bytes, at: int) -> bool:
    """Whether the line that starts there has anything in it."""
    return bool(data[at:].split(b"\n", 1)[0].removeprefix(jsonl.BOM if at == 0 else b"").strip(b" \t\r"))


def _of(path: Path, data: bytes, end: int) -> Position:
    text = {
        "files": [
            [
                str(path),
                "jsonl",
                len(data),
                digest_of(data[:1024], b""),
                [[0, 0, 0, end]],
                digest_of(data[max(end - BEFORE, 0) : end]),
            ]
        ]
    }
    return Position.from_json(text)
