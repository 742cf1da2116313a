"""Emit: one JSON line a closed window or interval, appended to a file or a pipe, each of them whole.

A line says what it is about, so that a reader can drop what a restarted run says again: `lineage` is the run that the
state file belongs to; of a window, `window_start` within it is said once; of a total, `sequence` (the records taken in)
only grows. A file is read back when it is opened, so nothing is said in it twice; in a pipe it may be.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from streamavg.live.append import Appended
from streamavg.report.escape import json_safe
from streamavg.report.slice_rows import slices_as_dict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from streamavg.live.figures import Reader
    from streamavg.live.moment import Moment
    from streamavg.snapshot import Snapshot

WORST = 5  # classes that a line names
REMEMBERED = 100_000  # windows of which it is known that they were said


class Emit:
    """An observer that writes closed windows, and the total every so many seconds if `every` is given.

    window: how long windows are, to write where they end.

    The total is also written at the end of a run, and never without new records. Raises InputError for a file that
    holds other things, InUseError if another process writes to it, OSError if it cannot be written, BrokenPipeError
    if nobody reads any more.
    """

    def __init__(
        self,
        path: str,
        reader: Reader,
        every: float | None = None,
        window: timedelta | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._every, self._size, self._clock = reader, every, window, clock
        self._due = clock() + (every or 0.0)
        self.least = 0.5 if window is not None or every is None else every
        self._file = Appended(path)
        self._said: dict[tuple[str, str], None] = {}  # (lineage, window start), oldest first
        self._sequence: dict[str, int] = {}
        for line in self._file.lines():
            self._remember(line)

    def see(self, moment: Moment) -> None:
        """Write what has to be said of it."""
        said, lineage = self._said, moment.lineage
        closed = [(start, snap) for start, snap in moment.closed if (lineage, instant(start)) not in said]
        lines = [self._window(moment, start, snap) for start, snap in closed]
        if self._every is not None and (moment.is_last or self._clock() >= self._due):
            self._due = self._clock() + self._every
            if moment.sequence > self._sequence.get(lineage, 0):
                lines.append(self._total(moment))
        if lines:
            self._file.append([encoded(line) for line in lines])
            for line in lines:
                self._remember(line)

    def close(self) -> None:
        """Let others write to the file."""
        self._file.close()

    def _remember(self, line: Any) -> None:
        """Take note of a line that is in the file; others than ours are passed over."""
        match line:
            case {"kind": "window", "lineage": str(lineage), "window_start": str(start)}:
                self._said[lineage, start] = None
                if len(self._said) > REMEMBERED:
                    del self._said[next(iter(self._said))]
            case {"kind": "total", "lineage": str(lineage), "sequence": int(sequence)}:
                self._sequence[lineage] = max(sequence, self._sequence.get(lineage, 0))

    def _window(self, moment: Moment, start: datetime, snap: Snapshot) -> dict[str, Any]:
        ends = {} if self._size is None else {"window_end": instant(start + self._size)}
        return {"kind": "window", **_origin(moment), "window_start": instant(start), **ends} | self._counts(snap)

    def _total(self, moment: Moment) -> dict[str, Any]:
        watermark = None if moment.watermark is None else instant(moment.watermark)
        state = {"watermark": watermark, "lag": dict(moment.lag), "run": dict(moment.run)}
        speed = {"rows_per_second": round(moment.rows_per_second, 3), "readings": dict(moment.readings)}
        slices = self._reader.slices(moment.snapshot)
        told = {} if slices is None else {"slices": slices_as_dict(slices)["worst"]}
        return {"kind": "total", **_origin(moment), **state, **speed} | self._counts(moment.snapshot) | told

    def _counts(self, snap: Snapshot) -> dict[str, Any]:
        worst = self._reader.worst(snap, WORST)
        return {
            "rows": snap.rows,
            "seen": snap.seen,
            "skipped": snap.skipped,
            "tallies": snap.tallies,
            "metrics": self._reader.values(snap),
            "worst": [{"label": each.label, "support": each.support, "f1": each.f1} for each in worst],
            "fingerprint": snap.fingerprint(),
        }


def _origin(moment: Moment) -> dict[str, Any]:
    return {
        "lineage": moment.lineage,
        "sequence": moment.sequence,
        "position": moment.position_digest,
        "taken": instant(moment.taken),
    }


def instant(when: datetime) -> str:
    """A time as text that sorts like it: 2026-11-28T01:05:00Z, with microseconds where there are any."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def encoded(line: dict[str, Any]) -> bytes:
    """One line of strict JSON; nan and infinity are null."""
    return (json_safe(json.dumps(_plain(line), ensure_ascii=True, allow_nan=False)) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))) else value
