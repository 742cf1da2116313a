"""Terms: what each row of probabilities adds to log loss, Brier score and calibration, and which scores are no scores.

A term depends on its row alone, bit for bit: not on its place in a block, nor on the order of the classes, nor on the
machine. So sums over a row are of integers, and the logarithm is a fixed sequence of additions, multiplications and
divisions, which IEEE 754 rounds alike everywhere; that of the C library or of a vector may differ in its last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel

FINE, NAN, BELOW, ABOVE, INFINITE = 0, 1, 2, 3, 4
BANDS = 15  # of equal width, as is usual for the expected calibration error

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
SQRT_HALF = 0x3FE6A09E00000000  # upper bits of sqrt(1/2); the mantissa is taken from there to sqrt(2)
ONE, MANTISSA = 0x3FF0000000000000, 0x000FFFFFFFFFFFFF
TINY = 2.2250738585072014e-308  # below, a float64 has fewer digits
R1, R2, R3, R4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
R5, R6, R7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01


@kernel
def log_of(x: Any) -> Any:
    """The natural logarithm of a positive finite float64, within one unit in the last place.

    The method and constants of e_log.c in FreeBSD's msun (Sun Microsystems, 1993): x = 2**k (1 + f), s = f / (2 + f),
    log(1 + f) = f - f*f/2 + s (f*f/2 + R(s*s)). Without a branch, and with np.divide, which unlike / has none for a
    zero, so that LLVM makes vectors of loops over it.
    """
    is_tiny = x < TINY
    bits = np.float64(x * 2.0**54 if is_tiny else x).view(np.int64) + (ONE - SQRT_HALF)
    k = np.float64(np.int32(bits >> 52) - np.int32(1077 if is_tiny else 1023))
    f = np.int64((bits & MANTISSA) + SQRT_HALF).view(np.float64) - 1.0
    half, s = 0.5 * f * f, np.divide(f, 2.0 + f)
    z = s * s
    w = z * z
    odd = z * (R1 + w * (R3 + w * (R5 + w * R7)))
    even = w * (R2 + w * (R4 + w * R6))
    return s * (half + (odd + even)) + k * LN2_LOW - half + f + k * LN2_HIGH


@kernel
def loss_of(p: Any, is_true: Any) -> Any:
    """-log(p) of what came true, -log(1 - p) of what did not; 0.0 where that probability is 0, whose log is not finite.

    1 - p is rounded to u, and what was lost comes back as log(u + lost) = log(u) + lost / u, so that a small p keeps
    all its digits.
    """
    p = np.float64(p)
    rest = 1.0 - p
    u = p if is_true else rest
    lost = 0.0 if is_true else (1.0 - rest) - p
    safe = u if u > 0.0 else 1.0
    return 0.0 - (log_of(safe) + np.divide(lost, safe))


@kernel
def log_cells(scores: Any, truth: Any, losses: Any, zeros: Any) -> None:
    """losses[i] = loss_of(scores[i], truth[i]); zeros[i] = 1 where the probability of what is true is 0, else 0."""
    for i in range(len(scores)):
        losses[i] = loss_of(scores[i], truth[i])
        zeros[i] = np.float64(scores[i]) == (0.0 if truth[i] else 1.0)


@kernel
def log_rows(scores: Any, truth: Any, scale: float, cells: Any, losses: Any, zeros: Any) -> None:
    """The sum over each row's labels of their losses, and how many of them are not finite and left out.

    scores float32 or float64 (rows, L); truth uint8 (rows, L); cells float64 (L,), scratch. The sum is one of int64 in
    units of 1 / scale.
    """
    for row in range(len(scores)):
        p, y, total, without = scores[row], truth[row], np.int64(0), np.int32(0)
        for j in range(len(cells)):
            cells[j] = loss_of(p[j], y[j])
        for j in range(len(cells)):
            total += np.int64(cells[j] * scale + 0.5)
            without += np.int32(np.float64(p[j]) == (0.0 if y[j] else 1.0))
        losses[row], zeros[row] = np.float64(total) / scale, without


@kernel
def square(x: Any, scale: float) -> Any:
    """x * x in units of 1 / scale."""
    return np.int64(np.float64(x) * np.float64(x) * scale + 0.5)


@kernel
def square_classes(scores: Any, true: Any, scale: float, terms: Any) -> None:
    """The sum over each row's classes of (y - p)**2, where y is 1 for the true class and 0 for the others.

    scores float32 or float64 (rows, C); true int64, the column of the true class, any other number if it has none.
    """
    for row in range(len(scores)):
        p, total = scores[row], np.int64(0)
        for j in range(len(p)):
            total += square(p[j], scale)
        if 0 <= true[row] < len(p):
            own = np.float64(p[true[row]])
            total += square(1.0 - own, scale) - square(own, scale)
        terms[row] = np.float64(total) / scale


@kernel
def square_labels(scores: Any, truth: Any, scale: float, terms: Any) -> None:
    """The sum over each row's labels of (y - p)**2; scores float32 or float64 (rows, L), truth uint8 (rows, L)."""
    for row in range(len(scores)):
        total = np.int64(0)
        for j in range(scores.shape[1]):
            total += square(np.float64(truth[row, j]) - np.float64(scores[row, j]), scale)
        terms[row] = np.float64(total) / scale


