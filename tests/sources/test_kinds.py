"""Kinds: files whose columns mean different things are refused before a row is read, others pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamavg.errors import InputError
from streamavg.sources import open_units
from streamavg.sources.kinds import kind_of
from tests.sources.samples import choose, rows_of, save

if TYPE_CHECKING:
    from pathlib import Path

S, D = pa.string(), pa.dictionary(pa.int8(), pa.string())


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("number", [pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.dictionary(pa.int8(), pa.int32())]),
        ("boolean", [pa.bool_()]),
        ("text", [S, pa.large_string(), pa.string_view(), pa.binary(), pa.binary_view(), D]),
        ("text", [pa.run_end_encoded(pa.int32(), S), pa.run_end_encoded(pa.int32(), pa.large_binary())]),
        ("list of text", [pa.list_(S), pa.large_list(D), pa.list_(S, 3), pa.list_view(S)]),
        ("list of number", [pa.list_(pa.int8()), pa.list_(pa.float32(), 2)]),
        ("list of boolean", [pa.list_(pa.bool_(), 2)]),
        (None, [pa.null(), pa.dictionary(pa.int8(), pa.null())]),
        ("date32[day]", [pa.date32()]),
    ],
)
def test_the_kind_of_each_type(kind: str | None, types: list[pa.DataType]) -> None:
    assert {kind_of(type_) for type_ in types} == {kind}


def write(path: Path, truth: pa.Array) -> Path:
    pq.write_table(pa.table({"y_true": truth, "y_pred": pa.array(["x"] * len(truth))}), path)
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array(["7"]), pa.array([7])),
        (pa.array([7]), pa.array(["7"])),
        (pa.array([True]), pa.array([1])),
        (pa.array([True]), pa.array(["1"])),
        (pa.array([[1]]), pa.array([1])),
        (pa.array([["a"]]), pa.array([[1]])),
        (pa.array(["a"]), pa.array([1], pa.date32())),
    ],
)
def test_different_kinds_are_refused(tmp_path: Path, first: pa.Array, second: pa.Array) -> None:
    paths = [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]
    with pytest.raises(InputError) as caught:
        open_units(paths, choose)
    word = f"{paths[1]}: column 'y_true' is {second.type}, but {paths[0]} has {first.type}; write both with one type"
    assert str(caught.value).replace("list<element: ", "list<item: ").startswith(word)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([7], pa.int8()), pa.array([7.0])),
        (pa.array(["7"]), pa.array(["7"]).dictionary_encode()),
        (pa.array(["7"], pa.large_string()), pa.array([b"7"])),
        (pa.array([None], pa.null()), pa.array([7])),
    ],
)
def test_other_widths_and_encodings_pass(tmp_path: Path, first: pa.Array, second: pa.Array) -> None:
    paths = [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]
    assert rows_of(*paths) == [(first[0].as_py() and "7", "x"), ("7", "x")]


def test_the_first_file_with_a_type_decides_not_one_of_nulls(tmp_path: Path) -> None:
    values = [pa.array([None], pa.null()), pa.array([7]), pa.array(["7"])]
    paths = [write(tmp_path / f"{i}.parquet", value) for i, value in enumerate(values)]
    with pytest.raises(InputError, match=r"2\.parquet: column 'y_true' is string, but .*1\.parquet has int64"):
        open_units(paths, choose)


def test_a_column_missing_in_a_later_file_names_both(tmp_path: Path) -> None:
    first = write(tmp_path / "a.parquet", pa.array(["7"]))
    pq.write_table(pa.table({"Y_true": ["7"], "y_pred": ["7"]}), tmp_path / "b.parquet")
    with pytest.raises(InputError) as caught:
        open_units([tmp_path], choose)
    assert str(caught.value) == (
        f"{tmp_path}/b.parquet: column 'y_true' is missing, but {first} has it; "
        "expected in every file, this one has 'Y_true', 'y_pred'"
    )


def test_another_choice_in_a_later_file_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("id,y_pred,y_true,extra\n1,a,b,c\n")
    with pytest.raises(InputError, match=r"b\.csv: columns .*'extra' are asked for here, but 'id', .* in .*a\.csv"):
        open_units([tmp_path], list)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
def test_a_chosen_column_that_occurs_twice_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    doubled = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["y_true", "y_pred", "y_true"])
    if suffix == ".parquet":
        pq.write_table(doubled, path)
    elif suffix == ".arrow":
        with pa.ipc.new_file(path, doubled.schema) as writer:
            writer.write_table(doubled)
    else:
        path.write_text("y_true,y_pred,y_true\na,b,c\n")
    with pytest.raises(InputError, match="column 'y_true' occurs 2 times; rename"):
        open_units([path], choose)
    assert rows_of(path, choose=lambda _: ["y_pred"]) == [("b",)]


def test_text_without_types_goes_with_numbers_and_text_but_not_with_booleans(tmp_path: Path) -> None:
    """CSV does not say whether 7 is a number; the label is the text "7" either way. "true" is not the label 1."""
    (tmp_path / "b.csv").write_text("y_true,y_pred\n7,x\n")
    for values in (pa.array([7]), pa.array(["7"])):
        write(tmp_path / "a.parquet", values)
        assert rows_of(tmp_path) == [("7", "x"), ("7", "x")]
    write(tmp_path / "a.parquet", pa.array([True]))
    with pytest.raises(InputError, match=r"b\.csv: column 'y_true' is dictionary.* has bool"):
        open_units([tmp_path], choose)


def test_json_fields_have_kinds_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"y_true": 1, "y_pred": "x"}\n')
    (tmp_path / "b.jsonl").write_text('{"y_true": "1", "y_pred": "x"}\n')
    with pytest.raises(InputError, match=r"b\.jsonl: column 'y_true' is string, but .*a\.jsonl has int64"):
        open_units([tmp_path], choose)
    (tmp_path / "b.jsonl").write_text('{"y_true": "1", "y_pred": "x"}\n{"y_true": 1, "y_pred": null}\n')
    assert rows_of(tmp_path) == [("1", "x"), ("1", "x"), ("1", None)]
