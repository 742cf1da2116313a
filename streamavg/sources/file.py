"""One input file: where it is, how it is opened, and the pipe that stands for one on standard input."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}


class Pipe:
    """A stream that cannot seek: what is read is kept, so that one can start again, until `rewind(last=True)`.

    An `owned` stream is closed at its end.
    """

    def __init__(self, stream: BinaryIO, owned: bool = False) -> None:
        self._stream, self._owned = stream, owned
        self._kept = b""
        self._position = 0
        self._keeps = True
        self.closed = False

    def read(self, size: int) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        parts = [self._kept[self._position : self._position + size]]
        missing = size - len(parts[0])
        while missing and (part := self._more(missing)):
            parts.append(part)
            missing -= len(part)
        if self._keeps:
            self._kept += b"".join(parts[1:])
        elif missing < size - len(parts[0]):
            self._kept = b""  # all of it has been handed out; the position only counts from here on
        self._position += size - missing
        return b"".join(parts)

    def whole(self) -> bytes:
        """Everything from the start to the end of the stream."""
        self._kept = b"".join([self._kept, *iter(lambda: self._more(1 << 24), b"")])
        return self._kept

    def _more(self, size: int) -> bytes:
        part = b"" if self._stream.closed else self._stream.read(size)
        if not part and self._owned:
            self._stream.close()
        return part

    def rewind(self, last: bool = False) -> None:
        """Go back to the start; after the last time what is read is not kept. Raises InputError after that."""
        if not self._keeps:
            raise InputError("standard input can be read only once; save it to a file to read it again")
        self._position, self._keeps = 0, not last

    def tell(self) -> int:
        """The number of bytes handed out since the start."""
        return self._position

    def refuse(self) -> None:
        """Let go of a stream that will not be read."""
        if self._owned:
            self._stream.close()

    def close(self) -> None:
        """Leave the stream open: it can be read again, or belongs to the caller."""


@dataclass(frozen=True)
class File:
    """A file as found: `shown` names it to the user, `system` is the pyarrow.fs file system that holds `path`."""

    shown: str
    path: str
    system: Any
    size: int = 0
    stamp: int | None = None
    codec: str | None = None
    partitions: Mapping[str, str | None] = field(default_factory=dict)
    pipe: Pipe | None = None

    @property
    def is_local(self) -> bool:
        """Whether the file is on this machine's disks, where small reads are cheap."""
        return self.system is not None and self.system.type_name == "local"

    @property
    def can_seek(self) -> bool:
        """Whether parts of the file can be read on their own."""
        return self.pipe is None and self.codec is None

    def random(self) -> Any:
        """A new handle for reading at any position; a pipe is read to its end into memory. Raises OSError."""
        if self.pipe is not None:
            return pa.BufferReader(self.pipe.whole())
        return self.system.open_input_file(self.path)

    def stream(self, last: bool = True) -> Any:
        """A new handle for reading from the start, decompressed; `last` ends a pipe. Raises OSError and EOFError."""
        if self.codec and self.size == 0:
            raise EOFError(f"no bytes where {self.codec} has a header")  # Arrow takes it for an empty file
        if self.pipe is None:
            return self.system.open_input_stream(self.path, compression=self.codec)
        self.pipe.rewind(last)
        return pa.PythonFile(self.pipe, mode="r")

    def segment(self) -> Any:
        """Like `stream`, but of a plain file only the bytes that it had when it was found, though it may have grown."""
        if not self.can_seek:
            return self.stream()
        return self.random().get_stream(0, self.size)

    def peek(self, size: int) -> bytes:
        """The first bytes, decompressed; less than `size` only if that is all there is. Raises OSError."""
        if self.pipe is not None:
            self.pipe.rewind()
            return self.pipe.read(size)
        with self.stream() as handle:
            return bytes(handle.read(size))

    def refuse_change(self, may_grow: bool = False) -> None:
        """Raise InputError if a local file is no longer as it was found: its rows may be old and new ones mixed."""
        if self.stamp is None:
            return
        now = os.stat(self.path)
        if now.st_size < self.size if may_grow else (now.st_size, now.st_mtime_ns) != (self.size, self.stamp):
            raise InputError(f"{self.shown}: changed while it was being read; run again when its writer is done")
