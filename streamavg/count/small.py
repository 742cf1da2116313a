"""Small: the counting loops of one label a row in numpy, for runs too short to pay for loading numba (0.3 s).

Same names, arguments and results as in `streamavg.count.kernels`; `loops(rows)` says which to use.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

KERNELS = "streamavg.count.kernels"
MOST_ROWS = 1 << 18  # rows a process counts with numpy, at 6 ns each, before it loads numba

_counted = 0


def loops(rows: int) -> ModuleType:
    """The module to count so many more rows with: this one for the first few of a process, then the kernels."""
    global _counted
    _counted += rows
    if _counted <= MOST_ROWS and KERNELS not in sys.modules:
        return sys.modules[__name__]
    from streamavg.count import kernels

    return kernels


def count_pairs(y_true: Any, y_pred: Any, sizes: Any, step: Any, keys: Any, table: Any) -> int:
    """table[true * width + pred] += step for each row before the first that is out of bounds; returns their number."""
    wild = np.flatnonzero((y_true >= sizes[0]) | (y_pred >= sizes[1]))
    rows = int(wild[0]) if wild.size else len(y_true)
    pairs = y_true[:rows].astype(np.int64) * int(sizes[2]) + y_pred[:rows].astype(np.int64)
    counts = np.bincount(pairs, minlength=0)
    table[: len(counts)] += (counts * step).astype(np.int32)
    return rows


def mark(codes: Any, met: Any) -> None:
    """met[code] = 1 for each code that `met` has."""
    met[codes[codes < len(met)]] = 1


def translate(codes: Any, mapping: Any, out: Any) -> None:
    """out[i] = mapping[codes[i]], or 0 for a code that `mapping` does not have."""
    inside = codes < len(mapping)
    out[:] = np.where(inside, mapping[np.where(inside, codes, 0)], 0)


def fill_nulls(codes: Any, bits: Any, offset: int, size: Any, null_code: Any, out: Any) -> int:
    """out = codes, or null_code where the bit is 0; returns the first valid row with a code >= size, or -1."""
    valid = np.unpackbits(bits[offset >> 3 : (offset + len(codes) + 7) >> 3], bitorder="little")
    valid = valid[offset & 7 : (offset & 7) + len(codes)].astype(bool)
    out[:] = np.where(valid, codes, null_code)
    wild = np.flatnonzero(valid & (codes >= size))
    return int(wild[0]) if wild.size else -1


def shifted(codes: Any, shift: Any, out: Any) -> Any:
    """out = codes + shift; returns the largest code."""
    out[:] = codes.astype(np.uint32) + shift
    return codes.max()


def shifted_pairs(first: Any, second: Any, width: Any, shift: Any, out: Any) -> tuple[Any, Any]:
    """out = first * width + second + shift; returns the largest of either side."""
    out[:] = first * width + second + shift
    return first.max(), second.max()


def place(codes: Any, table: Any, out: Any) -> Any:
    """out[i] = table[codes[i]], or the largest uint32 outside it; returns the largest out."""
    inside = codes < len(table)
    out[:] = 0xFFFFFFFF
    out[inside] = table[codes[inside]]
    return out.max(initial=0)


def place_pairs(first: Any, second: Any, width: Any, table: Any, out: Any) -> Any:
    """out[i] = table[first[i] * width + second[i]], or the largest uint32 outside it; returns the largest out."""
    codes = first.astype(np.int64) * int(width) + second
    inside = (codes < len(table)) & (second < width)
    out[:] = np.where(inside, table[np.where(inside, codes, 0)], 0xFFFFFFFF)
    return out.max(initial=0)


def count_slices(slices: Any, y_true: Any, y_pred: Any, sizes: Any, back: bool, tables: Any, keys: Any) -> int:
    """TP, FP, FN of each row's labels in the part of `big` that is its slice; returns how many rows were counted."""
    _, big, pairs, carried = tables
    carried[0] = 1
    wild = np.flatnonzero((slices >= sizes[0]) | (y_true >= sizes[1]) | (y_pred >= sizes[2]))
    rows, far, step = int(wild[0]) if wild.size else len(y_true), int(sizes[3]), -1 if back else 1
    place = slices[:rows].astype(np.int64) * 3 * far
    true, pred = place + y_true[:rows].astype(np.int64), place + y_pred[:rows].astype(np.int64)
    np.add.at(big, np.where(true == pred, true, 2 * far + true), step)
    wrong = true != pred
    np.add.at(big, far + pred[wrong], step)
    if len(pairs):
        np.add.at(pairs, ((true - place) * int(sizes[3]) + pred - place)[wrong], step)
    return rows
