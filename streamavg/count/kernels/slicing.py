"""Slicing: which slice a row belongs to, and counts with the slice as one more index.

As in counting, codes are unsigned and compared with the size of their table before their block is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel
from streamavg.count.kernels.counting import BLOCK, peak


@kernel
def count_slices(slices: Any, y_true: Any, y_pred: Any, bounds: Any, step: Any, cells: Any) -> int:
    """As count_labels, in the part of `cells` that is the row's slice; returns how many rows were counted.

    slices uint32; y_true, y_pred: equal unsigned dtype and length; bounds uint64 (3,): of slice, truth and prediction,
    at most what cells has; step int32; cells int32 (slices, labels, 3).
    """
    for start in range(0, len(y_true), BLOCK):
        s, t, p = slices[start : start + BLOCK], y_true[start : start + BLOCK], y_pred[start : start + BLOCK]
        if peak(s) >= bounds[0] or peak(t) >= bounds[1] or peak(p) >= bounds[2]:
            return start
        for i in range(len(t)):
            place, true, pred = np.uint64(s[i]), np.uint64(t[i]), np.uint64(p[i])
            if true == pred:
                cells[place, true, 0] += step
            else:
                cells[place, pred, 1] += step
                cells[place, true, 2] += step
    return len(y_true)


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
