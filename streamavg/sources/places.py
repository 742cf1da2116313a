"""Places: a file system and what a path on it stands for; directories and globs are walked here, local or remote."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WILDCARD = re.compile(r"[*?\[]")
_OPTIONS = re.compile(r"\?(?=[\w.-]+=)")  # s3://bucket/a?region=x ends in options, s3://bucket/a?.csv is a glob


class Entry(NamedTuple):
    """What a path stands for: "file", "directory", "pipe" or "nothing"; `stamp` is its time of change if known."""

    path: str
    kind: str
    size: int = 0
    stamp: int | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Place(NamedTuple):
    """A file system: `look` at a path, list the `entries` of a directory; `prefix` stands before a shown path."""

    system: Any
    look: Callable[[str], Entry]
    entries: Callable[[str], list[Entry]]
    prefix: str = ""
    identity: str = ""


def local_place() -> Place:
    """This machine's disks."""
    from pyarrow.fs import LocalFileSystem  # 17 ms that `--help` need not pay

    return Place(LocalFileSystem(), _look_locally, _local_entries)


def _local_entries(directory: str) -> list[Entry]:
    """Names in a directory; by os.scandir because pyarrow's listing leaves dangling links out without a word."""
    with os.scandir(directory or ".") as names:
        entries = [_look_locally(os.path.join(directory, name.name)) for name in names]
    # A dangling link stays a file: opening it says "no such file". Sockets and pipes in a directory are not data.
    return [entry._replace(kind="file") if entry.kind == "nothing" else entry for entry in entries]


def _look_locally(path: str) -> Entry:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        return Entry(path, "nothing")
    if stat.S_ISREG(status.st_mode):
        return Entry(path, "file", status.st_size, status.st_mtime_ns)
    return Entry(path, "directory" if stat.S_ISDIR(status.st_mode) else "pipe")


def remote_place(url: str) -> tuple[Place, str]:
    """The file system of a URL and the path on it. Raises InputError for an unknown scheme, OSError for the network."""
    import pyarrow as pa
    from pyarrow.fs import FileSelector, FileSystem, FileType

    scheme = url.partition("://")[0]
    found = _OPTIONS.search(url)
    address, options = (url[: found.start()], url[found.start() :]) if found else (url, "")
    fixed, pattern = split_glob(address)
    try:
        system, path = FileSystem.from_uri(fixed + options)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # Arrow's message may quote a password from the URL
        raise InputError(
            f"{scheme}://...: not a URL that pyarrow.fs can read; it knows file, s3, gs, hdfs and abfs"
        ) from None
    kinds = {FileType.File: "file", FileType.Directory: "directory"}

    def entry(info: Any) -> Entry:
        return Entry(info.path, kinds.get(info.type, "nothing"), info.size or 0)

    def entries(directory: str) -> list[Entry]:
        return [entry(info) for info in system.get_file_info(FileSelector(directory))]

    place = Place(system, lambda path: entry(system.get_file_info(path)), entries, f"{scheme}://", scheme + options)
    return place, "/".join(filter(None, (path.rstrip("/"), pattern)))


def split_glob(path: str) -> tuple[str, str]:
    """The directory before the first segment with a wildcard, and the pattern below it ("" if there is no wildcard).

    >>> split_glob("data/year=*/a.csv"), split_glob("a.csv")
    (('data/', 'year=*/a.csv'), ('a.csv', ''))
    """
    wildcard = WILDCARD.search(path)
    if wildcard is None:
        return path, ""
    cut = path.rfind("/", 0, wildcard.start()) + 1
    return path[:cut], path[cut:]


def is_hidden(name: str) -> bool:
    """Whether Spark would skip the name too: .crc files, _SUCCESS, _delta_log; but _year=2024 is a partition."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def directories(place: Place, top: str, passed: frozenset[str] = frozenset()) -> Iterator[str]:
    """A directory and all those below it that are not hidden; a link back to one above is not followed for ever."""
    real = top if place.prefix else os.path.realpath(top)
    if real in passed:
        return
    yield top
    for entry in place.entries(top):
        if entry.kind == "directory" and not is_hidden(entry.name):
            yield from directories(place, entry.path, passed | {real})


def files_below(place: Place, top: str, pattern: str) -> list[Entry]:
    """The files that match a pattern such as **/*.csv, all those in matching directories included, in order of path."""
    found: dict[str, Entry] = {}
    for entry in _matches(place, top, [part for part in pattern.split("/") if part]):
        inside = directories(place, entry.path) if entry.kind == "directory" else ()
        held = [file for directory in inside for file in place.entries(directory) if not is_hidden(file.name)]
        found.update((file.path, file) for file in (held or [entry]) if file.kind == "file")
    return [found[path] for path in sorted(found)]


def _matches(place: Place, directory: str, segments: Sequence[str]) -> Iterator[Entry]:
    head, rest = segments[0], segments[1:]
    if head == "**":
        for below in directories(place, directory):
            yield from _matches(place, below, rest or ["*"])
        return
    for entry in place.entries(directory):
        hidden = is_hidden(entry.name) and head[0] != entry.name[0]  # _* asks for hidden names, * does not
        if hidden or not fnmatch.fnmatchcase(entry.name, head):
            continue
        if not rest:
            yield entry
        elif entry.kind == "directory":
            yield from _matches(place, entry.path, rest)
