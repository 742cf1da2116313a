"""The loops that join records by their ids against their plain twins, and the hash against its authors' vectors."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import kernels
from tests import naive

KEY = np.frombuffer(bytes(range(16)), "<u8").copy()
words = st.integers(0, 2**64 - 1)
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
# the first of vectors_sip128 at https://github.com/veorq/SipHash/blob/master/vectors.h: key 00 .. 0f, input 00 01 ..
VECTORS = ["a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45"]


def test_the_hash_is_siphash_2_4_128():
    hashes = np.zeros((2, 2), np.uint64)
    kernels.hash_texts(np.array([0, 0, 1]), np.zeros(1, np.uint8), KEY, hashes)
    assert [each.astype("<u8").tobytes().hex() for each in hashes] == VECTORS
    assert len({naive.sip_words(bytes(n), KEY) for n in range(20)}) == 20


@given(words, st.integers(1, 63))
def test_turned(word, bits):
    assert int(kernels.turned(np.uint64(word), bits)) == naive.turned(word, bits)


@given(st.tuples(words, words, words, words))
def test_sip_round(four):
    assert tuple(map(int, kernels.sip_round(*map(np.uint64, four)))) == naive.sip_round(*four)


@given(st.lists(st.binary(max_size=40), max_size=6), st.binary(min_size=16, max_size=16))
def test_hash_texts(texts, key):
    key = np.frombuffer(key, "<u8").copy()
    ends = np.cumsum([0, *map(len, texts)])
    data = np.frombuffer(b"".join(texts) + b"-", np.uint8)
    hashes, twin = np.zeros((len(texts), 2), np.uint64), np.zeros((len(texts), 2), np.uint64)
    kernels.hash_texts(ends, data, key, hashes)
    naive.hash_texts(ends.tolist(), data, key, twin)
    assert hashes.tolist() == twin.tolist()
    for text in texts:
        whole = np.frombuffer(text, np.uint8)
        assert tuple(map(int, kernels.sip_words(whole, key))) == naive.sip_words(text, key)


def ring(slots):
    return (
        np.zeros(2 * slots, np.uint64),
        np.zeros((slots, 2), np.uint64),
        np.zeros(slots, np.uint8),
        np.zeros(slots, np.int64),
        np.zeros(4, np.int64),
    )


def reachable(held):
    """The slots that the table leads to, each found again by its key."""
    table, keys, kinds, *_ = held
    slots = np.flatnonzero(kinds)
    for slot in slots:
        place = int(kernels.find(table, keys, *keys[slot]))
        assert place == naive.find(table, keys, *keys[slot])
        assert int(table[place]) % 2**32 - 1 == slot
    return slots.tolist()


@given(seeds, st.integers(1, 14), st.sampled_from([3, 40]), st.integers(1, 8))
def test_pair_and_retire(rng, most, longest, ids):
    """Hashes that fall close together, so that the table's places are fought for and its end is passed."""
    slots, count = 16, 60
    fast, slow = ring(slots), ring(slots)
    spans, limits = [np.zeros(2, np.int64), np.zeros(2, np.int64)], np.array([most, longest])
    names = np.stack([rng.integers(28, 34, ids) | rng.integers(0, 3, ids) << 32, np.arange(ids)], 1).astype(np.uint64)
    clocks = np.cumsum(rng.integers(0, 3, count))
    at = 0
    while at < count:
        after = min(at + int(rng.integers(1, max(slots - most, 2))), count, int(spans[0][0]) + slots)
        news, picked = rng.integers(0, 3, after - at).astype(np.uint8), names[rng.integers(0, ids, after - at)]
        found = [np.zeros(after - at, np.int64) for _ in range(2)]
        for held, span, loops, out in zip((fast, slow), spans, (kernels, naive), found, strict=True):
            held[3][np.arange(at, after) % slots] = clocks[at:after]
            loops.pair(picked, news, span, limits, held, out)
        assert found[0].tolist() == found[1].tolist()
        assert spans[0].tolist() == spans[1].tolist()
        for mine, theirs in zip(fast[1:], slow[1:], strict=True):
            assert mine.tolist() == theirs.tolist()
        assert reachable(fast) == reachable(slow)
        at = after
    for held, span, loops in zip((fast, slow), spans, (kernels, naive), strict=True):
        loops.retire(span, limits, 10**6, held)
        assert not held[0].any()
        assert not held[2].any()
    assert fast[4].tolist() == slow[4].tolist()


@given(seeds, st.integers(1, 7))
def test_drop(rng, used):
    table, keys = np.zeros(16, np.uint64), np.stack([rng.integers(12, 18, 8), np.arange(8)], 1).astype(np.uint64)
    for slot in range(used):
        table[naive.find(table, keys, *keys[slot])] = (int(keys[slot, 0]) << 32) + slot + 1
    gone = int(rng.integers(used))
    kernels.drop(table, int(kernels.find(table, keys, *keys[gone])))
    for slot in range(used):
        place = naive.find(table, keys, *keys[slot])
        assert int(table[place]) % 2**32 == (0 if slot == gone else slot + 1)
