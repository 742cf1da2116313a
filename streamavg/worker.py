"""Worker: one thread's accumulator with the position of what it counted, both taken together between two pieces."""

from __future__ import annotations

import queue
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Protocol

    from streamavg.accumulator import Accumulator
    from streamavg.position import Source, Span
    from streamavg.snapshot import Snapshot
    from streamavg.sources import Piece, Unit
    from streamavg.state.state import State

    Progress = Callable[[int, int], None]

    class Stop(Protocol):
        """Tells all workers to stop."""

        def set(self) -> None: ...
        def is_set(self) -> bool: ...

    class Runner(Protocol):
        """Takes units on a thread of its own, and keeps what went wrong."""

        error: BaseException | None

        def run_to_sum(self, todo: queue.SimpleQueue[Unit], stop: Stop) -> None: ...


class Worker:
    """Counts units on one thread; `taken` gives another thread what was counted, without stopping this one for long."""

    def __init__(
        self, accumulator: Accumulator, progress: Progress | None, idle: queue.SimpleQueue[Worker] | None = None
    ) -> None:
        self.accumulator, self._progress, self._idle = accumulator, progress, idle
        self.error: BaseException | None = None
        self.counted: Snapshot | None = None
        self.left_off = False  # whether it was stopped before all was read
        self.blocked = self.seconds = 0.0  # waited for `taken`; run in all
        self._steps: list[tuple[Source, Sequence[Span], str]] = []
        # a thread that lets go of a lock and wants it back at once mostly gets it: whoever waits holds the turn
        self._turn, self._busy = threading.Lock(), threading.Lock()

    def run(self, todo: queue.SimpleQueue[Unit], stop: Stop) -> None:
        """Count unit after unit until none is left or somebody has failed."""
        started = time.perf_counter()
        try:
            while not stop.is_set():
                self._count(todo.get_nowait(), stop)
            self.left_off = self.left_off or not todo.empty()
        except queue.Empty:
            pass
        except BaseException as error:
            self.error = error
            stop.set()
        self.seconds += time.perf_counter() - started

    def run_to_sum(self, todo: queue.SimpleQueue[Unit], stop: Stop) -> None:
        """Run, then add up what was counted on this thread too, while others still count."""
        self.run(todo, stop)
        try:
            if self.error is None and not self._is_left():
                self.sum()
        except BaseException as error:
            self.error = error

    def sum(self) -> None:
        """Add up what was counted."""
        self.counted = self.accumulator.snapshot()

    def _is_left(self) -> bool:
        """Whether the sum is left to a worker that ends later, or to who waits for all, with their slices in one table.

        To make states of 10,000 slices on two threads and to add them took a quarter of the time of 50 million rows.
        """
        if self._idle is None or not self.accumulator._options.slicing.is_asked:
            return False
        while True:
            try:
                other = self._idle.get_nowait()
            except queue.Empty:
                self._idle.put(self)
                return True
            self.accumulator._absorb(other.accumulator)
            other.sum()

    def _count(self, unit: Unit, stop: Stop) -> None:
        if not read_unit(unit, partial(self._count_piece, unit), stop, self._progress):
            self.left_off = True

    def _count_piece(self, unit: Unit, piece: Piece, row: int) -> None:
        if unit.source is None:
            self.accumulator._count_piece(piece.batch, piece.malformed, row)
            return
        self._begin()
        try:
            self.accumulator._count_piece(piece.batch, piece.malformed, row)
            self._steps.append((unit.source, piece.spans, piece.before))
        finally:
            self._busy.release()

    def _begin(self) -> None:
        """Wait until nobody looks at the counts."""
        if self._turn.acquire(blocking=False):
            if self._busy.acquire(blocking=False):
                self._turn.release()
                return
            self._turn.release()
        started = time.perf_counter()
        with self._turn:
            self._busy.acquire()
        self.blocked += time.perf_counter() - started

    def taken(self) -> tuple[State, Position]:
        """All that was counted so far, and the position of what was counted since the last call."""
        with self._turn:
            self._busy.acquire()
        try:
            twin = self.accumulator._twin()
            steps, self._steps = self._steps, []
        finally:
            self._busy.release()
        return twin.snapshot().state, Position.of(steps)


def read_unit(unit: Unit, take: Callable[[Piece, int], None], stop: Stop, progress: Progress | None) -> bool:
    """Hand on each piece with the number of its first row; whether all was read before somebody stopped it.

    Raises what `take` and reading raise, an InputError with the name of the file before it.
    """
    done = 0
    for piece, row in _numbered(unit.read()):
        if stop.is_set():
            return False
        try:
            take(piece, row)
        except InputError as error:
            raise InputError(f"{unit.file}: {error}") from None
        if progress:
            # a unit of unknown length reports its bytes at its end
            share = unit.size * piece.batch.num_rows // unit.rows if unit.rows else 0
            done += share
            progress(piece.batch.num_rows, share)
    if progress:
        progress(0, unit.size - done)
    return True


def work_together(workers: Sequence[Runner], todo: queue.SimpleQueue[Unit]) -> None:
    """Run all workers, the first on this thread, and raise the first error once all have stopped."""
    stop = threading.Event()
    others = [threading.Thread(target=worker.run_to_sum, args=(todo, stop), daemon=True) for worker in workers[1:]]
    for thread in others:
        thread.start()
    try:
        workers[0].run_to_sum(todo, stop)
    finally:
        stop_now = workers[0].error is not None
        if stop_now:
            stop.set()
        for thread in others:
            thread.join()
    for worker in workers:
        if worker.error is not None:
            raise worker.error


def _numbered(pieces: Iterator[Piece]) -> Iterator[tuple[Piece, int]]:
    row = 0
    for piece in pieces:
        yield piece, row
        row += piece.batch.num_rows
