"""Files that grow, are renamed, copied, truncated, replaced, deleted, while they are followed and between two runs."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from streamavg.position import Position
from streamavg.sources import followed, tail
from streamavg.sources.feed import Opening
from streamavg.sources.rejects import Rejects
from streamavg.sources.streams import open_feed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamavg.sources.feed import Feed


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked at in every round, and nobody waits."""
    monkeypatch.setattr(followed, "SCAN", 0.0)
    monkeypatch.setattr(followed, "PAUSE", 0.0)
    monkeypatch.setattr(followed, "NAP", 0.0)


class Following:
    """A feed of sources, stopped and started again as a state file would do it."""

    def __init__(self, *sources: object, until_end: bool = False) -> None:
        self.sources, self.until_end = list(map(str, sources)), until_end
        self.position, self.remembered, self.tallies = Position(), {}, {}
        self.feed: Feed | None = None
        self.counted = 0

    def open(self) -> None:
        """Open the feed, if it is not."""
        if self.feed is None:
            self.rejects = Rejects()
            opening = Opening(
                lambda names: ["n"] if "n" in names else [],
                "jsonl",
                position=self.position,
                remembered=self.remembered,
                rejects=self.rejects,
                age=0.0,
                until_end=self.until_end,
            )
            self.feed = open_feed(self.sources, opening)
            self.arrivals = self.feed.arrivals()

    def read(self) -> list[int]:
        """The numbers of the rows that came since the last call."""
        self.open()
        assert self.feed is not None
        found: list[int] = []
        quiet = 0
        while quiet < 3:
            arrival = next(self.arrivals, None)
            quiet = quiet + 1 if arrival is None else 0
            if arrival is not None:
                found += map(int, arrival.piece.batch.to_pydict().get("n", []))
                step = (arrival.source, arrival.piece.spans, arrival.piece.before)
                self.position = self.position.union(Position.of([step]))
        self.tallies = {name: number for name, number in self.feed.tallies.items() if number}
        return found

    def restart(self) -> None:
        """Save, stop, and let the next `read` go on from there."""
        assert self.feed is not None
        self.position = Position.from_json(json.loads(json.dumps(self.feed.settled(self.position).to_json())))
        self.remembered = json.loads(json.dumps(dict(self.feed.remembered)))
        self.feed.close()
        self.feed = None


def lines(numbers: Sequence[int], width: int = 0) -> str:
    return "".join(json.dumps({"n": n, "pad": "x" * width}) + "\n" for n in numbers)


def append(path: Path, numbers: Sequence[int], width: int = 0) -> None:
    with path.open("a") as file:
        file.write(lines(numbers, width))


@pytest.fixture(params=[0, 300], ids=["small", "large"])
def width(request: pytest.FixtureRequest) -> int:
    """Files below and above the first KB by which they are known."""
    return int(request.param)


@pytest.fixture(params=[False, True], ids=["running", "restarted"])
def stops(request: pytest.FixtureRequest) -> bool:
    """Whether what happens to a file happens between two runs."""
    return bool(request.param)


def between(stream: Following, stops: bool) -> None:
    if stops:
        stream.restart()


def test_a_last_line_waits_for_its_end(tmp_path: Path, stops: bool) -> None:
    log = tmp_path / "a.log"
    log.write_text(lines([1, 2]) + '{"n"')
    stream = Following(log)
    assert stream.read() == [1, 2]
    between(stream, stops)
    assert stream.read() == []
    with log.open("a") as file:
        file.write(': 3}\n{"n": 4}\n')
    assert stream.read() == [3, 4]


def test_a_renamed_file_is_read_to_its_end_first(tmp_path: Path, width: int, stops: bool) -> None:
    log, old = tmp_path / "a.log", tmp_path / "a.log.1"
    append(log, range(10), width)
    stream = Following(log)
    assert stream.read() == list(range(10))
    between(stream, stops)
    append(log, range(10, 15), width)
    log.rename(old)
    append(old, range(15, 20), width)  # the writer still has it open
    append(log, range(20, 25), width)
    assert stream.read() == list(range(10, 25))
    assert stream.tallies == ({} if stops else {"rotations": 1})
    append(old, [25], width)
    append(log, [26], width)
    assert sorted(stream.read()) == [25, 26]


def test_several_rotations_while_nobody_looks(tmp_path: Path, width: int, stops: bool) -> None:
    log = tmp_path / "a.log"
    append(log, range(5), width)
    stream = Following(log)
    stream.read()
    between(stream, stops)
    append(log, [5], width)
    for first in (10, 20, 30):
        for i in (2, 1):
            if (tmp_path / f"a.log.{i}").exists():
                (tmp_path / f"a.log.{i}").rename(tmp_path / f"a.log.{i + 1}")
        log.rename(tmp_path / "a.log.1")
        append(log, range(first, first + 5), width)
    assert sorted(stream.read()) == [5, *range(10, 15), *range(20, 25), *range(30, 35)]
    stream.restart()
    assert stream.read() == []


