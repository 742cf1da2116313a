"""Resume: counts on top of a state file; the same command goes on where it was stopped and ends as if it never was."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from streamavg.accumulator import Accumulator
from streamavg.checkpoint.kept import position_in, refuse_other_options, sources_of
from streamavg.checkpoint.writer import Checkpoint, read, waiting_error
from streamavg.errors import MismatchError, StateError
from streamavg.position import Position
from streamavg.run import plan_rest
from streamavg.saving import Checkpointer, count_saving
from streamavg.snapshot import Snapshot
from streamavg.state.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from streamavg.checkpoint.writer import Saved
    from streamavg.options import Options
    from streamavg.saving import Outcome, Stop
    from streamavg.sources import Unit
    from streamavg.worker import Progress

    Note = Callable[[str], None]
    Show = Callable[[list[Unit]], AbstractContextManager[Progress | None]]


@dataclass(frozen=True)
class Request:
    """Which rows are to be counted and how; `note` is told what the user should know, `show` shows the progress."""

    sources: Sequence[str]
    input_format: str | None
    options: dict[str, Any]
    threads: int | None
    note: Note
    show: Show

    @cached_property
    def asked(self) -> Options:
        """The options, checked."""
        return Accumulator(**self.options)._options


def resume(path: str, request: Request, every: float, stop: Stop) -> Outcome:
    """Count what the state file does not hold yet, saving every so many seconds, until the end or until `stop` is set.

    StateError if the file cannot be used or was counted with other options, InUseError if another process has it,
    InputError for a source that has changed since or cannot be read again, OSError if the disk fails.
    """
    with Checkpoint(path) as file:
        state, position = _held(file, request)
        if state.seen:
            request.note(f"note: {path} holds {state.seen:,} rows; going on from there")
        units, position = plan_rest(request.sources, request.input_format, request.options, position, request.note)

        def save(state: State, position: Position) -> None:
            file.save(state, sources_of(position, request.asked.to_json()))

        with request.show(units) as step, _matching(path):
            checkpointer = Checkpointer(save, every, state, position, stop)
            return count_saving(units, request.threads, request.options, checkpointer, step)


def retract(path: str, request: Request, force: bool, stop: Stop) -> Outcome:
    """Take the rows of the sources away from what the state file holds, all or (if stopped) none of them.

    What was counted of those files is forgotten too, so that they may be counted again. Raises as `resume` does, and
    StateError for rows that the file does not hold; if forced they are owed to it until they are added.
    """
    with Checkpoint(path) as file:
        state, position = _held(file, request)
        units, _ = plan_rest(request.sources, request.input_format, request.options, Position(), request.note)
        with request.show(units) as step:
            checkpointer = Checkpointer(lambda state, position: None, 1e9, stop=stop)
            counted = count_saving(units, request.threads, request.options, checkpointer, step)
        if counted.stopped:
            return counted
        if not force and (lacking := position.lacks(counted.position)):
            raise StateError(
                f"{lacking[0]}: {path} does not hold all of its rows, or no longer; nothing was taken away. "
                "Retract what was counted, or add --force to owe it these rows until they are added"
            )
        with _matching(path):
            left = Snapshot(state) - counted.snapshot
        position = position.without(counted.position)
        file.save(left.state, sources_of(position, request.asked.to_json()))
    return replace(counted, snapshot=left, position=position, saves=1)


def _held(file: Checkpoint, request: Request) -> tuple[State, Position]:
    """What the file holds, if that may be counted on."""
    saved = file.held
    if saved is None:
        return State(), Position()
    if saved.warning is not None:
        request.note(f"warning: {saved.warning}")
    if saved.attached:
        raise waiting_error(saved.path)
    refuse_other_options(saved, request.asked)
    return saved.state, position_in(saved)


@contextmanager
def _matching(path: str) -> Iterator[None]:
    """Run a block that adds to what a state file holds; StateError, naming the file, if the two do not match."""
    try:
        yield
    except MismatchError as error:
        raise StateError(f"{path}: {error}; use the same options, or another state file") from None


def merge(paths: Sequence[str], output: str, force: bool, note: Note) -> Snapshot:
    """Add states and save the sum; StateError, unless forced, if two of them hold the same rows of a file.

    Two states of one run that say nothing of files are refused as well: the later one holds what the earlier one does.
    """

    def twice(message: str) -> None:
        if not force:
            raise StateError(f"{message}; add --force to count them twice")

    total, position, options = added(paths, note, twice)
    with Checkpoint(output, fresh=True) as file:
        file.save(total.state, sources_of(position, options))
    return total


def _tell_run(path: str, saved: Saved, note: Note) -> None:
    """What a follower left beside the counts, which is in no sum: run counters, and records that wait."""
    from streamavg.join import waiting_in
    from streamavg.live.words import end_words, wait_words

    run = saved.sources.get("run")
    counters = {name: n for name, n in run.items() if name != "records"} if isinstance(run, dict) else {}
    if counters and all(type(n) is int for n in counters.values()) and (words := end_words(counters, {})):
        note(f"note: {path}: {words}")
    if saved.attached and (waiting := waiting_in(saved.attached)):
        note(f"note: {path}: {wait_words(waiting, 'record')} in it for the other half, in no sum")


def added(paths: Sequence[str], note: Note, twice: Note) -> tuple[Snapshot, Position, Any]:
    """The sum of states with what it holds of which files, and the options if all were counted with the same.

    StateError names the one that cannot be used or added; `twice` is told of rows that two of them hold.
    """
    total, where, runs, options = Snapshot(), Position(), dict[bytes, str](), list[Any]()
    for path in paths:
        saved = read(path)
        if saved.warning is not None:
            note(f"warning: {saved.warning}")
        _tell_run(path, saved, note)
        position = position_in(saved)
        both = where.overlap(position)
        if both is not None:
            twice(f"{path}: rows of {both[1]} are in a state before it too")
        elif saved.lineage in runs and any(saved.lineage) and not position.files:
            twice(f"{path}: of the same run as {runs[saved.lineage]}, so rows may be in both")
        try:
            total += Snapshot(saved.state)
        except MismatchError as error:
            raise StateError(f"{path}: {error}") from None
        where, runs[saved.lineage] = where.union(position), path
        options.append(saved.sources.get("options"))
    return total, where, options[0] if all(each == options[0] for each in options) else None
