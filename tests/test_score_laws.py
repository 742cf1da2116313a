"""The laws for score histograms: any split, order, route, type and layout of the same rows is the same state."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.checkpoint.wire import from_bytes, to_bytes
from streamavg.count.histogram import ScoreTable
from streamavg.state.config import Config
from streamavg.state.layout import Layout
from streamavg.state.slots import SIZES
from streamavg.state.state import State
from tests import naive

LABELS = ("c", "a", "b")
names = st.sampled_from([f"{family}/{size}" for family in ("unit", "signed") for size in (4092, 1042, 268)])
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


class Rows:
    """Scores, truth and weights of some rows, and how they are counted."""

    def __init__(self, rng, family, many=60):
        self.rng, kind = rng, rng.integers(0, 4, (many, 3))
        few = rng.choice([0.0, 1.0, 0.5, 0.3, 0.3 + 1e-11, 1 - 2**-24], (many, 3))
        plain = rng.random((many, 3)) if family == "unit" else rng.standard_normal((many, 3)) * 5
        self.scores = np.float32(np.where(kind == 0, few, np.where(kind == 1, np.round(plain, 2), plain)))
        if rng.random() < 0.5:
            self.scores = self.scores + np.float64(1e-12) * (self.scores < 0.9)
        self.true = rng.integers(-1, 4, many)
        self.units = rng.integers(0, 9, many)

    def counted(self, name, at=slice(None), step=1):
        """The state of some of the rows, in one batch or several, of any type that holds the scores."""
        at = np.arange(len(self.true))[at]
        table = ScoreTable(Layout.named(name), LABELS, weighted=True, versus=True)
        for part in np.array_split(at, int(self.rng.integers(1, 4))):
            scores = self.scores[part]
            if scores.dtype == np.float32 and self.rng.random() < 0.3:
                scores = scores.astype(np.float64)
            table.count(np.asfortranarray(scores), self.true[part], self.units[part], step)
        config = Config(task="multilabel", samples=False, scores=name, sample_weight=True, losses=False)
        scores, weighted = table.state(), table.weighted_state()
        return State(config, rows=step * len(at), scores=scores, weighted_scores=weighted)

    def pieces(self):
        order = self.rng.permutation(len(self.true))
        return np.array_split(order, int(self.rng.integers(1, 6)))


def tree(rng, states):
    """The sum of states, in any order and by any tree."""
    states = [states[k] for k in rng.permutation(len(states))]
    while len(states) > 1:
        k = int(rng.integers(len(states) - 1))
        states[k : k + 2] = [states[k] + states[k + 1]]
    return states[0]


def bins_of(state):
    """Everything that is read, hints included."""
    parts = [state.scores.bins(label) for label in LABELS] + [state.scores.pooled()]
    return [[column.tolist() for column in part] for part in parts]


@given(seeds, names)
def test_any_split_order_and_tree(rng, name):
    rows = Rows(rng, name.split("/")[0])
    whole, parts = rows.counted(name), [rows.counted(name, piece) for piece in rows.pieces()]
    total = tree(rng, parts)
    assert total.fingerprint == whole.fingerprint == reduce(add, parts).fingerprint
    assert (total.scores.witness == whole.scores.witness).all()
    if total.scores.narrow == whole.scores.narrow:
        assert bins_of(total) == bins_of(whole)


@given(seeds, names)
def test_retraction_leaves_what_was_kept(rng, name):
    rows = Rows(rng, name.split("/")[0])
    gone, kept = np.array_split(rng.permutation(60), 2)
    expected, whole = rows.counted(name, kept), rows.counted(name)
    for left in (whole - rows.counted(name, gone), whole + rows.counted(name, gone, -1)):
        assert left.fingerprint == expected.fingerprint
        assert left.scores.first_negative is None
    assert (whole - whole).fingerprint == State().fingerprint


@given(seeds, names, st.booleans())
def test_a_file_holds_it_all(rng, name, owing):
    rows = Rows(rng, name.split("/")[0])
    state = rows.counted(name, slice(0, 30))
    state = state - rows.counted(name, slice(20, 60)) if owing else state
    back = from_bytes(to_bytes(state))
    assert back.fingerprint == state.fingerprint
    assert to_bytes(back) == to_bytes(state)
    assert bins_of(back) == bins_of(state)
    for mine, theirs in ((back.scores, state.scores), (back.weighted_scores, state.weighted_scores)):
        assert mine.labels == theirs.labels
        assert (mine.witness == theirs.witness).all()
        assert (mine.versus is None) == (theirs.versus is None)
    assert (back.scores.versus == state.scores.versus).all()
    more = rows.counted(name, slice(30, 40))
    assert (back + more).fingerprint == (state + more).fingerprint


@given(seeds, st.sampled_from(["unit", "signed"]), st.lists(st.sampled_from([*SIZES]), min_size=2, max_size=4))
def test_parts_in_several_layouts_are_as_if_counted_in_the_coarsest(rng, family, sizes):
    rows = Rows(rng, family)
    pieces = np.array_split(rng.permutation(60), len(sizes))
    parts = [rows.counted(f"{family}/{size}", piece) for size, piece in zip(sizes, pieces, strict=True)]
    expected = rows.counted(f"{family}/{min(sizes)}")
    total = tree(rng, parts)
    assert total.fingerprint == expected.fingerprint
    assert (total.scores.witness == expected.scores.witness).all()
    assert tree(rng, [from_bytes(to_bytes(part)) for part in parts]).fingerprint == expected.fingerprint


@given(seeds, names)
def test_any_sums_and_differences_never_take_a_mixture_for_an_atom(rng, name):
    """Over any walk of + and -, a slot of a readable state that is said to hold one score holds just that."""
    rows, taken = Rows(rng, name.split("/")[0], many=12), np.zeros(12, int)
    total = State()
    for _ in range(int(rng.integers(1, 12))):
        piece, step = rng.integers(0, 12, int(rng.integers(1, 5))), int(rng.choice([1, 1, -1]))
        part = rows.counted(name, piece)
        total = total + part if step > 0 else total - part
        np.add.at(taken, piece, step)
    if (taken < 0).any():
        return
    scores = rows.scores.astype(np.float64)
    for c, label in enumerate(LABELS):
        bins = total.scores.bins(label)
        assert (bins.positive + bins.negative).sum() == taken.sum()
        for positive, negative, atom, low, high in zip(*bins, strict=True):
            inside = (low <= scores[:, c]) & (scores[:, c] <= high) & (taken > 0)
            assert taken[inside].sum() == positive + negative
            assert (taken * (rows.true == c))[inside].sum() == positive
            assert not atom or len(np.unique(scores[inside, c])) == 1


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_slots_do_not_depend_on_the_type_that_holds_a_score(kind):
    """Half precision in its own table, widened or as text of a number: one state once they share a layout."""
    rng = np.random.default_rng(7)
    scores, true = rng.random((200, 1)).astype(np.float16), rng.random((200, 1)) < 0.3
    layout = Layout("unit", 4092, "float16" if kind == "float16" else "")
    table, plain = ScoreTable(layout, ["a"]), ScoreTable(Layout("unit"), ["a"])
    table.count(scores.astype(kind), true)
    plain.count(scores.astype(np.float64), true)
    a, b = table.state().coarsened(Layout("unit")), plain.state()
    assert (a.every == b.every).all()
    assert (a.witness == b.witness).all()
    slots = {naive.slot_of("unit", 4092, score) for score in scores[:, 0].astype(float).tolist()}
    assert {*np.flatnonzero(a.every[0]).tolist()} == slots
