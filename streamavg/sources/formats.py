"""Formats: each is declared once, as a name, suffixes and the function that opens a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streamavg.errors import InputError
from streamavg.sources.arrow_ipc import open_arrow
from streamavg.sources.delimited import open_csv, open_tsv
from streamavg.sources.file import CODECS
from streamavg.sources.jsonl import open_jsonl
from streamavg.sources.parquet import open_parquet

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.sources.file import File
    from streamavg.sources.unit import Layout


class Format(NamedTuple):
    """A format of files: what their names end in, how one is opened, and whether it may be compressed as a whole."""

    suffixes: tuple[str, ...]
    open: Callable[[File], Layout]
    is_text: bool


SOURCES: dict[str, Format] = {
    "parquet": Format((".parquet", ".pq"), open_parquet, False),
    "arrow": Format((".arrow", ".ipc", ".arrows", ".feather"), open_arrow, False),
    "csv": Format((".csv",), open_csv, True),
    "tsv": Format((".tsv",), open_tsv, True),
    "jsonl": Format((".jsonl", ".ndjson", ".json"), open_jsonl, True),
}


def format_named(name: str) -> Format:
    """The format of that name. Raises InputError that lists the names."""
    if name not in SOURCES:
        raise InputError(f"unknown input format {name!r}; expected one of {', '.join(SOURCES)}")
    return SOURCES[name]


def name_of(format_: Format) -> str:
    """The name under which a format is declared."""
    return next(name for name, declared in SOURCES.items() if declared is format_)


def codec_of(path: str) -> str | None:
    """The codec that the last suffix of a path names, if any.

    >>> codec_of("a.csv.gz"), codec_of("a.csv")
    ('gzip', None)
    """
    return next((codec for suffix, codec in CODECS.items() if path.lower().endswith(suffix)), None)


def format_of(path: str) -> Format | None:
    """The format that a path's suffixes name; None for an unknown one, and for a compressed file that is not text."""
    name = path.lower()
    codec = next((suffix for suffix in CODECS if name.endswith(suffix)), "")
    for format_ in SOURCES.values():
        if name.removesuffix(codec).endswith(format_.suffixes) and (format_.is_text or not codec):
            return format_
    return None
