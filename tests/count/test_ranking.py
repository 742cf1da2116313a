"""Ranking kernels against their twins: every dtype, ties, both zeros, nan where it may be, and no row at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import kernels
from tests import naive
from tests.count.scores import DTYPES, FLOATS, bits_of, dtypes, lengths, scores, seeds, special, widths


@pytest.mark.parametrize("kind", FLOATS)
def test_ordered_bits_are_in_the_order_of_the_scores(kind):
    values = special(kind, "signed")
    bits, low = bits_of(values)
    keys = [int(kernels.ordered(each, low)) for each in bits.reshape(-1)]
    assert keys == [naive.ordered(each, low) for each in bits.reshape(-1)]
    for score, key in zip(values, keys, strict=True):
        assert [key < other for other in keys] == (score < values).tolist()
        assert [key == other for other in keys] == (score == values).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_ordered_bits_of_every_small_integer(kind):
    info = np.iinfo(kind)
    bits, low = bits_of(np.arange(info.min, info.max + 1).astype(kind))
    assert [int(kernels.ordered(each, low)) for each in bits.reshape(-1)] == list(range(256))


@given(seeds, lengths, widths, dtypes)
def test_highest(rng, rows, width, kind):
    values = scores(rng, (rows, width), kind)
    bits, low = bits_of(values)
    places, twin = np.zeros(rows, np.uint8), np.zeros(rows, np.uint8)
    kernels.highest(bits, low, places)
    naive.highest(bits, low, twin)
    assert places.tolist() == twin.tolist() == values.argmax(axis=1).tolist()
    assert all(kernels.first_of_highest(row, low) == place for row, place in zip(bits, places, strict=True))


@pytest.mark.parametrize("width", [1, 3, 40])
@pytest.mark.parametrize("kind", FLOATS)
def test_no_nan_leads_outside(width, kind):
    rng = np.random.default_rng(width)
    values = np.concatenate((scores(rng, (50, width), kind, "wild"), np.full((2, width), np.nan, kind)))
    bits, low = bits_of(values)
    places = np.zeros(len(values), np.uint8)
    kernels.highest(bits, low, places)
    assert places.max() < width
    assert kernels.first_of_highest(bits[0, :0], low) == 0


@given(seeds, lengths, widths, dtypes)
def test_decide(rng, rows, width, kind):
    values = scores(rng, (rows, width), kind)
    bits, low = bits_of(values)
    wide = np.dtype(f"i{max(bits.itemsize, 2)}")
    picked = bits[rng.integers(rows), :] if rows else np.zeros(width, wide)
    bounds = np.array([naive.ordered(each, low) for each in picked], wide)
    words, twin = (np.full((width, -(-rows // 64)), 7, np.uint64) for _ in range(2))
    kernels.decide(bits, low, bounds, np.empty(width, np.uint64), words)
    naive.decide(bits, low, bounds, None, twin)
    assert words.tolist() == twin.tolist()


@given(seeds, lengths, widths, dtypes)
def test_count_above(rng, rows, width, kind):
    bits, low = bits_of(scores(rng, (rows, width), kind))
    true = rng.integers(-2, width + 2, rows)
    true[rng.random(rows) < 0.1] = rng.choice([-(2**63), 2**63 - 1])
    found, twin = np.zeros((2, rows), np.int32), np.zeros((2, rows), np.int32)
    kernels.count_above(bits, low, true, *found)
    naive.count_above(bits, low, true, *twin)
    assert found.tolist() == twin.tolist()


@given(seeds, st.integers(0, 9), widths, dtypes, st.sampled_from([0, 0.1, 0.5, 1]))
def test_rank_labels(rng, rows, width, kind, share):
    bits, low = bits_of(scores(rng, (rows, width), kind))
    truth = (rng.random((rows, width)) < share).astype(np.uint8)
    sizes, twin_sizes = np.zeros((rows, 3), np.int64), np.zeros((rows, 3), np.int64)
    precision, twin = np.zeros(rows), np.zeros(rows)
    scale = 2.0 ** (62 - width.bit_length())
    kernels.rank_labels(bits, low, truth, sizes, scale, precision)
    naive.rank_labels(bits, low, truth, twin_sizes, scale, twin)
    assert sizes.tolist() == twin_sizes.tolist()
    assert precision == pytest.approx(twin, rel=1e-15, abs=0)


def test_every_dtype_is_tried():
    assert {np.dtype(kind).name for kind in DTYPES} == {"float16", "float32", "float64", "uint8", "int8"}


@given(seeds, lengths, st.sampled_from([np.float32, np.float64]))
def test_count_decided(rng, rows, kind):
    values = rng.choice(np.array([0, -0.0, 1, 2, np.nan, np.inf, -np.inf, -1e-45, 0.5, 0.25], kind), rows)
    flags, sums = rng.integers(0, 2, rows).astype(np.uint8), [np.zeros(4, np.int64) for _ in range(2)]
    for low, most in ((0, 1), (np.finfo(kind).min, np.finfo(kind).max)):
        for using, total in zip((kernels, naive), sums, strict=True):
            using.count_decided(values, flags, np.array([low, most, 0.5], kind), total)
    assert sums[0].tolist() == sums[1].tolist()


def test_decided_rows_of_many_blocks():
    values = np.linspace(-1, 2, 3 * 4096 + 5)
    sums = np.zeros(4, np.int64)
    kernels.count_decided(values, (values > 1).astype(np.uint8), np.array([0.0, 1.0, 0.5]), sums)
    high = values >= 0.5
    assert sums.tolist() == [(values > 1).sum(), high.sum(), (values > 1).sum(), ((values >= 0) & (values <= 1)).sum()]
