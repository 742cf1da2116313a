"""What a state file holds of a stream: given back as it was, refused where it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import streamavg as sa
from streamavg.checkpoint.writer import Checkpoint
from streamavg.position import Position, Source, Span
from streamavg.resumed import Kept

if TYPE_CHECKING:
    from pathlib import Path

LOG = Source("a.jsonl", "jsonl", 30, "0" * 32)


def counted() -> sa.Accumulator:
    acc = sa.Accumulator()
    acc.update({"y_true": ["a"], "y_pred": ["b"]})
    return acc


def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path, acc, notes = str(tmp_path / "a.sav"), counted(), list[str]()
    position = Position.of([(LOG, [Span(0, 0, 30, (0, 30))], "")])
    about = {"run": {"records": 5, "rotations": 2}, "feed": {"passed": []}, "rejects": [7, "0" * 32]}
    with Kept.at(path, sa.Accumulator(), notes.append) as kept:
        assert (kept.records, kept.run, kept.feed, kept.rejects) == (0, {}, {}, None)
        kept.save(acc.snapshot().state, position, about)
        lineage = kept.lineage
    with Kept.at(path, sa.Accumulator(), notes.append) as kept:
        assert (kept.records, kept.run, kept.feed, kept.rejects) == (5, {"rotations": 2}, {"passed": []}, [7, "0" * 32])
        assert kept.position == position
        assert sa.Snapshot(kept.state) == acc.snapshot()
        assert (kept.lineage, kept.bad_lines) == (lineage, 0)
    assert notes == [f"note: {path} holds 1 rows; going on from there"]


@pytest.mark.parametrize(
    "about",
    [
        {"run": {"rotations": -1}},
        {"run": {"rotations": "many"}},
        {"run": {"rotations": True}},
        {"run": []},
        {"feed": 3},
        {"rejects": 7},
        {"rejects": ["7", "x"]},
        {"rejects": [-7, "x"]},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(tmp_path: Path, about: dict[str, Any]) -> None:
    path = str(tmp_path / "a.sav")
    with Checkpoint(path) as file:
        file.save(counted().snapshot().state, {"files": [], **about})
    with pytest.raises(sa.StateError, match="run counters that cannot be"):
        Kept.at(path, sa.Accumulator(), print)
    with Checkpoint(path):  # its lock is free again
        pass


def test_other_options_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "a.sav")
    with Kept.at(path, sa.Accumulator(), print) as kept:
        kept.save(counted().snapshot().state, Position(), {})
    with pytest.raises(sa.StateError, match="null_pred was 'wrong' then and is 'abstain' now"):
        Kept.at(path, sa.Accumulator(null_pred="abstain"), print)
