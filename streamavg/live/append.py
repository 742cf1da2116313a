"""Append: whole lines at the end of a file that one process writes for months, while others read, move and cut it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError, InUseError, naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TAIL = 1 << 24  # bytes read back when a file is opened


class Appended:
    """A file of JSON lines, or a pipe, that lines are appended to; "-" is standard output.

    Opening a file cuts off a last line that a killed run left without its end. A file that was moved away or removed
    (by logrotate) is made anew. InputError if it holds something else, InUseError if another process appends to it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = sys.stdout.fileno() if path == "-" else self._opened()
        self._is_plain = path != "-" and stat.S_ISREG(os.fstat(self._file).st_mode)

    def _opened(self) -> int:
        # a pipe opened for reading too would never be broken
        is_pipe = os.path.exists(self._path) and not os.path.isfile(self._path)
        flags = os.O_WRONLY if is_pipe else os.O_RDWR | os.O_CREAT
        try:
            file = os.open(self._path, flags | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except (IsADirectoryError, FileNotFoundError) as error:
            raise InputError(f"--emit {self._path}: it must be a file, a pipe or - ({error.strerror})") from None
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                self._settle(file)
        except BaseException:
            os.close(file)
            raise
        return file

    def _settle(self, file: int) -> None:
        """Lock it, see that it is one of ours, and cut off a line without an end."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"--emit {self._path}: another process appends to it; name another file") from None
        length = os.fstat(file).st_size
        tail = os.pread(file, TAIL, max(length - TAIL, 0))
        whole = tail.rfind(b"\n") + 1
        first = tail[:whole].rstrip(b"\n").rpartition(b"\n")[2] if whole else None
        if (first is not None and not _is_ours(first)) or (whole == 0 and tail and not tail.startswith(b'{"kind": ')):
            raise InputError(f"--emit {self._path}: it holds something else; name a new file, or one of emitted lines")
        if whole < len(tail):
            os.ftruncate(file, length - len(tail) + whole)

    def lines(self) -> Iterator[Any]:
        """What the last lines of the file hold, up to 16 MiB of them; nothing of a pipe."""
        if not self._is_plain:
            return
        start = max(os.fstat(self._file).st_size - TAIL, 0)
        lines = os.pread(self._file, TAIL, start).split(b"\n")
        for line in lines[1 if start else 0 : -1]:
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines that end in a newline, all of them or, if the disk fails, none: a whole line is never torn.

        A file is synced, so that what is saved after it never knows of more than it holds.
        """
        with naming("standard output" if self._path == "-" else self._path):
            if not self._is_plain:
                for line in lines:  # a pipe takes up to 4096 bytes at once; more it takes in parts, after each other
                    _write(self._file, line)
                return
            self._follow()
            length = os.fstat(self._file).st_size
            try:
                _write(self._file, b"".join(lines))
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, length)
                raise

    def _follow(self) -> None:
        """Go on in a new file if this one is no longer where it was."""
        here = os.fstat(self._file)
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            new = self._opened()
            os.close(self._file)
            self._file = new

    def close(self) -> None:
        """Let others append to the file; standard output stays open."""
        if self._path != "-" and self._file >= 0:
            os.close(self._file)
        self._file = -1


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _is_ours(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except ValueError:
        return False
    return isinstance(value, dict) and "kind" in value and "lineage" in value
