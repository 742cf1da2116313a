"""Totals: where coded rows meet the policies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count.totals import Totals
from streamavg.count.vocabulary import FIRST, NULL, UNKNOWN, Vocabulary
from streamavg.errors import InputError
from streamavg.state.config import Config
from tests import naive

LABELS = ("a", "b", "c")
TEXTS = {NULL: None, UNKNOWN: "elsewhere", **{FIRST + k: label for k, label in enumerate(LABELS)}}
rows = st.lists(st.tuples(st.sampled_from(list(TEXTS)), st.sampled_from(list(TEXTS)), st.integers(1, 5)), max_size=20)


def totals_of(null_pred, confusion=None, unknown="count", labels=LABELS):
    config = Config(task="multiclass", unknown=unknown, null_pred=null_pred, labels=labels)
    return Totals(Vocabulary(labels, closed=unknown != "grow"), config, confusion)


def columns_of(triples):
    return np.array(triples, np.int64).reshape(-1, 3).T


@given(rows, rows, st.sampled_from(["wrong", "abstain"]), st.sampled_from([None, True, False]))
def test_coded_rows_count_as_their_labels_do(added, taken, null_pred, confusion):
    totals = totals_of(null_pred, confusion)
    totals.add_pairs(*columns_of(added))
    true, pred, counts = columns_of(taken)
    totals.add_pairs(true, pred, -counts)

    def counted(triples):
        texts = [(TEXTS[true], TEXTS[pred]) for true, pred, count in triples for _ in range(count)]
        return naive.count_rows(texts, labels=LABELS, unknown="count", null_pred=null_pred)

    expected = counted(added).plus(counted(taken), -1)
    held = naive.unpacked(sa.Snapshot(totals.state()))
    assert held.covered == expected.covered
    assert held.pairs == (None if confusion is False else expected.pairs)


@given(rows)
def test_error_policies_refuse_only_rows_without_an_earlier_cause(triples):
    true, pred, _ = columns_of(triples)
    scored = [(t, p) for t, p, _ in triples if t >= FIRST]
    for unknown, null_pred, refused in (
        ("error", "wrong", UNKNOWN in true or any(p == UNKNOWN for _, p in scored)),
        ("count", "error", any(p == NULL for _, p in scored)),
        ("count", "wrong", False),
    ):
        totals = totals_of(null_pred, unknown=unknown)
        if refused:
            with pytest.raises(InputError, match=r"'error'"):
                totals.refuse(true, pred)
        else:
            totals.refuse(true, pred)


def test_given_cells_are_added_and_pairs_lost():
    totals = totals_of("wrong", unknown="grow", labels=())
    codes = totals.vocabulary.codes([str(k) for k in range(100)])
    totals.add_cells(codes[[3, 99]], np.array([[1, 0, 2], [4, 2, 0]]))
    state = totals.state()
    assert (state.rows, state.pairs) == (7, None)
    assert dict(zip(state.counts.labels, state.counts.cells.tolist(), strict=True)) == {"3": [1, 0, 2], "99": [4, 2, 0]}
    assert totals.used == 2
    assert totals.used_labels() == ["3", "99"]


def test_pairs_are_kept_up_to_512_labels():
    for labels, confusion, kept in ((512, None, True), (513, None, False), (513, True, True)):
        totals = totals_of("wrong", confusion, unknown="grow", labels=())
        codes = totals.vocabulary.codes([str(k) for k in range(labels)])
        totals.add_pairs(codes, codes, np.ones(labels, np.int64))
        assert (totals.state().pairs is not None) is kept
        assert totals.state().rows == labels
