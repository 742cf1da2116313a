"""Streams: the feed behind the sources that the user gave."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.sources.broker import SCHEME
from streamavg.sources.family import found
from streamavg.sources.followed import FileFeed
from streamavg.sources.formats import SOURCES, format_of, name_of
from streamavg.sources.lines import open_reader
from streamavg.sources.several import Several, parted
from streamavg.sources.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.sources.feed import Feed, Opening


def open_feed(sources: Sequence[str], opening: Opening) -> Feed:
    """The feed of paths, directories and globs of files, and of topics of Kafka; several are read side by side.

    Raises InputError for sources that cannot be followed, together or at all, and OSError for disk and network.
    """
    if not sources:
        raise InputError(f"no source; expected at least one file, directory, glob, {SCHEME}... or - for standard input")
    topics = [source for source in sources if source.startswith(SCHEME)]
    paths = [os.path.expanduser(os.fspath(source)) for source in sources if source not in topics]
    if topics:
        from streamavg.sources.kafka import KafkaFeed

        feeds: list[Feed] = [KafkaFeed(topic, opening) for topic in dict.fromkeys(topics)]
        feeds += [_beside_topics(paths, opening)] if paths else []
        return feeds[0] if len(feeds) == 1 else Several(feeds, "files" if paths else None)
    return _files(paths, opening)


def _beside_topics(paths: list[str], opening: Opening) -> FileFeed:
    """Files that share their position with topics."""
    remembered = opening.remembered.get("files", {})
    return _files(paths, replace(opening, remembered=remembered, position=parted(opening.position)[1]))


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
