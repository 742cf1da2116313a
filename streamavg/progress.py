"""Progress: a bar on standard error with rows, rows a second and time left."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

    from streamavg.sources import Unit


class Bar:
    """A context in which `step` may be called from any thread; the bar goes away when it ends."""

    def __init__(self, work: list[Unit]) -> None:
        self._bar = Progress(
            TextColumn("{task.fields[rows]:,} rows"),
            BarColumn(),
            TextColumn("{task.fields[rate]:,.0f} rows/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        total = sum(unit.size for unit in work)
        self._task = self._bar.add_task("", total=total or None, rows=0, rate=0.0)
        self._rows, self._started, self._lock = 0, time.monotonic(), threading.Lock()

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, rows: int, size: int) -> None:
        """Rows were counted that stand for `size` bytes."""
        with self._lock:
            self._rows += rows
            rate = self._rows / max(time.monotonic() - self._started, 1e-3)
            self._bar.update(self._task, advance=size, rows=self._rows, rate=rate)
