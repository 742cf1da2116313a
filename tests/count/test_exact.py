"""The growing table of exact sums against fractions and math.fsum, whatever its window, carries and room."""

import math
from collections import Counter
from fractions import Fraction
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import exact
from streamavg.count.exact import ExactTable
from streamavg.errors import InputError
from streamavg.state import sums
from tests.naive import number_of

FAMILIES = (
    st.floats(0, 1),
    st.integers(0, 2**33).map(float),
    st.floats(-(2.0**40), 2.0**40),
    st.one_of(st.floats(-1e300, 1e300), st.sampled_from([5e-324, 2.0**-1022, -0.0, 1.5e308])),
)


@given(st.data(), st.sampled_from(FAMILIES), st.sampled_from([3, 1 << 30]), st.sampled_from([0, 4]))
def test_whatever_is_added_is_there_exactly(data, family, most_adds, few_digits):
    table, wanted = ExactTable(), Counter()
    with patch.multiple(exact, MOST_ADDS=most_adds, FEW_DIGITS=few_digits):
        for _ in range(data.draw(st.integers(1, 4))):
            terms = data.draw(st.lists(family, max_size=9))
            step = data.draw(st.sampled_from([1, -1]))
            one = data.draw(st.one_of(st.none(), st.integers(0, 5)))
            size = len(terms)
            cells = (
                data.draw(st.lists(st.integers(0, 40), min_size=size, max_size=size)) if one is None else [one] * size
            )
            table.add(np.array(cells, np.uint32) if one is None else one, np.array(terms, np.float64), step)
            twin = table.twin()
            twin.add(3, np.array([1e10, 2.0**-60]))  # which the table does not see
            for cell, term in zip(cells, terms, strict=True):
                wanted[cell] += step * Fraction(term)
    found = table.sums()
    held = {k: number_of(row, found.low) for k, row in enumerate(found.limbs.tolist())}
    assert {k: n for k, n in held.items() if n} == {k: n for k, n in wanted.items() if n}


@given(st.lists(st.floats(-1e300, 1e300), max_size=50), st.randoms(use_true_random=False))
def test_any_order_gives_one_state_and_fsum(terms, rng):
    forward, shuffled = ExactTable(), ExactTable()
    forward.add(0, np.array(terms))
    for term in rng.sample(terms, len(terms)):
        shuffled.add(0, np.array([term]))
    assert forward.sums() == shuffled.sums()
    if terms:
        assert forward.sums().floats().tolist() == [math.fsum(terms)]


def test_beyond_the_memory_cap_nothing_is_added(monkeypatch):
    table = ExactTable()
    table.add(np.arange(8, dtype=np.uint32), np.ones(8))
    before = table.sums()
    monkeypatch.setattr(sums, "MOST_BYTES", 1 << 10)
    for cells, terms in ((np.array([3], np.uint32), [1e300]), (np.array([1000], np.uint32), [1.0])):
        with pytest.raises(InputError, match=r"exact sums of .* numbers"):
            table.add(cells, np.array(terms))
        assert table.sums() == before


def test_whole_numbers_take_one_digit():
    table = ExactTable()
    table.add(np.arange(3, dtype=np.uint32), np.array([1.0, 2.0, 2.0**31]))
    assert table._table.shape[1] == 1 + exact.SPARE
    assert table.sums().integers() == [1, 2, 2**31]


def test_carries_are_passed_on_before_a_digit_could_overflow(monkeypatch):
    """Here after every 4 terms of up to 2**32 - 1, so that no digit can pass 2**31 + 4 * 2**32."""
    monkeypatch.setattr(exact, "MOST_ADDS", 4)
    table = ExactTable()
    for _ in range(40):
        table.add(np.zeros(3, np.uint32), np.full(3, 2.0**32 - 1))
        table.add(0, np.full(3, 2.0**32 - 1))
        assert np.abs(table._table).max() <= 2**31 + 4 * 2**32
    assert table.sums().integers() == [240 * (2**32 - 1)]
