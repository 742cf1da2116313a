"""View: a stream on a terminal that redraws itself, and without a terminal a plain line now and then."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live

from streamavg.live.picture import picture, why_nothing
from streamavg.live.words import flow_words, reading_words, trouble_words
from streamavg.report.text import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.live.figures import Reader
    from streamavg.live.moment import Moment, Observer


def view(reader: Reader, every: float = 30.0) -> Observer:
    """What suits standard error: the view on a terminal that can redraw, else a line every so many seconds."""
    console = Console(stderr=True, highlight=False, emoji=False, markup=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return View(console, reader)
    return Lines(sys.stderr, reader, every)


class View:
    """An observer that redraws the terminal at every moment; the last picture stays when it is closed.

    What is printed to standard error meanwhile appears above it.
    """

    least = 0.5

    def __init__(self, console: Console, reader: Reader) -> None:
        self._console, self._reader = console, reader
        self._plain = not (console.encoding or "").lower().startswith("utf")
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False)
        self._drawn: tuple[object, ...] = ()
        self._live.start()
        console.show_cursor(True)  # which Live hides, and a killed process would never show again

    def see(self, moment: Moment) -> None:
        """Draw it."""
        width, height = self._console.size
        shown = (width, height, moment.sequence, flow_words(moment), moment.run, moment.readings)
        if shown == self._drawn:
            return  # a stream that is quiet costs nothing
        self._drawn = shown
        self._live.update(picture(moment, self._reader, width, height, self._plain), refresh=True)

    def close(self) -> None:
        """Leave the last picture where it is."""
        self._live.stop()


class Lines:
    """An observer that writes a line to a file every so many seconds, and for the last moment if it wrote any."""

    def __init__(self, file: TextIO, reader: Reader, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._reader, self._clock = file, reader, clock
        self.least = self._every = every
        self._due, self._written = clock() + every, 0

    def see(self, moment: Moment) -> None:
        """Write a line if it is time."""
        if self._clock() < self._due and not (moment.is_last and self._written):
            return
        self._written += 1
        self._due = self._clock() + self._every
        print(line(moment, self._reader), file=self._file, flush=True)

    def close(self) -> None:
        """Nothing is held open."""


def line(moment: Moment, reader: Reader) -> str:
    """A moment in one line."""
    values = reader.values(moment.snapshot, scores=False)
    shown = [name for name in ("f1", "f1_micro", "f1_macro") if name in values]
    words = [f"{name} {number(values[name])}" for name in shown] or [why_nothing(moment.snapshot)]
    return ", ".join((*flow_words(moment), *words, *trouble_words(moment), *reading_words(moment)))
