"""Watermark: how far the time of a stream has come: which windows are over, and which rows came late for theirs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.times import times_of
from streamavg.derive.panes import starts_of, windows
from streamavg.errors import StateError
from streamavg.snapshot import Snapshot
from streamavg.state.spans import LEAST_START, MOST_START, moment, window_size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    import pyarrow as pa

    Window = tuple[datetime, Snapshot]

SHOWN = 60  # windows that observers see
AHEAD = 86400 * 10**6  # a time more than a day before the clock is wrong; it would close all windows up to it


class Watermark:
    """The latest time met, less `lateness`: a window is closed when the watermark has reached its end.

    window: how long windows are, in microseconds. lateness: how much later than others a row may come, in microseconds.
    clock: seconds since 1970. Rows of closed windows count like others; `tallies` says how many came late, and how
    many have a time that cannot be yet, which moves no watermark.
    """

    def __init__(
        self,
        column: str,
        window: int,
        lateness: int = 0,
        remembered: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._column, self._size, self._lateness, self._clock = column, window, lateness, clock
        self._newest: int | None = None  # up to which all that is read has come
        self._top: int | None = None  # the latest of all
        self._each: dict[object, int] = {}  # the latest of each source
        self.told: int | None = None  # windows that start before were said to be closed
        self._counts = {"late": 0, "ahead": 0}
        if remembered is not None:
            self._newest, self.told = _sound(remembered)
            self._top = self._newest

    @property
    def tallies(self) -> dict[str, int]:
        """Run counters since this was made."""
        return {name: rows for name, rows in self._counts.items() if rows}

    @property
    def time(self) -> datetime | None:
        """The watermark; None before any row has a time."""
        return None if self._newest is None else moment(max(self._newest - self._lateness, LEAST_START))

    @property
    def closed_before(self) -> int:
        """Windows that start before this are closed, in microseconds since 1970."""
        if self._newest is None:
            return LEAST_START
        return (self._newest - self._lateness) // self._size * self._size

    def observe(self, batch: pa.RecordBatch, source: object = None) -> int:
        """Take note of the times of rows; returns how many of them came late: their window was closed before.

        Of a source that is named the watermark moves when `advance` is called.
        """
        if not batch.num_rows:
            return 0
        times, known = times_of(batch[self._column], self._column)
        given = times[known]
        late = int(np.count_nonzero(given // self._size * self._size < self.closed_before))
        possible = given <= int(self._clock() * 1e6) + AHEAD
        self._counts["late"] += late
        self._counts["ahead"] += int(len(given) - np.count_nonzero(possible))
        if possible.any():
            newest = int(given[possible].max())
            self._top = newest if self._top is None else max(self._top, newest)
            self._each[source] = max(self._each.get(source, newest), newest)
        if source is None:
            self.advance(())
        return late

    def advance(self, behind: Collection[object]) -> None:
        """Move to the time that all have come to, where `behind` are the sources that have much to be read now.

        While a program catches up, one partition may be hours ahead of another, whose rows would all come late. Other
        sources hold nothing back.
        """
        self._each = {source: time for source, time in self._each.items() if source in behind}
        times = [self._each.get(source) for source in behind] or [self._top]
        reached = [time for time in times if time is not None]
        if len(reached) == len(times):
            self._newest = min(reached) if self._newest is None else max(self._newest, min(reached))

    def take_closed(self, starts: Iterable[int]) -> list[int]:
        """Those of these windows that closed since the last call, ascending; each is told once, also after a restart.

        A window that opens after its end (all its rows came late) is never told.
        """
        told, end = self.told, self.closed_before
        self.told = end if told is None else max(told, end)
        return sorted(start for start in starts if (told is None or told <= start) and start < end)

    def read(self, snapshot: Snapshot) -> tuple[list[Window], list[Window]]:
        """Start and counts of the newest windows, newest last, and of those that closed since the last call."""
        starts = starts_of(snapshot.state)
        closed, newest = self.take_closed(starts), starts[-SHOWN:]
        found = {
            start: (moment(start), Snapshot(state))
            for start, state in windows(snapshot.state, {*closed, *newest}).items()
        }
        return [found[start] for start in newest], [found[start] for start in closed]

    def folds_before(self, keep: int, is_told: bool) -> int:
        """Where windows are old: `keep` of them before the first that is open; none that nobody was told of yet."""
        before = self.closed_before
        if is_told:
            before = min(before, LEAST_START if self.told is None else self.told)
        return before - keep * self._size

    @property
    def remembered(self) -> dict[str, int | None]:
        """JSON to be saved with the counts."""
        return {"newest": self._newest, "told": self.told}


def _sound(remembered: Any) -> tuple[int | None, int | None]:
    if isinstance(remembered, dict) and remembered.keys() == {"newest", "told"}:
        newest, told = remembered["newest"], remembered["told"]
        if all(each is None or (type(each) is int and LEAST_START <= each < MOST_START) for each in (newest, told)):
            return newest, told
    raise StateError(
        f"the state file holds a watermark that cannot be ({str(remembered)[:80]}); restore it from a copy"
    )


def watermark_for(options: Any, lateness: float, remembered: Any) -> Watermark | None:
    """The watermark of an accumulator's options, lateness in seconds; None if it has no windows."""
    slicing = options.slicing
    if not slicing.window:
        return None
    return Watermark(slicing.time, window_size(slicing.window), round(lateness * 1e6), remembered)
