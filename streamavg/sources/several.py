"""Several: feeds read side by side as one, such as a topic of predictions and one of truths."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from streamavg.position import Position

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from streamavg.position import Source
    from streamavg.sources.feed import Arrival, Feed


class Several:
    """Feeds in turn, each until it has nothing for now; see `Feed`. The last one may have something to remember."""

    def __init__(self, feeds: Sequence[Feed], key: str | None = None) -> None:
        """key: under which the last feed's memory is kept."""
        self._feeds, self._key = feeds, key

    def arrivals(self) -> Iterator[Arrival | None]:
        """See `Feed`; ends when all have ended."""
        streams = [feed.arrivals() for feed in self._feeds]
        while streams:
            for stream in list(streams):
                for arrival in stream:
                    yield arrival
                    if arrival is None:
                        break
                else:
                    streams.remove(stream)

    def drain(self) -> None:
        """See `Feed`."""
        for feed in self._feeds:
            feed.drain()

    @property
    def behind(self) -> Collection[Source]:
        """See `Feed`."""
        return [source for feed in self._feeds for source in feed.behind]

    @property
    def lag(self) -> Mapping[str, int]:
        """See `Feed`; records and bytes each for themselves."""
        return _sum(feed.lag for feed in self._feeds)

    @property
    def tallies(self) -> Mapping[str, int]:
        """See `Feed`."""
        return _sum(feed.tallies for feed in self._feeds)

    def settled(self, position: Position) -> Position:
        """See `Feed`."""
        topics, files = parted(position)
        return topics.union(self._feeds[-1].settled(files)) if self._key else position

    @property
    def remembered(self) -> Mapping[str, Any]:
        """See `Feed`."""
        return {self._key: self._feeds[-1].remembered} if self._key else {}

    def close(self) -> None:
        """See `Feed`."""
        for feed in self._feeds:
            feed.close()


def parted(position: Position) -> tuple[Position, Position]:
    """The position of topics, and that of files."""
    topics = {source: counted for source, counted in position.files.items() if source.format == "kafka"}
    return Position(topics), Position({s: counted for s, counted in position.files.items() if s not in topics})


def _sum(parts: Iterator[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)
