"""Worker: whoever takes its counts gets the state and the position of the same moment, and does not wait in vain."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.errors import InputError
from streamavg.position import Position, Source, Span
from streamavg.sources import Piece, Unit
from streamavg.worker import Worker

SOURCE = Source("a.parquet", "parquet", 100, "0" * 32)
BATCH = pa.record_batch({"y_true": ["a", "b", "c"], "y_pred": ["a", "b", "b"]})


def unit_of(pieces, source=SOURCE):
    return Unit("a.parquet", 100, None, lambda: iter(pieces), source)


def pieces_of(number):
    return (Piece(BATCH, spans=[Span(0, 3 * k, 3, (0, 3 * k + 3))]) for k in range(number))


def queue_of(*units):
    todo = queue.SimpleQueue()
    for unit in units:
        todo.put(unit)
    return todo


def test_state_and_position_are_of_one_moment():
    """The position says how many rows; the state taken with it has exactly these, however often it is looked at."""
    worker = Worker(sa.Accumulator(), None)
    thread = threading.Thread(target=worker.run, args=(queue_of(unit_of(pieces_of(3000))), threading.Event()))
    thread.start()
    position, looks = Position(), 0
    while True:
        is_last = not thread.is_alive()
        state, more = worker.taken()
        position, looks = position.union(more), looks + 1
        rows = position.files[SOURCE].ranges[-1][3] if position.files else 0
        assert state.rows == rows
        assert sum(len(counted.ranges) for counted in position.files.values()) <= 1
        if is_last:
            break
    assert rows == 9000
    assert worker.error is None
    assert not worker.left_off
    assert looks > 1


def test_what_was_taken_does_not_change():
    worker = Worker(sa.Accumulator(), None)
    worker.run(queue_of(unit_of(pieces_of(2))), threading.Event())
    state, _ = worker.taken()
    before = state.fingerprint
    worker.run(queue_of(unit_of(pieces_of(2))), threading.Event())
    again, _ = worker.taken()
    assert (state.rows, again.rows) == (6, 12)
    assert sa.Snapshot(state).fingerprint() == before
    assert again.fingerprint == (state + state).fingerprint


def test_without_a_source_nothing_is_noted():
    worker = Worker(sa.Accumulator(), None)
    worker.run(queue_of(unit_of([Piece(BATCH)], None)), threading.Event())
    state, position = worker.taken()
    assert (state.rows, position) == (3, Position())


def test_an_error_keeps_what_came_before_and_names_the_file():
    worker, stop = Worker(sa.Accumulator(null_pred="error"), None), threading.Event()
    bad = Piece(pa.record_batch({"y_true": ["a", "a"], "y_pred": ["a", None]}), spans=[Span(0, 3, 2, (0, 5))])
    worker.run(queue_of(unit_of([*pieces_of(1), bad])), stop)
    assert stop.is_set()
    with pytest.raises(InputError, match=r"^a\.parquet: .*null_pred"):
        raise worker.error
    state, position = worker.taken()
    assert (state.rows, position.files[SOURCE].ranges) == (3, ((0, 0, 0, 3),))


def test_a_worker_that_was_stopped_says_so():
    stop = threading.Event()

    def pieces():
        yield next(pieces_of(1))
        stop.set()
        yield next(pieces_of(1))

    worker = Worker(sa.Accumulator(), None)
    worker.run(queue_of(unit_of(pieces())), stop)
    assert worker.left_off
    assert worker.taken()[0].rows == 3


def summed(workers):
    total = sa.Accumulator(by=["s"])
    for worker in workers:
        total.merge(worker.accumulator if worker.counted is None else worker.counted)
    return total.snapshot()


def sliced(rng, kind, slices, labels, rows=300):
    def drawn(size):
        codes = rng.integers(0, size, rows)
        return pa.array(codes) if kind == "int" else pa.array([f"l{code}" for code in codes.tolist()])

    true = drawn(labels)
    pred = pa.array(
        [pair[rng.random() < 0.4] for pair in zip(true.to_pylist(), drawn(labels).to_pylist(), strict=True)]
    )
    return pa.record_batch({"y_true": true, "y_pred": pred, "s": rng.integers(0, slices, rows)})


@pytest.mark.parametrize("kind", ["int", "text"])
@pytest.mark.parametrize("slices", [(3, 3, 3), (3, 40, 400)])
@pytest.mark.parametrize("labels", [(2, 2, 2), (2, 5, 9), (5, 700, 5)])
def test_workers_with_the_same_slices_leave_one_sum(kind, slices, labels):
    """Whether their tables can be added as they are or not, the sum is that of one accumulator."""
    rng = np.random.default_rng(sum(slices) + sum(labels))
    batches = [[sliced(rng, kind, *size) for _ in range(3)] for size in zip(slices, labels, strict=True)]
    idle = queue.SimpleQueue()
    workers = [Worker(sa.Accumulator(by=["s"]), None, idle) for _ in range(3)]
    for worker, part in zip(workers, batches, strict=True):
        worker.run_to_sum(queue_of(unit_of(map(Piece, part))), threading.Event())
        assert worker.error is None
    whole = sa.Accumulator(by=["s"])
    for batch in [batch for part in batches for batch in part]:
        whole.update(batch)
    found = summed(workers)
    assert found == whole.snapshot()
    assert found.rows == 2700
    assert [worker.counted is None for worker in workers] == [False, False, True]
    if slices == (3, 3, 3) and max(labels) < 500 and kind == "int":
        assert workers[0].counted.rows == 0


def test_workers_that_ended_in_an_error_are_left_alone():
    idle = queue.SimpleQueue()
    worker = Worker(sa.Accumulator(by=["s"]), None, idle)
    worker.run_to_sum(queue_of(unit_of(map(Piece, [BATCH]))), threading.Event())
    assert isinstance(worker.error, InputError)
    assert idle.empty()


def test_a_third_label_between_two_workers_is_refused():
    idle = queue.SimpleQueue()
    workers = [Worker(sa.Accumulator(by=["s"], task="binary", pos_label=1), None, idle) for _ in range(2)]
    for worker, other in zip(workers, (0, 2), strict=True):
        batch = pa.record_batch({"y_true": [1, other] * 20, "y_pred": [1, 1] * 20, "s": [0, 1] * 20})
        worker.run_to_sum(queue_of(unit_of(map(Piece, [batch]))), threading.Event())
        assert worker.error is None
    total = sa.Accumulator(by=["s"], task="binary", pos_label=1)
    total.merge(workers[0].counted)
    with pytest.raises(InputError, match="two labels"):
        total.merge(workers[1].accumulator)
