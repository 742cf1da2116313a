"""What a label is: its text, whether that text is an integer, and the order in which labels are shown."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
LEAST, MOST = -(2**63), 2**63 - 1


def label_text(value: Any) -> str:
    """The identity of one label given in Python: integers and whole floats as decimal text, booleans as 0 and 1.

    >>> [label_text(x) for x in (3, 3.0, True, "007")]
    ['3', '3', '1', '007']
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise InputError(f"label {value!r} is not valid UTF-8; labels are text") from None
    if isinstance(value, str):
        if not value.isascii():
            _refuse_surrogates(value)
        return str.__str__(value)  # of an enumeration of strings, its value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise InputError(f"label {value!r} is not a whole number; write it as text if it is a name")
        value = int(value)
    if isinstance(value, int):
        if not LEAST <= value <= MOST:
            raise InputError(f"label {value} is outside int64; write it as text if it is a name")
        return str(int(value))
    raise InputError(f"label {value!r} is a {type(value).__name__}; a label is text, an integer or a boolean")


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"label {text!r} holds a lone surrogate and has no UTF-8 form") from None


def is_integer_text(text: str) -> bool:
    """Whether `text` is the one canonical way to write an integer: "7" and "-3" are, "007", "-0" and "+3" are not."""
    return _INTEGER.fullmatch(text) is not None


def all_integers(labels: Iterable[str]) -> bool:
    """Whether every label is canonical integer text, so that labels are shown and sorted as numbers."""
    fullmatch = _INTEGER.fullmatch
    return all(fullmatch(label) is not None for label in labels)


def ascending(labels: Iterable[str]) -> list[str]:
    """The labels in ascending order: as numbers if all are integers, otherwise by code point.

    >>> ascending(["10", "9"]), ascending(["10", "9", "x"])
    (['9', '10'], ['10', '9', 'x'])
    """
    held = list(labels)
    return sorted(held, key=int) if all_integers(held) else sorted(held)


def public_labels(labels: Sequence[str]) -> list[int] | list[str]:
    """The labels as users see them: Python ints if every one is canonical integer text, otherwise str."""
    return [int(label) for label in labels] if all_integers(labels) else list(labels)
