"""Kafka: the messages of a topic as a stream that does not end, counted once from the offsets of a position."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from streamavg.errors import InputError, require_one_of
from streamavg.position import Source, Span, digest_of
from streamavg.sources.broker import Broker, Found, address_of, advice, is_fatal, reason
from streamavg.sources.feed import Arrival
from streamavg.sources.payloads import Payloads, open_payloads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from streamavg.position import Position
    from streamavg.sources.feed import Opening

MOST = 20_000  # messages taken at once
WAIT = 0.05  # seconds for them: consume() waits for all it was asked for or for this time
START = 30.0  # seconds after which a start without an answer fails
SILENCE = 60.0  # seconds between two words about a broker that stays away


class Batch(NamedTuple):
    """Messages of one partition: those with a value, the offset where they begin and the one after the last."""

    partition: int
    start: int
    offsets: Any
    values: list[bytes]
    after: int


class KafkaFeed:
    """The messages of a topic, in batches of one partition each; see `Feed`.

    Reading begins after the last offset that the position holds of a partition, or at its first message; partitions
    that appear later are read from offset 0. The tallies: `replayed` messages, below the offset that was reached;
    offsets lost in a `gap`, which the broker deleted before they were read; `tombstone` messages, which hold nothing.
    Raises InputError for what waiting will not mend: an unknown topic, a refused login, a gap (on_gap "error"); OSError
    if no broker answers in the first START seconds. Later the feed waits for a broker that is down, and says so.
    """

    def __init__(self, url: str, opening: Opening) -> None:
        require_one_of("--on-gap", opening.on_gap, ("error", "skip"))
        self._address, self._opening = address_of(url), opening
        self._reader = open_payloads(opening)
        self._position = opening.position.union(opening.beside)
        self._broker = Broker(self._address, opening.settings, self._told)
        self._sources: dict[int, Source] = {}
        self._next: dict[int, int] = {}  # the offset to come, of every partition that is read
        self._ends: dict[int, int] = {}  # where the end of a partition was met, until there is more
        self._astray: set[int] = set()  # partitions whose offset is gone
        self._waiting: list[Batch] = []  # until the columns are known
        self._tallies: Counter[str] = Counter()
        self._owed: defaultdict[int, Counter[str]] = defaultdict(Counter)  # told with the next batch of a partition
        self._fault: Any = None  # an error that will not go away
        self._reason, self._is_down, self._told_at = "", False, 0.0
        self._drains = False

    def drain(self) -> None:
        """See `Feed`; the broker is asked again later."""
        self._drains = True

    def settled(self, position: Position) -> Position:
        """See `Feed`; partitions keep their names."""
        return position

    @property
    def remembered(self) -> Mapping[str, Any]:
        """See `Feed`; nothing but the position."""
        return {}

    @property
    def tallies(self) -> Mapping[str, int]:
        """Messages that were not counted, by cause."""
        return dict(self._tallies)

    @property
    def behind(self) -> Collection[Source]:
        """See `Feed`: partitions whose end was not met; all of a topic, as one, that has not begun."""
        if not self._next:
            return [Source(str(self._address), "kafka", 0, "0" * 32)]
        return [self._sources[partition] for partition in self._next if partition not in self._ends]

    @property
    def lag(self) -> Mapping[str, int]:
        """The messages that the broker has and that were not read yet, as far as it said."""
        ends = {partition: self._broker.end(partition) for partition in self._next if partition not in self._ends}
        return {"records": sum(max(end - self._next[partition], 0) for partition, end in ends.items())}

    def close(self) -> None:
        """Leave the broker."""
        self._broker.close()

    def arrivals(self) -> Iterator[Arrival | None]:
        """Messages as they come, and None when nothing came for a moment; ends only with `until_end`."""
        deadline = time.monotonic() + START
        while not self._next and not self._drains:
            self._hear(at_start=True)
            if time.monotonic() > deadline:
                why = f" ({self._reason})" if self._reason else ""
                raise OSError(f"{self._address}: no broker answered within {START:.0f} s{why}; is it running there?")
            if not self._next:
                self._broker.take(1, WAIT)
                yield None
        most = min(self._opening.rows, MOST)
        while not self._drains:
            self._hear()
            messages = self._broker.take(most, WAIT)
            self._look_after_broker(bool(messages))
            yield from self._arrived(messages)
            for partition in sorted(self._astray):
                self._find_again(partition)
            if self._opening.until_end and self._ends.keys() == self._next.keys():
                if self._waiting:
                    self._reader.knows([], is_last=True)
                    yield from self._released()
                return
            yield None

    # ---- what the broker says

    def _told(self, error: Any) -> None:
        """An error from librdkafka, which goes on by itself unless it is fatal."""
        if is_fatal(error, not self._next):
            self._fault = error
        elif error.code() == error._ALL_BROKERS_DOWN:
            self._is_down = True
        else:
            self._reason = reason(error)

    def _look_after_broker(self, is_here: bool) -> None:
        """Raise what is fatal; say when the brokers are gone, and when they are back."""
        if self._fault is not None:
            raise InputError(f"{self._address}: {advice(self._fault)}")
        if self._is_down and time.monotonic() > self._told_at + SILENCE:
            self._told_at = time.monotonic()
            self._opening.note(
                f"warning: {self._address}: no broker answers ({self._reason or 'all are down'}); trying again"
            )
        if is_here and self._is_down:
            self._is_down, self._told_at = False, 0.0
            self._opening.note(f"note: {self._address}: a broker answers again")

    def _hear(self, at_start: bool = False) -> None:
        """Begin with the partitions that an answer names; at the start an error may be the answer."""
        while not self._broker.answers.empty():
            answer = self._broker.answers.get()
            if isinstance(answer, Found):
                self._begin(answer)
                self._look_after_broker(True)
            elif at_start and is_fatal(answer, at_start):
                self._fault = answer
            else:
                self._reason = self._reason or reason(answer)
        self._look_after_broker(False)

    def _begin(self, found: Found) -> None:
        wanted = self._opening.partitions
        missing = sorted(set(wanted or ()) - found.starts.keys())
        if missing:
            raise InputError(f"{self._address}: no partition {missing[0]}; the topic has {len(found.starts)}, from 0")
        is_first, offsets = not self._next, {}
        for partition, low in found.starts.items():
            if partition not in self._next and (wanted is None or partition in wanted):
                source, reached = self._source(found.cluster, partition)
                self._sources[partition] = source
                first = (low if is_first else 0) if reached is None else reached
                offsets[partition] = self._after_gap(partition, first, low)
        if offsets:
            self._next |= offsets
            self._broker.read_from(offsets)

    def _source(self, cluster: str, partition: int) -> tuple[Source, int | None]:
        """What a position calls a partition, and the offset after the last that it holds of it."""
        servers, topic = self._address
        identity = cluster or ",".join(sorted(servers.split(",")))
        digest = digest_of(identity.encode(), topic.encode(), str(partition).encode())
        source = Source(f"{self._address}/{partition}", "kafka", 0, digest)
        same = [held for held in self._position.files if held.content == source.content]
        if not same and any(held.name == source.name for held in self._position.files):
            raise InputError(
                f"{source.name}: another cluster than was counted is at this address; use a new state file"
            )
        ends = [self._position.files[held].ranges[-1][3] for held in same]
        return (same[0] if same else source), (max(ends) if ends else None)

    def _after_gap(self, partition: int, first: int, low: int) -> int:
        """Where to go on if the broker's first offset is `low`; InputError if messages are lost and may not be."""
        if low <= first:
            return first
        name = self._sources[partition].name
        lost = f"{name}: {low - first:,} offsets from {first:,} on were deleted before they were read"
        if self._opening.on_gap == "error":
            raise InputError(f"{lost}; --on-gap skip goes on at {low:,} and counts them as a gap")
        self._opening.note(f"warning: {lost}; going on at {low:,}")
        self._owed[partition]["gap"] += low - first
        return low

    # ---- messages

    def _arrived(self, messages: list[Any]) -> Iterator[Arrival]:
        """The batches of some messages; errors among them are dealt with."""
        if not messages:
            return
        kind = type(messages[0])
        errors = list(map(kind.error, messages))
        if any(errors):
            faults = [message for message, error in zip(messages, errors, strict=True) if error is not None]
            messages = [message for message, error in zip(messages, errors, strict=True) if error is None]
            yield from self._sorted(kind, messages)
            for fault in faults:
                self._met(fault)
        else:
            yield from self._sorted(kind, messages)

    def _sorted(self, kind: Any, messages: list[Any]) -> Iterator[Arrival]:
        """The messages by partition, each with its offsets."""
        partitions = np.fromiter(map(kind.partition, messages), np.int64, len(messages))
        offsets = np.fromiter(map(kind.offset, messages), np.int64, len(messages))
        values = list(map(kind.value, messages))
        found = {number: np.flatnonzero(partitions == number) for number in np.unique(partitions).tolist()}
        for partition, places in found.items():  # before any is handed out, or it would not count as behind
            if offsets[places[-1]] >= self._ends.get(partition, offsets[places[-1]] + 1):
                del self._ends[partition]
        for partition, places in found.items():
            is_all = len(places) == len(values)
            held = values if is_all else [values[i] for i in places.tolist()]
            yield from self._batches(partition, offsets if is_all else offsets[places], held)

    def _batches(self, partition: int, offsets: Any, values: list[bytes | None]) -> Iterator[Arrival]:
        """The batches of messages of one partition, without those that were read before and those without a value."""
        if partition not in self._next:
            return
        before = np.append(self._next[partition] - 1, np.maximum.accumulate(offsets)[:-1])
        fresh = offsets > np.maximum.accumulate(before)
        if not fresh.all():
            self._owed[partition]["replayed"] += len(offsets) - int(fresh.sum())
            values = [values[i] for i in np.flatnonzero(fresh).tolist()]
            offsets = offsets[fresh]
        if not values:
            return
        start, after = self._next[partition], int(offsets[-1]) + 1
        self._next[partition] = after
        if None in values:
            self._owed[partition]["tombstone"] += values.count(None)
            offsets = offsets[[value is not None for value in values]]
        held = [value for value in values if value is not None] if len(offsets) < len(values) else values
        self._waiting.append(Batch(partition, start, offsets, cast("list[bytes]", held), after))
        if self._reader.knows(self._waiting[-1].values):
            yield from self._released()

    def _released(self) -> Iterator[Arrival]:
        waiting, self._waiting = self._waiting, []
        for batch in waiting:
            yield from self._pieces(batch)

    def _pieces(self, batch: Batch) -> Iterator[Arrival]:
        """The pieces, with spans that touch: offsets that hold no record of ours belong to what is read after them."""
        source, start, done, values = self._sources[batch.partition], batch.start, 0, batch.values
        payloads = Payloads(source.name, batch.offsets, values)
        for messages, piece in self._reader.read(payloads) if values else iter([(0, self._reader.nothing())]):
            done += messages
            mark = batch.after if done == len(values) else int(batch.offsets[done])
            if done == len(values):
                self._tallies.update(self._owed.pop(batch.partition, {}))
            yield Arrival(source, piece._replace(spans=(Span(0, start, piece.batch.num_rows, (0, mark)),)))
            start = mark

    def _met(self, fault: Any) -> None:
        """An error in the place of a message: the end of a partition, an offset that is gone, or something fatal."""
        error, partition = fault.error(), fault.partition()
        if error.code() == error._PARTITION_EOF:
            if fault.offset() >= self._next.get(partition, 0):
                self._ends[partition] = fault.offset()
        elif error.code() in (error._AUTO_OFFSET_RESET, error.OFFSET_OUT_OF_RANGE):
            self._astray.add(partition)
        else:
            self._told(error)

    def _find_again(self, partition: int) -> None:
        """Go on at the first offset that is still there, if that may be."""
        reached, low = self._next[partition], self._broker.first_offset(partition)
        if low is None:
            return  # and try again
        self._astray.discard(partition)
        if low <= reached:
            raise InputError(
                f"{self._sources[partition].name}: offset {reached:,} is beyond its end; was the topic deleted and "
                "made again? Use a new state file"
            )
        self._next[partition] = self._after_gap(partition, reached, low)
        self._broker.read_from({partition: self._next[partition]}, again=True)
