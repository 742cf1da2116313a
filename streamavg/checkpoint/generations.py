"""Generations: a file and the one before it (`.1`), replaced so that at every instant a whole one is there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import secrets
import stat

from streamavg.checkpoint import disk
from streamavg.errors import StateError, naming

# of file systems without hard links (FAT, some network mounts), or an inode with no link to spare
_NO_LINK = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}


def previous(path: str) -> str:
    """Where the generation before the newest is."""
    return path + ".1"


def contents(path: str, most: int, first: int | None = None) -> bytes | None:
    """The bytes of a regular file, None if there is none; StateError if it is another thing or larger than `most`.

    first: read only so many.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not make us wait
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ENXIO, errno.ELOOP):
            raise StateError(f"{path}: not a state file ({os.strerror(error.errno)})") from None
        raise
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            raise StateError(f"{path}: not a regular file; a state file is one, name another place")
        if about.st_size > most:
            raise StateError(f"{path}: {about.st_size:,} bytes; a state file has at most {most:,}")
        # one more than there is, to see that it does not grow under us
        parts, room = [], about.st_size + 1 if first is None else first
        while room and (part := os.read(file, room)):
            parts.append(part)
            room -= len(part)
        return b"".join(parts)
    finally:
        os.close(file)


def replace(path: str, data: bytes, durable: bool) -> None:
    """Make `data` the newest generation and the one that was there the previous.

    The old one gets a second name first and becomes `.1` last, so that at every instant the newest is whole and `.1` is
    another whole file: damage to one of them cannot be damage to both. durable: data reach the disk before the name
    does, and the name before this returns. An OSError up to the first rename leaves both as they were; after it the new
    one is in place.
    """
    temp, old = _written(path, data, durable), None
    try:
        old = _second_name(path, durable)
        disk.rename(temp, path)
        if old is not None:
            disk.rename(old, previous(path))
    except BaseException:
        _forget(temp)
        if old is not None:
            _forget(old)
        raise
    if durable:
        _sync_folder(path)


def set_aside(path: str) -> str:
    """Rename a damaged file, never over another one; returns its new name."""
    names = itertools.chain([".corrupt"], (f".corrupt{number}" for number in itertools.count(2)))
    aside = next(name for name in (path + ending for ending in names) if not os.path.lexists(name))
    disk.rename(path, aside)
    return aside


def remove_leftovers(path: str) -> None:
    """Remove the temporary files that killed saves of this file left; only for who holds its lock."""
    start = _temp_start(path)
    for name in os.listdir(_folder(path)):
        if name.startswith(start) and name.endswith(".tmp"):
            _forget(os.path.join(_folder(path), name))


def _folder(path: str) -> str:
    return os.path.dirname(path) or "."


def _temp_start(path: str) -> str:
    """How temporary files of this file begin: a digest keeps the name short, whatever the file is called."""
    return f".streamavg-{hashlib.sha256(os.fsencode(os.path.basename(path))).hexdigest()[:16]}-"


def _temp_name(path: str) -> str:
    return os.path.join(_folder(path), f"{_temp_start(path)}{secrets.token_hex(8)}.tmp")


def _written(path: str, data: bytes, durable: bool) -> str:
    """A new file beside `path` with these bytes; its name cannot be guessed, and no link is followed."""
    temp = _temp_name(path)
    file = disk.open_file(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            with naming(path):  # the temporary name would tell nobody anything
                rest = memoryview(data)
                while rest:
                    rest = rest[disk.write(file, rest) :]  # a disk may take less than all, and say so the next time
                if durable:
                    disk.sync(file)  # once: after a failure the kernel may drop the data and a second call succeed
        finally:
            disk.close(file)
    except BaseException:
        _forget(temp)
        raise
    return temp


def _second_name(path: str, durable: bool) -> str | None:
    """A temporary second name of the newest generation, None if there is none or it is already the previous one too."""
    if not os.path.lexists(path) or _same_file(path, previous(path)):  # a rename onto itself would leave the temp
        return None
    temp = _temp_name(path)
    try:
        disk.link(path, temp)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return _written(path, contents(path, os.path.getsize(path)) or b"", durable)
    return temp


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False


def _sync_folder(path: str) -> None:
    folder = disk.open_file(_folder(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk.sync(folder)
    finally:
        disk.close(folder)


def _forget(path: str) -> None:
    with contextlib.suppress(OSError):
        disk.unlink(path)
