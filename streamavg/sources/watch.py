"""Watch: the files that sources stand for as they come, grow, are renamed, copied, truncated and go."""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError, StateError
from streamavg.position import Position, Source, digest_of
from streamavg.sources.family import found, identity_of, is_rotation, name_now, rotations, siblings
from streamavg.sources.known import HEAD
from streamavg.sources.tail import Tail, holds, resumed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamavg.sources.family import Identity

MOST_CLOSED = 1_000  # files read to their ends that are remembered, 2 KB each


class Watch:
    """Keeps a tail for each file of the sources. A file is known by its descriptor, else by its content, never by name.

    `tails` are open and may grow, `closed` were read to their ends or are gone; one of those may be found again.
    """

    def __init__(
        self,
        sources: Sequence[str],
        format_of: Callable[[str], str],
        position: Position,
        remembered: Mapping[str, Any],
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sources, self._format_of, self._note = sources, format_of, note
        self.left = dict(position.files)  # counted earlier and not found again yet
        self.tails: list[Tail] = []
        self.closed: list[Tail] = []
        self._open: set[Identity] = set()
        self._looked: dict[Identity, tuple[int, int]] = {}  # nothing is to be read there, as long as they are so
        try:
            self._passed = {(int(size), str(digest)) for size, digest in remembered.get("passed", ())}
            self._seen = {str(path): tuple(map(int, about)) for path, about in remembered.get("seen", {}).items()}
            if any(len(about) != 3 for about in self._seen.values()) or any(size < 0 for size, _ in self._passed):
                raise ValueError
        except (TypeError, ValueError, AttributeError):
            raise StateError("the state file says of its files what cannot be; restore it from a copy") from None
        self._is_first = True
        self._is_fresh = not position.files and "passed" not in remembered
        self.tallies: Counter[str] = Counter()

    @property
    def remembered(self) -> dict[str, Any]:
        """What was rotated before anything was followed and is not read; which files the names are, and their sizes."""
        seen = {tail.path: [*tail.identity, tail.largest] for tail in self.tails if tail.rotated is None}
        return {"passed": [list(each) for each in sorted(self._passed)], "seen": seen}

    def scan(self) -> None:
        """Look at all names once: new files get tails, renamed ones their new names."""
        paths = found(self._sources)
        given, near = set(paths), dict[str, list[str]]()
        self._rename()
        looked: dict[Identity, tuple[int, int]] = {}
        if self._is_first and self.left:
            self._find_again(given)
        self._open = {tail.identity for tail in self.tails}
        for path in paths:
            directory = os.path.dirname(path)
            if directory not in near:
                near[directory] = siblings(path)
            for other in (*(each for each in rotations(path, near[directory]) if each not in given), path):
                self._look(other, path, given, looked)
        self._looked, self._is_first = looked, False
        self.tails.sort(key=lambda tail: tail.rotated is None)

    def _rename(self) -> None:
        """Give tails the names that their files have now."""
        for tail in self.tails:
            if identity_of(tail.path) == tail.identity:
                continue
            tail.path = name_now(tail.identity, tail.path) or tail.path
            if tail.rotated is None:
                tail.rotated = time.monotonic()
                self.tallies["rotations"] += 1

    def _find_again(self, paths: set[str]) -> None:
        """Tails for what an earlier run counted: under its own name first, then wherever it is in its directory."""
        for source in sorted(self.left, key=lambda source: source.name not in paths):
            own = [source.name] if source.name in paths else []
            for path in (*own, *siblings(source.name)):
                if self._claim(path, source, path in paths):
                    break
            self._note_truncation(source)

    def _note_truncation(self, source: Source) -> None:
        """Tell if what was counted is no longer in the file that it was in, though that is still there."""
        *identity, largest = self._seen.get(source.name, (0, 0, 0))
        tail = next((tail for tail in self.tails if tail.source == source), None)
        if (tail is None or tail.path != source.name) and identity_of(source.name) == tuple(identity):
            self._truncated(source.name, largest - (source.size if tail is None else tail.size), tail)
        elif tail is None and largest:
            self.tallies["gone"] += 1
            self._note(
                f"warning: {source.name}: the file of that name that was counted up to byte {source.size} is found "
                "nowhere now (deleted, or compressed too early?); what was not read of it is lost"
            )

    def _truncated(self, path: str, lost: int, rest: Tail | None) -> None:
        """Tell that a file was truncated, and what became of the bytes that were not read."""
        self.tallies["truncations"] += 1
        self.tallies["lost_bytes"] += max(lost, 0)
        found = f"; the rest of what it held is read from {rest.path}" if rest is not None else ""
        self._note(f"warning: {path}: truncated{found}" + (f"; {lost} bytes of it are lost" if lost > 0 else ""))

    def _claim(self, path: str, source: Source, is_given: bool) -> bool:
        """Make a tail if a file holds what was counted of another one."""
        if any(tail.identity == identity_of(path) for tail in self.tails):
            return False
        file = _opened(path)
        if file is None:
            return False
        is_same = path == source.name or is_rotation(path, source.name) or source.size >= HEAD
        counted = self.left[source]
        if not is_same or not holds(file, source, counted):
            os.close(file)
            return False
        del self.left[source]
        tail = resumed(source, counted, path, file)
        tail.rotated = None if is_given else time.monotonic()
        self.tails.append(tail)
        self._open.add(tail.identity)
        return True

    def _look(self, path: str, log: str, paths: set[str], looked: dict[Identity, tuple[int, int]]) -> None:
        """Find out what a file is: known already, a copy, counted in an earlier run, or new."""
        identity = identity_of(path)
        if identity is None or identity in self._open:
            return
        file = _opened(path)
        if file is None:
            return
        status = os.fstat(file)
        stamp = (status.st_size, status.st_mtime_ns)
        if (
            self._looked.get(identity) == stamp
            or self._is_held(file, path, paths)
            or self._is_passed(file, path, paths)
        ):
            os.close(file)
            looked[identity] = stamp
            return
        for source in list(self.left):
            if self._claim(path, source, path in paths):
                os.close(file)
                return
        self._start(file, path, self._format_of(log)).rotated = None if path in paths else time.monotonic()

    def _start(self, file: int, path: str, format_: str) -> Tail:
        """A tail for a file of which nothing was read."""
        tail = Tail(Source(path, format_, 0, secrets.token_hex(16)), path, file)
        self.tails.append(tail)
        self._open.add(tail.identity)
        return tail

    def _is_held(self, file: int, path: str, paths: set[str]) -> bool:
        """Whether a file holds what a tail has read, or the beginning of it; a tail without its own file goes on there.

        Little content proves something only where a rotated copy of the other file is likely.
        """
        is_rotated = path not in paths or any(is_rotation(path, each) for each in paths)
        first, size = os.pread(file, HEAD, 0), os.fstat(file).st_size
        for tail in (*self.tails, *self.closed):
            if tail.begins_as(first, size, is_rotated):
                return True
            if first.startswith(tail.head) and tail.is_in(file, is_rotated):
                if not tail.is_alive:
                    self._move(tail, os.dup(file), path)
                return True
        return False

    def _move(self, tail: Tail, file: int, path: str) -> None:
        """Let a tail whose file is gone, or was closed, go on in another one with the same content."""
        if tail in self.closed:
            self.closed.remove(tail)
        else:
            self.tails.remove(tail)
        tail.move(file, path)
        tail.rotated = tail.rotated or time.monotonic()
        if tail.look():
            self.tails.append(tail)
            self._open.add(tail.identity)
        else:
            self.retire(tail)

    def _is_passed(self, file: int, path: str, paths: set[str]) -> bool:
        """Whether a rotated file was there before anything was followed, or is still empty."""
        if path in paths:
            return False
        size = os.fstat(file).st_size
        if self._is_fresh and self._is_first:
            self._passed.add((min(size, HEAD), digest_of(os.pread(file, HEAD, 0))))
        return not size or any(digest_of(os.pread(file, n, 0)) == digest for n, digest in self._passed)

    def retire(self, tail: Tail) -> None:
        """Close a file that was read to its end and is not written any more."""
        if tail in self.tails:
            self.tails.remove(tail)
        tail.close()
        self.closed = [*self.closed, tail][-MOST_CLOSED:]

    def cut(self, tail: Tail) -> None:
        """A file was truncated: go on with what it holds now, and with the rest of the old content where a copy is."""
        name = tail.path
        self._start(os.dup(tail.file), tail.path, tail.source.format)
        lost, self.tails = tail.largest if tail.at else 0, [each for each in self.tails if each is not tail]
        tail.close()
        self.closed.append(tail)
        for path in siblings(tail.path):
            file = None if any(each.identity == identity_of(path) for each in self.tails) else _opened(path)
            if file is None:
                continue
            size = os.fstat(file).st_size
            if tail.mark and tail.is_in(file, is_weak=True):
                self._move(tail, file, path)
                lost -= size
                break
            os.close(file)
        else:
            lost -= tail.at
        self._truncated(name, lost, tail if tail.file >= 0 or tail.path != name else None)
        self.tails.sort(key=lambda each: each.rotated is None)

    def settled(self, position: Position) -> Position:
        """The position under today's names, without what is remembered no more."""
        names = {tail.source: tail for tail in (*self.closed, *self.tails)}
        files = dict(self.left)
        for source, counted in position.files.items():
            if source in names:
                files.setdefault(names[source].settled(), counted)
        return Position(files)

    def close(self) -> None:
        """Close all files."""
        for tail in self.tails:
            tail.close()


def _opened(path: str) -> int | None:
    """A descriptor of a regular file; None if there is none by now."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise InputError(f"{path}: {error.strerror}; let this user read it") from None
