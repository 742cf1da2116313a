"""Kills: a process that counts and saves is killed at any instant; the same command ends with the counts of one run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import streamavg as sa

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What the command line does, in a few lines: state and position in one file, replaced at once; prints the fingerprint.
COMMAND = """
import json, os, sys
import streamavg as sa
from streamavg.position import Position
from streamavg.run import plan_rest
from streamavg.saving import Checkpointer, count_saving
from streamavg.state.state import State

source, saved, threads = sys.argv[1:]
state, position = State(), Position()
if os.path.exists(saved):
    held = json.load(open(saved))
    state, position = sa.from_bytes(bytes.fromhex(held["state"])).state, Position.from_json(held["position"])

def save(state, position):
    with open(saved + ".new", "w") as file:
        json.dump({"state": sa.Snapshot(state).to_bytes().hex(), "position": position.to_json()}, file)
    os.replace(saved + ".new", saved)

work, position = plan_rest(source, None, {}, position)
print(count_saving(work, int(threads), {}, Checkpointer(save, 0.02, state, position)).snapshot.fingerprint())
"""


def killed(command: Sequence[str], draw: random.Random, longest: float, kills: int) -> tuple[str, int]:
    """Run a command until it ends by itself, killed up to so often; returns its output and how often it was killed."""
    done = 0
    while True:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            if done < kills:
                time.sleep(draw.uniform(0, longest))
                process.kill()
            out, err = process.communicate()
        if process.returncode >= 0:
            assert process.returncode == 0, err
            return out, done
        done += 1


def data(folder: Path, rows: int) -> str:
    """Two logs and a CSV file of so many rows each."""
    folder.mkdir()
    draw = random.Random(0)
    lines = [json.dumps({"y_true": draw.randrange(50), "y_pred": draw.randrange(50)}) for _ in range(1000)]
    for k in range(2):
        (folder / f"{k}.jsonl").write_text(
            f'{{"y_true": {k}, "y_pred": 0}}\n' + "\n".join(lines * (rows // 1000)) + "\n"
        )
    (folder / "c.csv").write_text("y_true,y_pred\n" + "\n".join(f"{k % 7},{k % 5}" for k in range(rows)) + "\n")
    return str(folder)


def trial(folder: Path, seed: int, rows: int, kills: int) -> None:
    """The command, killed so often, must print what one run that nobody disturbs counts."""
    source, saved = data(folder / "data", rows), folder / "saved.json"
    command = [sys.executable, "-c", COMMAND, source, str(saved), "2"]
    out, _ = killed(command, random.Random(seed), 1.5, kills)
    assert out.strip() == sa.evaluate(source).fingerprint()
    assert len(json.loads(saved.read_text())["position"]["files"]) == 3


def test_a1_killed_a_few_times(tmp_path: Path) -> None:
    trial(tmp_path, 0, 100_000, 3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_a1_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    trial(tmp_path, seed, 500_000, 5)
