"""Lines through a pipe: batches by age and size, an end without a line end, and what is known after it was read."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

import streamavg as sa
from streamavg.position import Position
from streamavg.sources import piped
from streamavg.sources.feed import Opening
from streamavg.sources.lines import open_reader
from streamavg.sources.piped import PipeFeed, here
from streamavg.sources.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def opened(file: int, position: Position | None = None, age: float = 0.02, begins: int | str | None = None) -> PipeFeed:
    opening = Opening(
        lambda names: ["n"] if "n" in names else [],
        "jsonl",
        position=position or Position(),
        rejects=Rejects(),
        age=age,
        begins=begins,
    )
    place, repeated = here("standard input", "jsonl", opening)
    return PipeFeed(file, place, repeated, open_reader("jsonl", opening.choose), opening)


def numbers(feed: PipeFeed, position: Position | None = None) -> tuple[list[int], Position]:
    """All to the end, and the position then."""
    found: list[int] = []
    position = position or Position()
    for arrival in feed.arrivals():
        if arrival is not None:
            found += map(int, arrival.piece.batch.to_pydict().get("n", []))
            step = (arrival.source, arrival.piece.spans, arrival.piece.before)
            position = position.union(Position.of([step]))
    return found, feed.settled(position)


def text(*numbers_: int) -> bytes:
    return b"".join(b'{"n": %d}\n' % n for n in numbers_)


def test_all_lines_and_the_last_without_its_end(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    feed = opened(source)

    def write() -> None:
        for part in (text(1, 2) + b'{"n"', b": 3}\n", text(4) + b'{"n": 5}'):
            os.write(sink, part)
            time.sleep(0.05)
        os.close(sink)

    writer = threading.Thread(target=write)
    writer.start()
    found, position = numbers(feed)
    writer.join()
    assert found == [1, 2, 3, 4, 5]
    (counted,) = position.files.values()
    assert counted.ranges == ((0, 0, 0, len(text(1, 2, 3, 4, 5)) - 1),)


def test_much_at_full_speed(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    feed = opened(source, age=10.0)

    def write() -> None:
        with open(sink, "wb") as file:
            file.write(text(*range(200_000)))

    writer = threading.Thread(target=write)
    writer.start()
    found, _ = numbers(feed)
    writer.join()
    assert found == list(range(200_000))


def test_a_quiet_stream_is_fresh(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    arrivals = opened(source, age=0.01).arrivals()
    os.write(sink, text(1))
    while (arrival := next(arrivals)) is None:
        pass
    assert arrival.piece.batch.num_rows == 1


def test_it_drains_what_is_in_the_pipe(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    feed = opened(source, age=100.0)
    arrivals = feed.arrivals()
    os.write(sink, text(*range(5_000))[:30_000] + text(7) + b'{"n": 8')
    assert next(arrivals) is None
    feed.drain()
    rows = sum(arrival.piece.batch.num_rows + arrival.piece.malformed for arrival in arrivals if arrival)
    assert rows == (text(*range(5_000))[:30_000] + text(7)).count(b"\n")
    assert feed.lag == {"bytes": 7}


def test_a_line_that_is_too_long(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped, "LONGEST", 2_000_000)
    source, sink = pipe

    def write() -> None:
        with open(sink, "wb") as file:
            file.write(text(1) + b'{"n": "' + b"x" * 8_000_000 + b'"}\n' + text(2))

    writer = threading.Thread(target=write)
    writer.start()
    found, _ = numbers(opened(source))
    writer.join()
    assert found == [1, 2]


def test_it_goes_on_only_where_the_caller_says(pipe: tuple[int, int]) -> None:
    """Row C13: a pipe cannot be read again."""
    source, sink = pipe
    os.write(sink, text(1, 2))
    os.close(sink)
    _, position = numbers(opened(source))
    with pytest.raises(sa.StateError, match=r"standard input: 18 bytes of it are counted .* --stdin-at N"):
        opened(source, position)
    for begins, sent, expected, gap in (("end", text(3), [3], 0), (9, text(2, 3), [3], 0), (27, text(4), [4], 9)):
        ends = os.pipe()
        os.write(ends[1], sent)
        os.close(ends[1])
        feed = opened(ends[0], position, begins=begins)
        found, after = numbers(feed, position)
        os.close(ends[0])
        assert found == expected
        assert feed.tallies.get("gap_bytes", 0) == gap
        assert len(after.files) == 1
