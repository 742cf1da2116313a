"""Spans: lengths of time as users write them ("5m"), in whole microseconds, and windows aligned to 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from streamavg.errors import InputError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_START, MOST_START = -62135596800 * 10**6, 253402300800 * 10**6  # years 1 to 9999, which datetime can write
_UNITS = {"us": 1, "ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_LONGEST = 36500 * _UNITS["d"]


def window_size(text: object, name: str = "window") -> int:
    """The microseconds of a length such as "90s", "5m", "1h" or "1d", or of a timedelta. Raises InputError.

    >>> window_size("5m")
    300000000
    """
    if isinstance(text, timedelta):
        size = text // timedelta(microseconds=1)
    else:
        found = re.fullmatch(r"([0-9]{1,19}) ?(us|ms|s|m|h|d)", text) if isinstance(text, str) else None
        size = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < size <= _LONGEST:
        raise InputError(f"{name} is {text!r}; give a length of time above 0, such as 500ms, 90s, 5m, 1h or 1d")
    return size


def window_text(size: int) -> str:
    """The one way to write a length of time: in the largest unit that it is a whole number of.

    >>> window_text(3600 * 10**6), window_text(90 * 10**6)
    ('1h', '90s')
    """
    unit, scale = next((unit, scale) for unit, scale in reversed(_UNITS.items()) if size % scale == 0)
    return f"{size // scale}{unit}"


def moment(microseconds: int) -> datetime:
    """The UTC time so many microseconds after the start of 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """The microseconds since the start of 1970; a time without zone is taken for UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


def public_key(key: tuple[Any, ...], has_window: bool) -> tuple[Any, ...]:
    """A slice's key as users see it: the start of its window as a time."""
    if not has_window or not key or key[-1] is None:
        return key
    return (*key[:-1], moment(key[-1]))
