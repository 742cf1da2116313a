"""Family: the paths that sources stand for at this moment, and the names that rotation gives to a log."""

from __future__ import annotations

import glob
import os
import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from streamavg.sources.file import CODECS
from streamavg.sources.formats import codec_of, format_of, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADDED = re.compile(r"[.-].*\d.*|[.-](old|bak|prev)")  # app.log.1, app.log-20261128, app.log.old; not app.log.lock
_NUMBERED = re.compile(r"([.-]\d+)+$")
Identity = tuple[int, int]


def found(sources: Sequence[str]) -> list[str]:
    """The paths of files, directories and globs; one that is not there yet is among them if it is no pattern.

    Of a directory those whose names tell that they are text; compressed files are left out, for they do not grow.
    """
    paths: dict[str, None] = {}
    for source in sources:
        if os.path.isdir(source):
            below = glob.glob(os.path.join(glob.escape(source), "**", "*"), recursive=True)
            logs = [path for path in below if os.path.isfile(path) and log_format(path) is not None]
            paths.update(dict.fromkeys(sorted(logs)))
        elif os.path.lexists(source) or not glob.has_magic(source):
            paths[source] = None
        else:
            paths.update(dict.fromkeys(sorted(filter(_is_plain, glob.glob(source, recursive=True)))))
    return list(paths)


def log_format(path: str) -> str | None:
    """The format of text that a name tells, rotated or not; None for others, and for a compressed file.

    >>> log_format("a/app.jsonl-20261128"), log_format("app.csv.gz"), log_format("app.log")
    ('jsonl', None, None)
    """
    known = format_of(_NUMBERED.sub("", path)) if codec_of(path) is None else None
    return name_of(known) if known is not None and known.is_text else None


def _is_plain(path: str) -> bool:
    return os.path.isfile(path) and codec_of(path) is None


def is_rotation(path: str, log: str) -> bool:
    """Whether a path is a name that rotation gives to a log.

    >>> is_rotation("a/app.log.1", "a/app.log"), is_rotation("a/app.log.lock", "a/app.log")
    (True, False)
    """
    return path.startswith(log) and _ADDED.fullmatch(path[len(log) :]) is not None


def rotations(log: str, near: Sequence[str]) -> list[str]:
    """The rotated files of a log among its siblings, in the order in which they were written last.

    Compressed ones are left out.
    """
    first = bisect_left(near, log)
    after = bisect_left(near, log + "/")  # sorts behind . and -
    names = [path for path in near[first:after] if is_rotation(path, log) and not path.endswith(tuple(CODECS))]
    stamps = {path: status.st_mtime_ns for path in names if (status := _status(path)) is not None}
    return sorted(stamps, key=lambda path: (stamps[path], path))


def siblings(path: str) -> list[str]:
    """The files in the directory of a path, sorted."""
    directory = os.path.dirname(path)
    try:
        with os.scandir(directory or ".") as entries:
            return sorted(os.path.join(directory, entry.name) for entry in entries if entry.is_file())
    except FileNotFoundError:
        return []


def identity_of(path: str) -> Identity | None:
    """Which file a path names now, as device and inode; None if there is none."""
    status = _status(path)
    return None if status is None else (status.st_dev, status.st_ino)


def name_now(identity: Identity, near: str) -> str | None:
    """The name that a file has now in the directory of an earlier name."""
    directory = os.path.dirname(near)
    try:
        with os.scandir(directory or ".") as entries:
            names = [entry.name for entry in entries if entry.inode() == identity[1]]
    except FileNotFoundError:
        return None
    paths = [os.path.join(directory, name) for name in sorted(names)]
    return next((path for path in paths if identity_of(path) == identity), None)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
