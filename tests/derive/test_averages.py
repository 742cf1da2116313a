"""Averages against scikit-learn, published numbers, fractions at any size, and the laws 12 and 13."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive.catalogue import METRICS
from tests.oracles import ORACLES, SAMPLES, WHOLE, class_cells, row_cells

FEWER = settings(deadline=None, max_examples=settings().max_examples // 2)  # each makes 50 calls of scikit-learn
DIVISIONS = st.sampled_from([0.0, 1.0, math.nan])
BY_CLASS = [name for name in ORACLES if name not in WHOLE]
WORDS = ["ant", "bee", "cat", "", "007", "Ärger", "macro"]
NUMBERS = [-3, 0, 1, 2, 10, 700]


def close(ours, theirs):
    return (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) <= 1e-12


def differing(snap, y_true, y_pred, averages, names=tuple(BY_CLASS), ours=None, theirs=None):
    """The metrics for which a snapshot and the oracle disagree: name, average, our value, theirs."""
    ours, theirs = ours or {}, theirs or ours or {}
    found = []
    for name in names:
        for average in averages:
            if average == "samples" and name not in SAMPLES:
                continue
            pair = snap.value(name, average, **ours), ORACLES[name](y_true, y_pred, average, **theirs)
            found += [] if close(*pair) else [(name, average, *pair)]
    return found


@st.composite
def single_label_rows(draw, least=1):
    """Truth and answers drawn from two overlapping sets of labels, so that classes are absent from either."""
    labels = draw(st.sampled_from([WORDS, NUMBERS]))
    sides = [draw(st.lists(st.sampled_from(labels), min_size=least, max_size=5, unique=True)) for _ in range(2)]
    rows = draw(st.lists(st.tuples(*map(st.sampled_from, sides)), min_size=1, max_size=25))
    return [true for true, _ in rows], [pred for _, pred in rows]


@st.composite
def indicator_rows(draw):
    """Two 0/1 matrices with at least two columns; empty rows and columns that nothing uses are common."""
    shape = draw(st.integers(1, 12)), draw(st.integers(2, 6))
    density = st.lists(st.sampled_from([0.0, 0.2, 0.8]), min_size=shape[1], max_size=shape[1])
    seed, sides = draw(st.integers(0, 2**32 - 1)), (draw(density), draw(density))
    rng = np.random.default_rng(seed)
    return tuple((rng.random(shape) < side).astype(np.int64) for side in sides)


def counted(y_true, y_pred, **options):
    acc = sa.Accumulator(**options)
    acc.update({"y_true": y_true, "y_pred": y_pred})
    return acc.snapshot()


@FEWER
@given(single_label_rows(), DIVISIONS)
def test_multiclass_equals_sklearn(rows, zero_division):
    assert not differing(counted(*rows), *rows, ("micro", "macro", "weighted"), ours={"zero_division": zero_division})


@FEWER
@given(single_label_rows(), DIVISIONS, st.data())
def test_labels_equal_sklearn_labels(rows, zero_division, data):
    pool = [*{*rows[0], *rows[1]}, "unseen" if isinstance(rows[0][0], str) else 99]
    labels = data.draw(st.lists(st.sampled_from(pool), min_size=1, unique=True))
    assume(set(labels) & set(rows[0]))  # scikit-learn wants one of them in the truth
    policy = {"zero_division": zero_division, "labels": labels}
    assert not differing(counted(*rows), *rows, ("micro", "macro", "weighted"), ours=policy)


@FEWER
@given(st.sampled_from([("no", "yes"), (0, 1), (-1, 1)]), st.booleans(), st.data(), DIVISIONS)
def test_binary_equals_sklearn(labels, swapped, data, zero_division):
    one_side = st.lists(st.sampled_from(labels), min_size=12, max_size=12)
    y_true, y_pred = data.draw(one_side), data.draw(one_side)
    assume(len({*y_true, *y_pred}) == 2)  # scikit-learn refuses a pos_label that does not occur beside another
    positive = labels[0] if swapped else labels[1]
    snap = counted(y_true, y_pred, pos_label=positive)
    for name in BY_CLASS:
        ours = snap.value(name, zero_division=zero_division)
        theirs = ORACLES[name](y_true, y_pred, None, zero_division, pos_label=positive)
        assert close(ours, theirs), (name, ours, theirs)
    assert snap.value("f1", "binary") == snap.value("f1")
    policy = {"zero_division": zero_division}
    assert not differing(snap, y_true, y_pred, ("micro", "macro"), ("precision", "f1", "for"), ours=policy)


@FEWER
@given(indicator_rows(), DIVISIONS)
def test_multilabel_equals_sklearn(rows, zero_division):
    snap = counted(*rows, labels=[f"column {k}" for k in range(rows[0].shape[1])])
    policy = {"zero_division": zero_division}
    averages = ("micro", "macro", "weighted", "samples")
    assert not differing(snap, *rows, averages, ours=policy | {"over": "declared"}, theirs=policy)
    supported = [name for name, used in zip(snap.labels, rows[0].any(axis=0), strict=True) if used]
    for name in BY_CLASS if supported else ():  # over="supported" is labels= the supported ones
        ours = snap.value(name, "macro", over="supported", **policy)
        assert close(ours, ORACLES[name](*rows, "macro", zero_division, [snap.labels.index(x) for x in supported])), (
            name
        )


@FEWER
@given(indicator_rows(), DIVISIONS, st.data())
def test_multilabel_labels_equal_sklearn_labels(rows, zero_division, data):
    columns = data.draw(st.lists(st.integers(0, rows[0].shape[1] - 1), min_size=1, unique=True))
    ours = {"zero_division": zero_division, "labels": columns}
    assert not differing(counted(*rows), *rows, ("micro", "macro", "weighted"), ours=ours)


def test_sets_and_indicators_give_one_value():
    sets = [["a"], ["a", "b"], [], ["c"]], [["a", "c"], ["b"], [], []]
    matrices = [np.array([[label in row for label in "abc"] for row in side]).astype(int) for side in sets]
    given_sets = counted(*(pa.array(side, pa.list_(pa.string())) for side in sets), labels=["a", "b", "c"])
    assert not differing(given_sets, *matrices, ("micro", "macro", "weighted", "samples"))


def snapshot_of(cells, rows, task="multilabel"):
    tp, fp, fn, _ = zip(*cells, strict=True)
    return sa.from_counts(list(range(len(cells))), tp, fp, fn, rows, task)


# ---- published and hand-worked numbers


def test_readme_example():
    """The issue behind the project: micro and macro precision of three classes with TP 2, 1, 1 and FP 8, 5, 3."""
    snap = sa.from_counts(["a", "b", "c"], tp=[2, 1, 1], fp=[8, 5, 3], fn=[0, 0, 0], rows=20)
    assert snap["precision_micro"] == 4 / 20
    assert snap["precision_macro"] == pytest.approx((2 / 10 + 1 / 6 + 1 / 4) / 3, abs=1e-15)


def test_yardstick_hpc_cv():
    """Published for yardstick's hpc_cv: macro precision .631, micro .709; the rest computed by scikit-learn."""
    confusion = [[1620, 141, 6, 2], [371, 647, 24, 36], [64, 219, 79, 50], [9, 60, 28, 111]]
    snap = sa.from_confusion(["VF", "F", "M", "L"], confusion)
    assert snap.rows == 3467
    published = {
        "precision_macro": 0.631422,
        "precision_micro": 0.708682,
        "recall_macro": 0.560340,
        "f1_macro": 0.570451,
        "f1_weighted": 0.685799,
        "cohen_kappa": 0.508248,
        "matthews_corrcoef": 0.515308,
    }
    assert {name: round(snap[name], 6) for name in published} == published


