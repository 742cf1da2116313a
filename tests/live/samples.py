"""Moments to show: rows of ten labels, some of them awkward, in windows of five minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from streamavg.accumulator import Accumulator
from streamavg.live.moment import Moment
from streamavg.position import Position, Source, Span
from streamavg.snapshot import Snapshot

HOSTILE = [
    "en",
    'quo"te',
    "new\nline 1",
    "back\\slash",
    "\x1b[31mred\x1b[0m",
    "[bold]markup[/bold]",
    "\u202egnp.exe",
    "שלום עולם",
    "長い" * 150,
    "",
]
START = datetime(2026, 11, 28, 0, 0, tzinfo=UTC)


def rows(seed: int, n: int = 500, labels: list[str] = HOSTILE) -> tuple[list[str], list[str | None]]:
    """Truths and predictions, three of four of them right, one in fifty missing."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, len(labels), n)
    pred = np.where(rng.random(n) < 0.75, true, rng.integers(0, len(labels), n))
    answers = [None if rng.random() < 0.02 else labels[k] for k in pred]
    return [labels[k] for k in true], answers


def counted(true, pred, **options) -> Snapshot:
    acc = Accumulator(**options)
    acc.update({"y_true": true, "y_pred": pred})
    return acc.snapshot()


@cache
def window(k: int, labels: tuple[str, ...]) -> tuple[datetime, Snapshot]:
    return START + timedelta(minutes=5 * k), counted(*rows(k, labels=list(labels)))


def position(end: int, name: str = "log.jsonl") -> Position:
    return Position.of([(Source(name, "jsonl", 90, "0" * 32), [Span(0, 0, 1, (0, end))], "")])


def moment(number: int = 30, closed: int = 0, labels: list[str] = HOSTILE, **more) -> Moment:
    """The moment after so many windows, of which the last `closed` have closed just now."""
    held = [window(k, tuple(labels)) for k in range(number)]
    fields = {
        "snapshot": sum((snap for _, snap in held), Snapshot()),
        "run": {"replayed": 5, "late": 0},
        "lag": {"bytes": 1_234_567},
        "rows_per_second": 12_345.6,
        "windows": held,
        "closed": held[-closed:] if closed else [],
        "readings": {"unlabelled share": 0.0321, "oldest unlabelled seconds": 12},
        "watermark": START + timedelta(minutes=5 * number),
        "lineage": "a" * 32,
        "sequence": 500 * number,
        "position": position(100 * number + 1),
    }
    return Moment(**(fields | more))
