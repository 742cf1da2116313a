"""The file of bad lines: escaped, bounded, cut back to where the saved counts are, and never somebody else's."""

from __future__ import annotations

import errno
import json
import os
import re
from typing import TYPE_CHECKING

import pytest

import streamavg as sa
from streamavg.sources.rejects import LONGEST_KEPT, Rejects
from streamavg.sources.unit import Bad

if TYPE_CHECKING:
    from pathlib import Path


def kept(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_lines_are_escaped_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    rejects = Rejects(str(path))
    lines = [b'\x1b[31m"\n\xff\0', "\u202eé".encode(), b"x" * 10_000]
    rejects.add("a.log", 100, [Bad(7 * i, "no_json", line) for i, line in enumerate(lines)])
    rejects.add("b.log", 5, [Bad(0, "too_long", b"")], 1 << 27)
    rejects.close()
    assert path.read_bytes().isascii()
    assert not set(path.read_bytes()) & (set(range(32)) - {10})
    found = kept(path)
    assert [(each["file"], each["at"], each["bytes"]) for each in found] == [
        ("a.log", 100, 9),
        ("a.log", 107, 5),
        ("a.log", 114, 10_000),
        ("b.log", 5, 1 << 27),
    ]
    assert found[0]["line"] == '\x1b[31m"\n\\xff\0'
    assert found[2]["line"] == "x" * LONGEST_KEPT
    assert rejects.tallies == {"bad_no_json": 3, "bad_too_long": 1}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "bad.jsonl")
    rejects = Rejects(path)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match=re.escape(f"No space left on device: '{path}'")):
        rejects.add("a", 0, [Bad(1, "no_json", b"one")])
    monkeypatch.undo()
    rejects.close()
    with pytest.raises(OSError, match="Invalid argument: '/dev/full'"):  # a device cannot be cut back
        Rejects("/dev/full")


def test_it_is_cut_back_to_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    rejects = Rejects(str(path))
    rejects.add("a", 0, [Bad(1, "no_json", b"one")])
    saved = rejects.place
    rejects.add("a", 0, [Bad(2, "no_json", b"two")])
    rejects.close()  # killed before the next save
    rejects = Rejects(str(path), saved)
    assert [each["line"] for each in kept(path)] == ["one"]
    rejects.add("a", 0, [Bad(2, "no_json", b"two")])
    assert [each["line"] for each in kept(path)] == ["one", "two"]
    rejects.close()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("mine\n" * 100)
    for saved in (None, [40, "0" * 32], [10_000, "0" * 32]):
        with pytest.raises(sa.InputError, match="is not of this run"):
            Rejects(str(path), saved)
    assert path.read_text() == "mine\n" * 100


def test_a_file_that_was_taken_away_starts_afresh(tmp_path: Path) -> None:
    rejects = Rejects(str(tmp_path / "bad.jsonl"), [40, "0" * 32])
    assert rejects.place is not None
    assert rejects.place[0] == 0
    rejects.close()


def test_there_may_be_too_many() -> None:
    rejects = Rejects(most=3, before=1)
    rejects.add("a", 0, [Bad(i, "no_json", b"") for i in range(2)])
    rejects.refuse_more()
    rejects.add("a", 0, [Bad(9, "nul", b"\0")])
    with pytest.raises(sa.InputError, match=r"4 bad lines, more than --max-rejects 3 allows \(2 no_json, 1 nul\)"):
        rejects.refuse_more()
