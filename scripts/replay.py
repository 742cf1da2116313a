"""Write a log that never ends: the language data as a service would log it, at a chosen rate, with rotation."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TICK = 0.05  # seconds between two writes


def rows(path: Path, is_endless: bool) -> Iterator[dict[str, Any]]:
    """The rows of the data, over and over."""
    for _ in count() if is_endless else range(1):
        for batch in pq.ParquetFile(path).iter_batches(10_000, columns=["word", "y_true", "y_pred", "script"]):
            yield from batch.to_pylist()


def line_of(number: int, row: dict[str, Any]) -> str:
    """A row as a service would log it."""
    result = {"label": row["y_true"], "prediction": row["y_pred"]}
    record = {"time": datetime.now(UTC).isoformat(), "id": number, "script": row["script"], "result": result}
    return json.dumps(record) + "\n"


class Log:
    """A log that is rotated as logrotate does it: log.1 is the newest of `kept` old ones."""

    def __init__(self, path: Path, kept: int, copies: bool) -> None:
        self._path, self._kept, self._copies = path, kept, copies
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def write(self, lines: str) -> None:
        """Append lines."""
        self._file.write(lines)
        self._file.flush()

    def rotate(self) -> None:
        """Start afresh, by another file of the name or, with `copies`, by a copy and a truncation."""
        for i in range(self._kept, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self._path}.{i}", f"{self._path}.{i + 1}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._path}.{self._kept + 1}")
        if self._copies:
            shutil.copyfile(self._path, f"{self._path}.1")
            os.truncate(self._path, 0)
            return
        os.rename(self._path, f"{self._path}.1")
        self._file.close()
        self._file = self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def replay(arguments: argparse.Namespace) -> int:
    """Write until the time is over; how many records that were."""
    log = Log(arguments.output, arguments.keep, arguments.copytruncate)
    began = rotated = time.monotonic()
    made, written = rows(arguments.data, is_endless=True), 0
    try:
        while time.monotonic() < began + arguments.seconds:
            due = int((time.monotonic() - began) * arguments.rate) - written
            log.write("".join(line_of(written + i, next(made)) for i in range(due)))
            written += due
            if time.monotonic() >= rotated + arguments.rotate_every:
                log.rotate()
                rotated = time.monotonic()
            time.sleep(TICK)
    finally:
        log.close()
    return written


def main() -> int:
    """Parse the arguments and write; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("output", nargs="?", type=Path, default=Path("data/replay/service.jsonl"), help="the log")
    add("--data", type=Path, default=ROOT / "data" / "langid.parquet", help="what scripts/make_langid.py wrote")
    add("--rate", type=float, default=5_000, help="records a second")
    add("--rotate-every", type=float, default=10, help="seconds between two rotations")
    add("--keep", type=int, default=5, help="old logs that are kept")
    add("--copytruncate", action="store_true", help="rotate by a copy and a truncation, not by a rename")
    add("--seconds", type=float, default=float("inf"), help="how long")
    arguments = parser.parse_args()
    try:
        print(f"{replay(arguments):,} records in {arguments.output}")
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
