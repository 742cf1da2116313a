"""Vocabulary: an append-only list of labels in which a label's code never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

NULL, UNKNOWN, FIRST = 0, 1, 2  # the code of no label, of a label outside a closed vocabulary, and of the first label


class Vocabulary:
    """Label text <-> code. A closed vocabulary knows the declared labels only, every other one is UNKNOWN."""

    def __init__(self, declared: Sequence[str], closed: bool) -> None:
        self.closed = closed
        self.labels: list[str] = []
        self._codes: dict[str | None, int] = {None: NULL}
        self.declare(declared)

    def __len__(self) -> int:
        """The number of codes in use, NULL and UNKNOWN included."""
        return FIRST + len(self.labels)

    def declare(self, labels: Iterable[str]) -> None:
        """Make these labels known, whether closed or not."""
        fresh = [label for label in dict.fromkeys(labels) if label not in self._codes]
        self._codes.update(zip(fresh, range(len(self), len(self) + len(fresh)), strict=True))
        self.labels += fresh

    def twin(self) -> Vocabulary:
        """A copy that learns on its own."""
        twin = Vocabulary((), self.closed)
        twin.labels, twin._codes = self.labels.copy(), self._codes.copy()
        return twin

    def forget(self, known: int) -> None:
        """Drop all labels but the first `known`; codes handed out for the others mean nothing any more."""
        for label in self.labels[known:]:
            del self._codes[label]
        del self.labels[known:]

    def codes(self, texts: Sequence[str | None]) -> NDArray[np.int64]:
        """The codes of these labels, None is NULL; an open vocabulary learns new ones."""
        known = self._codes
        if self.closed:
            return np.fromiter((known.get(text, UNKNOWN) for text in texts), np.int64, len(texts))
        if not all(map(known.__contains__, texts)):
            self.declare(text for text in texts if text is not None)
        return np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))
