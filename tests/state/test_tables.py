"""Integer tables: exact where int64 holds the result, an error where it does not; never a wrapped sum."""

from collections import Counter
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import CountOverflowError
from streamavg.state import tables
from streamavg.state.tables import (
    KeyTable,
    add_named,
    checked_add,
    checked_int,
    checked_negative,
    exact_sum,
    frozen,
    grouped,
)

LEAST, MOST = -(2**63), 2**63 - 1
numbers = st.one_of(st.integers(-9, 9), st.integers(LEAST, MOST), st.sampled_from([LEAST, LEAST + 1, MOST, MOST - 1]))
entries = st.lists(st.tuples(st.integers(-2, 3), numbers), max_size=12)


def ints(values):
    return np.array(values, np.int64)


def fits(values):
    return all(LEAST <= value <= MOST for value in values)


@given(st.lists(st.tuples(numbers, numbers), min_size=1))
def test_checked_add(pairs):
    sums = [a + b for a, b in pairs]
    left, right = ints(pairs).T
    if fits(sums):
        assert checked_add(left, right).tolist() == sums
    else:
        with pytest.raises(CountOverflowError):
            checked_add(left, right)


@given(st.lists(numbers))
def test_checked_negative_and_exact_sum(values):
    assert exact_sum(ints(values)) == sum(values)
    if LEAST in values:
        with pytest.raises(CountOverflowError):
            checked_negative(ints(values))
    else:
        assert checked_negative(ints(values)).tolist() == [-value for value in values]


def test_checked_int():
    assert [checked_int(value) for value in (LEAST, 0, MOST)] == [LEAST, 0, MOST]
    for value in (LEAST - 1, MOST + 1):
        with pytest.raises(CountOverflowError, match=str(value)):
            checked_int(value)


def summed(rows):
    total = Counter()
    for key, count in rows:
        total[key] += count
    return {key: total[key] for key in sorted(total) if total[key]}


def key_table(rows):
    return KeyTable.of(ints([key for key, _ in rows]), ints([count for _, count in rows]))


def as_dict(table):
    return dict(zip(table.keys.tolist(), table.counts.tolist(), strict=True))


@given(entries)
def test_key_table_sums_equal_keys(rows):
    expected = summed(rows)
    if fits(expected.values()):
        table = key_table(rows)
        assert as_dict(table) == expected
        assert list(as_dict(table)) == sorted(expected)
        assert (table.counts != 0).all()
    else:
        with pytest.raises(CountOverflowError):
            key_table(rows)


small = st.lists(st.tuples(st.integers(-2, 3), st.integers(-9, 9)), max_size=12)


@given(small, small)
def test_key_tables_are_a_group(a, b):
    left, right = key_table(a), key_table(b)
    assert as_dict(left + right) == summed(a + b)
    assert as_dict(left - right) == summed(a + [(key, -count) for key, count in b])
    assert as_dict(left - left) == as_dict(KeyTable.zero()) == {}
    assert as_dict(-left) == {key: -count for key, count in as_dict(left).items()}


def test_key_table_refuses_to_pass_int64():
    most = key_table([(1, MOST)])
    with pytest.raises(CountOverflowError):
        most + key_table([(1, 1)])
    assert as_dict(most + key_table([(1, -1)])) == {1: MOST - 1}
    with pytest.raises(CountOverflowError):
        -key_table([(1, LEAST)])


names = st.dictionaries(st.sampled_from("abc"), st.integers(-5, 5).filter(bool))


@given(names, names, st.sampled_from([1, -1]))
def test_named_counters(a, b, sign):
    total = add_named(a, b, sign)
    assert total == {name: n for name in "abc" if (n := a.get(name, 0) + sign * b.get(name, 0))}
    assert list(total) == sorted(total)


def test_named_counters_refuse_to_pass_int64():
    with pytest.raises(CountOverflowError):
        add_named({"a": MOST}, {"a": 1})


def test_frozen_arrays_cannot_be_written():
    for array in (frozen(ints([1, 2])), key_table([(1, 2)]).keys, KeyTable.zero().counts):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@given(st.lists(st.tuples(numbers, numbers), min_size=1))
def test_checked_add_of_many(pairs):
    with patch.object(tables, "_MANY", 0):
        test_checked_add.hypothesis.inner_test(pairs)


@given(st.lists(st.tuples(st.integers(0, 3), numbers, numbers), max_size=12))
def test_grouped(rows):
    keys, counts = ints([row[0] for row in rows]), ints([row[1:] for row in rows]).reshape(-1, 2)
    sums = {key: [sum(row[k] for row in rows if row[0] == key) for k in (1, 2)] for key, *_ in rows}
    if fits([total for pair in sums.values() for total in pair]):
        found = grouped(keys, counts)
        assert dict(zip(found[0].tolist(), found[1].tolist(), strict=True)) == sums
        assert found[0].tolist() == sorted(sums)
    else:
        with pytest.raises(CountOverflowError):
            grouped(keys, counts)
