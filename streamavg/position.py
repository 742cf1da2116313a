"""Position: which rows of which files a state holds; a plain immutable value that is saved beside the counts.

Rows are named by marks (part, row) that no tuning of readers changes: the row group of a Parquet file or the batch of
an Arrow file and the row in it; the byte at which a line of plain JSON lines starts, in part 0; and for what can only
be read from its start (CSV, compressed text, Arrow streams) the number of the row in part 0, of the malformed line in
part 1, and in part 2 the bytes read, once the end was reached. A file counted to an end that cannot move is ALL.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streamavg.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Mark = tuple[int, int]
    Ranges = tuple[tuple[int, int, int, int], ...]

MOST = 1 << 62  # of any number in a position
END = (MOST, 0)
ALL: Ranges = ((0, 0, *END),)
LOGS = ("csv", "tsv", "jsonl")  # formats that may grow; compressed ones are named "jsonl.gzip"
MOST_FILES, MOST_RANGES, LONGEST_NAME = 10_000_000, 1_000_000, 1 << 16  # what a position in a state file may hold
_DIGEST = re.compile(r"[0-9a-f]{32}")
_FORMAT = re.compile(r"[a-z0-9]{1,16}(\.[a-z0-9]{1,16})?")


class Source(NamedTuple):
    """A file by its content: size, and a digest of its first and last bytes (of a log: of the first ones only).

    The name is what tells equal copies apart, and what users are told; it is compared and shown, never opened.
    """

    name: str
    format: str
    size: int
    digest: str

    @property
    def is_log(self) -> bool:
        """Whether the file may grow: plain text, line after line."""
        return self.format in LOGS

    @property
    def content(self) -> tuple[str, int, str]:
        """What is equal for copies; a log is known by its first bytes, however long it has become."""
        return (self.format, 0 if self.is_log else self.size, self.digest)


class Span(NamedTuple):
    """Rows that come one after the other: from (part, start) on, up to the mark `after` them."""

    part: int
    start: int
    rows: int
    after: Mark


class Counted(NamedTuple):
    """What of a file was counted: sorted ranges, none touching another; of a log also a digest of what is before."""

    ranges: Ranges
    before: str = ""  # of the last bytes up to the last range's end, for a log


@dataclass(frozen=True)
class Position:
    """What was counted of each file.

    `a + b` refuses rows that both hold; `a.union(b)` does not, and is for parts of one run, or when it is forced.

    >>> log = Source("log.jsonl", "jsonl", 90, "0" * 32)
    >>> first, rest = (Position.of([(log, [Span(0, at, 30, (0, at + 30))], "")]) for at in (0, 30))
    >>> (first + rest).files[log].ranges
    ((0, 0, 0, 60),)
    """

    files: Mapping[Source, Counted] = field(default_factory=dict)

    @classmethod
    def of(cls, steps: Iterable[tuple[Source, Sequence[Span], str]]) -> Position:
        """The position after these steps: a file, the rows counted of it, and the digest of the bytes before."""
        ranges: dict[Source, list[tuple[int, int, int, int]]] = {}
        last: dict[Source, tuple[Mark, str]] = {}
        for source, spans, before in steps:
            held = ranges.setdefault(source, [])
            for span in spans:
                if held and held[-1][2:] == (span.part, span.start):
                    held[-1] = (*held[-1][:2], *span.after)
                else:
                    held.append((span.part, span.start, *span.after))
                last[source] = max(last.get(source, ((0, 0), "")), (span.after, before))
        return cls({source: Counted(joined(held), last[source][1]) for source, held in ranges.items() if joined(held)})

    def union(self, other: Position) -> Position:
        """All that either holds; what both hold is in it once."""
        files = dict(self.files)
        for source, theirs in other.files.items():
            mine = files.get(source)
            if mine is None:
                files[source] = theirs
                continue
            before = max((mine.ranges[-1][2:], mine.before), (theirs.ranges[-1][2:], theirs.before))[1]
            files[source] = Counted(joined((*mine.ranges, *theirs.ranges)), before)
        return Position(files)

    def __add__(self, other: Position) -> Position:
        both = self.overlap(other)
        if both is not None:
            mine, theirs = both
            where = f"as {theirs!r} too" if mine != theirs else "on both sides"
            raise MismatchError(f"{mine}: rows of this file are counted {where}; their sum would hold them twice")
        return self.union(other)

    def overlap(self, other: Position) -> tuple[str, str] | None:
        """The names, here and there, of a file of which both hold the same rows; None if there is none."""
        theirs: dict[tuple[str, int, str], list[Source]] = {}
        for source in other.files:
            theirs.setdefault(source.content, []).append(source)
        for source, counted in self.files.items():
            for same in theirs.get(source.content, ()):
                if meet(counted.ranges, other.files[same].ranges):
                    return source.name, same.name
        return None

    def without(self, other: Position) -> Position:
        """What is left if the files that `other` holds are forgotten, of equal copies one for each."""
        files = dict(self.files)
        for source in other.files:
            files.pop(_same(source, files) or source, None)
        return Position(files)

    def lacks(self, other: Position) -> list[str]:
        """The names of the files of which `other` holds rows that are not in this position."""
        files, names = dict(self.files), []
        for source, counted in other.files.items():
            mine = files.pop(_same(source, files) or source, Counted(()))
            if not all(covers(mine.ranges, each[:2], each[2:]) for each in counted.ranges):
                names.append(source.name)
        return names

    def to_json(self) -> dict[str, object]:
        """Plain lists for a state file, a file each; about 60 bytes for a finished one, and its name.

        [name, format, size, digest], then ranges as [part, row, part, row] unless all is counted, then the digest of
        the bytes before if there is one.
        """
        files = []
        for source, (ranges, before) in sorted(self.files.items()):
            rest = [] if ranges == ALL and not before else [list(map(list, ranges))]
            files.append([*source, *rest, *([before] if before else [])])
        return {"files": files}

    @classmethod
    def from_json(cls, value: object) -> Position:
        """The position that `to_json` wrote. Raises ValueError for anything else: the text may be hostile."""
        if not isinstance(value, dict) or set(value) != {"files"} or not isinstance(value["files"], list):
            raise ValueError('position: expected {"files": [...]}')
        if len(value["files"]) > MOST_FILES:
            raise ValueError(f"position: {len(value['files'])} files; at most {MOST_FILES} can be")
        files = dict(_file(each) for each in value["files"])
        if len(files) < len(value["files"]):
            raise ValueError("position: a file is there twice")
        return cls(files)


def _same(source: Source, files: Mapping[Source, Counted]) -> Source | None:
    """The file of this content, the one of this name if several have it."""
    found = [each for each in files if each.content == source.content]
    return next((each for each in found if each.name == source.name), found[0] if found else None)


def _file(value: object) -> tuple[Source, Counted]:
    if not isinstance(value, list) or not 4 <= len(value) <= 6:
        raise ValueError("position: a file is [name, format, size, digest, ranges, digest before]")
    name, format_, size, digest, ranges, before = [*value, ALL, ""][:6] if len(value) == 4 else [*value, ""][:6]
    if not isinstance(name, str) or not name or len(name) > LONGEST_NAME:
        raise ValueError(f"position: a file's name is 1 to {LONGEST_NAME} characters")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"position: the name {name!r} is not valid UTF-8") from None
    if not isinstance(format_, str) or not _FORMAT.fullmatch(format_):
        raise ValueError(f"position: {name!r} has a format that cannot be")
    for text in (digest, before) if before != "" else (digest,):
        if not isinstance(text, str) or not _DIGEST.fullmatch(text):
            raise ValueError(f"position: {name!r} has a digest that is not 32 hexadecimal digits")
    if not _is_number(size):
        raise ValueError(f"position: {name!r} has a size that is no number from 0 to {MOST}")
    return Source(name, format_, size, digest), Counted(_ranges(name, ranges), before)


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _ranges(name: str, value: object) -> Ranges:
    if value is ALL:
        return ALL
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_RANGES:
        raise ValueError(f"position: {name!r} needs 1 to {MOST_RANGES} ranges")
    for each in value:
        if not isinstance(each, list) or len(each) != 4 or not all(map(_is_number, each)):
            raise ValueError(f"position: {name!r} has a range that is not [part, row, part, row]")
    found: Ranges = tuple((a, b, c, d) for a, b, c, d in value)
    if joined(found) != found:
        raise ValueError(f"position: {name!r} has ranges that are empty, touch or are out of order")
    return found


def digest_of(*parts: bytes) -> str:
    """Half of the SHA-256 of these bytes: no two files of a data set share it by chance, nor does a forger find one."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:32]


