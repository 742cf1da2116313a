"""Tail: one file that is followed, read in whole lines; its first bytes and those before the position are kept."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from streamavg.errors import InputError
from streamavg.position import Source, digest_of, reached
from streamavg.sources.json_blocks import BLOCK, LONGEST
from streamavg.sources.known import HEAD
from streamavg.sources.trail import BEFORE

if TYPE_CHECKING:
    from streamavg.position import Counted

ROWED = ("csv", "tsv")  # formats whose positions are rows, and bytes where an end was reached


LONGEST_FIRST = 1 << 20


class CutError(Exception):
    """The bytes before the position are no longer there: the file was truncated, and may have grown again."""


class Lines(NamedTuple):
    """Whole lines with their ends, from the byte `start` on; None for one line above LONGEST, which is left out.

    `before` and `last` are the bytes before `start` and before `after`, by which a file is known again.
    """

    data: bytes | None
    start: int
    after: int
    before: bytes = b""
    last: bytes = b""

    def digest_at(self, done: int) -> str:
        """The digest of the last bytes before the one that is so far into the lines."""
        if self.data is None or done >= len(self.data):
            return digest_of(self.last)
        return digest_of((self.before + self.data[max(done - BEFORE, 0) : done])[-BEFORE:])


class Tail:
    """Reads a file by its descriptor, so that a new name or none does no harm; never maps it (SIGBUS).

    `at` is where reading goes on, `mark` up to where it was handed out: all lines that start before it.
    """

    def __init__(self, source: Source, path: str, file: int, at: int = 0) -> None:
        self.source, self.path, self.file = source, path, file
        status = os.fstat(file)
        self.identity = (status.st_dev, status.st_ino)
        self.at = self.mark = at
        self.head = os.pread(file, min(HEAD, at), 0)
        self.before = os.pread(file, min(BEFORE, at), at - min(BEFORE, at))
        self.size = self.largest = status.st_size
        self._first = b""
        self.rows = self.malformed = 0  # of formats whose positions are rows
        self.rotated: float | None = None  # since when its name is another file's, by the monotonic clock
        self.grown = time.monotonic()
        self.since: float | None = None  # since when lines wait to be read
        # what comes before the next line end belongs to a line that was counted, or was too long
        self._skips = at > 0 and not self.before.endswith(b"\n")

    def look(self) -> int:
        """How many bytes are unread. Raises CutError if the file was truncated."""
        before, self.size = self.size, os.fstat(self.file).st_size
        if self.size != before:
            self.grown = time.monotonic()
        self.largest = max(self.largest, self.size)
        if self.size < self.at or (self.size < before and not self.at):
            raise CutError
        return self.size - self.at

    def check(self) -> None:
        """Raise CutError if what was read is no longer what stands before the position."""
        if os.pread(self.file, len(self.before), self.at - len(self.before)) != self.before:
            raise CutError

    def take(self, most: int = BLOCK, last: bool = False) -> Lines | None:
        """The next lines, about `most` bytes; None if no line end has come. `last`: an unended line is whole too."""
        while (data := self._next(most)) is not None:
            if self._skips:
                end = data.find(b"\n") + 1
                self._advance(data[: end or len(data)])
                self._skips = not end
                continue
            cut = data.rfind(b"\n") + 1
            if not cut and len(data) > LONGEST:
                self._skips, start, before = True, self.at, self.before
                self._advance(data)
                return Lines(None, start, self.at, before, self.before)
            if not cut and len(data) < most:
                if not last:
                    return None
                cut = len(data)
            if cut:
                start, before, lines = self.at, self.before, data[:cut]
                self._advance(lines)
                return Lines(lines, start, self.at, before, self.before)
            most = min(4 * most, LONGEST + 1)
        return None

    def _next(self, most: int) -> bytes | None:
        """Bytes from the position on, None if there are none, proved to follow those that were read before."""
        known = len(self.before)
        data = os.pread(self.file, most + known, self.at - known)
        if data[:known] != self.before:
            raise CutError
        self.check()  # a truncation while that was read shows here
        return data[known:] or None

    def _advance(self, data: bytes) -> None:
        if len(self.head) < HEAD and self.at < HEAD:
            self.head += data[: HEAD - len(self.head)]
        self.before = (self.before + data[-BEFORE:])[-BEFORE:]
        self.at += len(data)

    def settled(self) -> Source:
        """What the file is known by now, up to what was handed out."""
        return Source(self.path, self.source.format, self.mark, digest_of(self.head[: self.mark], b""))

    @property
    def is_alive(self) -> bool:
        """Whether the file is open and has a name."""
        return self.file >= 0 and os.fstat(self.file).st_nlink > 0

    def is_in(self, file: int, is_weak: bool = False) -> bool:
        """Whether an open file holds all that was read of this one; less than HEAD bytes prove it only if `is_weak`."""
        if not self.at or (self.at < HEAD and not is_weak) or os.fstat(file).st_size < self.at:
            return False
        known = len(self.before)
        return os.pread(file, len(self.head), 0) == self.head and os.pread(file, known, self.at - known) == self.before

    def begins_as(self, first: bytes, size: int, is_weak: bool = False) -> bool:
        """Whether a file is a copy being made: it begins alike, and is shorter than what was read or can be."""
        if not 0 < size < max(self.at, self.size if self.file >= 0 else 0) or (size < HEAD and not is_weak):
            return False
        head = self.head or (os.pread(self.file, HEAD, 0) if self.file >= 0 else b"")
        return bool(head) and head.startswith(first[: len(head)])

    def first_line(self) -> bytes:
        """The first line with its end, as far as it can be one; b"" for a file that is gone."""
        if self.file < 0:
            return b""
        if b"\n" not in self._first:
            self._first = os.pread(self.file, LONGEST_FIRST, 0).partition(b"\n")[0] + b"\n"
        return self._first

    def move(self, file: int, path: str) -> None:
        """Go on in another file that holds the same."""
        self.close()
        status = os.fstat(file)
        self.file, self.path, self.identity = file, path, (status.st_dev, status.st_ino)
        self.largest = status.st_size

    def close(self) -> None:
        """Close the descriptor."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def resumed(source: Source, counted: Counted, path: str, file: int) -> Tail:
    """A tail of what an earlier run counted. InputError if it says of rows only that they were counted, not where."""
    mark = mark_of(source, counted)
    if mark is None:
        raise InputError(f"{path}: counted in part by streamavg eval, which keeps no bytes; let eval finish it first")
    tail = Tail(source, path, file, mark)
    if source.format in ROWED:
        tail.rows, tail.malformed = reached(counted.ranges, 0), reached(counted.ranges, 1)
    return tail


def mark_of(source: Source, counted: Counted) -> int | None:
    """Up to which byte a log was counted; None where only rows are known, because its end was not reached."""
    part, row = counted.ranges[-1][2:]
    if source.format in ROWED:
        return row if part == 2 else None
    return row


def holds(file: int, source: Source, counted: Counted) -> bool:
    """Whether an open file has the bytes that were counted of an earlier one."""
    mark = mark_of(source, counted) or 0
    if os.fstat(file).st_size < max(mark, source.size):
        return False
    before = min(BEFORE, mark)
    return (
        digest_of(os.pread(file, min(HEAD, source.size), 0), b"") == source.digest
        and digest_of(os.pread(file, before, mark - before)) == counted.before
    )
