"""sources/pages.py: what is read page by page equals what Arrow reads, and damaged pages never crash or lie."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamavg.errors import InputError
from streamavg.sources import pages

if TYPE_CHECKING:
    from pathlib import Path

KINDS = [pa.string(), pa.large_string(), pa.int32(), pa.int64(), pa.int8(), pa.dictionary(pa.int32(), pa.string())]


def column(kind: pa.DataType, entries: int, rows: int, nulls: float, seed: int) -> pa.Array:
    """Rows drawn from `entries` distinct values, with runs of equal ones."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, entries, rows)
    values[: rows // 3] = np.sort(values[: rows // 3])
    mask = rng.random(rows) < nulls
    if pa.types.is_integer(kind):
        return pa.array(values - entries // 2 if kind.bit_width > 8 else values % 100, mask=mask).cast(kind)
    texts = pa.array([f"é{value}" for value in values], mask=mask)
    if pa.types.is_dictionary(kind) and texts.null_count < rows:  # Arrow cannot write a dictionary of nothing
        return texts.dictionary_encode()
    return texts if pa.types.is_dictionary(kind) else texts.cast(kind)


def read(path: Path, group: int = 0) -> tuple[pa.Array | None, Any]:
    """The first column of a row group through `codes`, and whether its metadata suits."""
    metadata = pq.read_metadata(path)
    chunk, leaf = metadata.row_group(group).column(0), metadata.schema.column(0)
    if not pages.suits(chunk, leaf, pq.read_schema(path).field(0).type):
        return None, False
    start, size = pages.place(chunk)
    raw = path.read_bytes()[start : start + size]
    return pages.codes(raw, chunk, leaf), (raw, chunk, leaf)


def texts(array: pa.Array) -> list[str | None]:
    """The values as text: dictionary entries of text columns come as binary."""
    return [value.decode() if isinstance(value, bytes) else value for value in array.to_pylist()]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.sampled_from([1, 2, 3, 40, 255, 256, 257, 3000]),
    st.integers(1, 4000),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from(["snappy", "none", "gzip", "zstd", "brotli"]),
    st.sampled_from([64, 1024, 1 << 20]),
    st.integers(0, 2**32),
)
def test_equals_arrow(
    tmp_path_factory: pytest.TempPathFactory,
    kind: pa.DataType,
    entries: int,
    rows: int,
    nulls: float,
    codec: str,
    page: int,
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("pages") / "x.parquet"
    table = pa.table({"label": column(kind, entries, rows, nulls, seed)})
    pq.write_table(table, path, compression=codec, data_page_size=page, write_page_checksum=seed % 2 == 0)
    found, suits = read(path)
    if table["label"].null_count == rows:  # Arrow writes no dictionary for nothing
        return
    assert suits
    assert found is not None
    found.validate(full=True)
    assert texts(found) == table["label"].to_pylist()


def test_not_nullable_and_several_groups(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("label", pa.string(), nullable=False)])
    values = [f"v{k % 70}" for k in range(50_000)]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": values}, schema=schema), path, row_group_size=20_000)
    read_back = [texts(found) for group in range(3) if (found := read(path, group)[0]) is not None]
    assert [text for group in read_back for text in group] == values


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": False},
        {"data_page_version": "2.0"},
        {"dictionary_pagesize_limit": 100},
        {"compression": "lz4"},
    ],
    ids=str,
)
def test_other_shapes_are_left_to_arrow(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": [f"v{k}" for k in range(5000)]}), path, **options)
    assert read(path)[0] is None


def test_lists_floats_and_times_do_not_suit(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    for values in ([["a"], ["b"]], [1.0, 2.0], pa.array([1, 2], pa.date32()), pa.array([1, 2], pa.uint32())):
        pq.write_table(pa.table({"label": values}), path)
        assert read(path) == (None, False)


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": ["a", "b"] * 500}), path, write_page_checksum=True, compression="none")
    _, (raw, chunk, leaf) = read(path)
    with pytest.raises(InputError, match="checksum"):
        pages.codes(raw[:-1] + bytes([raw[-1] ^ 1]), chunk, leaf)


def test_damage_never_crashes(tmp_path: Path) -> None:
    """Whatever the bytes, the answer is None, an error raised on purpose, or codes for every row."""
    rng = random.Random(5)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": column(pa.string(), 50, 3000, 0.1, 1)}), path, data_page_size=500)
    _, (raw, chunk, leaf) = read(path)
    for _ in range(3000):
        bad = bytearray(raw)
        for _ in range(rng.choice((1, 1, 2, 8))):
            bad[rng.randrange(len(bad))] = rng.choice((0, 255, rng.randrange(256)))
        cut = bytes(bad[: rng.randrange(len(bad))] if rng.random() < 0.2 else bad)
        try:
            found = pages.codes(cut, chunk, leaf)
        except (InputError, pa.ArrowException, OSError):
            continue
        assert found is None or len(found) == 3000
