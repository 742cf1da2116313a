"""Every reader of lines: what it makes of good and bad ones, against `streamavg eval` and rules written out by hand."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

import streamavg as sa
from streamavg.sources.lines import open_reader
from tests.sources import samples

if TYPE_CHECKING:
    from pathlib import Path

DEEP = b'{"y_true": "a", "y_pred": "b", "z": ' + b"[" * 300 + b"]" * 300 + b"}"
JSON = {
    b'{"y_true": "a", "y_pred": "b"}': None,
    b'  {"y_true": 7, "y_pred": null, "more": {"x": [1]}}  ': None,
    b'{"y_true": true}\r': None,
    b"": None,
    b" \t\r": None,
    b"plain text": "no_json",
    b'{"y_true": "a"': "no_json",
    b'{"y_true": "a"} {"y_true": "b"}': "no_json",
    b'{"y_true": "a", "y_true": "a"}': "no_label",
    b'["a", "b"]': "no_object",
    b"null": "no_object",
    b'{"y_true": 0.5}': "no_label",
    b'{"y_true": {"a": 1}}': "no_label",
    b'{"y_true": 9223372036854775808}': "no_label",
    b'{"y_true": "\\ud800"}': "no_label",
    b'{"y_true": "\xff"}': "no_utf8",
    b"\0\0\0\0": "nul",
    b'\0\0{"y_true": "a"}': "nul",
    DEEP: "deep",
    b"[" * 100_000: "deep",
}
CSV = {
    b"1,a,b": None,
    b'2,"c,d",': None,
    b'3,"",e"e': None,
    b'4,"q""q",z\r': None,
    b"": None,
    b"5,a": "no_row",
    b"6,a,b,c": "no_row",
    b'7,a,"b': "open_quote",
    b'8,"a,b': "open_quote",
    b"9,a,\xff": "no_utf8",
}
LOGFMT = {
    b"y_true=a y_pred=b": None,
    b'msg="y_true=no" flag y_true="a \\"quoted\\" text" y_pred=""': None,
    b"y_pred=x": None,
    b"y_true= y_pred=b\r": None,
    b"": None,
    b"plain text": "no_logfmt",
    b'y_true="a': "no_logfmt",
    b"\xff y_true=a": "no_utf8",
    b"\0": "nul",
}
PATTERN = {
    b"2026-01-01 a -> b": None,
    b"a -> \r": None,
    b"": None,
    b"a to b": "no_match",
    b"a -> \xff": "no_utf8",
    b"\0\0": "nul",
}
CORPORA = {
    "jsonl": (JSON, b"", None),
    "csv": (CSV, b"id,y_true,y_pred\n", None),
    "logfmt": (LOGFMT, b"", None),
    "pattern": (PATTERN, b"", r"(?P<y_true>\S+) -> (?P<y_pred>\S*)"),
}
ROWS: dict[str, dict[bytes, tuple[Any, Any]]] = {
    "logfmt": {
        b"y_true=a y_pred=b": ("a", "b"),
        b'msg="y_true=no" flag y_true="a \\"quoted\\" text" y_pred=""': ('a "quoted" text', ""),
        b"y_pred=x": (None, "x"),
        b"y_true= y_pred=b\r": (None, "b"),
    },
    "pattern": {b"2026-01-01 a -> b": ("a", "b"), b"a -> \r": ("a", None)},
    "csv": {b'2,"c,d",': ("c,d", None), b'3,"",e"e': ("", 'e"e'), b'4,"q""q",z\r': ('q"q', "z")},
}


def read(format_: str, block: bytes, pattern: str | None) -> tuple[list[tuple[Any, Any]], list[tuple[int, str, bytes]]]:
    """Rows as texts, and bad lines, of a whole file."""
    reader = open_reader(format_, lambda names: ["y_true", "y_pred"], pattern)
    first = block.partition(b"\n")[0] + b"\n"
    assert reader.knows(block, first, is_last=True)
    rows: list[tuple[Any, Any]] = []
    bad, size = [], 0
    for piece, lost in reader.pieces(block, 0, first):
        assert piece.malformed == len(lost)
        columns = piece.batch.to_pydict()
        rows += zip(*([None if v is None else str(v) for v in columns[name]] for name in columns), strict=True)
        bad += [tuple(each) for each in lost]
        size += piece.size
    assert size == len(block)
    return rows, bad


@pytest.mark.parametrize("format_", CORPORA)
def test_each_bad_line_has_its_place_and_cause(format_: str) -> None:
    """Alone, and among a thousand others in every order."""
    corpus, head, pattern = CORPORA[format_]
    draw = random.Random(format_)
    good = [line for line, cause in corpus.items() if cause is None]
    lines = [*draw.choices(good, k=1000), *corpus]
    for n in (1, len(lines)):
        draw.shuffle(lines)
        for part in [lines] if n > 1 else [[good[0], line] for line in corpus]:
            block, expected = head, []
            for line in part:
                if corpus[line] is not None:
                    expected.append((len(block), corpus[line], line))
                block += line + b"\n"
            rows, bad = read(format_, block, pattern)
            assert bad == expected
            assert len(rows) == sum(1 for line in part if corpus[line] is None and line.strip())


@pytest.mark.parametrize("format_", ROWS)
def test_what_a_line_means(format_: str) -> None:
    _, head, pattern = CORPORA[format_]
    for line, row in ROWS[format_].items():
        assert read(format_, head + line + b"\n", pattern)[0] == [row]
        assert read(format_, head + line, pattern)[0] == [row]  # the last one, without its end
    lines = list(ROWS[format_])
    assert read(format_, head + b"\n".join(lines), pattern)[0] == list(ROWS[format_].values())


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_eval_makes_the_same_of_it(tmp_path: Path, format_: str) -> None:
    corpus, head, _ = CORPORA[format_]
    # where a quote stays open eval takes the next line for the same record, and refuses a file that is not UTF-8
    fine = [line for line, cause in corpus.items() if format_ == "jsonl" or cause not in ("open_quote", "no_utf8")]
    lines = random.Random(1).choices(fine, k=3_000)
    path = tmp_path / f"a.{format_}"
    path.write_bytes(head + b"\n".join(lines) + b"\n")
    reader = open_reader(format_, samples.choose)
    first = path.read_bytes().partition(b"\n")[0] + b"\n"
    assert reader.knows(path.read_bytes(), first)
    acc, malformed = sa.Accumulator(task="multiclass"), 0
    for piece, _ in reader.pieces(path.read_bytes(), 0, first):
        acc.update(piece.batch)
        malformed += piece.malformed
    snap = sa.evaluate(str(path), task="multiclass")
    assert snap.skipped.get("malformed", 0) == malformed
    assert acc.snapshot().matrix.tolist() == snap.matrix.tolist()
    assert acc.snapshot().labels == snap.labels


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    for format_, (corpus, head, pattern) in CORPORA.items():
        line = next(iter(corpus))
        plain = head + line + b"\n"
        assert read(format_, b"\xef\xbb\xbf" + plain, pattern) == read(format_, plain, pattern)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a(", "missing"),
        (r"(\S+) (?P<y_true>\S+)", "unnamed groups"),
        (r"(?P<y_true>a)(?=b)", "invalid perl operator"),
        (r"(?P<y_true>a)", "y_pred"),
    ],
)
def test_patterns_that_cannot_be(pattern: str, reason: str) -> None:
    with pytest.raises(sa.InputError, match=reason):
        open_reader("pattern", samples.choose, pattern)


def test_formats_that_cannot_be() -> None:
    for format_, pattern in (("parquet", None), ("pattern", None), ("csv", "(?P<y_true>a)")):
        with pytest.raises(sa.InputError):
            open_reader(format_, samples.choose, pattern)


def test_a_file_of_csv_without_a_header_has_the_columns_of_the_one_before() -> None:
    """As after a truncation; another order of columns in another file is that file's own."""
    reader = open_reader("csv", samples.choose)
    assert reader.knows(b"y_true,y_pred\na,b\n", b"y_true,y_pred\n")
    found = []
    for block, first in (
        (b"y_true,y_pred\na,b\n", b"y_true,y_pred\n"),
        (b"c,d\n", b"c,d\n"),
        (b"y_pred,id,y_true\nf,1,e\n", b"y_pred,id,y_true\n"),
    ):
        found += [row for piece, _ in reader.pieces(block, 0, first) for row in piece.batch.to_pylist()]
    assert found == [{"y_true": t, "y_pred": p} for t, p in ("ab", "cd", "ef")]


def test_columns_may_come_later() -> None:
    """A service logs other things first; after 1,000 lines it is an error."""
    for format_, other, line in (
        ("jsonl", b'{"event": "start"}\n', b'{"y_true": 1, "y_pred": 1}\n'),
        ("logfmt", b"event=start\n", b"y_true=1 y_pred=1\n"),
    ):
        reader = open_reader(format_, samples.choose)
        assert not reader.knows(other * 500, other)
        assert reader.knows(line, other)
        reader = open_reader(format_, samples.choose)
        with pytest.raises(sa.InputError, match="missing"):
            reader.knows(other * 1_000, other)
        reader = open_reader(format_, samples.choose)
        assert not reader.knows(other, other)
        with pytest.raises(sa.InputError, match="missing"):
            reader.knows(b"", b"", is_last=True)
