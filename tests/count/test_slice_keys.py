"""Keys of slices in any physical form against plain Python: by columns, windows, and both, learned batch by batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import joined, placing, slice_keys
from streamavg.count.joined import FOLDED_CODE, Joined
from streamavg.count.lookup import distinct
from streamavg.count.placing import Placing, Scratch
from streamavg.count.slice_keys import SliceKeys
from streamavg.count.vocabulary import Vocabulary
from streamavg.errors import InputError
from tests import strategies

INTS, WORDS = strategies.INTS, strategies.WORDS


@st.composite
def batches(draw):
    """Rows of two texts and a time, and the same as record batches in forms of their own."""
    alphabets = [
        draw(st.lists(st.sampled_from(draw(st.sampled_from([INTS, WORDS]))), min_size=1, max_size=5)) for _ in "ab"
    ]
    row = st.tuples(
        *(st.sampled_from([*names, None]) for names in alphabets), st.one_of(st.none(), st.integers(-99, 99))
    )
    rows, made = draw(st.lists(st.lists(row, max_size=8), max_size=4)), []
    for part in rows:
        texts = [[each[k] for each in part] for k in (0, 1)]
        columns = {
            name: draw(strategies.forms(text)).encode(text, draw(strategies.rngs))
            for name, text in zip("ab", texts, strict=True)
        }
        columns["ts"] = pa.array([None if each[2] is None else each[2] * 10**6 for each in part], pa.timestamp("us"))
        made.append(pa.record_batch(columns))
    return rows, made


def key_of(row, by, size):
    parts = [row["ab".index(name)] for name in by]
    return (*parts, None if row[2] is None else row[2] // size * size * 10**6) if size else tuple(parts)


@given(
    batches(), st.sampled_from([("a",), ("b", "a"), ("a", "b")]), st.sampled_from([0, 7, 60]), st.booleans(), st.data()
)
def test_keys_are_those_of_python(drawn, by, size, sparse, data):
    rows, made = drawn
    with pytest.MonkeyPatch.context() as patch:
        if sparse:
            patch.setattr(joined, "DENSE", 0)
            patch.setattr(slice_keys, "_DENSE", 0)
        keys = SliceKeys(by, f"{size}s" if size else "", "ts")
        known = [key_of(row, by, size) for part in rows for row in part]
        if data.draw(st.booleans()):
            keys.know([(), *data.draw(st.permutations(known))])
        codes = []
        for batch in made:
            if data.draw(st.booleans()):
                keys = keys.twin()
            codes.append(keys.read(batch, 0).tolist())
            assert max(codes[-1], default=0) < keys.bound
        names = keys.keys()
    assert len(names) == keys.bound
    assert names[FOLDED_CODE] == ()
    for part, found in zip(rows, codes, strict=True):
        assert [names[code] for code in found] == [key_of(row, by, size) for row in part]


def test_a_window_alone():
    keys = SliceKeys((), "1m", "ts")
    assert keys.read(pa.record_batch({"ts": pa.array([0, 61, None, 59])}), 0).tolist() == [2, 3, 0, 2]
    assert keys.keys() == [(None,), (), (0,), (60 * 10**6,)]


def test_wild_codes_and_other_types_are_refused():
    wild = pa.DictionaryArray.from_arrays(pa.array([0, 9]), pa.array(["x"]), safe=False)
    for by in (("a",), ("a", "b")):
        with pytest.raises(InputError, match="dictionary code 9 at row 1"):
            SliceKeys(by, "", "").read(pa.record_batch({"a": wild, "b": wild}), 0)
    for column in (pa.array([[1]]), pa.array([1.5]), pa.array([{"x": 1}])):
        with pytest.raises(InputError, match="column 'a'"):
            SliceKeys(("a",), "", "").read(pa.record_batch({"a": column}), 0)


def test_a_dictionary_that_changes_is_read_again():
    keys = SliceKeys(("a", "b"), "", "")
    found = []
    for names in (["x", "y"], ["y", "x"], ["x", "y"], ["z", "x"]):
        column = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(names))
        codes = keys.read(pa.record_batch({"a": column, "b": column}), 0).tolist()
        found.append([keys.keys()[code] for code in codes])
        assert found[-1] == [(name, name) for name in names]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.sampled_from([np.uint8, np.uint32, np.uint64]))
def test_distinct(values, dtype):
    codes = (np.array(values, np.uint64) % (np.uint64(np.iinfo(dtype).max))).astype(dtype)
    assert distinct(codes).tolist() == sorted(set(codes.tolist()))


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.uint64()])
def test_integers_of_any_size(kind):
    place = Placing("a", Vocabulary((), closed=False))
    for values in (
        [3, 1, 3],
        [100, 0],
        [127, 5] if kind == pa.int8() else [2**31 - 1, 7],
        [1],
        [-1, 2] if kind != pa.uint64() else [2**63 - 1],
    ):
        codes = place.codes(pa.array(values, kind), 0)
        assert [place.column.vocabulary.labels[code - 2] for code in codes.tolist()] == [str(value) for value in values]


def test_memory_is_used_again():
    scratch = Scratch()
    first = scratch.of(100)
    assert np.shares_memory(first, scratch.of(50))
    assert len(scratch.of(50)) == 50


def test_pairs_keep_their_codes_as_sides_grow():
    level, seen = Joined(), {}
    for size in (2, 40, 300):
        rng = np.random.default_rng(size)
        first, second = (rng.integers(0, size, 500).astype(np.uint32) for _ in range(2))
        for pair, code in zip(
            zip(first.tolist(), second.tolist(), strict=True),
            level.codes(first, second, size, size).tolist(),
            strict=True,
        ):
            assert seen.setdefault(pair, code) == code
            assert level.pairs()[code] == pair
    assert placing.DENSE == joined.DENSE
