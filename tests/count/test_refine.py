"""Gathering the scores of wanted slots: the same as numpy's unique over all of them."""

from __future__ import annotations

import numpy as np
import pytest

from streamavg.count.refine import Refiner
from streamavg.errors import InputError


def tenths(values):
    return (np.asarray(values, np.float64) * 10).astype(np.int64)


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("weighted", [False, True])
def test_distinct_scores_with_their_counts(step, weighted):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 40, (500, 3)) / np.float32(40)
    true, units = rng.integers(-1, 3, 500), rng.integers(0, 5, 500) if weighted else None
    wanted = rng.random((3, 10)) < 0.5
    refiner = Refiner(tenths, wanted, 200)
    for part in np.array_split(np.arange(500), 7):
        refiner.count(values[part], true[part], None if units is None else units[part], step)
    found = refiner.gathered()
    for code in range(3):
        scores, positive, negative = found.of_class(code)
        inside = wanted[code][tenths(values[:, code])]
        assert scores.tolist() == np.unique(values[inside, code]).tolist()
        for score, p, n in zip(scores, positive, negative, strict=True):
            here = values[:, code] == score
            weight = np.ones(500, int) if units is None else units
            assert (p, n) == (step * weight[here & (true == code)].sum(), step * weight[here & (true != code)].sum())
    pooled = found.pooled()
    assert pooled[0].tolist() == np.unique(found.scores).tolist()
    assert pooled[1].sum() == found.positive.sum()


def test_a_matrix_of_truths():
    values = np.array([[0.1, 0.2], [0.1, 0.3]])
    refiner = Refiner(tenths, np.ones((2, 10), bool), 10)
    refiner.count(values, np.array([[True, False], [True, True]]), None, 1)
    found = refiner.gathered()
    assert [column.tolist() for column in found.of_class(0)] == [[0.1], [2], [0]]
    assert [column.tolist() for column in found.of_class(1)] == [[0.2, 0.3], [0, 1], [1, 0]]


def test_too_many_distinct_scores_are_refused():
    refiner = Refiner(tenths, np.ones((1, 10), bool), 50)
    refiner.count(np.full((1000, 1), 0.5), np.zeros(1000, int), None, 1)
    with pytest.raises(InputError, match="more than 50 distinct scores"):
        refiner.count(np.linspace(0, 0.9, 60)[:, None], np.zeros(60, int), None, 1)


def test_nothing_gathered():
    assert len(Refiner(tenths, np.zeros((1, 10), bool), 5).gathered()) == 0
