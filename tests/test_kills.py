"""Rows A1 and A3: the command line is killed at any instant; started again, it ends with the counts of one run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import streamavg as sa
from streamavg.checkpoint.writer import read

if TYPE_CHECKING:
    from pathlib import Path

# Forks one child an order, so that a kill costs no start of Python: each order is a line, `ARGUMENTS...` as JSON.
# A child reports each save after it has returned, as the number of rows that must never be lost again.
SERVER = """
import json, os, sys
import streamavg as sa
from streamavg import cli
from streamavg.checkpoint import writer

import streamavg.count.kernels, streamavg.resume
sa.evaluate(sys.argv[1]).to_json()  # loads and compiles what a run needs
save = writer.Checkpoint.save

def reported(self, state, sources):
    save(self, state, sources)
    os.write(3, b"%d\\n" % state.seen)

writer.Checkpoint.save = reported
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in zip((1, 2, 3), order["files"]):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os._exit(cli.main(order["arguments"]))
    print(child, flush=True)
    sys.stdin.readline()  # until then the child is at worst a zombie, and its number means nobody else
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Victim:
    """A process whose children run the command line and may be killed."""

    def __init__(self, folder: Path, source: str) -> None:
        self.files = [folder / name for name in ("out", "err", "reports")]
        command = [sys.executable, "-W", "ignore", "-c", SERVER, source]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, arguments: list[str], kill_after: float | None) -> int:
        """Run the command line once; returns its status, -9 if it was killed before its end."""
        for path in self.files:
            path.write_bytes(b"")  # a child may be killed before it opens them
        order = {"arguments": arguments, "files": list(map(str, self.files))}
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps(order), file=self.server.stdin, flush=True)
        child = int(self.server.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        print(file=self.server.stdin, flush=True)
        return os.waitstatus_to_exitcode(int(self.server.stdout.readline()))

    def reported(self) -> int:
        """The rows of the last save that was reported as done."""
        return max(map(int, self.files[2].read_bytes().rpartition(b"\n")[0].split()), default=0)

    def close(self) -> None:
        self.server.communicate()


def make_data(folder: Path, rows: int) -> str:
    """The same kind of rows in each format: two logs, a CSV file, a compressed log, Parquet in several row groups."""
    folder.mkdir()
    draw = random.Random(0)
    pairs = [(draw.randrange(50), draw.randrange(50)) for _ in range(rows)]
    lines = "".join(json.dumps({"y_true": t, "y_pred": p}) + "\n" for t, p in pairs)
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_text(f'{{"y_true": 1, "y_pred": {name == "a.jsonl":d}}}\n{lines}')
    (folder / "c.csv").write_text("y_true,y_pred\n" + "".join(f"{t},{p}\n" for t, p in pairs))
    with pa.CompressedOutputStream(str(folder / "d.jsonl.gz"), "gzip") as file:
        file.write(lines[: len(lines) // 4].rpartition("\n")[0].encode() + b"\n")
    table = pa.table({side: pa.array([pair[k] for pair in pairs]) for k, side in enumerate(("y_true", "y_pred"))})
    pq.write_table(table, folder / "e.parquet", row_group_size=rows // 7)
    return str(folder)


def trials(tmp_path: Path, rows: int, kills: int, seed: int) -> None:
    source, saved = make_data(tmp_path / "data", rows), str(tmp_path / "run.sav")
    expected, draw = sa.evaluate(source).fingerprint(), random.Random(seed)
    victim = Victim(tmp_path, source)
    arguments = ["eval", source, "--checkpoint", saved, "--every", "3ms", "--format", "json"]
    for _ in range(2):  # the first one waits for the server to start
        for path in tmp_path.glob("run.sav*"):
            path.unlink()
        started = time.perf_counter()
        assert victim.run(arguments, None) == 0
        longest = (time.perf_counter() - started) * 1.1
    done, finished, progress = 0, 0, 0
    while done < kills or not finished:
        if progress == 0:
            for path in tmp_path.glob("run.sav*"):
                path.unlink()
        status = victim.run(arguments, draw.uniform(0, longest) if done < kills else None)
        assert status in (0, -signal.SIGKILL), victim.files[1].read_text()
        if status == 0:
            assert json.loads(victim.files[0].read_text())["fingerprint"] == expected
            finished, progress = finished + 1, 0
            continue
        done += 1
        held = read(saved).state.seen if os.path.exists(saved) else 0
        assert held >= max(progress, victim.reported())
        progress = held
        assert len(list(tmp_path.glob("*.sav*"))) <= 5  # both generations, the lock, and at most what a kill left
    victim.close()
    print(f"{done} kills, {finished} runs that came to their end")


def test_a1_killed_at_random_instants(tmp_path: Path) -> None:
    trials(tmp_path, 20_000, 25, seed=1)


@pytest.mark.long
def test_a1_killed_at_500_random_instants(tmp_path: Path) -> None:
    trials(tmp_path, 60_000, 500, seed=2)
