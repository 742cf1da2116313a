"""The counter of scores against counting score by score; batches of any type, shape, memory order and direction."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import histogram
from streamavg.count.histogram import ScoreTable
from streamavg.errors import CountOverflowError
from streamavg.state.layout import Layout
from tests import naive

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
LABELS = ("b", "a", "c", "d")


def scores_of(rng, shape, family, dtype):
    """Discrete, saturated and plain scores of a family in a type."""
    plain = rng.random(shape) if family == "unit" else rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4)
    few = rng.choice([0.0, -0.0, 1.0, 0.5, 0.001, 1 - 2**-24], shape)
    close = 0.3 + rng.integers(0, 3, shape) * 1e-11
    kind = rng.integers(0, 4, shape)
    found = np.where(kind == 0, few, np.where(kind == 1, close, plain))
    if np.dtype(dtype).kind in "iu":
        return (found * 20 % 100).astype(dtype)
    return found.astype(dtype)


def memory(rng, array):
    """The same array in another order, with gaps, backwards, or not to be written to."""
    kind = rng.integers(0, 5)
    if kind == 0:
        return np.asfortranarray(array)
    if kind == 1:
        wide = np.zeros((2 * len(array), array.shape[1] + 3), array.dtype)
        wide[::2, 1:-2] = array
        return wide[::2, 1:-2]
    if kind == 2:
        return array[::-1].copy()[::-1]
    array = array.copy()
    array.flags.writeable = kind == 3
    return array


def counted(layout, batches, classes, slot_of=None):
    """(every, positive, distinct scores of each slot, weights, positive weights, one-vs-one) in dictionaries."""
    every, positive, met, weights, positive_weights, versus = ({} for _ in range(6))

    def add(table, key, number):
        table[key] = table.get(key, 0) + number

    for scores, true, units, step in batches:
        slots = layout.slots_of(scores.astype(np.float64))
        for row in range(len(scores)):
            for c in range(classes):
                key = (c, int(slots[row, c]))
                is_true = bool(true[row, c]) if true.ndim > 1 else int(true[row]) == c
                add(every, key, step)
                add(positive, key, step * is_true)
                add(weights, key, step * int(units[row]))
                add(positive_weights, key, step * int(units[row]) * is_true)
                met.setdefault(key, set()).add(float(scores[row, c]) + 0.0)
                if true.ndim == 1 and 0 <= true[row] < classes:
                    add(versus, (int(true[row]), *key), step)
    return every, positive, met, weights, positive_weights, versus


def sparse(table):
    return {tuple(at): int(table[tuple(at)]) for at in np.argwhere(table).tolist()}


def kept(table):
    return {key: count for key, count in table.items() if count}


def by_label(table, labels, places=(0,)):
    """The first keys as labels."""
    return {tuple(labels[k] if i in places else k for i, k in enumerate(key)): n for key, n in table.items()}


def assert_holds(scores, every, positive, met=None, versus=None):
    assert list(scores.labels) == sorted(scores.labels)
    assert by_label(sparse(scores.every), scores.labels) == by_label(kept(every), LABELS)
    assert by_label(sparse(scores.positive), scores.labels) == by_label(kept(positive), LABELS)
    known = {key: naive.witness_of(found) for key, found in met.items()}
    held = np.argwhere(scores.witness != naive.EMPTY).tolist()
    assert {(scores.labels[k], slot): int(scores.witness[k, slot]) for k, slot in held} == by_label(known, LABELS)
    if versus is not None:
        assert by_label(sparse(scores.versus), scores.labels, (0, 1)) == by_label(kept(versus), LABELS, (0, 1))


FLOATS = [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int16, np.int32, np.uint32]


@given(seeds, st.sampled_from(["unit", "signed"]), st.integers(1, 4), st.booleans(), st.booleans(), st.integers(0, 4))
def test_any_batches(rng, family, classes, flags, weighted, batches):
    layout = Layout(family, 268)
    table = ScoreTable(layout, LABELS[:classes], weighted=weighted, versus=not flags)
    fed, narrow = [], True
    with patch.multiple(histogram, BLOCK=int(rng.choice([1, 7, 2048])), TILE=int(rng.choice([1, 2, 16]))):
        for _ in range(batches):
            dtype = rng.choice(FLOATS[:3] if family == "unit" else FLOATS)
            narrow &= np.dtype(dtype).itemsize <= 2 or dtype == np.float32
            rows = int(rng.integers(0, 30))
            scores = scores_of(rng, (rows, classes), family, dtype)
            true = rng.random((rows, classes)) < 0.4 if flags else rng.integers(-1, classes + 1, rows)
            units, step = rng.integers(0, 50, rows), int(rng.choice([1, 1, -1]))
            given_true = memory(rng, true) if flags else true.astype(rng.choice([np.int64, np.int32]))
            table.count(memory(rng, scores), given_true, units if weighted else None, step)
            if rng.random() < 0.3:
                table.state()
            if rng.random() < 0.3:
                table, left = table.twin(), table
                left.count(
                    np.full((3, classes), 0.25),
                    np.zeros((3, classes), bool) if flags else np.zeros(3, int),
                    *([np.ones(3, int)] if weighted else []),
                )
            fed.append((scores, true, units, step))
    every, positive, met, weights, positive_weights, versus = counted(layout, fed, classes)
    state = table.state()
    assert state.narrow is (narrow or not met)
    assert_holds(state, every, positive, met, None if flags else versus)
    if weighted:
        assert_holds(table.weighted_state(), weights, positive_weights, met)


EXACT = {"float16": ("unit", np.float16), "bfloat16": ("unit", np.uint16), "uint8": ("signed", np.uint8)}
EXACT["int8"] = ("signed", np.int8)


@given(seeds, st.sampled_from([*EXACT]), st.booleans())
def test_exact_layouts(rng, kind, flags):
    family, dtype = EXACT[kind]
    layout = Layout(family, 4092, kind)
    table = ScoreTable(layout, LABELS[:2])
    fed = []
    for step in (1, -1, 1):
        raw = rng.integers(0, 0x3F81 if kind == "bfloat16" else 100, (20, 2)).astype(dtype)
        if kind == "float16":
            raw = scores_of(rng, (20, 2), family, dtype)
        values = (raw.astype(np.uint32) << 16).view(np.float32) if kind == "bfloat16" else raw.astype(np.float64)
        true = rng.random((20, 2)) < 0.4 if flags else rng.integers(-1, 3, 20)
        table.count(raw, true, step=step)
        fed.append((values, true, np.zeros(20, int), step))
    assert_holds(table.state(), *counted(layout, fed, 2)[:3])
    assert table.state().narrow


def test_types_that_a_layout_does_not_count():
    for name, dtype in [
        ("float16:unit/4092", np.float32),
        ("uint8:signed/4092", np.int8),
        ("unit/4092", np.int64),
        ("unit/4092", np.complex64),
        ("unit/4092", bool),
        ("unit/4092", object),
        ("unit/4092", np.longdouble),
    ]:
        table = ScoreTable(Layout.named(name), ["a"])
        with pytest.raises(ValueError, match="does not count scores of type"):
            table.count(np.zeros((2, 1), dtype), np.zeros((2, 1), bool))
        assert table.state().holds_nothing


@pytest.mark.parametrize(
    ("shape", "true", "weighted", "units"),
    [
        ((3, 2), np.zeros((3, 1), bool), False, None),
        ((3, 1), np.zeros((2, 1), bool), False, None),
        ((3, 1), np.zeros((3, 2), bool), False, None),
        ((3, 1), np.zeros(2, int), False, None),
        ((3, 1), np.zeros((3, 1), bool), True, None),
        ((3, 1), np.zeros((3, 1), bool), False, np.ones(3, int)),
        ((3, 1), np.zeros((3, 1), bool), True, np.ones(2, int)),
        ((3, 1), np.zeros((3, 1), bool), True, np.array([1, 2, -1])),
        ((3, 1), np.zeros((3, 1), np.uint8), False, None),
        ((3, 1), np.zeros(3, bool), False, None),
        ((3, 1), np.zeros(3), False, None),
        ((3,), np.zeros(3, int), False, None),
    ],
)
def test_arrays_that_do_not_fit_are_refused_before_anything_is_read(shape, true, weighted, units):
    table = ScoreTable(Layout("unit", 268), ["a"], weighted)
    with pytest.raises(ValueError, match=r"scores of shape|weighted table|neither codes nor flags|below zero"):
        table.count(np.zeros(shape), true, units)


def test_hot_tables_are_emptied_in_time():
    """A hot table holds no more rows than its counts have room for, whatever the batches."""
    with patch.object(histogram, "MOST_ROWS", 10):
        table = ScoreTable(Layout("unit", 268), ["a"])
        for rows in (7, 7, 35, 0, 1):
            table.count(np.full((rows, 1), 0.25), np.ones((rows, 1), bool))
            assert all(hot.rows <= 10 for hot in table.hot.values())
    assert table.state().every.sum() == 50


def test_weights_refuse_to_leave_int64():
    table = ScoreTable(Layout("unit", 268), ["a"], weighted=True)
    most = 2**63 - 1
    table.count(np.zeros((1, 1)), np.ones((1, 1), bool), np.array([most]))
    with pytest.raises(CountOverflowError):
        table.count(np.zeros((1, 1)), np.ones((1, 1), bool), np.array([1]))
    assert table.weighted_state().every.max() == most
    assert table.state().every.max() == 1


def test_minus_zero_is_zero():
    for dtype in (np.float16, np.float32, np.float64):
        table = ScoreTable(Layout("signed", 268), ["a"])
        table.count(np.array([[0.0], [-0.0]], dtype), np.ones((2, 1), bool))
        bins = table.state().bins("a")
        assert bins.positive.tolist() == [2]
        assert bins.atom.tolist() == [True]
