"""The loops over text against their plain twins."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import kernels
from streamavg.sources.json_fields import _meant
from streamavg.sources.json_states import EVENTS, START, automaton
from tests import naive

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
values = st.one_of(st.text('ab\\"é', max_size=4), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
lines = st.lists(st.dictionaries(st.sampled_from(["a", "bb", "b", ""]), values, max_size=4), min_size=1, max_size=6)
KEYS, ENDS = np.frombuffer(b"abbxyz", np.uint8), np.array([0, 1, 3, 6])


@given(seeds, st.integers(1, 40), st.booleans())
def test_walk_over_any_table(rng, size, odd):
    """Two runs at once are two runs, whatever the table says."""
    table = rng.integers(0, 7, 7 * 256).astype(np.uint8)
    text = rng.integers(0, 256, size).astype(np.uint8)
    middle = min(-(-size // 2) + odd, size)
    places, states = ([np.zeros((2, middle + 1), kind) for _ in range(2)] for kind in (np.int32, np.uint8))
    numbers = [
        tuple(map(int, using.walk(text, middle, table, np.uint64(3), np.uint64(4), places[k], states[k])))
        for k, using in enumerate((kernels, naive))
    ]
    assert numbers[0] == numbers[1]
    for half, number in enumerate(numbers[0]):
        assert places[0][half, :number].tolist() == places[1][half, :number].tolist()
        assert states[0][half, :number].tolist() == states[1][half, :number].tolist()


@given(lines, seeds)
def test_keep_and_copy(rows, rng):
    raw = bytearray(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
    for _ in range(int(rng.integers(0, 3))):
        raw[rng.integers(len(raw))] = rng.choice(list(b'"{}:,1e \n'))
    text, most = np.frombuffer(bytes(raw), np.uint8), len(raw)
    places, states = np.zeros((2, most + 1), np.int32), np.zeros((2, most + 1), np.uint8)
    number, _ = kernels.walk(text, most, automaton(), np.uint64(START), np.uint64(len(EVENTS)), places, states)
    events, shapes = (places[0, : int(number)], states[0, : int(number)]), ((most, 3, 2), (most, 3), (most,), (most,))
    found = []
    for using in (kernels, naive):
        kept = tuple(np.zeros(*each) for each in zip(shapes, (np.int32, np.uint8) * 2, strict=True))
        count = int(using.keep_fields(text, *events, KEYS, ENDS, _meant(), kept))
        found.append((count, [each[:count] for each in kept]))
    (count, ours), (same, twins) = found
    assert count == same
    good = ours[3] == 1
    assert ours[2].tolist() == twins[2].tolist()
    assert ours[3].tolist() == twins[3].tolist()
    for mine, twin in zip(ours[:2], twins[:2], strict=True):
        assert mine[good].tolist() == twin[good].tolist()
    lengths = (ours[0][:, 0, 1] - ours[0][:, 0, 0]) * good
    ends = np.r_[0, np.cumsum(lengths)].astype(np.int32)
    copies = [np.zeros(ends[-1], np.uint8) for _ in range(2)]
    for using, copy in zip((kernels, naive), copies, strict=True):
        using.copy_fields(text, ours[0][:, 0], ends, copy)
    assert copies[0].tolist() == copies[1].tolist()


def test_field_of():
    text = np.frombuffer(b"xabbxyza", np.uint8)
    for first in range(9):
        for after in range(first, 9):
            assert kernels.field_of(text, first, after, KEYS, ENDS) == naive.field_of(text, first, after, KEYS, ENDS)
