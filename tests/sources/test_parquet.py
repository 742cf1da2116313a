"""Parquet: every type and layout gives the rows that were written, damage is refused, units are runs of row groups."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamavg.errors import InputError
from streamavg.sources import open_units, parquet
from tests.sources.samples import ROWS, choose, pieces, read_rows, rows_of, save
from tests.sources.samples import parquet as packed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["arrow decodes", "pages are read"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs with the one and the other way of reading row groups."""
    monkeypatch.setattr(parquet, "PAGED_ROWS", 0 if request.param == "pages are read" else 1 << 60)
    return str(request.param)


LETTERS = [["a", "b", "a", None], ["", "c", None, "a"]]
LISTS = [[["a", "b"], [], None, ["c"]], [["a"], ["b", None], [], ["a", "a"]]]


def write(path: Path, **options: Any) -> Path:
    table = pa.table({"y_true": [str(i % 7) for i in range(1000)], "y_pred": [i % 5 for i in range(1000)]})
    pq.write_table(table, path, **options)
    return path


EXPECTED = [(str(i % 7), str(i % 5)) for i in range(1000)]


@pytest.mark.parametrize(
    "type_",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
    ids=str,
)
def test_text_columns_are_read_as_dictionaries(tmp_path: Path, type_: pa.DataType) -> None:
    columns = [pa.array(values).cast(type_) for values in LETTERS]
    pq.write_table(pa.table(columns, names=["y_true", "y_pred"]), tmp_path / "a.parquet")
    units = open_units([tmp_path], choose)
    assert read_rows(units)[0] == list(zip(*LETTERS, strict=True))
    assert all(pa.types.is_dictionary(column.type) for piece in pieces(units) for column in piece.batch.columns)


@pytest.mark.parametrize(
    "type_", [pa.list_(pa.string()), pa.large_list(pa.string()), pa.list_view(pa.string())], ids=str
)
def test_lists_of_text_are_lists_of_dictionaries(tmp_path: Path, type_: pa.DataType) -> None:
    columns = [pa.array(values, type_) for values in LISTS]
    pq.write_table(pa.table(columns, names=["y_true", "y_pred"]), tmp_path / "a.parquet")
    units = open_units([tmp_path], choose)
    expected = [tuple(None if value is None else tuple(value) for value in row) for row in zip(*LISTS, strict=True)]
    assert read_rows(units)[0] == expected
    assert pa.types.is_dictionary(pieces(units)[0].batch.column(0).type.value_type)


def test_lists_of_text_whose_dictionaries_change_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group has a dictionary of its own, and one that grows too large is given up in the middle of its group."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 1000)
    rng = random.Random(0)
    lists = [[f"label {rng.randrange(3000)}" for _ in range(rng.randrange(4))] for _ in range(9000)]
    kind = pa.list_(pa.string())
    path = tmp_path / "lists.parquet"
    table = pa.table({"y_true": pa.array(lists, kind), "y_pred": pa.array(lists[::-1], kind)})
    pq.write_table(table, path, row_group_size=4000, dictionary_pagesize_limit=20_000)
    rows, malformed = read_rows(open_units([path], choose))
    assert (rows, malformed) == (list(zip(map(tuple, lists), map(tuple, lists[::-1]), strict=True)), 0)


@pytest.mark.parametrize("type_", [pa.int8(), pa.int64(), pa.uint32(), pa.float32(), pa.bool_()], ids=str)
def test_numbers_and_booleans_keep_their_values(tmp_path: Path, type_: pa.DataType) -> None:
    columns = [pa.array([1, 0, None, 1]).cast(type_), pa.array([None, 1, 0, 0]).cast(type_)]
    pq.write_table(pa.table(columns, names=["y_true", "y_pred"]), tmp_path / "a.parquet")
    assert rows_of(tmp_path) == [("1", None), ("0", "1"), (None, "0"), ("1", "0")]


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "none"},
        {"compression": "zstd"},
        {"use_dictionary": False},
        {"data_page_version": "2.0"},
        {"write_page_checksum": True},
        {"data_page_size": 100},
        {"dictionary_pagesize_limit": 20},
        {"row_group_size": 77},
    ],
    ids=str,
)
def test_the_way_of_writing_does_not_show(tmp_path: Path, options: dict[str, Any]) -> None:
    assert rows_of(write(tmp_path / "a.parquet", **options)) == EXPECTED


@pytest.mark.parametrize("names", [["a.b", "s.b"], ["s.b", "a"], ["a", "a.b"], ["tags", "a.b"]])
def test_names_with_dots_are_names(tmp_path: Path, names: list[str]) -> None:
    table = pa.table({"a.b": ["x"], "a": ["y"], "s": [{"b": "no"}], "s.b": ["z"], "tags": [["t"]]})
    pq.write_table(table, tmp_path / "a.parquet")
    expected = {"a.b": "x", "a": "y", "s.b": "z", "tags": ("t",)}
    assert rows_of(tmp_path, choose=lambda _: names) == [tuple(expected[name] for name in names)]


