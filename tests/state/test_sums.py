"""Exact sums against fractions.Fraction: one form for each number, a group, and one rounding."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import CountOverflowError, InputError
from streamavg.state import sums as module
from streamavg.state.sums import Sums, SumTable
from tests.naive import number_of

LEAST, MOST = -(2**63), 2**63 - 1
digit = st.one_of(
    st.sampled_from([0, 0, 1, -1, LEAST, MOST, 2**31, -(2**31), 2**31 - 1, 2**32]), st.integers(LEAST, MOST)
)


@st.composite
def made(draw, numbers=3):
    size = draw(st.integers(0, 4))
    chunks = draw(st.lists(st.lists(digit, min_size=size, max_size=size), min_size=numbers, max_size=numbers))
    low = draw(st.sampled_from([-34, -33, -3, -1, 0, 2, 20]))
    return Sums.of(np.array(chunks, np.int64).reshape(numbers, size), low), [number_of(row, low) for row in chunks]


def numbers_of(sums):
    return [number_of(row, sums.low) for row in sums.limbs.tolist()]


def assert_canonical(sums):
    assert not sums.limbs.flags.writeable
    if sums.digits == 0:
        assert sums.low == 0
        return
    assert sums.limbs.min() >= -(2**31)
    assert sums.limbs.max() < 2**31
    assert sums.limbs[:, 0].any()
    assert sums.limbs[:, -1].any()


@given(made(), made(), st.lists(st.integers(-1, 2), max_size=5))
def test_a_group_of_exact_numbers_in_one_form(one, two, rows):
    (a, x), (b, y) = one, two
    for found, wanted in (
        (a, x),
        (a + b, [p + q for p, q in zip(x, y, strict=True)]),
        (a - b, [p - q for p, q in zip(x, y, strict=True)]),
        (-a, [-p for p in x]),
        (a.at(rows), [x[k] if k >= 0 else Fraction() for k in rows]),
        (a.total(), [sum(x)]),
        (a.total(np.array([2**31 - 1, 0, 3])), [(2**31 - 1) * x[0] + 3 * x[2]]),
    ):
        assert_canonical(found)
        assert numbers_of(found) == wanted
    assert (a == b) == (x == y)
    assert a + b - b == a
    assert a.negative.tolist() == [p < 0 for p in x]
    assert a.nonzero.tolist() == [p != 0 for p in x]


@given(made())
def test_integers_in_a_unit(one):
    sums, numbers = one
    low = sums.low - 1
    assert sums.integers(low) == [number / Fraction(2) ** (32 * low) for number in numbers]
    if sums.low < 0:
        with pytest.raises(ValueError, match="whole"):
            sums.integers()


@given(st.integers(-(2**200), 2**200))
def test_one_integer_of_any_size(value):
    found = Sums.integer(value)
    assert_canonical(found)
    assert found.integers() == [value]


def test_2_and_2_0_and_1_plus_1_are_one_state():
    two = Sums.integer(2)
    assert Sums.of(np.array([[0, 2]]), -1) == two
    assert Sums.of(np.array([[2**33]]), -1) == two
    assert Sums.integer(1) + Sums.integer(1) == two
    assert two - two == Sums.zero(1)


def test_sums_of_too_many_digits_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 10)
    tiny, huge = (Sums.of(np.ones((3, 1), np.int64), low) for low in (-34, 30))
    with pytest.raises(InputError, match=r"exact sums of 3 numbers from 2\*\*-1088 up to 2\*\*992 need"):
        tiny + huge


# ---- tables

entries = st.dictionaries(st.sampled_from("abcd"), st.tuples(*[st.integers(-3, 3)] * 2), max_size=4)


def table_of(held):
    numbers = [Sums.integer(value).limbs for pair in held.values() for value in pair]
    wide = [row if row.size else np.zeros((1, 1), np.int64) for row in numbers]
    sums = Sums.of(np.concatenate(wide) if wide else np.zeros((0, 1), np.int64), 0)
    return SumTable.of(tuple(held), sums, 2)


def held_in(table):
    numbers = numbers_of(table.sums)
    assert list(table.keys) == sorted(set(table.keys))
    return {key: (numbers[2 * k], numbers[2 * k + 1]) for k, key in enumerate(table.keys)}


@given(entries, entries)
def test_tables_add_by_key_and_drop_zeros(one, two):
    a, b = table_of(one), table_of(two)
    zero = (0, 0)
    for found, sign in ((a + b, 1), (a - b, -1)):
        keys = {*one, *two}
        wanted = {k: tuple(p + sign * q for p, q in zip(one.get(k, zero), two.get(k, zero), strict=True)) for k in keys}
        assert held_in(found) == {key: pair for key, pair in wanted.items() if any(pair)}
    assert numbers_of(a.at(["b", "z"])) == [*one.get("b", zero), 0, 0]
    assert held_in(-a) == held_in(SumTable.zero(2) - a)


def test_floats_of_a_million_labels_are_rounded_fast():
    """Not a time, but the path: up to 62 bits go through int64, of which numpy rounds 3e8 a second."""
    sums = Sums.of(np.arange(12).reshape(6, 2), -1)
    assert sums.floats().tolist() == [float(number) for number in numbers_of(sums)]


def test_a_sum_beyond_float64_is_an_error():
    with pytest.raises(CountOverflowError, match="divide the weights"):
        Sums.of(np.array([[2**40]]), 31).floats()
