"""Counts: label -> TP, FP, FN, without the labels that have none."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import CountOverflowError
from streamavg.state.counts import Counts

cells = st.tuples(*[st.integers(-3, 3)] * 3)
tables = st.dictionaries(st.sampled_from(["a", "b", "é", "10", "9", ""]), cells)


def counts_of(table):
    return Counts.of(list(table), np.array([*table.values()], np.int64).reshape(-1, 3))


def as_dict(counts):
    assert list(counts.labels) == sorted(counts.labels)
    return {label: tuple(row) for label, row in zip(counts.labels, counts.cells.tolist(), strict=True)}


def without_zeros(table):
    return {label: row for label, row in table.items() if any(row)}


def plus(a, b, sign=1):
    zero = (0, 0, 0)
    both = {label: zip(a.get(label, zero), b.get(label, zero), strict=True) for label in {*a, *b}}
    return without_zeros({label: tuple(x + sign * y for x, y in pairs) for label, pairs in both.items()})


@given(tables, tables)
def test_counts_are_a_group(a, b):
    left, right = counts_of(a), counts_of(b)
    assert as_dict(left) == without_zeros(a)
    assert as_dict(left + right) == plus(a, b)
    assert as_dict(left - right) == plus(a, b, -1)
    assert as_dict(-left) == plus({}, a, -1)
    assert as_dict(left + Counts.zero()) == as_dict(left)
    assert as_dict(left - left) == {}


@given(tables, st.lists(st.sampled_from(["a", "b", "é", "10", "9", "", "other"])))
def test_at_gives_zeros_for_labels_not_held(table, labels):
    assert counts_of(table).at(labels).tolist() == [list(table.get(label, (0, 0, 0))) for label in labels]


def test_a_sum_beyond_int64_is_refused():
    most = counts_of({"a": (2**63 - 1, 0, 0)})
    with pytest.raises(CountOverflowError):
        most + counts_of({"a": (1, 0, 0)})
    with pytest.raises(CountOverflowError):
        most + counts_of({"a": (1, 0, 0), "b": (0, 0, 1)})
    with pytest.raises(CountOverflowError):
        Counts.zero() - counts_of({"a": (-(2**63), 0, 0)})


def test_cells_cannot_be_written():
    counts = counts_of({"a": (1, 2, 3)}) + counts_of({"b": (1, 0, 0)})
    with pytest.raises(ValueError, match="read-only"):
        counts.cells[0, 0] = 7
    assert Counter(counts.labels) == Counter("ab")
