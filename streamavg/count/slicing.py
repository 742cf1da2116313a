"""Slicing: what was asked about slices: their columns, their windows of time, and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.state.spans import window_size, window_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta


@dataclass(frozen=True)
class Slicing:
    """Options of slices as the user gave them, checked; op: the column that says which rows are taken away again."""

    by: tuple[str, ...] = ()
    window: str = ""
    time: str | None = None
    op: str | None = None
    most: int = 100_000
    fold: bool = False

    @staticmethod
    def checked(
        by: str | Sequence[str] | None,
        window: str | timedelta | None,
        time: str | None,
        op: str | None,
        max_slices: int,
        fold_slices: bool = False,
    ) -> Slicing:
        """The options. Raises InputError for those that cannot be."""
        columns = (by,) if isinstance(by, str) else tuple(by or ())
        for name in (*columns, *(each for each in (time, op) if each is not None)):
            if type(name) is not str or not name:
                raise InputError(f"{name!r} is no column; name the columns of by, time and op as texts")
        if len(set(columns)) < len(columns):
            raise InputError(f"by names a column twice: {', '.join(columns)}")
        if (window is None) != (time is None):
            raise InputError(
                "window and time go together: how long a window is (--window 5m), and the column of times (--time ts)"
            )
        if max_slices < 1:
            raise InputError(f"max_slices is {max_slices}; it must be at least 1")
        text = window_text(window_size(window)) if window is not None else ""
        return Slicing(columns, text, time, op, max_slices, fold_slices)

    @property
    def is_asked(self) -> bool:
        """Whether rows are told apart at all."""
        return bool(self.by or self.window)

    @property
    def words(self) -> str:
        """What tells slices apart."""
        parts = [", ".join(map(repr, self.by))] if self.by else []
        return " and ".join([*parts, *([f"windows of {self.window}"] if self.window else [])])

    def check(self, used: int) -> None:
        """InputError if there are more slices than there may be."""
        if used > self.most and not self.fold:
            raise InputError(
                f"{used:,} slices by {self.words}, but max_slices is {self.most:,}; tell rows apart by a column with "
                "fewer values or by longer windows, or raise max_slices (--max-slices)"
            )

    def to_json(self) -> dict[str, object]:
        """The options for a state file, by the names that users give them."""
        return {"by": list(self.by), "window": self.window or None, "time": self.time, "op": self.op}