def test_small_row_groups_are_read_together_and_large_ones_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.parquet", row_group_size=70)  # 14 of 70 and one of 20
    for least, expected in {
        200: [210, 210, 210, 210, 160],
        70: [70] * 14 + [20],
        71: [140] * 7 + [20],
        9999: [1000],
    }.items():
        monkeypatch.setattr(parquet, "UNIT_ROWS", least)
        units = open_units([path], choose)
        assert [unit.rows for unit in units] == expected
        assert read_rows(units) == (EXPECTED, 0)
        assert path.stat().st_size - len(units) < sum(unit.size for unit in units) <= path.stat().st_size


def test_units_can_be_read_in_any_order_and_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "UNIT_ROWS", 70)
    units = open_units([write(tmp_path / "a.parquet", row_group_size=70)], choose)
    readers = [unit.read() for unit in reversed(units)]
    batches = [next(reader).batch for reader in readers]
    assert [batch.num_rows for batch in batches] == [20] + [70] * 14


def test_batches_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BATCH_ROWS", 100)
    path = write(tmp_path / "a.parquet", use_dictionary=False)
    assert [piece.batch.num_rows for piece in pieces(open_units([path], choose))] == [100] * 10


def test_no_rows_and_no_row_groups_are_no_units(tmp_path: Path) -> None:
    schema = pa.schema([("y_true", pa.string()), ("y_pred", pa.string())])
    with pq.ParquetWriter(tmp_path / "a.parquet", schema):
        pass
    pq.write_table(schema.empty_table(), tmp_path / "b.parquet")
    assert rows_of(tmp_path) == []


def refused(path: Path) -> str:
    """Read a file that must be refused as input, never as a disk fault or with another error; the message."""
    with pytest.raises(InputError) as caught:
        read_rows(open_units([path], choose))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data, path = packed(), tmp_path / "a.parquet"
    for size in {*range(0, len(data), 7), *range(len(data) - 20, len(data))}:
        path.write_bytes(data[:size])
        assert refused(path).startswith(f"{path}: damaged or not Parquet (")


def test_other_files_are_refused(tmp_path: Path) -> None:
    for data in (b"", b"PAR1", b"PAR1PAR1", b"y_true,y_pred\na,b\n" * 100, b"PAR1" + b"\xff" * 100 + b"PAR1"):
        (tmp_path / "a.parquet").write_bytes(data)
        assert "damaged or not Parquet" in refused(tmp_path / "a.parquet")


def test_bytes_changed_under_a_checksum_are_refused(tmp_path: Path) -> None:
    data, path = packed(write_page_checksum=True, compression="none"), tmp_path / "a.parquet"
    at = data.index(b"two\nlines")
    path.write_bytes(data[:at] + b"T" + data[at + 1 :])
    assert str(path) in refused(path)


def test_damage_anywhere_gives_rows_or_a_refusal(tmp_path: Path) -> None:
    """Never another error, never a dead process; without checksums a changed label cannot be seen."""
    draw, data, path = random.Random(1), packed(ROWS * 30), tmp_path / "a.parquet"
    refusals = 0
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(draw.choice([1, 1, 4])):
            damaged[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            for unit in open_units([path], choose):
                for piece in unit.read():
                    piece.batch.validate()
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            refusals += 1
    assert 50 < refusals < 400


def test_a_file_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.parquet")
    units = open_units([path], choose)
    os.utime(path, ns=(0, 0))
    with pytest.raises(InputError, match=r"a\.parquet: changed while it was being read"):
        read_rows(units)


def test_a_file_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", row_group_size=100)
    units = open_units([path], choose)
    os.truncate(path, 300)
    with pytest.raises(InputError, match=r"a\.parquet"):
        read_rows(units)


def test_a_file_that_vanishes_says_so(tmp_path: Path) -> None:
    path = save(tmp_path / "a.parquet")
    units = open_units([path], choose)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.parquet: no such file"):
        read_rows(units)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    batch = pa.record_batch({"y_true": ["a", "b"] * 500_000, "y_pred": ["b", "b"] * 500_000})
    with pq.ParquetWriter(path, batch.schema, use_dictionary=False, compression="none") as writer:
        for _ in range(4):
            writer.write_batch(batch)
    before = pa.default_memory_pool().bytes_allocated()
    peak = 0
    for unit in open_units([path], choose):
        for piece in unit.read():
            peak = max(peak, pa.default_memory_pool().bytes_allocated() - before)
            del piece
    assert peak < 12e6 < path.stat().st_size
