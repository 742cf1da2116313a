"""Signals: what asks the process to end, as a wish that the loop looks at, or as an exception to leave by."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

ASKING = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(BaseException):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(name_of(number))
        self.number = number


class Signals:
    """A context in which the first signal that asks to end is a wish (`is_set`), or Stopped with leave=True.

    A second one ends the process at once, with the status 128 + its number. Handlers are set explicitly because a
    process that is the first of its container ignores SIGTERM otherwise. A signal that was ignored stays so (nohup).
    """

    def __init__(self, leave: bool = False) -> None:
        self._leave = leave
        self._before: dict[int, Any] = {}
        self.number: int | None = None

    @property
    def name(self) -> str:
        """The name of the signal that came."""
        return name_of(self.number or 0)

    def is_set(self) -> bool:
        """Whether a signal has come."""
        return self.number is not None

    def _came(self, number: int, frame: Any) -> None:
        if self.number is not None:
            os._exit(128 + number)
        self.number = number
        if self._leave:
            raise Stopped(number)

    def __enter__(self) -> Signals:
        if threading.current_thread() is not threading.main_thread():
            return self  # only the main thread gets signals
        for name in ASKING:
            number = getattr(signal, name, None)  # there is no SIGHUP on Windows
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def name_of(number: int) -> str:
    """The name of a signal, such as SIGTERM."""
    return signal.Signals(number).name
