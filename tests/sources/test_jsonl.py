"""JSON lines: columns from the first lines, units of a plain file, and files of every odd kind."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from streamavg.errors import InputError
from streamavg.sources import json_blocks, jsonl, open_units
from streamavg.sources.file import File
from tests.sources.samples import PACKERS, choose, pieces, read_rows, rows_of

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, data: bytes) -> tuple[list[tuple[Any, ...]], int]:
    """The rows of a file, which must be the same from standard input and from a compressed file."""
    (tmp_path / "a.jsonl").write_bytes(data)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    found = read_rows(open_units([tmp_path / "a.jsonl"], choose))
    assert read_rows(open_units([tmp_path / "a.jsonl.gz"], choose)) == found
    assert read_rows(open_units(["-"], choose, "jsonl", stdin=io.BytesIO(data))) == found
    return found


A, B = b'{"y_true": "a", "y_pred": "x"}', b'{"y_true": "b", "y_pred": "y"}'
AB = [("a", "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("data", "rows", "malformed"),
    [
        (A + b"\n" + B + b"\n", AB, 0),
        (A + b"\n" + B, AB, 0),
        (A + b"\r\n" + B + b"\r\n", AB, 0),
        (b"\xef\xbb\xbf" + A + b"\n\n  \n\r\n" + B, AB, 0),
        (A + b"\n" + B + b'\n{"y_true": "c", "y_', AB, 1),
        (A + b"\nbad\n" + B + b"\n[]\n", AB, 2),
        (b"bad\n" + A + b"\n" + B, AB, 1),
        (b"null\n" + A + b"\nnull\n" + B, AB, 2),
        (b"\0" * 1000 + b"\n" + A + b"\n" + B, AB, 1),
        (A + b"\n" + B + b"\n" + b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}\n", AB, 1),
        (A + b'\n{"y_true": null}\n{"y_pred": "z"}\n{}\n', [("a", "x"), (None, None), (None, "z"), (None, None)], 0),
        (b'{"y_true": 1, "y_pred": "1"}\n{"y_true": "1", "y_pred": 1.0}\n', [("1", "1"), ("1", "1")], 0),
        (b'{"y_true": true, "y_pred": false}\n', [("1", "0")], 0),
        (b'{"y_true": 1.0, "y_pred": 2.5}\n{"y_true": 1.0, "y_pred": 2.0}\n', [("1", "2")], 1),
        (
            b'{"y_true": ["a", "b"], "y_pred": []}\n{"y_true": null, "y_pred": [1]}\n',
            [(("a", "b"), ()), (None, ("1",))],
            0,
        ),
    ],
)
def test_lines_of_every_kind(tmp_path: Path, data: bytes, rows: list[Any], malformed: int) -> None:
    assert read(tmp_path, data) == (rows, malformed)


def test_columns_are_the_keys_of_the_first_lines_in_order(tmp_path: Path) -> None:
    lines = [{"b": 1}, {"a": {"c": 1}, "b": 2}, *({"b": 3} for _ in range(jsonl.LINES - 2)), {"late": 1}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    heard: list[str] = []

    def choose(names: Any) -> list[str]:
        heard.extend(names)
        raise InputError("no")

    with pytest.raises(InputError, match=r"a\.jsonl: no"):
        open_units([tmp_path], choose)
    assert heard == ["b", "a", "a.c"]


def test_a_field_of_nothing_but_objects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"y_true": {"id": 1}, "y_pred": 1}\n')
    with pytest.raises(InputError, match=r"a\.jsonl: field 'y_true' holds objects; expected text, integers"):
        open_units([tmp_path], choose)


@pytest.mark.parametrize(
    "data",
    [
        b'[{"y_true": 1}]',
        b'[\n{"y_true": 1}\n]',
        b'{\n"y_true": 1\n}\n{}',
        b"bad\n" * 5000,
        b"{}\n",
        '{"y_true": 1}'.encode("utf-16"),
    ],
)
def test_a_file_without_an_object_in_its_first_lines_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(
        InputError, match=r"a\.json: no JSON object with a field in the first \d+ lines; expected one a line.*jq"
    ):
        open_units([tmp_path], choose)


def test_many_keys_take_time_in_proportion(tmp_path: Path) -> None:
    lines = ({"y_true": 1, "y_pred": 1, **{f"k{i}_{j}": 1 for j in range(60)}} for i in range(1000))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(rows_of(tmp_path)) == 1000


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 1 << 30])
def test_units_of_a_plain_file_hold_each_line_once(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "UNIT_BYTES", size)
    monkeypatch.setattr(json_blocks, "BLOCK", 64)
    lines = [("a" * (i % 50), str(i)) for i in range(300)]
    data = b"".join(json.dumps({"y_true": true, "y_pred": pred}).encode() + b"\n" for true, pred in lines)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + data + b"bad")
    units = open_units([path], choose)
    assert len(units) >= path.stat().st_size / size * 0.5
    assert sum(unit.size for unit in units) == path.stat().st_size
    assert read_rows(units) == (lines, 1)
    assert read_rows(reversed(units))[1] == 1


def test_compressed_files_are_one_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "UNIT_BYTES", 10)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((A + b"\n") * 100))
    assert len(open_units([tmp_path], choose)) == 1


def test_a_line_above_the_limit_is_malformed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_blocks, "LONGEST", 1000)
    monkeypatch.setattr(json_blocks, "BLOCK", 100)
    long = b'{"y_true": "a", "y_pred": "' + b"x" * 5000 + b'"}'
    assert read(tmp_path, A + b"\n" + long + b"\n" + B + b"\n" + long) == (AB, 2)


def test_a_first_line_longer_than_the_head_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "HEAD", 10)
    assert read(tmp_path, A + b"\n" + B) == (AB, 0)


def test_lines_written_after_the_plan_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(A + b"\n")
    units = open_units([path], choose)
    with path.open("ab") as file:
        file.write(B + b"\n")
    assert read_rows(units) == (AB, 0)


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".zst", ".lz4", ".br"])
def test_a_cut_compressed_file_is_refused(tmp_path: Path, packing: str) -> None:
    lines = b"".join(b'{"y_true": %d, "y_pred": %d}\n' % (i * i, i**3) for i in range(20_000))
    data = PACKERS[packing](lines)
    path = tmp_path / f"a.jsonl{packing}"
    for size in (len(data) - 1, len(data) // 2, 10, 0):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match="damaged or not JSON lines"):
            rows_of(path)


def test_a_gzip_file_with_changed_bytes_is_refused(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"".join(b'{"y_true": %d, "y_pred": 1}\n' % (i * i) for i in range(1000))))
    data[-5] ^= 1  # of the checksum
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    with pytest.raises(InputError, match="damaged or not JSON lines"):
        rows_of(tmp_path)


def test_a_fault_of_the_disk_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_bytes(A)
    units = open_units([tmp_path], choose)

    def fail(self: File) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(File, "random", fail)
    with pytest.raises(OSError, match="Input/output error"):
        pieces(units)


def test_columns_have_the_types_of_their_values(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": "x", "b": 1, "c": true, "d": [1], "e": null}\n')
    (piece,) = pieces(open_units([tmp_path], lambda _: ["e", "d", "c", "b", "a"]))
    assert piece.batch.schema.types == [pa.null(), pa.list_(pa.int64()), pa.bool_(), pa.int64(), pa.string()]
