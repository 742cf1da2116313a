"""A lookup says what a dictionary would, whether its table is a run of codes or not, and knows what it never met."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.lookup import NEW, Lookup, run_of

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(seeds, st.integers(1, 12), st.sampled_from([np.uint8, np.uint32, np.uint64]), st.booleans())
def test_codes_are_those_learned(rng, size, dtype, in_order):
    lookup, known = Lookup(int(rng.integers(0, size + 1))), {}
    for _ in range(4):
        fresh = rng.permutation(size)[: rng.integers(1, size + 1)]
        fresh = np.sort(fresh) if in_order else fresh
        codes = 5 + fresh if in_order else rng.integers(0, 99, len(fresh))
        lookup.learn(fresh, codes.astype(np.uint32))
        known |= dict(zip(fresh.tolist(), codes.tolist(), strict=True))
        raw = rng.integers(0, size + 2, 30).astype(dtype)
        if dtype != np.uint8 and rng.random() < 0.3:
            raw[rng.integers(30)] = np.iinfo(dtype).max
        out = np.zeros(30, np.uint32)
        met = [code in known for code in raw.tolist()]
        assert lookup.place(raw, out) == all(met)
        assert all(code == known[value] for code, value, there in zip(out, raw.tolist(), met, strict=True) if there)
        assert all((code == NEW) != there for code, there in zip(out, met, strict=True))


@given(seeds, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_codes_of_pairs(rng, size, width, in_order):
    lookup = Lookup(size * width)
    fresh = np.arange(size * width) if rng.random() < 0.5 else np.flatnonzero(rng.random(size * width) < 0.9)
    codes = 2 + fresh if in_order else rng.permutation(size * width)[: len(fresh)]
    if len(fresh):
        lookup.learn(fresh, codes.astype(np.uint32))
    known = dict(zip(fresh.tolist(), codes.tolist(), strict=True))
    first, second = rng.integers(0, size + 1, 20).astype(np.uint32), rng.integers(0, width + 1, 20).astype(np.uint32)
    if rng.random() < 0.5:
        first, second = np.minimum(first, size - 1), np.minimum(second, width - 1)
    out, pairs = np.zeros(20, np.uint32), list(zip(first.tolist(), second.tolist(), strict=True))
    expected = [known.get(a * width + b, int(NEW)) if b < width else int(NEW) for a, b in pairs]
    assert lookup.place_pairs(first, second, width, out) == (int(NEW) not in expected)
    assert out.tolist() == expected


@pytest.mark.parametrize(
    ("table", "run"),
    [([], 0), ([NEW, 1], 0), ([3, 4, 5], 3), ([3, 4, NEW], 2), ([3, 4, 6], 2), ([NEW - np.uint32(1), NEW], 1)],
)
def test_run_of(table, run):
    assert run_of(np.array(table, np.uint32))[0] == run


def test_a_twin_learns_on_its_own():
    lookup = Lookup()
    lookup.learn(np.array([0]), np.array([7], np.uint32))
    twin, out = lookup.twin(), np.zeros(1, np.uint32)
    twin.learn(np.array([1]), np.array([8], np.uint32))
    assert twin.place(np.array([1], np.uint8), out)
    assert not lookup.place(np.array([1], np.uint8), out)
