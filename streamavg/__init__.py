"""streamavg: micro, macro, weighted and per-class metrics of classifiers, counted exactly over any amount of data."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamavg import sources
    from streamavg.accumulator import Accumulator
    from streamavg.errors import CountOverflowError, InputError, InUseError, MismatchError, StateError
    from streamavg.given import from_confusion, from_counts
    from streamavg.loading import load
    from streamavg.run import evaluate
    from streamavg.snapshot import Snapshot, from_bytes

_HOME = {
    "Accumulator": "accumulator",
    "CountOverflowError": "errors",
    "InUseError": "errors",
    "InputError": "errors",
    "MismatchError": "errors",
    "Snapshot": "snapshot",
    "StateError": "errors",
    "evaluate": "run",
    "from_bytes": "snapshot",
    "from_confusion": "given",
    "from_counts": "given",
    "load": "loading",
}

__all__ = [
    "Accumulator",
    "CountOverflowError",
    "InUseError",
    "InputError",
    "MismatchError",
    "Snapshot",
    "StateError",
    "evaluate",
    "from_bytes",
    "from_confusion",
    "from_counts",
    "load",
    "sources",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562), so that importing the package costs no numba and no pyarrow."""
    if name == "__version__":
        from importlib.metadata import version

        return version("streamavg")
    if name == "sources":
        return importlib.import_module("streamavg.sources")
    if name not in _HOME:
        raise AttributeError(f"module 'streamavg' has no attribute {name!r}")
    return getattr(importlib.import_module(f"streamavg.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
