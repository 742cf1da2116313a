"""Sources to units: the same rows come out of every format, and a request that cannot be met is refused in one line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from streamavg.errors import InputError
from streamavg.sources import SOURCES, open_units
from tests.sources.samples import (
    PACKERS,
    ROWS,
    WRITERS,
    arrow_file,
    arrow_stream,
    choose,
    delimited,
    jsonl,
    parquet,
    read_rows,
    rows_of,
    save,
)

if TYPE_CHECKING:
    from pathlib import Path

TEXT_SUFFIXES = [".csv", ".tsv", ".jsonl", ".ndjson", ".json"]


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_suffix_gives_the_rows_of_the_table(tmp_path: Path, suffix: str) -> None:
    assert rows_of(save(tmp_path / f"a{suffix}")) == ROWS


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
@pytest.mark.parametrize("packing", [packing for packing in PACKERS if packing])
def test_compressed_text_gives_the_rows_of_the_table(tmp_path: Path, suffix: str, packing: str) -> None:
    assert rows_of(save(tmp_path / f"a{suffix}{packing}")) == ROWS


def test_a_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    save(tmp_path / "a.csv.gz").rename(tmp_path / "A.CSV.GZ")
    assert rows_of(tmp_path / "A.CSV.GZ") == ROWS


def test_all_suffixes_declared_are_tested() -> None:
    assert {suffix for format_ in SOURCES.values() for suffix in format_.suffixes} == set(WRITERS)


def test_rows_follow_the_order_of_the_sources(tmp_path: Path) -> None:
    first, second = save(tmp_path / "b.csv", ROWS[:2]), save(tmp_path / "a.jsonl", ROWS[2:])
    assert rows_of(first, os.fspath(second)) == ROWS


def test_columns_come_in_the_order_chosen(tmp_path: Path) -> None:
    for suffix in WRITERS:
        (unit,) = open_units([save(tmp_path / f"a{suffix}")], lambda _: ["y_pred", "id", "y_true"])
        assert {tuple(piece.batch.schema.names) for piece in unit.read()} == {("y_pred", "id", "y_true")}


def test_choose_hears_every_column_and_its_error_names_the_file(tmp_path: Path) -> None:
    def refuse(names: list[str]) -> list[str]:
        raise InputError(f"column 'label' is missing; expected one of {sorted(names)}")

    for suffix in WRITERS:
        path = save(tmp_path / f"a{suffix}")
        with pytest.raises(InputError) as caught:
            open_units([path], refuse)
        assert str(caught.value) == f"{path}: column 'label' is missing; expected one of ['id', 'y_pred', 'y_true']"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("csv", delimited()),
        ("tsv", delimited(delimiter="\t")),
        ("jsonl", jsonl()),
        ("arrow", arrow_stream()),
        ("parquet", parquet()),
    ],
)
def test_standard_input_gives_the_rows(name: str, data: bytes) -> None:
    assert rows_of("-", input_format=name, stdin=io.BytesIO(data)) == ROWS


def test_standard_input_of_a_process() -> None:
    code = "from tests.sources.samples import rows_of; print(rows_of('-', input_format='csv'))"
    run = subprocess.run([sys.executable, "-c", code], input=delimited(), capture_output=True, check=True)
    assert run.stdout.decode().strip() == str(ROWS)


def test_standard_input_without_a_format_names_the_choices() -> None:
    with pytest.raises(
        InputError, match=r"standard input: unknown format.*--input-format parquet\|arrow\|csv\|tsv\|jso"
    ):
        open_units(["-"], choose, stdin=io.BytesIO(b""))


def test_an_arrow_file_on_standard_input_says_what_to_do() -> None:
    with pytest.raises(InputError, match="standard input: an Arrow file must be read at any position; pass its name"):
        open_units(["-"], choose, "arrow", stdin=io.BytesIO(arrow_file()))


def test_input_format_overrides_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(jsonl())
    assert rows_of(path, input_format="jsonl") == ROWS
    packed = tmp_path / "log.gz"
    packed.write_bytes(PACKERS[".gz"](jsonl()))
    assert rows_of(packed, input_format="jsonl") == ROWS


def test_input_format_also_takes_names_without_suffix_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "part-0").write_bytes(jsonl())
    assert rows_of(tmp_path, input_format="jsonl") == ROWS


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.xlsx", "unknown format; expected a name that ends in .parquet"), ("a.parquet.gz", "unknown format")],
)
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=words):
        open_units([tmp_path / name], choose)


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="unknown input format 'xlsx'; expected one of parquet, arrow, csv, tsv, jsonl"
    ):
        open_units([tmp_path], choose, "xlsx")


def test_no_source_is_refused() -> None:
    with pytest.raises(InputError, match="no source"):
        open_units([], choose)


def test_one_path_need_not_be_in_a_list(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv")
    assert read_rows(open_units(path, choose))[0] == read_rows(open_units(str(path), choose))[0] == ROWS


def test_units_can_be_read_twice(tmp_path: Path) -> None:
    for suffix in WRITERS:
        units = open_units([save(tmp_path / f"a{suffix}")], choose)
        assert read_rows(units) == read_rows(units) == (ROWS, 0)


def test_sizes_of_units_add_up_to_the_files(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"a{suffix}") for suffix in WRITERS]
    assert sum(unit.size for unit in open_units(paths, choose)) == sum(path.stat().st_size for path in paths)


def test_empty_logs_add_nothing_but_a_file_with_rows_decides(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n\n")
    (tmp_path / "b.jsonl").write_bytes(b"")
    save(tmp_path / "c.jsonl")
    assert rows_of(tmp_path) == ROWS


def test_reading_imports_neither_pandas_nor_dataset(tmp_path: Path) -> None:
    """0.43 s and 0.05 s, which a small evaluation has not got; pa.array alone would import pandas."""
    for suffix in set(WRITERS) - {".parquet", ".pq"}:  # their pages are read by kernels
        save(tmp_path / "lang=en" / f"a{suffix}")
    (tmp_path / "bad.jsonl").write_bytes(b'{"y_true": 1, "y_pred": "x"}\n{"y_true": "a", "y_pred": true}\nbad\n')
    code = f"""
import sys
from streamavg.sources import open_units
early = [name for name in ("pandas", "numba", "pyarrow.dataset", "pyarrow.parquet", "pyarrow.csv", "pyarrow.json")
         if name in sys.modules]
units = open_units([{str(tmp_path)!r} + "/lang=en"], lambda _: ["y_true", "y_pred"])
units += open_units([{str(tmp_path)!r} + "/*=*"], lambda _: ["y_true", "lang"])
units += open_units([{str(tmp_path)!r} + "/bad.jsonl"], lambda _: ["y_true", "y_pred"])
for unit in units:
    list(unit.read())
print(early, [name for name in ("pandas", "numba", "pyarrow.dataset") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] []"
