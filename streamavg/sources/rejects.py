"""Rejects: the lines that could not be counted, tallied by cause and kept with their places in a file of JSON lines."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError, naming
from streamavg.position import digest_of
from streamavg.sources.trail import BEFORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamavg.sources.unit import Bad

LONGEST_KEPT = 1 << 12  # bytes of a bad line that are kept; "bytes" tells how long it was
LONG = "too_long"
PREFIX = "bad_"  # of the run counters, one a cause


class Rejects:
    """Tells why lines are bad, and writes them to `path`: {"file", "at", "bytes", "cause", "line"}, a line each.

    at: the `place` that was saved and is gone on from; what was written after it is taken away and comes again. With
    None the file must not be there yet, or be empty. most: InputError once there are more, `before` those of earlier
    runs.
    """

    def __init__(
        self, path: str | None = None, at: Sequence[Any] | None = None, most: int | None = None, before: int = 0
    ) -> None:
        self.tallies: Counter[str] = Counter()
        self._most, self._before, self._path = most, before, path
        self._file = -1
        self._size = 0
        if path is not None:
            self._open(path, at)

    def _open(self, path: str, at: Sequence[Any] | None) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        self._size = at[0] if at else 0
        if size and (at is None or size < self._size or self.place != list(at)):
            os.close(self._file)
            raise InputError(f"--rejects {path}: the file is there and is not of this run; name another or remove it")
        self._size = min(self._size, size)  # less if the file was taken away: then it starts afresh
        with naming(path):
            os.ftruncate(self._file, self._size)
        os.lseek(self._file, self._size, os.SEEK_SET)

    @property
    def place(self) -> list[Any] | None:
        """How much was written, and a digest of the end of that; None without a file."""
        if self._file < 0:
            return None
        known = min(self._size, BEFORE)
        return [self._size, digest_of(os.pread(self._file, known, self._size - known))]

    def add(self, file: str, start: int, bad_lines: Iterable[Bad], size: int | None = None) -> None:
        """Take bad lines of a block that starts at a byte of a file; `size`: how long one is that was not kept."""
        for bad in bad_lines:
            self._keep(file, start + bad.at, bad.cause, bad.line, len(bad.line) if size is None else size)

    def _keep(self, file: str, at: int, cause: str, line: bytes, size: int) -> None:
        self.tallies[PREFIX + cause] += 1
        if self._file >= 0:
            text = line[:LONGEST_KEPT].decode("utf-8", "backslashreplace")
            kept = {"file": file, "at": at, "bytes": size, "cause": cause, "line": text}
            data = json.dumps(kept).encode("ascii") + b"\n"
            with naming(str(self._path)):
                while data:
                    written = os.write(self._file, data)
                    self._size += written
                    data = data[written:]

    @property
    def total(self) -> int:
        """How many there were, in earlier runs too."""
        return self._before + sum(self.tallies.values())

    def refuse_more(self) -> None:
        """InputError if there are more than allowed."""
        if self._most is not None and self.total > self._most:
            causes = ", ".join(f"{n} {cause.removeprefix(PREFIX)}" for cause, n in self.tallies.most_common(5))
            raise InputError(f"{self.total} bad lines, more than --max-rejects {self._most} allows ({causes})")

    def keep(self) -> None:
        """Make sure that what was written is found again, before a state is saved that counts it."""
        if self._file >= 0:
            with naming(str(self._path)):
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
