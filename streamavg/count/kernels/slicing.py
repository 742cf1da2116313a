"""Slicing: which slice a row belongs to, and counts with the slice as one more index.

As in counting, codes are unsigned and compared with the size of their table before their block is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel

WRONG = np.uint32(1 << 31)  # in a key: a table has no more than 3 << 24 numbers


@kernel
def slice_keys(slices: Any, y_true: Any, y_pred: Any, width: Any, far: Any, keys: Any) -> tuple[Any, Any, Any]:
    """keys[i] = slice * width + true, and WRONG + 2 * far if the prediction is another; returns the largest codes.

    A loop without a table, which LLVM makes vectors of; a key means nothing until its codes are known to be in bounds.
    """
    most_slice, most_true, most_pred = slices[0], y_true[0], y_pred[0]
    for i in range(len(slices)):
        most_slice = max(most_slice, slices[i])
        most_true, most_pred = max(most_true, y_true[i]), max(most_pred, y_pred[i])
        wrong = WRONG + far + far if y_true[i] != y_pred[i] else np.uint32(0)
        keys[i] = slices[i] * width + np.uint32(y_true[i]) + wrong
    return most_slice, most_true, most_pred


@kernel
def bump(key: Any, step: Any, edge: Any, carry: Any, small: Any, big: Any) -> Any:
    """Add step to a number mod 256 in `small`; where it arrives at `edge`, carry to its rest in `big` and return 1."""
    held = np.uint8(small[key] + step)
    small[key] = held
    if held == edge:
        big[key] += carry
        return np.uint32(1)
    return np.uint32(0)


@kernel
def count_slices(slices: Any, y_true: Any, y_pred: Any, sizes: Any, back: bool, tables: Any, keys: Any) -> int:
    """As count_labels, in the part of the tables that is the row's slice; returns how many rows were counted.

    slices uint32; y_true, y_pred: equal unsigned dtype and length; sizes uint64 (4,): bounds of slice, truth and
    prediction, and the width: the labels of a slice. back: take rows away. keys: uint32 (2, block), scratch. tables:
    small uint8, big int32: of each slice TP, FP and FN of its labels, so that a wrong row stays in 3 cache lines, each
    number the sum of both; wrong int32, width * width rows by (truth, other prediction), or none; carried uint8 (1,).
    Bytes nearly fit the second-level cache, where int32 does not, and there is no branch on what is wrong: 3.1 ns a
    row, where int32 takes 8. That a row is wrong is a bit of its key: to compare its labels again takes another 1 ns.
    """
    small, big, pairs, carried = tables
    width, wide, block = np.uint32(sizes[3]), np.uint32(3 * sizes[3]), keys.shape[1]
    step, edge, carry = (np.uint8(255), np.uint8(255), -256) if back else (np.uint8(1), np.uint8(0), 256)
    right, wrong = keys[0], keys[1]
    for start in range(0, len(y_true), block):
        s, t, p = slices[start : start + block], y_true[start : start + block], y_pred[start : start + block]
        most_slice, most_true, most_pred = slice_keys(s, t, p, wide, width, right)
        if most_slice >= sizes[0] or most_true >= sizes[1] or most_pred >= sizes[2]:
            return start
        count, carries = np.uint32(0), np.uint32(0)
        for i in range(len(t)):
            key = right[i]
            wrong[count] = i
            count = np.uint32(count + np.uint32(key >> np.uint32(31)))
            carries |= bump(key & np.uint32(WRONG - 1), step, edge, carry, small, big)
        for j in range(count):
            i = wrong[j]
            carries |= bump(s[i] * wide + np.uint32(p[i]) + width, step, edge, carry, small, big)
            if len(pairs):
                pairs[np.uint32(t[i]) * width + np.uint32(p[i])] += np.int32(-1 if back else 1)
        carried[0] |= np.uint8(carries)
    return len(y_true)


@kernel
def shifted(codes: Any, shift: Any, out: Any) -> Any:
    """out[i] = codes[i] + shift; returns the largest code. As `place` with a table of consecutive numbers, in vectors.

    codes unsigned, shift and out uint32. A code beyond 32 bits is cut off in out: look at the largest first.
    """
    highest = codes[0]
    for i in range(len(codes)):
        highest = max(highest, codes[i])
        out[i] = np.uint32(codes[i]) + shift
    return highest


@kernel
def shifted_pairs(first: Any, second: Any, width: Any, shift: Any, out: Any) -> tuple[Any, Any]:
    """out[i] = first[i] * width + second[i] + shift; returns the largest of either side. All uint32."""
    highest, other = first[0], second[0]
    for i in range(len(first)):
        highest, other = max(highest, first[i]), max(other, second[i])
        out[i] = first[i] * width + second[i] + shift
    return highest, other


@kernel
def place(codes: Any, table: Any, out: Any) -> Any:
    """out[i] = table[codes[i]], or the largest uint32 for a code that `table` does not have; returns the largest out.

    codes unsigned, table and out uint32. One pass and a look at its result tells whether any code is new.
    """
    highest = np.uint32(0)
    for i in range(len(codes)):
        found = table[codes[i]] if codes[i] < np.uint64(len(table)) else np.uint32(0xFFFFFFFF)
        out[i] = found
        highest = max(highest, found)
    return highest


@kernel
def place_pairs(first: Any, second: Any, width: Any, table: Any, out: Any) -> Any:
    """out[i] = table[first[i] * width + second[i]], or the largest uint32 outside it; returns the largest out.

    first, second, table, out uint32; width uint64. One pass and a look at its result tells whether any pair is new.
    """
    highest = np.uint32(0)
    for i in range(len(first)):
        code = np.uint64(first[i]) * width + np.uint64(second[i])
        inside = code < np.uint64(len(table)) and np.uint64(second[i]) < width
        found = table[code] if inside else np.uint32(0xFFFFFFFF)
        out[i] = found
        highest = max(highest, found)
    return highest
