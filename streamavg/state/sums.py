"""Sums: exact numbers as arrays of 32-bit digits, so that a sum of floats depends on what was added, not on the order.

A float64 is a whole number of 53 bits times a power of two, so every sum of them is a whole number of 2**-1074.
Digits are balanced, -2**31 <= digit < 2**31: each number has one form, whatever its sign, so that equal sums are equal
bytes (after the small superaccumulator of Neal 2015, https://arxiv.org/abs/1505.05571).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import CountOverflowError, InputError
from streamavg.state.rounding import DIGIT, MASK, rounded
from streamavg.state.tables import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

HALF = 1 << (DIGIT - 1)
LEAST_LOW = -34  # 2**-1074, the smallest float64, lies in the digit of 2**(32 * -34)
MOST_BYTES = 1 << 30
_BLOCK = 1 << 16  # numbers rounded at once, so that the words between stay in the cache


def refuse_beyond(numbers: int, low: int, digits: int) -> None:
    """InputError if so many exact numbers of so many digits would pass the memory that sums may take."""
    if numbers * digits * 8 > MOST_BYTES:
        raise InputError(
            f"exact sums of {numbers:,} numbers from 2**{DIGIT * low} up to 2**{DIGIT * (low + digits)} need "
            f"{numbers * digits * 8 / 2**30:.1f} GiB, at most {MOST_BYTES / 2**30:g} are taken; "
            "round the weights to fewer digits, or scale those that are many powers of ten apart"
        )


@dataclass(frozen=True, eq=False)
class Sums:
    """n exact numbers, number i = sum over k of limbs[i, k] * 2**(32 * (low + k)). A commutative group.

    limbs int64 (n, L), balanced digits; outer columns that are zero for all numbers are not held (L = 0 has low = 0).
    """

    low: int
    limbs: Ints

    @staticmethod
    def zero(numbers: int = 0) -> Sums:
        """So many zeros."""
        return Sums(0, frozen(np.empty((numbers, 0), np.int64)))

    @staticmethod
    def of(chunks: Ints, low: int) -> Sums:
        """The numbers whose digits at 32 * low and up are `chunks`, any int64 (n, L): carries are passed on."""
        numbers, size = chunks.shape
        digits = np.zeros((size + 2, numbers), np.int64)
        np.copyto(digits[:size], chunks.T)
        # the upper half of each digit first, so that no carry is added to a number near 2**63
        above = digits[:size] >> DIGIT
        digits[:size] &= MASK
        digits[1 : size + 1] += above
        carry = np.zeros(numbers, np.int64)
        for digit in digits:
            digit += carry
            np.add(digit, HALF, out=carry)
            carry >>= DIGIT
            digit -= carry << DIGIT
        return Sums._trimmed(digits.T, low)

    @staticmethod
    def integer(value: int) -> Sums:
        """One whole number of any size."""
        digits = []
        while value:
            digit = ((value + HALF) & MASK) - HALF
            digits.append(digit)
            value = (value - digit) >> DIGIT
        return Sums._trimmed(np.array([digits], np.int64).reshape(1, -1), 0)

    @staticmethod
    def _trimmed(digits: Ints, low: int) -> Sums:
        used = np.flatnonzero(digits.any(axis=0))
        if not used.size:
            return Sums.zero(len(digits))
        return Sums(low + int(used[0]), frozen(digits[:, used[0] : used[-1] + 1]))

    def __len__(self) -> int:
        return len(self.limbs)

    @property
    def digits(self) -> int:
        """How many digits each number has."""
        return int(self.limbs.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the digits."""
        return int(self.limbs.nbytes)

    def _over(self, low: int, digits: int) -> Ints:
        """A copy of the digits over a window that holds all of them."""
        wide = np.zeros((len(self), digits), np.int64)
        wide[:, self.low - low : self.low - low + self.digits] = self.limbs
        return wide

    def _combined(self, other: Sums, sign: int) -> Sums:
        if not other.digits:
            return self
        low = min(self.low, other.low) if self.digits else other.low
        digits = max(self.low + self.digits if self.digits else low, other.low + other.digits) - low
        refuse_beyond(len(self), low, digits)
        total = self._over(low, digits) if self.digits else np.zeros((len(self), digits), np.int64)
        part = total[:, other.low - low : other.low - low + other.digits]
        (np.add if sign > 0 else np.subtract)(part, other.limbs, out=part)
        return Sums.of(total, low)

    def __add__(self, other: Sums) -> Sums:
        return self._combined(other, 1)

    def __sub__(self, other: Sums) -> Sums:
        return self._combined(other, -1)

    def __neg__(self) -> Sums:
        return Sums.of(-self.limbs, self.low)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sums) and self.low == other.low and np.array_equal(self.limbs, other.limbs)

    __hash__ = None  # type: ignore[assignment]

    def at(self, rows: Any) -> Sums:
        """The numbers at these places, in this order; -1 stands for a zero."""
        rows = np.asarray(rows, np.int64)
        digits = np.zeros((len(rows), self.digits), np.int64)
        held = rows >= 0
        digits[held] = self.limbs[rows[held]]
        return Sums._trimmed(digits, self.low)

    def times(self, factor: float) -> Sums:
        """The numbers times a factor from 0 to 1, cut to 64 binary places: exact, so that what adds up still does."""
        if factor == 1:
            return self
        high = int(factor * 2.0**DIGIT)
        low = int((factor * 2.0**DIGIT - high) * 2.0**DIGIT)
        return Sums.of(self.limbs * high, self.low - 1) + Sums.of(self.limbs * low, self.low - 2)

    def total(self, factors: Ints | None = None) -> Sums:
        """The sum of all numbers, or of each times its factor (0 to 2**31 - 1), as one number."""
        if factors is not None:
            return Sums.of(self.limbs * factors[:, None], self.low).total()
        digits = self.limbs
        return Sums.of(digits.sum(axis=0, dtype=np.int64, keepdims=True), self.low)

    def fraction(self) -> Fraction:
        """The one number that this is."""
        return Fraction(self.integers(self.low)[0]) * Fraction(2) ** (DIGIT * self.low)

    @cached_property
    def nonzero(self) -> Mask:
        """Which numbers are not zero."""
        return np.asarray(self.limbs.any(axis=1))

    @cached_property
    def negative(self) -> Mask:
        """Which numbers are below zero: those whose highest digit that is not zero is."""
        below = np.zeros(len(self), bool)
        for digit in self.limbs.T:  # from the lowest digit up
            below = np.where(digit != 0, digit < 0, below)
        return below

    def integers(self, low: int = 0) -> list[int]:
        """The numbers in units of 2**(32 * low) as Python ints; ValueError if one is not a whole number of them."""
        if self.digits and self.low < low:
            raise ValueError(f"the numbers are not whole multiples of 2**{DIGIT * low}")
        if not self.digits:
            return [0] * len(self)
        total = self.limbs[:, -1].astype(object)
        for digit in self.limbs.T[-2::-1] if self.digits > 1 else ():
            total = (total << DIGIT) + digit
        shift = DIGIT * (self.low - low)
        found: list[int] = (total << shift if shift else total).tolist()
        return found

    def floats(self) -> Floats:
        """Each number as the nearest float64, halves to the even one: rounded once, as float(fractions.Fraction) is.

        CountOverflowError for a number beyond the largest float64.
        """
        out = np.zeros(len(self), np.float64)
        if not self.digits:
            return out
        high = self.low + self.digits
        if self.digits <= 2 and self.low >= -30 and high <= 31 and (np.abs(self.limbs[:, -1]) < HALF // 2).all():
            whole = self.limbs[:, 0] if self.digits == 1 else (self.limbs[:, 1] << DIGIT) + self.limbs[:, 0]
            return np.ldexp(whole.astype(np.float64), DIGIT * self.low)
        for start in range(0, len(self), _BLOCK):
            out[start : start + _BLOCK] = rounded(self.limbs[start : start + _BLOCK], self.low)
        if not np.isfinite(out).all():
            raise CountOverflowError(
                "an exact sum passes the largest float64 (1.8e308); divide the weights by a constant"
            )
        out[self.negative] *= -1.0
        return out


@dataclass(frozen=True, eq=False)
class SumTable:
    """key -> `columns` exact numbers: keys all str or all int, ascending, unique, none all zero. A commutative group.

    The numbers of key i are sums i * columns to (i + 1) * columns - 1.
    """

    keys: tuple[str, ...] | tuple[int, ...]
    sums: Sums
    columns: int = 1

    @staticmethod
    def zero(columns: int = 1) -> SumTable:
        """The table without entries."""
        return SumTable((), Sums.zero(), columns)

    @staticmethod
    def of(keys: Sequence[Any], sums: Sums, columns: int = 1) -> SumTable:
        """The table of these keys, each given once, in any order."""
        held = np.flatnonzero(sums.nonzero.reshape(len(keys), columns).any(axis=1)).tolist()
        if len(held) == len(keys) and all(a < b for a, b in pairwise(keys)):
            return SumTable(tuple(keys), sums, columns)
        held.sort(key=keys.__getitem__)
        return SumTable(tuple(keys[k] for k in held), sums.at(_spread(held, columns)), columns)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers and the keys."""
        return self.sums.nbytes + sum(len(key) if isinstance(key, str) else 8 for key in self.keys)

    def at(self, keys: Sequence[Any]) -> Sums:
        """The numbers of these keys in this order, zeros where a key is not held; len(keys) * columns of them."""
        place: dict[Any, int] = {key: k for k, key in enumerate(self.keys)}
        return self.sums.at(_spread([place.get(key, -1) for key in keys], self.columns))

    def _combined(self, other: SumTable, sign: int) -> SumTable:
        if not other.keys:
            return self
        if self.keys == other.keys:
            keys, mine, theirs = self.keys, self.sums, other.sums
        else:
            held: set[Any] = {*self.keys, *other.keys}
            keys = tuple(sorted(held))
            mine, theirs = self.at(keys), other.at(keys)
        return SumTable.of(keys, mine + theirs if sign > 0 else mine - theirs, self.columns)

    def __add__(self, other: SumTable) -> SumTable:
        return self._combined(other, 1)

    def __sub__(self, other: SumTable) -> SumTable:
        return self._combined(other, -1)

    def __neg__(self) -> SumTable:
        return SumTable(self.keys, -self.sums, self.columns)


def added_tables(mine: Iterable[SumTable], theirs: Iterable[SumTable], sign: int) -> list[SumTable]:
    """Tables added to those at the same place, or with sign -1 taken away from."""
    return [a + b if sign > 0 else a - b for a, b in zip(mine, theirs, strict=True)]


def _spread(places: Sequence[int], columns: int) -> Ints:
    """The places of all numbers of these keys; -1 stays -1."""
    first = np.asarray(places, np.int64)[:, None]
    return np.where(first < 0, -1, first * columns + np.arange(columns)).ravel()
