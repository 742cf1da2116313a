"""Worker: whoever takes its counts gets the state and the position of the same moment, and does not wait in vain."""

from __future__ import annotations

import queue
import threading

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
