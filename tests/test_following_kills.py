"""A follower that is killed at any instant while its log is rotated: each record once, each bad line kept once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import streamavg as sa
from streamavg.checkpoint.writer import read
from tests import follower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
            time.sleep(self.draw.uniform(0, min(1, 2 * seconds / kills)))
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

    def run(self) -> dict[str, int]:
        """The run counters."""
        found: dict[str, int] = read(self.saved).sources["run"]
        return found

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
    check_rename(Trial(tmp_path, victim, 1), rotations=4, seconds=1, kills=3)


@pytest.mark.long
def test_thirty_rotations_by_rename_and_twenty_kills(tmp_path: Path, victim: follower.Follower) -> None:
    check_rename(Trial(tmp_path, victim, 0), rotations=30, seconds=10, kills=20)


def test_rotation_by_copytruncate(tmp_path: Path, victim: follower.Follower) -> None:
    """Nothing is written while the log is copied here, so nothing is destroyed."""
    trial = Trial(tmp_path, victim, 2)
    written, _ = trial.kill_during(4, 1, "copytruncate", 3)
    report = trial.ended()
    assert report["rows"] == written
    assert report["fingerprint"] == sa.evaluate(str(trial.log.parent / "*"), input_format="jsonl").fingerprint()
    assert trial.run().get("lost_bytes", 0) == 0


@pytest.mark.long
@pytest.mark.parametrize("mode", ["create", "copytruncate"])
def test_a_real_logrotate(tmp_path: Path, victim: follower.Follower, mode: str) -> None:
    """It rotates beside a writer at full speed; by copytruncate it destroys what is written between the two steps."""
    program = follower.Logrotate(tmp_path, tmp_path / "logs" / "app.jsonl", mode)
    trial = Trial(tmp_path, victim, 3)
    written, _ = trial.kill_during(0, 10, "reopen" if mode == "create" else "none", 6, program.run)
    report = trial.ended()
    assert program.runs > 5
    assert {each["label"]: each["support"] for each in report["classes"] if each["support"] > follower.SAME} == {}
    if mode == "create":
        assert report["rows"] == written
        assert report["fingerprint"] == sa.evaluate(str(trial.log.parent / "*"), input_format="jsonl").fingerprint()
    else:
        assert report["rows"] <= written
        assert trial.run()["truncations"] > 0


@pytest.mark.long
def test_copies_made_beside_a_writer_at_full_speed(tmp_path: Path, victim: follower.Follower) -> None:
    trial = Trial(tmp_path, victim, 4)
    written, _ = trial.kill_during(0, 6, "none", 12, lambda: follower.rotate(trial.log, "copytruncate", 99))
    report = trial.ended()
    assert {each["label"]: each["support"] for each in report["classes"] if each["support"] > follower.SAME} == {}
    assert 0 < report["rows"] <= written
    assert report["rows"] >= sa.evaluate(str(trial.log.parent / "*"), input_format="jsonl").rows
