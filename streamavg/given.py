"""Given: snapshots of counts that were made elsewhere."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import CountOverflowError, InputError, MismatchError
from streamavg.snapshot import Snapshot
from streamavg.state.config import Config
from streamavg.state.counts import Counts
from streamavg.state.labels import MOST, label_text
from streamavg.state.pairs import Pairs
from streamavg.state.state import State
from streamavg.state.tables import checked_int, exact_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.state.config import Task


def from_counts(
    labels: Sequence[object],
    tp: Sequence[int],
    fp: Sequence[int],
    fn: Sequence[int],
    rows: int,
    task: Task = "multilabel",
) -> Snapshot:
    """A snapshot from counts of any origin; label pairs and the row table are not known.

    InputError if a cell is negative, a class has more than `rows`, or one label a row cannot give such sums.

    >>> from_counts(["a", "b", "c"], tp=[2, 1, 1], fp=[8, 5, 3], fn=[0, 0, 0], rows=20)["precision_micro"]
    0.2
    """
    names = _declared(labels)
    try:
        columns, rows = [[index(count) for count in column] for column in (tp, fp, fn)], checked_int(index(rows))
    except TypeError:
        raise InputError("tp, fp, fn and rows must be whole numbers (integers)") from None
    if any(len(column) != len(names) for column in columns):
        raise InputError(f"there are {len(names)} labels; tp, fp and fn must each have as many numbers")
    for label, *cells in zip(names, *columns, strict=True):
        if min(cells) < 0 or sum(cells) > rows:
            raise InputError(f"label {label!r} has TP, FP, FN {cells}: each must be >= 0, their sum at most {rows}")
    if task not in ("multiclass", "multilabel"):
        hint = "; give binary counts as from_confusion(labels, matrix, pos_label=...)" if task == "binary" else ""
        raise InputError(f"task is {task!r}; counts alone are 'multiclass' or 'multilabel'{hint}")
    config = Config(task=task, labels=names, samples=task != "multilabel")
    state = State(config, Counts.of(names, np.array(columns, np.int64).T.reshape(-1, 3)), rows, pairs=None)
    try:
        state.check_identities()
    except MismatchError as error:
        raise InputError(f"one label a row cannot give these counts: {error}") from None
    return Snapshot(state)


def from_confusion(labels: Sequence[object], matrix: Any, pos_label: object = None) -> Snapshot:
    """A snapshot from a square matrix of counts, truth down, prediction across; binary if pos_label is given.

    >>> from_confusion([0, 1], [[50, 10], [5, 35]], pos_label=1)["recall"]
    0.875
    """
    names = _declared(labels)
    cells = np.asarray(matrix)
    if cells.shape != (len(names), len(names)) or cells.dtype.kind not in "iu" or (cells < 0).any():
        raise InputError(f"the matrix must hold {len(names)} x {len(names)} counts >= 0, truth down, prediction across")
    if (cells > np.uint64(MOST)).any():
        raise CountOverflowError("the matrix holds a count outside int64")
    cells = cells.astype(np.int64)
    rows = checked_int(exact_sum(cells.ravel()))  # no sum below can pass it
    right = np.diagonal(cells)
    counts = Counts.of(names, np.stack((right, cells.sum(axis=0) - right, cells.sum(axis=1) - right), axis=1))
    true, pred = np.nonzero(cells)
    positive = None if pos_label is None else label_text(pos_label)
    config = Config(task="multiclass" if positive is None else "binary", pos_label=positive, labels=names)
    pairs = Pairs.zero() + Pairs(names, Pairs.of(names, true, pred, cells[true, pred]).table)
    state = State(config, counts, rows, pairs=pairs)
    state.check_binary()
    return Snapshot(state)


def _declared(labels: Sequence[object]) -> tuple[str, ...]:
    names = tuple(label_text(label) for label in labels)
    if len(set(names)) < len(names):
        raise InputError("labels names a label twice")
    return names
