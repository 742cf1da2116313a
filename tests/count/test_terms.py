"""Term kernels against twins in exact arithmetic, and their promise: a row gives the same bits wherever it stands."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import kernels
from streamavg.count.kernels import terms
from tests import naive
from tests.count.scores import FLOATS, bits_of, floats, lengths, scores, seeds, special, widths

wide_floats = st.sampled_from([np.float32, np.float64])


def in_ulps(found, expected):
    return abs(found - expected) / math.ulp(expected) if expected else abs(found)


@given(st.floats(min_value=5e-324, allow_infinity=False))
def test_log_is_right_to_one_unit_in_the_last_place(x):
    assert in_ulps(kernels.log_of(x), naive.log_of(x)) <= 1


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("is_true", [False, True])
def test_loss_of_special_scores(kind, is_true):
    for p in special(kind, "unit").astype(np.float64):
        found, expected = kernels.loss_of(p, is_true), naive.loss_of(p, is_true)
        assert in_ulps(found, expected) <= 2
        assert math.copysign(1, found) == 1, "a loss of -0.0 would be another number in a file"


@given(st.one_of(st.floats(0, 1), st.floats(0, 2**-40)), st.booleans())
def test_loss_is_right_to_two_units_in_the_last_place(p, is_true):
    assert in_ulps(kernels.loss_of(p, is_true), naive.loss_of(p, is_true)) <= 2


@given(seeds, lengths, wide_floats)
def test_log_cells(rng, rows, kind):
    given, truth = scores(rng, (rows,), kind, "unit"), rng.integers(0, 2, rows).astype(np.uint8)
    losses, zeros, twin, twin_zeros = np.empty(rows), np.empty(rows, np.int32), np.empty(rows), np.empty(rows, np.int32)
    kernels.log_cells(given, truth, losses, zeros)
    naive.log_cells(given, truth, twin, twin_zeros)
    assert losses == pytest.approx(twin, rel=5e-16, abs=0)
    assert zeros.tolist() == twin_zeros.tolist()


@given(seeds, st.integers(0, 9), widths, wide_floats)
def test_log_rows(rng, rows, width, kind):
    given, truth = scores(rng, (rows, width), kind, "unit"), rng.integers(0, 2, (rows, width)).astype(np.uint8)
    losses, zeros, twin, twin_zeros = np.empty(rows), np.empty(rows, np.int32), np.empty(rows), np.empty(rows, np.int32)
    scale = 2.0 ** (52 - width.bit_length())
    kernels.log_rows(given, truth, scale, np.empty(width), losses, zeros)
    naive.log_rows(given, truth, scale, None, twin, twin_zeros)
    assert losses == pytest.approx(twin, rel=1e-15, abs=width / scale)
    assert zeros.tolist() == twin_zeros.tolist()


def test_each_loss_is_rounded_to_the_nearest_unit():
    given, losses, zeros = np.array([[0.5, 0.9, 0.3, 0.11]]), np.empty(1), np.empty(1, np.int32)
    kernels.log_rows(given, np.ones((1, 4), np.uint8), 8.0, np.empty(4), losses, zeros)
    assert losses * 8 == sum(round(-math.log(p) * 8) for p in given[0])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_score_has_one_term_wherever_it_stands(kind):
    """In the vectors, in what is left of them, alone, and in an array that begins anywhere in memory."""
    some = np.random.default_rng(1).random(37).astype(kind)
    some[:3] = special(kind, "unit")[3:6]
    for is_true in (0, 1):
        alone = [kernels.loss_of(float(p), is_true) for p in some]
        for shift in range(9):
            given = np.concatenate((np.ones(shift, kind), some))[shift:]
            for end in (*range(1, 18), 37):
                losses, zeros = np.empty(end), np.empty(end, np.int32)
                kernels.log_cells(given[:end], np.full(end, is_true, np.uint8), losses, zeros)
                assert losses.tolist() == alone[:end]


@given(seeds, st.sampled_from([2, 3, 16, 17, 1000]), wide_floats)
def test_a_row_has_one_term_in_any_order_of_its_columns(rng, width, kind):
    given = scores(rng, (1, width), kind, "unit")
    truth, order = rng.integers(0, 2, (1, width)).astype(np.uint8), rng.permutation(width)
    true, scale = rng.integers(width, size=1), 2.0 ** (62 - width.bit_length())

    def terms_of(columns):
        found, zeros = np.empty((4, 1)), np.empty(1, np.int32)
        kernels.square_classes(given[:, columns], np.flatnonzero(columns == true), scale, found[0])
        kernels.square_labels(given[:, columns], truth[:, columns], scale, found[1])
        kernels.log_rows(given[:, columns], truth[:, columns], scale / 1024, np.empty(width), found[2], zeros)
        bits, low = bits_of(given[:, columns])
        kernels.rank_labels(bits, low, truth[:, columns], np.empty((1, 3), np.int64), scale, found[3])
        return found.tolist()

    assert terms_of(np.arange(width)) == terms_of(order)


@given(seeds, st.floats(0, 1))
def test_square(rng, x):
    for scale in (2.0**40, 2.0**20):
        assert abs(kernels.square(x, scale) - naive.square(x, scale)) <= 1


@given(seeds, st.integers(0, 9), widths, wide_floats)
def test_squares_of_rows(rng, rows, width, kind):
    given, scale = scores(rng, (rows, width), kind, "unit"), 2.0 ** (62 - width.bit_length())
    found, twin = np.empty(rows), np.empty(rows)
    true = rng.integers(-1, width + 1, rows)
    kernels.square_classes(given, true, scale, found)
    naive.square_classes(given, true, scale, twin)
    assert found == pytest.approx(twin, rel=1e-14, abs=1e-15)
    truth = rng.integers(0, 2, (rows, width)).astype(np.uint8)
    kernels.square_labels(given, truth, scale, found)
    naive.square_labels(given, truth, scale, twin)
    assert found == pytest.approx(twin, rel=1e-14, abs=1e-15)


def ends_of(kind, family, low):
    one, infinite = np.array([1, np.inf], kind).view(low.dtype)
    return np.array((low, one if family == "unit" else infinite - 1, infinite), low.dtype)


@given(seeds, st.sampled_from([0, 1, 7, 70]), widths, floats, st.sampled_from(["unit", "signed"]))
def test_wrong_scores_are_found(rng, rows, width, kind, family):
    values = scores(rng, (rows, width), kind, rng.choice([family, "wild"]))
    bits, low = bits_of(values)
    ends, is_unit = ends_of(kind, family, low), family == "unit"
    causes, twin = np.full(rows, 9, np.uint8), np.full(rows, 9, np.uint8)
    kernels.find_wrong(bits, ends, is_unit, causes)
    naive.find_wrong(bits, ends, is_unit, twin)
    assert causes.tolist() == twin.tolist()
    flat = bits.reshape(-1)
    assert kernels.any_wrong(flat, low, ends[1], is_unit) == naive.any_wrong(flat, low, ends[1], is_unit) == twin.any()


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("family", ["unit", "signed"])
def test_every_special_score_is_right_or_wrong(kind, family):
    bits, low = bits_of(special(kind, "wild"))
    ends = ends_of(kind, family, low)
    for each in bits.reshape(-1):
        wrong = kernels.is_wrong(each, low, ends[1], family == "unit")
        assert wrong == naive.is_wrong(each, low, ends[1], family == "unit")
        if wrong:
            assert kernels.cause_of(each, low, ends[2]) == naive.cause_of(each, low, ends[2])


@given(seeds, lengths, wide_floats, st.sampled_from([1, -1]))
def test_add_bands(rng, rows, kind, step):
    given, hits = scores(rng, (rows,), kind, rng.choice(["unit", "wild"])), rng.integers(0, 2, rows).astype(np.uint8)
    table = rng.integers(-5, 5, (terms.BANDS, 3))
    twin = table.copy()
    kernels.add_bands(given, hits, step, table)
    naive.add_bands(given, hits, step, twin)
    assert table.tolist() == twin.tolist()


def test_bands_are_those_of_numpy_histogram():
    rng = np.random.default_rng(0)
    given = np.concatenate((rng.random(5000), np.arange(16) / 15, [0.2, 0.4, 0.6, 0.8]))
    table = np.zeros((terms.BANDS, 3), np.int64)
    kernels.add_bands(given, np.ones(len(given), np.uint8), 1, table)
    rows, _ = np.histogram(given, terms.BANDS, (0, 1))
    assert table[:, 0].tolist() == table[:, 1].tolist() == rows.tolist()
    sums, _ = np.histogram(given, terms.BANDS, (0, 1), weights=given)
    assert table[:, 2] / 2**30 == pytest.approx(sums, rel=1e-8)
