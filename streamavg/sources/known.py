"""Known: files told apart by their content, and each one compared with what an earlier run counted of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError
from streamavg.position import Counted, Position, Source, digest_of
from streamavg.sources.faults import reading
from streamavg.sources.trail import before_end, bytes_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamavg.sources.file import File

HEAD = 1 << 10  # first bytes of which a digest is taken
FOOTER = 1 << 16  # last bytes, where a Parquet or Arrow file says what it holds
SHOWN = 3  # names in a note
_PART = 1 << 24


class Known:
    """What was counted of the files of a run, found in the position of an earlier one.

    A file is known by content: size and digest of its first and last bytes, so a new name does not count it again. A
    log may have grown: its first bytes and those before the position must be the same. Of files with equal content
    each stands for one in the position, for the one of its own name if there is one, so copies count once each. A
    file of a known name with other content is refused, unless its old content goes by another name now (rotation).
    A log below HEAD bytes is not known under another name once it has grown: too little of it could be compared.
    """

    def __init__(self, position: Position) -> None:
        self._position = position
        self._left = dict(position.files)
        self._found: dict[Source, tuple[Source, Counted]] = {}

    def match(self, files: Sequence[File], formats: Sequence[str]) -> list[tuple[Source, Counted | None]]:
        """For each file its source, and what was counted of it. Raises InputError for one that has changed."""
        both = [(file, source_of(file, format_)) for file, format_ in zip(files, formats, strict=True)]
        found: dict[Source, Counted] = {}
        for candidates in (self._of_name_and_content(), self._of_name(), self._of_content()):
            for file, source in both:
                if source in found:
                    continue
                for old in candidates(source):
                    if old in self._left and difference(file, source, old, self._left[old]) is None:
                        found[source] = self._claimed(file, source, old)
                        break
        names = {old.name: old for old in self._left}
        for file, source in both:
            if source not in found and source.name in names:
                old = names[source.name]
                reason = difference(file, source, old, self._left[old])
                raise InputError(
                    f"{file.shown}: changed since it was counted ({reason}); "
                    "put the old file back, or count all afresh without the state file"
                )
        return [(source, found.get(source)) for _, source in both]

    def _of_name_and_content(self) -> Callable[[Source], Sequence[Source]]:
        return lambda source: [source]

    def _of_name(self) -> Callable[[Source], Sequence[Source]]:
        names: dict[str, list[Source]] = {}
        for old in self._left:
            names.setdefault(old.name, []).append(old)
        return lambda source: names.get(source.name, ())

    def _of_content(self) -> Callable[[Source], Sequence[Source]]:
        same: dict[tuple[str, int, str], list[Source]] = {}
        for old in self._left:
            same.setdefault(old.content, []).append(old)

        def candidates(source: Source) -> list[Source]:
            return [old for old in same.get(source.content, ()) if old.size == source.size or old.size >= HEAD]

        return candidates

    def _claimed(self, file: File, source: Source, old: Source) -> Counted:
        counted = self._left.pop(old)
        if source.is_log and source.format != "jsonl":
            counted = counted._replace(before=before_end(file))
        self._found[old] = source, counted
        return counted

    def position(self) -> Position:
        """The position under the names and sizes that its files have now."""
        kept = {source: counted for source, counted in self._position.files.items() if source not in self._found}
        return Position({**kept, **dict(self._found.values())})

    def tell_missing(self, note: Callable[[str], None]) -> None:
        """One note on files that were counted and are not among the sources any more."""
        names = sorted(source.name for source in self._left)
        if names:
            shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
            note(f"{len(names)} files counted before are not among the sources now ({shown}); their rows stay counted")


def source_of(file: File, format_: str) -> Source:
    """What a file is known by. Raises OSError for disk and network."""
    source = Source(file.shown, f"{format_}.{file.codec}" if file.codec else format_, file.size, "")
    with reading(file.shown, format_), file.random() as handle:
        if source.is_log:
            return source._replace(digest=_digest_of_log(file, handle, file.size))
        size = min(FOOTER, file.size)
        first, last = handle.read_at(min(HEAD, file.size), 0), handle.read_at(size, file.size - size)
    return source._replace(digest=digest_of(bytes(first), _keys(file), bytes(last)))


def difference(file: File, source: Source, old: Source, counted: Counted) -> str | None:
    """Why a file does not hold what was counted of an older one; None if it does."""
    if source.format != old.format:
        return f"it was read as {old.format}, and now as {source.format}"
    if not source.is_log:
        if source.size != old.size:
            return f"it had {old.size} bytes and has {source.size}; only plain text may grow"
        return None if source.digest == old.digest else "its first or last bytes are others"
    mark = counted.ranges[-1][3] if source.format == "jsonl" else old.size
    if source.size < max(mark, old.size):
        return f"it had {max(mark, old.size)} bytes and has {source.size}; it was truncated"
    with reading(file.shown, source.format), file.random() as handle:
        if _digest_of_log(file, handle, old.size) != old.digest:
            return "its first bytes are others"
        if digest_of(bytes_before(handle, mark)) != counted.before:
            return f"the bytes before byte {mark} are others"
        if source.size > mark >= old.size and not _is_line_end(handle, mark, source):
            return f"its last line, before byte {mark}, was counted without a line end and goes on"
    return None


def _digest_of_log(file: File, handle: Any, size: int) -> str:
    """The digest that a log has, or had when its size was another."""
    return digest_of(bytes(handle.read_at(min(HEAD, size), 0)), _keys(file))


def _keys(file: File) -> bytes:
    """A file below other partition keys has other rows."""
    return json.dumps(sorted(file.partitions.items())).encode() if file.partitions else b""


def _is_line_end(handle: Any, mark: int, source: Source) -> bool:
    """Whether what was read up to a byte was whole lines, though the file has grown since."""
    around = bytes(handle.read_at(3, mark - 1))
    if source.format == "jsonl":
        return around[:1] == b"\n" or around[1:2] == b"\n" or around[1:] == b"\r\n"
    at_end = around[:1] in (b"\r", b"\n") or around[1:2] in (b"\r", b"\n")
    return at_end and sum(part.count(b'"') for part in _parts(handle, mark)) % 2 == 0


def _parts(handle: Any, size: int) -> Iterator[bytes]:
    for start in range(0, size, _PART):
        yield bytes(handle.read_at(min(_PART, size - start), start))
