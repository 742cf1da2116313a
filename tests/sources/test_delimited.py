"""Delimited text: the rows are those of the csv module, apart from nulls and rows of wrong width."""

from __future__ import annotations

import csv
import io
import random
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from streamavg.errors import InputError
from streamavg.sources import delimited, open_units
from streamavg.sources.delimited_stream import CsvStream
from tests.sources.samples import PACKERS, choose, pieces, read_rows, rows_of

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, data: bytes, suffix: str = ".csv") -> tuple[list[tuple[str | None, ...]], int]:
    """The rows of a file, which must be the same from standard input."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    found = read_rows(open_units([path], choose))
    assert read_rows(open_units(["-"], choose, suffix[1:], stdin=io.BytesIO(data))) == found
    return found


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        ("y_true,y_pred\na,b\n", [("a", "b")]),
        ("y_true,y_pred\na,b", [("a", "b")]),
        ("\ufeffy_true,y_pred\r\na,b\r\n\r\nc,d\r\n", [("a", "b"), ("c", "d")]),
        ("y_pred,x,y_true\nb,,a\n", [("a", "b")]),
        (
            "y_true,y_pred\nNA,null\nnan,0.5\n007,7\nTrue,-\n",
            [("NA", "null"), ("nan", "0.5"), ("007", "7"), ("True", "-")],
        ),
        ('y_true,y_pred\n,a\n"",a\n" ", a\n', [(None, "a"), ("", "a"), (" ", " a")]),
        ('y_true,y_pred\n"a,b","say ""hi"""\n', [("a,b", 'say "hi"')]),
        ('y_true,y_pred\n"two\nlines","a\r\nb"\n', [("two\nlines", "a\r\nb")]),
        ('"y_true","y_pred"\na,b\n', [("a", "b")]),
        ("y_true,y_pred\n", []),
        ("y_true,y_pred", []),
        ("y_true,y_pred\r\n", []),
        ("y_true,y_pred\na\0,né\n", [("a\0", "né")]),
    ],
)
def test_fields_are_text_and_empty_ones_null(
    tmp_path: Path, lines: str, rows: list[tuple[str | None, str | None]]
) -> None:
    assert read(tmp_path, lines.encode()) == (rows, 0)


def test_tabs_separate_in_tsv(tmp_path: Path) -> None:
    assert read(tmp_path, b'y_true\ty_pred\na,b\t"c\td"\n', ".tsv") == ([("a,b", "c\td")], 0)


def test_rows_of_wrong_width_are_counted(tmp_path: Path) -> None:
    data = b"y_true,y_pred\na\nb,c,d\ne,f\n\n,,\ng,h\nlast\n"
    assert read(tmp_path, data) == ([("e", "f"), ("g", "h")], 4)


