"""The errors raised on purpose; each is one line that says what was expected, what came, where, and what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class InputError(ValueError):
    """The data or the request cannot be used: a wrong column, type, label, file or option.

    `row` is the number of the row where that is the one to blame, and others may be fine.
    """

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class MismatchError(ValueError):
    """Two states were counted under different options, so their sum would mean nothing."""


class CountOverflowError(OverflowError):
    """A count would pass 2**63 - 1; nothing was added."""


class StateError(ValueError):
    """A state file, or the bytes of a state, cannot be used or does not match.

    `damaged` is True where the bytes were cut or changed, so that an older generation may stand in for them.
    """

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


class InUseError(RuntimeError):
    """Another process holds the state file."""


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Let an OSError of a block say which file it is about: the calls that write to a descriptor do not know."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = path
        raise


def require_one_of(name: str, value: object, choices: Sequence[object]) -> None:
    """InputError, naming the choices, if an option has another value."""
    if value not in choices:
        raise InputError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, choices))}")
