"""Rows: whether pyarrow.json or the standard library reads a block must not show in labels or in malformed lines."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from streamavg.sources import json_rows
from streamavg.sources.json_blocks import DEPTH
from streamavg.sources.json_rows import Rows
from tests.sources.samples import text

BAD = object()
# What stands in a file -> the label's text. Each row of this table is the rule, written down without any code of ours.
LABELS: dict[bytes, Any] = {
    b'"en"': "en",
    b'"de"': "de",
    b'""': "",
    b'"007"': "007",
    b'"n\xc3\xa9"': "né",
    b'"n\\u00e9"': "né",
    b'"a\\u0000b"': "a\0b",
    b'"\\ud83d\\ude00"': "😀",
    b'"\\"y_true\\": 1"': '"y_true": 1',
    b'"Inf"': "Inf",
    b'"\x7f"': "\x7f",
    b'"}\\n{"': "}\n{",
    b'"3"': "3",
    b"3": "3",
    b"-0": "0",
    b"3.0": "3",
    b"1e2": "100",
    b"-7": "-7",
    b"-0.0": "0",
    b"true": "1",
    b"false": "0",
    b"null": None,
    b"9223372036854775807": "9223372036854775807",
    b"-9223372036854775808": "-9223372036854775808",
    b"9007199254740993": "9007199254740993",
    b"9007199254740993.0": "9007199254740992",
    b"1E+2": "100",
    b"9223372036854775808": BAD,
    b"-9223372036854775809": BAD,
    b"1e19": BAD,
    b"1e999": BAD,
    b"1.5": BAD,
    b"NaN": BAD,
    b"-Infinity": BAD,
    b"Inf": BAD,
    b"{}": BAD,
    b'{"y_true": "a"}': BAD,
    b"[]": BAD,
    b'["a"]': BAD,
    b'"\\ud800"': BAD,
    b'"\\udc00"': BAD,
    b'"\xff"': BAD,
    b'"\xed\xa0\x80"': BAD,
    b'"a\tb"': BAD,
    b"01": BAD,
    b"nan": BAD,
    b"tru": BAD,
    b"": BAD,
}
SETS: dict[bytes, Any] = {
    b'["en"]': ("en",),
    b"[]": (),
    b'["en", "de", "en"]': ("en", "de", "en"),
    b'["en", null]': ("en", None),
    b"null": None,
    b"[3, 4]": ("3", "4"),
    b"[3.0]": ("3",),
    b'["a", 3]': ("a", "3"),
    b"[true]": ("1",),
    b'"en"': BAD,
    b"3": BAD,
    b"{}": BAD,
    b"[[]]": BAD,
    b'[["en"]]': BAD,
    b"[1.5]": BAD,
    b'["\xff"]': BAD,
    b"[NaN]": BAD,
    b'["en",]': BAD,
}
OTHERS = [
    b'"x": 1',
    b'"x": {"y_true": "z", "y_pred": [1]}',
    b'"x": [{"y_true": "z"}]',
    b'"x": NaN',
    b'"x": Inf',
    b'"x": -NaN',
    b'"x": -Inf',
    b'"x": 1e999',
    b'"x": "\xff"',
    b'"x": "\\udc00"',
    b'"x": ' + b"9" * 5000,
    b'"x": "l\\n\\"y_true\\""',
    b'"x": 1, "x": 2',
    b'"": 1',
    b'"y_true\\u0000": 1',
    b'"Y_true": 1',
    b'"x": ' + b"[" * 200 + b"]" * 200,
    b'"x": "' + b"{" * 999 + b'"',
]
OTHERS_BAD = [
    b'"x": ' + b"[" * DEPTH + b"]" * DEPTH,
    b'"y_true": "again"',
    b'"y\\u005fpred": null',
    b'"x": 01',
    b'"x"',
    b'"x": "\\x"',
    b"",
    b'"x": ' + b'{"x": ' * DEPTH + b"1" + b"}" * DEPTH,
]
LINES_BAD = [
    b"garbage",
    b"null",
    b"[]",
    b'"x"',
    b"1",
    b"{",
    b"}",
    b"{}{}",
    b"{}null",
    b"{} null {}",
    b"null{}",
    b'{"y_true": "a"}\r{"y_true": "b"}',
    b'{"y_true": "a"}\x00\x00',
    b"\x00\x00\x00",
    b"\xef\xbb\xbf{}",
    b"\x0c{}",
    b'{"y_true":',
    b'"a"}',
    b"{}}",
    b"{{}",
    b"[{}]",
    b"\xff\xfe",
]


REGIMES: dict[str, tuple[list[bytes], dict[bytes, Any], pa.DataType]] = {
    "text": ([b'"en"', b'"de"', b'"007"', b"null"], LABELS, pa.string()),
    "integers": ([b"3", b"-7", b"-0", b"null"], LABELS, pa.int64()),
    "booleans": ([b"true", b"false", b"null"], LABELS, pa.bool_()),
    "floats": ([b"3.0", b"-0.0", b"1e2", b"null"], LABELS, pa.float64()),
    "mixed": ([b"3", b'"3"', b"true", b"3.0"], LABELS, pa.string()),
    "wrong guess": ([b'"en"', b'"de"'], LABELS, pa.int64()),
    "no guess": (
        [b'"en"', b"3", b"null"],
        {cell: value for cell, value in LABELS.items() if b"[" not in cell},
        pa.null(),
    ),
    "sets of text": ([b'["en"]', b"[]", b"null"], SETS, pa.list_(pa.string())),
    "sets of integers": ([b"[3, 4]", b"[]"], SETS, pa.list_(pa.int64())),
}


def draw_line(draw: random.Random, oddness: float, plain: list[bytes], values: dict[bytes, Any]) -> tuple[bytes, Any]:
    """One line and its row; BAD if it is malformed, None if it is blank."""
    if draw.random() < oddness / 4:
        return draw.choice([b"", b" ", b"\t \r"]), None
    if draw.random() < oddness / 4:
        return draw.choice(LINES_BAD), BAD
    cells = [draw.choice(list(values) if draw.random() < oddness else plain) for _ in range(2)]
    fields = {b'"y_true": ' + cells[0]: values[cells[0]], b'"y_pred": ' + cells[1]: values[cells[1]]}
    row: Any = tuple(fields.values())
    parts = list(fields)
    if draw.random() < oddness / 4:
        parts, row = [*parts, draw.choice(OTHERS_BAD)], BAD
    elif draw.random() < oddness / 4:
        parts, row = parts[1:], (None, row[1])
    if draw.random() < oddness:
        parts.append(draw.choice(OTHERS))
    draw.shuffle(parts)
    space = draw.choice([b"", b"", b" ", b"\r"]) if draw.random() < oddness else b""
    return b"{" + b", ".join(parts) + b"}" + space, BAD if row is BAD or BAD in row else row


def read(blocks: list[bytes], types: dict[str, pa.DataType]) -> tuple[Counter[Any], int]:
    rows, found, malformed = Rows(types), Counter[Any](), 0
    for block in blocks:
        for piece in rows.pieces(block):
            piece.batch.validate(full=True)
            assert piece.batch.schema.names == ["y_true", "y_pred"]
            found.update(tuple(map(text, row.values())) for row in piece.batch.to_pylist())
            malformed += piece.malformed
    return found, malformed


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("oddness", [0, 0.001, 0.02, 0.4])
@pytest.mark.parametrize("size", [3, 40, 1500])
def test_both_ways_give_what_was_written(
    regime: str, oddness: float, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,500 lines each: counted by the table above, by pyarrow.json with halving, and line by line alone."""
    plain, values, kind = REGIMES[regime]
    draw = random.Random(f"{regime} {oddness} {size}")
    lines = [draw_line(draw, oddness, plain, values) for _ in range(1500)]
    expected = Counter(row for _, row in lines if row not in (BAD, None)), sum(row is BAD for _, row in lines)
    blocks = [b"\n".join(line for line, _ in lines[i : i + size]) + b"\n" for i in range(0, len(lines), size)]
    types = {"y_true": kind, "y_pred": kind}
    monkeypatch.setattr(json_rows, "SMALL", 500)
    assert read(blocks, types) == expected
    monkeypatch.setattr(json_rows, "plain_lines", lambda block: None)
    monkeypatch.setattr(json_rows, "SMALL", 1 << 30)
    assert read(blocks, types) == expected


