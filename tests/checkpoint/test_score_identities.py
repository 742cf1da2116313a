"""Sums over scores in a state file: what no rows can give is refused, and what is taken has no impossible metric."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

import streamavg as sa
from streamavg.checkpoint.parts import column_names, parts_of
from streamavg.checkpoint.wire import from_bytes, to_bytes
from streamavg.derive.catalogue import find
from streamavg.errors import StateError
from streamavg.state.sums import Sums, SumTable
from tests.checkpoint.test_wire import forged, refused, taken
from tests.scored import made, seeds, tasks, weighings


def snapshot(task="multiclass", weights=None, seed=5, **options):
    """Thirty rows with scores, some of them none."""
    more = {"weight_quantum": 1 / 16} if weights == "float" else {}
    return made(np.random.default_rng(seed), task, 30, weights, score_bins=268, **more, **options).counted()


def added(table, key, *numbers):
    """A table of sums with more in it, in whole numbers or fractions of 2**-32."""
    for column, number in enumerate(numbers):
        whole = int(number * 2**32)
        digits = np.zeros((len(numbers), 4), np.int64)
        place = Sums.integer(whole)
        digits[column, place.low : place.low + place.digits] = place.limbs[0]
        table = table + SumTable.of([key], Sums.of(digits, -1), len(numbers))
    return table


def changed(snap, part, name, key, *numbers):
    """The state with other sums of one table."""
    sums = getattr(snap.state, part)
    tables = {**sums.tables, name: added(sums.tables[name], key, *numbers)}
    return dataclasses.replace(snap.state, **{part: type(sums)(**tables)})


# what each adds to the sums of thirty rows or fewer; an equality breaks on save, a bound when the file is not marked
WRONG = {
    "more rows with scores than rows": ("multilabel", "losses", "rows", 100),
    "fewer rows with scores than scores": ("multilabel", "losses", "rows", -3),
    "a row in parts": ("multiclass", "losses", "rows", -0.5),
    "rows of no histogram": ("binary", "losses", "rows", -1),
    "a cause too many": ("binary", "losses", "nan", 1),
    "a cause in parts": ("binary", "losses", "infinite", 0.25),
    "log loss below zero": ("binary", "losses", "log_loss", -5000),
    "log loss beyond all": ("binary", "losses", "log_loss", 2000),
    "zeros beyond all": ("multiclass", "losses", "log_loss_zeros", 31),
    "zeros in parts": ("multiclass", "losses", "log_loss_zeros", 0.5),
    "brier below zero": ("binary", "losses", "brier", -31),
    "brier beyond all": ("binary", "losses", "brier", 31),
    "brier of sets beyond all": ("multilabel", "losses", "brier", 31),
    "precision beyond all": ("multilabel", "losses", "label_ranking_average_precision", 31),
    "ranking loss beyond all": ("multilabel", "losses", "label_ranking_loss", 31),
    "coverage beyond all": ("multilabel", "losses", "coverage_error", 200),
    "ranking loss of one label a row": ("multiclass", "losses", "label_ranking_loss", 1),
    "a sum of nothing there is": ("binary", "losses", "entropy", 1),
    "ranks of rows without": ("multiclass", "ranks", 1 << 21, 1),
    "ranks behind the classes": ("multiclass", "ranks", 9 << 21, 0.5),
    "ranks of two labels": ("binary", "ranks", 0, 1),
    "a band too many": ("binary", "bands", 15, 1, 0, 2**30),
    "rows in bands too many": ("binary", "bands", 3, 1, 0, 2**28),
    "hits of no rows": ("multilabel", "bands", 3, 0, 1, 0),
    "hits of more rows": ("multiclass", "bands", 3, 0, 40, 0),
    "scores outside the band": ("multiclass", "bands", 3, 0, 0, 2**35),
    "scores below the band": ("multiclass", "bands", 3, 0, 0, -(2**35)),
}


@pytest.mark.parametrize("name", WRONG)
def test_sums_of_no_rows_are_refused(name):
    task, table, key, *numbers = WRONG[name]
    snap = snapshot(task)
    assert not refused(forged(snap))
    state = changed(snap, "score_sums", table, key, *numbers)
    try:
        raw = to_bytes(state)
    except StateError:
        return  # nobody can write it either
    assert json.loads(taken(raw)[1])["signed"]
    assert state.first_negative
    assert refused(forged(sa.Snapshot(state), lambda meta: meta.update(signed=False)))


@pytest.mark.parametrize(
    ("task", "table", "key", "numbers"),
    [
        ("binary", "losses", "rows", [1000]),
        ("binary", "losses", "nan", [1]),
        ("binary", "losses", "log_loss", [-5000]),
        ("multiclass", "ranks", 0, [1000]),
        ("binary", "bands", 3, [1, 0, 2**28]),
    ],
)
def test_weighted_sums_of_no_rows_are_refused(task, table, key, numbers):
    state = changed(snapshot(task, "float"), "weighted_score_sums", table, key, *numbers)
    try:
        raw = to_bytes(state)
    except StateError:
        return
    assert refused(forged(sa.Snapshot(state), lambda meta: meta.update(signed=False)))
    assert not refused(raw)


def test_sums_that_the_options_do_not_have():
    plain, weighted = snapshot().state, snapshot(weights="int").state
    without = [
        dataclasses.replace(plain, config=dataclasses.replace(plain.config, losses=False)),
        dataclasses.replace(weighted, config=dataclasses.replace(weighted.config, sample_weight=False)),
        dataclasses.replace(snapshot(losses=False).state, score_sums=plain.score_sums),
        dataclasses.replace(snapshot(score_layout="signed").state, score_sums=plain.score_sums),
        dataclasses.replace(plain, skipped={}),
        dataclasses.replace(plain, scores=type(plain.scores).zero()),
    ]
    for state in without:
        with pytest.raises(StateError, match="not saved"):
            to_bytes(state)
    none = sa.Snapshot(dataclasses.replace(plain, score_sums=type(plain.score_sums)()))
    with pytest.raises(StateError, match="not saved"):
        none.to_bytes()


def shaken(rng, snap):
    """The file with one number of one column of its scores changed, by a little or a lot, under a right digest."""
    raw = to_bytes(snap.state)
    _, meta, body = taken(raw)
    batch = pa.ipc.open_file(body).get_batch(0)
    names = [
        name
        for name, is_text in column_names(parts_of(json.loads(meta))).items()
        if not is_text and "weighted_label" not in name and len(batch[name].flatten())
    ]
    name = names[rng.integers(len(names))]
    values = batch[name].flatten().to_numpy().copy()
    place = rng.integers(len(values))
    with np.errstate(over="ignore"):
        values[place] += rng.choice([1, -1, 2, -7, 100, 1 << 20, -(1 << 31), 1 << 62])
    return forged(snap, columns={name: values.tolist()})


@given(seeds, tasks, weighings)
def test_what_is_taken_has_no_impossible_metric(rng, task, weights):
    options = {"ovo": True} if task == "multiclass" and rng.random() < 0.5 else {}
    snap = snapshot(task, weights, rng.integers(1 << 30), **options)
    for _ in range(4):
        raw = shaken(rng, snap)
        if refused(raw):
            continue
        found = sa.Snapshot(from_bytes(raw))
        for weighted in (True, False):
            for name, value in found.metrics(weighted=weighted).items():
                metric = find(name)[0]
                low, high = metric.bounds
                if metric.stem == "brier":
                    high = len(found.labels) + 1
                assert np.isnan(value) or low - 1e-9 <= value <= high + 1e-9, (name, value)
        assert found.state.fingerprint
