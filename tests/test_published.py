"""Values that others published for the same data: yardstick's hpc_cv and two_class_example."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

import streamavg as sa

DATA = Path(__file__).parent / "data"
CLASSES = ["VF", "F", "M", "L"]
# Hand and Till's AUC of each fold, https://yardstick.tidymodels.org/reference/roc_auc.html
FOLDS = [0.813, 0.817, 0.869, 0.849, 0.811, 0.836, 0.825, 0.846, 0.828, 0.812]


def rows_of(name):
    with open(DATA / name, newline="") as file:
        return list(csv.DictReader(file))


HPC = rows_of("hpc_cv.csv")
TRUE = np.array([CLASSES.index(row["obs"]) for row in HPC])
SCORES = np.array([[float(row[label]) for label in CLASSES] for row in HPC])


@pytest.fixture(scope="module")
def hpc():
    options = {"y_true": "obs", "y_pred": "pred", "y_score": CLASSES, "labels": CLASSES, "ovo": True}
    return sa.evaluate(DATA / "hpc_cv.csv", **options)


def test_a_csv_file_of_scores_is_read_to_the_last_bit(hpc):
    acc = sa.Accumulator(y_score="y_score", y_pred="y_pred", labels=CLASSES, ovo=True)
    acc.update({"y_true": [row["obs"] for row in HPC], "y_pred": [row["pred"] for row in HPC], "y_score": SCORES})
    assert acc.snapshot() == hpc


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "precision_macro": 0.631422,
        "precision_micro": 0.708682,
        "recall_macro": 0.560340,
        "f1_macro": 0.570451,
        "f1_weighted": 0.685799,
        "cohen_kappa": 0.508248,
        "matthews_corrcoef": 0.515308,
        "log_loss": 0.802137,
    }.items(),
)
def test_hpc_values(hpc, name, value):
    assert hpc[name] == pytest.approx(value, abs=6e-7)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "roc_auc_ovo": 0.828867,
        "roc_auc_macro": 0.869264,
        "roc_auc_weighted": 0.868318,
        "roc_auc_micro": 0.902839,
        "average_precision_macro": 0.623566,
        "average_precision_micro": 0.767397,
    }.items(),
)
def test_four_definitions_of_multiclass_auc_lie_in_their_intervals(hpc, name, value):
    found = hpc.interval(name)
    assert found.low - 5e-7 <= value <= found.high + 5e-7
    assert found.estimate == pytest.approx(value, abs=2e-5)
    assert found.high - found.low < 1.3e-3


def test_the_binned_micro_auc_has_the_width_that_was_measured(hpc):
    """[.9027445, .9029385] with 4,420 slots of a like layout."""
    found = hpc.interval("roc_auc_micro")
    assert found.high - found.low == pytest.approx(0.000194, abs=5e-6)


def test_hand_and_till_by_fold():
    for k, published in enumerate(FOLDS, 1):
        fold = np.array([row["Resample"] == f"Fold{k:02}" for row in HPC])
        acc = sa.Accumulator(y_score="y_score", labels=range(4), ovo=True, score_bins=16100)
        acc.update({"y_true": TRUE[fold], "y_score": SCORES[fold]})
        found = acc.snapshot().interval("roc_auc_ovo")
        assert found.estimate == pytest.approx(published, abs=5.2e-4)
        exact = sk.roc_auc_score(TRUE[fold], SCORES[fold], multi_class="ovo")
        assert found.low - 1e-12 <= exact <= found.high + 1e-12


def test_two_classes():
    options = {"y_true": "truth", "y_pred": "predicted", "y_score": "Class1", "pos_label": "Class1"}
    snap = sa.evaluate(DATA / "two_class_example.csv", **options)
    counted = {
        "accuracy": 0.838,
        "cohen_kappa": 0.674876,
        "matthews_corrcoef": 0.676848,
        "f1": 0.848598,
        "log_loss": 0.328310,
        "brier": 0.105619,
    }
    for name, value in counted.items():
        assert snap[name] == pytest.approx(value, abs=6e-7)
    for name, value in {"roc_auc": 0.939314, "average_precision": 0.946557}.items():
        found = snap.interval(name)
        assert found.low - 5e-7 <= value <= found.high + 5e-7
        assert found.estimate == pytest.approx(value, abs=5e-5)
