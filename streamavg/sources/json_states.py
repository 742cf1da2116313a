"""JSON states: an automaton for lines of one flat object each (RFC 8259), as a table of state x byte -> state.

Entering one of the EVENTS is worth a note: a key, a value or a line begins or ends there. Objects in objects, lists and
escapes in keys are left to a parser that knows them: their lines end in BAD, as do those that are not JSON.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In the order that `keep_fields` counts on: ends of lines, keys, ends of values, ends of texts, beginnings of values.
EVENTS = (
    *("BAD", "LINE", "KEY", "KEY_END", "COMMA", "CLOSE", "REAL_COMMA", "REAL_CLOSE", "TEXT_END", "ESCAPED_END"),
    *("TEXT", "MINUS", "ZERO", "NUMBER", "t", "f", "n"),
)
_BLANK, _DIGITS, _HEX = b" \t\r", b"0123456789", b"0123456789abcdefABCDEF"
_PLAIN = bytes(byte for byte in range(32, 256) if byte not in b'"\\')

# state -> (bytes, next state); any other byte is LOST, where a line end is BAD
_STEPS: dict[str, tuple[tuple[bytes, str], ...]] = {
    "START": ((_BLANK + b"\n", "START"), (b"{", "OPEN")),
    "OPEN": ((_BLANK, "OPEN"), (b'"', "KEY"), (b"}", "CLOSE")),
    "IN_KEY": ((_PLAIN, "IN_KEY"), (b'"', "KEY_END")),
    "AFTER_KEY": ((_BLANK, "AFTER_KEY"), (b":", "COLON")),
    "COLON": (
        *((_BLANK, "COLON"), (b'"', "TEXT"), (b"-", "MINUS"), (b"0", "ZERO"), (b"123456789", "NUMBER")),
        *((b"t", "t"), (b"f", "f"), (b"n", "n")),
    ),
    "IN_TEXT": ((_PLAIN, "IN_TEXT"), (b'"', "TEXT_END"), (b"\\", "BACKSLASH")),
    "IN_ESCAPED": ((_PLAIN, "IN_ESCAPED"), (b'"', "ESCAPED_END"), (b"\\", "BACKSLASH")),
    "BACKSLASH": ((b'"\\/bfnrt', "IN_ESCAPED"), (b"u", "HEX1")),
    **{f"HEX{k}": ((_HEX, f"HEX{k + 1}" if k < 4 else "IN_ESCAPED"),) for k in (1, 2, 3, 4)},
    "AFTER": ((_BLANK, "AFTER"), (b",", "COMMA"), (b"}", "CLOSE")),
    "AFTER_REAL": ((_BLANK, "AFTER_REAL"), (b",", "REAL_COMMA"), (b"}", "REAL_CLOSE")),
    "MINUS": ((b"0", "IN_ZERO"), (b"123456789", "IN_NUMBER")),
    "IN_ZERO": ((b".", "DOT"), (b"eE", "E"), (_BLANK, "AFTER"), (b",", "COMMA"), (b"}", "CLOSE")),
    "IN_NUMBER": (
        *((_DIGITS, "IN_NUMBER"), (b".", "DOT"), (b"eE", "E")),
        *((_BLANK, "AFTER"), (b",", "COMMA"), (b"}", "CLOSE")),
    ),
    "DOT": ((_DIGITS, "FRACTION"),),
    "FRACTION": (
        *((_DIGITS, "FRACTION"), (b"eE", "E")),
        *((_BLANK, "AFTER_REAL"), (b",", "REAL_COMMA"), (b"}", "REAL_CLOSE")),
    ),
    "E": ((b"+-", "E_SIGN"), (_DIGITS, "EXPONENT")),
    "E_SIGN": ((_DIGITS, "EXPONENT"),),
    "EXPONENT": (
        *((_DIGITS, "EXPONENT"), (_BLANK, "AFTER_REAL")),
        *((b",", "REAL_COMMA"), (b"}", "REAL_CLOSE")),
    ),
    **{
        word[:k]: ((word[k : k + 1].encode(), word[: k + 1] if k + 1 < len(word) else "AFTER"),)
        for word in ("true", "false", "null")
        for k in range(1, len(word))
    },
    "AFTER_COMMA": ((_BLANK, "AFTER_COMMA"), (b'"', "KEY")),
    "TAIL": ((_BLANK, "TAIL"), (b"\n", "LINE")),
    "LOST": (),
}
_GO_ON = {  # what an event has in common with another state: where it goes from there
    "BAD": "START",
    "LINE": "START",
    "KEY": "IN_KEY",
    "KEY_END": "AFTER_KEY",
    "TEXT": "IN_TEXT",
    "ZERO": "IN_ZERO",
    "NUMBER": "IN_NUMBER",
    "TEXT_END": "AFTER",
    "ESCAPED_END": "AFTER",
    "COMMA": "AFTER_COMMA",
    "CLOSE": "TAIL",
    "REAL_COMMA": "AFTER_COMMA",
    "REAL_CLOSE": "TAIL",
}
_NUMBERS = {name: number for number, name in enumerate(dict.fromkeys((*EVENTS, *_STEPS)))}
START = _NUMBERS["START"]


@lru_cache
def automaton() -> NDArray[np.uint8]:
    """The next state of state * 256 + byte, uint8 (states * 256,); states below len(EVENTS) are events."""
    table = np.full((len(_NUMBERS), 256), _NUMBERS["LOST"], np.uint8)
    table[:, ord("\n")] = _NUMBERS["BAD"]
    for name, number in _NUMBERS.items():
        for chars, after in _STEPS[_GO_ON.get(name, name)]:
            table[number, list(chars)] = _NUMBERS[after]
    table.flags.writeable = False
    return table.reshape(-1)
