"""Listing: the paths, directories, globs, URLs and the standard input that the user gave -> files, each one once."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

from streamavg.errors import InputError
from streamavg.sources.file import File, Pipe
from streamavg.sources.partitions import partition_keys
from streamavg.sources.places import WILDCARD, files_below, local_place, remote_place, split_glob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from streamavg.sources.places import Entry, Place

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_LOCAL = re.compile(r"file://(localhost)?(?=/)")
_SHOWN = 3  # names in a note


class Listing:
    """Collects the files behind sources; `wanted` tells whether a name found in a directory or by a glob is data."""

    def __init__(self, wanted: Callable[[str], bool], note: Callable[[str], None], stdin: BinaryIO | None) -> None:
        self._wanted, self._note, self._stdin = wanted, note, stdin
        self._found: dict[tuple[str, str], File] = {}

    def files(self, sources: Sequence[str]) -> list[File]:
        """The files of all sources in order. Raises InputError for a missing file and an empty directory or glob."""
        for source in sources:
            if source == "-":
                self._add("", "-", self._standard_input())
            elif _URL.match(source) and not _LOCAL.match(source):
                self._look(*remote_place(source))
            else:
                local = _LOCAL.match(source)
                self._look(local_place(), unquote(source[local.end() :]) if local else os.path.expanduser(source))
        return list(self._found.values())

    def _standard_input(self) -> File:
        stream = self._stdin or sys.stdin.buffer
        if stream.isatty():
            raise InputError("-: standard input is a terminal; expected data, for example: streamavg eval - < FILE")
        return File("standard input", "-", None, pipe=Pipe(stream))

    def _look(self, place: Place, path: str) -> None:
        """Add what a path stands for: a file or directory of exactly that name, else the matches of a glob."""
        entry = place.look(path)
        if entry.kind == "file":
            self._add_entry(place, entry, {})
        elif entry.kind == "pipe":  # <(command) in a shell
            self._add("", path, File(path, path, None, pipe=Pipe(open(path, "rb"), owned=True)))  # noqa: SIM115
        elif entry.kind == "directory":
            self._add_all(place, path.rstrip("/") + "/", "**", path)
        elif WILDCARD.search(path):
            self._add_all(place, *split_glob(path), path)
        else:
            raise InputError(f"{place.prefix}{path}: no such file; expected a file, a directory, a glob or a URL")

    def _add_all(self, place: Place, top: str, pattern: str, source: str) -> None:
        """Add the files below a directory that match; those that are not data are left out with one note."""
        there = place.look(top or ".").kind == "directory"
        entries = files_below(place, top, pattern) if there else []
        wanted = [entry for entry in entries if self._wanted(entry.name)]
        left_out = [entry.name for entry in entries if not self._wanted(entry.name)]
        if left_out:
            names = ", ".join(left_out[:_SHOWN]) + (", ..." if len(left_out) > _SHOWN else "")
            self._note(f"{place.prefix}{source}: {len(left_out)} files of unknown format left out ({names})")
        if not wanted:
            kind = "no such file, no file matches" if WILDCARD.search(source) else "no data file in this directory"
            raise InputError(f"{place.prefix}{source}: {kind}; expected names like part-0.parquet or log.jsonl.gz")
        for entry in wanted:
            self._add_entry(place, entry, partition_keys(entry.path[len(top) :]))

    def _add_entry(self, place: Place, entry: Entry, keys: dict[str, str | None]) -> None:
        shown = place.prefix + entry.path
        try:
            shown.encode()
        except UnicodeEncodeError:
            raise InputError(f"{shown!r}: the name is not valid UTF-8, which Arrow cannot open; rename it") from None
        key = entry.path if place.prefix else _identity(entry.path)
        self._add(place.identity, key, File(shown, entry.path, place.system, entry.size, entry.stamp, partitions=keys))

    def _add(self, place: str, key: str, file: File) -> None:
        first = self._found.setdefault((place, key), file)
        if first is not file:
            self._note(f"{file.shown}: the same file as {first.shown}; it is read once")


def _identity(path: str) -> str:
    """What is equal for two names of one local file: links of both kinds, and ./ before it."""
    try:
        status = os.stat(path)
    except OSError:
        return os.path.realpath(path)  # a link that leads nowhere; opening it will say so
    return f"{status.st_dev} {status.st_ino}" if status.st_ino else os.path.realpath(path)
