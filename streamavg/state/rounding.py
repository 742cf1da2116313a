"""Rounding: exact numbers in balanced 32-bit digits to the nearest float64, halves to the even one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]

DIGIT = 32
MASK = (1 << DIGIT) - 1


def rounded(limbs: Ints, low: int) -> Floats:
    """The nearest float64 to the size of each number; inf beyond the largest."""
    plain = _plain_digits(limbs)
    place = np.arange(len(plain[0]))
    top = np.zeros(len(place), np.int64)
    for k, digit in enumerate(plain):
        top[digit != 0] = k
    first, second, third = (np.where(top >= k, plain[np.maximum(top - k, 0), place], 0) for k in range(3))
    rest = np.zeros(len(place), bool)  # whether anything not zero lies below the third digit
    for k, digit in enumerate(plain):
        rest |= (digit != 0) & (k < top - 2)
    # the highest 64 bits of the three digits: `length` bits of the first, 32, and what is left
    length = np.frexp(first.astype(np.float64))[1].astype(np.uint64)
    gone = np.uint64(DIGIT) - length
    word = (first << (np.uint64(DIGIT) + gone)) | (second << gone) | (third >> length)
    rest |= (third & ((np.uint64(1) << length) - np.uint64(1))) != 0
    exponent = DIGIT * (low + top - 2) + length.astype(np.int64)
    # bits that a float64 does not hold: 11, and more of a number below 2**-1022
    drop = np.clip(-1074 - exponent, 11, 65)
    half = np.uint64(1) << (np.minimum(drop, 64) - 1).astype(np.uint64)
    kept = (word >> (np.minimum(drop, 64) - 1).astype(np.uint64)) >> np.uint64(1)
    lost = word & (half | (half - np.uint64(1)))
    up = (lost > half) | ((lost == half) & (rest | ((kept & np.uint64(1)) != 0)))
    kept = np.where(drop > 64, np.uint64(0), kept + up)
    with np.errstate(over="ignore"):
        found: Floats = np.ldexp(kept.astype(np.float64), exponent + drop)
    return found


def _plain_digits(limbs: Ints) -> NDArray[np.uint64]:
    """The size of each number in digits 0 <= digit < 2**32, shape (L, n): digits of n numbers in a row."""
    digits = limbs.T.copy()
    below = np.zeros(digits.shape[1], bool)
    for digit in digits:
        below = np.where(digit != 0, digit < 0, below)
    np.negative(digits, out=digits, where=below)
    for k, digit in enumerate(digits[:-1]):
        digits[k + 1] += digit >> DIGIT
        digit &= MASK
    return digits.astype(np.uint64)
