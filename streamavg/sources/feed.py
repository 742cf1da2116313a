"""Feed: what every stream that does not end has in common, whether it is files that grow, a pipe, or a broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from streamavg.position import Position
from streamavg.sources.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from streamavg.position import Source
    from streamavg.sources.unit import Choose, Piece


class Arrival(NamedTuple):
    """A record batch of a stream and the source it came from, whose spans say what is read of it with this piece.

    The source stands for the same thing as long as the feed is open, even if a file is renamed; `Feed.settled` tells
    what it is called now.
    """

    source: Source
    piece: Piece


class Feed(Protocol):
    """A stream that does not end; opened with the position to go on from, so what was counted does not come again."""

    def arrivals(self) -> Iterator[Arrival | None]:
        """What comes, and None where there is nothing now; never waits longer than 0.1 s. One iterator a feed.

        What `lag`, `tallies`, `settled` and `remembered` say belongs to all that was handed out so far. Raises
        InputError for what cannot be used, OSError for a fault of disk or network.
        """

    def drain(self) -> None:
        """Hand out only what was taken from the source already, then end; a file or a broker is read again later."""

    @property
    def lag(self) -> Mapping[str, int]:
        """What is known to be unread: {"bytes": n} or {"records": n}."""

    @property
    def behind(self) -> Collection[Source]:
        """The sources, as arrivals name them, of which so much is unread that their times may be far behind others'."""

    @property
    def tallies(self) -> Mapping[str, int]:
        """Run counters since the feed was opened, such as rotations or duplicates; names of letters, digits and _."""

    def settled(self, position: Position) -> Position:
        """The position to save, under the names and sizes that its sources have now."""

    @property
    def remembered(self) -> Mapping[str, Any]:
        """JSON, small, to be given back when the feed is opened again with the position saved beside it."""

    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(frozen=True)
class Opening:
    """How a feed is opened: which columns, what was counted before (`position`, `remembered`), and what a batch is.

    A batch closes with `rows` rows, or `age` seconds after its first one has come. until_end: the feed ends when all
    that is there is read. begins: the byte of a pipe's whole stream at which what comes begins, or "end" for where the
    position ends. `note` is told what the user should know. Of Kafka alone: `on_gap` says what messages do that
    the broker deleted before they were read, "error" or "skip"; `partitions` are those to read (None: all, also those
    to come), `beside` what others have counted of them, `settings` those of librdkafka.
    """

    choose: Choose
    input_format: str | None = None
    pattern: str | None = None
    position: Position = field(default_factory=Position)
    remembered: Mapping[str, Any] = field(default_factory=dict)
    rejects: Rejects = field(default_factory=Rejects)
    rows: int = 65_536
    age: float = 1.0
    until_end: bool = False
    begins: int | str | None = None
    note: Callable[[str], None] = lambda _: None
    on_gap: str = "error"
    partitions: Sequence[int] | None = None
    beside: Position = field(default_factory=Position)
    settings: Mapping[str, Any] = field(default_factory=dict)
