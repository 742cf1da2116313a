"""Rows that wait: found by their numbers, put together while they are few, let go of when they wait no longer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from streamavg.count.pairing import Pairing
from streamavg.count.waiting import Waiting


def filled(rows: int, size: int, most: int = 10_000):
    """A pairing and rows of so many predictions, taken in batches."""
    pairing, waiting = Pairing(most, 1 << 60), Waiting()
    for start in range(0, rows, size):
        ids = pa.array(range(start, min(start + size, rows)), pa.int64())
        waiting.add(pairing.next, pa.record_batch({"x": ids}))
        pairing.take(ids, np.ones(len(ids), np.uint8), 0)
        waiting.tidy(pairing)
    return pairing, waiting


def test_small_batches_are_put_together():
    pairing, waiting = filled(3000, 1)
    assert waiting.numbers.tolist() == list(range(3000))
    assert len(waiting.batches(pairing)) < 12


def test_rows_are_found_in_any_order():
    _, waiting = filled(100, 7)
    here = pa.record_batch({"n": pa.array(range(50))})
    wanted = np.random.default_rng(1).permutation(100)[:50]
    pairs = list(waiting.found(here, np.arange(50), wanted))
    got = {n: x for a, b in pairs for n, x in zip(a["n"].to_pylist(), b["x"].to_pylist(), strict=True)}
    assert got == dict(enumerate(wanted.tolist()))
    assert list(waiting.found(here, np.arange(0), np.arange(0))) == []


def test_columns_of_other_types_stay_apart():
    pairing, waiting = Pairing(100, 1 << 60), Waiting()
    for ids, value in (([1], pa.array([7])), ([2], pa.array(["b"])), ([3], pa.array([9]))):
        waiting.add(pairing.next, pa.record_batch({"x": value}))
        pairing.take(pa.array(ids), np.ones(1, np.uint8), 0)
        waiting.tidy(pairing)
    here = pa.record_batch({"n": pa.array([0, 1, 2])})
    pairs = list(waiting.found(here, np.arange(3), np.array([2, 0, 1])))
    assert [(a["n"].to_pylist(), b["x"].to_pylist()) for a, b in pairs] == [([1], [7]), ([2], ["b"]), ([0], [9])]


def test_rows_that_wait_no_longer_are_let_go_of():
    pairing, waiting = filled(1000, 10, most=50)
    assert len(waiting.numbers) <= 160
    pairing.take(pa.array(range(950, 1000)), np.full(50, 2, np.uint8), 0)
    waiting.tidy(pairing)
    assert waiting.batches(pairing) == []


def test_what_was_saved_comes_back():
    pairing, waiting = filled(100, 7, most=40)
    batches = waiting.batches(pairing)
    again = Waiting.of(batches)
    assert again.numbers.tolist() == waiting.numbers.tolist() == list(range(pairing.first, 100))
    for wrong in (
        pa.record_batch({"x": [1]}),
        pa.record_batch({"": ["a"]}),
        pa.record_batch({"": pa.array([None, 1])}),
    ):
        with pytest.raises(ValueError, match="rows wait without numbers"):
            Waiting.of([wrong])
