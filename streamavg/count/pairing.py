"""Pairing: which records of a stream belong together by their ids, in bounded memory; every record has a number."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from streamavg.count.kernels import hash_texts, pair, retire
from streamavg.errors import InputError
from streamavg.state.spans import window_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

NOTHING, PREDICTION, TRUTH, PAIRED = range(4)  # what a record is; PAIRED: the first record of a pair that is made
MATCHED, EXPIRED, ORPHAN, DUPLICATE = range(4)
MOST = (1 << 24) - 2  # records that may wait: with what they hold, 1 GB of a state file
FOREVER = 1 << 60  # microseconds
LEAST = 1 << 10  # slots
FAR = 1 << 61  # microseconds; a time beyond that is none


class Held(NamedTuple):
    """Records by their numbers, ascending: hashes uint64 (n, 2), kinds uint8, clocks int64."""

    numbers: Ints
    hashes: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    clocks: Ints


class Limit(NamedTuple):
    """How long a record waits: for how many records that come after it, and for how many microseconds."""

    records: int
    age: int = FOREVER

    @classmethod
    def of(cls, text: str | float) -> Limit:
        """The limit that a number of records, a time, or both mean; InputError for another.

        >>> Limit.of("1e6").records, Limit.of("24h,1e6").age
        (1000000, 86400000000)
        """
        records, age = MOST, FOREVER
        try:
            for part in str(text).split(","):
                if part[-1:].isalpha() and part[:1].isdigit():
                    age = window_size(part)
                else:
                    records = int(float(part))
        except (ValueError, OverflowError):  # InputError is a ValueError
            records = 0
        if not 1 <= records <= MOST:
            raise InputError(
                f"the limit of a join is {text!r}; expected a number of records up to {MOST:,}, a time such as 24h "
                "(ms, s, m, h, d), or both: 1e6,24h"
            )
        return cls(records, age)


class Pairing:
    """Records that wait for the other half of their pair, among the last `most` ones and for `longest` microseconds.

    Times are those of the caller's clock and never go back. Memory is 60 bytes a record, of at most twice `most`. The
    key makes the hashes, 128 bits of SipHash, ones that no sender can foresee.
    """

    def __init__(self, most: int, longest: int, key: bytes | None = None) -> None:
        self._limits = np.array([most, longest], np.int64)
        self.key = secrets.token_bytes(16) if key is None else key
        self._key = np.frombuffer(self.key, "<u8").copy()
        self._span, self._found = np.zeros(2, np.int64), np.empty(0, np.int64)
        self._counts = np.zeros(4, np.int64)
        self._make(LEAST)

    def _make(self, slots: int) -> None:
        self._keys = np.zeros((slots, 2), np.uint64)
        self._kinds, self._clocks = np.zeros(slots, np.uint8), np.zeros(slots, np.int64)
        self._table = np.zeros(2 * slots, np.uint64)
        self._ring = (self._table, self._keys, self._kinds, self._clocks, self._counts)

    @property
    def first(self) -> int:
        """The number of the oldest record that may wait."""
        return int(self._span[0])

    @property
    def next(self) -> int:
        """The number of the record to come."""
        return int(self._span[1])

    @property
    def counts(self) -> list[int]:
        """Pairs, predictions and truths that nobody came for, and records that came twice: MATCHED, EXPIRED ..."""
        return [int(count) for count in self._counts]

    def take(self, ids: pa.Array, kinds: NDArray[np.uint8], clocks: Ints | int) -> Ints:
        """Take in records; of each the number of the earlier one it makes a pair with, or -1. clocks: of each, or all.

        ids: text, integers or bytes; the text of an integer is the same id. A record of kind NOTHING gets a number.
        """
        hashes = np.empty((len(ids), 2), np.uint64)
        hash_texts(*_texts(ids), self._key, hashes)
        self._add(hashes, kinds, clocks)
        return self._found[: len(ids)]

    def _add(self, hashes: NDArray[np.uint64], kinds: NDArray[np.uint8], clocks: Ints | int) -> None:
        count = self.next - self.first + len(kinds)
        if count > len(self._kinds):
            everything = self._dense()
            self._make(1 << count.bit_length())
            self._span[1] = self._span[0]
            self._add(*everything)
        if len(self._found) < len(kinds):
            self._found = np.empty(len(kinds), np.int64)
        self._clocks[(self.next + np.arange(len(kinds))) & (len(self._kinds) - 1)] = clocks
        pair(hashes, kinds, self._span, self._limits, self._ring, self._found[: len(kinds)])

    def _dense(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8], Ints]:
        slots = np.arange(self.first, self.next) & (len(self._kinds) - 1)
        return self._keys[slots], self._kinds[slots], self._clocks[slots]

    def forget(self, now: int) -> None:
        """Let go of what has waited too long at this time, although nothing came."""
        retire(self._span, self._limits, now, self._ring)

    def waits(self, numbers: Ints) -> NDArray[np.bool_]:
        """Whether each of these records waits still."""
        kinds = self._kinds[numbers & (len(self._kinds) - 1)]
        waits: NDArray[np.bool_] = (numbers >= self.first) & (kinds > NOTHING) & (kinds < PAIRED)
        return waits

    def limit(self, most: int, longest: int) -> None:
        """From now on records wait so long."""
        self._limits[:] = most, longest

    def waiting(self, kind: int) -> tuple[int, int]:
        """How many records of a kind wait, and since when the oldest does (0 if there is none)."""
        slots = np.arange(self.first, self.next) & (len(self._kinds) - 1)
        found = np.flatnonzero(self._kinds[slots] == kind)
        return len(found), int(self._clocks[slots[found[0]]]) if len(found) else 0

    def held(self) -> Held:
        """The records that wait or whose pair is remembered."""
        hashes, kinds, clocks = self._dense()
        alive = kinds > NOTHING
        return Held(np.arange(self.first, self.next)[alive], hashes[alive], kinds[alive], clocks[alive])

    def restore(self, held: Held, first: int, after: int, counts: list[int]) -> None:
        """Take the place of a pairing that held these, between two numbers; ValueError for what cannot be.

        Records that neither wait nor are remembered take the time of the one before them.
        """
        numbers, hashes, kinds, clocks = held
        sizes = {len(numbers), len(kinds), len(clocks), *hashes.shape[:1]}
        sound = len(sizes) == 1 and 0 <= first <= after < 1 << 62 and after - first <= MOST + 2 and min(counts) >= 0
        sound = sound and bool((np.diff(numbers) > 0).all() and (np.diff(clocks) >= 0).all())
        if sound and len(numbers):
            sound = first <= numbers[0] and numbers[-1] < after and {*np.unique(kinds)} <= {PREDICTION, TRUTH, PAIRED}
            sound = sound and abs(int(clocks[0])) < FAR and abs(int(clocks[-1])) < FAR
        if not sound:
            raise ValueError("records wait that cannot be")
        places, count, start = numbers - first, after - first, clocks[0] if len(clocks) else 0
        all_hashes, all_kinds = np.zeros((count, 2), np.uint64), np.zeros(count, np.uint8)
        all_clocks = np.full(count, start, np.int64)
        all_hashes[places], all_kinds[places], all_clocks[places] = hashes, kinds, clocks
        self._span[:] = first
        self._make(LEAST)
        self._counts[:] = 0
        self._add(all_hashes, all_kinds, np.maximum.accumulate(all_clocks))
        if self.next - self.first != count or self._counts.any():
            raise ValueError("records wait twice, or for longer than they may")
        self._counts[:] = counts


def _texts(ids: pa.Array) -> tuple[Any, Any]:
    """Ends int64 and bytes uint8 of the ids' texts; of a null there are none."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_integer(ids.type):
        ids = ids.cast(pa.string())
    kinds: tuple[Any, ...] = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_binary,
        pa.types.is_large_binary,
    )
    kinds += (pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_fixed_size_binary, pa.types.is_null)
    if not any(is_kind(ids.type) for is_kind in kinds):
        raise InputError(f"ids of type {ids.type} cannot be joined; give text, integers or bytes")
    wide = ids.cast(pa.large_string() if pa.types.is_null(ids.type) else pa.large_binary())
    if not len(wide):
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    _, ends, data = wide.buffers()
    start = wide.offset
    return np.frombuffer(ends, np.int64)[start : start + len(wide) + 1], np.frombuffer(data or b"", np.uint8)
