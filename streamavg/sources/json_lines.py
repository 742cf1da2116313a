"""JSON lines one by one, with the standard library: the rule for what a line means, whichever parser reads it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from streamavg.sources.json_blocks import DEPTH, LONGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

BLANK = b" \t\r\n"
_LEAST, _MOST = -(2**63), 2**63 - 1
_DIGITS = 4300  # Python refuses to read longer integers
# Strings are taken whole, closed or not, so that both patterns stay linear in a hostile line of 64 MiB.
_STRING = r'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?'
_BRACKETS = re.compile((_STRING + r"|[\[{\]}]").encode(), re.DOTALL)
# pyarrow.json takes Inf and -NaN as numbers, Python does not; neither can be a label, but other fields may hold them.
_NUMBERS = re.compile(f"({_STRING})|-?(?:Infinity|Inf|NaN)", re.DOTALL)


class MalformedError(ValueError):
    """A line, or a value in it, that cannot be counted."""


def parse(line: bytes, wanted: Sequence[str], inner: Sequence[str] = ()) -> dict[str, Any]:
    """The object in a line. Raises MalformedError if it is not one object, is too deep, or repeats a wanted key.

    inner: keys wanted of objects inside it; these objects are pairs where one of their keys may be there twice.
    """
    if len(line) > LONGEST or _is_deep(line):
        raise MalformedError
    text = line.decode("utf-8", "surrogateescape")  # bad bytes in other fields do no harm
    plain = b"\\" not in line and all(line.count(f'"{key}"'.encode()) < 2 for key in (*wanted, *inner))
    try:
        if plain:
            return _object(json.loads(text))
    except RecursionError:
        raise MalformedError from None
    except ValueError:
        pass  # a number that only Python refuses, or a line that is not JSON
    return _careful(text, wanted)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError
    return value


def _careful(text: str, wanted: Sequence[str]) -> dict[str, Any]:
    """Like `parse`, slower: sees repeated keys however they are escaped, and all numbers that pyarrow.json takes."""
    if "Inf" in text or "NaN" in text:
        text = _NUMBERS.sub(lambda found: found[1] or "NaN", text)
    try:
        pairs = json.loads(text, object_pairs_hook=tuple, parse_int=_integer)
    except (ValueError, RecursionError):
        raise MalformedError from None
    if not isinstance(pairs, tuple):
        raise MalformedError
    keys = [key for key, _ in pairs]
    if any(keys.count(key) > 1 for key in wanted):
        raise MalformedError
    return dict(pairs)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _DIGITS else float("nan")


def _is_deep(line: bytes) -> bool:
    if line.count(b"[") + line.count(b"{") <= DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(line):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(found[0], 0)
        if depth > DEPTH:
            return True
    return False


def label(value: Any) -> str | None:
    """The text of a label, None for null. Raises MalformedError for anything that is no label."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:  # half a surrogate pair, or bytes that are not UTF-8
                raise MalformedError from None
        return value
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not _LEAST <= value <= _MOST:
        raise MalformedError
    return str(int(value))


def number(value: Any) -> float | None:
    """A number as float64, None for null. Raises MalformedError for anything else."""
    if value is None:
        return None
    if type(value) not in (int, float):
        raise MalformedError
    return float(value)


def instant(value: Any) -> str | float | None:
    """A time, as text or as a number of seconds, None for null. Raises MalformedError for anything else."""
    return label(value) if isinstance(value, str) else number(value)


def plain(seconds: float) -> str:
    """The digits of a number, without an exponent.

    >>> plain(1.7e9), plain(2**60), plain(0.000001)
    ('1700000000', '1152921504606846976', '0.000001')
    """
    return str(seconds) if isinstance(seconds, int) else f"{Decimal(repr(seconds)).normalize():f}"