def test_old_rotations_are_not_read_unless_asked_for(tmp_path: Path, width: int) -> None:
    log, old = tmp_path / "a.log", tmp_path / "a.log.1"
    append(old, range(5), width)
    append(log, range(5, 9), width)
    stream = Following(log)
    assert stream.read() == list(range(5, 9))
    stream.restart()
    assert stream.read() == []
    old.rename(tmp_path / "a.log.2")
    log.rename(old)
    append(log, [9], width)
    assert stream.read() == [9]
    assert sorted(Following(tmp_path / "a.log*").read()) == list(range(10))


@pytest.mark.parametrize("more", [1, 40])
def test_a_truncated_file_is_read_from_its_start(tmp_path: Path, width: int, stops: bool, more: int) -> None:
    """Also one that has grown beyond the position with the same first lines (C2, C3)."""
    log = tmp_path / "a.log"
    append(log, range(20), width)
    stream = Following(log)
    assert stream.read() == list(range(20))
    between(stream, stops)
    same = list(range(12)) if more > 1 else []
    log.write_text(lines([*same, *range(100, 100 + more)], width))
    assert stream.read() == [*same, *range(100, 100 + more)]
    assert stream.tallies.get("truncations") == 1


def test_what_was_copied_and_truncated(tmp_path: Path, width: int, stops: bool) -> None:
    log, copy = tmp_path / "a.log", tmp_path / "a.log.1"
    append(log, range(10), width)
    stream = Following(log)
    assert stream.read() == list(range(10))
    between(stream, stops)
    append(log, range(10, 15), width)
    shutil.copyfile(log, copy)
    os.truncate(log, 0)
    append(log, range(20, 22), width)
    assert stream.read() == [*range(10, 15), *range(20, 22)]
    assert stream.tallies["truncations"] == 1
    assert stream.tallies.get("lost_bytes", 0) == 0
    stream.restart()
    append(log, [22], width)
    assert stream.read() == [22]


def test_what_the_copy_lacks_is_told(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, range(10))
    stream = Following(log)
    stream.read()
    shutil.copyfile(log, tmp_path / "a.log.1")
    append(log, [10])
    with log.open("a") as file:
        file.write('{"n": 11')  # seen, not read
    assert stream.read() == [10]
    os.truncate(log, 0)
    assert stream.read() == []
    assert stream.tallies == {"truncations": 1, "lost_bytes": len('{"n": 11')}


def test_a_copy_counts_once(tmp_path: Path, width: int, stops: bool) -> None:
    """Whether it is whole, or being made."""
    log, copy = tmp_path / "a.log", tmp_path / "a.log.1"
    append(log, range(10), width)
    stream = Following(tmp_path / "a.log*")
    stream.read()
    between(stream, stops)
    copy.write_bytes(log.read_bytes()[:1100])
    assert stream.read() == []
    shutil.copyfile(log, copy)
    assert stream.read() == []
    append(log, [10], width)
    assert stream.read() == [10]


def test_a_file_under_another_name_counts_once(tmp_path: Path, stops: bool) -> None:
    append(tmp_path / "a.log", range(10), 300)
    stream = Following(tmp_path / "*.log")
    assert stream.read() == list(range(10))
    between(stream, stops)
    (tmp_path / "a.log").rename(tmp_path / "b.log")
    append(tmp_path / "b.log", [10], 300)
    assert stream.read() == [10]
    between(stream, stops)
    shutil.copyfile(tmp_path / "b.log", tmp_path / "c.log")
    assert stream.read() == []


def test_equal_beginnings_make_no_copy(tmp_path: Path, width: int) -> None:
    """Two writers that start alike are two files."""
    append(tmp_path / "a.log", range(2), width)
    stream = Following(tmp_path / "*.log")
    assert stream.read() == [0, 1]
    append(tmp_path / "b.log", range(2), width)
    assert stream.read() == [0, 1]


def test_what_is_waited_for_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "here.jsonl").touch()
    none, gone, here = tmp_path / "*.none", tmp_path / "gone.jsonl", tmp_path / "here.jsonl"
    for sources in ([here, gone], [here], [none]):
        open_feed(list(map(str, sources)), Opening(lambda names: names, "jsonl", note=notes.append)).close()
    assert notes == [
        f"note: {gone} does not exist yet; waiting for it",
        f"note: there is no file to follow in {none} yet; waiting for one",
    ]


