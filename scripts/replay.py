"""Write the language data as the log of a service: JSON lines at a chosen rate, with rotation."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DATA, LOG = ROOT / "data" / "langid.parquet", ROOT / "data" / "replay" / "service.jsonl"
TICK = 0.05  # seconds between two writes
TROUBLE = 10  # of so many seconds, one in which the service answers the commonest language far too often


def records(path: Path, seed: int) -> Iterator[tuple[str, str, str]]:
    """Word, truth and prediction of the data in a random order, over and over."""
    table = pq.read_table(path, columns=["word", "y_true", "y_pred"])
    columns = [table[name].to_pylist() for name in ("word", "y_true", "y_pred")]
    generator = np.random.default_rng(seed)
    while True:
        for k in generator.permutation(table.num_rows).tolist():
            yield columns[0][k], columns[1][k], columns[2][k]


def rotate(log: Path, keep: int, copy: bool) -> None:
    """Move the log away as .1, and .1 as .2 and so on; by a copy after which it is cut (logrotate's copytruncate)."""
    for k in range(keep - 1, 0, -1):
        older = log.with_name(f"{log.name}.{k}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{k + 1}"))
    if copy:
        shutil.copy2(log, log.with_name(f"{log.name}.1"))
        with log.open("rb+") as file:
            file.truncate(0)
    else:
        log.rename(log.with_name(f"{log.name}.1"))


def replay(chosen: argparse.Namespace) -> int:
    """Write until the time is over; returns how many lines were written."""
    rows, written = records(chosen.data, chosen.seed), 0
    started, wall = time.monotonic(), datetime.now(UTC)
    file = chosen.log.open("a", encoding="utf-8")
    while (passed := time.monotonic() - started) < chosen.seconds:
        due = min(int(passed * chosen.rate), chosen.lines)
        now = wall + timedelta(seconds=passed * chosen.faster)
        for _ in range(due - written):
            word, truth, answer = next(rows)
            if int(passed) % TROUBLE == TROUBLE - 1 and word < "m":
                answer = "en"
            result = {"label": truth, "prediction": answer}
            file.write(json.dumps({"ts": now.isoformat(), "word": word, "result": result}, ensure_ascii=False) + "\n")
        written = due
        file.flush()
        if file.tell() > chosen.rotate:
            file.close()
            rotate(chosen.log, chosen.keep, chosen.copytruncate)
            file = chosen.log.open("a", encoding="utf-8")
        if written >= chosen.lines:
            break
        time.sleep(TICK)
    file.close()
    return written


def main() -> int:
    """Replay; returns the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    add = arguments.add_argument
    add("log", nargs="?", type=Path, default=LOG, help="the log to write (data/replay/service.jsonl)")
    add("--data", type=Path, default=DATA, metavar="FILE", help="made by scripts/make_langid.py, which runs if need be")
    add("--rate", type=float, default=2000, metavar="N", help="lines a second (2000)")
    add("--seconds", type=float, default=float("inf"), metavar="N", help="stop after so long (never)")
    add("--lines", type=int, default=sys.maxsize, metavar="N", help="stop after so many (never)")
    add("--faster", type=float, default=1.0, metavar="X", help="times in the log go X times as fast as the clock (1)")
    add("--rotate", type=float, default=5e6, metavar="BYTES", help="rotate a log larger than this (5e6)")
    add("--keep", type=int, default=5, metavar="N", help="rotated logs to keep (5)")
    add("--copytruncate", action="store_true", help="rotate by copying and cutting, not by renaming")
    add("--seed", type=int, default=1, help="of the order (1)")
    chosen = arguments.parse_args()
    if not chosen.data.exists():
        print(f"making {chosen.data} (20 to 60 s)", file=sys.stderr)
        make = [sys.executable, str(ROOT / "scripts" / "make_langid.py"), "-o", str(chosen.data)]
        subprocess.run(make, check=True)
    chosen.log.parent.mkdir(parents=True, exist_ok=True)
    print(f"writing to {chosen.log}; end with Ctrl-C", file=sys.stderr)
    try:
        print(f"{replay(chosen):,} lines", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
