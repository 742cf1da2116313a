"""Texts: Arrow values to raw codes and label texts, one helper at a time."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.texts import (
    flags,
    is_blank,
    is_text,
    label_texts,
    raw_codes,
    runs,
    same_dictionary,
    solid,
    whole_floats,
)
from streamavg.errors import InputError
from tests import strategies

TEXTS = st.lists(st.sampled_from(["0", "1", "7", None]), max_size=12)


@given(TEXTS, st.sampled_from(strategies.INTEGERS), strategies.rngs)
def test_raw_codes_are_the_memory_of_the_slice(texts, kind, rng):
    array = strategies.Form("plain", kind).encode(texts, rng)
    raw = raw_codes(array)
    assert raw.dtype == f"u{kind.bit_width // 8}"
    assert [None if text is None else str(code) for text, code in zip(texts, raw.tolist(), strict=True)] == texts


@given(TEXTS.filter(bool), st.data())
def test_runs_repeat_to_the_column(texts, data):
    form = data.draw(strategies.forms(texts).filter(lambda form: form.layout == "runs"))
    values, lengths = runs(form.encode(texts, data.draw(strategies.rngs)))
    labels, wrong = label_texts(values, "y")
    assert not wrong
    assert [label for label, length in zip(labels, lengths.tolist(), strict=True) for _ in range(length)] == texts


@given(TEXTS, st.data())
def test_blank_is_no_label_in_any_row(texts, data):
    texts = data.draw(st.sampled_from([texts, [None] * len(texts)]))
    array = data.draw(strategies.forms(texts)).encode(texts, data.draw(strategies.rngs))
    assert is_blank(array, "y") is all(text is None for text in texts)


def test_what_is_no_label_is_not_blank():
    for values in (pa.array([0.5]), pa.array([1], pa.date32())):
        assert not is_blank(pa.DictionaryArray.from_arrays(pa.array([0]), values), "y")
    assert not is_blank(pa.array([float("inf"), float("nan")]), "y")


@given(st.lists(st.sampled_from(["a", "b"]), max_size=3), st.lists(st.sampled_from(["a", "b"]), max_size=3))
def test_dictionaries_are_the_same_if_their_entries_are(one, other):
    kinds = [pa.string(), pa.large_string(), pa.string_view()]
    for kind in kinds:
        assert same_dictionary(pa.array(one, kind), pa.array(other, kind)) is (one == other)
        assert not same_dictionary(pa.array(one, kind), pa.array(one, pa.binary()))
    both = pa.array(["a", *one, "b", *other])
    assert same_dictionary(both.slice(1, len(one)), both.slice(len(one) + 2)) is (one == other)


def test_texts_of_entries_and_why_some_are_none():
    labels, wrong = label_texts(pa.array([b"x", None, b"\xff", b""]), "y")
    assert labels == ["x", None, None, ""]
    assert list(wrong) == [2]
    assert "'y'" in wrong[2]
    assert label_texts(pa.array([2.0, float("nan"), -0.0]), "y") == (["2", None, "0"], {})
    assert label_texts(pa.array(["a", "b"]), "y") == (["a", "b"], {})


def test_whole_floats():
    found = whole_floats(pa.array([1.0, None, float("nan"), -0.0, -(2.0**63)], pa.float64()), "y", 0)
    assert found.to_pylist() == [1, None, None, 0, -(2**63)]
    with pytest.raises(InputError, match=r"'y': 0\.5 at row 12"):
        whole_floats(pa.array(np.array([1, np.nan, 0.5, np.inf], np.float16)), "y", 10)


@pytest.mark.parametrize("kind", strategies.TEXTS, ids=str)
def test_text_types(kind):
    values = [b"a", None] if "binary" in str(kind) else ["a", None]
    array = pa.array(values, kind)
    assert is_text(kind)
    assert "view" not in str(solid(array).type)
    assert solid(array).to_pylist() == values
    assert not is_text(pa.dictionary(pa.int8(), kind))


@given(st.lists(st.booleans(), max_size=70), st.integers(0, 70))
def test_flags_are_the_booleans_of_the_slice(values, first):
    assert flags(pa.array(values, pa.bool_()).slice(min(first, len(values)))).tolist() == values[first:]
