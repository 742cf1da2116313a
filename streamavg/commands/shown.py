"""Shown: who is told of a stream as it goes: the terminal, a file of lines, scrapers."""

from __future__ import annotations

import fnmatch
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from streamavg.commands.told import noted
from streamavg.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from streamavg.live.figures import Reader
    from streamavg.live.moment import Observer

OFTEN = 10.0  # seconds between emitted totals where there are no windows


def refuse_shown(chosen: argparse.Namespace) -> None:
    """InputError for what cannot be together, before anything is opened."""
    if chosen.emit_every and chosen.emit is None:
        raise InputError("--emit-every needs --emit FILE: where to?")
    if chosen.emit == "-" and chosen.output is None and chosen.format != "table":
        raise InputError("--emit -: standard output has the emitted lines; add -o FILE for the report")
    if chosen.emit not in (None, "-"):
        _refuse_source(chosen.emit, chosen.source)


def _refuse_source(path: str, sources: Iterable[str]) -> None:
    """InputError if what is emitted would be read again: the file need not be there yet to match a glob."""
    here = os.path.realpath(path)
    for source in sources:
        there = os.path.realpath(source)
        inside = os.path.isdir(there) and here.startswith(os.path.join(there, ""))
        if inside or here == there or fnmatch.fnmatch(here, there):
            raise InputError(f"--emit {path}: it would be read as {source}; name a file somewhere else")


def observers(chosen: argparse.Namespace) -> list[Observer]:
    """Who is told, as asked for. Raises InputError, InUseError and OSError for what cannot be opened."""
    from streamavg.live.figures import Reader

    policy = {"zero_division": float(chosen.zero_division), "over": chosen.over, "weighted": not chosen.unweighted}
    reader = Reader(policy)
    found: list[Observer] = []
    try:
        if chosen.emit is not None:
            found.append(_emit(chosen, Reader(policy, chosen.metrics.split(",") if chosen.metrics else None)))
        if chosen.serve is not None:
            found.append(_serve(chosen, reader))
        is_taken = chosen.emit == "-" and sys.stdout.isatty()  # two that write to one terminal tear each other
        if not chosen.no_progress and not is_taken:
            found.append(_view(reader))
    except BaseException:
        for each in found:
            each.close()
        raise
    return found


def _emit(chosen: argparse.Namespace, reader: Reader) -> Observer:
    from streamavg.live.emit import Emit
    from streamavg.state.spans import window_size

    if chosen.window is None:
        return Emit(chosen.emit, reader, chosen.emit_every or OFTEN)
    size = timedelta(microseconds=window_size(chosen.window))
    return Emit(chosen.emit, reader, chosen.emit_every, size)


def _serve(chosen: argparse.Namespace, reader: Reader) -> Observer:
    from streamavg.live.serve import Serve

    made = Serve(chosen.serve, reader, signed=chosen.op is not None)
    noted(f"metrics are at {made.url}")
    return made


def _view(reader: Reader) -> Observer:
    from streamavg.live.view import view

    return view(reader)
