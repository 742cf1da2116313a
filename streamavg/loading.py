"""Loading: a snapshot from a state file."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from streamavg.snapshot import Snapshot

if TYPE_CHECKING:
    import os


def load(path: str | os.PathLike[str]) -> Snapshot:
    """The snapshot in a state file, also while a run is writing to it.

    If it is damaged the previous generation, `path.1`, is loaded with a warning. StateError if neither is good.

    >>> from streamavg import from_confusion
    >>> from_confusion(["cat", "dog"], [[8, 2], [1, 9]]).save("/tmp/today.sav")
    >>> load("/tmp/today.sav")["accuracy"]
    0.85
    """
    from streamavg.checkpoint.writer import read

    saved = read(path)
    if saved.warning is not None:
        warnings.warn(saved.warning, stacklevel=2)
    return Snapshot(saved.state)
