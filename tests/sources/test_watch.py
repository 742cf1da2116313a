"""What a watch remembers between two runs; what it does with files is in test_followed.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import streamavg as sa
from streamavg.position import Position
from streamavg.sources.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path


def watch(path: Path, remembered: dict[str, Any] | None = None) -> Watch:
    return Watch([str(path)], lambda _: "jsonl", Position(), remembered or {})


def test_it_remembers_what_was_rotated_before_and_which_file_a_name_is(tmp_path: Path) -> None:
    log, old = tmp_path / "a.log", tmp_path / "a.log.1"
    log.write_text("new\n")
    old.write_text("old\n")
    first = watch(log)
    first.scan()
    status = log.stat()
    assert first.remembered["seen"] == {str(log): [status.st_dev, status.st_ino, 4]}
    assert [size for size, _ in first.remembered["passed"]] == [4]
    again = watch(log, first.remembered)
    again.scan()
    assert [tail.path for tail in again.tails] == [str(log)]
    for each in (first, again):
        each.close()


@pytest.mark.parametrize(
    "remembered",
    [
        {"passed": 3},
        {"passed": [["x", "y"]]},
        {"passed": [[1]]},
        {"passed": [[-1, "0"]]},
        {"seen": []},
        {"seen": {"a": [1, 2]}},
        {"seen": {"a": [1, 2, "x"]}},
        {"seen": {"a": None}},
    ],
    ids=str,
)
def test_a_hostile_memory_is_refused(tmp_path: Path, remembered: dict[str, Any]) -> None:
    with pytest.raises(sa.StateError, match="says of its files what cannot be"):
        watch(tmp_path / "a.log", remembered)
