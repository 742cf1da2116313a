"""Slices as arrays against dicts: sums, other keys, and the one form of equal slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import CountOverflowError
from streamavg.state.config import Config
from streamavg.state.slices import NUMBERS, Slices, in_order
from streamavg.state.state import State

KEYS = [(), (None,), ("",), ("a",), ("b",), ("é",)]
LABELS = ["a", "b", "10", "9"]
cells = st.dictionaries(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(LABELS), st.integers(0, 2)), st.integers(-3, 3), max_size=10
)
rows = st.dictionaries(st.tuples(st.sampled_from(KEYS), st.sampled_from(NUMBERS)), st.integers(-3, 3), max_size=6)


def slices_of(counts, numbers, keys=KEYS, labels=LABELS):
    tables, named = np.zeros((3, len(keys), len(labels)), np.int64), np.zeros((len(keys), len(NUMBERS)), np.int64)
    for (key, label, cell), count in counts.items():
        tables[cell, keys.index(key), labels.index(label)] = count
    for (key, name), count in numbers.items():
        named[keys.index(key), NUMBERS.index(name)] = count
    return Slices.of(keys, labels, tables, named)


def held(slices):
    """All that slices hold that is not zero."""
    found = {}
    for place, row in zip(slices.places.tolist(), slices.cells.tolist(), strict=True):
        for cell, count in enumerate(row):
            found[slices.keys[place >> 32], slices.labels[place & 0xFFFFFFFF], cell] = count
    for key, row in zip(slices.keys, slices.numbers.tolist(), strict=True):
        found |= {(key, name): count for name, count in zip(NUMBERS, row, strict=True)}
    return {key: count for key, count in found.items() if count}


def same_form(a, b):
    arrays = [(x.places, x.cells, x.numbers) for x in (a, b)]
    return (a.keys, a.labels) == (b.keys, b.labels) and all(map(np.array_equal, *arrays))


def added(a, b, sign=1):
    total = {key: a.get(key, 0) + sign * b.get(key, 0) for key in a.keys() | b.keys()}
    return {key: count for key, count in total.items() if count}


@given(cells, rows, cells, rows, st.randoms())
def test_sums_are_those_of_dicts_in_one_form(a_cells, a_rows, b_cells, b_rows, rng):
    keys, labels = rng.sample(KEYS, len(KEYS)), rng.sample(LABELS, len(LABELS))
    a, b = slices_of(a_cells, a_rows), slices_of(b_cells, b_rows, keys, labels)
    a_held, b_held = ({k: n for k, n in {**c, **r}.items() if n} for c, r in ((a_cells, a_rows), (b_cells, b_rows)))
    assert (held(a), held(b)) == (a_held, b_held)
    assert same_form(a, slices_of(a_cells, a_rows, keys, labels))
    assert held(a + b) == added(a_held, b_held)
    assert held(a - b) == added(a_held, b_held, -1)
    assert same_form(a + b, b + a)
    assert same_form((a + b) - b, a)
    assert (a - a).is_empty
    assert a.keys == tuple(in_order({key for key, *_ in a_held}))


@given(cells, rows)
def test_other_keys_add_up(counts, numbers):
    slices = slices_of(counts, numbers)
    found = held(slices.rekeyed(lambda key: None if key == () else key[:0]))
    expected = {}
    for (key, *rest), count in held(slices).items():
        if key != ():
            expected[(), *rest] = expected.get(((), *rest), 0) + count
    assert found == {key: count for key, count in expected.items() if count}
    assert same_form(slices.rekeyed(lambda key: key), slices)


@given(cells, rows)
def test_states_and_back(counts, numbers):
    slices = slices_of(counts, numbers)
    states = slices.states(State(Config(task="multilabel")))
    assert list(states) == list(slices.keys)
    assert same_form(Slices.of_states(states), slices)


def test_nothing_wraps():
    big = slices_of({(("a",), "a", 0): 2**62}, {})
    with pytest.raises(CountOverflowError):
        big + big
    with pytest.raises(CountOverflowError):
        (big + slices_of({(("b",), "a", 0): 2**62}, {})).rekeyed(lambda key: ())


def test_order_is_none_first_then_by_code_point():
    keys = [("b", 1), (None, 2), ("a", None), ("a", 0), (), (None, None)]
    assert in_order(keys) == [(), (None, None), (None, 2), ("a", None), ("a", 0), ("b", 1)]
    assert in_order([("é",), ("z",), ("Z",)]) == [("Z",), ("z",), ("é",)]
