"""Spaces: what the codes of an encoded column stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class IntSpace:
    """Codes are the integers themselves; the last code is null."""

    size: int

    def texts(self, codes: Sequence[int]) -> list[str | None]:
        """The labels behind the codes."""
        return [str(code) if code < self.size - 1 else None for code in codes]


@dataclass(frozen=True, eq=False)
class ListSpace:
    """Codes index a short list of labels, of which the last is null; `wrong` says why an entry cannot be a label."""

    labels: tuple[str | None, ...]
    wrong: dict[int, str]
    dictionary: pa.Array

    @property
    def size(self) -> int:
        """The number of codes."""
        return len(self.labels)

    def texts(self, codes: Sequence[int]) -> list[str | None]:
        """The labels behind the codes."""
        return [self.labels[code] for code in codes]


@dataclass(frozen=True)
class WordSpace:
    """Codes are those of the vocabulary; `size` leaves room for it to grow."""

    size: int


Space = IntSpace | ListSpace | WordSpace


@dataclass(frozen=True)
class Codes:
    """A column as unsigned codes; each must be below `bound`, which the kernels check before they index."""

    values: Array
    bound: int
    space: Space

    @property
    def is_plain_int(self) -> bool:
        """Whether the codes are integers without a null among them."""
        return isinstance(self.space, IntSpace) and self.bound < self.space.size

    def repeated(self, lengths: Array) -> Codes:
        """Each code as many times as its run is long."""
        return Codes(np.repeat(self.values, lengths), self.bound, self.space)

    def after(self, rows: int) -> Codes:
        """The codes without the first rows."""
        return Codes(self.values[rows:], self.bound, self.space)


def roomy(needed: int) -> int:
    """A table size with room to grow by an eighth, so that a slowly rising maximum does not make a table each batch."""
    return -(-(needed + needed // 8) // 16) * 16
