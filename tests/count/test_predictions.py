"""Predictions: those that scikit-learn's rules, or exact comparison, would make of the same scores."""

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.indicators import from_columns
from streamavg.count.predictions import best_classes, best_places, decided, least_score, positives
from streamavg.count.score_columns import score_block
from streamavg.errors import InputError
from tests.count.scores import DTYPES, FLOATS, block_of, dtypes, lengths, scores, seeds, special, widths

thresholds = st.one_of(
    st.sampled_from([0.0, -0.0, 0.1, 0.5, 0.7, 1.0, 5e-324, -1, 300.0, -300.0, 127.5, math.inf, -math.inf, 1e300]),
    st.floats(0, 1),
    st.floats(-200, 300),
)


def is_at_least(score, threshold):
    """Exactly, which Python does for floats and fractions, infinities included."""
    exact = [float(each) if math.isinf(each) else Fraction(float(each)) for each in (score, threshold)]
    return exact[0] >= exact[1]


@given(seeds, lengths, dtypes, thresholds)
def test_positives(rng, rows, kind, threshold):
    values, missing = scores(rng, (rows,), kind), rng.random(rows) < 0.2
    found = positives(block_of(values, missing), threshold, ("ham", "spam"))
    expected = [("ham", "spam")[is_at_least(score, threshold)] for score in values]
    assert found.to_pylist() == [None if gone else each for gone, each in zip(missing, expected, strict=True)]
    found.validate(full=True)


@given(seeds, lengths, widths, dtypes, thresholds, st.booleans())
def test_decided(rng, rows, width, kind, threshold, each_its_own):
    values, missing = scores(rng, (rows, width), kind), rng.random(rows) < 0.2
    bounds = [threshold, *rng.random(width - 1)] if each_its_own else [threshold] * width
    columns = decided(block_of(values, missing), bounds if each_its_own else threshold)
    expected = [[is_at_least(score, bound) for score, bound in zip(row, bounds, strict=True)] for row in values]
    for place, column in enumerate(columns):
        column.validate(full=True)
        gone = missing if place == 0 else np.zeros(rows, bool)
        assert column.to_pylist() == [
            None if hidden else row[place] for hidden, row in zip(gone, expected, strict=True)
        ]
    if rows:
        indicators = from_columns(columns, [str(k) for k in range(width)])
        lengths, _ = indicators.sets()
        assert lengths.tolist() == [0 if gone else sum(row) for gone, row in zip(missing, expected, strict=True)]


@given(seeds, lengths, widths, dtypes)
def test_best_classes(rng, rows, width, kind):
    values, missing = scores(rng, (rows, width), kind), rng.random(rows) < 0.2
    labels, wrong = [f"c{k}" for k in range(width)], rng.random(rows) < 0.2
    found = best_classes(block_of(values, missing), labels, wrong)
    expected = [None if gone else labels[place] for gone, place in zip(missing | wrong, values.argmax(1), strict=True)]
    assert found.to_pylist() == expected
    found.validate(full=True)


@pytest.mark.parametrize(("width", "kind"), [(256, np.uint8), (257, np.uint16), (65_537, np.uint32)])
def test_codes_are_as_narrow_as_may_be(width, kind):
    values = np.zeros((3, width), np.float32)
    values[1, -1] = values[2, 255] = 1
    places = best_places(block_of(values))
    assert places.dtype == kind
    assert places.tolist() == [0, width - 1, 255]


def test_the_bound_is_the_least_score_that_is_high_enough():
    assert least_score(0.1, np.dtype(np.float32)) == np.float32(0.1)  # which is a little more
    assert least_score(0.7, np.dtype(np.float32)) > np.float32(0.7)  # which is a little less
    for kind in FLOATS:
        for threshold in (0.1, 0.5, 0.7, 1 / 3, 5e-324, 1e-40, 65_519.0, 70_000.0, -1e300, 1e300):
            bound = least_score(threshold, np.dtype(kind))
            assert is_at_least(bound, threshold)
            with np.errstate(over="ignore"):
                below = np.nextafter(bound, kind(-np.inf))
            assert not is_at_least(below, threshold)
    assert [least_score(x, np.dtype(np.uint8)) for x in (-5, 0.2, 255, 255.1)] == [0, 1, 255, None]
    assert [least_score(x, np.dtype(np.int8)) for x in (-500, -0.5, 127, 128)] == [-128, 0, 127, None]


def test_thresholds_that_are_none():
    block = block_of(np.zeros((2, 3)))
    with pytest.raises(InputError, match="there are 2 thresholds but 3 scores a row"):
        decided(block, [0.5, 0.5])
    for threshold in (math.nan, [0.5, math.nan, 0.5]):
        with pytest.raises(InputError, match="a threshold is nan"):
            decided(block, threshold)


@pytest.mark.parametrize("kind", DTYPES)
def test_scores_that_hide_under_nulls_do_no_harm(kind):
    wild = special(kind, "wild") if kind in FLOATS else np.arange(19).astype(kind)
    hidden = np.arange(len(wild)) % 2 == 0
    column = pa.FixedSizeListArray.from_arrays(pa.array(np.repeat(wild, 2)), 2, mask=pa.array(hidden))
    block = score_block([column], ["s"])
    for found in (best_classes(block, ["a", "b"]), decided(block, 0.5)[0]):
        assert np.flatnonzero(found.is_null()).tolist() == np.flatnonzero(hidden).tolist()


def test_blocks_without_columns_or_rows():
    block = score_block([pa.array([None, None], pa.list_(pa.float32()))], ["s"])
    assert best_classes(block, []).to_pylist() == [None, None]
    assert decided(block, 0.5) == []
    empty = score_block([pa.array([], pa.float32())], ["s"])
    assert positives(empty, 0.5, ("a", "b")).to_pylist() == []
