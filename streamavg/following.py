"""Following: the loop of a stream that does not end; what arrives is counted, saved now and then, and shown."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from streamavg.errors import InputError
from streamavg.live.moment import Moment, Watch
from streamavg.position import Position
from streamavg.sources.unit import Bad
from streamavg.state.spans import LEAST_START, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from streamavg.accumulator import Accumulator
    from streamavg.live.moment import Observer
    from streamavg.position import Source, Span
    from streamavg.saving import Stop
    from streamavg.snapshot import Snapshot
    from streamavg.sources.feed import Arrival, Feed
    from streamavg.sources.rejects import Rejects
    from streamavg.sources.unit import Piece
    from streamavg.state.state import State
    from streamavg.watermark import Watermark

GRACE = 1.5  # seconds in which a feed must have handed out what it holds, once it is asked to end
TRIES = 10  # saves that may fail one after the other before the run does
FOLDED = 256  # arrivals after which their spans are made one position
RATE_SECONDS = 5.0  # over which rows per second are a mean


class Join(Protocol):
    """A stage between a feed and the counts that keeps rows back until their other half has come."""

    def joined(self, batch: pa.RecordBatch) -> Sequence[pa.RecordBatch]:
        """The rows that are complete now."""

    @property
    def tallies(self) -> Mapping[str, int]:
        """Run counters since the stage was made."""

    @property
    def readings(self) -> Mapping[str, float | int]:
        """Numbers to show."""

    @property
    def waiting(self) -> int:
        """The records that wait."""

    def saved(self) -> bytes:
        """All that waits, to be saved with the counts."""


class Saver(Protocol):
    """Saves what belongs together."""

    lineage: str

    def save(self, state: State, position: Position, about: Mapping[str, Any], waiting: bytes = b"") -> None:
        """Raises OSError if the disk fails."""


@dataclass
class Following:
    """One run of the loop. `run` are the run counters of earlier runs, `position` what was counted in them.

    `records` is how many the lineage has taken in. saver None: nothing is kept. `note` is told of what goes wrong.
    """

    feed: Feed
    accumulator: Accumulator
    rejects: Rejects
    stop: Stop
    position: Position = field(default_factory=Position)
    run: Mapping[str, int] = field(default_factory=dict)
    records: int = 0
    saver: Saver | None = None
    every: float = 10.0
    join: Join | None = None
    observers: Sequence[Observer] = ()
    note: Callable[[str], None] = lambda _: None
    watermark: Watermark | None = None
    keep_windows: int | None = None  # before the open ones; older ones are folded into the total

    def __post_init__(self) -> None:
        self._steps: list[tuple[Source, Sequence[Span], str]] = []
        self._refused, self._accepted, self._place = 0, self.records, ("", 0)
        self._failures, self._ends, self._is_torn = 0, float("inf"), False
        self._due = float("-inf")  # before the first row, so that what cannot be written is found out now
        self._watch = Watch(self.observers)
        self._lineage = self.saver.lineage if self.saver else secrets.token_hex(16)
        self._rates = deque([(time.monotonic(), self.records)])
        self._folds = float("-inf")  # windows that start before are folded

    def keep(self) -> bool:
        """Count until the feed ends or somebody wants to stop; whether somebody did. What is counted is saved.

        Raises what the feed, counting, saving and observers raise, after a last save.
        """
        try:
            self._save()
            if self.observers:
                self._see()  # before the first record, so that who counts from there knows where that is
            for arrival in self.feed.arrivals():
                if arrival is not None:
                    self._count(arrival)
                self._tend()
                if time.monotonic() >= self._ends:
                    break
            if self.observers:
                self._see(is_last=True)
            self._fold_windows()
            self._save(is_last=True)
        except BaseException:
            self._try_to_save()
            raise
        finally:
            self._watch.close()
        return self.stop.is_set()

    def _count(self, arrival: Arrival) -> None:
        source, piece = arrival
        self._place = source.name, piece.spans[0].start if piece.spans else 0
        try:
            if self.join is None:
                self._count_batch(piece.batch, source, piece.malformed)
            else:
                self._count_joined(self.join, piece, source)
        except InputError as error:
            raise InputError(f"{source.name}: {error}") from None
        self.records += piece.batch.num_rows + piece.malformed
        self._steps.append((source, piece.spans, piece.before))
        if len(self._steps) >= FOLDED:
            self._fold()
        self.rejects.refuse_more()

    def _count_joined(self, join: Join, piece: Piece, source: Source) -> None:
        """Count what a piece completes. If that fails, rows have left what waits: nothing more is saved then."""
        self._is_torn = True
        for batch in join.joined(piece.batch):
            self._count_batch(batch, source)
        self.accumulator._count_piece(piece.batch.slice(0, 0), piece.malformed)
        self._is_torn = False

    def _count_batch(self, batch: pa.RecordBatch, source: Source, malformed: int = 0) -> None:
        """Count a batch; where one of its rows cannot be, such as one with a negative weight, all the others.

        Raises InputError if that is so for half of all rows: then it is not the rows that are wrong.
        """
        try:
            self.accumulator._count_piece(batch, malformed, self.records)
        except InputError as error:
            if error.row is None or self._refused >= self._accepted:
                raise
            if batch.num_rows == 1:
                self._refused += 1
                text = json.dumps(batch.to_pylist()[0], default=str).encode()
                self.rejects.add(self._place[0], self._place[1], [Bad(0, "no_value", text)])
                self.accumulator._count_piece(batch.slice(0, 0), malformed + 1)
                return
            half = batch.num_rows // 2  # by halves, for a row's number is another where added and retracted rows part
            self._count_batch(batch.slice(0, half), source, malformed)
            self._count_batch(batch.slice(half), source)
            return
        self._accepted += batch.num_rows
        if self.watermark is not None:
            self.watermark.observe(batch, source)

    def _tend(self) -> None:
        """What is due at a batch boundary."""
        if self.stop.is_set() and self._ends == float("inf"):
            self._ends = time.monotonic() + GRACE
            self.feed.drain()
        if self.watermark is not None:
            self.watermark.advance(self.feed.behind)
        if self._watch.is_due():
            self._see()
        if self.saver is not None and time.monotonic() >= self._due:
            self._save()
        self._fold_windows()

    def _fold_windows(self) -> None:
        """Fold the windows that are old."""
        if self.watermark is None or self.keep_windows is None:
            return
        before = self.watermark.folds_before(self.keep_windows, bool(self.observers))
        if before > self._folds:
            self.accumulator.fold_windows(moment(max(before, LEAST_START)))
            self._folds = before

    def _fold(self) -> None:
        self.position = self.position.union(Position.of(self._steps))
        self._steps = []

    def _save(self, is_last: bool = False) -> None:
        """Save, and go on if the disk fails now and then."""
        if self.saver is None:
            return
        started = time.monotonic()
        self._fold()
        about = {
            "run": {**self.counters, "records": self.records},
            "feed": dict(self.feed.remembered),
            "rejects": self.rejects.place,
        }
        waiting = self.join.saved() if self.join is not None else b""
        if self.watermark is not None:
            about["watermark"] = self.watermark.remembered
        try:
            self.rejects.keep()
            self.saver.save(self.snapshot.state, self.feed.settled(self.position), about, waiting)
            self._failures = 0
        except OSError as error:
            self._failures += 1
            if is_last or self._due == float("-inf") or self._failures >= TRIES:
                raise
            self.note(f"warning: not saved, trying again in {self.every:g} s: {error}")
        ended = time.monotonic()
        self._due = ended + max(self.every, ended - started)  # a large state leaves half the time to counting

    def _try_to_save(self) -> None:
        try:
            if self._is_torn:
                raise InputError("they were being joined; the same command goes on from the save before")
            self._save(is_last=True)
        except Exception as error:
            self.note(f"warning: the last rows are not saved: {error}")

    @property
    def snapshot(self) -> Snapshot:
        """What is counted so far."""
        return self.accumulator.snapshot()

    @property
    def counters(self) -> dict[str, int]:
        """The run counters, earlier runs included."""
        total = Counter(self.run)
        for part in (self.feed, self.rejects, self.join, self.watermark):
            total.update(part.tallies if part is not None else {})
        return {name: number for name, number in sorted(total.items()) if number}

    def _see(self, is_last: bool = False) -> None:
        """Tell the observers."""
        now = time.monotonic()
        while len(self._rates) > 1 and self._rates[1][0] < now - RATE_SECONDS:
            self._rates.popleft()
        self._rates.append((now, self.records))
        told = self.watermark.told if self.watermark else None
        try:
            self._watch.tell(lambda: self._moment(is_last))
        except BaseException:
            if self.watermark is not None:
                self.watermark.told = told  # or the last save would know of windows that the disk had no room for
            raise

    def _moment(self, is_last: bool) -> Moment:
        self._fold()
        (first, then), (last, records) = self._rates[0], self._rates[-1]
        snapshot = self.snapshot
        windows, closed = ([], []) if self.watermark is None else self.watermark.read(snapshot)
        return Moment(
            snapshot=snapshot,
            windows=windows,
            closed=closed,
            watermark=None if self.watermark is None else self.watermark.time,
            run=self.counters,
            lag=dict(self.feed.lag),
            rows_per_second=(records - then) / max(last - first, 1e-3),
            readings=dict(self.join.readings) if self.join else {},
            lineage=self._lineage,
            sequence=self.records,
            position=self.feed.settled(self.position),
            is_last=is_last,
        )
