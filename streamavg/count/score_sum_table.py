"""Score sum table: the counter behind ScoreSums: losses, ranks of the truth and bands of score, batch by batch."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count import row_terms
from streamavg.count.exact import ExactTable
from streamavg.state.score_sums import BAND_UNIT, BANDS, LOSSES, RANK_BITS, ScoreSums
from streamavg.state.sums import Sums, SumTable
from streamavg.state.tables import KeyTable

if TYPE_CHECKING:
    from streamavg.count.score_columns import ScoreBlock
    from streamavg.state.tables import Ints

    Floats = np.ndarray[Any, np.dtype[np.float64]]

MOST_LOSS = 52 * math.log(2)  # of a probability of 2**-52, where scikit-learn cuts
PLACE = {name: place for place, name in enumerate(LOSSES)}


def terms_of(block: ScoreBlock, truth: Any, task: str | None) -> dict[str, Floats]:
    """What each row adds to the sums of losses, by name; block and truth as `row_terms` has them."""
    width = block.values.shape[1]
    if task == "multiclass" and width == 1:  # what is not given to the one class is given to none
        truth = truth == 0
    losses, zeros = row_terms.log_losses(block, truth)
    squares = row_terms.brier_terms(block, truth)
    if task == "multilabel":
        zeros = zeros / width
    else:  # below 2**-52 a probability counts as 0 does
        losses, zeros = np.where(losses > MOST_LOSS, 0.0, losses), np.where(losses > MOST_LOSS, 1, zeros)
    if task == "multiclass" and width > 1:
        without = (truth < 0) | (truth >= width)  # the true class has no score: its probability is 0
        zeros, squares = zeros + without, squares + without * (0.5 if width == 2 else 1.0)
    found = {"log_loss": losses, "log_loss_zeros": zeros.astype(np.float64), "brier": squares}
    if task == "multilabel":
        ranks = row_terms.label_ranks(block, truth)
        found["label_ranking_average_precision"] = ranks.precision
        found["coverage_error"], found["label_ranking_loss"] = ranks.coverage, ranks.loss
    return found


class ScoreSumTable:
    """Sums over rows with scores; weights, where there are any, multiply what a row adds."""

    def __init__(self) -> None:
        self._losses = ExactTable()
        self._ranks = KeyTable.zero()
        self._weighted_ranks: dict[int, int] = {}
        self._rank_sums = ExactTable()
        self._bands: Ints = np.zeros((BANDS, 3), np.int64)
        self._band_sums = ExactTable()
        self._taken = SumTable.zero(3)  # bands that were moved out before they could pass int64
        self._banded = 0

    def add_terms(self, terms: dict[str, Floats], weights: Floats | None, step: int) -> None:
        """Add what rows add to losses."""
        for name, values in terms.items():
            if not values.any():  # as are most log_loss_zeros
                continue
            self._losses.add(PLACE[name], values if weights is None else values * weights, step)

    def add_rows(self, rows: int, weights: Floats | None, step: int) -> None:
        """Add rows with scores."""
        self._losses.add(PLACE["rows"], np.array([rows], np.float64) if weights is None else weights, step)

    def add_causes(self, causes: dict[str, int], step: int) -> None:
        """Add rows whose scores are none, by cause."""
        for name, rows in causes.items():
            self._losses.add(PLACE[name], np.array([rows], np.float64), step)

    def add_ranks(self, greater: Any, equal: Any, weights: Floats | None, step: int) -> None:
        """Add rows by the classes above the true one and the others equal to it; -1: the row has no true class."""
        there = greater >= 0
        held, places = _distinct(greater[there].astype(np.int64), equal[there])
        if weights is None:
            self._ranks += KeyTable.of(held, np.bincount(places, minlength=len(held)) * step)
            return
        numbers = [self._weighted_ranks.setdefault(key, len(self._weighted_ranks)) for key in held.tolist()]
        self._rank_sums.add(np.array(numbers, np.uint32)[places], weights[there], step)

    def add_bands(self, scores: Any, hits: Any, weights: Floats | None, step: int) -> None:
        """Add scores in [0, 1] and whether each came true to their bands."""
        if weights is None:
            if self._banded + len(scores) > 1 << 32:  # a sum of so many scores in units of 2**-30 passes 2**62
                self._taken, self._bands, self._banded = self._banded_sums(), np.zeros((BANDS, 3), np.int64), 0
            self._banded += len(scores)
            row_terms.add_to_bands(scores, hits, step, self._bands)
            return
        exact = scores.astype(np.float64)
        place = np.minimum((exact * BANDS).astype(np.int64), BANDS - 1).astype(np.uint32) * np.uint32(3)
        units = np.rint(exact * 2.0**BAND_UNIT)
        for column, factor in enumerate((1.0, hits, units)):
            self._band_sums.add(place + np.uint32(column), weights * factor, step)

    def _banded_sums(self) -> SumTable:
        counted = Sums.of(self._bands.reshape(-1, 1), 0)
        return self._taken + SumTable.of(list(range(BANDS)), counted, 3)

    def twin(self) -> ScoreSumTable:
        """A copy that adds on its own."""
        twin = copy.copy(self)
        twin._losses, twin._rank_sums = self._losses.twin(), self._rank_sums.twin()
        twin._band_sums, twin._bands = self._band_sums.twin(), self._bands.copy()
        twin._weighted_ranks = dict(self._weighted_ranks)
        return twin

    def state(self) -> ScoreSums:
        """An immutable copy of all that was added."""
        losses = SumTable.of(LOSSES[: len(self._losses)], self._losses.sums())
        ranks = SumTable.of(self._ranks.keys.tolist(), Sums.of(self._ranks.counts.reshape(-1, 1), 0))
        weighted = SumTable.of(list(self._weighted_ranks), self._rank_sums.sums())
        held = self._band_sums.sums()
        places = np.arange(3 * BANDS)
        bands = SumTable.of(list(range(BANDS)), held.at(np.where(places < len(held), places, -1)), 3)
        return ScoreSums(losses, ranks + weighted, self._banded_sums() + bands)


def _distinct(greater: Ints, equal: Any) -> tuple[Ints, Ints]:
    """The distinct ranks, ascending, as keys, and the place of each row's; by a table while it is small."""
    base = int(equal.max(initial=0)) + 1
    size = (int(greater.max(initial=0)) + 1) * base
    if size > max(1 << 12, len(greater)):
        held, places = np.unique((greater << RANK_BITS) | equal, return_inverse=True)
        return held, places
    numbers = greater * base + equal
    place = np.zeros(size, np.int64)
    place[numbers] = 1
    found = np.flatnonzero(place)
    place[found] = np.arange(len(found))
    return ((found // base) << RANK_BITS) | (found % base), place[numbers]
