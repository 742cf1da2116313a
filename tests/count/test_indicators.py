"""Indicators: one bit a row and label, from columns or fixed-size lists, at any offset."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.indicators import from_columns, from_list, is_indicator
from streamavg.errors import InputError
from tests import strategies

LABELS = ["a", "b", "c"]
KINDS = [pa.bool_(), *strategies.INTEGERS]
WRITTEN = [pa.string(), pa.large_string(), pa.string_view(), pa.binary()]  # as columns of CSV are
cells = st.lists(st.lists(st.sampled_from(["0", "1", "1", None]), min_size=3, max_size=3), max_size=140)


layouts, indices = st.sampled_from(["plain", "dictionary"]), st.sampled_from(strategies.INTEGERS)
FORMS = st.one_of(
    st.builds(strategies.Form, st.just("plain"), st.sampled_from(KINDS)),
    st.builds(strategies.Form, layouts, st.sampled_from(WRITTEN), indices),
)


def bits_of(indicators):
    """The indicators as lists: for each row its bits, or None; bits behind the last row must be 0."""
    assert indicators.words.shape[1] == len(indicators.valid) == -(-indicators.rows // 64)
    everything = np.unpackbits(indicators.words.view(np.uint8), axis=1, bitorder="little")
    valid = np.unpackbits(indicators.valid.view(np.uint8), bitorder="little")
    assert not everything[:, indicators.rows :].any()
    assert not valid[indicators.rows :].any()
    rows = everything[:, : indicators.rows].T.tolist()
    return [row if known else None for row, known in zip(rows, valid[: indicators.rows].tolist(), strict=True)]


def expected(rows):
    return [None if None in row else [int(cell) for cell in row] for row in rows]


@given(cells, st.data())
def test_columns_become_bits(rows, data):
    rng = data.draw(strategies.rngs)
    columns = [data.draw(FORMS).encode([row[k] for row in rows], rng) for k in range(3)]
    found = from_columns(columns, LABELS)
    assert bits_of(found) == expected(rows)
    lengths, labels = found.sets()
    held = iter(labels.tolist())
    assert [[next(held) for _ in range(length)] for length in lengths.tolist()] == [
        [k for k in range(3) if row and row[k]] for row in bits_of(found)
    ]


@given(cells, st.sampled_from(KINDS), st.data())
def test_lists_become_bits(rows, kind, data):
    rng = data.draw(strategies.rngs)
    null = [None in row and rng.random() < 0.5 for row in rows]
    # under a null list lies anything, 7 included
    shown = [["0" if kind == pa.bool_() else "7"] * 3 if hide else row for hide, row in zip(null, rows, strict=True)]

    def build(padded):
        flat = strategies.plain(kind, [cell for row, _ in padded for cell in row], rng)
        return pa.FixedSizeListArray.from_arrays(flat, 3, mask=pa.array([hide for _, hide in padded], pa.bool_()))

    array = strategies.sliced(build, list(zip(shown, null, strict=True)), rng)
    assert bits_of(from_list(array, "y")) == expected(rows)


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 128, 1000])
@pytest.mark.parametrize("offset", [0, 1, 7, 8, 13])
def test_offsets_and_word_edges(rows, offset):
    values = np.random.default_rng(rows).random(rows + offset + 3) < 0.5
    mask = np.random.default_rng(offset).random(len(values)) < 0.2
    column = pa.array(values, mask=mask).slice(offset, rows)
    found = bits_of(from_columns([column], ["a"]))
    assert found == [None if value is None else [int(value)] for value in column.to_pylist()]
    flat = pa.FixedSizeListArray.from_arrays(pa.array(values, mask=mask), 1).slice(offset, rows)
    assert bits_of(from_list(flat, "y")) == found


@pytest.mark.parametrize("value", [2, -1, 255])
def test_numbers_other_than_0_and_1(value):
    bad = pa.array([0, value, None], pa.int16())
    with pytest.raises(InputError, match=rf"column 'b' holds {value}; .*cast the column to list"):
        from_columns([pa.array([0, 1, 1]), bad], ["a", "b"])
    with pytest.raises(InputError, match=rf"'y' holds {value}"):
        from_list(pa.FixedSizeListArray.from_arrays(bad, 1), "y")
    under_null = strategies.with_validity(pa.array([1, value]), [True, False])
    assert bits_of(from_columns([under_null], ["a"])) == [[1], None]


@pytest.mark.parametrize(
    "bad",
    [pa.array([1.0, 0.0]), pa.array([0, 1]).dictionary_encode(), pa.array([[1], [0]])],
    ids=lambda array: str(array.type),
)
def test_types_that_are_no_indicators_are_named(bad):
    with pytest.raises(InputError, match=r"column 'b' has type (double|dictionary|list)"):
        from_columns([pa.array([True, False]), bad], ["a", "b"])


@pytest.mark.parametrize("value", ["2", "true", "", "01"])
def test_texts_other_than_0_and_1(value):
    for bad in (pa.array(["0", value, None]), pa.array(["1", value, "1"]).dictionary_encode()):
        with pytest.raises(InputError, match=rf"column 'b' holds '{value}'; indicators are 0 or 1"):
            from_columns([pa.array([0, 1, 1]), bad], ["a", "b"])


def test_a_column_without_any_value():
    assert bits_of(from_columns([pa.array([True, False]), pa.nulls(2)], ["a", "b"])) == [None, None]


def test_which_types_are_indicators():
    assert all(is_indicator(pa.list_(kind, 2)) for kind in KINDS)
    others = [pa.list_(pa.bool_()), pa.bool_(), pa.list_(pa.string(), 2), pa.list_(pa.float32(), 2), pa.int8()]
    assert not any(map(is_indicator, others))
