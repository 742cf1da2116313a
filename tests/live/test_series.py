"""Which labels have series, and under which text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from streamavg.live.series import LONGEST, Series, cells, series_text
from streamavg.snapshot import Snapshot
from tests.live import samples

texts = st.text(st.characters(codec="utf-8"), max_size=150)


def test_plain_labels_are_themselves():
    for label in ("cat", "", 'quo"te', "back\\slash", "שלום", "長い", "a...b", "x" * LONGEST):
        assert series_text(label) == label


@given(st.lists(texts, min_size=2, max_size=4, unique=True))
def test_no_two_labels_have_the_same_text(labels):
    labels += [series_text(label) for label in labels]  # on purpose
    labels = list(dict.fromkeys(labels))
    assert len({series_text(label) for label in labels}) == len(labels)


@given(texts)
def test_a_text_is_short_and_printable(label):
    text = series_text(label)
    assert len(text) <= LONGEST
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u202a-\u202e]", text)


def test_a_label_keeps_its_place_and_the_largest_come_first():
    series = Series(3)
    first = samples.counted(["a"] * 3 + ["b"] * 2, ["a"] * 5)
    assert list(series.texts(first)) == ["a", "b"]
    second = first + samples.counted(["c"] * 5 + ["d"] * 9 + ["b"] * 20, ["x"] * 34)
    assert list(series.texts(second)) == ["a", "b", "d"]
    assert list(series.texts(second + samples.counted(["z"] * 99, ["z"] * 99))) == ["a", "b", "d"]
    assert list(series.texts(Snapshot())) == ["a", "b", "d"]


def test_own_and_other_cells_add_up():
    snap = samples.moment(3).snapshot
    own, rest = cells(snap, ("en", "not there", ""))
    expected = {label: snap.matrix[k, :3].tolist() for k, label in enumerate(snap.labels)}
    assert own.tolist() == [expected["en"], [0, 0, 0], expected[""]]
    assert (own.sum(axis=0) + rest).tolist() == snap.matrix[:, :3].sum(axis=0).tolist()
