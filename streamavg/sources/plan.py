"""The plan of a run: sources -> the units to read, once every file was opened and compared with the first."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from streamavg.errors import InputError
from streamavg.sources.formats import SOURCES, codec_of, format_named, format_of, name_of
from streamavg.sources.kinds import Selection
from streamavg.sources.known import Known
from streamavg.sources.listing import Listing
from streamavg.sources.partitions import arranged, partition_columns
from streamavg.sources.rest import is_done, rest_of_parts, rest_of_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from streamavg.position import Position, Ranges, Source
    from streamavg.sources.file import File
    from streamavg.sources.formats import Format
    from streamavg.sources.unit import Choose, Layout, Piece, Unit

OPENERS = 8  # remote files opened side by side


def open_units(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    choose: Choose,
    input_format: str | None = None,
    note: Callable[[str], None] = lambda _: None,
    stdin: BinaryIO | None = None,
    again: bool = False,
) -> list[Unit]:
    """The units of all sources: paths, directories, globs, URLs, and "-" for `stdin` (None: the process's own).

    Every file is opened, but only its layout is read. Raises InputError for a source, format or column that cannot be
    used, and OSError for a fault of disk or network; so does reading a unit. `note` is told what is left out. again:
    the units will be read more than once; InputError for a stream, and from a unit whose file is not as it was found.
    """
    files, formats = _listed(sources, input_format, note, stdin)
    if again:
        _refuse_streams(files, "it can be read only once, and exact areas read the rows twice; save it to a file first")
    layouts = _layouts(files, formats)
    selection = Selection(choose)
    units = [(file, list(_units(file, layout, selection))) for file, layout in zip(files, layouts, strict=True)]
    if again:
        units = [(file, [replace(unit, read=partial(_kept, unit.read, file)) for unit in held]) for file, held in units]
    return [unit for _, held in units for unit in held]


def open_rest(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    choose: Choose,
    position: Position,
    input_format: str | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[list[Unit], Position]:
    """The units of what was not counted before, whose pieces have spans; and the position as its files are named now.

    Raises like `open_units`, and InputError for a file that has changed and for a source that cannot be read again.
    """
    files, formats = _listed(sources, input_format, note, None)
    _refuse_streams(files, "a stream cannot be read again from where a state file says; save it to a file first")
    known = Known(position)
    counted = known.match(files, [name_of(format_) for format_ in formats])
    known.tell_missing(note)
    layouts = _layouts(files, formats)
    selection = Selection(choose)
    units = [
        unit
        for file, layout, (source, old) in zip(files, layouts, counted, strict=True)
        for unit in _units(file, layout, selection, source, old.ranges if old else ())
    ]
    return units, known.position()


def _listed(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    input_format: str | None,
    note: Callable[[str], None],
    stdin: BinaryIO | None,
) -> tuple[list[File], list[Format]]:
    """The files behind the sources, each once, and their formats."""
    given = format_named(input_format) if input_format else None
    paths = [sources] if isinstance(sources, str | os.PathLike) else sources
    if not paths:
        raise InputError("no source; expected at least one file, directory, glob, URL, or - for standard input")
    listing = Listing(lambda name: given is not None or format_of(name) is not None, note, stdin)
    files = [_with_codec(file, given) for file in listing.files([os.fspath(source) for source in paths])]
    return files, [_format(file, given) for file in files]


def _refuse_streams(files: list[File], reason: str) -> None:
    for file in files:
        if file.pipe is not None:
            file.pipe.refuse()
            raise InputError(f"{file.shown}: {reason}")


def _layouts(files: list[File], formats: list[Format]) -> list[Layout]:
    """All files opened: one after the other on disks, where 500 take 0.15 s, side by side where latency counts."""
    if all(file.is_local for file in files):
        return [format_.open(file) for format_, file in zip(formats, files, strict=True)]
    with ThreadPoolExecutor(OPENERS) as pool:
        return list(pool.map(lambda format_, file: format_.open(file), formats, files))


def _with_codec(file: File, given: Format | None) -> File:
    codec = codec_of(file.path) if given is None or given.is_text else None
    return replace(file, codec=codec) if codec else file


def _format(file: File, given: Format | None) -> Format:
    found = given or format_of(file.path)
    if found is None:
        suffixes = ", ".join(suffix for format_ in SOURCES.values() for suffix in format_.suffixes)
        raise InputError(
            f"{file.shown}: unknown format; expected a name that ends in {suffixes} (text also with .gz, .bz2, .zst, "
            f".lz4 or .br after it), or --input-format {'|'.join(SOURCES)}"
        )
    return found


def _units(
    file: File, layout: Layout, selection: Selection, source: Source | None = None, done: Ranges = ()
) -> Iterator[Unit]:
    """The units of one file, with its partition's columns added when they are asked for and the file has none such.

    With a source they leave out what is done, and say what they read.
    """
    if layout.is_empty:
        return
    held = {column.name for column in layout.columns}
    keys = [column for column in partition_columns(file.partitions) if column.name not in held]
    chosen = selection.of(file.shown, [*layout.columns, *keys])
    names = [name for name in chosen if name in held] or [column.name for column in layout.columns[:1]]
    if source is None:
        for unit in layout.units(names, None):
            yield replace(unit, read=partial(_arranged, unit.read, chosen, file.partitions))
    elif not is_done(source, done):
        for unit in layout.units(names, done):
            read = partial(_arranged, unit.read, chosen, file.partitions)
            yield replace(unit, read=partial(_rest, read, layout, file, source, done), source=source)


def _kept(read: Callable[[], Iterator[Piece]], file: File) -> Iterator[Piece]:
    yield from read()
    file.refuse_change()


def _rest(
    read: Callable[[], Iterator[Piece]], layout: Layout, file: File, source: Source, done: Ranges
) -> Iterator[Piece]:
    if not layout.has_spans:
        return rest_of_rows(read(), done, file, source)
    return read() if source.format == "jsonl" else rest_of_parts(read(), done)


def _arranged(
    read: Callable[[], Iterator[Piece]], chosen: list[str], keys: Mapping[str, str | None]
) -> Iterator[Piece]:
    return arranged(read(), chosen, keys)
