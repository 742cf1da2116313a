"""Piped: the feed of lines from standard input or a pipe; its writer waits for us, and nothing can be read again."""

from __future__ import annotations

import os
import secrets
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamavg.errors import StateError
from streamavg.position import Position, Source, reached
from streamavg.sources.handout import Handout
from streamavg.sources.json_blocks import BLOCK, LONGEST
from streamavg.sources.tail import LONGEST_FIRST, ROWED, Lines, mark_of
from streamavg.sources.trail import BEFORE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from streamavg.sources.feed import Arrival, Opening
    from streamavg.sources.lines import Reader

NAP = 0.05
LONGEST_DRAIN = 1.0  # seconds in which what is in the pipe is still taken, once the run is to end
NAME = "standard input"


@dataclass
class Here:
    """Where a stream that cannot be read again is."""

    source: Source
    path: str
    mark: int = 0
    rows: int = 0
    malformed: int = 0
    first: bytes = b""
    before: bytes = b""

    def first_line(self) -> bytes:
        """See `Place`."""
        return self.first


def here(name: str, format_: str, opening: Opening) -> tuple[Here, int]:
    """Where to go on, and how many bytes of what comes were counted before.

    StateError if the state holds some of the stream and nobody says where what comes begins.
    """
    begins = opening.begins
    held = [(source, counted) for source, counted in opening.position.files.items() if source.name == name]
    if not held:
        return Here(Source(name, format_, 0, secrets.token_hex(16)), name), 0
    source, counted = held[-1]
    mark = mark_of(source, counted) or 0
    if begins is None:
        raise StateError(
            f"{name}: {mark} bytes of it are counted in the state file, and it cannot be read again; say at which byte "
            "of it what comes now begins: --stdin-at N, or --stdin-at end for what was not there before"
        )
    start = mark if begins == "end" else int(begins)
    place = Here(source, name, mark)
    if format_ in ROWED:
        place.rows, place.malformed = reached(counted.ranges, 0), reached(counted.ranges, 1)
    return place, mark - start


class PipeFeed:
    """Lines that come through a descriptor; see `Feed`. It ends where the stream does."""

    def __init__(self, file: int, place: Here, repeated: int, reader: Reader, opening: Opening) -> None:
        self._file, self._place, self._handout = file, place, Handout(reader, opening)
        self._age, self._repeated = opening.age, repeated
        self._held, self._has_end = bytearray(), False
        self._note = opening.note
        self._at = place.mark  # of the first byte held
        self._since: float | None = None
        self._skips = self._drains = False
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)
        self.tallies: dict[str, int] = {"gap_bytes": -repeated} if repeated < 0 else {}

    def arrivals(self) -> Iterator[Arrival | None]:
        """See `Feed`."""
        is_open, until = True, float("inf")
        while is_open:
            if self._drains:
                until = min(until, time.monotonic() + LONGEST_DRAIN)
                is_open = bool(self._read(0)) and time.monotonic() < until
            else:
                is_open = self._read(NAP) != b""
            while (lines := self._whole(is_last=not is_open and not self._drains)) is not None:
                yield from self._handout.arrived(self._place, lines)
            yield None
        if not self._drains:
            yield from self._handout.ended()
        elif self._held:
            self._note(
                f"warning: {self._place.path}: {len(self._held)} bytes of a line without its end are not counted"
            )

    def _read(self, wait: float) -> bytes | None:
        """What there is, b"" at the end, None if nothing comes within so many seconds."""
        if not self._poll.poll(wait * 1000):
            return None
        data = os.read(self._file, BLOCK)
        self._take_first(data)
        repeated = min(max(self._repeated, 0), len(data))
        self._repeated -= repeated
        self._held += data[repeated:]
        self._has_end = self._has_end or b"\n" in data
        if self._held and self._since is None:
            self._since = time.monotonic()
        return data

    def _take_first(self, data: bytes) -> None:
        first = self._place.first
        if not first.endswith(b"\n") and len(first) < LONGEST_FIRST:
            self._place.first = first + data[: data.find(b"\n") + 1 or len(data)]

    def _whole(self, is_last: bool) -> Lines | None:
        """Whole lines if a batch is full or old enough, or all ends."""
        held = self._held
        if self._skips and held:
            end = held.find(b"\n") + 1
            self._skips = not end
            self._drop(end or len(held))
        if len(held) > LONGEST and not self._has_end:
            self._skips = True
            return self._cut(len(held), None)
        is_old = self._since is not None and time.monotonic() >= self._since + self._age
        if not held or not (is_last or is_old or self._drains or len(held) >= self._handout.most):
            return None
        cut = 0
        if self._has_end:
            cut = held.rfind(b"\n", 0, self._handout.most) + 1 or held.find(b"\n") + 1
        cut = cut or (len(held) if is_last else 0)
        return self._cut(cut, bytes(held[:cut])) if cut else None

    def _cut(self, size: int, data: bytes | None) -> Lines:
        start, before = self._at, self._place.before
        self._drop(size)
        return Lines(data, start, self._at, before, self._place.before)

    def _drop(self, size: int) -> None:
        self._place.before = (self._place.before + bytes(self._held[max(size - BEFORE, 0) : size]))[-BEFORE:]
        del self._held[:size]
        self._at += size
        self._has_end = b"\n" in self._held
        self._since = time.monotonic() if self._held else None

    def drain(self) -> None:
        """See `Feed`; what is in the pipe already is taken too, for nobody can read it later."""
        self._drains = True

    @property
    def behind(self) -> Collection[Source]:
        """See `Feed`; there is one source."""
        return ()

    @property
    def lag(self) -> Mapping[str, int]:
        """See `Feed`; what the writer still has is not known."""
        return {"bytes": len(self._held)}

    def settled(self, position: Position) -> Position:
        """See `Feed`."""
        return position

    @property
    def remembered(self) -> Mapping[str, Any]:
        """See `Feed`."""
        return {}

    def close(self) -> None:
        """Close a pipe that was opened by its name; standard input is left to its owner."""
        if self._place.path != NAME and self._file >= 0:
            os.close(self._file)
            self._file = -1
