"""Summing: float64 numbers into tables of 32-bit digits, each exactly; what they sum to does not depend on the order.

A table int64 (n, L + 2) holds n numbers in units of 2**(32 * low). A term adds less than 2**32 to a cell, so that 2**31
terms pass before a cell could; a carry pass in time is the caller's duty. Terms must be finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel
from streamavg.count.kernels.counting import BLOCK, peak


@kernel
def fits(terms: Any, scale: float, most: float) -> bool:
    """Whether each term is a whole number once it is scaled, and below `most` in size; a loop of vectors."""
    for start in range(0, len(terms), BLOCK):
        block, wild = terms[start : start + BLOCK], 0
        for i in range(len(block)):
            scaled = block[i] * scale
            wild += (np.floor(scaled) != scaled) | (abs(block[i]) >= most)
        if wild:
            return False
    return True


@kernel
def reach(terms: Any) -> tuple[Any, Any]:
    """The place of the lowest bit of all terms, and one above the highest: 2**lowest divides each, 2**highest is above.

    (1100, -1100) where all are zero.
    """
    lowest, highest, one = np.int64(1100), np.int64(-1100), np.uint64(1)
    for i in range(len(terms)):
        bits = terms[i : i + 1].view(np.uint64)[0] & np.uint64(0x7FFFFFFFFFFFFFFF)
        exponent = np.int64(bits >> np.uint64(52))
        number = bits & np.uint64(0xFFFFFFFFFFFFF)
        if exponent:
            number |= one << np.uint64(52)
        exponent = max(exponent, np.int64(1))
        if number:
            low, length = 0, 0
            while not (number >> np.uint64(low)) & one:
                low += 1
            length = 52
            while not (number >> np.uint64(length)) & one:
                length -= 1
            lowest, highest = min(lowest, exponent - 1075 + low), max(highest, exponent - 1074 + length)
    return lowest, highest


@kernel
def add_terms(cells: Any, terms: Any, low: int, step: int, table: Any) -> int:
    """Number cells[i] += step * terms[i], for uint32 cells and finite terms that fit the table; step 1 or -1.

    Returns the number of terms added: fewer than all if one or its cell lies outside the table.
    """
    flat, width, fraction = table.reshape(-1), table.shape[1], np.uint64(0xFFFFFFFFFFFFF)
    mask, half, digits = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(max(width - 2, 0))
    for start in range(0, len(cells), BLOCK):
        c, bits = cells[start : start + BLOCK], terms[start : start + BLOCK].view(np.uint64)
        if peak(c) >= len(table):
            return start
        for i in range(len(c)):
            exponent = np.int64((bits[i] >> np.uint64(52)) & np.uint64(2047))
            number = (bits[i] & fraction) | (np.uint64(exponent > 0) << np.uint64(52))
            place = exponent + (exponent == 0) - 1075 - 32 * low
            number >>= np.uint64(min(max(-place, 0), 63))  # bits that are zero
            place = max(place, 0)
            shift, digit = np.uint64(place & 31), np.uint64(place >> 5)
            if digit >= digits:
                return start + i
            at = np.uint64(c[i]) * np.uint64(width) + digit
            sign = step * (1 - 2 * np.int64(bits[i] >> np.uint64(63)))
            lower = number << shift
            flat[at] += sign * np.int64(lower & mask)
            flat[at + np.uint64(1)] += sign * np.int64(lower >> half)
            flat[at + np.uint64(2)] += sign * np.int64(number >> np.uint64(1) >> (np.uint64(63) - shift))
    return len(cells)


@kernel
def cut_digit(rest: Any, step: int, digit: Any) -> None:
    """digit = step * whole part of each number, rest = its fraction * 2**32; of slices from 0 on: 3 x faster."""
    for i in range(len(rest)):
        whole = np.trunc(rest[i])  # not floor: what it leaves of a small negative number is no float64
        digit[i] = step * np.int64(whole)
        rest[i] = (rest[i] - whole) * 4294967296.0


@kernel
def cut_terms(terms: Any, scale: float, step: int, rest: Any, digits: Any) -> None:
    """digits[k] = digit k of each step * term, from the lowest up; `scale` makes the highest digit the whole part.

    Loops of vectors, exact while no scaled term falls below 2**-1022. rest float64 scratch and digits int64 (L, block)
    hold at least so many terms.
    """
    part = rest[: len(terms)]
    for i in range(len(part)):
        part[i] = terms[i] * scale
    for k in range(len(digits) - 1, -1, -1):
        cut_digit(part, step, digits[k, : len(terms)])


@kernel
def add_digit(cells: Any, digit: Any, width: Any, table: Any) -> None:
    """table[cells[i] * width] += digit[i]; cells uint32, width uint64."""
    for i in range(len(cells)):
        table[np.uint64(cells[i]) * width] += digit[i]


@kernel
def add_cut(cells: Any, terms: Any, scale: float, step: int, rest: Any, digits: Any, table: Any) -> int:
    """As add_terms, for few digits: a block of terms is cut, then added digit by digit, in 0.4 of the time.

    Returns the number of terms added: fewer than all at a block with a cell outside the table.
    """
    flat, width = table.reshape(-1), np.uint64(table.shape[1])
    if len(digits) > table.shape[1]:
        return 0
    for start in range(0, len(cells), digits.shape[1]):
        c, block = cells[start : start + digits.shape[1]], terms[start : start + digits.shape[1]]
        if peak(c) >= len(table):
            return start
        cut_terms(block, scale, step, rest, digits)
        for k in range(len(digits)):
            add_digit(c, digits[k, : len(c)], width, flat[k:])
    return len(cells)


@kernel
def add_all(terms: Any, scale: float, step: int, rest: Any, digits: Any, number: Any) -> None:
    """Add all terms to one number, the digits of a row of a table; otherwise as add_cut."""
    for start in range(0, len(terms), digits.shape[1]):
        block = terms[start : start + digits.shape[1]]
        cut_terms(block, scale, step, rest, digits)
        for k in range(len(digits)):
            number[k] += digits[k, : len(block)].sum()


@kernel
def split_pairs(y_true: Any, y_pred: Any, terms: Any, abstain: bool, cells: Any, wrong: Any, wrong_terms: Any) -> int:
    """The cells that the weight of each (truth, prediction) row is added to; codes uint32, 3 cells a code.

    cells[i]: TP or FN of the true label; 0 for a row that is skipped, 2 for one that abstains. Of rows answered wrong,
    in order, `wrong` gets FP of the prediction (of code 0: no answer; of 1: unknown) and `wrong_terms` the term;
    returns how many. No branch: answers are right or wrong without a pattern.
    """
    three, two, one, none = np.uint32(3), np.uint32(2), np.uint32(1), np.uint32(0)
    for i in range(len(y_true)):
        t, p = y_true[i], y_pred[i]
        cell = three * t + (two if t != p else none)
        cells[i] = none if t < two else two if abstain and p == none else cell
    k = 0
    for i in range(len(y_true)):
        wrong[k] = three * y_pred[i] + one
        wrong_terms[k] = terms[i]
        k += (cells[i] > three + two) & (y_true[i] != y_pred[i])
    return k


@kernel
def split_sets(ends: Any, y_true: Any, y_pred: Any, first: int, limit: int, marks: Any, cells: Any, rows: Any) -> int:
    """The cells that the weight of each row's two label sets is added to, with the row of each; returns their number.

    ends, codes, first and marks as of count_sets, whose checks must have passed; TP, FP, FN of a label are cells 3 code
    and up; the FP of each code from `limit` on is cell 4. cells uint32, rows int64: as long as all codes together.
    """
    k = 0
    for row in range(len(ends) - 1):
        mark, start = first + row, k
        for j in range(ends[row, 1], ends[row + 1, 1]):
            label = y_pred[j]
            if marks[label, 1] != mark:
                marks[label, 1] = mark
                cells[k] = 3 * label + 1 if label < limit else 4
                k += 1
        for j in range(ends[row, 0], ends[row + 1, 0]):
            label = y_true[j]
            if marks[label, 0] != mark:
                marks[label, 0] = mark
                cells[k] = 3 * label + 2
                k += 1
        # here a label that is in both sets has FP and FN: it is TP once, found by its marks
        kept = start
        for j in range(start, k):
            label, kind = cells[j] // 3, cells[j] % 3
            both = label >= 2 and marks[label, 0] == mark and marks[label, 1] == mark
            if not (both and kind == 1):
                cells[kept], rows[kept] = 3 * label if both else cells[j], row
                kept += 1
        k = kept
    return k
