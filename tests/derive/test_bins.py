"""Bins: empty slots leave, pooling keeps what all classes agree on, sums are exact beyond int64."""

from __future__ import annotations

import numpy as np
import pytest

import streamavg as sa
from streamavg.derive.bins import Bins
from streamavg.errors import CountOverflowError
from tests.derive.histograms import binned, exact_bins, random_edges


def make(*rows):
    """Bins of (positive, negative, atom, low, high) rows."""
    p, n, atom, low, high = (np.array(side) for side in zip(*rows, strict=True))
    return Bins.of(p, n, atom, low, high)


def rows_of(bins):
    return list(
        zip(*(getattr(bins, side).tolist() for side in ("positive", "negative", "atom", "low", "high")), strict=True)
    )


def test_empty_slots_leave_and_negative_counts_are_refused():
    assert rows_of(make((0, 0, True, 0.0, 0.0), (1, 2, False, 0.1, 0.2))) == [(1, 2, False, 0.1, 0.2)]
    with pytest.raises(sa.InputError, match="negative count"):
        make((-1, 2, False, 0.0, 0.1))


def test_pooled_slot_is_an_atom_only_where_all_agree_on_the_score():
    a = make((1, 0, True, 0.1, 0.1), (1, 1, True, 0.3, 0.3), (2, 0, True, 0.5, 0.5), (5, 5, True, 0.8, 0.9))
    b = make((2, 3, True, 0.1, 0.1), (1, 0, True, 0.4, 0.4), (0, 2, False, 0.45, 0.6), (1, 1, True, 0.8, 0.9))
    assert rows_of(Bins.pooled([a, b])) == [
        (3, 3, True, 0.1, 0.1),
        (1, 1, True, 0.3, 0.3),
        (1, 0, True, 0.4, 0.4),
        (2, 2, False, 0.45, 0.6),
        (6, 6, False, 0.8, 0.9),  # each class holds one score there, but which is not known
    ]


@pytest.mark.parametrize("witness", [True, False])
def test_pooling_is_binning_all_rows(witness):
    rng = np.random.default_rng(4)
    for _ in range(100):
        edges = random_edges(rng, int(rng.integers(2, 12)))
        truth, scores = rng.random((30, 3)) < 0.4, rng.random((30, 3)).round(int(rng.integers(1, 3)))
        parts = [binned(truth[:, c], scores[:, c], edges, witness) for c in range(3)]
        pooled, whole = Bins.pooled(parts), binned(truth.ravel(), scores.ravel(), edges, witness)
        finer = exact_bins(truth.ravel(), scores.ravel())
        assert (pooled.positives, pooled.negatives) == (whole.positives, whole.negatives)
        if not witness:
            assert rows_of(pooled) == rows_of(whole)
        for row in set(rows_of(pooled)) - set(rows_of(whole)):  # a slot of which the atoms stayed apart
            assert row in rows_of(finer)


def test_pooling_nothing_and_too_much():
    assert Bins.pooled([]).one_sided
    assert rows_of(Bins.pooled([Bins.pooled([])])) == []
    much = make((2**62, 1, False, 0.0, 0.1))
    assert Bins.pooled([much, make((2**62 - 1, 1, False, 0.0, 0.1))]).positive.tolist() == [2**63 - 1]
    with pytest.raises(CountOverflowError):
        Bins.pooled([much, much])


def test_chain_counts_what_lies_above_in_exact_numbers():
    big = 2**62
    chain = make((big, 1, False, 0.0, 0.1), (big, 2, True, 0.2, 0.2), (big, big, False, 0.3, 0.4)).chain
    assert chain.tp.tolist() == [0, big, 2 * big]
    assert chain.fp.tolist() == [0, big, big + 2]
    assert chain.open.tolist() == [True, False, True]
    assert make((3, 1, False, 0.0, 0.1), (2, 2, True, 0.2, 0.2)).chain.tp.dtype == np.int64
