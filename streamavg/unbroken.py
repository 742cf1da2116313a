"""Unbroken: work that no signal handler tears apart; handlers run on the main thread, between any two steps of it."""

from __future__ import annotations

import signal
import threading
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[int, Any], Any]

P = ParamSpec("P")
R = TypeVar("R")

# the functions below those of `signal`, which turn numbers into enums: asking for all handlers costs 3 us, not 60
_signals: Any = signal._signal  # type: ignore[attr-defined]


class _Waiting:
    """Stands in for the handlers of all signals: notes what comes, and once `over` passes it on."""

    def __init__(self, handlers: dict[int, Handler]) -> None:
        self.handlers, self.came, self.over = handlers, list[int](), False

    def __call__(self, number: int, frame: Any) -> None:
        if self.over:
            self.handlers[number](number, frame)
        elif number not in self.came:
            self.came.append(number)

    def deliver(self) -> None:
        """Raise what came again, all of it even if a handler raises an exception."""
        self.over = True
        try:
            if self.came:
                signal.raise_signal(self.came.pop())
        finally:
            if self.came:
                self.deliver()


_busy = False  # only ever touched by the main thread


def unbroken(function: Callable[P, R]) -> Callable[P, R]:
    """The function, during which signal handlers wait: KeyboardInterrupt is raised after it, never inside.

    What was to be done is then done. On other threads nothing changes, for no handler runs there.

    >>> unbroken(len)("abc")
    3
    """

    @wraps(function)
    def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        global _busy
        if _busy or threading.current_thread() is not threading.main_thread():
            return function(*args, **kwargs)
        waiting = _Waiting({})
        try:
            for number in range(1, signal.NSIG):
                handler = _signals.getsignal(number)
                if callable(handler):
                    waiting.handlers[number] = handler
                    _signals.signal(number, waiting)
            _busy = True
            return function(*args, **kwargs)
        finally:
            _busy = False
            try:
                for number, handler in waiting.handlers.items():
                    _signals.signal(number, handler)
            finally:
                waiting.deliver()

    return whole
