"""Score columns: the same matrix from every Arrow form, with garbage under nulls, and what are no scores refused."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.score_columns import ScoreBlock, score_block, sealed
from streamavg.errors import InputError
from tests import strategies
from tests.count.scores import DTYPES, scores, seeds

LISTS = [pa.ListArray, pa.LargeListArray, pa.ListViewArray, pa.LargeListViewArray, pa.FixedSizeListArray]
layouts = st.sampled_from(["plain", "plain", "dictionary", "runs"])
kinds = st.sampled_from(DTYPES)
nulls = st.sampled_from([0, 0.2, 0.3, 1])


def cells(rng, values, null):
    """Numbers as an Arrow array with this null mask, and what `values` has under it."""
    return strategies.with_validity(pa.array(values), (~null).tolist())


def column(rng, values, null, layout):
    """The same in a layout; null entries and null codes of a dictionary are both used."""
    bits = values.view(f"u{values.itemsize}")  # -0.0 and 0.0 are two entries, nan is one
    if layout == "dictionary":
        entries, codes = np.unique(bits, return_inverse=True)
        entries = np.append(entries, entries[:1]).view(values.dtype)
        through_entry = null & (rng.random(len(null)) < 0.5)
        codes = np.where(through_entry, len(entries) - 1, np.where(null, rng.integers(-100, 100, len(null)), codes))
        hidden = np.arange(len(entries)) == len(entries) - 1
        indices = cells(
            rng,
            codes.astype(rng.choice([np.int8, np.int64] if len(codes) < 128 else [np.int16, np.int64])),
            null & ~through_entry,
        )
        return pa.DictionaryArray.from_arrays(indices, cells(rng, entries, hidden), safe=False)
    if layout == "runs":
        ends = np.flatnonzero(np.append((bits[1:] != bits[:-1]) | (null[1:] != null[:-1]), True)) + 1
        kept = ends - 1
        return pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), cells(rng, values[kept], null[kept]))
    return cells(rng, values, null)


def cut(rng, build, rows):
    """build(row numbers), as the middle of a larger array."""
    before, after = rng.choice([0, 1, 8, 13]) if rows else 0, rng.choice([0, 5]) if rows else 0
    at = np.concatenate((np.zeros(before, int), np.arange(rows), np.zeros(after, int)))
    return build(at).slice(before, rows)


def list_column(rng, values, null, row_null, cls, layout="plain"):
    """A matrix as a list column; under a null list lie scores too, or none, or too many."""
    rows, width = values.shape
    if cls is pa.FixedSizeListArray:
        flat = column(rng, values.reshape(-1), null.reshape(-1), layout)
        return cls.from_arrays(flat, width, mask=pa.array(row_null))
    sizes = np.where(row_null, rng.integers(0, 2 * width, rows), width)
    order = rng.permutation(rows) if "View" in cls.__name__ else np.arange(rows)
    starts = np.zeros(rows, np.int64)
    starts[order] = np.cumsum(sizes[order]) - sizes[order]
    flat = np.zeros(sizes.sum(), values.dtype)
    holes = np.zeros(len(flat), bool)
    for row in np.flatnonzero(~row_null):
        flat[starts[row] : starts[row] + width] = values[row]
        holes[starts[row] : starts[row] + width] = null[row]
    inner = column(rng, flat, holes, layout) if len(flat) else pa.array(flat)
    mask = pa.array(row_null)
    wide = pa.int64() if "Large" in cls.__name__ else pa.int32()
    if "View" in cls.__name__:
        return cls.from_arrays(pa.array(starts, wide), pa.array(sizes, wide), inner, mask=mask)
    return cls.from_arrays(pa.array([*starts, len(flat)], wide), inner, mask=mask)


def assert_holds(block, values, missing, kind=None):
    assert block.values.shape == values.shape
    assert block.missing.dtype == bool
    assert block.missing.tolist() == missing.tolist()
    assert block.values.dtype == block.kind == np.dtype(kind or values.dtype).name
    assert block.values.flags["C_CONTIGUOUS"]
    assert not block.values.flags.writeable
    # bytes, because nan is not nan and -0.0 is 0.0
    assert block.values[~missing].tobytes() == values[~missing].tobytes()


@given(seeds, st.sampled_from([0, 1, 9, 70]), kinds, layouts, nulls)
def test_scalar_columns(rng, rows, kind, layout, share):
    values, null = scores(rng, (rows,), kind, "wild"), rng.random(rows) < share
    layout = layout if rows else "plain"
    array = cut(rng, lambda at: column(rng, values[at], null[at], layout), rows)
    assert_holds(score_block([array], ["s"]), values.reshape(-1, 1), null)


@pytest.mark.parametrize("cls", LISTS)
@given(seeds, st.sampled_from([0, 1, 9, 70]), st.integers(1, 4), kinds, layouts, nulls)
def test_list_columns(cls, rng, rows, width, kind, layout, share):
    values = scores(rng, (rows, width), kind, "wild")
    null, row_null = rng.random((rows, width)) < share / 3, rng.random(rows) < share
    layout = layout if rows else "plain"
    array = cut(rng, lambda at: list_column(rng, values[at], null[at], row_null[at], cls, layout), rows)
    missing = row_null | null.any(axis=1)
    assert_holds(score_block([array], ["s"], width), values, missing)
    if not row_null.all():
        assert_holds(score_block([array], ["s"]), values, missing)


@given(seeds, st.sampled_from([0, 1, 9, 70]), st.lists(st.sampled_from(DTYPES[:3]), min_size=2, max_size=5), nulls)
def test_several_columns_take_the_widest_type(rng, rows, kinds, share):
    parts = [scores(rng, (rows,), kind, "unit") for kind in kinds]
    null = [rng.random(rows) < share / 3 for _ in kinds]
    arrays = [column(rng, part, hidden, "plain") for part, hidden in zip(parts, null, strict=True)]
    wide = np.result_type(*kinds)
    expected = np.stack([part.astype(wide) for part in parts], axis=1)
    assert_holds(score_block(arrays, [f"s_{k}" for k in range(len(kinds))]), expected, np.logical_or.reduce(null))


def test_many_columns_go_side_by_side_in_parts(monkeypatch):
    monkeypatch.setattr("streamavg.count.score_columns.CELLS", 7)
    values = np.random.default_rng(0).random((10, 3)).astype(np.float32)
    block = score_block([pa.array(part) for part in values.T], list("abc"))
    assert_holds(block, values, np.zeros(10, bool))
    whole = score_block([pa.array(part) for part in (values.T * 100).astype(np.uint8)], list("abc"))
    assert whole.kind == "uint8"


@pytest.mark.parametrize("kind", DTYPES)
def test_nothing_is_copied_where_the_layout_allows(kind):
    values = scores(np.random.default_rng(0), (50, 4), kind)
    scalar, mask = pa.array(values.reshape(-1)), pa.array(np.arange(49) % 7 == 0)
    fixed = pa.FixedSizeListArray.from_arrays(scalar, 4).slice(1)
    hidden = pa.FixedSizeListArray.from_arrays(scalar.slice(4), 4, mask=mask)
    plain = pa.ListArray.from_arrays(pa.array(np.arange(0, 204, 4), pa.int32()), scalar).slice(1)
    for array, step in ((scalar.slice(4), 1), (fixed, 4), (hidden, 4), (plain, 4)):
        block = score_block([array], ["s"])
        assert block.values.ctypes.data == scalar.buffers()[1].address + 4 * values.itemsize
        assert block.values.shape[1] == step


def test_columns_without_a_value():
    none = pa.nulls(3)
    for width, shape in ((None, (3, 1)), (1, (3, 1)), (4, (3, 4))):
        block = score_block([none], ["s"], width)
        assert (block.values.shape, block.kind, block.missing.all()) == (shape, "null", True)
    block = score_block([pa.array([None, None], pa.list_(pa.float32()))], ["s"])
    assert (block.values.shape, block.missing.tolist()) == ((2, 0), [True, True])
    block = score_block([pa.array([[None, None]], pa.list_(pa.null()))], ["s"])
    assert (block.kind, block.missing.tolist()) == ("null", [True])
    block = score_block([none, pa.array([0.5, None, 1.0], pa.float16())], ["a", "b"])
    assert (block.kind, block.missing.tolist()) == ("float16", [True] * 3)


def test_bits_and_rows():
    block = score_block([pa.array([-128, -1, 0, 127], pa.int8())], ["s"])
    assert block.bits.reshape(-1).tolist() == [0, 127, 128, 255]
    assert block.only(np.ones(4, bool)) is block
    assert block.only(np.array([True, False, False, True])).values.tolist() == [[-128], [127]]
    odd = np.frombuffer(b"\0" + np.ones(3, np.float32).tobytes(), np.uint8)[1:].view(np.float32)
    assert not odd.flags.aligned
    assert sealed(odd).flags.aligned
    mine = np.ones(3)
    sealed(mine)
    assert mine.flags.writeable


def refused(arrays, **options):
    arrays = arrays if isinstance(arrays, list) else [arrays]
    with pytest.raises(InputError) as caught:
        score_block(arrays, [f"s{k}" for k in range(len(arrays))], **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "way_out"),
    [
        (pa.bool_(), "y_pred"),
        (pa.decimal128(9, 3), "cast it to double"),
        (pa.timestamp("s"), "cast it"),
        (pa.struct([("a", pa.float32())]), "cast it"),
    ],
    ids=str,
)
def test_other_types_are_no_scores(kind, way_out):
    for whole in (kind, pa.list_(kind), pa.list_(kind, 2), pa.list_view(kind)):
        message = refused(pa.nulls(2, whole))
        assert f"column 's0' has type {whole}; scores are floats" in message
        assert way_out in message
    assert "s1" in refused([pa.array([0.5, 0.5]), pa.nulls(2, kind)])


@pytest.mark.parametrize("kind", [pa.int64(), pa.int16(), pa.uint32(), pa.string(), pa.large_string()], ids=str)
def test_integers_and_text_are_read_as_numbers(kind):
    """CSV has text, and JSON has 0 and 1 for 0.0 and 1.0."""
    values = [1, 0, None, 7] if pa.types.is_integer(kind) else ["1", "2.5e-3", None, "-7"]
    array = pa.array(values, kind)
    for form in (array, array.dictionary_encode(), pa.array([[value] for value in values], pa.list_(kind))):
        block = score_block([form], ["s"])
        expected = [float(value) for value in values if value is not None]
        assert block.values[~block.missing].reshape(-1).tolist() == expected
        assert (block.kind, block.missing.tolist()) == ("float64", [False, False, True, False])


def test_text_that_is_no_number_is_refused():
    assert "column 's0' holds what is no score" in refused(pa.array(["0.5", "high"]))


def test_lists_of_lists_are_no_scores():
    assert "scores are floats" in refused(pa.array([[[0.5]]]))
    assert "scores are floats" in refused([pa.array([[0.5]]), pa.array([[0.5]])])


def test_rows_of_another_length_are_named():
    array = pa.array([None, [0.1, 0.2], [0.5], [0.1, 0.2, 0.3]])
    message = refused(array, first_row=1000)
    assert message.startswith("column 's0' has 1 scores at row 1002, expected 2; give each row")
    assert "has 2 scores at row 1, expected 3" in refused(array, width=3)
    assert "has 0 scores at row 1, expected 2" in refused(pa.array([[0.1, 0.2], []]))
    assert "an empty list at row 0" in refused(pa.array([[], []], pa.list_(pa.float32())))
    fixed = pa.array([[0.1, 0.2]], pa.list_(pa.float32(), 2))
    assert "2 scores a row, expected 3" in refused(fixed, width=3)
    assert "0 scores a row, expected at least one" in refused(pa.array([[], []], pa.list_(pa.float32(), 0)))
    assert "one score a row (double) but there are 3 classes" in refused(pa.array([0.5]), width=3)
    assert "2 columns of scores but 3 classes" in refused([pa.array([0.5])] * 2, width=3)


def test_columns_of_unlike_types_are_refused():
    message = refused([pa.array([1], pa.uint8()), pa.array([0.5])])
    assert message == "columns of scores differ: 's0' is uint8 and 's1' is float64; cast them to one type"


def test_damaged_arrays_are_refused():
    offsets = pa.py_buffer(np.array([0, 2, 1, 4], np.int32))
    forged = pa.Array.from_buffers(pa.list_(pa.float64()), 3, [None, offsets], children=[pa.array([0.5] * 4)])
    wild = pa.DictionaryArray.from_arrays(pa.array([5], pa.int8()), pa.array([0.5]), safe=False)
    negative = pa.DictionaryArray.from_arrays(pa.array([-1], pa.int8()), pa.array([0.5]), safe=False)
    for array in (forged, wild, negative):
        assert "damaged" in refused(array)


def test_a_block_is_not_equal_by_its_numbers():
    block = score_block([pa.array([0.5])], ["s"])
    assert block != ScoreBlock(block.values, block.missing, block.kind)
