"""The numpy loops that short runs are counted with, against the plain twins of the kernels that they stand for."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import small
from tests import naive
from tests.count.test_kernels import assert_marks_and_translates, codes, dtypes, seeds, with_wild_ones


@given(seeds, st.integers(1, 60), dtypes, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, -1]))
def test_count_pairs(rng, rows, dtype, bound_true, bound_pred, step):
    """Up to the first row outside the tables, where a kernel stops at the start of its block."""
    width = bound_pred + int(rng.integers(3))
    true = with_wild_ones(rng, codes(rng, rows, bound_true, dtype), bound_true)
    pred = with_wild_ones(rng, codes(rng, rows, bound_pred, dtype), bound_pred)
    table = rng.integers(-5, 5, bound_true * width).astype(np.int32)
    twin = table.copy()
    sizes, keys = np.array((bound_true, bound_pred, width, 0, 0), np.uint64), np.empty(8, np.uint16)
    done = small.count_pairs(true, pred, sizes, np.int32(step), keys, table)
    inside = (true.astype(object) < bound_true) & (pred.astype(object) < bound_pred)
    assert done == (rows if inside.all() else inside.tolist().index(False))
    assert naive.count_pairs(true[:done], pred[:done], sizes, step, keys, twin) == done
    assert table.tolist() == twin.tolist()


@given(seeds, st.integers(1, 40), dtypes)
def test_mark_and_translate(rng, rows, dtype):
    assert_marks_and_translates(small, rng, rows, dtype)


@given(seeds, st.integers(1, 40), dtypes, st.integers(0, 17), st.sampled_from([0, 3, 9, 255, 2**62]))
def test_fill_nulls(rng, rows, dtype, offset, size):
    array = with_wild_ones(rng, codes(rng, rows, min(size + 1, 200), dtype), size)
    bits = rng.integers(0, 256, (offset + rows + 7) // 8 + 1).astype(np.uint8)
    out = np.zeros(rows, np.uint64 if dtype is np.uint64 else np.uint32)
    twin = out.copy()
    null = out.dtype.type(min(size, 2**32 - 1))
    wild = small.fill_nulls(array, bits, offset, np.uint64(size), null, out)
    assert wild == naive.fill_nulls(array, bits, offset, size, null, twin)
    assert out.tolist() == twin.tolist()


def test_a_process_goes_over_to_the_kernels_in_the_middle():
    """In a process of its own: one that has not loaded numba. The count at the change is exact."""
    code = f"""
import sys, numpy as np, streamavg as sa
true = np.arange({small.MOST_ROWS // 4}) % 7
acc = sa.Accumulator()
for k in range(9):
    acc.update({{"y_true": true, "y_pred": true // 2}})
    assert ("numba" in sys.modules) is (k >= 4), k
print(acc.snapshot().rows, acc.snapshot().matrix.tolist())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    true = np.arange(small.MOST_ROWS // 4) % 7
    pairs = naive.Counter(zip(map(str, true), map(str, true // 2), strict=True))
    cells = naive.count_rows(list(pairs.elements())).cells
    rows = 9 * len(true)
    expected = []
    for label in map(str, range(7)):
        tp, fp, fn = (9 * cells[label, name] for name in ("TP", "FP", "FN"))
        expected.append([tp, fp, fn, rows - tp - fp - fn])
    assert ran.stdout.strip() == f"{rows} {expected}"


def test_loops_counts_rows_of_the_process(monkeypatch):
    monkeypatch.setattr(small, "KERNELS", "not loaded")
    monkeypatch.setattr(small, "_counted", 0)
    assert small.loops(small.MOST_ROWS) is small
    assert small.loops(1) is not small


@pytest.mark.parametrize("name", ["count_pairs", "fill_nulls"])
def test_the_same_names_as_the_kernels(name):
    from streamavg.count import kernels

    assert hasattr(small, name)
    assert hasattr(kernels, name)
