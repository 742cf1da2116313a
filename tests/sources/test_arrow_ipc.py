"""Arrow IPC: files and streams of any layout give their rows; cut, joined and forged ones are refused."""

from __future__ import annotations

import io
import os
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.feather
import pytest

from streamavg.errors import InputError
from streamavg.sources import arrow_ipc, open_units
from tests.sources.samples import ROWS, arrow_file, arrow_stream, choose, pieces, read_rows, rows_of, save

if TYPE_CHECKING:
    from pathlib import Path

EOS = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def stream(*batches: pa.RecordBatch, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()


def codes(values: list[int], words: list[str]) -> pa.RecordBatch:
    column = pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), pa.array(words))
    return pa.record_batch({"y_true": column, "y_pred": column})


def refused(source: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_rows(open_units([source], choose, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".arrow", ".arrows", ".ipc", ".feather"])
def test_the_first_bytes_tell_file_from_stream(tmp_path: Path, suffix: str) -> None:
    for data in (arrow_file(), arrow_stream()):
        (tmp_path / f"a{suffix}").write_bytes(data)
        assert rows_of(tmp_path) == ROWS


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_read(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.arrows").write_bytes(stream(codes([0, 1, 0] * 50, ["a", "b"]), compression=codec))
    assert rows_of(tmp_path) == [("a", "a"), ("b", "b"), ("a", "a")] * 50


def test_dictionaries_may_grow_and_be_replaced(tmp_path: Path) -> None:
    batches = [codes([0, 1], ["a", "b"]), codes([2, 0], ["a", "b", "c"]), codes([0, 1], ["x", "a"])]
    expected = [(word, word) for word in "abcaxa"]
    for delta in (False, True):
        (tmp_path / "a.arrows").write_bytes(stream(*batches, emit_dictionary_deltas=delta))
        assert rows_of(tmp_path) == expected
        assert rows_of("-", input_format="arrow", stdin=io.BytesIO((tmp_path / "a.arrows").read_bytes())) == expected
    sink = io.BytesIO()
    with pa.ipc.new_file(
        sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    ) as writer:
        for batch in batches[:2]:
            writer.write_batch(batch)
    (tmp_path / "a.arrows").write_bytes(sink.getvalue())
    assert rows_of(tmp_path) == expected[:4]


def test_feather_version_1_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    assert "Feather V1, which holds no Arrow IPC; read it with pyarrow.feather, write it again" in refused(
        tmp_path / "a.feather"
    )


def test_feather_version_2_is_read(tmp_path: Path) -> None:
    pyarrow.feather.write_feather(pa.table({"y_true": ["a"], "y_pred": ["b"]}), tmp_path / "a.feather")
    assert rows_of(tmp_path) == [("a", "b")]


def test_a_stream_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """Also exactly between two messages, where pyarrow says nothing."""
    data, path = arrow_stream(), tmp_path / "a.arrows"
    assert data.endswith(EOS)
    words = {"marker": 0, "damaged": 0}
    ends = [at for at in range(len(data)) if data[at : at + 4] == EOS[:4]]  # each message starts so
    for size in sorted({0, *ends, *range(5, len(data), 61), *range(len(data) - 16, len(data))}):
        path.write_bytes(data[:size])
        for message in (refused(path), refused("-", input_format="arrow", stdin=io.BytesIO(data[:size]))):
            (word,) = [word for word in words if word in message]
            words[word] += 1
    assert words["marker"] == 2 * len(ends) - 2  # not without the first message, the schema
    path.write_bytes(data[: -len(EOS)])
    assert refused(path) == (
        f"{path}: ends without the end-of-stream marker; the writer was cut off, so let it close the stream"
    )


def test_data_that_looks_like_the_marker_is_not_the_marker(tmp_path: Path) -> None:
    batch = pa.record_batch({"y_true": pa.array([7, 8], pa.int32()), "y_pred": pa.array([-1, 0], pa.int32())})
    data = stream(batch)
    assert data[: -len(EOS)].endswith(EOS)
    (tmp_path / "a.arrows").write_bytes(data)
    assert rows_of(tmp_path) == [("7", "-1"), ("8", "0")]
    (tmp_path / "a.arrows").write_bytes(data[: -len(EOS)])
    assert "ends without the end-of-stream marker" in refused(tmp_path / "a.arrows")


def test_the_marker_of_old_writers_is_known(tmp_path: Path) -> None:
    data = stream(codes([0], ["a"]), use_legacy_format=True)
    assert data.endswith(b"\x00\x00\x00\x00")
    (tmp_path / "a.arrows").write_bytes(data)
    assert rows_of(tmp_path) == [("a", "a")]


def test_joined_streams_are_refused_because_pyarrow_would_drop_the_second(tmp_path: Path) -> None:
    data = arrow_stream() + arrow_stream()
    (tmp_path / "a.arrows").write_bytes(data)
    for message in (refused(tmp_path), refused("-", input_format="arrow", stdin=io.BytesIO(data))):
        assert "more bytes follow the end-of-stream marker; give streams that were joined as separate files" in message


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data, path = arrow_file(), tmp_path / "a.arrow"
    for size in {*range(0, len(data), 11), *range(len(data) - 12, len(data))}:
        path.write_bytes(data[:size])
        assert refused(path).startswith(f"{path}: ")


def test_a_file_cut_while_it_is_read_is_an_error_and_no_bus_error(tmp_path: Path) -> None:
    path = save(tmp_path / "a.arrow")
    units = open_units([path], choose)
    os.truncate(path, 100)
    with pytest.raises(InputError, match=r"a\.arrow"):
        read_rows(units)


def test_a_file_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    for suffix in (".arrow", ".arrows"):
        path = save(tmp_path / f"a{suffix}")
        units = open_units([path], choose)
        os.utime(path, ns=(0, 0))
        with pytest.raises(InputError, match="changed while it was being read"):
            read_rows(units)


def forged(values: list[int], wild: int, words: list[str]) -> bytes:
    """A stream in which the code 77 became another one, which no writer would write."""
    column = pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), pa.array(words), safe=False)
    data = stream(pa.record_batch({"y_true": column, "y_pred": column}))
    return data.replace((77).to_bytes(4, "little"), wild.to_bytes(4, "little", signed=True))


