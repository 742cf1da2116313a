"""Weighted counting through the accumulator: whole batches or nothing, any weight type, one state."""

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.state import sums

ROWS = {"y_true": ["a", "b", "a", None], "y_pred": ["a", "a", None, "b"]}


def counted(weights, **options):
    acc = sa.Accumulator(sample_weight="w", **options)
    acc.update({**ROWS, "w": weights})
    return acc.snapshot()


def test_the_weights_of_rows_by_label():
    snap = counted([0.5, 0.25, 4.0, 100.0])
    assert snap.labels == ["a", "b"]
    assert snap.weighted.tolist() == [[0.5, 0.25, 4.0, 0.0], [0.0, 0.0, 0.25, 4.5]]
    assert snap.matrix.tolist() == [[1, 1, 1, 0], [0, 0, 1, 2]]
    assert snap["accuracy"] == 0.5 / 4.75
    assert snap.value("accuracy", weighted=False) == 1 / 3
    assert sa.Snapshot().weighted is None


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float32(), pa.float64()])
def test_2_and_2_0_are_one_weight(kind):
    assert counted(pa.array([2, 2, 2, 2], kind)) == counted([2.0, 2.0, 2.0, 2.0])
    assert counted(pa.array([2, 2, 2, 3], kind)) == counted([2.0, 2.0, 2.0, 2.0])  # the truth of the last is null
    assert counted(pa.array([2, 2, 3, 2], kind)) != counted([2.0, 2.0, 2.0, 2.0])


def test_integers_beyond_2_to_53_are_exact():
    snap = counted(pa.array([2**53 + 1, 2**63 + 1, 1, 0], pa.uint64()))
    assert snap.state.weighted.labels.sums.integers() == [2**53 + 1, 2**63 + 1, 1, 0, 0, 2**63 + 1]


def test_abstained_rows_weigh_in_coverage():
    snap = counted([1.0, 2.0, 5.0, 7.0], null_pred="abstain")
    assert snap["coverage"] == 3 / 8
    assert snap.rows == 2


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_batch_beyond_the_memory_cap_leaves_nothing(task, monkeypatch):
    def rows(labels):
        return [[label] for label in labels] if task == "multilabel" else labels

    acc = sa.Accumulator(sample_weight="w", unknown="count", labels=["a", "b"], task=task)
    acc.update({"y_true": rows(["a", "b"]), "y_pred": rows(["a", "x"]), "w": [1, 2]})
    before = acc.snapshot()
    monkeypatch.setattr(sums, "MOST_BYTES", 1 << 10)
    with pytest.raises(sa.InputError, match="exact sums"):
        acc.update({"y_true": rows(["a", "b"]), "y_pred": rows(["x", "b"]), "w": [5e-324, 1e300]})
    assert acc.snapshot() == before


def test_too_many_labels_take_their_weights_back():
    acc = sa.Accumulator(sample_weight="w", max_labels=2, task="multilabel")
    acc.update({"y_true": [["a"]], "y_pred": [["b"]], "w": [0.1]})
    before = acc.snapshot()
    with pytest.raises(sa.InputError, match="max_labels"):
        acc.update({"y_true": [["c"]], "y_pred": [["a"]], "w": [0.3]})
    assert acc.snapshot() == before


def test_a_bad_weight_refuses_the_whole_update():
    acc = sa.Accumulator(sample_weight="w")
    with pytest.raises(sa.InputError, match=r"weight -1\.0 at row 1"):
        acc.update({"y_true": ["a", "b"], "y_pred": ["a", "b"], "w": [1.0, -1.0]})
    with pytest.raises(sa.InputError, match=r"no column 'w' for sample_weight.*--weight"):
        acc.update({"y_true": ["a"], "y_pred": ["a"], "y": [1.0]})
    assert acc.snapshot() == sa.Snapshot()


def test_weighted_and_unweighted_do_not_add_up():
    plain = sa.Accumulator()
    plain.update(ROWS)
    with pytest.raises(sa.MismatchError, match="sample_weight is"):
        plain.snapshot() + counted([1.0, 1.0, 1.0, 1.0])
    with pytest.raises(sa.InputError, match="update_pairs has no sample_weight"):
        sa.Accumulator(sample_weight="w").update_pairs(["a"], ["a"], [1])


def test_many_row_sizes_are_numbered_by_sorting_too(monkeypatch):
    rng = np.random.default_rng(0)
    sides = [pa.array([[f"l{k}" for k in range(rng.integers(0, 9))] for _ in range(50)]) for _ in range(2)]
    data = {"y_true": sides[0], "y_pred": sides[1], "w": rng.random(50)}
    found = []
    for dense in (1 << 22, 0):
        monkeypatch.setattr("streamavg.count.weighted._DENSE", dense)
        acc = sa.Accumulator(sample_weight="w")
        acc.update(data)
        found.append(acc.snapshot())
    assert found[0] == found[1]
