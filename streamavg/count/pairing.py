"""Pairing: which records of a stream belong together by their ids, in bounded memory; every record has a number."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from streamavg.count.kernels import hash_texts, pair, retire
from streamavg.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

NOTHING, PREDICTION, TRUTH, PAIRED = range(4)  # what a record is; PAIRED: the first record of a pair that is made
MATCHED, EXPIRED, ORPHAN, DUPLICATE = range(4)
MOST = 1 << 26  # records that may wait
LEAST = 1 << 10  # slots
FAR = 1 << 61  # microseconds; a time beyond that is none


class Held(NamedTuple):
    """Records by their numbers, ascending: hashes uint64 (n, 2), kinds uint8, clocks int64."""

    numbers: Ints
    hashes: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    clocks: Ints


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

    def take(self, ids: pa.Array, kinds: NDArray[np.uint8], clock: int) -> Ints:
        """Take in records that came at one time; of each the number of the earlier one it makes a pair with, or -1.

        ids: text, integers or bytes; the text of an integer is the same id. A record of kind NOTHING gets a number.
        """
        hashes = np.empty((len(ids), 2), np.uint64)
        hash_texts(*_texts(ids), self._key, hashes)
        self._add(hashes, kinds, np.full(len(ids), clock, np.int64))
        return self._found[: len(ids)]

    def _add(self, hashes: NDArray[np.uint64], kinds: NDArray[np.uint8], clocks: Ints) -> None:
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
        sound = len(sizes) == 1 and 0 <= first <= after < 1 << 62 and after - first <= MOST and min(counts) >= 0
        sound = sound and bool((np.diff(numbers) > 0).all() and (np.diff(clocks) >= 0).all())
        if sound and len(numbers):
            sound = first <= numbers[0] and numbers[-1] < after and {*np.unique(kinds)} <= {PREDICTION, TRUTH, PAIRED}
            sound = sound and abs(int(clocks[0])) < FAR and abs(int(clocks[-1])) < FAR
        if not sound:
            raise ValueError("records wait that cannot be")
        places, count = numbers - first, after - first
        dense: tuple[Any, ...] = (
            np.zeros((count, 2), np.uint64),
            np.zeros(count, np.uint8),
            np.full(count, clocks[0] if len(clocks) else 0),
        )
        for whole, part in zip(dense, (hashes, kinds, clocks), strict=True):
            whole[places] = part
        np.maximum.accumulate(dense[2], out=dense[2])
        self._span[:] = first
        self._make(LEAST)
        self._counts[:] = 0
        self._add(*dense)
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
