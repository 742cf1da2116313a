"""Saving: the loop that counts files and saves as it goes, from where an earlier run was saved."""

from __future__ import annotations

import os
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from streamavg.accumulator import Accumulator
from streamavg.position import Position
from streamavg.snapshot import Snapshot
from streamavg.state.state import State
from streamavg.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.sources import Unit
    from streamavg.worker import Progress

LONGEST_WAIT = 1e6  # seconds; a lock takes no more
LONGEST_NAP = 0.2


class Stop(Protocol):
    """Whether to stop, such as threading.Event; in a signal handler set a plain flag, for an Event can deadlock."""

    def is_set(self) -> bool:
        """Whether to stop now."""


@dataclass(frozen=True)
class Checkpointer:
    """Where counting goes on from, and what to do with the state and the position that belong together.

    `save` is called at the start, every so many seconds, and at the end; never at the same time as itself, and never
    on the thread of the caller. What it raises stops the run.
    """

    save: Callable[[State, Position], None]
    every: float = 10.0
    state: State = field(default_factory=State)
    position: Position = field(default_factory=Position)
    stop: Stop = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Outcome:
    """What was counted in all, and whether the run was stopped before the end; seconds are summed over the threads."""

    snapshot: Snapshot
    position: Position
    stopped: bool
    saves: int
    counting: float
    blocked: float  # seconds of `counting` that threads waited for a save


def count_saving(
    work: list[Unit],
    threads: int | None,
    options: dict[str, Any],
    checkpointer: Checkpointer,
    progress: Progress | None = None,
) -> Outcome:
    """Count the units that `plan_rest` left, and save now and then.

    Raises MismatchError before anything is read if the options differ from those of the state to go on from. After an
    error in one thread what all have counted is saved, then it is raised; the same for KeyboardInterrupt.
    """
    run = _Run(work, threads, options, checkpointer, progress)
    # everything is done on other threads: an exception from a signal handler, which this one gets, tears nothing apart
    threading.Thread(target=run.keep, daemon=True).start()
    try:
        run.wait()
    except BaseException:
        run.halt.set()
        run.wait()
        raise
    if run.error is not None:
        raise run.error
    return run.outcome()


class _Halt:
    """Set by this run, or by whoever wants it to stop."""

    def __init__(self, wish: Stop) -> None:
        self._wish, self._own = wish, threading.Event()

    def set(self) -> None:
        self._own.set()

    def is_set(self) -> bool:
        return self._own.is_set() or self._wish.is_set()


class _Run:
    def __init__(
        self,
        work: list[Unit],
        threads: int | None,
        options: dict[str, Any],
        checkpointer: Checkpointer,
        progress: Progress | None,
    ) -> None:
        self._base = Accumulator(**options)
        self._base.merge(Snapshot(checkpointer.state))
        self._checkpointer, self._position = checkpointer, checkpointer.position
        self._todo: queue.SimpleQueue[Unit] = queue.SimpleQueue()
        for unit in work:
            self._todo.put(unit)
        number = min(threads or len(os.sched_getaffinity(0)), len(work))
        self._workers = [Worker(self._base._apart(), progress) for _ in range(number)]
        self._ended: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._saves = 0
        self._total = self._base.snapshot()
        self.halt = _Halt(checkpointer.stop)
        self.error: BaseException | None = None
        self._is_over, self._end = False, threading.Semaphore(0)

    def wait(self) -> None:
        """Wait for the end. Not by Thread.join: one that an exception leaves takes the thread for ended (3.11)."""
        while not self._is_over:
            self._end.acquire(timeout=LONGEST_NAP)  # a signal that another thread got does not wake this one

    def keep(self) -> None:
        """Count and save until all is done, somebody wants to stop, or something fails."""
        try:
            self._save()  # before the first row, so that what cannot be written is found out now
            for worker in self._workers:
                threading.Thread(target=self._work, args=(worker,), daemon=True).start()
            self._wait()
            self._save()
        except BaseException as error:
            self.error = error
        failed = next((worker.error for worker in self._workers if worker.error), None)
        self.error = failed or self.error
        self._is_over = True
        self._end.release()

    def _work(self, worker: Worker) -> None:
        worker.run(self._todo, self.halt)
        self._ended.put(worker)

    def _wait(self) -> None:
        """Save when it is due until every worker has ended; an error in that stops them."""
        left, due = len(self._workers), time.monotonic() + self._checkpointer.every
        error: BaseException | None = None
        while left:
            try:
                self._ended.get(timeout=max(min(due - time.monotonic(), LONGEST_WAIT), 0))
                left -= 1
            except queue.Empty:
                pass
            if time.monotonic() >= due and left and error is None:
                try:
                    self._save()
                except BaseException as failure:
                    error = failure
                    self.halt.set()
                due = time.monotonic() + self._checkpointer.every
        if error is not None:
            raise error

    def _save(self) -> None:
        """Save what each worker has counted, one after the other, together with the position it belongs to."""
        total = self._base._apart()
        total.merge(self._base)
        for worker in self._workers:
            state, position = worker.taken()
            self._position = self._position.union(position)
            total.merge(Snapshot(state))
        self._total = total.snapshot()
        self._checkpointer.save(self._total.state, self._position)
        self._saves += 1

    def outcome(self) -> Outcome:
        """The sum of all that was counted."""
        return Outcome(
            self._total,
            self._position,
            any(worker.left_off for worker in self._workers),
            self._saves,
            sum(worker.seconds for worker in self._workers),
            sum(worker.blocked for worker in self._workers),
        )
