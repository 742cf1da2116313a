"""Counting: arrays in, counters added in place, no allocation, no Python objects.

Codes are unsigned and compared with the size of their table, a block of rows before that block is counted, because
numba does not check bounds and a negative index would pass even its debug check. A kernel that meets a code outside its
table stops at the start of that block and returns the number of rows it has counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel

BLOCK = 4096  # rows checked, then counted, while both columns are in the first-level cache
WAYS = 4  # increments in flight, in up to so many sub-tables: rows of one frequent pair wait for each other's store


@kernel
def peak(codes: Any) -> Any:
    """The largest code; `codes` must not be empty."""
    highest = codes[0]
    for i in range(len(codes)):
        highest = max(highest, codes[i])
    return highest


@kernel
def pair_keys(y_true: Any, y_pred: Any, width: Any, keys: Any) -> tuple[Any, Any]:
    """keys[i] = true * width + pred; returns the largest true and the largest predicted code.

    A loop without a table, which LLVM makes vectors of; a key means nothing until its codes are known to be in bounds.
    """
    most_true, most_pred = y_true[0], y_pred[0]
    for i in range(len(y_true)):
        most_true, most_pred = max(most_true, y_true[i]), max(most_pred, y_pred[i])
        keys[i] = np.uint32(y_true[i]) * width + np.uint32(y_pred[i])
    return most_true, most_pred


@kernel
def count_pairs(y_true: Any, y_pred: Any, sizes: Any, step: Any, keys: Any, table: Any) -> int:
    """table[true * width + pred] += step for each row, in the four ways 0, a, b and a + b behind that cell in turn.

    y_true, y_pred: equal unsigned dtype and length; sizes uint64 (5,): bound_true, bound_pred, width, a, b with
    bound_pred <= width; step int32; keys: scratch for a block of rows, uint16 or uint32, which must hold every cell's
    number; table flat int32 of at least a + b + bound_true * width cells.
    """
    width, a, b, block = np.uint32(sizes[2]), sizes[3], sizes[4], len(keys)
    way_1, way_2, way_3 = table[a:], table[b:], table[a + b :]
    for start in range(0, len(y_true), block):
        t, p = y_true[start : start + block], y_pred[start : start + block]
        most_true, most_pred = pair_keys(t, p, width, keys)
        if most_true >= sizes[0] or most_pred >= sizes[1]:
            return start
        quads = len(t) // WAYS
        for quad in range(quads):
            i = WAYS * quad
            table[keys[i]] += step
            way_1[keys[i + 1]] += step
            way_2[keys[i + 2]] += step
            way_3[keys[i + 3]] += step
        for i in range(WAYS * quads, len(t)):
            table[keys[i]] += step
    return len(y_true)


@kernel
def count_labels(y_true: Any, y_pred: Any, bound_true: Any, bound_pred: Any, step: Any, cells: Any) -> int:
    """TP of the label where truth and prediction agree, else FN of the true and FP of the predicted label += step.

    y_true, y_pred: equal unsigned dtype and length; bounds uint64, at most len(cells); step int32; cells int32 (n, 3).
    The branch is faster than three plain increments, 6.6 against 12 ns a row at 1,000,000 labels: a right answer
    touches one cell.
    """
    for start in range(0, len(y_true), BLOCK):
        t, p = y_true[start : start + BLOCK], y_pred[start : start + BLOCK]
        if peak(t) >= bound_true or peak(p) >= bound_pred:
            return start
        for i in range(len(t)):
            true, pred = np.uint64(t[i]), np.uint64(p[i])
            if true == pred:
                cells[true, 0] += step
            else:
                cells[pred, 1] += step
                cells[true, 2] += step
    return len(y_true)


@kernel
def mark(codes: Any, met: Any) -> None:
    """met[code] = 1 for each code that `met` has; unsigned codes."""
    for i in range(len(codes)):
        if codes[i] < np.uint64(len(met)):
            met[codes[i]] = 1


@kernel
def translate(codes: Any, mapping: Any, out: Any) -> None:
    """out[i] = mapping[codes[i]], or 0 for a code that `mapping` does not have; unsigned codes, out of equal length."""
    for i in range(len(codes)):
        out[i] = mapping[codes[i]] if codes[i] < np.uint64(len(mapping)) else 0


@kernel
def fill_nulls(codes: Any, bits: Any, offset: int, size: Any, null_code: Any, out: Any) -> int:
    """out[i] = codes[i] where bit offset + i of the validity bitmap is set, else null_code.

    codes unsigned, bits uint8, out uint32 or uint64 of the same length. Returns the first valid row whose code is not
    below `size`, or -1; what lies under a null is never looked at.
    """
    wild = -1
    for i in range(len(codes)):
        bit = offset + i
        if (bits[bit >> 3] >> (bit & 7)) & 1:
            out[i] = codes[i]
            if codes[i] >= size and wild < 0:
                wild = i
        else:
            out[i] = null_code
    return wild


@kernel
def count_bits(y_true: Any, y_pred: Any) -> Any:
    """Set bits of y_true, of y_pred and of both; uint64 words. LLVM turns this idiom into vector popcounts."""
    m1, m2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    m4, m8 = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
    one, two, four, top = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
    true, pred, both = np.uint64(0), np.uint64(0), np.uint64(0)
    for i in range(len(y_true)):
        x, y, z = y_true[i], y_pred[i], y_true[i] & y_pred[i]
        x, y, z = x - ((x >> one) & m1), y - ((y >> one) & m1), z - ((z >> one) & m1)
        x, y, z = (x & m2) + ((x >> two) & m2), (y & m2) + ((y >> two) & m2), (z & m2) + ((z >> two) & m2)
        x, y, z = (x + (x >> four)) & m4, (y + (y >> four)) & m4, (z + (z >> four)) & m4
        true, pred, both = true + ((x * m8) >> top), pred + ((y * m8) >> top), both + ((z * m8) >> top)
    return true, pred, both


@kernel
def add_carry(carry: Any, plane: Any) -> None:
    """Add bits to the numbers whose binary digit of one place `plane` holds; `carry` is what goes to the next place."""
    for word in range(len(carry)):
        held = plane[word]
        plane[word] = held ^ carry[word]
        carry[word] &= held


@kernel
def add_bits(y_true: Any, y_pred: Any, planes: Any, carry: Any) -> None:
    """Count each row's set bits over all labels, |Y and P|, |P| and |Y|, as binary numbers.

    y_true, y_pred: uint64 (labels, words); bit b of word w is row 64 w + b. planes: uint64 (3, digits, words), zero;
    bit b of planes[k, d, w] becomes digit d of the row's size k. carry: uint64 (words,), scratch. 64 rows an operation.
    """
    for label in range(len(y_true)):
        for size in range(3):
            for word in range(len(carry)):
                t, p = y_true[label, word], y_pred[label, word]
                carry[word] = t & p if size == 0 else p if size == 1 else t
            digit, reach = 0, label + 1
            while reach and digit < planes.shape[1]:
                add_carry(carry, planes[size, digit])
                digit, reach = digit + 1, reach >> 1


@kernel
def spread_bits(planes: Any, sizes: Any) -> None:
    """sizes[64 w + b] = the number whose binary digits are bit b of planes[:, w]; sizes int32, 64 a word."""
    sizes[:] = 0
    for digit in range(len(planes)):
        for word in range(planes.shape[1]):
            bits, row = planes[digit, word], sizes[64 * word : 64 * word + 64]
            for bit in range(64):
                row[bit] += np.int32((bits >> np.uint64(bit)) & np.uint64(1)) << digit


@kernel
def count_sizes(sizes: Any, valid: Any, base: Any, step: int, table: Any) -> None:
    """table[(both * base + predicted) * base + true] += step for each row whose bit in `valid` is set.

    sizes: int32 (3, rows) of numbers from 0 to base - 1; valid uint8, 8 rows a byte; table int64 of base ** 3 cells.
    """
    for row in range(sizes.shape[1]):
        if (valid[row >> 3] >> (row & 7)) & 1:
            both, predicted, true = np.int64(sizes[0, row]), np.int64(sizes[1, row]), np.int64(sizes[2, row])
            table[(both * base + predicted) * base + true] += step


@kernel
def count_sets(ends: Any, y_true: Any, y_pred: Any, first: int, step: int, marks: Any, cells: Any, sizes: Any) -> bool:
    """Count the distinct labels of each row's two sets: cells[label] += step in TP, FP, FN; sizes[row] is set.

    ends int64 (rows + 1, 2): where each row's truth and prediction codes begin; codes uint32; marks int64 (labels, 2),
    below `first` everywhere, so that first + row marks what this row has met; cells int64 (labels, 3); sizes int32
    (3, rows) gets |Y and P|, |P|, |Y|. Returns False, nothing counted, if a code lies outside the tables.
    """
    labels, last = len(cells), len(ends) - 1
    if ends[last, 0] > len(y_true) or ends[last, 1] > len(y_pred):
        return False
    if (len(y_true) and peak(y_true) >= labels) or (len(y_pred) and peak(y_pred) >= labels):
        return False
    for row in range(len(ends) - 1):
        mark, true, predicted, both = first + row, 0, 0, 0
        for j in range(ends[row, 0], ends[row + 1, 0]):
            if marks[y_true[j], 0] != mark:
                marks[y_true[j], 0] = mark
                cells[y_true[j], 2] += step
                true += 1
        for j in range(ends[row, 1], ends[row + 1, 1]):
            label = y_pred[j]
            if marks[label, 1] != mark:
                marks[label, 1] = mark
                predicted += 1
                if marks[label, 0] == mark:
                    cells[label, 0] += step
                    cells[label, 2] -= step
                    both += 1
                else:
                    cells[label, 1] += step
        sizes[0, row], sizes[1, row], sizes[2, row] = both, predicted, true
    return True
