"""Score counter: what is counted of the scores of rows: histograms, sums, and the predictions that scores stand for."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count import predictions, row_terms
from streamavg.count.exact import ExactTable
from streamavg.count.histogram import ScoreTable
from streamavg.count.plain_rows import Asked, plain_rows
from streamavg.count.score_columns import score_block
from streamavg.count.score_sum_table import ScoreSumTable, terms_of
from streamavg.count.truths import Answers, OneLabel, SeveralLabels
from streamavg.errors import InputError
from streamavg.state.config import ANY
from streamavg.state.scores import Scores
from streamavg.state.sums import SumTable
from streamavg.state.tables import add_named

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.count.limits import Limits
    from streamavg.count.rows import Rows
    from streamavg.count.score_columns import ScoreBlock
    from streamavg.count.scoring import Scoring
    from streamavg.count.selection import Sides
    from streamavg.count.weights import RowWeights
    from streamavg.state.config import Config
    from streamavg.state.layout import Layout
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Floats = np.ndarray[Any, np.dtype[np.float64]]


MOST_WEIGHT = 2.0**960  # times what a row adds to any sum over scores it stays a float64


@dataclass
class Scored:
    """What one batch adds: the rows for the label counter, and the scores with the truth of those that have any.

    truth: the code of each row's class; uint8, 1 where it is true, for a binary task and for each label of several.
    """

    rows: Rows
    block: ScoreBlock
    truth: Any
    weights: Floats | None
    units: Ints | None
    invalid: int
    invalid_weights: RowWeights | None
    causes: dict[str, int]
    pairs: Ints | None = None  # as in PlainRows, which the label counter takes instead of the rows

    @property
    def codes_or_flags(self) -> Any:
        """The truth as histograms take it: codes (rows,), or bool (rows, classes)."""
        return self.truth.view(bool).reshape(len(self.truth), -1) if self.truth.dtype == np.uint8 else self.truth


class ScoreCounter:
    """Counts the scores of rows beside their labels. An error, in `read` or `count`, leaves it as it was."""

    def __init__(
        self, sides: Sides, classes: tuple[str, ...], config: Config, scoring: Scoring, limits: Limits
    ) -> None:
        self.classes, self.config, self.scoring = classes, config, scoring
        self.told: tuple[tuple[str, ...], bytes | None] = ((), None)  # where the order of the classes comes from
        self._sides = sides
        self._truth: OneLabel | SeveralLabels = (
            SeveralLabels(sides, config, limits) if config.task == "multilabel" else OneLabel(sides, classes, config)
        )
        self._answers = Answers(sides, config, limits) if sides.pred.columns else None
        self._table: ScoreTable | None = None
        self._base = Scores.zero()
        self._weighted_base = Scores.zero()
        self._sums, self._weighted_sums = ScoreSumTable(), ScoreSumTable()
        self._invalid, self._invalid_weight = 0, ExactTable()

    def read(self, rows: Rows, predict: bool = True) -> Scored:
        """What the rows would add, with predictions made from scores unless nobody looks at them.

        Raises InputError for columns, scores or weights that cannot be counted.
        """
        block = score_block(rows.scores, self._sides.score.columns, len(self.classes), rows.first)
        if predict and (quick := self._quick(rows, block)) is not None:
            return quick
        truth, usable = self._truth.read(rows.true)
        if self.config.task == "binary":
            truth = (truth == 0).view(np.uint8)
        if self._answers is not None and self.config.null_pred != "wrong":
            usable &= ~self._answers.missing(rows.pred)
        wrong = row_terms.wrong_scores(block, self.scoring.family(block.kind))
        usable &= ~block.missing
        invalid, names, left, kept, hole = None, {}, block, rows, None
        if wrong.any():
            invalid = usable & (wrong > 0)
            names = {row_terms.CAUSES[k].split()[0]: int(n) for k, n in enumerate(np.bincount(wrong[invalid])) if n}
            left, kept, hole = block.only(~invalid), rows.where(~invalid), wrong[~invalid] > 0
        if self._answers is None and predict:
            kept = kept.predicted(self._predictions(left, hole))
        counted = usable if invalid is None else usable & ~invalid
        weights = None if rows.weights is None else rows.weights.at(counted)
        return Scored(
            kept,
            block.only(counted),
            truth if counted.all() else truth[counted],
            None if weights is None else weights.values if weights.rest is None else weights.values + weights.rest,
            None if weights is None else units_of(weights, self.scoring.quantum, self._sides.weight.columns[0]),
            0 if invalid is None else int(invalid.sum()),
            None if invalid is None or rows.weights is None else rows.weights.at(invalid),
            names,
        )

    def _quick(self, rows: Rows, block: ScoreBlock) -> Scored | None:
        """As `read`, where one score a row decides between 0 and 1 and no row has anything odd: in half the time."""
        if self.config.task != "binary" or self._answers is not None or rows.weights is not None:
            return None
        limits = self.scoring.limits(self.classes)
        limit = limits[0] if isinstance(limits, tuple) else limits
        asked = Asked(self._sides.true.columns[0], self.classes[0], self._other, limit)
        found = plain_rows(rows.true[0], block, self.scoring.family(block.kind), asked)
        return None if found is None else Scored(rows, block, found.hits, None, None, 0, None, {}, found.pairs)

    @property
    def _other(self) -> str:
        """The negative label of a binary task."""
        return next(label for label in self.config.labels or ("0", "1") if label != self.classes[0])

    def _predictions(self, block: ScoreBlock, null: Mask | None) -> tuple[pa.Array, ...]:
        """What the scores stand for; rows that are not looked at, whose scores may be none, get a null."""
        if self.config.task == "multiclass":
            return (predictions.best_classes(block, self.classes, null),)
        limits = self.scoring.limits(self.classes)
        if self.config.task == "multilabel":
            return tuple(predictions.decided(block, limits, null))
        limit = limits[0] if isinstance(limits, tuple) else limits
        return (predictions.positives(block, limit, (self._other, self.classes[0]), null),)

    def count(self, scored: Scored, step: int) -> None:
        """Add (step 1) or take away (step -1) what was read."""
        if len(scored.block.values):
            self._count_rows(scored, step)
        self._invalid += scored.invalid * step
        for terms in () if scored.invalid_weights is None else scored.invalid_weights.terms:
            self._invalid_weight.add(0, terms, step)
        self._sums.add_causes(scored.causes, step)

    def _count_rows(self, scored: Scored, step: int) -> None:
        block, truth = scored.block, scored.truth
        table = self._table_for(block.kind)  # which may refuse what it is given, and does so before anything is added
        # ovo compares codes, of which that of the positive class is 0
        given = truth ^ 1 if self.config.ovo and self.config.task == "binary" else scored.codes_or_flags
        table.count(_as_counted(block, table.layout), given, scored.units, step)
        each = (
            ((self._sums, None),)
            if scored.weights is None
            else ((self._sums, None), (self._weighted_sums, scored.weights))
        )
        for sums, weights in each:
            sums.add_rows(len(block.values), weights, step)
        if self.config.task == "multiclass":
            above = row_terms.counts_above(block, truth)
            for sums, weights in each:
                sums.add_ranks(*above, weights, step)
        if self.config.losses and table.layout.family == "unit":
            self._count_losses(block, truth, each, step)

    def _count_losses(self, block: ScoreBlock, truth: Any, each: Any, step: int) -> None:
        terms = terms_of(block, truth, self.config.task)
        if self.config.task == "multiclass":
            scores, hits = row_terms.confidences(block, truth)
        else:
            scores, hits = block.values.reshape(-1), truth.reshape(-1)
        times = len(scores) // len(block.values)
        for sums, weights in each:
            sums.add_terms(terms, weights, step)
            sums.add_bands(scores, hits, weights if times == 1 or weights is None else np.repeat(weights, times), step)

    def _table_for(self, kind: str) -> ScoreTable:
        """The table for scores of this type: one layout that all types so far can be counted in."""
        wanted = self.scoring.layout_for(kind, len(self.classes))
        layout = wanted if self._table is None else self._table.layout.joined(wanted)
        if self._table is None or layout != self._table.layout:
            self._settle()
            self._table = ScoreTable(layout, self.classes, self.config.sample_weight, self.config.ovo)
        return self._table

    def _settle(self) -> None:
        if self._table is not None:
            self._base += self._table.state()
            self._weighted_base += self._weighted_state(self._table)
            self._table = None

    def _weighted_state(self, table: ScoreTable) -> Scores:
        return table.weighted_state() if self.config.sample_weight else Scores.zero()

    def twin(self) -> ScoreCounter:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin._table = self._table and self._table.twin()
        twin._sums, twin._weighted_sums = self._sums.twin(), self._weighted_sums.twin()
        twin._invalid_weight = self._invalid_weight.twin()
        return twin

    def joined(self, state: State) -> State:
        """The state of the labels with that of the scores beside it."""
        table = self._table
        layout = ANY if table is None else table.layout.name
        weighted = state.weighted
        if len(self._invalid_weight):
            named = weighted.named + SumTable.of(("invalid_score",), self._invalid_weight.sums())
            weighted = replace(weighted, named=named)
        return replace(
            state,
            weighted=weighted,
            config=replace(state.config, scores=layout),
            skipped=add_named(state.skipped, {"invalid_score": self._invalid}),
            scores=self._base + table.state() if table else self._base,
            weighted_scores=self._weighted_base + self._weighted_state(table) if table else self._weighted_base,
            score_sums=self._sums.state(),
            weighted_score_sums=self._weighted_sums.state(),
        )


def _as_counted(block: ScoreBlock, layout: Layout) -> Any:
    """The scores in the form in which a table of this layout takes them."""
    if layout.exact != "bfloat16":
        return block.values
    bits = block.values.astype(np.float32).view(np.uint32)
    if (bits & 0xFFFF).any() or block.values.dtype == np.float64:
        raise InputError(
            "a score is no bfloat16 number; leave out --score-layout bfloat16, or give float32 that was one"
        )
    return (bits >> 16).astype(np.uint16)


def units_of(weights: RowWeights, quantum: float | None, name: str) -> Ints:
    """Weights as whole numbers of `quantum`, each rounded once; None: they must be whole numbers."""
    values = weights.values
    if len(values) and values.max() > MOST_WEIGHT:
        raise InputError(f"column {name!r} holds a weight of {values.max():g}; beside scores scale the weights down")
    if quantum is not None:
        with np.errstate(over="ignore"):  # an infinite number of units is refused below
            values = np.rint(values / quantum)
    elif (values != np.floor(values)).any():
        odd = values[values != np.floor(values)][0]
        raise InputError(
            f"column {name!r} holds the weight {odd}; histograms of scores take whole numbers, or say what to round "
            "weights to with weight_quantum (--weight-quantum 0.001)"
        )
    if len(values) and values.max() >= 2.0**62:
        raise InputError(f"column {name!r} holds a weight of {values.max():g} units; scale the weights down")
    units = values.astype(np.int64)
    return units if weights.rest is None or quantum is not None else units + weights.rest.astype(np.int64)