@pytest.mark.parametrize("wild", [2, -1, 2**31 - 1])
def test_forged_codes_are_refused(tmp_path: Path, wild: int) -> None:
    (tmp_path / "a.arrows").write_bytes(forged([0, 77, 1], wild, ["a", "b"]))
    assert "damaged or not Arrow IPC" in refused(tmp_path / "a.arrows")


def test_forged_offsets_and_bad_text_are_refused(tmp_path: Path) -> None:
    data = stream(pa.record_batch({"y_true": ["abcdefg", "hi"], "y_pred": ["abcdefg", "hi"]}))
    offsets = b"".join(n.to_bytes(4, "little") for n in (0, 7, 9))
    path = tmp_path / "a.arrows"
    path.write_bytes(data.replace(offsets, offsets[:4] + (10**6).to_bytes(4, "little") + offsets[8:]))
    assert "damaged or not Arrow IPC" in refused(path)
    path.write_bytes(data.replace(b"abcdefg", b"abc\xffefg"))
    assert "not valid UTF-8" in refused(path)


def test_damage_anywhere_gives_rows_or_a_refusal(tmp_path: Path) -> None:
    draw = random.Random(2)
    for data, suffix in ((arrow_file(), "arrow"), (arrow_stream(), "arrows")):
        path, refusals = tmp_path / f"a.{suffix}", 0
        for _ in range(300):
            damaged = bytearray(data)
            at = draw.randrange(len(data))
            for i in range(at, min(at + draw.choice([1, 4]), len(data))):
                damaged[i] = draw.choice([0, 255, draw.randrange(256)])
            path.write_bytes(damaged)
            try:
                pieces(open_units([path], choose))
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017
                refusals += 1
        assert refusals > 30


def test_batches_of_a_file_are_split_into_units_and_large_ones_sliced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.arrow")
    for size, units in {1: 6, path.stat().st_size // 3 + 1: 3, 1 << 30: 1}.items():
        monkeypatch.setattr(arrow_ipc, "UNIT_BYTES", size)
        found = open_units([path], choose)
        assert len(found) == units
        assert read_rows(found) == (ROWS, 0)
    monkeypatch.setattr(arrow_ipc, "SLICE_ROWS", 2)
    (tmp_path / "a.arrow").write_bytes(stream(codes([0, 1, 0, 1, 1], ["a", "b"])))
    assert [piece.batch.num_rows for piece in pieces(open_units([path], choose))] == [2, 2, 1]


def test_only_the_chosen_columns_are_decoded(tmp_path: Path) -> None:
    """The third column is damaged in a way that reading it would show."""
    data = stream(pa.record_batch({"y_true": ["a"], "y_pred": ["b"], "z": ["damaged" * 9]}), compression="zstd")
    at = data.rindex(b"\x28\xb5\x2f\xfd")  # the last zstd frame is that of z
    (tmp_path / "a.arrows").write_bytes(data[:at] + b"\0\0\0\0" + data[at + 4 :])
    assert rows_of(tmp_path) == [("a", "b")]
    with pytest.raises(InputError, match="damaged"):
        rows_of(tmp_path, choose=lambda _: ["z"])


def test_no_batches_give_no_rows(tmp_path: Path) -> None:
    schema = pa.schema([("y_true", pa.string()), ("y_pred", pa.string())])
    for name, opened in {"a.arrow": pa.ipc.new_file, "b.arrows": pa.ipc.new_stream}.items():
        with opened(str(tmp_path / name), schema):
            pass
    assert rows_of(tmp_path) == []
