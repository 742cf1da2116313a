"""Weights: every encoding gives exactly the numbers in it; what is no weight is named with its row."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count.weights import weights_of
from tests import strategies


def fractions_of(weights):
    return [sum(map(Fraction, terms)) for terms in zip(*(part.tolist() for part in weights.terms), strict=True)]


@given(st.sampled_from(strategies.WEIGHTS).flatmap(lambda each: st.lists(each, max_size=12)), st.data())
def test_every_encoding_holds_exactly_these_numbers(values, data):
    array = data.draw(strategies.weight_forms(values)).encode(values, data.draw(strategies.rngs))
    found = weights_of(array, "w")
    assert len(found) == len(values)
    assert fractions_of(found) == [Fraction(value) for value in values]
    assert fractions_of(found.at(slice(1, None))) == [Fraction(value) for value in values[1:]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (pa.array([1.0, None]), "'w': weight null at row 11"),
        (pa.array([1, -2], pa.int8()), "'w': weight -2 at row 11"),
        (pa.array([2**63 - 1, -(2**63)]), "weight -9223372036854775808 at row 11"),
        (pa.array([0.0, -5e-324]), "weight -5e-324 at row 11"),
        (pa.array([0.0, float("nan")]), "weight nan at row 11"),
        (pa.array([0.0, float("inf")], pa.float32()), "weight inf at row 11"),
        (pa.array(np.array([0, -1], np.float16)), "weight -1.0 at row 11"),
        (pa.array([1.0, -1.0]).dictionary_encode(), "weight -1.0 at row 11"),
        (pa.DictionaryArray.from_arrays([0, 1], pa.array([1.0, None])), "weight null at row 11"),
        (pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array([1.0])), "weight null at row 11"),
        (pa.RunEndEncodedArray.from_arrays([1, 2], pa.array([1, -7])), "weight -7 at row 11"),
        (pa.nulls(2), "weight null at row 10"),
        (pa.array(["1", "2 kg"]), "weight 2 kg at row 11"),
        (pa.array(["1", "1_0"]), "weight 1_0 at row 11"),
        (pa.array(["1", ""]).dictionary_encode(), "weight  at row 11"),
        (pa.array(["1", "nan"]), "weight nan at row 11"),
        (pa.array(["1", "-1e3"]), "weight -1e3 at row 11"),
        (pa.array(["1", "inf"]), "weight inf at row 11"),
        (pa.array(["1", None], pa.string_view()), "weight null at row 11"),
        (pa.array([b"1", b"2"]), "has type binary; weights are numbers"),
        (pa.array([True, False]), "has type bool; weights are numbers"),
        (pa.array([[1]]), "weights are numbers"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 5], pa.int8()), pa.array([1.0]), safe=False), "damaged"),
    ],
)
def test_what_is_no_weight_is_named(array, message):
    with pytest.raises(sa.InputError, match=message):
        weights_of(array, "w", 10)


def test_a_wrong_entry_that_no_row_uses_is_no_error():
    array = pa.DictionaryArray.from_arrays([1, 1], pa.array([-1.0, 2.0]))
    assert weights_of(array, "w").values.tolist() == [2.0, 2.0]


def test_zero_and_minus_zero_are_weights():
    assert weights_of(pa.array([0.0, -0.0]), "w").values.tolist() == [0.0, 0.0]


@given(
    st.lists(st.one_of(st.floats(0, 1e300).map(repr), st.integers(0, 2**64 - 1).map(str)), max_size=8), st.booleans()
)
def test_decimal_text_is_the_number_it_says(texts, encoded):
    """As CSV files and JSON lines have it; a float64 is the nearest to the text, an integer of 64 bits is itself."""
    array = pa.array(texts, pa.string())
    wanted = [Fraction(int(text)) if text.isdigit() else Fraction(float(text)) for text in texts]
    assert fractions_of(weights_of(array.dictionary_encode() if encoded else array, "w")) == wanted
