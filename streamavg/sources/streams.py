"""Streams: the feed behind the sources that the user gave."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.sources.arrow_feed import ArrowFeed
from streamavg.sources.broker import SCHEME
from streamavg.sources.family import found, log_format
from streamavg.sources.followed import FileFeed
from streamavg.sources.formats import codec_of
from streamavg.sources.lines import LINE_FORMATS, open_reader
from streamavg.sources.piped import NAME, PipeFeed, here
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


def _beside_topics(paths: list[str], opening: Opening) -> Feed:
    """Files that share their position with topics."""
    remembered = opening.remembered.get("files", {})
    return _files(paths, replace(opening, remembered=remembered, position=parted(opening.position)[1]))


def _pipe(path: str, opening: Opening) -> Feed:
    """The feed of standard input, or of a pipe that has a name."""
    if path == "-" and sys.stdin.isatty():
        raise InputError("-: standard input is a terminal; expected data, for example: service | streamavg follow -")
    name = NAME if path == "-" else path
    format_ = "pattern" if opening.pattern else opening.input_format
    if format_ is None:
        raise InputError(f"{name}: a pipe has no name that tells its format; expected --input-format FORMAT")
    file = sys.stdin.fileno() if path == "-" else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if format_ == "arrow":
        os.set_blocking(file, True)
        return ArrowFeed(file, name, opening)
    place, repeated = here(name, format_, opening)
    return PipeFeed(file, place, repeated, open_reader(format_, opening.choose, opening.pattern), opening)


def _is_pipe(path: str) -> bool:
    return path == "-" or (os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode))


def _files(sources: list[str], opening: Opening) -> Feed:
    pipes = [source for source in sources if _is_pipe(source)]
    if pipes:
        if len(sources) > 1:
            raise InputError(
                f"{pipes[0]}: a pipe is followed by itself; start one run for each source, merge the states"
            )
        return _pipe(pipes[0], opening)
    paths = found(sources)
    formats = {_format(path, opening) for path in paths or sources}
    if len(formats) > 1:
        raise InputError(f"files of several formats ({', '.join(sorted(formats))}) cannot be followed as one stream")
    if opening.until_end and not any(map(os.path.exists, paths)):
        raise InputError(f"{sources[0]}: no such file; without --until-end it would be waited for")
    if not opening.until_end:
        _note_missing(sources, paths, opening)
    format_ = formats.pop()
    watch = Watch(sources, lambda path: format_, opening.position, opening.remembered, opening.note)
    return FileFeed(watch, open_reader(format_, opening.choose, opening.pattern), opening)


def _note_missing(sources: list[str], paths: list[str], opening: Opening) -> None:
    """Tell what is waited for, which may be a name with a slip in it."""
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        verb, it = ("does", "it") if len(missing) == 1 else ("do", "them")
        opening.note(f"note: {', '.join(missing)} {verb} not exist yet; waiting for {it}")
    elif not paths:
        opening.note(f"note: there is no file to follow in {', '.join(sources)} yet; waiting for one")


def _format(path: str, opening: Opening) -> str:
    if codec_of(path) is not None:
        raise InputError(f"{path}: compressed, so it does not grow; count it with streamavg eval")
    if opening.pattern or opening.input_format:
        return "pattern" if opening.pattern else str(opening.input_format)
    known = log_format(path)
    if known is None:
        raise InputError(f"{path}: unknown format; name it with --input-format {'|'.join(LINE_FORMATS)}")
    return known
