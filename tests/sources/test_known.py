"""Known: the same content under any name is known again, and other content under a known name is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamavg.errors import InputError
from streamavg.position import ALL, Counted, Position, Source, digest_of
from streamavg.sources.file import File
from streamavg.sources.known import HEAD, Known, source_of
from streamavg.sources.places import local_place

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = local_place().system


def file_of(path: Path, data: bytes, **more: object) -> File:
    path.write_bytes(data)
    return File(path.name, str(path), SYSTEM, len(data), **more)  # type: ignore[arg-type]


def test_a_file_is_known_by_both_ends(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    first = source_of(file_of(tmp_path / "a", data), "parquet")
    assert first == Source("a", "parquet", len(data), digest_of(data[:1024], b"", data[-65536:]))
    for at, is_seen in ((0, True), (1023, True), (1024, False), (len(data) - 65536, True), (len(data) - 1, True)):
        other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert (source_of(file_of(tmp_path / "a", other), "parquet").digest != first.digest) == is_seen
    assert source_of(file_of(tmp_path / "a", data), "jsonl").digest == digest_of(data[:1024], b"")
    assert source_of(file_of(tmp_path / "a", data, codec="gzip"), "csv").format == "csv.gzip"


def test_below_other_partition_keys_it_has_other_rows(tmp_path: Path) -> None:
    digests = {
        source_of(file_of(tmp_path / "a", b"same", partitions=keys), "parquet").digest
        for keys in ({}, {"lang": "en"}, {"lang": "de"}, {"lang": None})
    }
    assert len(digests) == 4


def test_a_file_without_bytes_has_a_source(tmp_path: Path) -> None:
    assert source_of(file_of(tmp_path / "a", b""), "csv").size == 0


def test_a_short_log_that_grew_is_known_by_its_name_only(tmp_path: Path) -> None:
    """Many logs start with the same few bytes."""
    for size, is_known in ((HEAD - 1, False), (HEAD, True)):
        data = b"x" * (size - 1) + b"\n"
        source = source_of(file_of(tmp_path / "a", data), "jsonl")
        position = Position({source: Counted(((0, 0, 0, size),), digest_of(data[-256:]))})
        grown = file_of(tmp_path / "b", data + b"more\n")
        ((_, counted),) = Known(position).match([grown], ["jsonl"])
        assert (counted is not None) == is_known
        ((_, counted),) = Known(position).match([file_of(tmp_path / "a", data + b"more\n")], ["jsonl"])
        assert counted is not None


def test_another_format_is_refused(tmp_path: Path) -> None:
    file = file_of(tmp_path / "a", b"y_true,y_pred\n1,1\n")
    position = Position({source_of(file, "csv"): Counted(((0, 0, 0, 1),), "1" * 32)})
    with pytest.raises(
        InputError, match=r"^a: changed since it was counted \(it was read as csv, and now as tsv\); put"
    ):
        Known(position).match([file], ["tsv"])


def test_two_files_that_change_names_keep_their_counts(tmp_path: Path) -> None:
    first, second = file_of(tmp_path / "a", b"one" * 500), file_of(tmp_path / "b", b"two" * 500)
    position = Position(
        {source_of(first, "parquet"): Counted(((0, 0, 3, 0),)), source_of(second, "parquet"): Counted(ALL)}
    )
    known = Known(position)
    swapped = [file_of(tmp_path / "a", b"two" * 500), file_of(tmp_path / "b", b"one" * 500)]
    found = known.match(swapped, ["parquet"] * 2)
    assert [counted and counted.ranges for _, counted in found] == [ALL, ((0, 0, 3, 0),)]
    assert {source.name: counted.ranges for source, counted in known.position().files.items()} == {
        "a": ALL,
        "b": ((0, 0, 3, 0),),
    }


def test_missing_files_are_told_in_one_note() -> None:
    notes: list[str] = []
    sources = [Source(f"{k}.csv", "csv", 9, "0" * 32) for k in range(5)]
    known = Known(Position({source: Counted(ALL) for source in sources}))
    known.match([], [])
    known.tell_missing(notes.append)
    assert notes == [
        "5 files counted before are not among the sources now (0.csv, 1.csv, 2.csv, ...); their rows stay counted"
    ]
