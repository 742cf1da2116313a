"""Moment: what is known of a stream at one batch boundary, and the watch that tells observers of it at a fair pace."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from streamavg.position import Position, digest_of
from streamavg.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Window = tuple[datetime, Snapshot]


@dataclass(frozen=True)
class Moment:
    """Counts, positions and readings that belong together; nothing in it changes later, so any thread may read it.

    snapshot: the total. run: run counters. lag: what is known to be unread, {"bytes": n} or {"records": n}.
    windows: start (UTC) and counts of the windows held, newest last; closed: those that closed since the last moment.
    readings: more numbers to show, such as the unlabelled share of a join. watermark: the event time up to which
    windows are closed. lineage: the run that the state file belongs to. sequence: records that this lineage has taken
    in, counted or not; saved with the state, so after a kill it goes back as far as the counts do. taken: clock time.
    is_last: whether the run ends with it.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    run: Mapping[str, int] = field(default_factory=dict)
    lag: Mapping[str, int] = field(default_factory=dict)
    rows_per_second: float = 0.0
    windows: Sequence[Window] = ()
    closed: Sequence[Window] = ()
    readings: Mapping[str, float | int] = field(default_factory=dict)
    watermark: datetime | None = None
    lineage: str = ""
    sequence: int = 0
    position: Position = field(default_factory=Position)
    taken: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_last: bool = False

    @property
    def position_digest(self) -> str:
        """32 hexadecimal digits that are equal where the same ranges of the same sources are counted.

        >>> Moment().position_digest == Moment().position_digest
        True
        """
        parts = []
        for source, counted in sorted(self.position.files.items()):
            parts += [source.name.encode(), source.format.encode(), source.digest.encode()]
            parts.append(repr(counted.ranges).encode())
        return digest_of(*parts)


class Observer(Protocol):
    """Who is told of moments. What it raises ends the run after a last save; it may keep a moment, never wait.

    least: it has no use for moments that are less than so many seconds apart.
    """

    @property
    def least(self) -> float:
        """The least seconds between moments."""

    def see(self, moment: Moment) -> None:
        """The stream is here now."""

    def close(self) -> None:
        """There will be no more moments; called once, also after an error."""


class Watch:
    """Tells observers as often as one of them has use for, and so that it all takes at most a `share` of the time.

    A state of 1,000,000 labels takes a second to read; told of it twice a second nothing would be counted any more.

    >>> watch = Watch([])
    >>> watch.is_due()
    False
    """

    def __init__(
        self,
        observers: Iterable[Observer],
        share: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observers = list(observers)
        self._least = min((each.least for each in self._observers), default=0.0)
        self._share, self._clock = share, clock
        self._next = float("-inf")

    def is_due(self) -> bool:
        """Whether to take a moment now; always False without observers. Cheap enough to ask after every batch."""
        return bool(self._observers) and self._clock() >= self._next

    def tell(self, take: Callable[[], Moment]) -> None:
        """Take a moment and tell every observer of it, due or not; the time of taking it counts too."""
        started = self._clock()
        moment = take()
        for observer in self._observers:
            observer.see(moment)
        ended = self._clock()
        self._next = max(started + self._least, ended + (ended - started) * (1 - self._share) / self._share)

    def close(self) -> None:
        """Close every observer, also if one of them fails; the first error is raised when all are closed."""
        errors: list[BaseException] = []
        while self._observers:
            try:
                self._observers.pop().close()
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]
