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

import pytest

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
SAME = 500


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


def write(log: Path, rotations: int, seconds: float, scheme: str = "rename", seed: int = 0) -> tuple[int, int]:
    """Write records at full speed and rotate now and then, as logrotate does; how many were written, and bad ones.

    Lines are written in pieces that end anywhere, as a buffered writer does, but whole before a rotation. One line in
    a thousand is bad. y_true is the same for SAME records in a row, so rows counted twice show.
    """
    draw, number, bad, ends = random.Random(seed), 0, 0, time.monotonic()
    file = open(log, "ab", buffering=0)  # noqa: SIM115
    for rotation in range(rotations + 1):
        ends += seconds / (rotations + 1)
        while time.monotonic() < ends:
            lines = []
            for _ in range(draw.randrange(1, 1000)):
                if draw.random() < 0.001:
                    lines.append(f'{{"id": {number}, "y_true": "bad')
                    bad += 1
                pred = number // SAME if draw.random() < 0.7 else draw.randrange(100)
                lines.append(f'{{"id": {number}, "y_true": {number // SAME}, "y_pred": {pred}}}')
                number += 1
            data = "\n".join(lines).encode() + b"\n"
            cut = draw.randrange(len(data))
            file.write(data[:cut])
            file.write(data[cut:])
            time.sleep(0.001)  # for the others on this machine
            if scheme == "reopen" and not (log.exists() and os.path.samestat(os.stat(log), os.fstat(file.fileno()))):
                file.close()  # as WatchedFileHandler does
                file = open(log, "ab", buffering=0)  # noqa: SIM115
        if rotation < rotations and scheme != "none":
            rotate(log, scheme, rotations)
            if scheme == "rename":
                file.close()
                file = open(log, "ab", buffering=0)  # noqa: SIM115
    file.close()
    return number, bad


def rotate(log: Path, scheme: str, most: int) -> None:
    """Move app.log.1 to app.log.2 and so on, and app.log to app.log.1, or copy it there and truncate it."""
    for i in range(most, 0, -1):
        with suppress(FileNotFoundError):
            os.rename(f"{log}.{i}", f"{log}.{i + 1}")
    if scheme == "rename":
        os.rename(log, f"{log}.1")
    else:
        shutil.copyfile(log, f"{log}.1")
        os.truncate(log, 0)


class Logrotate:
    """The program itself, from the path or, on Debian, from the package, which is not installed for it."""

    def __init__(self, folder: Path, log: Path, mode: str) -> None:
        self.runs, self._state, self._config = 0, folder / "logrotate.state", folder / "logrotate.conf"
        self._config.write_text(f"{log} {{\n{mode}\nrotate 1000\nnocompress\nmissingok\n}}\n")
        os.chmod(self._config, 0o644)
        self._program, self._environment = shutil.which("logrotate"), dict(os.environ)
        if self._program is None:
            root = folder / "logrotate"
            root.mkdir()
            with suppress(OSError, subprocess.CalledProcessError):
                command = ["apt-get", "download", "logrotate", "libpopt0"]
                subprocess.run(command, cwd=root, capture_output=True, check=True)
                for package in root.glob("*.deb"):
                    subprocess.run(["dpkg", "-x", package, root], check=True)
                self._program = str(root / "usr" / "sbin" / "logrotate")
                self._environment["LD_LIBRARY_PATH"] = ":".join(map(str, root.glob("**/lib/*-linux-gnu")))
        if self._program is None or subprocess.run([self._program, "--version"], env=self._environment).returncode:
            pytest.skip("there is no logrotate, and no package of it")

    def run(self) -> None:
        """Rotate now."""
        command = [str(self._program), "--force", "--state", str(self._state), str(self._config)]
        subprocess.run(command, env=self._environment, check=True)
        self.runs += 1


if __name__ == "__main__":  # the writer in a process of its own
    from pathlib import Path

    print(json.dumps(write(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], int(sys.argv[5]))))