def test_yardstick_two_class_example():
    """Published accuracy .838 and kappa .675 of 500 rows; the positive class comes first there."""
    snap = sa.from_confusion(["Class1", "Class2"], [[227, 31], [50, 192]], pos_label="Class1")
    published = {"accuracy": 0.838, "cohen_kappa": 0.674876, "mcc": 0.676848, "f1": 0.848598}
    assert {name: round(snap[name], 6) for name in published} == published


def test_delta_method_example():
    snap = sa.from_confusion(range(3), [[50, 3, 7], [4, 30, 6], [2, 8, 90]])
    published = {
        "f1_macro": 0.829836405,
        "f1_of_macro": 0.830273155,
        "precision_macro": 0.832783623,
        "recall_macro": 0.827777778,
        "cohen_kappa": 0.75708502,
        "matthews_corrcoef": 0.757491631,
        "f1_weighted": 0.850118591,
        "accuracy": 0.85,
    }
    assert all(abs(snap[name] - value) < 1e-8 for name, value in published.items())


def test_sklearn_docstrings():
    snap = counted([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1])
    assert [round(snap[f"f1_{average}"], 4) for average in ("macro", "micro", "weighted")] == [0.2667, 0.3333, 0.2667]
    # +1, +1, +1, -1 against +1, -1, +1, +1
    assert counted([1, 1, 1, -1], [1, -1, 1, 1])["matthews_corrcoef"] == pytest.approx(-1 / 3, abs=1e-15)


