"""State: everything that was counted, under one configuration; a commutative group with a fingerprint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import InputError, MismatchError
from streamavg.state.causes import CAUSES, TALLIES
from streamavg.state.config import ANY, Config
from streamavg.state.counts import FN, FP, TP, Counts
from streamavg.state.fingerprint import fingerprint_of
from streamavg.state.labels import all_integers, ascending
from streamavg.state.layout import Layout
from streamavg.state.pairs import Pairs
from streamavg.state.score_debts import score_debt
from streamavg.state.score_sums import ScoreSums
from streamavg.state.scores import Scores
from streamavg.state.slices import Slices
from streamavg.state.tables import KeyTable, add_named, checked_int, exact_sum, frozen
from streamavg.state.weighted import Weighted, matrix_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamavg.state.areas import Areas
    from streamavg.state.slices import Key
    from streamavg.state.sums import Floats, Sums, SumTable
    from streamavg.state.tables import Ints


BESIDE_COUNTS = ("row_table", "weighted", "scores", "weighted_scores", "score_sums", "weighted_score_sums")


@dataclass(frozen=True, eq=False)
class State:
    """Counts, rows, skipped rows by cause and tallies; for multilabel the row table; label pairs while they are known.

    `pairs` is None once they are lost, which the sum with any other state stays. `areas` are known where the rows were
    read twice, and lost in any sum.
    """

    config: Config = field(default_factory=Config)
    counts: Counts = field(default_factory=Counts.zero)
    rows: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    tallies: Mapping[str, int] = field(default_factory=dict)
    row_table: KeyTable = field(default_factory=KeyTable.zero)
    pairs: Pairs | None = field(default_factory=Pairs.zero)
    weighted: Weighted = field(default_factory=Weighted)
    scores: Scores = field(default_factory=Scores.zero)
    weighted_scores: Scores = field(default_factory=Scores.zero)
    score_sums: ScoreSums = field(default_factory=ScoreSums)
    weighted_score_sums: ScoreSums = field(default_factory=ScoreSums)
    areas: Areas | None = None
    slices: Slices = field(default_factory=Slices)

    @property
    def seen(self) -> int:
        """Rows offered: those in the matrix and those skipped."""
        return self.rows + sum(self.skipped.values())

    @property
    def is_empty(self) -> bool:
        """Whether every number that the fingerprint covers is zero: the zero of every configuration."""
        nothing = not self.counts.labels and not self.rows and not self.skipped and not self.tallies
        sums = (self.weighted, self.score_sums, self.weighted_score_sums)
        nothing = nothing and not self.row_table.keys.size and all(each.is_empty for each in sums)
        return nothing and self.scores.is_zero and self.weighted_scores.is_zero and self.slices.is_empty

    @property
    def _changes_nothing(self) -> bool:
        """Whether it is empty and remembers no score either that was once counted in a slot."""
        nothing = self.scores.holds_nothing and self.weighted_scores.holds_nothing and not self.slices.keys
        return nothing and self.is_empty

    @property
    def size(self) -> int:
        """Bytes held by the arrays and label texts; depends on labels and distinct rows sizes, never on rows."""
        held = self.counts.cells.nbytes + sum(map(len, self.counts.labels))
        held += self.row_table.keys.nbytes + self.row_table.counts.nbytes + self.weighted.nbytes
        held += self.scores.size + self.weighted_scores.size + self.score_sums.nbytes + self.weighted_score_sums.nbytes
        held += self.slices.nbytes
        return held if self.pairs is None else held + self.pairs.table.keys.nbytes + self.pairs.table.counts.nbytes

    def __add__(self, other: State) -> State:
        return self._combined(other, 1)

    def __sub__(self, other: State) -> State:
        return self._combined(other, -1)

    def _combined(self, other: State, sign: int) -> State:
        if other._changes_nothing:
            return self
        if self._changes_nothing and sign > 0:
            return other
        if self.is_empty or other.is_empty:
            config = self.config if other.is_empty else other.config
        else:
            config = self.config.joined(other.config)
        layout = Layout.named(config.scores) if config.scores not in ("", ANY) else None
        scores, more_scores, weighted, more_weighted = (
            part.in_layout(layout) for part in (self.scores, other.scores, self.weighted_scores, other.weighted_scores)
        )
        pairs = None if self.pairs is None or other.pairs is None else _added(self.pairs, other.pairs, sign)
        total = State(
            config=config,
            counts=_added(self.counts, other.counts, sign),
            rows=checked_int(self.rows + sign * other.rows),
            skipped=add_named(self.skipped, other.skipped, sign),
            tallies=add_named(self.tallies, other.tallies, sign),
            row_table=_added(self.row_table, other.row_table, sign),
            pairs=pairs,
            weighted=_added(self.weighted, other.weighted, sign),
            scores=_added(scores, more_scores, sign),
            weighted_scores=_added(weighted, more_weighted, sign),
            score_sums=_added(self.score_sums, other.score_sums, sign),
            weighted_score_sums=_added(self.weighted_score_sums, other.weighted_score_sums, sign),
            slices=_added(self.slices, other.slices, sign).with_rests(lambda part: part.in_layout(layout)),
        )
        checked_int(total.seen)
        total.check_binary()
        return total

    def check_binary(self) -> None:
        """Refuse a third label in a binary state: counted, declared and positive labels together must be two."""
        if self.config.task != "binary":
            return
        held = {*self.counts.labels, *self.config.labels, *filter(None, (self.config.pos_label,))}
        if len(held) > 2:
            names = ", ".join(map(repr, ascending(held)))
            raise InputError(f"a binary task has two labels, here are {len(held)}: {names}; use task='multiclass'")

    def check_identities(self) -> None:
        """Refuse sums that no counting can give: for one label a row, truths and answers each add up to the rows."""
        if self.config.task not in ("binary", "multiclass"):
            return
        tp, fp, fn = (exact_sum(self.counts.cells[:, k]) for k in (TP, FP, FN))
        if tp + fn != self.rows:
            raise MismatchError(f"sum TP + sum FN is {tp + fn} but rows is {self.rows}; the state is damaged")
        answered = tp + fp + sum(self.tallies.values())
        if answered != self.rows:
            raise MismatchError(f"sum TP + sum FP + unanswered + other is {answered}, not rows {self.rows}")

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The labels to show: the declared ones as declared, then the other counted ones ascending."""
        declared = set(self.config.labels)
        rest = [label for label in self.counts.labels if label not in declared]
        numeric = all_integers(declared) and all_integers(rest)
        return (*self.config.labels, *(sorted(rest, key=int) if numeric else rest))

    @cached_property
    def cells(self) -> Ints:
        """TP, FP, FN of the labels in `order`, shape (C, 3) int64."""
        return self.counts.at(self.order)

    @cached_property
    def matrix(self) -> Ints:
        """TP, FP, FN, TN of the labels in `order`, shape (C, 4) int64."""
        return self.four_cells(self.cells)

    @cached_property
    def weighted_matrix(self) -> Floats:
        """The weight of TP, FP, FN, TN of the labels in `order`, each rounded once; shape (C, 4) float64."""
        return matrix_of(self.weighted_cells)

    @cached_property
    def weighted_cells(self) -> Sums:
        """The exact weight of TP, FP, FN, TN of the labels in `order`, four numbers a label."""
        return self.weighted.four(self.order)

    def four_cells(self, cells: Ints) -> Ints:
        """TP, FP, FN, TN from TP, FP, FN: TN is rows - (TP + FN) - FP, in an order that cannot leave int64."""
        return frozen(np.column_stack((cells, self.rows - (cells[:, TP] + cells[:, FN]) - cells[:, FP])))

    @cached_property
    def fingerprint(self) -> str:
        """The text sa1: and the SHA-256 of all that was counted; equal for the same rows however cut or encoded."""
        return fingerprint_of(self)

    def sum_tables(self) -> Iterator[tuple[str, SumTable]]:
        """The tables of exact sums that hold something, with the names that the fingerprint gives them."""
        for kind in ("weighted", "score_sums", "weighted_score_sums"):
            for name, table in getattr(self, kind).tables.items():
                if table.keys:
                    yield f"{kind} {name}", table

    @cached_property
    def first_negative(self) -> str | None:
        """What makes the state unreadable: the first label, counter or row size with a negative count, or None."""
        below = np.flatnonzero((self.cells < 0).any(axis=1))
        if below.size:
            tp, fp, fn = self.cells[below[0]].tolist()
            return f"label {self.order[below[0]]!r} has TP {tp}, FP {fp}, FN {fn}"
        for name, count in {"rows": self.rows, **self.skipped, **self.tallies}.items():
            if count < 0:
                return f"{name} is {count}"
        below = np.flatnonzero(self.matrix[:, 3] < 0)  # a difference can owe rows and show it nowhere else
        if below.size:
            return f"label {self.order[below[0]]!r} has TN {self.matrix[below[0], 3]}"
        if (self.row_table.counts < 0).any():
            return "a multilabel row size has a negative count"
        owing = self.scores.first_negative or self.weighted_scores.first_negative
        if owing is None and self.config.sample_weight:
            owing = self.weighted.first_negative(self.order, self.weighted_cells)
        for sums in (self.score_sums, self.weighted_score_sums):
            owing = owing or next((f"the sum of {name} is below zero" for name in sums.negatives()), None)
        return owing or score_debt(self)

    def without_pairs(self) -> State:
        """The same state with its label pairs lost."""
        return replace(self, pairs=None)

    def in_layout(self, layout: Layout | None) -> State:
        """The same rows with scores in the layout of a sum; MismatchError if it is not coarser."""
        scores, weighted = self.scores.in_layout(layout), self.weighted_scores.in_layout(layout)
        return replace(self, scores=scores, weighted_scores=weighted)

    def negative(self) -> State:
        """What adds up with this to nothing."""
        return replace(State(), config=self.config) - self

    @cached_property
    def total(self) -> State:
        """The same rows, no longer told apart by slices."""
        if not (self.config.by or self.config.window):
            return self
        return replace(self, config=replace(self.config, by=(), window=""), slices=Slices())

    def beside_counts(self) -> State:
        """What there is beside counts and pairs, under no options."""
        return State().with_rest(self)

    def with_rest(self, other: State) -> State:
        """The same counts with what the other has beside them."""
        return replace(self, **{name: getattr(other, name) for name in BESIDE_COUNTS})

    def with_counts(self, labels: tuple[str, ...], cells: Ints, numbers: Mapping[str, int]) -> State:
        """These counts, without pairs, of labels by code point; numbers: rows, skipped ones by cause and tallies."""
        skipped, tallies = ({name: n for name in names if (n := numbers[name])} for names in (CAUSES, TALLIES))
        skipped, tallies = add_named(skipped, {}), add_named(tallies, {})
        counts = Counts(labels, frozen(cells))
        return replace(self, counts=counts, rows=numbers["rows"], skipped=skipped, tallies=tallies, pairs=None)

    @cached_property
    def slice_states(self) -> dict[Key, State]:
        """The state of each slice, as if only its rows had been counted; without pairs."""
        return self.slices.states(State(self.total.config))


def _added(a: Any, b: Any, sign: int) -> Any:
    return a + b if sign > 0 else a - b
