"""Faults of reading, told apart in one place: a file that cannot be used, or a disk or network that failed."""

from __future__ import annotations

import re
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Object stores raise OSError without errno for the network too, so their words decide; damage has none of these words.
_NETWORK = re.compile(r"AWS Error|curlCode|google::cloud|GetObject|Azure|HDFS|HTTP|[Tt]ime(d )?out|[Cc]onnection")
_LENGTH = 200  # characters kept of a message from Arrow, which may quote a whole row


@contextmanager
def reading(file: str, what: str) -> Iterator[None]:
    """Run a block that reads `file`: raises InputError for damage; OSError of disk and network goes through."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{file}: a directory; expected a file") from None
    except pa.ArrowCancelled:
        raise
    except UnicodeError:
        raise InputError(_not_utf8(file, what)) from None
    except OSError as error:
        if error.errno is not None or _NETWORK.search(str(error)):
            raise
        raise InputError(_damaged(file, what, error)) from None
    except (pa.ArrowException, EOFError, OverflowError) as error:
        raise InputError(_damaged(file, what, error)) from None


class _Hook:
    """What Python does with an error that nobody can catch, which it prints: nothing for some handlers' errors.

    There is one such hook for all threads; it is ours only while there are handlers.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # garbage that is collected inside may let a handler go
        self._handlers: list[object] = []
        self._before = self._ours = sys.unraisablehook

    def add(self, handler: object) -> None:
        with self._lock:
            if not self._handlers:
                before = self._before = sys.unraisablehook
                self._ours = sys.unraisablehook = lambda error: self._tell(error, before)
            self._handlers.append(handler)

    def remove(self, handler: object) -> None:
        with self._lock:
            self._handlers = [each for each in self._handlers if each is not handler]
            if not self._handlers and sys.unraisablehook is self._ours:
                sys.unraisablehook = self._before

    def _tell(self, error: Any, before: Callable[[Any], object]) -> None:
        is_ours = any(error.object is each for each in self._handlers)
        if not (is_ours and isinstance(error.exc_value, UnicodeDecodeError)):
            before(error)


_HOOK = _Hook()


@contextmanager
def unsaid(handler: object) -> Iterator[None]:
    """Keep Python from printing a traceback where Arrow cannot decode the row that it would call `handler` with.

    Arrow itself fails then too, and that is told in one line.
    """
    _HOOK.add(handler)
    try:
        yield
    finally:
        _HOOK.remove(handler)


def _damaged(file: str, what: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if "UTF8" in reason:
        return _not_utf8(file, what)
    return f"{file}: damaged or not {what} ({reason[:_LENGTH]}); write it again or name its format with --input-format"


def _not_utf8(file: str, what: str) -> str:
    return f"{file}: {what} text is not valid UTF-8; convert it first, for example: iconv -f LATIN1 -t UTF-8"
