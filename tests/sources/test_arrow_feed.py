"""An Arrow IPC stream on a pipe: batch after batch while it is written, and an end that is missing."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.position import Position
from streamavg.sources.arrow_feed import ArrowFeed
from streamavg.sources.feed import Opening
from tests.sources import samples

if TYPE_CHECKING:
    from streamavg.sources.feed import Arrival


def stream(batches: int, rows: int = 3) -> bytes:
    sink = io.BytesIO()
    batch = pa.record_batch({"id": range(rows), "y_pred": ["a"] * rows, "y_true": ["b"] * rows})
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(batches):
            writer.write_batch(batch)
    return sink.getvalue()


def arrivals(data: bytes, position: Position | None = None) -> tuple[list[Arrival], BaseException | None]:
    source, sink = os.pipe()

    def write() -> None:
        with open(sink, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    found: list[Arrival] = []
    try:
        feed = ArrowFeed(source, "standard input", Opening(samples.choose, position=position or Position()))
        writer.start()
        for arrival in feed.arrivals():
            found += [arrival] if arrival else []
        return found, None
    except sa.InputError as error:
        return found, error
    finally:
        if writer.ident:
            writer.join()
        os.close(source)


def test_batches_with_their_places() -> None:
    found, error = arrivals(stream(20))
    assert error is None
    assert sum(arrival.piece.batch.num_rows for arrival in found) == 60
    assert found[0].piece.batch.schema.names == ["y_true", "y_pred"]
    position = Position.of([(arrival.source, arrival.piece.spans, "") for arrival in found])
    assert [counted.ranges for counted in position.files.values()] == [((0, 0, 20, 0),)]
    with pytest.raises(sa.StateError, match="cannot be read again"):
        ArrowFeed(0, "standard input", Opening(samples.choose, position=position))


def test_a_stream_that_was_cut_off() -> None:
    """Row C10: between two messages too; what came before counts."""
    whole = stream(5)
    for end in (len(whole) - 8, len(whole) // 2, len(whole) - 12):
        found, error = arrivals(whole[:end])
        assert error is not None
        assert "standard input: " in str(error)
        assert 0 < len(found) <= 5


def test_columns_that_are_not_there() -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema({"other": pa.int8()})):
        pass
    found, error = arrivals(sink.getvalue())
    assert not found
    assert "missing" in str(error)
