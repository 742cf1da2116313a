"""Resumed: what a state file holds of a stream, and the one writer that saves to it as the stream goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streamavg.checkpoint.kept import position_in, refuse_other_options, sources_of
from streamavg.checkpoint.writer import Checkpoint
from streamavg.errors import StateError
from streamavg.position import MOST, Position
from streamavg.state.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from streamavg.accumulator import Accumulator


@dataclass
class Kept:
    """What was counted before, with the run counters; a context manager that holds the state file.

    `records` is how many records the lineage has taken in, `feed` what the feed wants back, `rejects` how much of
    the file of bad lines belongs to it, `join` what waits for its truth, `watermark` what that wants back.
    """

    state: State = field(default_factory=State)
    position: Position = field(default_factory=Position)
    run: dict[str, int] = field(default_factory=dict)
    records: int = 0
    feed: dict[str, Any] = field(default_factory=dict)
    rejects: list[Any] | None = None
    join: bytes = b""
    watermark: Any = None
    lineage: str = ""
    _file: Checkpoint | None = None
    _options: dict[str, object] = field(default_factory=dict)

    @classmethod
    def at(cls, path: str, accumulator: Accumulator, note: Callable[[str], None]) -> Kept:
        """Open a state file. StateError, InUseError and OSError as `Checkpoint` does, and for other options."""
        file = Checkpoint(path)
        try:
            return cls._of(file, accumulator, note)
        except BaseException:
            file.close()
            raise

    @classmethod
    def _of(cls, file: Checkpoint, accumulator: Accumulator, note: Callable[[str], None]) -> Kept:
        asked = accumulator._options
        made = cls(_file=file, _options=asked.to_json(), lineage=file.lineage.hex())
        saved = file.held
        if saved is None:
            return made
        if saved.warning is not None:
            note(f"warning: {saved.warning}")
        refuse_other_options(saved, asked)
        made.state, made.position, made.join = saved.state, position_in(saved), saved.attached
        made._take(saved.sources, saved.path)
        if saved.state.seen:
            note(f"note: {saved.path} holds {saved.state.seen:,} rows; going on from there")
        return made

    def _take(self, sources: Mapping[str, Any], path: str) -> None:
        run, feed, rejects = sources.get("run", {}), sources.get("feed", {}), sources.get("rejects")
        sound = isinstance(run, dict) and all(type(n) is int and 0 <= n <= MOST for n in run.values())
        is_place = rejects is None or (
            isinstance(rejects, list) and [type(each) for each in rejects] == [int, str] and rejects[0] >= 0
        )
        if not sound or not isinstance(feed, dict) or not is_place:
            raise StateError(f"{path}: it holds run counters that cannot be; restore the file from a copy")
        self.run = dict(run)
        self.records = self.run.pop("records", self.state.seen)
        self.feed, self.rejects = feed, rejects
        self.watermark = sources.get("watermark")

    @property
    def bad_lines(self) -> int:
        """How many lines were not counted because they are bad."""
        return self.state.skipped.get("malformed", 0)

    def save(self, state: State, position: Position, about: Mapping[str, Any], waiting: bytes = b"") -> None:
        """Save what belongs together; raises as `Checkpoint.save` does."""
        if self._file is not None:
            self._file.save(state, {**sources_of(position, self._options), **about}, waiting)

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