@kernel
def is_wrong(bits: Any, low: Any, most: Any, is_unit: Any) -> Any:
    """Whether a float with these bits is no score: of "unit" all outside [0, most] but -0.0, else all beyond +-most."""
    if is_unit:
        return (bits > most) | ((bits < 0) & (bits != low))
    return (bits if bits >= 0 else bits - low) > most


@kernel
def any_wrong(bits: Any, low: Any, most: Any, is_unit: Any) -> Any:
    """Whether any of the scores is none; bits flat, int16, int32 or int64 views of floats. Near memory speed."""
    if is_unit:
        found = False
        for i in range(len(bits)):
            found |= is_wrong(bits[i], low, most, True)
        return found
    found = False
    for i in range(len(bits)):
        found |= is_wrong(bits[i], low, most, False)
    return found


@kernel
def cause_of(bits: Any, low: Any, infinite: Any) -> int:
    """Why a float with these bits is no score."""
    magnitude = bits if bits >= 0 else bits - low
    if magnitude > infinite:
        return NAN
    if magnitude == infinite:
        return INFINITE
    return BELOW if bits < 0 else ABOVE


@kernel
def find_wrong(bits: Any, ends: Any, is_unit: Any, causes: Any) -> None:
    """causes[row] = FINE, or why the first score of the row that is none is so.

    bits (rows, C) as for `any_wrong`; ends, of their type: the least number, the bits of the highest score, and those
    of infinity; causes uint8.
    """
    low, most, infinite = ends[0], ends[1], ends[2]
    for row in range(len(bits)):
        causes[row], found = FINE, False
        for j in range(bits.shape[1]):
            found |= is_wrong(bits[row, j], low, most, is_unit)
        if found:
            for j in range(bits.shape[1]):
                if is_wrong(bits[row, j], low, most, is_unit):
                    causes[row] = cause_of(bits[row, j], low, infinite)
                    break


@kernel
def add_bands(scores: Any, hits: Any, step: int, table: Any) -> None:
    """table[band] += step * (rows, hits, score in units of 2**-30, rounded) for each score in [0, 1]; no others.

    scores float32 or float64; hits of 0 and 1; table int64 (BANDS, 3). A band holds its lower end, the last one both:
    as numpy.histogram has it, decided by the float64 product of score and BANDS.
    """
    for i in range(len(scores)):
        score = np.float64(scores[i])
        if 0.0 <= score <= 1.0:
            band = min(np.int64(score * BANDS), BANDS - 1)
            table[band, 0] += step
            table[band, 1] += step * np.int64(hits[i])
            table[band, 2] += step * np.int64(np.rint(score * 1073741824.0))
