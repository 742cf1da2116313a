"""Series: which labels have time series of their own, under which text, and what all the others add up to.

A label that has one keeps it: one that joined the others later would make their sum fall. Labels come in as they are
met, the largest first, until the places are taken.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.report.escape import visible

if TYPE_CHECKING:
    from streamavg.snapshot import Snapshot

LONGEST = 128  # characters of a label; Prometheus has no limit of its own, but its users' storage has
_SHORTENED = re.compile(r"\.\.\.[0-9a-f]{32}\Z")


class Series:
    """The labels that have series, at most so many."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._texts: dict[str, str] = {}

    def texts(self, snap: Snapshot) -> dict[str, str]:
        """Label -> the text of its series, with labels of this snapshot in the places that are left."""
        counts = snap.state.counts
        left = self._most - len(self._texts)
        if left > 0 and len(counts.labels) > len(self._texts):
            sizes = counts.cells[:, 0] + counts.cells[:, 2]
            new = [k for k in np.argsort(-sizes, kind="stable").tolist() if counts.labels[k] not in self._texts]
            self._texts |= {label: series_text(label) for label in (counts.labels[k] for k in new[:left])}
        return self._texts


def series_text(label: str) -> str:
    r"""A label as a series has it: itself, or if it is long or not printable its start and a digest of all of it.

    No two labels have the same text, not even on purpose.

    >>> series_text("cat"), series_text("a\nb")
    ('cat', 'a\\nb...7e18f737311b2dc3b2f269dd78396b03')
    """
    shown = visible(label)
    if shown == label and len(label) <= LONGEST and not _SHORTENED.search(label):
        return label
    return f"{shown[: LONGEST - 35]}...{hashlib.sha256(label.encode('utf-8')).hexdigest()[:32]}"


def cells(snap: Snapshot, labels: tuple[str, ...]) -> tuple[Any, Any]:
    """TP, FP, FN of each of these labels, shape (C, 3), and of all other labels together, shape (3,); int64."""
    counts = snap.state.counts
    own = counts.at(labels)
    return own, counts.cells.sum(axis=0, dtype=np.int64) - own.sum(axis=0, dtype=np.int64)
