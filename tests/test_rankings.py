"""Which slots are read again, and in how many runs: all whose order matters, once, and no more than fit."""

from __future__ import annotations

import numpy as np
import pytest

import streamavg as sa
from streamavg.rankings import Rankings
from streamavg.state.layout import Layout


def rankings_of(true, scores, **options):
    return Rankings(sa.evaluate({"y_true": true, "y_score": scores}, y_score="y_score", **options).state)


@pytest.mark.parametrize("most", [1, 10, 100, 1000, 10**6])
@pytest.mark.parametrize("classes", [1, 3])
def test_runs_cover_every_open_slot_once(classes, most):
    rng = np.random.default_rng(classes)
    scores = rng.random((2000, classes)) ** 3
    if classes == 1:
        scores, rankings = scores[:, 0], rankings_of(rng.random(2000) < 0.3, scores[:, 0])
    else:
        rankings = rankings_of(rng.integers(0, classes, 2000), scores, labels=range(classes))
    runs = list(rankings.runs(most))
    assert [start for start, _ in runs] == [0, *(stop for _, stop in runs[:-1])]
    assert runs[-1][1] == rankings.open.shape[1] == Layout("unit").slots
    wanted = np.array([rankings.wanted(*run) for run in runs])
    assert (wanted.sum(axis=0) == rankings.open).all()
    slots = Layout("unit").slots_of(scores).reshape(2000, -1)
    for run in wanted:
        held = sum(int(run[code][slots[:, code]].sum()) for code in range(classes))
        assert held <= most or run.any(axis=0).sum() == 1
    held = sum(int(rankings.open[code][slots[:, code]].sum()) for code in range(classes))
    assert held > 100
    assert (len(runs) == 1) == (held <= most)


def test_no_slot_is_counted_for_more_scores_than_there_are_floats():
    """1 - k / 2**24 are float32 neighbours: 4,096 of them, however many rows have one."""
    rng = np.random.default_rng(3)
    scores = (1 - rng.integers(1, 4096, 100_000) / 2**24).astype(np.float32)
    true = rng.random(100_000) < 0.5
    assert len(list(rankings_of(true, scores).runs(2 * 4096))) == 1
    assert 8 <= len(list(rankings_of(true, scores).runs(1024))) <= 10
    assert len(list(rankings_of(true, scores.astype(np.float64)).runs(2 * 4096))) >= 12
    margins = rng.choice(np.float32([-3, 3]), 100_000) + (rng.integers(0, 2048, 100_000) / 2**22).astype(np.float32)
    assert len(list(rankings_of(true, margins, score_layout="signed").runs(20_000))) <= 2


def test_only_slots_whose_order_matters_are_open():
    true = [True, True, False, False, True, False, True, True]
    scores = [0.1, 0.1, 0.1, 0.3, 0.30001, 0.5, 0.90001, 0.90002]
    rankings = rankings_of(true, scores)
    slots = Layout("unit").slots_of(np.array(scores))
    assert np.flatnonzero(rankings.open[0]).tolist() == [slots[3]]
    assert slots[3] == slots[4]
    assert slots[6] == slots[7], "of one kind and above all others: any order gives the same"
    # a negative above them and the precision changes from one to the next
    rankings = rankings_of([*true, False], [*scores, 0.99])
    assert np.flatnonzero(rankings.open[0]).tolist() == sorted({slots[3], slots[6]})


def test_nothing_open_is_nothing_to_read():
    rankings = rankings_of([True, False, True], [0.25, 0.5, 0.75])
    assert not rankings.open.any()
    assert list(rankings.runs(1)) == [(0, Layout("unit").slots)]
