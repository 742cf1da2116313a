"""Figures: the few numbers of a snapshot that live outputs show, read under one policy; cheap enough to read often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.policy import Policy
from streamavg.derive.slice_values import slice_values
from streamavg.derive.values import metric_names
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamavg.derive.slice_values import SliceValues
    from streamavg.snapshot import Snapshot

AVERAGED = ("precision", "recall", "f1")
WHOLE = {
    "binary": ("accuracy", "precision", "recall", "f1", "matthews_corrcoef"),
    "multiclass": ("accuracy", "balanced_accuracy", "matthews_corrcoef"),
    "multilabel": ("subset_accuracy", "hamming_loss"),
}
RANKED = ("roc_auc", "average_precision")
LOSSES = ("log_loss", "brier")
ENOUGH = 10  # rows of a class, below which a value of it says little and is not listed as bad


@dataclass(frozen=True)
class Worst:
    """A class that does badly."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Reader:
    """Reads snapshots under one policy: keywords as of `Snapshot.value`, zero_division and over.

    only: the metrics to read; None: the headline metrics of the task.
    """

    policy: Mapping[str, Any] = field(default_factory=dict)
    only: Sequence[str] | None = None

    def values(self, snap: Snapshot, scores: bool = True) -> dict[str, float]:
        """Metric -> value for what the task has of the metrics; {} where none can be read.

        None can be read without rows, and while a correction is ahead of the row that it takes away. `scores`: also
        areas under curves and losses.
        """
        if not snap.rows:
            return {}
        if snap.state.first_negative is not None:
            return {}
        asked = dict.fromkeys(names(snap, scores) if self.only is None else self.only)
        had = asked.keys() & metric_names(snap.state, Policy.of(**self.policy))
        return {name: snap.value(name, **self.policy) for name in asked if name in had}

    def one(self, snap: Snapshot, name: str) -> float:
        """One metric; nan where it cannot be read."""
        try:
            return snap.value(name, **self.policy) if snap.rows else float("nan")
        except InputError:
            return float("nan")

    def worst(self, snap: Snapshot, most: int) -> list[Worst]:
        """The classes of the lowest F1 that have at least 10 rows; of equal ones the larger first."""
        state = snap.state
        if not snap.rows or state.first_negative is not None:
            return []
        weights = state.config.sample_weight and self.policy.get("weighted", True)
        cells = state.weighted_matrix if weights else state.cells
        tp, fp, fn = (cells[:, k].astype(np.float64) for k in range(3))
        support = state.cells[:, 0] + state.cells[:, 2]
        f1 = _shares(2 * tp, 2 * tp + fp + fn)
        held = np.flatnonzero((support >= ENOUGH) & ~np.isnan(f1))
        order = held[np.lexsort((-support[held], f1[held]))][:most]
        columns = (support, _shares(tp, tp + fp), _shares(tp, tp + fn), f1)
        rows = zip(*(column[order].tolist() for column in columns), strict=True)
        return [Worst(state.order[k], *row) for k, row in zip(order.tolist(), rows, strict=True)]

    def slices(self, snap: Snapshot) -> SliceValues | None:
        """The worst slices, where rows are told apart by columns."""
        return slice_values(snap.state, Policy.of(**self.policy), self.only) if snap.state.config.by else None


def _shares(part: Any, whole: Any) -> Any:
    """part / whole, nan where whole is 0."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def names(snap: Snapshot, scores: bool = True) -> Iterator[str]:
    """The headline metrics of a task, those of the whole table first; not every state has every one."""
    config = snap.state.config
    task = config.task or "multiclass"
    yield from WHOLE[task]
    samples = task == "multilabel" and config.samples
    for average in ("micro", "macro", "weighted", *(("samples",) if samples else ())):
        yield from (f"{name}_{average}" for name in AVERAGED)
    if not (scores and config.scores):
        return
    for name in RANKED:
        yield from (name,) if task == "binary" else (f"{name}_{average}" for average in ("micro", "macro", "weighted"))
    yield from LOSSES