def test_pycm_example():
    snap = counted([2, 0, 2, 2, 0, 1, 1, 2, 2, 0, 1, 2], [0, 0, 2, 1, 0, 2, 1, 0, 2, 0, 2, 2])
    found = [round(snap[name], 5) for name in ("cohen_kappa", "hamming_loss", "accuracy")]
    assert found == [0.35484, 0.41667, 0.58333]


ABSENT = [  # truth, answers, then macro P, R, F1: seen; and over the declared 0..4 with zero_division 0, 1, nan
    ([2, 1, 0, 0], [2, 1, 0, 1],
     (0.8333, 0.8333, 0.7778), (0.5, 0.5, 0.4667), (0.9, 0.9, 0.8667), (0.8333, 0.8333, 0.7778)),
    ([2, 1, 0, 4], [2, 1, 0, 1],
     (0.6250, 0.75, 0.6667), (0.5, 0.6, 0.5333), (0.9, 0.8, 0.7333), (0.8333, 0.75, 0.6667)),
    ([0, 0, 1, 1], [0, 2, 1, 1],
     (0.6667, 0.5, 0.5556), (0.4, 0.3, 0.3333), (0.8, 0.9, 0.7333), (0.6667, 0.75, 0.5556)),
    ([0, 0, 1, 2], [0, 0, 1, 1],
     (0.5, 0.6667, 0.5556), (0.3, 0.4, 0.3333), (0.9, 0.8, 0.7333), (0.75, 0.6667, 0.5556)),
    ([0, 0, 0], [0, 0, 0],
     (1, 1, 1), (0.2, 0.2, 0.2), (1, 1, 1), (1, 1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("y_true", "y_pred", "seen", "zero", "one", "nan"), ABSENT)
def test_absent_classes(y_true, y_pred, seen, zero, one, nan):
    """Table 3.3 of the statistics research: torchmetrics #1664 and torcheval #176 among them."""
    snap = counted(y_true, y_pred, labels=range(5))
    names = ("precision_macro", "recall_macro", "f1_macro")
    assert tuple(round(snap[name], 4) for name in names) == seen
    for zero_division, expected in ((0.0, zero), (1.0, one), (math.nan, nan)):
        for policy in ({"over": "declared"}, {"labels": range(5)}):
            found = tuple(round(snap.value(name, zero_division=zero_division, **policy), 4) for name in names)
            assert found == expected, (zero_division, policy)


@pytest.mark.parametrize(("k", "averaged", "of_averages"), [(10, 0.167, 0.545), (1000, 0.002, 0.5005)])
def test_two_macro_f1s(k, averaged, of_averages):
    """Opitz & Burst: F1 of the averages exceeds the average of F1 by up to 0.5."""
    snap = sa.from_confusion([0, 1], [[1, k], [0, 1]])
    assert round(snap["f1_macro"], 3) == averaged
    assert snap["f1_of_macro"] == pytest.approx(of_averages, abs=0.0006)


# ---- any size


@pytest.mark.parametrize("power", [24, 31, 32, 53, 61])
def test_counts_around_powers_of_two(power):
    """No freeze at 2**24, no wrap at 2**31, 2**32, and the same value on both sides of each switch of arithmetic."""
    big = 2**power
    for tp, fp, fn in [(big - 1, 1, 0), (big, 1, 3), (big + 1, big, big - 1), (1, big, big + 1)]:
        for rows in (tp + fp + fn, min(tp + fp + fn + big, 2**63 - 1)):
            cells = tp, fp, fn, rows - tp - fp - fn
            snap = sa.from_counts(["x"], [tp], [fp], [fn], rows)
            for name in BY_CLASS:
                if METRICS[name].kind == "ratio":
                    exact = float(Fraction(*_ratio(name, *cells))) if _ratio(name, *cells)[1] else 0.0
                    assert snap[f"{name}_micro"] == pytest.approx(exact, rel=1e-15), (name, cells)
                    assert snap[f"{name}_macro"] == pytest.approx(exact, rel=1e-15), (name, cells)


def _ratio(name, tp, fp, fn, tn):
    return {
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "f0.5": (5 * tp, 5 * tp + 4 * fp + fn),
        "f2": (5 * tp, 5 * tp + fp + 4 * fn),
        "jaccard": (tp, tp + fp + fn),
        "specificity": (tn, tn + fp),
        "npv": (tn, tn + fn),
        "fpr": (fp, tn + fp),
        "fnr": (fn, tp + fn),
        "fdr": (fp, tp + fp),
        "for": (fn, tn + fn),
        "prevalence": (tp + fn, tp + fp + fn + tn),
    }[name]


def test_pooled_cells_beyond_int64():
    """TN summed over 1,000 classes of 9e18 rows is 9e21; each class has its share of errors."""
    rows, cells = 9 * 10**18, [(10**15 + k, k, 7 * k) for k in range(1000)]
    snap = sa.from_counts(range(1000), *zip(*cells, strict=True), rows=rows)
    fp, fn = sum(f for _, f, _ in cells), sum(f for _, _, f in cells)
    tn = sum(rows - sum(each) for each in cells)
    assert tn > 2**63
    assert snap["specificity_micro"] == float(Fraction(tn, tn + fp))
    assert snap["for_micro"] == float(Fraction(fn, tn + fn))
    true = sum(tp + missed for tp, _, missed in cells)
    assert snap["prevalence_micro"] == float(Fraction(true, 1000 * rows))


def exact_root_ratio(numerator, square):
    """numerator / sqrt(square) from integers, correct to 30 digits."""
    scale = 10**60
    return float(Fraction(numerator * 10**30, math.isqrt(square * scale))) if square else 0.0


@settings(deadline=None)
@given(st.lists(st.integers(0, 2 * 10**18), min_size=4, max_size=4))
def test_class_correlations_are_right_at_any_size(matrix):
    (tn, fp, fn, tp) = matrix
    snap = sa.from_confusion([0, 1], [[tn, fp], [fn, tp]], pos_label=1)
    top = tp * tn - fp * fn
    square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    assert snap["mcc"] == pytest.approx(exact_root_ratio(top, square), rel=1e-14, abs=1e-300)
    for name, below in (("informedness", (tp + fn) * (tn + fp)), ("markedness", (tp + fp) * (tn + fn))):
        assert snap[name] == pytest.approx(float(Fraction(top, below)) if below else 0.0, rel=1e-14)


def test_samples_average_counts_rows_exactly():
    """A million rows of one kind and one of another: the mean is that of a million and one rows."""
    y_true = pa.array([["a"]] * 1_000_000 + [["a", "b"]])
    snap = counted(y_true, pa.array([["a"]] * 1_000_001))
    assert snap["recall_samples"] == float(Fraction(2_000_001, 2_000_002))


# ---- laws


CELL = st.just(0) | st.integers(0, 10) | st.integers(0, 2**31 + 5) | st.integers(0, 5 * 10**17)
CELLS = st.tuples(CELL, CELL, CELL)


@settings(deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=6), st.integers(0, 10**18) | st.just(0), DIVISIONS)
def test_law_12_values_are_within_their_bounds(cells, more, zero_division):
    snap = sa.from_counts(range(len(cells)), *zip(*cells, strict=True), rows=max(map(sum, cells)) + more)
    outside = {
        name: value
        for name, value in snap.metrics(zero_division=zero_division).items()
        if not math.isnan(value) and not _within(name, value)
    }
    assert not outside


def _within(name, value):
    metric = METRICS[name if name in METRICS else name.rpartition("_")[0]]
    return metric.bounds[0] <= value <= metric.bounds[1]


@settings(deadline=None)
@given(st.lists(st.integers(1, 100) | st.integers(1, 10**17), min_size=2, max_size=60), st.booleans())
def test_law_12_a_perfect_classifier_attains_the_better_bound(right, binary):
    right = right[:2] if binary else right
    snap = sa.from_confusion(range(len(right)), np.diag(right), pos_label=1 if binary else None)
    short = {}
    for name, value in snap.metrics().items():
        metric = METRICS[name if name in METRICS else name.rpartition("_")[0]]
        if metric.better != "neither" and value != metric.bounds[metric.better == "higher"]:
            short[name] = value
    assert not short


@pytest.mark.parametrize("classes", [49, 98, 103, 107])
def test_a_weighted_mean_of_ones_is_one(classes):
    """Shares of 1/49 sum to 1 - 2**-53 in floats; the mean must not."""
    assert sa.from_confusion(range(classes), np.eye(classes, dtype=int))["recall_weighted"] == 1.0


@pytest.mark.parametrize(("a", "b"), [(1, 2), (3, 5), (59, 58)])
def test_the_correlation_of_a_perfect_class_is_one(a, b):
    assert sa.from_confusion([0, 1], [[a, 0], [0, b]]).table()["mcc"].to_pylist() == [1.0, 1.0]


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from([3, 10**4, 10**16]), DIVISIONS)
def test_law_13_names_do_not_matter(size, seed, most, zero_division):
    """Renaming classes permutes the values of the classes and leaves every average the same to the last bit."""
    rng = np.random.default_rng(seed)
    matrix, order = rng.integers(0, most, (size, size)) * rng.integers(0, 2, (size, size)), rng.permutation(size)
    one = sa.from_confusion([f"a{k}" for k in range(size)], matrix)
    two = sa.from_confusion([f"b{k}" for k in range(size)], matrix[np.ix_(order, order)])
    assert repr(one.metrics(zero_division=zero_division)) == repr(two.metrics(zero_division=zero_division))
    tables = [snap.table(zero_division=zero_division) for snap in (one, two)]
    assert tables[0].drop_columns("label").take(pa.array(order)).equals(tables[1].drop_columns("label"))


