"""Truths: for each row with scores, which classes are true, whether its truth can be used, and if it has an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.columns import Column
from streamavg.count.indicators import Indicators
from streamavg.count.row_terms import truth_of
from streamavg.count.sets import SetCounter
from streamavg.count.vocabulary import FIRST, NULL, UNKNOWN, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from streamavg.count.limits import Limits
    from streamavg.count.selection import Sides
    from streamavg.state.config import Config

    Mask = np.ndarray[Any, np.dtype[np.bool_]]


class OneLabel:
    """Truth of one label a row: the number of its class, or a number that is no class."""

    def __init__(self, sides: Sides, classes: Sequence[str], config: Config) -> None:
        self._column = Column(sides.true.columns[0], Vocabulary(classes, closed=True), narrow=True)
        self._closed = config.unknown != "grow" and config.task != "binary"

    def read(self, arrays: Sequence[pa.Array]) -> tuple[Any, Mask]:
        """Signed (rows,), from 0 to classes - 1, or less where no class is true; and the rows with a usable truth."""
        codes = self._column.words(arrays[0]).values
        usable = codes != NULL
        if self._closed:
            usable &= codes != UNKNOWN
        signed = np.dtype(f"i{codes.itemsize}")
        return codes.view(signed) - signed.type(FIRST), usable


class SeveralLabels:
    """Truth of label sets: a row of 0 and 1 for each class."""

    def __init__(self, sides: Sides, config: Config, limits: Limits) -> None:
        self._side, self._sets = sides.true, SetCounter((sides.true, sides.true), config, limits)
        self._closed, self._width = config.unknown != "grow", len(config.labels)

    def read(self, arrays: Sequence[pa.Array]) -> tuple[Any, Mask]:
        """uint8 (rows, classes), and the rows with a usable truth."""
        read = self._sets.read(arrays, self._side)
        if isinstance(read, Indicators):
            return truth_of(read), read.mask()
        rows = np.repeat(np.arange(len(read.lengths)), read.lengths)
        place = read.codes.astype(np.int64) - FIRST
        inside = (place >= 0) & (place < self._width)
        truth = np.zeros((len(read.lengths), self._width), np.uint8)
        truth[rows[inside], place[inside]] = 1
        usable = ~read.null
        if self._closed:
            usable &= ~read.rows_with(place >= self._width)
        self._sets.vocabulary.forget(self._width)
        return truth, usable


class Answers:
    """Predictions that stand beside scores: which rows have none."""

    def __init__(self, sides: Sides, config: Config, limits: Limits) -> None:
        self._side, self._width = sides.pred, len(config.labels)
        self._sets = SetCounter((sides.pred, sides.pred), config, limits) if config.task == "multilabel" else None
        self._column = Column(sides.pred.columns[0], Vocabulary((), closed=True))

    def missing(self, arrays: Sequence[pa.Array]) -> Mask:
        """The rows without a prediction."""
        if self._sets is None:
            null: Mask = self._column.words(arrays[0]).values == NULL
            return null
        read = self._sets.read(arrays, self._side)
        if isinstance(read, Indicators):
            return ~np.asarray(read.mask())
        self._sets.vocabulary.forget(self._width)
        return read.null
