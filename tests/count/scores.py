"""Scores that are hard to get right: ties, both zeros, the neighbours of 0 and 1, the smallest, nan and infinities."""

import numpy as np
from hypothesis import strategies as st

from streamavg.count.score_columns import ScoreBlock

FLOATS = [np.float16, np.float32, np.float64]
DTYPES = [*FLOATS, np.uint8, np.int8]

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
floats = st.sampled_from(FLOATS)
dtypes = st.sampled_from(DTYPES)
widths = st.sampled_from([1, 2, 3, 5, 16, 17, 40])
lengths = st.sampled_from([0, 1, 2, 7, 63, 64, 65])


def special(kind: type, family: str) -> np.ndarray:
    """Scores of a family that are easy to get wrong."""
    info = np.finfo(kind)
    one, zero = kind(1), kind(0)
    inside = [0, -0.0, 1, info.smallest_subnormal, info.tiny, np.nextafter(one, zero), 0.5, 0.1, 0.7]
    outside = [-1, 2, info.max, info.min, -info.smallest_subnormal, np.nextafter(one, kind(2))]
    wild = [np.nan, -np.nan, np.inf, -np.inf]
    groups = {"unit": inside, "signed": inside + outside, "wild": inside + outside + wild}
    return np.array(groups[family], kind)


def scores(rng: np.random.Generator, shape: tuple[int, ...], kind: type, family: str = "signed") -> np.ndarray:
    """Random, tied and special scores side by side."""
    if kind in (np.uint8, np.int8):
        info = np.iinfo(kind)
        every = rng.integers(info.min, info.max, shape, kind, endpoint=True)
        return np.where(rng.random(shape) < 0.5, every, rng.integers(0, 3, shape).astype(kind))
    spread = rng.random(shape) if family == "unit" else rng.normal(size=shape)
    tied = rng.integers(0, 5, shape) / 8
    choice = rng.integers(0, 3, shape)
    return np.choose(choice, [spread.astype(kind), tied.astype(kind), rng.choice(special(kind, family), shape)])


def block_of(values: np.ndarray, missing: np.ndarray | None = None) -> ScoreBlock:
    """A block of a matrix, or of one score a row."""
    values = np.ascontiguousarray(values.reshape(len(values), -1) if values.size else values)
    return ScoreBlock(values, np.zeros(len(values), bool) if missing is None else missing, values.dtype.name)


def bits_of(values: np.ndarray) -> tuple[np.ndarray, np.integer]:
    """The bits that ranking kernels read, and the least number of their type."""
    block = block_of(values)
    return block.bits, block.bits.dtype.type(np.iinfo(block.bits.dtype).min)
