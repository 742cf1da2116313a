"""Lines at the end of a file that is killed, moved, full, or not ours."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from streamavg.errors import InputError, InUseError
from streamavg.live.append import Appended

LINE = b'{"kind": "total", "lineage": "a", "n": %d}\n'


def test_lines_are_added_to_what_is_there(tmp_path):
    path = tmp_path / "out.jsonl"
    for k in range(3):
        file = Appended(str(path))
        assert [line["n"] for line in file.lines()] == list(range(k))
        file.append([LINE % k])
        file.close()
    assert path.read_bytes() == LINE % 0 + LINE % 1 + LINE % 2


@pytest.mark.parametrize("cut", range(len(LINE % 1)))
def test_a_torn_last_line_is_cut_off(tmp_path, cut):
    path = tmp_path / "out.jsonl"
    path.write_bytes(LINE % 0 + (LINE % 1)[:cut])
    file = Appended(str(path))
    file.append([LINE % 2])
    file.close()
    assert path.read_bytes() == LINE % 0 + LINE % 2


def test_a_torn_first_line_is_cut_off_too(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes((LINE % 0)[:-5])
    Appended(str(path)).close()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("content", [b"hello\n", b"a,b\n1,2", b"{}\n", b"[1]\n", b"streamav\x00\x01", b"\n\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="holds something else"):
        Appended(str(path))
    assert path.read_bytes() == content


def test_only_one_process_appends(tmp_path):
    path = str(tmp_path / "out.jsonl")
    first = Appended(path)
    with pytest.raises(InUseError, match="another process"):
        Appended(path)
    first.close()
    Appended(path).close()


@pytest.mark.parametrize("name", ["", "no/such/folder/out.jsonl"])
def test_a_folder_is_no_file(tmp_path, name):
    with pytest.raises(InputError, match="must be a file"):
        Appended(str(tmp_path / name))


@pytest.mark.parametrize("how", ["rename", "unlink"])
def test_a_file_that_was_moved_away_is_made_anew(tmp_path, how):
    path, away = tmp_path / "out.jsonl", tmp_path / "out.jsonl.1"
    file = Appended(str(path))
    file.append([LINE % 0])
    path.rename(away) if how == "rename" else path.unlink()
    file.append([LINE % 1])
    file.close()
    assert path.read_bytes() == LINE % 1
    assert how == "unlink" or away.read_bytes() == LINE % 0


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    path = tmp_path / "out.jsonl"
    file = Appended(str(path))
    file.append([LINE % 0])
    write, left = os.write, [20]

    def full(number: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(number, data[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        file.append([LINE % 1, LINE % 2])
    monkeypatch.undo()
    assert path.read_bytes() == LINE % 0
    file.append([LINE % 3])
    file.close()
    assert path.read_bytes() == LINE % 0 + LINE % 3


def test_a_device_without_room_fails():
    file = Appended("/dev/full")
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        file.append([LINE % 0])
    file.close()


def test_a_pipe_is_written_to_and_its_end_is_noticed(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    got: list[bytes] = []

    def read_one() -> None:
        with open(path, "rb") as pipe:
            got.append(pipe.readline())

    reader = threading.Thread(target=read_one)
    reader.start()
    file = Appended(path)
    assert list(file.lines()) == []
    file.append([LINE % 0])
    reader.join(10)
    assert got == [LINE % 0]
    with pytest.raises(BrokenPipeError):
        file.append([LINE % 1])
    file.close()


def test_lines_that_are_no_json_are_passed_over(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"\x00\x00 a hole after a power cut\n" + LINE % 1)
    file = Appended(str(path))
    assert [line["n"] for line in file.lines()] == [1]
    file.close()
