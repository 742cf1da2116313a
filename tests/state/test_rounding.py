"""Rounding once: every sum as float(Fraction) has it, halves, subnormals and the largest included."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamavg.errors import CountOverflowError
from streamavg.state.sums import Sums
from tests.naive import number_of

UNIT = -1088  # the bits of a Sums from low = -34 up


near_halves = st.builds(
    lambda x, sign, shift: (Fraction(x) + Fraction(math.nextafter(x, math.inf))) / 2 + sign * Fraction(2) ** shift,
    st.floats(0, 1.7e308),
    st.sampled_from([-1, 0, 1]),
    st.integers(-1088, 900),
)


def exact(value: Fraction) -> Sums:
    integer = Sums.integer((value / Fraction(2) ** UNIT).numerator)
    return Sums(integer.low - 34 if integer.digits else 0, integer.limbs)


@given(near_halves, st.sampled_from([1, -1]))
@example(Fraction(2**53 + 1), 1)
@example(Fraction(2**54 + 2), -1)
@example(Fraction(2**54 + 2) + Fraction(1, 2**80), 1)
@example(Fraction(2**54 + 2) - Fraction(1, 2**80), 1)
@example(Fraction(2**54 + 6), 1)
@example(Fraction(2) ** -1075, 1)
@example(Fraction(3) * Fraction(2) ** -1075, 1)
@example(Fraction(2) ** -1075 + Fraction(2) ** -1088, 1)
@example(Fraction(2) ** -1076, 1)
@example(Fraction(2**1024 - 2**970), 1)
@example(Fraction(2**1024 - 2**970 - 1), 1)
def test_the_nearest_float(value, sign):
    sums = exact(sign * value)
    assert number_of(sums.limbs[0].tolist(), sums.low) == sign * value
    try:
        wanted = float(sign * value)
    except OverflowError:
        with pytest.raises(CountOverflowError):
            sums.floats()
    else:
        assert sums.floats().tolist() == [wanted]


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=3, max_size=3), min_size=1, max_size=6))
def test_numbers_of_any_size_side_by_side(rows):
    sums = Sums.of(np.array(rows, np.int64), -2)
    assert sums.floats().tolist() == [float(number_of(row, -2)) for row in rows]
