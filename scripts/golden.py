"""Write golden state files of the current format beside their test; a file that is there is never overwritten."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

import streamavg as sa
from streamavg.checkpoint.wire import FORMAT, pack

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).resolve().parent.parent / "tests" / "checkpoint" / "data"


def pets() -> sa.Snapshot:
    """Two labels, one a row."""
    return sa.from_confusion(["cat", "dog"], [[8, 2], [1, 9]])


def declared() -> sa.Snapshot:
    """Declared labels in an order of their own, two causes, both tallies."""
    acc = sa.Accumulator(labels=["b", "a"], unknown="count")
    acc.update({"y_true": ["a", "a", "b", None, "z"], "y_pred": pa.array(["a", None, "z", "a", "a"])})
    return acc.snapshot()


def sets() -> sa.Snapshot:
    """Multilabel rows with their row table."""
    kind = pa.list_(pa.string())
    acc = sa.Accumulator()
    acc.update(
        {"y_true": pa.array([["a"], ["a", "b"], []], kind), "y_pred": pa.array([["a"], ["c"], None], kind)},
    )
    return acc.snapshot()


KINDS: dict[str, Callable[[], sa.Snapshot]] = {
    "": pets,
    "_binary": lambda: sa.from_confusion(["no", "yes"], [[3, 1], [2, 4]], pos_label="yes"),
    "_declared": declared,
    "_sets": sets,
    "_signed": lambda: pets() - pets() - pets(),
    "_numbers": lambda: sa.from_counts([7, 10, -3], tp=[2, 1, 1], fp=[8, 5, 3], fn=[0, 1, 2], rows=23),
    "_empty": sa.Snapshot,
}
SOURCES = {"preds.parquet": {"done": True, "rows": 20}}


def main() -> int:
    """Write what is missing; returns the exit status."""
    DATA.mkdir(exist_ok=True)
    for kind, make in KINDS.items():
        path = DATA / f"state_v{FORMAT}{kind}.sav"
        if path.exists():
            print(f"{path.name} is there; golden files are never written again", file=sys.stderr)
            continue
        snap = make()
        path.write_bytes(snap.to_bytes() if kind else pack(snap.state, SOURCES, bytes(range(16)), 3))
        print(f'    "{path.name}": "{snap.fingerprint()}",')
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
