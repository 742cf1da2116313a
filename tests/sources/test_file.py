"""Files and pipes: a pipe can start again until it is read for the last time, a file notices that it was changed."""

from __future__ import annotations

import io
import os
import random
from typing import TYPE_CHECKING

import pytest
from pyarrow.fs import LocalFileSystem

from streamavg.errors import InputError
from streamavg.sources.file import File, Pipe

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(256)) * 40


class Dribble(io.RawIOBase):
    """A stream that gives fewer bytes than asked for, as terminals and sockets do."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int = -1) -> bytes:
        size = len(self.rest) if size < 0 else min(size, 7)
        part, self.rest = self.rest[:size], self.rest[size:]
        return part


@pytest.mark.parametrize("seed", range(20))
def test_a_pipe_reads_like_the_bytes_behind_it(seed: int) -> None:
    draw = random.Random(seed)
    pipe, twin = Pipe(Dribble(DATA)), io.BytesIO(DATA)
    for _ in range(draw.randrange(4)):
        for _ in range(draw.randrange(5)):
            size = draw.randrange(3000)
            assert pipe.read(size) == twin.read(size)
            assert pipe.tell() == twin.tell()
        pipe.rewind()
        twin.seek(0)
    pipe.rewind(last=True)
    while expected := twin.read(draw.randrange(1, 3000)):
        assert pipe.read(len(expected)) == expected
        assert pipe.tell() == twin.tell()
    assert pipe.read(10) == b""
    assert pipe._kept == b""  # nothing is held once it was handed out


def test_a_pipe_in_its_last_reading_does_not_keep_what_it_reads() -> None:
    pipe = Pipe(io.BytesIO(DATA))
    pipe.read(10)
    pipe.rewind(last=True)
    pipe.read(100)
    pipe.read(1000)
    assert pipe._kept == b""
    with pytest.raises(InputError, match="only once"):
        pipe.rewind()


def test_a_pipe_can_be_had_as_a_whole_after_a_look_at_its_start() -> None:
    pipe = Pipe(io.BytesIO(DATA))
    pipe.read(10)
    assert pipe.whole() == pipe.whole() == DATA


def test_peek_reads_the_start_of_a_pipe_any_number_of_times() -> None:
    file = File("-", "-", None, pipe=Pipe(io.BytesIO(DATA)))
    assert file.peek(3) == DATA[:3]
    assert file.peek(300) == DATA[:300]
    with file.stream() as handle:
        assert handle.read(1 << 20) == DATA
    assert not file.is_local
    assert not file.can_seek


def found(path: Path) -> File:
    status = path.stat()
    return File(str(path), str(path), LocalFileSystem(), status.st_size, status.st_mtime_ns)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    file = found(path)
    file.refuse_change()
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    with pytest.raises(InputError, match="a: changed while it was being read; run again"):
        file.refuse_change()
    file = found(path)
    path.write_bytes(b"abcd")
    os.utime(path, ns=(0, file.stamp or 0))
    with pytest.raises(InputError, match="changed"):
        file.refuse_change()
