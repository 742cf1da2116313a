"""Records that are paired by their ids: growth, what is held, and what is refused when it is restored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import pairing
from streamavg.count.pairing import NOTHING, PREDICTION, TRUTH, Held, Pairing
from streamavg.errors import InputError

FOREVER = 1 << 60


def kinds(*each):
    return np.array(each, np.uint8)


def test_ids_are_their_texts():
    made = Pairing(100, FOREVER)
    made.take(pa.array([1, 22, -3, None]), kinds(1, 1, 1, 0), 0)
    found = made.take(pa.array(["22", "-3", "4", "1"]), kinds(2, 2, 2, 2), 0)
    assert found.tolist() == [1, 2, -1, 0]
    types = [pa.large_string(), pa.binary(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()), pa.binary_view()]
    for kind in types:
        again = Pairing(100, FOREVER)
        again.take(pa.array(["a", "b"]), kinds(1, 1), 0)
        ids = pa.array(["x", "b", "a"]).dictionary_encode() if pa.types.is_dictionary(kind) else None
        sliced = (ids if ids is not None else pa.array(["x", "b", "a"], pa.string()).cast(kind)).slice(1)
        assert again.take(sliced, kinds(2, 2), 0).tolist() == [1, 0], kind
    with pytest.raises(InputError, match="ids of type double cannot be joined"):
        made.take(pa.array([1.5]), kinds(1), 0)


def test_it_grows_and_pairs_over_a_long_way():
    made, count = Pairing(10_000, FOREVER), 30_000
    found = []
    for start in range(0, count, 700):
        numbers = np.arange(start, min(start + 700, count))
        ids = np.where(numbers % 2 == 0, numbers, numbers - 5_001)  # each odd one is the truth of one 5,001 before
        found += made.take(pa.array(ids), np.where(numbers % 2 == 0, PREDICTION, TRUTH).astype(np.uint8), 0).tolist()
    assert found == [-1 if n % 2 == 0 or n < 5_001 else n - 5_001 for n in range(count)]
    assert made.next - made.first <= 10_001


def test_what_is_forgotten_when_time_passes():
    made = Pairing(100, 10)
    made.take(pa.array(["a", "b"]), kinds(1, 2), 1000)
    made.forget(1010)
    assert made.counts == [0, 0, 0, 0]
    made.forget(1011)
    assert made.counts == [0, 1, 1, 0]
    assert len(made.held().numbers) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=40), st.integers(1, 30), st.integers(0, 40))
def test_restored_it_goes_on_as_if_nothing_had_been(records, most, cut):
    whole, first = Pairing(most, FOREVER, bytes(16)), Pairing(most, FOREVER, bytes(16))
    ids, news = pa.array([i for i, _ in records], pa.int64()), kinds(*(kind for _, kind in records))
    expected = whole.take(ids, news, 5).tolist()
    found = first.take(ids[:cut], news[:cut], 5).tolist()
    second = Pairing(most, FOREVER, bytes(16))
    second.restore(first.held(), first.first, first.next, first.counts)
    found += second.take(ids[cut:], news[cut:], 5).tolist()
    assert found == expected
    assert second.counts == whole.counts


def held(numbers=(3, 5), hashes=((1, 2), (1, 3)), what=(1, 3), clocks=(7, 8)):
    return Held(np.array(numbers), np.array(hashes, np.uint64), kinds(*what), np.array(clocks))


@pytest.mark.parametrize(
    "wrong",
    [
        (held(numbers=(5, 3)), 3, 6, [0] * 4),
        (held(numbers=(3, 3)), 3, 6, [0] * 4),
        (held(), 4, 6, [0] * 4),
        (held(), 3, 5, [0] * 4),
        (held(), -1, 6, [0] * 4),
        (held(what=(1, 4)), 3, 6, [0] * 4),
        (held(what=(NOTHING, 1)), 3, 6, [0] * 4),
        (held(clocks=(8, 7)), 3, 6, [0] * 4),
        (held(clocks=(8, 1 << 62)), 3, 6, [0] * 4),
        (held(hashes=((1, 2), (1, 2))), 3, 6, [0] * 4),
        (held(hashes=((1, 2),)), 3, 6, [0] * 4),
        (held(), 3, 6, [0, 0, 0, -1]),
        (held(), 3, pairing.MOST + 6, [0] * 4),
        (held(), 3, 200, [0] * 4),
    ],
)
def test_what_cannot_be_is_not_restored(wrong):
    with pytest.raises(ValueError, match="wait"):
        Pairing(100, FOREVER).restore(*wrong)
    Pairing(100, FOREVER).restore(held(), 3, 6, [0] * 4)
