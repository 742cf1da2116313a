"""Scoring: what was asked about scores: their columns, how they decide, and how finely they are kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.selection import named_columns
from streamavg.errors import InputError, require_one_of
from streamavg.state.labels import label_text
from streamavg.state.layout import Layout
from streamavg.state.slots import SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.state.layout import Family

    Columns = str | Sequence[str]

LAYOUTS = ("auto", "unit", "signed", "bfloat16", "signed bfloat16")
Thresholds = float | tuple[float, ...] | tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Scoring:
    """Options of scores as the user gave them, checked.

    threshold: one number, one a class in their order, or (label, number) pairs. layout: "unit" (scores in [0, 1]),
    "signed" (any finite ones), either of bfloat16 values in float32, or "auto": signed for 8-bit integers, else unit.
    bins: see `Layout.default`. ovo: keep the histograms of every pair of classes. losses: keep the exact sums behind
    log loss and the like. quantum: what weights are rounded to multiples of for histograms; None: they are whole.
    """

    columns: Columns
    threshold: Thresholds = 0.5
    layout: str = "auto"
    bins: int | None = None
    ovo: bool = False
    losses: bool = True
    quantum: float | None = None

    @staticmethod
    def checked(
        columns: Columns | None,
        threshold: object,
        layout: str,
        bins: int | None,
        *,
        ovo: bool,
        losses: bool,
        quantum: float | None,
    ) -> Scoring:
        """The options. Raises InputError for those that cannot be."""
        require_one_of("score_layout", layout, LAYOUTS)
        require_one_of("score_bins", bins, (None, *SIZES))
        require_one_of("ovo", ovo, (False, True))
        require_one_of("losses", losses, (True, False))
        step = None if quantum is None else _as_float(quantum)
        if step is not None and not 0 < step < math.inf:
            raise InputError(f"weight_quantum is {quantum!r}; it must be a positive number, such as 0.001")
        size = None if bins is None else int(bins)
        named = "" if columns is None else named_columns(columns, "y_score")
        return Scoring(named, _thresholds(threshold), layout, size, bool(ovo), bool(losses), step)

    def to_json(self) -> dict[str, Any]:
        """The options for a state file, under the names that an accumulator takes; without columns their defaults."""
        threshold: Any = self.threshold
        if isinstance(threshold, tuple):
            named = all(isinstance(each, tuple) for each in threshold)
            threshold = dict(threshold) if named else list(threshold)
        columns = self.columns if isinstance(self.columns, str) else list(self.columns)
        return {
            "y_score": columns or None,
            "threshold": threshold,
            "score_layout": self.layout,
            "score_bins": self.bins,
            "ovo": self.ovo,
            "losses": self.losses,
            "weight_quantum": self.quantum,
        }

    def family(self, kind: str) -> Family:
        """Whether scores of this numpy type are taken as probabilities ("unit") or as any finite numbers ("signed").

        Raises InputError for 8-bit integers as probabilities, which hardly any of their values is.
        """
        is_quantised = kind in ("uint8", "int8")
        if self.layout.startswith("signed") or (self.layout == "auto" and is_quantised):
            return "signed"
        if is_quantised:
            raise InputError(
                f"scores of type {kind} are no probabilities, as score_layout {self.layout!r} has them; cast them to "
                "float and divide first, or take them as any numbers (score_layout 'signed', --score-layout signed)"
            )
        return "unit"

    def layout_for(self, kind: str, classes: int) -> Layout:
        """The layout in which scores of this numpy type are counted."""
        if self.layout.endswith("bfloat16"):
            return Layout(
                self.family(kind), Layout.default(self.family(kind), kind, classes, self.bins).size, "bfloat16"
            )
        return Layout.default(self.family(kind), kind, classes * (classes if self.ovo else 1), self.bins)

    def limits(self, classes: Sequence[str]) -> float | tuple[float, ...]:
        """The threshold of each of these classes, or one for all. Raises InputError where they do not fit."""
        if not isinstance(self.threshold, tuple):
            return self.threshold
        named = dict(each for each in self.threshold if isinstance(each, tuple))
        if named:
            if set(named) != set(classes):
                odd = ", ".join(sorted(set(named) ^ set(classes))[:5])
                raise InputError(f"the thresholds must name each class once; {odd} is on one side only")
            return tuple(named[label] for label in classes)
        if len(self.threshold) != len(classes):
            raise InputError(f"{len(self.threshold)} thresholds for {len(classes)} classes; give one, or one a class")
        return tuple(float(each) for each in self.threshold if not isinstance(each, tuple))

    def refuse(self, task: str | None, predicts: bool) -> None:
        """Refuse what was asked and the task does not have. Raises InputError."""
        if self.ovo and task == "multilabel":
            raise InputError(
                "ovo compares classes of which each row has one, and this task is multilabel; leave ovo (--ovo) out"
            )
        if task == "multiclass" and predicts and isinstance(self.threshold, tuple):
            raise InputError(
                "there are thresholds for single classes, but a multiclass task predicts the class with the highest "
                "score; leave threshold (--threshold) out, or say task='multilabel' (--task multilabel)"
            )

    def decision(self, task: str) -> str:
        """How scores become predictions, as text."""
        return "argmax" if task == "multiclass" else json.dumps(self.to_json()["threshold"], sort_keys=True)


def _thresholds(given: Any) -> Thresholds:
    if isinstance(given, Mapping):
        pairs = tuple((label_text(label), _number(value)) for label, value in given.items())
        if not pairs:
            raise InputError("threshold names no class; give a number, a list with one a class, or label: number pairs")
        if len(dict(pairs)) < len(pairs):
            raise InputError(f"threshold names a class twice among {[label for label, _ in pairs]!r}; give each one")
        return pairs
    if hasattr(given, "tolist"):  # of numpy, torch, pyarrow
        given = given.tolist()
    if isinstance(given, list | tuple):
        if not given:
            raise InputError("threshold is an empty list; give a number, or one a class")
        return tuple(map(_number, given))
    return _number(given)


def _number(value: Any) -> float:
    number = _as_float(value)
    if isinstance(value, str):  # as the command line has it
        try:
            number = float(value)
        except ValueError:
            number = math.nan
    if not math.isfinite(number):
        raise InputError(f"threshold {value!r} is not a finite number; a score at or above it is positive")
    return number + 0.0  # -0.0 decides like 0.0


def _as_float(value: Any) -> float:
    """A number as a float, infinite beyond the largest; nan for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        return math.nan
    try:
        return float(value)
    except (OverflowError, ValueError):  # a signalling nan of decimal
        return math.inf
