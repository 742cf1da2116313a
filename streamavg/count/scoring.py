"""Scoring: what was asked about scores: their columns, how they decide, and how finely they are kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError, require_one_of
from streamavg.state.labels import label_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    Columns = str | Sequence[str]

LAYOUTS = ("auto", "unit", "signed", "float16", "bfloat16", "uint8", "int8")
Thresholds = float | tuple[float, ...] | tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Scoring:
    """Options of scores as the user gave them, checked.

    threshold: one number, one a class in their order, or (label, number) pairs. layout, bins: see `Layout.default`.
    ovo: keep the histograms of every pair of classes. losses: keep the exact sums behind log loss and the like.
    """

    columns: Columns
    threshold: Thresholds = 0.5
    layout: str = "auto"
    bins: int | None = None
    ovo: bool = False
    losses: bool = True

    @staticmethod
    def checked(
        columns: Columns, threshold: object, layout: str, bins: int | None, *, ovo: bool, losses: bool
    ) -> Scoring:
        """The options. Raises InputError for those that cannot be."""
        require_one_of("score_layout", layout, LAYOUTS)
        return Scoring(columns, _thresholds(threshold), layout, bins, bool(ovo), bool(losses))

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

    def decision(self, classes: Sequence[str], task: str) -> str:
        """How scores become predictions, as text that is equal for equal decisions."""
        if task == "multiclass":
            return "argmax"
        limits = self.limits(classes)
        if not isinstance(limits, tuple):
            return repr(float(limits))
        return json.dumps(dict(sorted(zip(classes, limits, strict=True))), ensure_ascii=False)


def _thresholds(given: Any) -> Thresholds:
    if isinstance(given, str | bytes):
        raise InputError(f"threshold is {given!r}; give a number, a list with one a class, or label: number pairs")
    if isinstance(given, Mapping):
        pairs = tuple((label_text(label), _number(value)) for label, value in given.items())
        if not pairs:
            raise InputError("threshold names no class; give a number, a list with one a class, or label: number pairs")
        return pairs
    if hasattr(given, "__len__") and not isinstance(given, float | int):
        return tuple(map(_number, given))
    return _number(given)


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"threshold {value!r} is not a finite number; a score at or above it is positive")
    return number + 0.0  # -0.0 decides like 0.0
