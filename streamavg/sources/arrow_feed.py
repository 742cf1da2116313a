"""Arrow feed: the record batches of an Arrow IPC stream on a pipe, read by a thread that waits for its writer."""

from __future__ import annotations

import os
import queue
import secrets
import threading
from typing import TYPE_CHECKING, Any

from streamavg.errors import StateError
from streamavg.position import Position, Source, Span
from streamavg.sources.arrow_ipc import open_arrow
from streamavg.sources.feed import Arrival
from streamavg.sources.file import File, Pipe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from streamavg.sources.feed import Opening
    from streamavg.sources.unit import Piece

NAP = 0.05
AHEAD = 4  # batches read ahead of the counting


class ArrowFeed:
    """See `Feed`. It ends with the stream; InputError, once all is counted, if that was cut off."""

    def __init__(self, file: int, name: str, opening: Opening) -> None:
        if any(source.name == name for source in opening.position.files):
            raise StateError(
                f"{name}: batches of it are counted in the state file, and it cannot be read again; use another one"
            )
        self._source = Source(name, "arrow", 0, secrets.token_hex(16))
        stream = os.fdopen(os.dup(file), "rb", buffering=0)
        self._input = File(name, "-", None, pipe=Pipe(stream, owned=True))
        self._choose, self._batch = opening.choose, 0
        self._read: queue.Queue[Piece | BaseException | None] = queue.Queue(AHEAD)
        self._drains = False

    def arrivals(self) -> Iterator[Arrival | None]:
        """See `Feed`."""
        threading.Thread(target=self._fill, daemon=True).start()
        while True:
            try:
                found = self._read.get(timeout=0 if self._drains else NAP)
            except queue.Empty:
                if self._drains:
                    return
                yield None
                continue
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            span = Span(self._batch, 0, found.batch.num_rows, (self._batch + 1, 0))
            self._batch += 1
            yield Arrival(self._source, found._replace(spans=[span]))

    def _fill(self) -> None:
        """Read until the end, no further ahead than the queue is long."""
        end: BaseException | None = None
        try:
            layout = open_arrow(self._input)
            held = [column.name for column in layout.columns]
            names = [name for name in self._choose(held) if name in held]
            for unit in layout.units(names, None):
                for piece in unit.read():
                    self._read.put(piece._replace(batch=piece.batch.select(names)))
        except BaseException as error:
            end = error
        if self._input.pipe is not None:
            self._input.pipe.refuse()
        self._read.put(end)

    def drain(self) -> None:
        """See `Feed`."""
        self._drains = True

    @property
    def behind(self) -> Collection[Source]:
        """See `Feed`; there is one source."""
        return ()

    @property
    def lag(self) -> Mapping[str, int]:
        """See `Feed`; what the writer still has is not known."""
        return {}

    @property
    def tallies(self) -> Mapping[str, int]:
        """See `Feed`."""
        return {}

    def settled(self, position: Position) -> Position:
        """See `Feed`."""
        return position

    @property
    def remembered(self) -> Mapping[str, Any]:
        """See `Feed`."""
        return {}

    def close(self) -> None:
        """Leave the thread to its wait; it ends with the process, or with the stream."""
