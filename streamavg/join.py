"""Join: predictions that learn their truth later; records wait by their ids, in bounded memory that can be saved."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamavg.checkpoint.batches import as_bytes, from_bytes
from streamavg.count.pairing import (
    DUPLICATE,
    EXPIRED,
    FOREVER,
    MATCHED,
    MOST,
    NOTHING,
    ORPHAN,
    PAIRED,
    PREDICTION,
    TRUTH,
    Held,
    Limit,
    Pairing,
)
from streamavg.count.selection import choose, listed
from streamavg.count.times import times_of
from streamavg.count.waiting import Waiting
from streamavg.errors import InputError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Columns = str | Sequence[str]

MICROS = 1_000_000
AHEAD = 86_400 * MICROS
ROWS = ("complete", "incomplete", "no_id")
_UNREADABLE = (LookupError, TypeError, ValueError, OverflowError, StopIteration, RecursionError, OSError)
_NAMES = ("number", "first", "second", "kind", "clock")


class JoinBuffer:
    """Pairs records that hold a prediction with those that hold its truth, by an id; either may come first.

    on: the column of the id: text, integers (17 and "17" are one id) or bytes. limit: how long a record waits for its
    other half: a number of records that come after it ("1e6"), a time ("24h"), or both; it is the time of the records
    if `time` names its column, or else that of arrival, which does not pass while nothing runs. Which is
    what: a batch without y_true columns holds predictions, one without y_pred and y_score columns truths; in a batch
    with both the values that are not null tell. A row with both is handed on at once. What else a row holds (a weight,
    a slice) is the prediction's, where null the truth's.

    Of equal ids only the first prediction and the first truth make a pair; another one is a `duplicate`, as long as
    the first of the pair is remembered: as long as it would have waited.

    >>> buffer = JoinBuffer("id", 1000)
    >>> buffer.join(pa.record_batch({"id": [1, 2], "y_pred": ["cat", "dog"]}))
    []
    >>> buffer.join(pa.record_batch({"id": [2], "y_true": ["cow"]}))[0].to_pylist()
    [{'y_pred': 'dog', 'y_true': 'cow'}]
    """

    def __init__(
        self,
        on: str,
        limit: str | float = "1e6",
        *,
        y_true: Columns = "y_true",
        y_pred: Columns | None = "y_pred",
        y_score: Columns | None = None,
        time: str | None = None,
    ) -> None:
        self._on, self._limit, self._time = on, Limit.of(limit), time
        self._true, self._pred = (y_true,), tuple(side for side in (y_pred, y_score) if side is not None)
        self._pairing = Pairing(*self._limit)
        self._waiting = Waiting()
        self._rows = dict.fromkeys(ROWS, 0)
        self._clock, self._ahead = 0, 0

    @property
    def counters(self) -> Mapping[str, int]:
        """Run counters: pairs `matched`; predictions that `expired` without a truth; truths that no prediction came for
        (`orphan`); a `duplicate` of either; rows with truth and prediction (`complete`), with neither (`incomplete`),
        with only one and a null id (`no_id`).
        """
        counts = self._pairing.counts
        named = {"matched": MATCHED, "expired": EXPIRED, "orphan": ORPHAN, "duplicate": DUPLICATE}
        return {name: counts[place] for name, place in named.items()} | self._rows

    @property
    def readings(self) -> Mapping[str, float | int]:
        """The predictions that wait for their truth, the share of all predictions that has none (waiting or expired),
        and the seconds that the oldest has waited: {"waiting", "unlabelled", "unlabelled_age"}.
        """
        (waiting, since), counts = self._pairing.waiting(PREDICTION), self.counters
        without = waiting + counts["expired"]
        share = without / max(without + counts["matched"] + counts["complete"], 1)
        now = self._clock if self._time is not None else self._now(None)
        age = (now - since) / MICROS if waiting else 0.0
        return {"waiting": waiting, "unlabelled": share, "unlabelled_age": max(age, 0.0)}

    def __len__(self) -> int:
        """The records that wait."""
        return sum(self._pairing.waiting(kind)[0] for kind in (PREDICTION, TRUTH))

    def join(self, batch: pa.RecordBatch, now: float | None = None) -> list[pa.RecordBatch]:
        """The rows that have truth and prediction now; most often one batch. now: seconds, the clock's if None.

        InputError if the id or both sides are missing, or the id is of another type; nothing was taken in then.
        """
        if not batch.num_rows:
            return []
        has_id, has_pred, has_true = self._sides(batch)
        kinds = np.where(has_id & (has_pred != has_true), has_pred * PREDICTION + has_true * TRUTH, NOTHING)
        clocks, first = self._clocks(batch, self._now(now)), self._pairing.next
        earlier = self._pairing.take(batch.column(self._on), kinds.astype(np.uint8), clocks)
        self._clock, ready = int(clocks[-1]), has_pred & has_true
        self._rows["complete"] += int(ready.sum())
        self._rows["incomplete"] += int((~has_true & ~has_pred).sum())
        self._rows["no_id"] += int((~has_id & (has_true != has_pred)).sum())
        rest = batch.drop_columns([self._on])
        joined = [rest.filter(pa.array(ready))] if ready.any() else []
        self._waiting.add(first, rest)
        for kind in (PREDICTION, TRUTH):
            rows = np.flatnonzero((earlier >= 0) & (kinds == kind))
            for here, there in self._waiting.found(rest, rows, earlier[rows]):
                joined.append(self._put_together(*((here, there) if kind == PREDICTION else (there, here))))
        self._waiting.tidy(self._pairing)
        return joined

    def _clocks(self, batch: pa.RecordBatch, now: int) -> Any:
        """The time of each row, which never goes back: the latest met, or that of arrival.

        A time more than a day ahead of the clock is wrong, and would let go of all that waits.
        """
        if self._time is None:
            return np.full(batch.num_rows, max(self._clock, now), np.int64)
        clocks = np.full(batch.num_rows, self._clock, np.int64)
        if self._time in batch.schema.names:
            times, known = times_of(batch.column(self._time), self._time)
            known &= times <= now + AHEAD
            clocks[known] = times[known]
        return np.maximum.accumulate(np.maximum(clocks, self._clock))

    def _now(self, now: float | None) -> int:
        return int((time.time() if now is None else now) * MICROS) - self._ahead

    def _sides(self, batch: pa.RecordBatch) -> tuple[Any, Any, Any]:
        """Of each row, whether it has an id, a prediction, a truth."""
        names = batch.schema.names
        if names.count(self._on) != 1:
            raise InputError(f"the rows have no column {self._on!r} to join by; the columns are: {listed(names)}")
        true, pred = _columns(self._true, names), _columns(self._pred, names)
        if not true and not pred:
            wanted = ", ".join(map(str, (*self._true, *self._pred)))
            raise InputError(f"rows to join have neither truth nor prediction ({wanted}) but: {listed(names)}")
        return _any_valid(batch, [self._on]), _any_valid(batch, pred, not true), _any_valid(batch, true, not pred)

    def _put_together(self, predictions: pa.RecordBatch, truths: pa.RecordBatch) -> pa.RecordBatch:
        """Rows with the columns of both: what both may hold is the prediction's, and the truth's where that is null."""
        true = _columns(self._true, truths.schema.names)
        pred = _columns(self._pred, predictions.schema.names)
        names = dict.fromkeys((*predictions.schema.names, *truths.schema.names))
        columns = {}
        for name in names:
            sides = [part for part in (predictions, truths) if name in part.schema.names]
            if name in true:
                columns[name] = truths.column(name)
            elif name in pred or len(sides) == 1:
                columns[name] = sides[0].column(name)
            else:
                columns[name] = _first_valid(predictions.column(name), truths.column(name))
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    # ---- saved and restored

    def to_bytes(self) -> bytes:
        """All that waits, to be saved beside the counts; Arrow streams."""
        about = {
            "on": self._on,
            "limit": list(self._limit),
            "key": self._pairing.key.hex(),
            "first": self._pairing.first,
            "next": self._pairing.next,
            "counts": self._pairing.counts,
            "rows": self._rows,
            "clock": self._clock,
        }
        held = self._pairing.held()
        columns = [held.numbers, held.hashes[:, 0], held.hashes[:, 1], held.kinds, held.clocks]
        head = pa.RecordBatch.from_arrays([pa.array([json.dumps(about)])], names=["about"])
        index = pa.RecordBatch.from_arrays([pa.array(np.ascontiguousarray(column)) for column in columns], _NAMES)
        return as_bytes([head, index, *self._waiting.batches(self._pairing)])

    def restore(self, data: bytes, name: str = "these bytes") -> None:
        """Go on from what `to_bytes` gave; StateError, naming `name`, if it is for another id or nothing that can be.

        The limit is the one of this buffer, and the time goes on from the time it was saved at.
        """
        try:
            about, held, payload = _read(data)
            if about["on"] != self._on:
                raise StateError(f"{name}: records were joined by {about['on']!r}, and are joined by {self._on!r} now")
            most, longest = about["limit"]
            pairing = Pairing(most, longest, bytes.fromhex(about["key"]))
            pairing.restore(held, about["first"], about["next"], about["counts"])
            waiting = Waiting.of(payload)
            if not np.array_equal(waiting.numbers, held.numbers[held.kinds != PAIRED]):
                raise ValueError("rows wait that are not those of the index")
        except StateError:
            raise
        except (*_UNREADABLE, pa.ArrowException) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise StateError(f"{name}: the records that wait for their truth cannot be read: {reason}") from None
        pairing.limit(*self._limit)
        self._pairing, self._waiting, self._rows = pairing, waiting, about["rows"]
        self._clock = about["clock"]
        self._ahead = int(time.time() * MICROS) - self._clock if self._time is None else 0


def waiting_in(data: bytes) -> int:
    """How many records wait in what `JoinBuffer.to_bytes` gave."""
    _, held, _ = _read(data)
    return int((held.kinds != PAIRED).sum())


def _read(data: bytes) -> tuple[dict[str, Any], Held, list[pa.RecordBatch]]:
    head, index, *payload = from_bytes(data)
    about = json.loads(head.column("about")[0].as_py())
    numbers = [*(about[name] for name in ("first", "next", "clock")), *about["counts"], *about["rows"].values()]
    if not all(type(number) is int and abs(number) <= 1 << 62 for number in (*numbers, *about["limit"])):
        raise ValueError("a number is none")
    if set(about["rows"]) != set(ROWS) or len(about["counts"]) != 4 or len(about["key"]) != 32:
        raise ValueError("what it says of itself cannot be")
    most, longest = about["limit"]
    if not 1 <= most <= MOST or not 1 <= longest <= FOREVER:
        raise ValueError("the limit cannot be")
    wanted = (pa.int64(), pa.uint64(), pa.uint64(), pa.uint8(), pa.int64())
    if not index.schema.equals(pa.schema(zip(_NAMES, wanted, strict=True))) or any(c.null_count for c in index.columns):
        raise ValueError("the index has other columns, or nulls")
    number, first, second, kind, clock = (column.to_numpy() for column in index.columns)
    return about, Held(number, np.stack([first, second], axis=1), kind, clock), payload


def _columns(sides: Iterable[Columns], names: list[str]) -> list[str]:
    """The columns of some sides that are there."""
    found: list[str] = []
    for side in sides:
        try:
            found += choose(side, names, "y_true").columns
        except InputError:
            continue
    return found


def _any_valid(batch: pa.RecordBatch, columns: Sequence[str], is_all: bool = False) -> Any:
    """Of each row, whether any of some columns is not null; is_all: all rows count as such."""
    valid = np.full(batch.num_rows, is_all)
    for name in () if is_all else columns:
        column = batch.column(name)
        if not column.null_count:
            return np.full(batch.num_rows, True)
        valid |= column.is_valid().to_numpy(zero_copy_only=False)
    return valid


def _first_valid(first: pa.Array, second: pa.Array) -> pa.Array:
    """The first array, with the second's values where it is null; as text where their types differ."""
    if not first.null_count or second.null_count == len(second):
        return first
    if first.null_count == len(first):
        return second
    if first.type != second.type:
        first, second = first.cast(pa.string()), second.cast(pa.string())
    return pc.coalesce(first, second)
