"""The promise of intervals: on data sets of every kind the exact area lies inside, and the ends are no further apart
than they were specified. Exact is scikit-learn's value on the same rows; all goes through the public API.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import streamavg as sa
from tests.derive.histograms import both_kinds, data_sets
from tests.test_score_widths import DISTRIBUTIONS

LANGID = Path(__file__).parent.parent / "data" / "langid.parquet"
SLACK = 1e-12  # the rounding of the sums of scikit-learn
SEEDS = [pytest.param(range(40), id="40"), pytest.param(range(1000), id="1000", marks=pytest.mark.long)]


def counted(truth, scores, **options):
    acc = sa.Accumulator(y_score="y_score", **options)
    acc.update({"y_true": truth, "y_score": scores})
    return acc.snapshot()


def assert_inside(interval, exact, what):
    assert interval.low - SLACK <= exact <= interval.high + SLACK, (what, interval, exact)
    assert interval.low <= interval.estimate <= interval.high, (what, interval)


def assert_areas_inside(truth, scores, what, **options):
    snap, wide = counted(truth, scores, **options), scores.astype(np.float64)
    assert_inside(snap.interval("roc_auc"), roc_auc_score(truth, wide), (what, "AUC"))
    assert_inside(snap.interval("average_precision"), average_precision_score(truth, wide), (what, "AP"))
    return snap


@lru_cache
def pool(name):
    """Scores of positives and of negatives as the distribution has them."""
    return DISTRIBUTIONS[name][0](np.random.default_rng(17))


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_exact_areas_are_inside(name, seeds):
    positives, negatives = pool(name)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        rows = int(10 ** rng.uniform(1, 4))
        truth = both_kinds(rng, rng.random(rows) < 10 ** rng.uniform(-3, 0))
        scores = np.where(truth, rng.choice(positives, rows), rng.choice(negatives, rows))
        scores = scores.astype(rng.choice(["f4", "f8"]))
        size = [None, None, 268, 1042, 4092, 16100][int(rng.integers(6))]
        assert_areas_inside(truth, scores, (name, seed), score_bins=size)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_exact_areas_of_awkward_data_are_inside(kind, seeds):
    """All tied, three decimals, saturated, pairs 1e-11 apart, one positive, one negative, separated, reversed."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for name, truth, scores in data_sets(rng, int(rng.integers(2, 2000))):
            snap = assert_areas_inside(truth, scores.astype(kind), (name, seed))
            if kind == "f2" or name in ("three decimals", "all tied"):  # every slot holds one score
                assert snap.interval("roc_auc").method == snap.interval("average_precision").method == "exact"


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_are_no_wider_than_specified(name):
    positives, negatives = pool(name)
    scores = np.concatenate((positives, negatives)).astype(np.float32)
    truth = np.arange(len(scores)) < len(positives)
    snap = assert_areas_inside(truth, scores, name)
    assert snap.interval("roc_auc").width <= 1.03 * DISTRIBUTIONS[name][2]
    if not DISTRIBUTIONS[name][2]:
        assert snap.interval("roc_auc").method == "exact"


@pytest.mark.skipif(not LANGID.exists(), reason="scripts/make_langid.py writes the data")
@pytest.mark.parametrize("many", [pytest.param(4, id="4"), pytest.param(200, id="200", marks=pytest.mark.long)])
def test_exact_areas_of_the_language_data_are_inside(many):
    batch = next(pq.ParquetFile(LANGID).iter_batches(20_000, columns=["y_true", "y_score"]))
    names = sa.Accumulator(y_score="y_score")
    names.update(batch)
    labels = names.snapshot().state.config.labels
    scores = batch["y_score"].flatten().to_numpy().reshape(-1, len(labels)).astype(np.float64)
    true = np.array([labels.index(label) for label in batch["y_true"].to_pylist()])
    for seed in range(many):
        rng = np.random.default_rng(seed)
        places = rng.choice(len(true), int(rng.integers(100, 4000)))
        acc = sa.Accumulator(y_score="y_score")
        acc.update(batch.take(places))
        snap, truth, held = acc.snapshot(), np.eye(len(labels), dtype=bool)[true[places]], scores[places]
        both = truth.any(axis=0)
        for name, score in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
            each = np.array([score(truth[:, k], held[:, k]) for k in np.flatnonzero(both)])
            assert_inside(snap.interval(f"{name}_micro"), score(truth.ravel(), held.ravel()), (name, seed))
            assert_inside(snap.interval(f"{name}_macro"), each.mean(), (name, seed))
            weights = truth.sum(axis=0)[both]
            assert_inside(snap.interval(f"{name}_weighted"), np.average(each, weights=weights), (name, seed))
            for k, exact in zip(np.flatnonzero(both), each, strict=True):
                assert_inside(snap.interval(f"{name}_macro", labels=[labels[k]]), exact, (name, seed, labels[k]))
