"""The view on a real terminal (a pty), and the plain lines without one."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from streamavg.live.figures import Reader
from streamavg.live.view import Lines, line
from tests.live import samples

ROOT = Path(__file__).resolve().parents[2]
DRAW = """
import sys
from streamavg.live.figures import Reader
from streamavg.live.view import view
from tests.live import samples
shown = view(Reader(), every=0.0)
print(type(shown).__name__, file=sys.stdout, flush=True)
shown.see(samples.moment(3))
print("a note of the loop", file=sys.stderr)
shown.see(samples.moment(4, run={"replayed": 7}))
shown.close()
"""


def on_a_terminal(columns: int = 80, **environment: str) -> tuple[str, str]:
    """What the drawing process writes to standard output, and to standard error that is a terminal."""
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    held = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    environment = held | {"TERM": "xterm-256color", "LINES": "40", "COLUMNS": str(columns)} | environment
    command = [sys.executable, "-c", DRAW]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=side) as run:
        os.close(side)
        written = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # the other side is closed: EIO
                break
            if not part:
                break
            written += part
        printed = run.communicate(timeout=60)[0].decode()
    os.close(terminal)
    assert run.returncode == 0, written.decode()
    return printed, written.decode()


def test_a_terminal_is_redrawn_and_notes_stay_above():
    printed, written = on_a_terminal()
    assert printed == "View\n"
    assert written.count("a note of the loop") == 1
    assert "\x1b[1A\x1b[2K" in written  # it goes up and wipes the old picture
    assert written.index("5 replayed") < written.index("a note of the loop") < written.rindex("7 replayed")
    assert "\x1b[33m" in written
    assert "\x1b[31mred" not in written


def test_no_color_is_honoured():
    _, written = on_a_terminal(NO_COLOR="1")
    colours = re.findall(r"\x1b\[([\d;]*)m", written)
    assert not {part for found in colours for part in found.split(";")} - {"", "0", "1", "2", "3", "4"}


@pytest.mark.parametrize("columns", [60, 120])
def test_the_width_is_that_of_the_terminal(columns):
    _, written = on_a_terminal(columns)
    assert "─" * (columns // 2) in written
    assert max(len(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", each)) for each in written.splitlines()) <= columns


def test_a_terminal_that_cannot_redraw_gets_lines():
    printed, written = on_a_terminal(TERM="dumb")
    assert printed == "Lines\n"
    assert "\x1b" not in written
    assert "f1_macro 0." in written


def test_lines_come_at_their_time_and_at_the_end():
    now = [0.0]
    file = io.StringIO()
    shown = Lines(file, Reader(), 30.0, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 1.0
        shown.see(samples.moment(2))
    assert file.getvalue().count("\n") == 3
    shown.see(samples.moment(2, is_last=True))
    shown.close()
    assert file.getvalue().count("\n") == 4


def test_a_short_run_says_nothing_before_its_report():
    file = io.StringIO()
    shown = Lines(file, Reader(), 30.0)
    shown.see(samples.moment(2))
    shown.see(samples.moment(2, is_last=True))
    assert file.getvalue() == ""


def test_a_line_is_one_line_whatever_the_labels():
    text = line(samples.moment(2), Reader())
    assert text.startswith("1,000 rows, 12,346 rows/s, lag 1.2 MB, 10 labels, multiclass")
    assert f"f1_macro {samples.moment(2).snapshot['f1_macro']:.4f}" in text
    assert text.isprintable()
