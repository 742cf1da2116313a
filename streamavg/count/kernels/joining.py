"""Joining: hashes of ids, and a table of them in which records wait for the one they belong with.

Records are numbered as they come; number n stands in slot n & (slots - 1) of a ring of arrays. A ring is (table, keys,
kinds, clocks, counts): `keys` uint64 (slots, 2) the hash of its id, `clocks` int64 its time, `kinds` uint8 what it is:
0 nothing that waits, 1 a prediction, 2 a truth, 3 the first of a pair. `table` uint64 leads from a hash to a slot by
linear probing: the hash's low half above, the slot + 1 below, 0 where it is empty; at most half of it is used. Slots
and table are powers of two in length, slots at most 2**30. `counts` int64 is indexed by MATCHED, EXPIRED and so on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel
from streamavg.count.kernels.paging import word_at

MATCHED, EXPIRED, ORPHAN, DUPLICATE = range(4)


@kernel
def turned(word: Any, bits: int) -> Any:
    """A uint64 with its bits turned round to the left."""
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@kernel
def sip_round(a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    """One round of SipHash (https://www.aumasson.jp/siphash/siphash.pdf, figure 2.1)."""
    a += b
    b = turned(b, 13) ^ a
    a = turned(a, 32)
    c += d
    d = turned(d, 16) ^ c
    a += d
    d = turned(d, 21) ^ a
    c += b
    b = turned(b, 17) ^ c
    c = turned(c, 32)
    return a, b, c, d


@kernel
def sip_words(text: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    """SipHash-2-4-128 of bytes up to where they are all taken in; key is uint64 (2)."""
    a, b = key[0] ^ np.uint64(0x736F6D6570736575), key[1] ^ np.uint64(0x646F72616E646F6D) ^ np.uint64(0xEE)
    c, d = key[0] ^ np.uint64(0x6C7967656E657261), key[1] ^ np.uint64(0x7465646279746573)
    last = len(text) >> 3
    for i in range(last + 1):
        word = word_at(text, 8 * i)
        if i == last:
            word |= np.uint64(len(text)) << np.uint64(56)
        d ^= word
        a, b, c, d = sip_round(a, b, c, d)
        a, b, c, d = sip_round(a, b, c, d)
        a ^= word
    return a, b, c, d


@kernel
def hash_texts(ends: Any, data: Any, key: Any, hashes: Any) -> None:
    """SipHash-2-4-128 of each text i = data[ends[i] : ends[i + 1]], as two uint64: no forger finds two of one hash."""
    for i in range(len(hashes)):
        a, b, c, d = sip_words(data[ends[i] : ends[i + 1]], key)
        c ^= np.uint64(0xEE)
        for _ in range(4):
            a, b, c, d = sip_round(a, b, c, d)
        hashes[i, 0] = a ^ b ^ c ^ d
        b ^= np.uint64(0xDD)
        for _ in range(4):
            a, b, c, d = sip_round(a, b, c, d)
        hashes[i, 1] = a ^ b ^ c ^ d


@kernel
def find(table: Any, keys: Any, first: Any, second: Any) -> Any:
    """The place of a hash in the table, or the empty one where it would be."""
    mask, low = np.uint64(len(table) - 1), first & np.uint64(0xFFFFFFFF)
    place = first & mask
    while table[place]:
        if table[place] >> np.uint64(32) == low:  # of other records not even the key is looked at
            slot = np.int64(table[place] & np.uint64(0xFFFFFFFF)) - 1
            if keys[slot, 0] == first and keys[slot, 1] == second:
                break
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@kernel
def drop(table: Any, place: int) -> None:
    """Empty a place; those behind it that would not be found any more move up."""
    mask = len(table) - 1
    hole, place = place, (place + 1) & mask
    while table[place]:
        home = np.int64(table[place] >> np.uint64(32)) & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            table[hole] = table[place]
            hole = place
        place = (place + 1) & mask
    table[hole] = 0


@kernel
def retire(span: Any, limits: Any, now: int, ring: Any) -> None:
    """Forget the records from number span[0] on that are too far from number span[1] and its time `now`.

    limits: how many records and how much time a record waits. counts[EXPIRED]: predictions that nobody told the truth
    of; counts[ORPHAN]: truths without a prediction.
    """
    table, keys, kinds, clocks, counts = ring
    mask = len(kinds) - 1
    while span[0] < span[1]:
        slot = span[0] & mask
        if span[1] - span[0] <= limits[0] and now - clocks[slot] <= limits[1]:
            return
        if kinds[slot]:
            counts[EXPIRED] += kinds[slot] == 1
            counts[ORPHAN] += kinds[slot] == 2
            drop(table, find(table, keys, keys[slot, 0], keys[slot, 1]))
            kinds[slot] = 0
        span[0] += 1


@kernel
def pair(hashes: Any, news: Any, span: Any, limits: Any, ring: Any, found: Any) -> None:
    """Take in records, kinds `news` (0: takes a number and does not wait), whose clocks stand in their slots already.

    found[i]: the number of the earlier record that record i makes a pair with, -1 if there is none. The ring must have
    room for all of them. A second record of one kind, or one of a pair that is complete, is counts[DUPLICATE].
    """
    table, keys, kinds, clocks, counts = ring
    mask, one = len(kinds) - 1, np.uint64(1)
    for i in range(len(news)):
        slot, oldest = span[1] & mask, span[0] & mask
        if span[1] - span[0] > limits[0] or clocks[slot] - clocks[oldest] > limits[1]:  # a call takes 0.1 us
            retire(span, limits, clocks[slot], ring)
        kinds[slot], found[i] = 0, -1
        if news[i]:
            first, second = hashes[i, 0], hashes[i, 1]
            place = find(table, keys, first, second)
            held = np.int64(table[place] & np.uint64(0xFFFFFFFF)) - 1
            if held < 0:
                keys[slot, 0], keys[slot, 1], kinds[slot] = first, second, news[i]
                table[place] = (first << np.uint64(32)) | (np.uint64(slot) + one)
            elif kinds[held] + news[i] == 3:
                kinds[held], found[i] = 3, span[1] - ((slot - held) & mask)
                counts[MATCHED] += 1
            else:
                counts[DUPLICATE] += 1
        span[1] += 1
