"""What cannot be asked of scores: refused in one line when it is asked, or by the first rows that show it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.cli import main

SETS = {"y_true": pa.array([["a"], ["a", "b"], []]), "y_score": [[0.5, 0.25], [0.75, 0.5], [0.25, 0.125]]}
ROWS = {"y_true": ["a", "b", "a"], "y_score": SETS["y_score"]}


def refused(**options):
    with pytest.raises(sa.InputError) as caught:
        sa.Accumulator(**{"y_score": "y_score", **options})
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- options


@pytest.mark.parametrize(
    "given",
    [
        *([], (), np.array([]), {}, "", "many", b"0.5", None, True, [True], [[0.5]], [0.5, None], {0.5, 0.25}, 1 + 0j),
        *(np.nan, np.inf, [0.5, np.nan], {"a": "x"}, {"a": None}, {1: 0.5, "1": 0.6}, np.array([[0.5]]), range(0)),
        *(object(), Decimal("nan"), Decimal("snan"), 10**400),
    ],
    ids=lambda value: type(value).__name__,
)
def test_thresholds_that_are_none(given):
    assert "threshold" in refused(threshold=given)


@pytest.mark.parametrize(
    "given", [0, 1, -3, "0.25", Fraction(1, 3), np.float32(0.5), np.array(0.5), [0.5], Decimal("0.1")]
)
def test_thresholds_of_any_type_of_number(given):
    sa.Accumulator(y_score="y_score", threshold=given)


@pytest.mark.parametrize(
    "given",
    [
        *("0.001", "x", "", b"1", True, np.True_, [1.0], np.array([1.0]), 1j, {}, object(), -1.0, 0, 0.0, -0.0),
        *(np.nan, np.inf, -np.inf, np.float32("nan"), Decimal("nan"), Decimal(-1), 10**400),
    ],
    ids=lambda value: type(value).__name__,
)
def test_weight_quanta_that_are_none(given):
    message = refused(weight_quantum=given, sample_weight="w")
    assert "weight_quantum is" in message
    assert "must be a positive number" in message


def test_weight_quanta_of_any_type_of_number():
    for given in (1, 0.25, np.float64(0.25), np.float32(0.25), np.int8(3), Fraction(1, 4), Decimal("0.25")):
        held = sa.Accumulator(y_score="y_score", weight_quantum=given, sample_weight="w")._options.config
        assert held.weight_quantum == float(given)
        assert type(held.weight_quantum) is float


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("score_bins", 0), ("score_bins", "4092"), ("score_bins", 4093), ("ovo", "yes"), ("losses", None)),
        *(("losses", "no"), ("score_layout", None), ("score_layout", 4), ("score_layout", "sigmoid")),
        *(("y_score", ""), ("y_score", 5), ("y_score", ["a", 5]), ("y_score", {"a"}), ("y_pred", 5)),
        ("y_true", None),
    ],
)
def test_other_options_that_are_none(name, given):
    assert f"{name} is {given!r}" in refused(**{name: given})


def test_thresholds_of_single_classes_are_not_for_the_highest_score():
    assert "highest" in refused(threshold=[0.5, 0.25], task="multiclass")
    acc = sa.Accumulator(y_score="y_score", threshold={"a": 0.5, "b": 0.25}, labels=["a", "b"])
    with pytest.raises(sa.InputError, match="highest"):
        acc.update(ROWS)
    assert acc.snapshot() == sa.Snapshot()
    acc.update(SETS)  # which have them
    assert acc.snapshot().matrix.tolist() == [[2, 0, 0, 1], [1, 1, 0, 1]]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--threshold", ""], "threshold '' is not a finite number"),
        (["--threshold", "nan"], "threshold 'nan' is not a finite number"),
        (["--threshold", ","], "threshold ',' is not"),
        (["--threshold", "a=0.5,a=0.6"], "names a label twice"),
        (["--threshold", "a=0.5,"], "is not a finite number"),
        (["--weight-quantum", "x"], "--weight-quantum: invalid float value: 'x'"),
        (["--weight-quantum", ""], "--weight-quantum: invalid float value: ''"),
        (["--weight-quantum", "nan"], "weight_quantum is nan; it must be a positive number"),
        (["--weight-quantum", "0"], "weight_quantum is 0.0; it must be a positive number"),
        (["--weight-quantum=-1"], "weight_quantum is -1.0; it must be a positive number"),
        (["--ovo", "--task", "multilabel"], "leave ovo (--ovo) out"),
    ],
)
def test_the_command_line_says_so_in_one_line(flags, said, tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("y_true,y_score\n1,0.5\n")
    try:
        status = main(["eval", str(tmp_path / "rows.csv"), "--y-score", "y_score", *flags])
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr()
    assert status == 2
    assert not printed.out
    assert said in printed.err
    assert printed.err.count("\n") == 1


# ---- rows


def test_pairs_have_no_scores():
    acc = sa.Accumulator(y_score="y_score", labels=["a", "b"])
    for _ in range(2):  # before any rows, and after
        before = acc.snapshot()
        for pairs in ((["a"], ["b"], [5]), ([None], ["b"], [5]), ([], [], pa.array([], pa.int64()))):
            with pytest.raises(sa.InputError, match=r"update_pairs has no y_score.*with update"):
                acc.update_pairs(*pairs)
        assert acc.snapshot() == before
        acc.update(ROWS)
    assert acc.snapshot()["roc_auc_micro"] > 0


def test_ovo_is_not_for_sets():
    assert "ovo" in refused(ovo=True, task="multilabel")
    acc = sa.Accumulator(y_score="y_score", labels=["a", "b"], ovo=True)
    for rows in (SETS, pa.table(SETS), pa.table(SETS).to_reader()):
        with pytest.raises(sa.InputError, match="multilabel; leave ovo"):
            acc.update(rows)
        assert acc.snapshot() == sa.Snapshot()
    acc.update(ROWS)  # which one against one is for
    assert acc.snapshot()["roc_auc_ovo"] == 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("quantum", [5e-324, 1e-300, 1e-19])
def test_weights_of_more_units_than_there_are(quantum):
    acc = sa.Accumulator(y_score="y_score", labels=["a", "b"], sample_weight="w", weight_quantum=quantum)
    with pytest.raises(sa.InputError, match="units; scale the weights down"):
        acc.update({**ROWS, "w": [1.5, 2.0, 1.0]})
    assert acc.snapshot() == sa.Snapshot()


@pytest.mark.parametrize("memory", [None, 0, -5, True, "", "much"])
def test_exact_areas_need_a_memory(memory):
    with pytest.raises(sa.InputError, match="exact_memory is"):
        sa.evaluate(ROWS, y_score="y_score", labels=["a", "b"], exact_auc=True, exact_memory=memory)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weight", [2.0**961, 1e300, 1.7e308])
def test_weights_that_sums_over_scores_cannot_hold(weight):
    """Refused before anything is counted, of one label a row and of sets."""
    for rows in (ROWS, SETS):
        acc = sa.Accumulator(y_score="y_score", labels=["a", "b"], sample_weight="w", weight_quantum=1e300)
        acc.update({**rows, "w": [2.0**960, 2.0, 1.0]})
        before = acc.snapshot()
        with pytest.raises(sa.InputError, match="scale the weights down"):
            acc.update({**rows, "w": [1.0, weight, 1.0]})
        assert acc.snapshot() == before


@pytest.mark.parametrize("layout", ["unit", "bfloat16"])
@pytest.mark.parametrize("losses", [True, False])
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_integers_are_no_probabilities(layout, losses, kind):
    """At first and after rows that are some; none of either stays behind, in the histograms or the sums."""
    scores = np.array([[0.5, 0.25], [0.75, 0.5], [0.25, 0.125]], np.float32)
    acc = sa.Accumulator(y_score="y_score", labels=["a", "b"], score_layout=layout, losses=losses)
    for _ in range(2):
        before = acc.snapshot()
        for values in (np.ones((3, 2), kind), np.full((3, 2), 5, kind)):
            with pytest.raises(sa.InputError, match=f"type {kind} are no probabilities"):
                acc.update({"y_true": ROWS["y_true"], "y_score": values})
        assert acc.snapshot() == before
        acc.update({"y_true": ROWS["y_true"], "y_score": scores})
