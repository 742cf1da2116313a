"""Follow: the command that counts a stream until it is stopped, from where an earlier run was."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from streamavg.checkpoint.writer import waiting_error
from streamavg.commands.asked import asked, options
from streamavg.commands.reported import reported
from streamavg.commands.shown import observers, refuse_shown
from streamavg.commands.told import failed, noted
from streamavg.errors import InputError, StateError
from streamavg.signals import Signals

if TYPE_CHECKING:
    import argparse

    from streamavg.accumulator import Accumulator
    from streamavg.following import Following
    from streamavg.joining import Joining
    from streamavg.resumed import Kept
    from streamavg.sources.feed import Opening
    from streamavg.sources.rejects import Rejects
    from streamavg.sources.unit import Choose


def follow(chosen: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    names, gates = asked(chosen)
    refuse_shown(chosen)
    if chosen.checkpoint is None and chosen.every:
        raise InputError("--every needs --checkpoint FILE: which state?")
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        following = _following(chosen, signals, stack)
        stopped = following.keep()
        snapshot = following.snapshot
    if not stopped or signals.number is None:
        why = "" if snapshot.rows else _why_nothing(following)
        if not why:
            _tell_end(following)
        return reported(snapshot, names, gates, chosen, why)
    _tell_end(following)
    if snapshot.rows:
        reported(snapshot, names, [], chosen)
    kept = f" and saved in {chosen.checkpoint}; the same command goes on from there" if chosen.checkpoint else ""
    return failed(f"stopped by {signals.name}: {snapshot.seen:,} rows are counted{kept}", 128 + signals.number)


def _tell_end(following: Following) -> None:
    """The run counters, which are in no report, if there are any."""
    from streamavg.live.words import end_words

    words = end_words(following.counters, following.join.readings if following.join is not None else {})
    if words:
        noted(words)


def _why_nothing(following: Following) -> str:
    """What a join has to say of rows that there are none of."""
    from streamavg.live.words import nothing_words

    if following.join is None:
        return ""
    predictions = int(following.join.readings["waiting"])
    return nothing_words(following.counters, predictions, following.join.waiting - predictions)


def _following(chosen: argparse.Namespace, signals: Signals, stack: ExitStack) -> Following:
    """The loop with all that belongs to it, which the stack closes."""
    from streamavg.accumulator import Accumulator
    from streamavg.following import Following
    from streamavg.resumed import Kept
    from streamavg.snapshot import Snapshot
    from streamavg.sources.rejects import Rejects
    from streamavg.sources.streams import open_feed

    accumulator = Accumulator(**options(chosen))
    kept = stack.enter_context(Kept.at(chosen.checkpoint, accumulator, noted) if chosen.checkpoint else Kept())
    accumulator.merge(Snapshot(kept.state))
    joining = _joining(chosen, kept, accumulator)
    rejects = Rejects(chosen.rejects, kept.rejects, chosen.max_rejects, kept.bad_lines)
    stack.enter_context(closing(rejects))
    opening = _opening(chosen, (joining or accumulator._options).columns_of, kept, rejects)
    feed = stack.enter_context(closing(open_feed(chosen.source, opening)))
    return Following(
        feed,
        accumulator,
        rejects,
        signals,
        kept.position,
        kept.run,
        kept.records,
        kept if chosen.checkpoint else None,
        chosen.every or 10.0,
        joining,
        observers=observers(chosen),
        note=noted,
        **_windows(chosen, accumulator, kept.watermark),
    )


def _opening(chosen: argparse.Namespace, choose: Choose, kept: Kept, rejects: Rejects) -> Opening:
    """How the stream is to be read, and from where."""
    from streamavg.sources.feed import Opening

    return Opening(
        choose,
        chosen.input_format,
        chosen.pattern,
        position=kept.position,
        remembered=kept.feed,
        rejects=rejects,
        rows=chosen.batch_rows,
        age=chosen.batch_age,
        until_end=chosen.until_end,
        begins=chosen.stdin_at,
        note=noted,
        **_kafka(chosen),
    )


def _joining(chosen: argparse.Namespace, kept: Kept, accumulator: Accumulator) -> Joining | None:
    """The stage that pairs predictions with truths, if it is asked for."""
    if chosen.join is None:
        if chosen.join_limit is not None:
            raise InputError("--join-limit needs --join COLUMN: by which id?")
        if kept.join:
            raise waiting_error(chosen.checkpoint)
        return None
    from streamavg.joining import Joining

    if kept.state.seen and not kept.join:
        raise StateError(f"{chosen.checkpoint}: counted without --join; use another state file")
    return Joining(chosen.join, chosen.join_limit or "1e6", accumulator._options, kept.join, chosen.checkpoint)


def _windows(chosen: argparse.Namespace, accumulator: Accumulator, remembered: Any) -> dict[str, Any]:
    """What is asked for of windows."""
    from streamavg.watermark import watermark_for

    for name, value in {"--keep-windows": chosen.keep_windows, "--lateness": chosen.lateness}.items():
        if value and not chosen.window:
            raise InputError(f"{name} needs windows: add --window 5m --time COLUMN")
    watermark = watermark_for(accumulator._options, chosen.lateness, remembered)
    return {"watermark": watermark, "keep_windows": chosen.keep_windows}


def _kafka(chosen: argparse.Namespace) -> dict[str, Any]:
    """What is asked for of topics."""
    from streamavg.checkpoint.kept import position_in
    from streamavg.checkpoint.writer import read
    from streamavg.position import Position
    from streamavg.sources.broker import SCHEME, settings_in

    given = {"--partitions": chosen.partitions, "--beside": chosen.beside, "--kafka-config": chosen.kafka_config}
    for name, value in given.items():
        if value and not any(source.startswith(SCHEME) for source in chosen.source):
            raise InputError(
                f"{name} is for topics of Kafka, and there is none among the sources: {SCHEME}HOST:PORT/TOPIC"
            )
    beside = Position()
    for path in chosen.beside:
        beside = beside.union(position_in(read(path)))
    settings = settings_in(chosen.kafka_config) if chosen.kafka_config else {}
    return {"on_gap": chosen.on_gap, "partitions": chosen.partitions, "beside": beside, "settings": settings}
