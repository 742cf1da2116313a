"""Totals: single-label counts in vocabulary codes, int64; where the hot tables are emptied and the policies act."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from streamavg.count.vocabulary import FIRST, NULL, UNKNOWN
from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP, Counts
from streamavg.state.pairs import MOST_LABELS, NO_LABEL, Pairs
from streamavg.state.state import State
from streamavg.state.tables import KeyTable

if TYPE_CHECKING:
    from streamavg.count.vocabulary import Vocabulary
    from streamavg.state.config import Config
    from streamavg.state.tables import Ints


class Totals:
    """label x (TP, FP, FN), rows skipped by cause, tallies, and the label pairs while they are kept."""

    def __init__(self, vocabulary: Vocabulary, config: Config, confusion: bool | None) -> None:
        self.vocabulary, self.config = vocabulary, config
        self.cells: Ints = np.zeros((64, 3), np.int64)
        self.named = dict.fromkeys(("null_true", "unknown_true", "null_pred", "unanswered", "other"), 0)
        self.rows = 0
        self.always_pairs = confusion is True
        self.pairs: KeyTable | None = None if confusion is False else KeyTable.zero()

    def add_pairs(self, y_true: Ints, y_pred: Ints, counts: Ints) -> None:
        """Add rows given as vocabulary codes with their numbers, the policies deciding what each counts as."""
        scored = y_true >= FIRST
        answer = np.where(scored, y_pred, FIRST)
        missing, unknown = answer == NULL, answer == UNKNOWN
        self._tally("null_true", counts[y_true == NULL])
        self._tally("unknown_true", counts[y_true == UNKNOWN])
        if self.config.null_pred == "abstain":
            self._tally("null_pred", counts[missing])
            scored &= ~missing
        else:
            self._tally("unanswered", counts[missing])
        self._tally("other", counts[unknown])
        self._add_scored(y_true[scored], y_pred[scored], counts[scored])

    def twin(self, vocabulary: Vocabulary) -> Totals:
        """A copy in the codes of a copied vocabulary."""
        twin = copy.copy(self)
        twin.vocabulary, twin.cells, twin.named = vocabulary, self.cells.copy(), dict(self.named)
        return twin

    def _tally(self, name: str, counts: Ints) -> None:
        self.named[name] += int(counts.sum())

    def refuse(self, y_true: Ints, y_pred: Ints) -> None:
        """InputError where an "error" policy meets a row that has no earlier cause to be skipped."""
        if self.config.unknown == "error":
            if rows := np.count_nonzero(y_true == UNKNOWN):
                raise InputError(f"{rows} rows have a true label outside the declared labels, and unknown is 'error'")
            if rows := np.count_nonzero((y_pred == UNKNOWN) & (y_true >= FIRST)):
                raise InputError(f"{rows} rows have a prediction outside the declared labels, and unknown is 'error'")
        if self.config.null_pred == "error" and (rows := np.count_nonzero((y_pred == NULL) & (y_true >= FIRST))):
            raise InputError(f"{rows} rows with a truth have no prediction (null), and null_pred is 'error'")

    def _add_scored(self, y_true: Ints, y_pred: Ints, counts: Ints) -> None:
        self._make_room()
        right = y_true == y_pred
        wrong = ~right
        named = wrong & (y_pred >= FIRST)
        np.add.at(self.cells, (y_true[right], TP), counts[right])
        np.add.at(self.cells, (y_true[wrong], FN), counts[wrong])
        np.add.at(self.cells, (y_pred[named], FP), counts[named])
        self.rows += int(counts.sum())
        if self.pairs is not None:
            self.pairs += KeyTable.of((y_true << 32) | np.where(y_pred >= FIRST, y_pred, 0), counts)
            self._drop_pairs_of_many()

    def _drop_pairs_of_many(self) -> None:
        if not self.always_pairs and len(self.vocabulary) > MOST_LABELS and self.used > MOST_LABELS:
            self.pairs = None

    def add_cells(self, codes: Ints, cells: Ints) -> None:
        """Add TP, FP, FN of these vocabulary codes, each given once; label pairs are lost."""
        self._make_room()
        self.cells[codes] += cells
        self.rows += int(cells[:, TP].sum()) + int(cells[:, FN].sum())
        self.pairs = None

    def _make_room(self) -> None:
        if len(self.cells) < len(self.vocabulary):
            grown = np.zeros((2 * len(self.vocabulary), 3), np.int64)
            grown[: len(self.cells)] = self.cells
            self.cells = grown

    @property
    def used(self) -> int:
        """The number of labels with a count."""
        return int(self.cells.any(axis=1).sum())

    def used_labels(self) -> list[str]:
        """The labels with a count."""
        return [self.vocabulary.labels[code - FIRST] for code in np.flatnonzero(self.cells.any(axis=1))]

    def state(self) -> State:
        """An immutable copy of all that was added."""
        labels = self.vocabulary.labels
        self._make_room()
        skipped = {name: self.named[name] for name in ("null_pred", "null_true", "unknown_true") if self.named[name]}
        tallies = {name: self.named[name] for name in ("other", "unanswered") if self.named[name]}
        counts = Counts.of(labels, self.cells[FIRST : len(self.vocabulary)])
        return State(self.config, counts, self.rows, skipped, tallies, pairs=self._public_pairs())

    def _public_pairs(self) -> Pairs | None:
        if self.pairs is None:
            return None
        y_true, y_pred = self.pairs.keys >> 32, self.pairs.keys & 0xFFFFFFFF
        met = np.zeros(len(self.vocabulary), bool)
        met[y_true] = met[y_pred] = True
        used = FIRST + np.flatnonzero(met[FIRST:])
        labels = [self.vocabulary.labels[code - FIRST] for code in used]
        order = sorted(range(len(labels)), key=labels.__getitem__)
        place = np.full(len(self.vocabulary) + 1, NO_LABEL, np.int64)
        place[used[order]] = np.arange(len(order))
        return Pairs.of(tuple(labels[k] for k in order), place[y_true], place[y_pred], self.pairs.counts)
