"""The counter of one label a row: every table it counts in, the rows it takes back, and labels of any spread."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count import single
from streamavg.count.limits import Limits
from streamavg.count.single import SingleCounter
from streamavg.errors import InputError
from streamavg.state.config import Config
from tests import naive
from tests.strategies import scaled

BLOCK = naive.BLOCK
GROW = Config(task="multiclass")


@pytest.fixture(autouse=True)
def _blocks(monkeypatch):
    """Every loop in blocks of one size, so that few rows cross their borders."""
    monkeypatch.setattr(single, "BLOCK", BLOCK)


def counter(config=GROW, **limits):
    return SingleCounter(("y_true", "y_pred"), config, Limits(**limits))


def held(counting):
    return naive.unpacked(sa.Snapshot(counting.state()))


def rows_of(true, pred):
    return [tuple(map(naive.text_of, row)) for row in zip(true.to_pylist(), pred.to_pylist(), strict=True)]


def assert_counts(counting, *batches, **options):
    """The counter, after these batches, holds what dictionaries say; and nothing once they are taken back."""
    rows = []
    for true, pred in batches:
        counting.count(true, pred, 1)
        rows += rows_of(true, pred)
    expected = naive.count_rows(rows, **options)
    found = held(counting)
    assert found.covered == expected.covered
    if found.pairs is not None:
        assert found.pairs == expected.pairs
    for true, pred in reversed(batches):
        counting.count(true, pred, -1)
    assert held(counting).covered == naive.Counted().covered


def skewed(rng, rows, labels):
    return rng.permutation(np.minimum((rng.random(rows) ** 4 * labels).astype(np.int64), labels - 1))


@pytest.mark.parametrize("labels", [2, 12, 13, 300, 700, 730, 3000])
@pytest.mark.parametrize("confusion", [None, True])
def test_few_and_many_labels(labels, confusion):
    """From four sub-tables over one table of pairs to a table of labels, in three encodings that alternate."""
    rng = np.random.default_rng(labels)
    true, pred = (skewed(rng, 3 * BLOCK + 5, labels) for _ in range(2))
    pred[::3] = true[::3]
    names = pa.array([f"label {k}" for k in range(labels)])
    ints = pa.array(true, mask=rng.random(len(true)) < 0.01), pa.array(pred, mask=rng.random(len(pred)) < 0.01)
    small = pa.array(true).cast(pa.uint16()), pa.array(pred).cast(pa.uint16())
    coded = tuple(pa.DictionaryArray.from_arrays(array, names) for array in ints)
    for batches in ([ints, small], [coded, coded], [small, coded, ints]):
        assert_counts(counter(confusion=confusion), *batches)


@scaled(0.5)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 1, 2, 40]))
def test_a_value_outside_the_tables_so_far_may_come_in_any_row(seed, closed):
    """Integers widen their table or move to the vocabulary in the middle of a batch, on either side."""
    rng = np.random.default_rng(seed)
    columns = []
    for _ in range(2):
        values = rng.integers(0, 5, 2 * BLOCK + 9)
        for _ in range(rng.integers(0, 4)):
            row = rng.choice([0, BLOCK - 1, BLOCK, 2 * BLOCK, rng.integers(len(values))])
            values[row] = rng.choice([17, 300, 5000, 2**22, 2**40, -1, -(2**63), 2**63 - 1])
        columns.append(pa.array(values, mask=rng.random(len(values)) < rng.choice([0, 0.1])))
    options = {}
    config = GROW
    if closed:
        options = {"labels": [str(k) for k in range(closed)], "unknown": "count"}
        config = Config(task="multiclass", unknown="count", labels=tuple(options["labels"]))
    assert_counts(counter(config), tuple(columns), tuple(columns[::-1]), **options)


def test_a_slice_with_an_offset_in_the_middle_of_a_byte():
    true = pa.array([None, 0, 1, 300, None, 2, 1, 5000, None, 7, 1])
    for start in range(9):
        assert_counts(counter(), (true.slice(start), true.slice(0, 11 - start)))


@pytest.mark.parametrize("null_pred", ["wrong", "abstain"])
@pytest.mark.parametrize("unknown", ["grow", "count"])
def test_the_label_table_with_nulls_and_unknown_labels(monkeypatch, null_pred, unknown):
    monkeypatch.setattr(single, "PAIR_CELLS", 0)
    labels = ("1", "2", "a") if unknown == "count" else ()
    config = Config(task="multiclass", unknown=unknown, null_pred=null_pred, labels=labels)
    ints = pa.array([1, 2, None, 3, 1, None, 4, 2]), pa.array([1, None, 1, 2, 3, 3, 4, 1])
    texts = pa.array(["a", None, "b", "1"]), pa.array(["1", "b", "a", None])
    plain = pa.array([1, 2, 3, 4, 5]), pa.array([1, 3, 3, 2, 6])
    options = {"labels": labels, "unknown": unknown, "null_pred": null_pred}
    assert_counts(counter(config), ints, texts, ints, **options)
    assert_counts(counter(config, confusion=False), plain, ints, plain, **options)
    assert_counts(counter(config, confusion=True), texts, ints, **options)


# ---- hot tables are int32, so they are emptied before a cell could wrap


@pytest.mark.parametrize("cells", [1 << 19, 0], ids=["pairs", "labels"])
def test_hot_tables_are_emptied_in_time(monkeypatch, cells):
    monkeypatch.setattr(single, "MOST_ROWS", 100)
    monkeypatch.setattr(single, "PAIR_CELLS", cells)
    counting, batch = counter(), pa.array([1] * 40)
    for step in (1, 1, 1, -1, 1, 1, 1, -1, 1, 1):
        counting.count(batch, batch, step)
        assert 40 <= (counting._pairs or counting._labels).rows <= 100
    assert held(counting).cells == {("1", "TP"): 240, ("1", "FP"): 0, ("1", "FN"): 0}


@pytest.mark.parametrize("cells", [1 << 19, 0], ids=["pairs", "labels"])
def test_a_cell_at_its_last_number_is_emptied_first(monkeypatch, cells):
    """As if 2**31 - 1 rows of one pair had been counted; the next row would wrap an int32."""
    monkeypatch.setattr(single, "PAIR_CELLS", cells)
    counting, one = counter(), pa.array([1])
    counting.count(one, one, 1)
    hot = counting._pairs or counting._labels
    table = hot.table if hot is counting._pairs else hot.cells
    table[table == 1] = 2**31 - 1
    hot.rows = 2**31 - 1
    for _ in range(3):
        counting.count(one, one, 1)
    assert held(counting).cells["1", "TP"] == 2**31 + 2


@pytest.mark.long
@pytest.mark.parametrize("cells", [1 << 19, 0], ids=["pairs", "labels"])
def test_two_to_the_thirty_one_rows_of_one_pair(monkeypatch, cells):
    monkeypatch.setattr(single, "PAIR_CELLS", cells)
    acc, ones = sa.Accumulator(), pa.array(np.ones(1 << 20, np.uint8))
    for _ in range(2048 + 3):
        acc.update({"y_true": ones, "y_pred": ones})
    assert acc.snapshot().matrix.tolist() == [[2**31 + 3 * 2**20, 0, 0, 0]]


# ---- failure


def wild(rows, code):
    codes = np.zeros(rows, np.int32)
    codes[-1] = code
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(["a", "b"]), safe=False)


@pytest.mark.parametrize("cells", [1 << 19, 0], ids=["pairs", "labels"])
@pytest.mark.parametrize("step", [1, -1])
def test_blocks_counted_before_a_bad_row_are_taken_back(monkeypatch, cells, step):
    monkeypatch.setattr(single, "PAIR_CELLS", cells)
    rows = 2 * BLOCK + 5
    good = pa.array(["a", "c"] * (rows // 2) + ["a"])
    for strict in (GROW, Config(task="multiclass", null_pred="error")):
        for first in (False, True):
            counting = counter(strict)
            if not first:
                counting.count(good, good, 1)
            before = held(counting)
            for pair in ((wild(rows, 7), good), (good, wild(rows, -1)), (wild(rows, 2), wild(rows, 3))):
                with pytest.raises(InputError, match=f"row {rows - 1}"):
                    counting.count(*pair, step)
                assert held(counting).covered == before.covered
            half = pa.array([1.0] * (rows - 1) + [0.5])
            with pytest.raises(InputError, match=r"0\.5 at row"):
                counting.count(good, half, step)
            assert held(counting).covered == before.covered


def test_more_labels_than_allowed_leave_nothing():
    counting = counter(max_labels=3)
    counting.count(pa.array(["a", "b"]), pa.array(["b", "a"]), 1)
    before = held(counting)
    for true, pred in ((["c", "d"], ["a", "a"]), (["a"] * 2, ["c", "d"]), ([5, 6], [7, 8])):
        with pytest.raises(InputError, match="max_labels is 3"):
            counting.count(pa.array(true), pa.array(pred), 1)
        with pytest.raises(InputError, match="max_labels is 3"):
            counting.count_listed([pa.array(true)], [pa.array(pred)], np.array([1, 2]))
        assert held(counting).covered == before.covered
        assert held(counting).pairs == before.pairs
    counting.count(pa.array(["c"]), pa.array(["c"]), 1)
    assert held(counting).rows == 3


def test_a_third_label_leaves_a_binary_counter_as_it_was():
    counting = counter(Config(task="binary", pos_label="1"))
    counting.count(pa.array([0, 1]), pa.array([1, 1]), 1)
    before = held(counting)
    for true, pred in (([0, 2], [0, 0]), ([0, 0], [0, 2]), (["x", "0"], ["0", "0"])):
        with pytest.raises(InputError, match=r"pos_label|two labels"):
            counting.count(pa.array(true), pa.array(pred), 1)
        assert held(counting).covered == before.covered


@pytest.mark.parametrize(("unknown", "message"), [("error", "outside the declared labels"), ("count", None)])
def test_a_third_label_in_a_binary_row_that_abstains(unknown, message):
    """An unknown truth is an earlier cause than a missing prediction, so "error" fires; a skipped row adds no label."""
    config = Config(task="binary", pos_label="1", labels=("0", "1"), unknown=unknown, null_pred="abstain")
    counting = counter(config)
    counting.count(pa.array([0, 1]), pa.array([1, 1]), 1)
    before = held(counting)
    rows = pa.array([0, 5], pa.int8()), pa.array([0, None], pa.int8())
    if message:
        with pytest.raises(InputError, match=message):
            counting.count(*rows, 1)
        assert held(counting).covered == before.covered
    else:
        counting.count(*rows, 1)
        assert held(counting).covered["skipped"] == {"null_pred": 1}


# ---- many labels


def test_a_hundred_thousand_labels():
    rng = np.random.default_rng(0)
    true = rng.permutation(100_000)
    pred = np.where(rng.random(100_000) < 0.5, true, rng.integers(0, 100_000, 100_000))
    ints, texts = (pa.array(true), pa.array(pred)), (pa.array(true).cast(pa.string()), pa.array(pred).cast(pa.string()))
    totals = naive.count_rows(rows_of(*ints) * 2)
    for batches in ([ints, texts], [texts, ints]):
        counting = counter()
        for batch in batches:
            counting.count(*batch, 1)
        assert held(counting).covered == totals.covered
        assert counting.state().pairs is None


def test_ids_spread_over_all_of_int64():
    rng = np.random.default_rng(1)
    ids = rng.integers(-(2**62), 2**62, 500)
    true, pred = pa.array(rng.choice(ids, 3000)), pa.array(rng.choice(ids, 3000))
    assert_counts(counter(), (true, pred))
    assert_counts(counter(), (pa.array([2**40, 1]), pa.array([1, 2**40])))


@pytest.mark.parametrize(("labels", "confusion", "kept"), [(512, None, True), (513, None, False), (513, True, True)])
@pytest.mark.parametrize("as_text", [True, False])
def test_pairs_are_lost_beyond_512_labels_unless_asked_for(labels, confusion, kept, as_text):
    true, pred = pa.array(np.arange(labels)), pa.array(np.arange(labels)[::-1])
    if as_text:
        true, pred = true.cast(pa.string()), pred.cast(pa.string())
    counting = counter(confusion=confusion)
    counting.count(true, pred, 1)
    counting.count(pred, true, 1)
    expected = naive.count_rows(rows_of(true, pred) + rows_of(pred, true))
    assert held(counting).covered == expected.covered
    assert held(counting).pairs == (expected.pairs if kept else None)


@pytest.mark.parametrize("values", [[0, 5000], [10_000, 10_001, 3], [-7, 2**40]])
def test_few_labels_keep_their_pairs_whatever_numbers_they_are(values):
    """512 is a number of labels, not the largest id."""
    true, pred = pa.array(values), pa.array(values[::-1])
    counting = counter()
    counting.count(true, pred, 1)
    assert held(counting).pairs == naive.count_rows(rows_of(true, pred)).pairs


def test_no_pairs_without_confusion():
    counting = counter(confusion=False)
    counting.count(pa.array(["a"]), pa.array(["b"]), 1)
    assert counting.state().pairs is None