# ---- what an average refuses, and what it says about itself


def test_samples_needs_sets_of_labels_and_their_rows():
    single = sa.from_confusion(["a", "b"], [[1, 0], [1, 1]])
    with pytest.raises(sa.InputError, match="multilabel"):
        single.value("f1_samples")
    sets = {"y_true": pa.array([["a"], ["b"]]), "y_pred": pa.array([["a"], []], pa.list_(pa.string()))}
    with pytest.raises(sa.InputError, match="samples=False"):
        counted(**sets, samples=False).value("f1_samples")
    with pytest.raises(sa.InputError, match="labels"):
        counted(**sets).value("f1_samples", labels=["a"])


def test_plain_names_need_a_positive_class():
    snap = sa.from_confusion(["cat", "dog"], [[3, 1], [0, 2]])
    with pytest.raises(sa.InputError, match=r"f1_micro, f1_macro, f1_weighted.*pos_label"):
        snap.value("f1")
    with pytest.raises(sa.InputError, match="pos_label"):
        sa.from_confusion([0, 1], [[3, 1], [0, 2]], pos_label=1).value("f1", labels=[0])


def test_a_mean_over_no_class_is_nan():
    snap = sa.from_confusion(["a"], [[0]])
    assert math.isnan(snap["f1_macro"])
    assert math.isnan(snap["f1_weighted"])
    assert snap["f1_micro"] == 0.0
    assert snap.value("f1_micro", zero_division=1.0) == 1.0


def test_row_cells_of_the_oracle_are_what_they_say():
    """The oracle itself, on a case worked by hand: truth {0}, {0, 1}, {}; answers {0, 1}, {1}, {}."""
    rows = np.array([[1, 0], [1, 1], [0, 0]]), np.array([[1, 1], [0, 1], [0, 0]])
    assert row_cells(*rows) == [(1, 1, 0, 0), (1, 0, 1, 0), (0, 0, 0, 2)]
    assert class_cells(*rows) == [(1, 0, 1, 1), (1, 1, 0, 1)]
