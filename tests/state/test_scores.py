"""Scores: a group over labels and slots; what a slot is known to hold, and the slots that derive reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import CountOverflowError, MismatchError
from streamavg.state.config import Config
from streamavg.state.counts import Counts
from streamavg.state.layout import Layout
from streamavg.state.scores import Scores
from streamavg.state.slots import SIZES
from streamavg.state.state import State
from streamavg.state.witness import EMPTY, MIXED, met, met_in, met_over, witness_of
from tests import naive

SMALL = Layout("unit", 268)
MOST = 2**63 - 1
X, Y = 0.300001, 0.300002  # one slot of every layout
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def of_rows(rows, layout=SMALL, narrow=False, weight=1):
    """Scores of (label, score, whether it is true), one by one."""
    labels = sorted({label for label, _, _ in rows})
    every, positive = (np.zeros((len(labels), layout.slots), np.int64) for _ in range(2))
    witness = np.full(every.shape, EMPTY)
    for label, score, true in rows:
        cell = labels.index(label), int(layout.slots_of(np.array([score]))[0])
        every[cell] += weight
        positive[cell] += weight * true
        witness[cell] = met(witness[cell], witness_of([score])[0])
    return Scores.of(layout, labels, (every, positive, witness), narrow)


def same(a, b):
    """Equal in everything that is covered."""
    parts = [[part if isinstance(part, str) else part.tolist() for part in scores.parts()] for scores in (a, b)]
    return parts[0] == parts[1]


# ---- witnesses


@given(st.lists(st.sampled_from([0.0, -0.0, 0.5, 1.0, float(X), Y]), max_size=6), st.integers(0, 6))
def test_witnesses_say_what_was_met(scores, cut):
    def of(part):
        return met_over(witness_of(part)[:, None])[0] if part else EMPTY

    assert of(scores) == naive.witness_of(scores)
    assert met(of(scores[:cut]), of(scores[cut:])) == naive.witness_of(scores)
    assert met(MIXED, of(scores)) == MIXED
    if scores:
        parts = np.array([of(scores[:1]), of(scores[1:]), MIXED])
        assert met_in(parts, np.array([0, 2])).tolist() == [naive.witness_of(scores), MIXED]


def test_a_witness_is_never_forgotten_while_something_may_cancel():
    """{x} - {y} + {y, y} is {x, y}: counts that were zero in between, and no label held but for its witness."""
    x, y = of_rows([("a", X, True)]), of_rows([("a", Y, True)])
    zero = x - y
    assert zero.is_zero
    assert not zero.holds_nothing
    for total in (zero + y + y, y + y + zero, (y + zero) + y, zero - -y + y):
        assert total.bins("a").atom.tolist() == [False]
        assert total.bins("a").positive.tolist() == [2]
    assert (y + y).bins("a").atom.tolist() == [True]


def test_a_state_whose_counts_cancel_keeps_what_its_slots_met():
    def state(score):
        counts = Counts.of(["a"], np.array([[1, 0, 0]]))
        config = Config(task="multiclass", scores=SMALL.name)
        return State(config, counts, 1, scores=of_rows([("a", score, True)]))

    x, y = state(X), state(Y)
    zero = x - y
    assert zero.is_empty
    assert zero.fingerprint == State().fingerprint
    for total in (zero + y + y, y + zero + y, y + (y + zero), y - (y - x) - (x - y - y)):
        assert total.fingerprint == (y + y).fingerprint
        assert total.scores.bins("a").atom.tolist() == [False]
    assert (y + State()) is y
    assert (x - x).scores.witness.min() == naive.witness_of([X])


@given(seeds, st.sampled_from([*SIZES]), st.sampled_from([*SIZES]), st.sampled_from(["", "float16"]))
def test_a_zero_of_another_layout_changes_no_sum_and_forgets_nothing(rng, size, other_size, exact):
    """Its witnesses are put into the layout of the sum, coarser or finer."""
    config = Config(task="multilabel")
    ours, theirs = Layout("unit", size), Layout("unit", other_size)

    def state(layout, rows):
        return State(replace(config, scores=layout.name), rows=len(rows), scores=of_rows(rows, layout))

    x, y = float(rng.choice([X, 0.5, 1.0])), float(rng.choice([Y, 0.5, 1 - 1e-9]))
    if exact:
        x, y, theirs = float(np.float16(x)), float(np.float16(y)), Layout("unit", other_size, "float16")
    zero = state(theirs, [("a", x, True), ("a", y, True)]) - state(theirs, [("a", x, True), ("a", y, True)])
    held = state(ours, [("a", y, True)])
    for total in (zero + held, held + zero, held - zero):
        assert total.fingerprint == held.fingerprint
        assert total.config.scores == ours.name
        tied = naive.slot_of("unit", size, x) != naive.slot_of("unit", size, y) or x == y
        if not tied:
            assert total.scores.bins("a").atom.tolist() == [False]


# ---- the group


rows_of = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.1, X, Y, 0.5, 0.7, 1 - 2**-24, 1.0]), st.booleans()),
    max_size=12,
)


@given(rows_of, rows_of, rows_of)
def test_a_commutative_group(p, q, r):
    a, b, c = of_rows(p), of_rows(q), of_rows(r)
    assert same(a + b, b + a)
    assert same((a + b) + c, a + (b + c))
    assert same((a + b) - b, a)
    assert same(a - a, Scores.zero())
    assert (a - a).is_zero
    assert same(a + b, of_rows(p + q))
    assert np.array_equal((a + b).witness, of_rows(p + q).witness)
    assert same(-(a - b), b - a)


@given(rows_of, rows_of, st.sampled_from([*SIZES]), st.sampled_from([*SIZES]))
def test_sums_of_two_layouts_are_in_the_coarser(p, q, size, other):
    fine, coarse = Layout("unit", max(size, other)), Layout("unit", min(size, other))
    total = of_rows(p, fine) + of_rows(q, coarse)
    assert same(total.coarsened(coarse), of_rows(p + q, coarse))
    if p:
        assert total.layout == (coarse if q else fine)
        assert np.array_equal(total.coarsened(coarse).witness, of_rows(p + q, coarse).witness)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_an_exact_table_becomes_its_graded_layout(kind):
    exact, rng = Layout("unit", 4092, kind), np.random.default_rng(3)
    rows = [("a", float(score), bool(score < 0.4)) for score in rng.choice(exact.edges()[0], 300)]
    for size in SIZES:
        plain = Layout("unit", size)
        total = of_rows(rows, exact, narrow=True).coarsened(exact.joined(plain)) + of_rows(rows, plain)
        assert same(total, of_rows(rows + rows, plain.joined(exact)))
    assert same(
        of_rows(rows, exact) + of_rows(rows, Layout("unit", 1042, kind)), of_rows(rows * 2, Layout("unit", 1042, kind))
    )


def test_what_is_covered():
    base = [("a", 0.1, True), ("b", 0.7, False)]
    state = State(Config(task="multilabel", scores=SMALL.name), rows=2, scores=of_rows(base))
    others = {
        "a slot": replace(state, scores=of_rows([("a", 0.4, True), base[1]])),
        "a label": replace(state, scores=of_rows([("c", 0.1, True), base[1]])),
        "the truth": replace(state, scores=of_rows([("a", 0.1, False), base[1]])),
        "a count": replace(state, scores=of_rows([*base, base[0]])),
        "no scores": replace(state, scores=Scores.zero()),
        "weights": replace(state, weighted_scores=of_rows(base)),
        "weights only": replace(state, scores=Scores.zero(), weighted_scores=of_rows(base)),
        "layout": replace(
            state, config=replace(state.config, scores="unit/1042"), scores=of_rows(base, Layout("unit", 1042))
        ),
        "versus": replace(state, scores=replace(of_rows(base), versus=np.ones((2, 2, SMALL.slots), np.int64))),
    }
    found = {name: other.fingerprint for name, other in others.items()}
    assert len({state.fingerprint, *found.values()}) == len(others) + 1
    hints = replace(state.scores, witness=np.full_like(state.scores.witness, MIXED), narrow=True)
    assert replace(state, scores=hints).fingerprint == state.fingerprint
    empty = of_rows([("z", 0.3, True)]) - of_rows([("z", 0.3, True)])
    assert replace(state, scores=state.scores + empty).fingerprint == state.fingerprint
    assert state.size > State().size + 2 * 24 * SMALL.slots
    assert not state.is_empty


def test_states_with_other_scores_do_not_add_up():
    base = [("a", 0.1, True)]
    unit = State(Config(task="multilabel", scores=SMALL.name), rows=1, scores=of_rows(base))
    signed = Layout("signed", 268)
    others = [
        State(Config(task="multilabel"), rows=1),
        State(Config(task="multilabel", scores=signed.name), rows=1, scores=of_rows(base, signed)),
        replace(unit, scores=replace(unit.scores, versus=np.ones((1, 1, SMALL.slots), np.int64))),
    ]
    for other in others:
        for a, b in ((unit, other), (other, unit)):
            with pytest.raises(MismatchError):
                a + b
    undecided = State(skipped={"null_true": 1})
    assert (unit + undecided).config.scores == (undecided + unit).config.scores == SMALL.name
    wide = State(Config(task="multilabel", scores="unit/4092"), rows=1)  # its scores were all invalid, say
    assert (wide + unit).scores.layout == (unit + wide).scores.layout == SMALL
    coarse = State(Config(task="multilabel", scores=SMALL.name), rows=1)
    fine = State(Config(task="multilabel", scores="unit/4092"), rows=1, scores=of_rows(base, Layout("unit")))
    for total in (coarse + fine, fine + coarse):
        assert total.scores.layout == SMALL
        assert total.config.scores == SMALL.name


def test_sums_refuse_to_leave_int64():
    most, one = of_rows([("a", 0.1, True)], weight=MOST), of_rows([("a", 0.1, False)])
    with pytest.raises(CountOverflowError):
        most + one
    close = of_rows([("a", 0.1 * (1 + 1e-3), True)], Layout("unit", 16100))
    fine = of_rows([("a", 0.1, True)], Layout("unit", 16100), weight=MOST) + close
    with pytest.raises(CountOverflowError):
        fine.coarsened(SMALL)
    with pytest.raises(CountOverflowError):
        (most + of_rows([("b", 0.1, True)])).pooled()
    assert (fine - close).coarsened(SMALL).every.max() == MOST


def test_first_negative():
    a, b = of_rows([("a", 0.1, True)]), of_rows([("a", 0.1, False)])
    assert (a + b).first_negative is None
    for owing, what in ((-a, "-1 scores"), (b + b - a, "-1 positives"), (a + a - b, "-1 negatives")):
        assert what in owing.first_negative
        assert "label 'a'" in State(scores=owing).first_negative
        assert "label 'a'" in State(weighted_scores=owing).first_negative
    versus = replace(a, versus=-np.ones((1, 1, SMALL.slots), np.int64))
    assert "against another" in versus.first_negative


def test_tables_cannot_be_written_to():
    a = of_rows([("a", 0.1, True)], Layout("unit"))
    for scores in (a, a + a, -a, Scores.zero(), a.coarsened(SMALL)):
        for table in (scores.every, scores.positive, scores.witness):
            assert not table.flags.writeable


# ---- what derive reads


@given(rows_of, st.booleans())
def test_bins_hold_every_score_and_atoms_one(rows, narrow):
    rows = [(label, float(np.float32(score)) if narrow else score, true) for label, score, true in rows]
    scores = of_rows(rows, narrow=narrow)
    for label in (*"abcz", None):
        own = [(score, true) for name, score, true in rows if label in (name, None)]
        bins = scores.pooled() if label is None else scores.bins(label)
        assert (bins.low[1:] > bins.high[:-1]).all()
        assert bins.positive.sum() == sum(true for _, true in own)
        assert (bins.positive + bins.negative).sum() == len(own)
        for positive, negative, atom, low, high in zip(*bins, strict=True):
            inside = [(score, true) for score, true in own if low <= score <= high]
            assert len(inside) == positive + negative > 0
            assert sum(true for _, true in inside) == positive
            assert atom == (len({score for score, _ in inside}) == 1)


def test_one_float32_is_an_atom_only_if_all_scores_were_narrow():
    one = np.nextafter(1.0, 0)  # rounds to 1
    scores = of_rows([("a", 1.0, True), ("a", one, False)])
    assert scores.bins("a").atom.tolist() == [False]
    mixed = of_rows([("a", 1.0, True)], narrow=True) + of_rows([("a", 1.0, True)], narrow=False)
    assert not mixed.narrow
    forgotten = replace(mixed, witness=np.where(mixed.witness == EMPTY, EMPTY, MIXED))
    assert forgotten.bins("a").atom.tolist() == [False]
    assert replace(forgotten, narrow=True).bins("a").atom.tolist() == [True]


def test_one_against_one():
    versus = np.zeros((2, 2, SMALL.slots), np.int64)
    scores = of_rows([("a", 0.1, True), ("a", 0.1, True), ("a", 0.7, False), ("b", 0.2, True), ("b", 0.2, False)])
    low, high = SMALL.slots_of(np.array([0.1, 0.7]))
    versus[0, 0, low], versus[1, 0, high] = 2, 1
    scores = replace(scores, versus=versus)
    bins = scores.against("a", "b")
    assert (bins.positive.tolist(), bins.negative.tolist(), bins.atom.tolist()) == ([2, 0], [0, 1], [True, True])
    assert len(scores.against("a", "z").low) == 0
    doubled = (scores + scores) - scores
    assert same(doubled, scores)
    assert same(scores.coarsened(SMALL) + Scores.zero(), scores)