def test_a_plain_block_is_read_by_pyarrow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above means nothing if the fast way is never taken."""
    monkeypatch.setattr(Rows, "_line_by_line", lambda self, block: pytest.fail("line by line"))
    for regime in ("text", "integers", "booleans", "floats", "sets of text", "sets of integers"):
        plain, values, kind = REGIMES[regime]
        lines = [draw_line(random.Random(i), 0, plain, values) for i in range(100)]
        found, _ = read([b"\n".join(line for line, _ in lines)], {"y_true": kind, "y_pred": kind})
        assert found == Counter(row for _, row in lines)


def test_one_bad_line_costs_only_its_neighbourhood(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[int] = []
    original = Rows._line_by_line

    def counted(self: Rows, block: bytes) -> Any:
        slow.append(len(block))
        return original(self, block)

    monkeypatch.setattr(Rows, "_line_by_line", counted)
    block = b'{"y_true": "a", "y_pred": "b"}\n' * 30_000
    block = block[: len(block) // 2] + b"bad\n" + block[len(block) // 2 :]
    found, malformed = read([block], {"y_true": pa.string(), "y_pred": pa.string()})
    assert (sum(found.values()), malformed) >= (29_999, 1)
    assert sum(slow) <= json_rows.SMALL


def test_a_wrong_guess_is_corrected_after_the_first_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows({"y_true": pa.int64(), "y_pred": pa.null()})
    block = b'{"y_true": "a", "y_pred": 7}\n' * 10
    assert [piece.batch.num_rows for piece in rows.pieces(block)] == [10]
    monkeypatch.setattr(Rows, "_line_by_line", lambda self, block: pytest.fail("line by line"))
    (piece,) = rows.pieces(block)
    assert piece.batch.schema.types == [pa.string(), pa.int64()]


def test_types_are_kept_where_the_task_depends_on_them() -> None:
    """A boolean truth makes the task binary, a list multilabel; a bad line beside it must not change that."""
    for value, kind in {"true": pa.bool_(), '["a"]': pa.list_(pa.string())}.items():
        line = f'{{"y_true": {value}}}\n'.encode()
        for block in (line, line + b"bad\n", line + b'{"y_true": null}\n'):
            (piece,) = Rows({"y_true": kind}).pieces(block)
            assert piece.batch.schema.types == [kind]


def test_a_column_of_nulls_of_which_nothing_is_known_is_null() -> None:
    for block in (b'{"y": null}\n{}\n', b'{"y": null}\nbad\n{}\n'):
        (piece,) = Rows({"y": pa.null()}).pieces(block)
        assert piece.batch.column(0).equals(pa.nulls(2))
        (piece,) = Rows({"y": pa.string()}).pieces(block)
        assert piece.batch.column(0).equals(pa.nulls(2, pa.string()))


def test_the_first_value_tells_a_list_from_a_label_where_nothing_is_known() -> None:
    (piece,) = Rows({"y": pa.null()}).pieces(b'{"y": null}\n{"y": ["a"]}\n{"y": "a"}\n')
    assert (piece.batch.to_pylist(), piece.malformed) == ([{"y": None}, {"y": ["a"]}], 1)


def test_deep_nesting_kills_nothing() -> None:
    deep = b'{"y": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    for block in (deep, deep * 3, b'{"y": "b"}\n' + deep, deep.replace(b"[", b'{"a":').replace(b"]", b"}")):
        found = list(Rows({"y": pa.string()}).pieces(block))
        assert sum(piece.malformed for piece in found) == block.count(b"\n") - (b'"b"' in block)


def test_a_line_that_is_null_does_not_kill_the_process() -> None:
    """pyarrow.json 26 dies of SIGSEGV when the first row of a block is null and a schema is given."""
    for block in (
        b"null\n",
        b"null",
        b"null\nnull\n",
        b'null\n{"y": "a"}\n',
        b'\n\nnull\n{"y": "a"}\n',
        b"null null\n",
    ):
        found = list(Rows({"y": pa.string()}).pieces(block))
        assert sum(piece.malformed for piece in found) == sum(b"null" in line for line in block.split(b"\n"))
