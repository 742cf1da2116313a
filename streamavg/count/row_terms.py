"""Row terms: what each row of scores adds to the sums and tables behind metrics of scores, with its truth beside it.

Truth is one of these. A class: the number of its column, of each row (any other number: it has none). Labels: 0 or 1
of each row and column. Binary, for scores of one column: 0 or 1 of each row. Rows whose scores are missing or wrong get
numbers that mean nothing; leave them out first (`ScoreBlock.only`). Terms of probabilities need scores with which
`wrong_scores` finds nothing wrong under "unit".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from streamavg.count.predictions import best_places, least
from streamavg.count.score_columns import sealed
from streamavg.errors import InputError

if TYPE_CHECKING:
    from streamavg.count.indicators import Indicators
    from streamavg.count.score_columns import ScoreBlock
    from streamavg.state.tables import Ints

    Array = np.ndarray[Any, np.dtype[Any]]
    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Bytes = np.ndarray[Any, np.dtype[np.uint8]]

Family = Literal["unit", "signed"]
CAUSES = ("", "nan", "below 0", "above 1", "infinite")  # in the order of the numbers of kernels.terms
BITS = 62  # of the int64 sums over a row
LOSS_BITS = 10  # -log of the least float64 is 744.4


def wrong_scores(block: ScoreBlock, family: Family) -> Bytes:
    """For each row 0, or the place in CAUSES of why its first wrong score is no score of the family.

    "unit" is [0, 1], compared in the dtype that was received, -0.0 included; "signed" is all finite numbers. Missing
    rows get 0, and so do uint8 and int8, of which every value is a score.
    """
    from streamavg.count.kernels import any_wrong, find_wrong

    causes = np.zeros(len(block.values), np.uint8)
    if block.values.dtype.kind != "f":
        return causes
    bits, kind = block.bits, block.bits.dtype
    one, infinite = np.array([1.0, np.inf], block.values.dtype).view(kind)
    is_unit = family == "unit"
    ends = np.array((least(block), one if is_unit else infinite - kind.type(1), infinite), kind)
    if any_wrong(bits.reshape(-1), ends[0], ends[1], is_unit):
        find_wrong(bits, ends, is_unit, causes)
        causes[block.missing] = 0
    return causes


def counts_above(block: ScoreBlock, true: Ints) -> tuple[Array, Array]:
    """How many classes score greater than the true one, and how many others equal to it; -1 without a true class."""
    from streamavg.count.kernels import count_above

    greater, equal = (np.empty(len(block.values), np.int32) for _ in range(2))
    count_above(block.bits, least(block), _numbers(true), greater, equal)
    return greater, equal


def log_losses(block: ScoreBlock, truth: Array) -> tuple[Floats, Array]:
    """The log loss of each row, and how many probabilities of what is true are 0, which have no term.

    A class: -log of its score, 0 where there is none. Binary: -log(p) if true, else -log(1 - p). Labels: the mean of
    that over them; a label without a term counts in it as 0.
    """
    from streamavg.count.kernels import log_cells, log_rows

    rows, width = block.values.shape
    losses, zeros = np.zeros(rows), np.zeros(rows, np.int32)
    if width == 1:
        log_cells(_probabilities(block.values.reshape(-1)), _bytes(truth).reshape(-1), losses, zeros)
    elif truth.ndim == 1:
        has = (truth >= 0) & (truth < width)
        own = _probabilities(block.values[has, truth[has]])
        terms, without = np.empty(len(own)), np.empty(len(own), np.int32)
        log_cells(own, _bytes(np.ones(len(own), np.uint8)), terms, without)
        losses[has], zeros[has] = terms, without
    elif width:
        scale = _scale(width, LOSS_BITS)
        log_rows(_probabilities(block.values), _bytes(truth), scale, np.empty(width), losses, zeros)
        losses /= width
    return losses, zeros


def brier_terms(block: ScoreBlock, truth: Array) -> Floats:
    """The Brier term of each row, as scikit-learn's brier_score_loss averages it (scale_by_half "auto").

    A class: the sum over classes of (y - p)**2, half of it if they are two. Binary: (y - p)**2. Labels, for which
    scikit-learn has none: the mean of that over them. In [0, 2] for three classes or more, else in [0, 1].
    """
    from streamavg.count.kernels import square_classes, square_labels

    rows, width = block.values.shape
    scores, terms = _probabilities(block.values), np.zeros(rows)
    if truth.ndim == 1 and width != 1:
        square_classes(scores, _numbers(truth), _scale(width), terms)
        return terms * 0.5 if width == 2 else terms
    square_labels(scores, _bytes(truth).reshape(rows, width), _scale(width), terms)
    return terms / width if width else terms


@dataclass(frozen=True)
class LabelRanks:
    """Terms of each row: label ranking average precision, coverage error and ranking loss."""

    precision: Floats
    coverage: Floats
    loss: Floats


def label_ranks(block: ScoreBlock, truth: Array) -> LabelRanks:
    """What each row adds to three label ranking metrics as scikit-learn defines them; truth of labels (rows, C).

    A row without true labels, or with all, has precision 1 and loss 0; without, coverage 0. Ties count against the
    model: as pairs that are wrong, and as labels to go through.
    """
    from streamavg.count.kernels import rank_labels

    rows, width = block.values.shape
    sizes, precision = np.empty((rows, 3), np.int64), np.empty(rows)
    rank_labels(block.bits, least(block), _bytes(truth), sizes, _scale(width), precision)
    true, wrong, coverage = sizes.T
    pairs = true * (width - true)
    mixed = pairs > 0
    loss, average = np.zeros(rows), np.ones(rows)
    np.divide(wrong, pairs, out=loss, where=mixed)
    np.divide(precision, true, out=average, where=mixed)
    return LabelRanks(average, coverage.astype(np.float64), loss)


def confidences(block: ScoreBlock, true: Ints) -> tuple[Array, Bytes]:
    """The greatest score of each row, and whether its class, the first of equal ones, is the true one."""
    places = best_places(block)
    rows = np.arange(len(places))
    return block.values[rows, places] if block.values.size else np.zeros(len(places)), (places == true).view(np.uint8)


def add_to_bands(scores: Array, hits: Array, step: int, table: Ints) -> None:
    """Add rows (step 1), or take them away (-1), to bands of equal width: int64 (15, 3) of rows, hits, sum of scores.

    Scores are summed in units of 2**-30, each rounded once; band k is [k/15, (k+1)/15), the last one closed.
    """
    from streamavg.count.kernels import add_bands

    add_bands(_probabilities(scores), _bytes(hits), step, table)


def truth_of(indicators: Indicators) -> Bytes:
    """Indicators as labels: uint8 (rows, labels) of 0 and 1; a row that is not valid is anything."""
    bits = np.unpackbits(indicators.words.view(np.uint8), axis=1, bitorder="little")
    return np.ascontiguousarray(bits[:, : indicators.rows].T)


def _scale(width: int, bits: int = 0) -> float:
    """Units of a sum over a row: the finest power of two with which `width` terms below 2**bits stay in int64.

    Rounding to them moves a sum of 1,000 squares by 1e-13 at most, and makes it the same in any order of columns.
    """
    return 2.0 ** (BITS - bits - width.bit_length())


def _probabilities(scores: Array) -> Array:
    """The scores as kernels of probabilities read them: float16 as float32, which is exact, others as they are."""
    if scores.dtype.kind != "f":
        raise InputError(f"scores of type {scores.dtype} are no probabilities; cast them to float and divide first")
    return sealed(scores.astype(np.float32) if scores.dtype.itemsize == 2 else scores)


def _numbers(true: Array) -> Ints:
    return sealed(true.astype(np.int64, copy=False))


def _bytes(truth: Array) -> Bytes:
    """Truth or hits as bytes of 0 and 1."""
    return sealed(truth.view(np.uint8) if truth.dtype == bool else truth.astype(np.uint8, copy=False))
