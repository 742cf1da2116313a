"""The labels of list columns, row after row, whatever the list type, the layout of the values, and what nulls hide."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.lists import is_set, unnested
from streamavg.state.labels import label_text
from tests import strategies


def rows_of(array):
    """The rows as lists again, None for null."""
    lengths, flat, null = unnested(array)
    labels = iter(flat.to_pylist())
    rows = [[next(labels) for _ in range(length)] for length in lengths.tolist()]
    assert next(labels, "none left") == "none left"
    return [None if hidden else row for row, hidden in zip(rows, null.tolist(), strict=True)]


def text(row):
    """A row with its labels as text, so that 7.0, 7, b"7" and "7" compare equal, and nan is null."""
    return None if row is None else [None if value is None or value != value else label_text(value) for value in row]


SIDES = st.lists(
    st.one_of(st.none(), st.lists(st.sampled_from(["a", "b", "7", None]), max_size=4)), min_size=1, max_size=20
)


@given(SIDES, st.data())
def test_the_labels_of_every_list_type(sets, data):
    """Of the fixed-size type the rows are as long as the longest set; there the array itself says what they hold."""
    form = data.draw(strategies.set_forms(sets))
    array = form.encode(sets, data.draw(strategies.rngs))
    assert is_set(array.type)
    expected = sets if form.kind is not pa.FixedSizeListArray else array.to_pylist()
    assert [text(row) for row in rows_of(array)] == [text(row) for row in expected]


VIEWS = [(pa.ListViewArray, pa.int32()), (pa.LargeListViewArray, pa.int64())]


@pytest.mark.parametrize(("kind", "wide"), VIEWS, ids=["list_view", "large_list_view"])
def test_views_in_any_order_and_overlapping(kind, wide):
    array = kind.from_arrays(pa.array([1, 0, 0, 2], wide), pa.array([2, 1, 3, 0], wide), pa.array(["a", "b", "c", "d"]))
    assert rows_of(array) == array.to_pylist() == [["b", "c"], ["a"], ["a", "b", "c"], []]
    assert rows_of(array.slice(1, 2)) == [["a"], ["a", "b", "c"]]


@pytest.mark.parametrize("null", [[False, True, False], [True, True, True]], ids=["some null", "all null"])
@pytest.mark.parametrize("layout", ["dictionary", "runs"])
def test_float16_labels_behind_codes_or_runs_under_null_lists(layout, null):
    """Arrow makes no empty dictionary array of float16, which is what it flattens null lists to, and takes no runs."""
    halves = pa.array(np.array([1, 2, 3], np.float16))
    if layout == "dictionary":
        values = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), halves)
    else:
        values = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int16()), halves)
    array = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), values, mask=pa.array(null))
    assert rows_of(array) == [None if hidden else [k + 1.0] for k, hidden in enumerate(null)]


@pytest.mark.parametrize("kind", [pa.list_(pa.int8()), pa.large_list(pa.int8()), pa.list_view(pa.int8())], ids=str)
def test_a_column_without_rows_has_no_labels(kind):
    assert rows_of(pa.array([], kind)) == rows_of(pa.array([[1]], kind).slice(1)) == []
