"""Fields: an automaton over bytes, and where it says that the wanted fields of lines stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel

# kinds of values, NONE where a field is not there
NONE, TEXT, WHOLE, REAL, FLAG, NULL, ESCAPED = range(7)
_BAD, _LINE, _KEY, _KEY_END, _COMMA, _REAL, _TEXT_END, _ESCAPED_END, _TEXT = 0, 1, 2, 3, 4, 6, 8, 9, 10
_EIGHT, _SPACE = np.uint64(8), np.uint8(32)


@kernel
def walk(text: Any, middle: int, table: Any, start: Any, events: Any, places: Any, states: Any) -> tuple[Any, Any]:
    """Run the automaton over text, from `start` in both halves at once; how many events each of them has.

    text uint8, with a second half not longer than the first, of `middle` bytes; table: see json_states.automaton;
    states below `events`, uint64, are noted: places int32 and states uint8, (2, middle + 1), a row a half. A step waits
    for the one before, so two runs take the time of one: 99 ns a line of 80 bytes, where one run takes 171.
    """
    here, there, first, second = start, start, np.uint64(0), np.uint64(0)
    behind = text[middle:]
    for i in range(len(behind)):
        here = np.uint64(table[(here << _EIGHT) | np.uint64(text[i])])
        there = np.uint64(table[(there << _EIGHT) | np.uint64(behind[i])])
        places[0, first], states[0, first], places[1, second], states[1, second] = i, here, i, there
        first += np.uint64(here < events)
        second += np.uint64(there < events)
    for i in range(len(behind), middle):
        here = np.uint64(table[(here << _EIGHT) | np.uint64(text[i])])
        places[0, first], states[0, first] = i, here
        first += np.uint64(here < events)
    return first, second


@kernel
def field_of(text: Any, first: int, after: int, keys: Any, ends: Any) -> int:
    """Which key stands from `first` to `after`, -1 for none of them; key k is keys[ends[k] : ends[k + 1]]."""
    for k in range(len(ends) - 1):
        same = after - first == ends[k + 1] - ends[k]
        for i in range((after - first) * same):
            same &= text[first + i] == keys[ends[k] + i]
        if same:
            return k
    return -1


@kernel
def keep_fields(text: Any, places: Any, states: Any, keys: Any, ends: Any, meant: Any, found: Any) -> int:
    """Keep the place and kind of each wanted value, line by line; returns the number of lines.

    places, states: the events of a text; meant: the kind of value that each event begins. found: (fields int32 (lines,
    keys, 2): first and after; kinds uint8 (lines, keys), zero; after int32 (lines,), where each line ends; good uint8
    (lines,), 0 for a bad one, for one with a wanted key twice, and for one with an escape in a wanted text).
    """
    fields, kinds, line_ends, good = found
    row, first, begin, after, field, kind, right = 0, 0, 0, 0, -1, 0, True
    for event in range(len(places)):
        at, state = places[event], states[event]
        if state == _KEY:
            first = at + 1
        elif state == _KEY_END:
            field = field_of(text, first, at, keys, ends)
        elif state >= _TEXT:
            begin, after, kind = at + (state == _TEXT), -1, meant[state]
        elif state >= _TEXT_END:
            after, kind = at, ESCAPED if state == _ESCAPED_END else kind
        elif state >= _COMMA and field >= 0:
            right &= kinds[row, field] == NONE and kind != ESCAPED
            fields[row, field, 0], fields[row, field, 1] = begin, at if after < 0 else after
            kinds[row, field] = REAL if state >= _REAL else kind
            field = -1
        elif state <= _LINE:
            line_ends[row], good[row] = at + 1, right and state == _LINE
            row, field, right = row + 1, -1, True
    return row


@kernel
def copy_fields(text: Any, fields: Any, ends: Any, out: Any) -> None:
    """The bytes of one field of all rows one after the other; fields int32 (rows, 2), ends int32 (rows + 1,) of out."""
    for row in range(len(fields)):
        first, into = fields[row, 0], ends[row]
        for i in range(ends[row + 1] - into):
            out[into + i] = text[first + i]