# ---- ranges of marks: sorted, not empty, none touching another


def joined(ranges: Iterable[tuple[int, int, int, int]]) -> Ranges:
    """Any ranges as one set: sorted, without empty ones, those that touch or overlap made one."""
    made: list[tuple[int, int, int, int]] = []
    for first in sorted(ranges):
        start, after = first[:2], first[2:]
        if start >= after:
            continue
        if made and start <= made[-1][2:]:
            made[-1] = (*made[-1][:2], *max(after, made[-1][2:]))
        else:
            made.append(first)
    return tuple(made)


def meet(first: Ranges, second: Ranges) -> bool:
    """Whether two sets have a row in common."""
    mine, theirs = iter(first), iter(second)
    a, b = next(mine, None), next(theirs, None)
    while a is not None and b is not None:
        if a[:2] < b[2:] and b[:2] < a[2:]:
            return True
        if a[2:] <= b[2:]:
            a = next(mine, None)
        else:
            b = next(theirs, None)
    return False


def covers(ranges: Ranges, start: Mark, after: Mark) -> bool:
    """Whether all from one mark to another is in a set."""
    return any(each[:2] <= start and after <= each[2:] for each in ranges)


def gaps(ranges: Ranges, part: int, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The rows from `start` to `stop` of a part that a set lacks, as (first, after the last)."""
    for part_from, row_from, part_to, row_to in ranges:
        if start >= stop:
            return
        if part_to < part or part_from > part:
            continue
        begin = row_from if part_from == part else 0
        if begin > start:
            yield start, min(begin, stop)
        start = max(start, row_to if part_to == part else stop)
    if start < stop:
        yield start, stop


def reached(ranges: Ranges, part: int) -> int:
    """How many rows from the start of a part on are in a set."""
    first = next(gaps(ranges, part, 0, MOST), None)
    return MOST if first is None else first[0]
