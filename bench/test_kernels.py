"""Hot loops and encoders by themselves: nanoseconds a row, one thread, checks included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from bench import data
from streamavg.count import kernels
from streamavg.count.columns import Column
from streamavg.count.histogram import ScoreTable
from streamavg.count.single import PairTable
from streamavg.count.spaces import IntSpace
from streamavg.count.vocabulary import Vocabulary
from streamavg.state.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = max(data.ROWS // 5, 1000)


@pytest.mark.parametrize("classes", [2, 10, 100, 256])
@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_count_pairs(race: Callable[..., Any], classes: int, width: int) -> None:
    """The C x C loop over codes of each width, in as many ways as the counter would take."""
    true, pred = (column[:ROWS].astype(f"u{width // 8}") for column in data.codes(classes, True))
    space = IntSpace(classes)

    def work() -> Any:
        hot = PairTable.of(space, space)
        assert hot.count(true, pred, (classes, classes), 1) == len(true)
        return hot.table.reshape(hot.ways, -1).sum(axis=0)

    counted = race(f"count_pairs, {classes} classes", f"uint{width}", work, ROWS)
    assert (counted == np.bincount(true.astype(np.int64) * classes + pred.astype(np.int64), minlength=classes**2)).all()


@pytest.mark.parametrize("classes", [1000, 1_000_000])
def test_count_labels(race: Callable[..., Any], classes: int) -> None:
    """The label x 3 loop."""
    true, pred = (column[:ROWS].view(np.uint32) for column in data.codes(classes, True))

    def work() -> Any:
        cells = np.zeros((classes, 3), np.int32)
        assert kernels.count_labels(true, pred, np.uint64(classes), np.uint64(classes), np.int32(1), cells) == len(true)
        return cells

    counted = race("count_labels", f"{classes:,} classes", work, ROWS)
    assert counted[:, 0].sum() == (true == pred).sum()


@pytest.mark.parametrize("words", [1 << 14])
def test_count_bits(race: Callable[..., Any], words: int) -> None:
    """AND and popcount of two bitmaps, labels a second."""
    rng = np.random.default_rng(1)
    true, pred = (rng.integers(0, 2**63, words, dtype=np.uint64) for _ in range(2))
    counted = race("count_bits", "uint64 words", lambda: kernels.count_bits(true, pred), 64 * words)
    assert counted == tuple(int(np.bitwise_count(bits).sum()) for bits in (true, pred, true & pred))


ENCODINGS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "dictionary": lambda column: column,
    "dictionary with nulls": lambda column: pa.DictionaryArray.from_arrays(
        pa.array(np.asarray(column.indices), mask=np.arange(len(column)) % 10 == 0), column.dictionary
    ),
    "string": lambda column: column.cast(pa.string()),
    "string_view": lambda column: column.cast(pa.string()).cast(pa.string_view()),
    "int32": lambda column: pa.array(np.asarray(column.indices)),
    "float64": lambda column: pa.array(np.asarray(column.indices, np.float64)),
    "bool": lambda column: pa.array(np.asarray(column.indices) > 0),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoders(race: Callable[..., Any], encoding: str) -> None:
    """One column of 100 labels to codes, warm."""
    rows = min(ROWS, 1 << 20)
    made = ENCODINGS[encoding](data.encoded(data.codes(100, True)[0][:rows], 100, "dictionary"))
    column = Column("y_true", Vocabulary((), closed=False))
    codes = race("encoders", encoding, lambda: column.encode(made), rows)
    assert len(codes.values) == rows


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", data.SCORES)
def test_binary_scores(race: Callable[..., Any], name: str, dtype: str) -> None:
    """One score a row into the default layout, witness included."""
    rng = np.random.default_rng(1)
    scores = data.SCORES[name](rng, ROWS).astype(dtype)[:, None]
    true = rng.random((ROWS, 1)) < 0.3
    table = ScoreTable(Layout.default("unit", dtype, 1), ["1"])
    race(f"binary scores, {name}", f"streamavg {dtype}", lambda: table.count(scores, true), ROWS)
    assert table.state().every.sum() % ROWS == 0


@pytest.mark.parametrize("size", [1042, 4092])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_scores(race: Callable[..., Any], size: int, dtype: str) -> None:
    """1,000 classes a row, row after row, as a model gives them."""
    rng, rows = np.random.default_rng(1), max(ROWS // 1000, 2)
    logits = np.exp(3 * rng.standard_normal((rows, 1000)))
    scores = (logits / logits.sum(axis=1, keepdims=True)).astype(dtype)
    true = rng.integers(0, 1000, rows)
    table = ScoreTable(Layout("unit", size), [str(k) for k in range(1000)])
    race(f"softmax scores, {size} slots", f"streamavg {dtype}", lambda: table.count(scores, true), scores.size)
    assert table.state().every.sum() % scores.size == 0
