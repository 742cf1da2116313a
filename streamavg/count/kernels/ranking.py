"""Ranking: scores of a row compared with each other and with thresholds, on their bits, so that ties are exact.

`bits` are the scores as they came, row by row: int16, int32 or int64 views of float16, float32 or float64, or uint8 as
it is. Integers compare in vectors where floats do not, and float16 needs no conversion. Rows with nan give numbers that
mean nothing, but no index outside an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel

# Columns up to which one pass is taken; ns a score in one and in two: 1.0 and 4.5 at 3, .96 and 1.3 at 10, .83 and .82
# at 20.
FEW = 16
_U = np.uint32
DECIDED = 4096  # rows of a block, in the first-level cache


@kernel
def ordered(bits: Any, low: Any) -> Any:
    """A number of the bits' type that is greater where the score is; -0.0 and 0.0 are one, `low` is the type's least.

    Bits of a float are a sign and a magnitude, so those of a negative one are low + magnitude, and become -magnitude.
    """
    return bits if bits >= 0 else low - bits


@kernel
def first_of_highest(row: Any, low: Any) -> Any:
    """The first place of the greatest score; 0 of an empty row. Two loops, both of which LLVM makes vectors of."""
    best = low
    for j in range(len(row)):
        best = max(best, ordered(row[j], low))
    at = np.int32(len(row))
    for j in range(len(row)):
        at = min(at, np.int32(j) if ordered(row[j], low) == best else np.int32(len(row)))
    return at if at < len(row) else 0


@kernel
def highest(bits: Any, low: Any, places: Any) -> None:
    """places[row] = the first place of the greatest score; bits (rows, C), low as for `ordered`, places unsigned."""
    for row in range(len(bits)):
        scores = bits[row]
        if len(scores) > FEW:
            places[row] = first_of_highest(scores, low)
            continue
        best, at = low, 0
        for j in range(len(scores)):
            key = ordered(scores[j], low)
            at = max(at, j * (key > best))
            best = max(best, key)
        places[row] = at


@kernel
def decide(bits: Any, low: Any, bounds: Any, word: Any, words: Any) -> None:
    """Bit b of words[label, w] = whether the score of row 64 w + b is at least the label's bound; later bits are 0.

    bits (rows, L); low as for `ordered`; bounds (L,) ordered numbers of one signed type; word: uint64 (L,), scratch.
    """
    for w in range(words.shape[1]):
        word[:] = 0
        for b in range(min(64, len(bits) - 64 * w)):
            scores = bits[64 * w + b]
            for j in range(len(word)):
                word[j] |= np.uint64(ordered(scores[j], low) >= bounds[j]) << np.uint64(b)
        for j in range(len(word)):
            words[j, w] = word[j]


@kernel
def count_above(bits: Any, low: Any, true: Any, greater: Any, equal: Any) -> None:
    """How many scores of each row are greater than that of the true class, and how many others are equal to it.

    bits (rows, C); low as for `ordered`; true int64, the column of the true class; both counts int32, and -1 where
    there is no such column.
    """
    for row in range(len(bits)):
        scores, above, same = bits[row], np.int32(0), np.int32(0)
        if not 0 <= true[row] < len(scores):
            greater[row] = equal[row] = -1
            continue
        own = ordered(scores[true[row]], low)
        for j in range(len(scores)):
            key = ordered(scores[j], low)
            above += np.int32(key > own)
            same += np.int32(key == own)
        greater[row], equal[row] = above, same - 1


@kernel
def rank_labels(bits: Any, low: Any, truth: Any, sizes: Any, scale: float, precision: Any) -> None:
    """What the three label ranking metrics need of each row: true labels, wrong pairs, coverage, and precision.

    bits (rows, L); low as for `ordered`; truth uint8 (rows, L) of 0 and 1. sizes int64 (rows, 3): |Y|; the pairs of
    a true label and a false one that scores as high or higher; the labels that score at least as high as the lowest
    true one. precision: the sum over true labels of true labels / labels that score as high, as float64 of an int64
    in units of 1 / scale, so that the order of the labels does not matter. Takes |Y| * L steps.
    """
    for row in range(len(bits)):
        scores, is_true = bits[row], truth[row]
        count, wrong, furthest, total = np.int64(0), np.int64(0), np.int32(0), np.int64(0)
        for k in range(len(scores)):
            if is_true[k]:
                own, rank, held = ordered(scores[k], low), np.int32(0), np.int32(0)
                for j in range(len(scores)):
                    as_high = np.int32(ordered(scores[j], low) >= own)
                    rank += as_high
                    held += as_high & np.int32(is_true[j])
                count, wrong, furthest = count + 1, wrong + rank - held, max(furthest, rank)
                total += np.int64(np.float64(held) / np.float64(rank) * scale + 0.5)
        sizes[row, 0], sizes[row, 1], sizes[row, 2] = count, wrong, furthest
        precision[row] = np.float64(total) / scale


@kernel
def count_decided(scores: Any, flags: Any, ends: Any, sums: Any) -> None:
    """Add to sums how many flags are set, how many scores are >= ends[2], rows with both, and scores in the ends.

    scores and ends float32 or float64; flags uint8, 0 or 1; ends: the least and the highest score, and the least that
    is positive; sums int64 (4,). In blocks whose sums fit the 32-bit lanes of vectors: .26 ns a row, where int64 sums
    take .42.
    """
    low, most, bound = ends[0], ends[1], ends[2]
    for start in range(0, len(scores), DECIDED):
        run, ones = scores[start : start + DECIDED], flags[start : start + DECIDED]
        true, above, both, inside = _U(0), _U(0), _U(0), _U(0)
        for i in range(len(run)):
            score, one = run[i], _U(ones[i])
            high = _U(score >= bound)
            true = _U(true + one)
            above = _U(above + high)
            both = _U(both + _U(high & one))
            inside = _U(inside + _U((score >= low) & (score <= most)))
        sums[0] += true
        sums[1] += above
        sums[2] += both
        sums[3] += inside
