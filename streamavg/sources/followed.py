"""Followed: the feed of files that grow, as whole lines in record batches that close by size or by age."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from streamavg.sources.handout import Handout
from streamavg.sources.json_blocks import BLOCK
from streamavg.sources.tail import CutError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from streamavg.position import Position, Source
    from streamavg.sources.feed import Arrival, Opening
    from streamavg.sources.lines import Reader
    from streamavg.sources.tail import Tail
    from streamavg.sources.watch import Watch

NAP = 0.05  # seconds between two looks at what has grown
SCAN = 0.25  # seconds between two looks at names
PAUSE = 10  # times as long as a look took, if that is longer: 1,000 files take 30 ms
LINGER = 30.0  # seconds that a renamed file is held open after it has grown last; then its last line is whole


class FileFeed:
    """Files by their names; see `Feed`. With until_end a last line without its end counts as well."""

    def __init__(self, watch: Watch, reader: Reader, opening: Opening) -> None:
        self._watch, self._handout = watch, Handout(reader, opening)
        self._age, self._until_end, self._drains = opening.age, opening.until_end, False
        self._scan()  # before the first save, which then knows which files were there

    def arrivals(self) -> Iterator[Arrival | None]:
        """See `Feed`."""
        quiet = 0
        while not self._is_over():
            if time.monotonic() >= self._due or (quiet and self._until_end):
                self._scan()
            quiet += 1
            for tail in list(self._watch.tails):
                for arrival in self._read(tail):
                    quiet = 0
                    yield arrival
                    if self._is_over():
                        return
            if quiet > 1 and self._until_end:
                yield from self._ended()
                return
            if quiet:
                time.sleep(0 if self._until_end else NAP)
                yield None

    def _scan(self) -> None:
        started = time.monotonic()
        self._watch.scan()
        ended = time.monotonic()
        self._due = ended + max(SCAN, PAUSE * (ended - started))  # when to look at names again

    def _read(self, tail: Tail) -> Iterator[Arrival]:
        """A block of a file; all there is of one that was renamed, before what took its name."""
        try:
            while self._is_ripe(tail):
                lines = tail.take(self._handout.most)
                if lines is None:
                    break
                tail.since = None
                yield from self._handout.arrived(tail, lines)
                if tail.rotated is None:
                    return
            if tail.rotated is not None and time.monotonic() >= max(tail.rotated, tail.grown) + LINGER:
                yield from self._last(tail)
                self._watch.retire(tail)
        except CutError:
            self._watch.cut(tail)

    def _is_ripe(self, tail: Tail) -> bool:
        """Whether to read now: a block is full, or the first unread line has waited long enough."""
        unread = tail.look()
        if not unread:
            return False
        now = time.monotonic()
        tail.since = now if tail.since is None else tail.since
        return (
            unread >= self._handout.most or self._until_end or tail.rotated is not None or now >= tail.since + self._age
        )

    def _last(self, tail: Tail) -> Iterator[Arrival]:
        """A last line without an end, of a file that is not written any more."""
        lines = tail.take(last=True)
        if lines is not None:
            yield from self._handout.arrived(tail, lines)

    def _ended(self) -> Iterator[Arrival]:
        for tail in list(self._watch.tails):
            with suppress(CutError):
                yield from self._last(tail)
        yield from self._handout.ended()

    def _is_over(self) -> bool:
        return self._drains

    def drain(self) -> None:
        """See `Feed`; files are read again later."""
        self._drains = True

    @property
    def behind(self) -> Collection[Source]:
        """See `Feed`: files with a block or more to read, for a line without its end may never get one."""
        return [tail.source for tail in self._watch.tails if tail.size - tail.mark >= BLOCK]

    @property
    def lag(self) -> Mapping[str, int]:
        """See `Feed`."""
        return {"bytes": sum(max(tail.size - tail.mark, 0) for tail in self._watch.tails)}

    @property
    def tallies(self) -> Mapping[str, int]:
        """See `Feed`."""
        return self._watch.tallies

    def settled(self, position: Position) -> Position:
        """See `Feed`."""
        return self._watch.settled(position)

    @property
    def remembered(self) -> Mapping[str, Any]:
        """See `Feed`."""
        return self._watch.remembered

    def close(self) -> None:
        """See `Feed`."""
        self._watch.close()