def test_files_that_appear(tmp_path: Path, stops: bool) -> None:
    stream = Following(tmp_path / "logs" / "*.jsonl", tmp_path / "one.log")
    assert stream.read() == []
    between(stream, stops)
    (tmp_path / "logs").mkdir()
    append(tmp_path / "logs" / "a.jsonl", [1])
    assert stream.read() == [1]
    between(stream, stops)
    append(tmp_path / "one.log", [2])
    append(tmp_path / "logs" / "b.jsonl", [3])
    assert sorted(stream.read()) == [2, 3]


def test_an_inode_that_is_used_again(tmp_path: Path, width: int, stops: bool) -> None:
    log = tmp_path / "a.log"
    append(log, range(10), width)
    inode = log.stat().st_ino
    stream = Following(log)
    stream.read()
    between(stream, stops)
    for _ in range(100 if stops else 3):  # while it is open, the inode stays in use
        log.unlink()
        append(log, range(20, 35), width)
        if log.stat().st_ino == inode:
            break
    assert stream.read() == list(range(20, 35))


def test_an_unended_last_line_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(lines([1]) + '{"n": 2}')
    stream = Following(log, until_end=True)
    assert stream.read() == [1, 2]
    stream.restart()
    with log.open("a") as file:
        file.write("\n")
    assert stream.read() == []
    stream.restart()
    append(log, [3])
    assert stream.read() == [3]
    with log.open("a") as file:
        file.write('{"n": 4}')
    stream.restart()
    assert stream.read() == [4]
    stream.restart()
    with log.open("a") as file:
        file.write(' and more\n{"n": 5}\n')
    assert stream.read() == [5]


@pytest.mark.parametrize("stop", [False, True])
def test_a_line_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: bool) -> None:
    monkeypatch.setattr(tail, "LONGEST", 10_000)
    log = tmp_path / "a.log"
    log.write_text(lines([1]) + '{"n": 2, "pad": "' + "x" * 30_000)
    stream = Following(log)
    assert stream.read() == [1]
    assert stream.rejects.tallies == {"bad_too_long": 1}
    between(stream, stop)
    with log.open("a") as file:
        file.write("x" * 30_000 + '"}\n' + lines([3]))
    assert stream.read() == [3]
    assert stream.rejects.tallies == ({} if stop else {"bad_too_long": 1})


def test_a_renamed_file_is_let_go_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, old = tmp_path / "a.log", tmp_path / "a.log.1"
    log.write_text(lines([1]) + '{"n": 2}')
    stream = Following(log)
    assert stream.read() == [1]
    monkeypatch.setattr(followed, "LINGER", 0.0)
    log.rename(old)
    before = len(os.listdir("/proc/self/fd"))
    assert stream.read() == [2]
    assert len(os.listdir("/proc/self/fd")) < before
    with old.open("a") as file:
        file.write("\n" + lines([3]))
    assert stream.read() == [3]
    old.unlink()
    assert stream.read() == []
    append(log, [4])
    assert stream.read() == [4]


def test_descriptors_and_what_is_remembered_stay_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "LINGER", 0.0)
    monkeypatch.setattr("streamavg.sources.watch.MOST_CLOSED", 5)
    log = tmp_path / "a.log"
    stream = Following(log)
    append(log, [0], 300)
    stream.read()
    before = len(os.listdir("/proc/self/fd"))
    for i in range(1, 40):
        log.rename(tmp_path / "a.log.1")
        append(log, [i], 300)
        assert stream.read() == [i]
    assert len(os.listdir("/proc/self/fd")) <= before
    assert stream.feed is not None
    assert len(stream.feed.settled(stream.position).files) <= 6


def test_lag_is_what_is_unread(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(lines([1]) + '{"n"')
    stream = Following(log)
    stream.read()
    assert stream.feed is not None
    assert stream.feed.lag == {"bytes": 4}


def test_what_is_found_nowhere_is_told(tmp_path: Path) -> None:
    """As after a rotation with compression while nobody looked."""
    log = tmp_path / "a.log"
    append(log, range(10), 300)
    stream = Following(log)
    stream.read()
    stream.restart()
    log.rename(tmp_path / "elsewhere")
    append(log, [10], 300)
    shutil.move(tmp_path / "elsewhere", tmp_path.parent / f"{tmp_path.name}.moved")
    assert stream.read() == [10]
    assert stream.tallies == {"gone": 1}


def test_a_run_that_is_killed_before_it_has_read_anything(tmp_path: Path, width: int) -> None:
    """The next one knows which files were there, and which were not."""
    log, old = tmp_path / "a.log", tmp_path / "a.log.1"
    append(old, range(5), width)
    append(log, range(5, 9), width)
    stream = Following(log)
    stream.open()
    stream.restart()
    old.rename(tmp_path / "a.log.2")
    log.rename(old)
    append(log, [9], width)
    assert stream.read() == list(range(5, 10))
