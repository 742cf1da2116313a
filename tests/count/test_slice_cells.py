"""The hot table of slices against one of whole numbers: counted, taken back, grown, added and copied."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.slice_cells import Hot

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def counted(hot, twin, rng, rows, few=3):
    """Rows in both, most of them of a few slices and labels, so that bytes are carried."""
    slices, labels = (min(size, few) if rng.random() < 0.7 else size for size in hot.size)
    s = rng.integers(0, slices, rows).astype(np.uint32)
    t, p = (rng.integers(0, labels, rows).astype(np.uint8) for _ in range(2))
    back = rng.random() < 0.3
    assert hot.count(s, t, p, hot.size, -1 if back else 1) == rows
    step = -1 if back else 1
    np.add.at(twin, (np.where(t == p, 0, 2), s, t), step)
    np.add.at(twin, (1, s[t != p], p[t != p]), step)


def new(rng):
    slices, labels = rng.integers(1, 9, 2).tolist()
    return Hot.of(False, True, slices, labels), np.zeros((3, slices, labels), np.int64)


@given(seeds)
def test_counts_are_those_of_whole_numbers(rng):
    hot, twin = new(rng)
    for _ in range(5):
        counted(hot, twin, rng, int(rng.integers(1, 2000)))
        if rng.random() < 0.5:
            copied = hot.twin()
            assert (copied.rows, copied.is_words, copied.is_whole) == (hot.rows, False, True)
            assert copied.cells().tolist() == twin.tolist()
            assert copied.pairs.tolist() == hot.pairs.tolist()
        if rng.random() < 0.5:
            assert hot.cells().tolist() == twin.tolist()
            slices, labels = hot.used()
            assert slices.tolist() == np.flatnonzero((twin != 0).any(axis=(0, 2))).tolist()
            assert labels.tolist() == np.flatnonzero((twin != 0).any(axis=(0, 1))).tolist()
    assert hot.cells().tolist() == twin.tolist()


@given(seeds)
def test_a_sum_is_that_of_both(rng):
    (hot, twin), (other, more) = new(rng), new(rng)
    for table, numbers in ((hot, twin), (other, more)):
        counted(table, numbers, rng, int(rng.integers(1, 3000)))
    rows, pairs = hot.rows + other.rows, hot.pairs.sum() + other.pairs.sum()
    hot = hot.grown(*other.size)
    slices, labels = hot.size
    total = np.zeros((3, slices, labels), np.int64)
    for numbers in (twin, more):
        total[:, : numbers.shape[1], : numbers.shape[2]] += numbers
    hot.add(other)
    assert hot.cells().tolist() == total.tolist()
    assert (hot.rows, hot.pairs.sum()) == (rows, pairs)
    assert other.cells().tolist() == more.tolist()
    counted(hot, total, rng, 500)
    assert hot.cells().tolist() == total.tolist()


def test_a_full_byte_is_carried_in_a_sum():
    tables = [Hot.of(False, True, 1, 1) for _ in range(2)]
    for hot in tables:
        hot.small[:] = 200
        hot.rows = 600
    tables[0].add(tables[1])
    assert tables[0].cells().tolist() == [[[400]], [[400]], [[400]]]
