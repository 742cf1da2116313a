"""Slots: which slot of a histogram a score falls in, as tables on float bits, and where each slot begins.

A score is rounded to float32 (IEEE, monotone) and folded: the far side (scores >= 0.5 of "unit", below 0 of
"signed") is measured from its other end, 1 - s or -s, both exact. An octave is what lies between two powers of two; it
has 2**bits slots of equal width, or is one of 2**-bits octaves that share a slot. Two bits less of everything is the
next smaller size, so that each slot of a smaller size is a union of slots of a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]
    Segments = tuple[tuple[int, int, int], ...]

SIZES = {16100: 2, 4092: 0, 1042: -2, 268: -4}  # nominal number of slots -> bits more in each octave
# (first, last octave as power of two, bits): near side of unit, its far side measured from 1, and either side of signed
_NEAR = ((-126, -65, -6), (-64, -34, -6), (-33, -23, 3), (-22, -15, 5), (-14, -10, 6), (-9, -6, 7), (-5, -2, 8))
_FAR = ((-25, -12, 5), (-11, -9, 6), (-8, -6, 7), (-5, -2, 8))
_SIDE = (
    *((-126, -25, -4), (-24, -13, 0), (-12, -11, 2), (-10, -7, 4), (-6, -4, 5), (-3, -3, 6), (-2, -1, 7), (0, 3, 8)),
    *((4, 5, 7), (6, 7, 6), (8, 9, 5), (10, 10, 4), (11, 12, 3), (13, 14, 2), (15, 30, 0), (31, 127, -4)),
)
_WHOLE = 31  # a shift by so much leaves nothing of a mantissa: the octave is one slot, or a part of one
_FLOAT_MAX, _ONE = 0x7F7FFFFF, 0x3F800000


@dataclass(frozen=True)
class Grid:
    """The graded map of a family and size.

    table: uint32 (512,), (slot << 5 | shift) by far side and exponent; half, pivot, flip: a score is on the far side if
    (score >= half) != flip, and is measured from pivot there.
    """

    table: NDArray[np.uint32]
    half: np.float32
    pivot: np.float32
    flip: bool
    slots: int

    def slots_of(self, scores: Any) -> Ints:
        """The slot of each score of a float array; a score that is no member of the family falls in any slot."""
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.asarray(scores).astype(np.float32)
            far = (near >= self.half) != self.flip
            bits = (np.where(far, self.pivot, np.float32(0)) - near).view(np.int32).astype(np.int64) & 0x7FFFFFFF
        bits = np.where(far, bits + 0x7FFFFF, np.where(bits == 0, 0, np.maximum(bits, 1 << 23)))
        entry = self.table[(bits >> 23 & 255) + 256 * far].astype(np.int64)
        within = (bits & 0x7FFFFF) >> (entry & 31)
        found: Ints = (entry >> 5) + np.where(far, ~within, within)
        return found

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest score as float32 bits with a sign, which have the order of the scores."""
        return (-_FLOAT_MAX, _FLOAT_MAX) if self.flip else (0, _ONE)


def graded(family: str, size: int) -> Grid:
    """The graded map of a family, "unit" or "signed", in one of the SIZES."""
    return _unit(SIZES[size]) if family == "unit" else _signed(SIZES[size])


@lru_cache
def _unit(more: int) -> Grid:
    """Exact 0, the near side up, the far side up, exact 1."""
    table = np.zeros(512, np.uint32)
    near, middle = _laid(_groups(_NEAR, more), 1)
    far, one = _laid(_groups(_FAR, more, capped=True), middle, mirrored=True)
    table[:256] = _entry(middle - 1)  # of scores that are not in [0, 1], and of none else
    table[256:] = _entry(one + 1)
    table[0] = _entry(0)
    for exponent, entry in near.items():
        table[exponent] = entry
    for exponent, entry in far.items():
        table[256 + exponent] = entry
    table.flags.writeable = False
    return Grid(table, np.float32(0.5), np.float32(1), flip=False, slots=one + 1)


@lru_cache
def _signed(more: int) -> Grid:
    """The negative side up, exact 0, the positive side up; what rounds to infinity is with the greatest finite ones."""
    table = np.zeros(512, np.uint32)
    below, zero = _laid(_groups(_SIDE, more), 0, mirrored=True)
    above, slots = _laid(_groups(_SIDE, more), zero + 1)
    table[:256] = _entry(slots - 1)
    table[256:] = _entry(zero)  # -2**-126 and what is nearer to zero
    table[0] = _entry(zero)
    for exponent, entry in above.items():
        table[exponent] = entry
    for exponent, entry in below.items():
        table[256 + exponent] = entry
    table.flags.writeable = False
    return Grid(table, np.float32(0), np.float32(0), flip=True, slots=slots)


def _entry(base: int, bits: int = 0) -> int:
    return base << 5 | (23 - bits if bits > 0 else _WHOLE)


def _groups(segments: Segments, more: int, capped: bool = False) -> list[tuple[range, int]]:
    """Octaves with the bits each has, ascending; octaves that share a slot come together, aligned to their segment.

    capped: no more slots than 1 - t has float32 values, which are the multiples of 2**-24.
    """
    groups = []
    for first, last, bits in segments:
        step = 1 << max(0, -(bits + more))
        for octave in range(first, last + 1, step):
            held = min(bits + more, octave + 24) if capped else bits + more
            groups.append((range(octave, min(octave + step, last + 1)), max(held, 0)))
    return groups


def _laid(groups: list[tuple[range, int]], slot: int, mirrored: bool = False) -> tuple[dict[int, int], int]:
    """Exponent -> table entry of one side from slot `slot` on, in ascending order of score, and the slot behind it."""
    entries: dict[int, int] = {}
    for octaves, bits in reversed(groups) if mirrored else groups:
        wide = 1 << bits
        for octave in octaves:
            # mirrored, the fold makes the exponent one more, and sub-bin b is ~b = -1 - b from the base
            exponent, base = (octave + 128, slot + wide) if mirrored else (octave + 127, slot)
            entries[exponent] = _entry(base, bits)
        slot += wide
    return entries, slot


def first_bits(grid: Grid) -> Ints:
    """The least float32 of each slot as bits with a sign: found by bisection, for the map is monotone."""
    least, most = grid.bounds
    low, high = np.full(grid.slots, least), np.full(grid.slots, most)
    wanted = np.arange(grid.slots)
    while (low < high).any():
        middle = (low + high) >> 1
        reached = grid.slots_of(float_of(middle)) >= wanted
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return low


def float_of(bits: Ints) -> NDArray[np.float32]:
    """The float32 with these bits, the negative of those of a negative number."""
    values = np.abs(bits).astype(np.uint32).view(np.float32)
    return np.where(bits < 0, -values, values)


def lowest_rounding_to(values: NDArray[np.float32]) -> Floats:
    """The least float64 that rounds to each of these float32 values: the middle below it or the next float64."""
    exact = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        below = np.nextafter(values, np.float32(-np.inf)).astype(np.float64)
        middle = np.where(np.isinf(below), -np.inf, below + (exact - below) / 2)
        rounded = middle.astype(np.float32)
    return np.where(rounded == values, middle, np.nextafter(middle, np.inf))
