"""A follower that is killed at any instant while its log is rotated: each record once, each bad line kept once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import streamavg as sa
from streamavg.checkpoint.writer import read
from tests import follower

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[follower.Follower]:
    made = follower.Follower(tmp_path)
    yield made
    made.close()


class Trial:
    """A log under tmp_path that a writer fills, and the follower that is killed meanwhile."""

    def __init__(self, folder: Path, victim: follower.Follower, seed: int) -> None:
        self.folder, self.victim, self.draw = folder, victim, random.Random(seed)
        (folder / "logs").mkdir()
        self.log, self.saved, self.rejects = folder / "logs" / "app.jsonl", folder / "app.sav", folder / "bad.jsonl"
        self.arguments = [self.log, "--checkpoint", self.saved, "--every", "20ms", "--batch-age", "20ms"]
        self.arguments += ["--rejects", self.rejects, "--format", "json"]
        self.log.touch()
        self.victim.start(*self.arguments)
        while not self.saved.exists():
            time.sleep(0.01)
        time.sleep(0.1)
        self.kills = 0

    def kill_during(self, rotations: int, seconds: float, scheme: str, kills: int, aside: Any = None) -> list[int]:
        """How many good and bad lines were written."""
        command = [sys.executable, follower.__file__, self.log, rotations, seconds, scheme, self.draw.randrange(1000)]
        writer = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
        while writer.poll() is None:
            if self.kills < kills:
                assert self.victim.kill() == -signal.SIGKILL, self.victim.said
                self.kills += 1
                self.victim.start(*self.arguments)
            time.sleep(self.draw.uniform(0, 2 * seconds / kills))
            if aside is not None:
                aside()
        written: list[int] = json.loads(writer.communicate()[0])
        return written

    def ended(self) -> dict[str, Any]:
        """The report once all is read."""
        assert self.victim.kill(signal.SIGTERM) == 128 + signal.SIGTERM, self.victim.said
        self.victim.start(*self.arguments, "--until-end")
        assert self.victim.wait() == 0, self.victim.said
        report: dict[str, Any] = json.loads(self.victim.files[0].read_text())
        return report

    def kept(self) -> list[tuple[str, str]]:
        """The bad lines that were kept."""
        return [(kept["line"], kept["cause"]) for kept in map(json.loads, self.rejects.read_text().splitlines())]


def check_rename(trial: Trial, rotations: int, seconds: float, kills: int) -> None:
    written, bad = trial.kill_during(rotations, seconds, "rename", kills)
    report = trial.ended()
    assert trial.kills >= kills / 2
    files = sorted(map(str, trial.log.parent.iterdir()))
    assert len(files) == rotations + 1
    assert report["rows"] == written
    assert report["skipped"].get("malformed", 0) == bad
    assert report["fingerprint"] == sa.evaluate(files, input_format="jsonl").fingerprint()
    lines = trial.kept()
    assert len(lines) == len(set(lines)) == bad
    assert all(cause == "no_json" for _, cause in lines)


def test_rotation_by_rename(tmp_path: Path, victim: follower.Follower) -> None:
    check_rename(Trial(tmp_path, victim, 1), rotations=6, seconds=2, kills=5)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_thirty_rotations_by_rename_and_twenty_kills(tmp_path: Path, victim: follower.Follower, seed: int) -> None:
    check_rename(Trial(tmp_path, victim, seed), rotations=30, seconds=10, kills=20)


def check_copytruncate(trial: Trial, rotations: int, seconds: float, kills: int, is_whole: bool) -> None:
    """is_whole: nothing is written while the log is copied, so nothing is destroyed."""
    if is_whole:
        written, _ = trial.kill_during(rotations, seconds, "copytruncate", kills)
    else:
        written, _ = trial.kill_during(rotations, seconds, "none", kills, lambda: follower.rotate(trial.log, "copy", 99))
    report = trial.ended()
    assert {entry["label"]: entry["support"] for entry in report["classes"] if entry["support"] > follower.SAME} == {}
    run = read(trial.saved).sources["run"]
    assert run["truncations"] > 0
    if is_whole:
        assert report["rows"] == written
        assert report["fingerprint"] == sa.evaluate(str(trial.log.parent / "*"), input_format="jsonl").fingerprint()
        assert run.get("lost_bytes", 0) == 0
    else:
        assert report["rows"] <= written


def test_rotation_by_copytruncate(tmp_path: Path, victim: follower.Follower) -> None:
    check_copytruncate(Trial(tmp_path, victim, 2), rotations=6, seconds=2, kills=5, is_whole=True)
