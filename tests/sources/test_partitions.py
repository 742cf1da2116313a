"""Partitions: the keys in a path, and the columns made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamavg.errors import InputError
from streamavg.sources import open_units
from streamavg.sources.partitions import arranged, partition_keys
from streamavg.sources.unit import Piece
from tests.sources.samples import pieces, read_rows, rows_of, save

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a.csv", {}),
        ("x=1.csv", {}),
        ("x=1/a.csv", {"x": "1"}),
        ("/x=1/plain/y=/a.csv", {"x": "1", "y": ""}),
        ("x=a%20b%3D/a", {"x": "a b="}),
        ("x=a=b/a", {"x": "a=b"}),
        ("x%2Fy=n%C3%A9/a", {"x/y": "né"}),
        ("x=__HIVE_DEFAULT_PARTITION__/a", {"x": None}),
    ],
)
def test_keys_are_read_from_directories_only(path: str, keys: dict[str, str | None]) -> None:
    assert partition_keys(path) == keys


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".csv", ".jsonl"])
def test_a_key_can_be_the_label_column(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"lang=en/day=1/a{suffix}", [("x", "en"), ("y", "de")])
    save(tmp_path / f"lang=__HIVE_DEFAULT_PARTITION__/day=2/a{suffix}", [("z", "en")])
    save(tmp_path / f"lang=pt%2DBR/day=3/a{suffix}", [("z", None)])
    expected = [(None, "en"), ("en", "en"), ("en", "de"), ("pt-BR", None)]
    for source in (tmp_path, f"{tmp_path}/*", f"{tmp_path}/**", f"{tmp_path}/lang=*/*/a*"):
        assert rows_of(source, choose=lambda _: ["lang", "y_pred"]) == expected
    assert rows_of(tmp_path, choose=lambda _: ["day", "lang"]) == [
        ("2", None),
        ("1", "en"),
        ("1", "en"),
        ("3", "pt-BR"),
    ]


def test_keys_are_dictionaries_and_offered_after_the_columns(tmp_path: Path) -> None:
    save(tmp_path / "k=1" / "a.parquet")
    heard: list[str] = []

    def choose(names: object) -> list[str]:
        heard.extend(names)  # type: ignore[call-overload]
        return ["k", "y_true"]

    (piece,) = pieces(open_units([tmp_path], choose))
    assert heard == ["id", "y_pred", "y_true", "k"]
    assert piece.batch.schema.field("k").type == pa.dictionary(pa.int32(), pa.string())


def test_only_directories_below_the_source_are_partitions(tmp_path: Path) -> None:
    path = save(tmp_path / "k=1" / "a.csv")

    def refuse(names: object) -> list[str]:
        raise InputError(f"{names}")

    for source in (path, tmp_path / "k=1", f"{tmp_path}/k=1/*.csv"):
        with pytest.raises(InputError, match=r"\['id', 'y_pred', 'y_true'\]"):
            open_units([source], refuse)


def test_a_column_in_the_file_wins(tmp_path: Path) -> None:
    for suffix in (".parquet", ".csv"):
        save(tmp_path / suffix / "y_true=no" / "k=1" / f"a{suffix}", [("yes", "x")])
        assert rows_of(f"{tmp_path}/{suffix}") == [("yes", "x")]
        assert rows_of(f"{tmp_path}/{suffix}", choose=lambda _: ["k", "y_true"]) == [("1", "yes")]


def test_a_key_that_only_some_files_have_is_missing_in_the_others(tmp_path: Path) -> None:
    save(tmp_path / "k=1" / "a.csv")
    save(tmp_path / "z.csv")
    with pytest.raises(InputError, match=r"z\.csv: column 'k' is missing, but .*k=1/a\.csv has it"):
        open_units([tmp_path], lambda _: ["k", "y_pred"])


def test_malformed_lines_are_still_counted(tmp_path: Path) -> None:
    path = tmp_path / "k=1" / "a.csv"
    path.parent.mkdir()
    path.write_text("y_pred\na\nb,c\n")
    assert read_rows(open_units([tmp_path], lambda _: ["k", "y_pred"])) == ([("1", "a")], 1)


def test_arranged_gives_a_batch_in_order_as_it_is() -> None:
    batch = pa.record_batch({"a": [1], "b": [2]})
    assert next(arranged(iter([Piece(batch, 3)]), ["a", "b"], {})).batch is batch
    assert next(arranged(iter([Piece(batch, 3)]), ["b", "a"], {})).batch.schema.names == ["b", "a"]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows"])
@pytest.mark.parametrize("chosen", [["y_score"], ["y_true", "y_score"], ["y_score", "y_true"], ["y_score", "k"]])
def test_metadata_of_a_field_goes_with_its_column(tmp_path: Path, suffix: str, chosen: list[str]) -> None:
    """It may say which class each score of a list is for."""
    score = pa.field("y_score", pa.list_(pa.float32(), 2), metadata={b"labels": b'["b", "a"]'})
    schema = pa.schema([score, ("y_true", pa.string())])
    table = pa.table([pa.array([[0.25, 0.75]] * 3, score.type), ["a", "b", "a"]], schema=schema)
    path = tmp_path / "k=1" / f"a{suffix}"
    path.parent.mkdir()
    if suffix == ".parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream
        with new(path, schema) as writer:
            writer.write_table(table)
    for piece in pieces(open_units([tmp_path], lambda _: chosen)):
        held = piece.batch.schema
        assert held.names == chosen
        assert held.field("y_score").metadata == score.metadata
        assert held.field("y_score").type.value_type == pa.float32()
