"""Output: where a report goes; what cannot or must not be written is refused before the rows are read."""

from __future__ import annotations

import glob
import os
import secrets
import sys
from typing import TYPE_CHECKING

from streamavg.errors import InputError, naming

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown", ".parquet": "parquet", ".txt": "table"}


def format_of(output: str | None) -> str:
    """The format that the suffix of a file names; a table if it names none."""
    return SUFFIXES.get(os.path.splitext(output or "")[1].lower(), "table")


def check(output: str | None, chosen_format: str, read: Iterable[str]) -> None:
    """Raise InputError if the report cannot go there, or if a file that is read would be overwritten."""
    if output is None:
        if chosen_format == "parquet" and sys.stdout.isatty():
            raise InputError("parquet is not for a terminal; add -o FILE")
        return
    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        raise InputError(f"-o {output}: there is no folder {folder}")
    if os.path.isdir(output):
        raise InputError(f"-o {output}: it is a folder; name a file")
    if not os.path.isfile(output):
        return
    for path in read:
        if _holds(path, output):
            raise InputError(f"-o {output}: it would overwrite what is read as {path}; name another file")
    from streamavg.checkpoint.wire import MAGIC

    with open(output, "rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            raise InputError(f"-o {output}: it would overwrite a state file; name another file")


def _holds(source: str, output: str) -> bool:
    """Whether a source (a path, a glob, or a directory with data files) is or has this file."""
    if os.path.isdir(source):
        from streamavg.sources.formats import format_of as data_format_of

        inside = os.path.realpath(output).startswith(os.path.join(os.path.realpath(source), ""))
        return inside and data_format_of(output) is not None
    found = [source, *glob.glob(source, recursive=True)]
    return any(os.path.samefile(path, output) for path in found if os.path.exists(path))


def put(raw: bytes, output: str | None) -> None:
    """Write the report to standard output, or to a file as a whole: a full disk leaves there what was there."""
    with naming(output or "standard output"):
        _put(raw, output)


def _put(raw: bytes, output: str | None) -> None:
    if output is None:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
        return
    if os.path.exists(output) and not os.path.isfile(output):  # a pipe or a device
        with open(output, "wb") as file:
            file.write(raw)
        return
    target = os.path.realpath(output)
    beside = f"{target}.{secrets.token_hex(4)}.new"
    try:
        with open(beside, "xb") as file:
            file.write(raw)
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise
