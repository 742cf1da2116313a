"""Pattern stream: lines matched by a regular expression on Arrow arrays, one the user's, one made for logfmt."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamavg.errors import InputError
from streamavg.sources.json_lines import BLANK
from streamavg.sources.jsonl import BOM, HEAD, LINES
from streamavg.sources.unit import Bad, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamavg.sources.unit import Choose

_NEWLINE, _RETURN = b"\n\r"
_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s"]*'
_PAIR = rf'[^\s="]+(?:=(?:{_VALUE}))?'  # https://brandur.org/logfmt: a key alone is a flag
_LOGFMT = rf"^\s*(?:{_PAIR}(?:\s+|$))*$"
_KEYS = re.compile(rf'([^\s="]+)=(?:{_VALUE})(?:\s+|$)|[^\s="]+(?:\s+|$)')


class PatternStream:
    """Lines that a pattern matches; its named groups are columns, an empty group is null."""

    def __init__(self, choose: Choose, pattern: str) -> None:
        self._pattern = pattern
        groups = pc.extract_regex(_texts([b""]), _checked(pattern)).type
        held = [groups.field(i).name for i in range(groups.num_fields)]
        self._names = [name for name in choose(held) if name in held]

    def knows(self, block: bytes, first: bytes = b"", is_last: bool = False) -> bool:
        """See `Reader`."""
        return True

    def pieces(self, block: bytes, at: int, first: bytes = b"") -> Iterator[tuple[Piece, Sequence[Bad]]]:
        """See `Reader`."""
        lines = TextLines(block, at)
        matched = pc.extract_regex(lines.texts, self._pattern)
        is_match = pc.is_valid(matched)
        lines.refuse(is_match, "no_match")
        columns = [_or_null(pc.struct_field(matched, name)) for name in self._names]
        batch = pa.RecordBatch.from_arrays(columns, names=self._names)
        yield Piece(batch.filter(is_match), len(lines.bad), size=len(block)), lines.bad


class LogfmtStream:
    """Lines of key=value pairs; a value may be quoted, a key without a value is null."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._names: list[str] | None = None
        self._seen: dict[str, None] = {}
        self._lines = self._bytes = 0

    def knows(self, block: bytes, first: bytes = b"", is_last: bool = False) -> bool:
        """See `Reader`."""
        if self._names is None:
            self._bytes += len(block)
            for line in block.removeprefix(BOM).splitlines():
                if self._lines < LINES and line.strip(BLANK):
                    self._lines += 1
                    keys = _KEYS.findall(line.decode("utf-8", "replace").strip())
                    self._seen.update(dict.fromkeys(filter(None, keys)))
            at_last = is_last or self._lines >= LINES or self._bytes >= HEAD
            try:
                self._names = self._choose(list(self._seen))
            except InputError:
                if at_last and self._seen:
                    raise
        return self._names is not None

    def pieces(self, block: bytes, at: int, first: bytes = b"") -> Iterator[tuple[Piece, Sequence[Bad]]]:
        """See `Reader`."""
        lines = TextLines(block, at)
        fits = pc.and_(
            pc.match_substring_regex(lines.texts, _LOGFMT), pc.match_substring_regex(lines.texts, r'^\s*[^\s="]+=')
        )
        if self._names is None:
            fits = pc.and_not(fits, fits)
        lines.refuse(fits, "no_logfmt")
        texts = lines.texts.filter(fits)
        names = self._names or []
        batch = pa.RecordBatch.from_arrays([_value_of(texts, name) for name in names], names=names)
        yield Piece(batch, len(lines.bad), size=len(block)), lines.bad


class TextLines:
    """The lines of a block that are not blank, as an array of texts without line ends; those not UTF-8 are bad."""

    def __init__(self, block: bytes, at: int) -> None:
        self._block, self.bad = block, list[Bad]()
        raw = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(raw == _NEWLINE)
        if not block.endswith(b"\n"):
            ends = np.append(ends, len(raw))
        starts = np.append(0, ends[:-1] + 1)
        if at == 0 and block.startswith(BOM):
            starts[0] += len(BOM)
        ends = np.where((ends > starts) & (raw[np.minimum(ends, len(raw)) - 1] == _RETURN), ends - 1, ends)
        filled = ends > starts
        self._starts, self._ends = starts[filled], ends[filled]
        self.texts = self._array()

    def _array(self) -> pa.StringArray:
        texts = _texts_of(self._block, self._starts, self._ends)
        with suppress(pa.ArrowInvalid):
            texts.validate(full=True)
            return texts
        valid = np.array([_is_text(self._line(i)) for i in range(len(self._starts))], bool)
        self._take_bad(np.flatnonzero(~valid), "no_utf8")
        self._starts, self._ends = self._starts[valid], self._ends[valid]
        return _texts_of(self._block, self._starts, self._ends)

    def refuse(self, fits: Any, cause: str) -> None:
        """Note the lines that do not fit."""
        flags = pc.cast(fits, pa.uint8())  # numpy from a boolean array would import pandas
        self._take_bad(np.flatnonzero(np.frombuffer(flags.buffers()[1] or b"", np.uint8)[: len(flags)] == 0), cause)
        self.bad.sort()

    def _take_bad(self, numbers: Any, cause: str) -> None:
        for i in numbers.tolist():
            line = self._line(i)
            self.bad.append(Bad(int(self._starts[i]), "nul" if b"\0" in line else cause, line))

    def _line(self, i: int) -> bytes:
        return self._block[self._starts[i] : self._ends[i]]


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _texts_of(block: bytes, starts: Any, ends: Any) -> pa.StringArray:
    lengths = ends - starts
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    raw = np.frombuffer(block, np.uint8)
    # only the bytes of lines, one behind the other: + 1 where one starts, - 1 where one ends
    marks = np.zeros(len(raw) + 1, np.int8)
    marks[starts] += 1
    marks[ends] -= 1
    held = raw[np.cumsum(marks[:-1], dtype=np.int8).view(np.bool_)]
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(held))


def _texts(lines: Sequence[bytes]) -> pa.StringArray:
    joined = b"\n".join(lines)
    ends = np.cumsum([len(line) + 1 for line in lines]) - 1
    return _texts_of(joined, ends - [len(line) for line in lines], ends)


def _or_null(texts: pa.StringArray) -> pa.StringArray:
    """Texts, empty ones as null."""
    # a null made from None would import pandas where it is installed, 0.4 s
    return pc.if_else(pc.cast(pc.binary_length(texts), pa.bool_()), texts, pa.nulls(1, pa.string())[0])


def _checked(pattern: str) -> str:
    """The pattern. InputError if RE2 does not know it, or a group of it has no name."""
    try:
        pc.extract_regex(_texts([b""]), pattern)
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"--pattern {pattern!r}: {reason}; expected a regular expression (RE2) whose groups have names, such as "
            "truth=(?P<y_true>[^ ]+) prediction=(?P<y_pred>[^ ]+), others as (?:...)"
        ) from None
    return pattern


def _value_of(texts: pa.StringArray, key: str) -> pa.StringArray:
    """The first value of a key in each line; null where there is none."""
    name = re.escape(key)
    values = _values(texts, rf"(?:^|\s){name}=")
    # after a quote it may be part of another value; passing over whole pairs takes 6 us a line instead of 0.5
    is_hidden = pc.match_substring_regex(texts, rf'".*{name}=')
    if not pc.any(is_hidden).as_py():
        return values
    return pc.replace_with_mask(values, is_hidden, _values(texts.filter(is_hidden), rf"^\s*(?:{_PAIR}\s+)*?{name}="))


def _values(texts: pa.StringArray, before: str) -> pa.StringArray:
    """What stands behind a pattern, a quoted text or a bare word."""
    found = pc.extract_regex(texts, rf'{before}(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<plain>[^\s"]*))(?:\s|$)')
    plain, quoted = (pc.struct_field(found, part) for part in ("plain", "quoted"))
    is_quoted = pc.cast(pc.binary_length(quoted), pa.bool_())
    quoted = pc.utf8_slice_codeunits(quoted, 1, -1)
    if pc.any(pc.match_substring(quoted, "\\")).as_py():
        quoted = _unescaped(quoted)
    return pc.if_else(is_quoted, quoted, _or_null(plain))


def _unescaped(texts: pa.StringArray) -> pa.StringArray:
    from streamavg.sources.json_columns import label_array

    return label_array([None if text is None else _plain(text) for text in texts.to_pylist()])


def _plain(text: str) -> str:
    """The text without its escapes, which are those of JSON; as it is if they are not."""
    try:
        return str(json.loads(f'"{text}"', strict=False)) if "\\" in text else text
    except ValueError:
        return text
