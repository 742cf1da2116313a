"""Pairs: how often each label was answered by each; a hint that adds up like the state beside it."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamavg.state.pairs import NO_LABEL, Pairs

LABELS = ("a", "b", "c", "d")
rows = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None]), st.integers(-3, 3)), max_size=12)


def pairs_of(triples):
    """Pairs whose labels are only those that occur, so that codes differ from term to term."""
    labels = tuple(sorted({label for true, pred, _ in triples for label in (true, pred)} - {None}))
    code = {None: NO_LABEL, **{label: k for k, label in enumerate(labels)}}
    columns = ([code[true] for true, _, _ in triples], [code[pred] for _, pred, _ in triples], [n for *_, n in triples])
    return Pairs.of(labels, *(np.array(column, np.int64) for column in columns))


def as_dict(pairs):
    assert list(pairs.labels) == sorted(pairs.labels)
    names = (*pairs.labels, None)
    true, pred = (codes.tolist() for codes in pairs.codes())
    return {(names[t], names[p]): n for t, p, n in zip(true, pred, pairs.table.counts.tolist(), strict=True)}


def summed(*signed):
    total = Counter()
    for triples, sign in signed:
        for true, pred, count in triples:
            total[true, pred] += sign * count
    return {pair: count for pair, count in total.items() if count}


@given(rows, rows)
def test_pairs_are_a_group(a, b):
    left, right = pairs_of(a), pairs_of(b)
    assert as_dict(left) == summed((a, 1))
    assert as_dict(left + right) == summed((a, 1), (b, 1))
    assert as_dict(left - right) == summed((a, 1), (b, -1))
    assert as_dict(Pairs.zero() + left) == summed((a, 1))
    assert as_dict(left - left) == {}
