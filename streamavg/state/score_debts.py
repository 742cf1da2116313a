"""Score debts: what the scores of a difference owe beside their counts, such as more scores of a class than rows.

All that is asked here holds of any rows, and each is a sum that can be below zero, like TN: a state for which one does
not hold is a difference that still owes rows. Bounds of float64 sums leave room for the rounding of each term.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from streamavg.state.score_sums import BAND_UNIT, BANDS, RANK_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamavg.state.score_sums import ScoreSums
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

# -log 2**-52 is what a row of one label can have; a label of several, up to that of the least float64
_MOST_LOSS, _MOST_LOSS_OF_SETS = Fraction(3605, 100), 745
_MASK = (1 << 32) - 1
_ROOM = 1 + Fraction(1, 2**40)  # for what rounding a term adds to it
_BAND_ROOM = Fraction(1, 2**20)  # of each score in a band, for its rounding to units of 2**-30


def score_debt(state: State) -> str | None:
    """The first thing that cannot be of any rows, or None."""
    if not state.config.scores:
        return None
    rows, weights = Fraction(state.rows), state.weighted.weight("rows")
    found = (
        _of_counts(state),
        _of_sums(state, state.score_sums, rows),
        _of_sums(state, state.weighted_score_sums, weights),
    )
    return next((debt for debts in found for debt in debts), None)


def _of_counts(state: State) -> Iterator[str]:
    """Scores of a class beyond the rows with scores, positives beyond the rows of the class, pairs beyond scores."""
    scores, rows = state.scores, int(state.score_sums.loss("rows"))
    support = [int(tp) + int(fn) for tp, _, fn in state.counts.at(scores.labels)]
    of_labels = zip(scores.labels, _totals(scores.every), _totals(scores.positive), support, strict=True)
    for label, every, positive, true in of_labels:
        if every > rows:
            yield f"label {label!r} has {every} scores in {rows} rows"
        if positive > true:
            yield f"label {label!r} has {positive} scores of true rows, of which there are {true}"
    if scores.versus is not None:
        high, low = _halves(scores.versus, 0)
        high, low = high + (low >> 32), low & _MASK
        most, rest = scores.every >> 32, scores.every & _MASK
        if ((high > most) | ((high == most) & (low > rest))).any():
            yield "there are more scores of classes against each other than scores"


def _halves(table: Ints, axis: int) -> tuple[Ints, Ints]:
    """The sums of the upper and the lower 32 bits, which no table has cells enough to take out of int64."""
    return (table >> 32).sum(axis=axis), (table & _MASK).sum(axis=axis)


def _totals(table: Ints) -> list[int]:
    """The sum of each row of a table, also beyond int64."""
    halves = (half.tolist() for half in _halves(table, 1))
    return [(high << 32) + low for high, low in zip(*halves, strict=True)]


def _of_sums(state: State, sums: ScoreSums, most: Fraction) -> Iterator[str]:
    """Sums over rows beyond what so many rows, or such weights, give."""
    rows, width = sums.loss("rows"), len(state.scores.labels)
    if rows > most * _ROOM:
        yield "more rows have scores than there are"
    if sums.ranks.keys and sums.ranks.sums.total().fraction() > rows:
        yield "there are more ranks of the true class than rows with scores"
    for key in sums.ranks.keys:
        above, equal = int(key) >> RANK_BITS, int(key) & ((1 << RANK_BITS) - 1)
        if above + equal >= max(width, 1):
            yield f"{above} classes score above the true one and {equal} like it, of {width}"
    for name, bound in _bounds(state, width).items():
        if sums.loss(name) > bound * rows * _ROOM:
            yield f"the sum of {name} is more than that of the rows with scores can be"
    if (
        state.config.task != "multilabel"
        and sums.loss("log_loss_zeros") + sums.loss("log_loss") / _MOST_LOSS > rows * _ROOM
    ):
        yield "the sum of log_loss is more than that of rows whose probability is not 0"
    yield from _of_bands(sums)


def _bounds(state: State, width: int) -> dict[str, int]:
    """The most that a row adds to each sum of losses."""
    return {
        "brier": width + 1 if state.config.task == "multiclass" else 1,  # scores need not add up to 1
        "coverage_error": width,
        "label_ranking_average_precision": 1,
        "label_ranking_loss": 1,
        "log_loss": _MOST_LOSS_OF_SETS,
        "log_loss_zeros": 1,
    }


def _of_bands(sums: ScoreSums) -> Iterator[str]:
    """Bands with more hits than rows, or whose mean score lies outside."""
    held = sums.bands.at(list(range(BANDS)))
    numbers = held.integers(held.low)  # in one unit, which is all the same here
    for band, (rows, hits, total) in enumerate(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)):
        score = Fraction(total, 1 << BAND_UNIT)
        if hits > rows:
            yield f"band {band} of score has more true rows than rows"
        if not rows * (Fraction(band, BANDS) - _BAND_ROOM) <= score <= rows * (Fraction(band + 1, BANDS) + _BAND_ROOM):
            yield f"band {band} of score has a mean score that lies in another"
