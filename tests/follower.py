"""A follower in a process of its own that may be killed at any instant, and a writer that rotates its log."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Forks one child an order, so that a kill costs no start of Python: each order is a line of arguments as JSON.
SERVER = """
import json, os, sys
import streamavg as sa
from streamavg import cli
import streamavg.following, streamavg.resumed, streamavg.sources.streams
import streamavg.count.kernels

acc = sa.Accumulator()
acc.update({"y_true": ["a", "b"], "y_pred": ["a", "a"]})
acc.snapshot().to_json()  # loads and compiles what a run needs
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in zip((1, 2), order["files"]):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os._exit(cli.main(order["arguments"]))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Follower:
    """Runs `streamavg follow` again and again."""

    def __init__(self, folder: Path) -> None:
        self.files = [folder / name for name in ("follower.out", "follower.err")]
        command = [sys.executable, "-W", "ignore", "-c", SERVER]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.child = 0

    def start(self, *arguments: object) -> None:
        order = {"arguments": ["follow", *map(str, arguments)], "files": list(map(str, self.files))}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps(order), file=self._server.stdin, flush=True)
        self.child = int(self._server.stdout.readline())

    def kill(self, number: int = signal.SIGKILL) -> int:
        """End it by a signal; returns the status."""
        os.kill(self.child, number)
        return self.wait()

    def wait(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    @property
    def said(self) -> str:
        return self.files[1].read_text()

    def close(self) -> None:
        self._server.communicate()


def write(log: Path, rotations: int, seconds: float, scheme: str = "rename", seed: int = 0) -> int:
    """Write records at full speed and rotate now and then, as logrotate does; returns how many were written.

    Lines are written in pieces that end anywhere, as a buffered writer does, but whole before a rotation.
    """
    draw, number, ends = random.Random(seed), 0, time.monotonic()
    file = open(log, "ab", buffering=0)  # noqa: SIM115
    for rotation in range(rotations + 1):
        ends += seconds / (rotations + 1)
        while time.monotonic() < ends:
            records = []
            for _ in range(draw.randrange(1, 2000)):
                true = draw.choice("abcdefgh")
                pred = true if draw.random() < 0.7 else draw.choice("abcdefgh")
                records.append(json.dumps({"id": number, "y_true": true, "y_pred": pred}))
                number += 1
            data = "\n".join(records).encode() + b"\n"
            cut = draw.randrange(len(data))
            file.write(data[:cut])
            file.write(data[cut:])
        if rotation < rotations:
            file = _rotated(log, file, scheme, rotations)
    file.close()
    return number


def _rotated(log: Path, file, scheme: str, most: int):
    for i in range(most, 0, -1):
        with suppress(FileNotFoundError):
            os.rename(f"{log}.{i}", f"{log}.{i + 1}")
    if scheme == "copytruncate":
        shutil.copyfile(log, f"{log}.1")
        os.truncate(log, 0)
        return file
    os.rename(log, f"{log}.1")
    file.close()
    return open(log, "ab", buffering=0)


if __name__ == "__main__":  # the writer in a process of its own
    from pathlib import Path

    print(write(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