def test_a_file_of_nothing_but_bad_rows_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, b"y_true,y_pred\na\nb\n") == ([], 2)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_file_is_read_like_the_csv_module_reads_it(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks so small that quoted newlines and bad rows fall on their edges."""
    monkeypatch.setattr(delimited, "BLOCK", 200)
    draw = random.Random(seed)
    words = [
        "a",
        "b b",
        "",
        "NA",
        '"',
        "x,y",
        "l\nm",
        "né",
        "\t",
        "'",
        "0",
    ]  # a quoted \r\n may lose its \n on a block edge
    sink, expected, malformed = io.StringIO(), [], 0
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["y_true", "y_pred", "z"])
    for _ in range(2000):
        fields = draw.choices(words, k=draw.choice([3] * 20 + [1, 2, 4]))
        writer.writerow(fields)
        malformed += len(fields) != 3
        expected += [(fields[0], fields[1])] if len(fields) == 3 else []
    assert read(tmp_path, sink.getvalue().encode()) == (expected, malformed)
    twin = [tuple(row[:2]) for row in csv.reader(io.StringIO(sink.getvalue(), newline="")) if len(row) == 3]
    assert twin[1:] == expected


def test_malformed_rows_are_told_with_the_batches_around_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 100)
    (tmp_path / "a.csv").write_bytes(b"y_true,y_pred\n" + b"a,b\n" * 1000 + b"bad\n" * 1000)
    read = pieces(open_units([tmp_path], choose))
    assert sum(piece.malformed for piece in read) == 1000
    assert len(read) > 30
    assert read[0].malformed < 1000


def test_columns_are_dictionaries_even_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"y_true,y_pred\na\n")
    (piece,) = pieces(open_units([tmp_path], choose))
    assert {field.type for field in piece.batch.schema} == {pa.dictionary(pa.int32(), pa.string())}


def refused(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data)
    assert str(caught.value).startswith(f"{tmp_path}/a.csv: ")
    return str(caught.value)


def test_other_encodings_are_refused_with_a_way_out(tmp_path: Path) -> None:
    for data in (
        "y_true,y_pred\nné,a\n".encode("latin-1"),
        "né,y_true,y_pred\na,b,c\n".encode("latin-1"),
        "y_true,y_pred\na,b\n".encode("utf-16"),
    ):
        assert refused(tmp_path, data).endswith(
            "CSV text is not valid UTF-8; convert it first, for example: iconv -f LATIN1 -t UTF-8"
        )


@pytest.mark.parametrize("before", [1, 300_000], ids=["at once", "later"])
def test_a_row_that_can_be_neither_counted_nor_decoded_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Python prints a traceback of its own where Arrow's callback fails."""
    printed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", hook := printed.append)
    assert "damaged or not CSV" in refused(tmp_path, b"y_true,y_pred\n" + b"a,b\n" * before + b"\xff,b,c\n")
    stream = CsvStream(choose, ",")
    assert stream.knows(b"", b"y_true,y_pred\n")
    assert not CsvStream(lambda names: names, ",").knows(b"", b"y_true,\xff\n")
    (good, _), (_, bad) = stream.pieces(b"a,b\n\xff,b,c\n", 20)
    assert (good.batch.num_rows, [each.cause for each in bad]) == (1, ["no_utf8"])
    assert printed == []
    assert sys.unraisablehook is hook


def test_bad_bytes_in_a_column_not_asked_for_do_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, b"y_true,y_pred,z\na,b,\xff\n") == ([("a", "b")], 0)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"\n\n", b"\r\n"):
        assert "empty file; expected a first line with the names of the columns" in refused(tmp_path, data)


def test_a_row_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1000)
    assert "damaged or not CSV" in refused(tmp_path, b'y_true,y_pred\na,"' + b"b" * 5000 + b"\n" * 5000)


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".zst", ".lz4", ".br"])
def test_damaged_compression_is_refused(tmp_path: Path, packing: str) -> None:
    draw = random.Random(3)
    lines = "".join(f"{draw.random()},{draw.random()}\n" for _ in range(2000))
    data = PACKERS[packing](b"y_true,y_pred\n" + lines.encode())
    path = tmp_path / f"a.csv{packing}"
    harms = [data[: len(data) // 2], data[:-1], b"y_true,y_pred\na,b\n"]
    harms += [data[:1000] + bytes(100) + data[1100:]] if packing in (".gz", ".bz2") else []  # these two have checksums
    for damaged in harms:
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged or not CSV"):
            rows_of(path)


def test_several_gzip_members_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(PACKERS[".gz"](b"y_true,y_pred\na,b\n") + PACKERS[".gz"](b"c,d\n"))
    assert rows_of(tmp_path) == [("a", "b"), ("c", "d")]


def test_stopping_early_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 100)
    (tmp_path / "a.csv").write_bytes(b"y_true,y_pred\n" + b"a,b\nbad\n" * 5000)
    for _ in range(20):
        (unit,) = open_units([tmp_path], choose)
        reader = unit.read()
        assert next(reader).batch.num_rows > 0
        reader.close()  # type: ignore[attr-defined]
