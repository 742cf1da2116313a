"""Areas: ROC AUC and average precision to the last bit, of rankings whose rows were read a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Areas:
    """What was found of each ranking that has rows of both kinds: of one class, or of several pooled.

    A hint: a histogram alone does not tell it, so it is in no fingerprint, the sum or difference with any other rows
    loses it, and no file keeps it. weighted: whether weights were added up, or rows. The keys are sorted labels.
    """

    weighted: bool
    roc_auc: Mapping[Labels, Fraction]
    average_precision: Mapping[Labels, float]

    def of(self, metric: str, labels: Labels, weighted: bool) -> float | None:
        """The metric of these labels pooled, rounded once; None if it is not known.

        >>> from fractions import Fraction
        >>> Areas(False, {("a",): Fraction(1, 3)}, {}).of("roc_auc", ("a",), weighted=False)
        0.3333333333333333
        """
        if weighted != self.weighted or metric not in ("roc_auc", "average_precision"):
            return None
        found: Mapping[Labels, Fraction | float] = getattr(self, metric)
        value = found.get(tuple(sorted(labels)))
        return None if value is None else float(value)
