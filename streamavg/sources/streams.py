"""Streams: the feed behind the sources that the user gave."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.sources.family import found
from streamavg.sources.followed import FileFeed
from streamavg.sources.formats import SOURCES, format_of, name_of
from streamavg.sources.lines import open_reader
from streamavg.sources.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.sources.feed import Feed, Opening


def open_feed(sources: Sequence[str], opening: Opening) -> Feed:
    """The feed of paths, directories and globs of files.

    Raises InputError for sources that cannot be followed, together or at all, and OSError for disk and network.
    """
    if not sources:
        raise InputError("no source; expected at least one file, directory, glob, or - for standard input")
    return _files([os.path.expanduser(os.fspath(source)) for source in sources], opening)


def _files(sources: list[str], opening: Opening) -> FileFeed:
    paths = found(sources)
    formats = {_format(path, opening) for path in paths or sources}
    if len(formats) > 1:
        raise InputError(f"files of several formats ({', '.join(sorted(formats))}) cannot be followed as one stream")
    if opening.until_end and not any(map(os.path.exists, paths)):
        raise InputError(f"{sources[0]}: no such file; without --until-end it would be waited for")
    format_ = formats.pop()
    watch = Watch(sources, lambda path: format_, opening.position, opening.remembered)
    return FileFeed(watch, open_reader(format_, opening.choose), opening)


def _format(path: str, opening: Opening) -> str:
    if opening.input_format:
        return opening.input_format
    found = format_of(path)
    if found is None:
        raise InputError(f"{path}: unknown format; name it with --input-format {'|'.join(SOURCES)}")
    return name_of(found)
