"""Checkpoint: a state and the positions of its sources <-> one small safe file, atomically, by one writer."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from streamavg.checkpoint import generations, wire
from streamavg.checkpoint.lock import Lock
from streamavg.errors import InputError, InUseError, StateError

if TYPE_CHECKING:
    from types import TracebackType

    from streamavg.state.state import State

_LONGEST_ENDING = len(".corrupt99")


@dataclass(frozen=True)
class Saved:
    """What a state file holds, where it was read, and a warning if it is not the newest generation."""

    state: State
    sources: dict[str, Any]
    lineage: bytes
    sequence: int
    path: str
    warning: str | None = None
    attached: bytes = b""


def waiting_error(path: str) -> StateError:
    """The error for a state in which records wait for their truth, where nobody would join them."""
    return StateError(
        f"{path}: records wait in it for their truth, which only streamavg follow --join pairs; go on with that, or "
        "use another state file"
    )


def read(path: str | os.PathLike[str]) -> Saved:
    """The newest good generation of a state file, without its lock; StateError if there is none."""
    saved, _ = _newest(_target(path))
    if saved is None:
        raise StateError(f"{os.fsdecode(path)}: there is no such state file; check the path, or save one first")
    return saved


class Checkpoint:
    """The one writer of a state file, from opening to `close`; a context manager.

    `held` is what the newest good generation holds, None if there is no file yet. A damaged newest generation is
    renamed to `.corrupt` if the previous one is good, and `held.warning` says so. durable=False leaves out the syncs:
    saves then survive a killed process, but not a power cut.

    Raises InUseError if another process has it open, StateError if no generation can be used (nothing is changed
    then), InputError if there can be no such file, OSError if the disk fails.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True, fresh: bool = False) -> None:
        """fresh: what is saved is another run than that in the file, which stays as the previous generation."""
        self._path, self._durable, self._owner = _target(path), durable, os.getpid()
        if len(os.fsencode(os.path.basename(self._path))) + _LONGEST_ENDING > 255:
            raise InputError(
                f"{self._path}: the name is too long for a state file; it must leave room for .1 and .lock"
            )
        self._lock = Lock(self._path)
        try:
            self._open(fresh)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, fresh: bool) -> None:
        if self._lock.is_held:
            generations.remove_leftovers(self._path)
        self._heads = {_head(self._path)}  # before the rest is read: a save in between is then seen as another's
        self.held, damaged = _newest(self._path)
        if self.held is not None and damaged:
            aside = generations.set_aside(self._path)
            self.held = replace(self.held, warning=f"{self.held.warning}; the damaged file is now {aside}")
        known = self.held is not None and not fresh
        self._lineage = self.held.lineage if self.held is not None and known else secrets.token_bytes(16)
        self._sequence = self.held.sequence if self.held is not None else 0

    @property
    def lineage(self) -> bytes:
        """The run that saves here: 16 bytes that stay the same as long as it is gone on with."""
        return self._lineage

    def save(self, state: State, sources: dict[str, Any], attached: bytes = b"") -> None:
        """Make this the newest generation; when it returns, it will be found again, with what is attached.

        StateError if the state is damaged, or if another process has saved to the file meanwhile; InUseError in a
        forked child; OSError if the disk fails. After an error the file holds what it held.
        """
        if self._owner != os.getpid():
            raise InUseError(f"{self._path}: opened by process {self._owner}; its forked child cannot save to it")
        if self._lock.is_released:
            raise StateError(f"{self._path}: this checkpoint was closed; open it again to save")
        data = wire.pack(state, sources, self._lineage, self._sequence + 1, attached)
        self._refuse_others()
        self._heads.add(data[: wire.HEAD.size])  # it is ours, even if a failure leaves open whether it is in place
        self._sequence += 1
        generations.replace(self._path, data, self._durable)
        self._heads = {data[: wire.HEAD.size]}

    def _refuse_others(self) -> None:
        """Fence: where locks do not work, whoever finds a save that is not its own stops."""
        head = _head(self._path)
        if head is not None and head not in self._heads:
            raise StateError(
                f"{self._path}: fenced: another process has saved to it since this one did; nothing was written. "
                "Stop one of them, or give each a state file of its own"
            )

    def close(self) -> None:
        """Let others open the file. In a forked child the parent's hold stays."""
        self._lock.release()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _target(path: str | os.PathLike[str]) -> str:
    """The file itself: if the user gave a link, what it leads to is read and replaced, and the link stays."""
    return os.path.realpath(os.fsdecode(path))


def _newest(path: str) -> tuple[Saved | None, bool]:
    """The newest good generation, None if there is no file at all; and whether the newest is there but damaged."""
    try:
        found = _saved(path)
        fault = f"{path}: it is missing"
    except StateError as error:
        if not error.damaged:
            raise
        found, fault = None, str(error)
    if found is not None:
        return found, False
    damaged = os.path.lexists(path)
    try:
        older = _saved(generations.previous(path))
    except StateError as error:
        raise StateError(
            f"{fault}, and the previous generation is no better: {error}; restore one of them from a "
            "copy, or name another file"
        ) from None
    if older is None and not damaged:
        return None, False
    if older is None:
        raise StateError(
            f"{fault}; there is no previous generation {generations.previous(path)} to go back to; "
            "restore it from a copy, or name another file"
        )
    return replace(older, warning=f"{fault}; the previous save, {older.path}, is used instead"), damaged


def _saved(path: str) -> Saved | None:
    data = generations.contents(path, wire.MOST_BYTES)
    if data is None:
        return None
    found = wire.unpack(data, path)
    return Saved(found.state, found.sources, found.lineage, found.sequence, path, attached=found.attached)


def _head(path: str) -> bytes | None:
    """The first bytes of a file, by which one save is told from another; None if there is no file."""
    return generations.contents(path, wire.MOST_BYTES, wire.HEAD.size)
