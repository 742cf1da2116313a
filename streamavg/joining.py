"""Joining: a join buffer as a stage between a stream and its counts, and which columns its sources must hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamavg.count.selection import listed
from streamavg.errors import InputError
from streamavg.join import JoinBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from streamavg.options import Options


class Joining:
    """Rows come in as predictions and truths, and go out as pairs; all that waits is saved with the counts.

    saved: what an earlier run left, empty for a new one; `name` is its file. StateError if it cannot be used.
    """

    def __init__(self, on: str, limit: str, options: Options, saved: bytes = b"", name: str = "") -> None:
        y_true, y_pred = options.columns
        y_score = None if options.scoring is None else options.scoring.columns
        self._buffer = JoinBuffer(on, limit, y_true=y_true, y_pred=y_pred, y_score=y_score, time=options.slicing.time)
        if saved:
            self._buffer.restore(saved, name)
        self._on, self._options, self._before = on, options, dict(self._buffer.counters)
        self._names = [name for side in (y_true, y_pred, y_score) for name in _literal(side)]

    def columns_of(self, available: Sequence[str]) -> list[str]:
        """The columns to read from a source, the id among them; some may be in another source, or come later.

        InputError if it has no id, or neither truth nor prediction.
        """
        if self._on not in available or not {*self._names} & {*available}:
            raise InputError(
                f"there is no column {self._on!r} to join by, or no {' or '.join(map(repr, self._names))} beside it; "
                f"the columns are: {listed(available)} (set them with --join, --y-true and --y-pred)"
            )
        slicing = self._options.slicing
        single = (self._options.sample_weight, slicing.time, slicing.op)
        wanted = [*self._names, *slicing.by, *(name for name in single if name is not None)]
        chosen = self._options.columns_of([*available, *(name for name in wanted if name not in available)])
        return list(dict.fromkeys([self._on, *chosen]))

    def joined(self, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        """The rows that are complete now."""
        return self._buffer.join(batch)

    @property
    def tallies(self) -> Mapping[str, int]:
        """Run counters since the stage was made."""
        return {name: count - self._before[name] for name, count in self._buffer.counters.items()}

    @property
    def readings(self) -> Mapping[str, float | int]:
        """The share of predictions without a truth, and its age; see `JoinBuffer.readings`."""
        return self._buffer.readings

    @property
    def waiting(self) -> int:
        """The records that wait, predictions and truths."""
        return len(self._buffer)

    def saved(self) -> bytes:
        """All that waits, to be saved beside the counts."""
        return self._buffer.to_bytes()


def _literal(side: str | Sequence[str] | None) -> list[str]:
    """The names of columns that a side stands for, as far as they can be known."""
    if side is None:
        return []
    return [side] if isinstance(side, str) else list(side)
