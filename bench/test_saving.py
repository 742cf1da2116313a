"""Saving while counting: how long counting threads wait for saves, and what a save and its syncs take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa

from bench import data
from streamavg.checkpoint import disk
from streamavg.checkpoint.kept import sources_of
from streamavg.checkpoint.writer import Checkpoint
from streamavg.position import Position, Source, Span
from streamavg.saving import Checkpointer, count_saving
from streamavg.sources.unit import Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streamavg.state.state import State

SECONDS, EVERY = (30.0, 1.0) if data.ROWS >= 1_000_000 else (0.2, 0.02)
LABELS, ROWS = 1000, 1 << 17


def _unit(number: int, deadline: float) -> Unit:
    """A source that hands out batches of its own until the deadline."""
    rng = np.random.default_rng(number)
    batches = [
        pa.record_batch({name: rng.integers(0, LABELS, ROWS, dtype=np.int32) for name in ("y_true", "y_pred")})
        for _ in range(8)
    ]
    source = Source(f"endless {number}", "parquet", 1, f"{number:032x}")

    def read() -> Iterator[Piece]:
        row = 0
        while time.monotonic() < deadline:
            yield Piece(batches[row // ROWS % 8], spans=[Span(0, row, ROWS, (0, row + ROWS))])
            row += ROWS

    return Unit(source.name, 1, None, read, source)


def test_counting_hardly_waits_for_saves(folder: Path, report: Callable[[str], None]) -> None:
    """Two threads, 1,000 labels, a durable save every second for at least 30 s."""
    syncs: list[float] = []
    saves: list[float] = []
    sync = disk.sync

    def timed(*arguments: Any) -> None:
        started = time.perf_counter()
        sync(*arguments)
        syncs.append(time.perf_counter() - started)

    with patch.object(disk, "sync", timed), Checkpoint(folder / "run.sav") as file:

        def save(state: State, position: Position) -> None:
            started = time.perf_counter()
            file.save(state, sources_of(position, None))
            saves.append(time.perf_counter() - started)

        units = [_unit(number, time.monotonic() + SECONDS) for number in range(2)]
        done = count_saving(units, 2, {}, Checkpointer(save, EVERY))
    counted = done.snapshot
    assert counted.rows == sum(after for ranges, _ in done.position.files.values() for *_, after in ranges)
    assert len(counted.labels) == LABELS
    assert done.saves == len(saves) >= 1
    share, middle = done.blocked / done.counting, 1e3 * np.median(saves)
    report(
        f"saving every {EVERY:g} s for {SECONDS:g} s, {LABELS:,} labels: {counted.rows / SECONDS / 1e6:,.0f} M rows/s, "
        f"{done.saves} saves, counting blocked {share:.3%} of {done.counting:.1f} s; a save {middle:.1f} ms "
        f"(most {1e3 * max(saves):.1f}), an fsync {1e3 * np.median(syncs):.2f} ms (most {1e3 * max(syncs):.2f})"
    )
