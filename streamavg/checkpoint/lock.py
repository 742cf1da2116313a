"""Lock: one process at a time, by flock on a file beside the one that is guarded; the kernel frees it on any death."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
import weakref

from streamavg.checkpoint import disk
from streamavg.errors import InputError, InUseError, StateError, naming

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_MOST_NOTE = 300


class Lock:
    """Held from its making to `release`; InUseError, naming the holder, if another process has it.

    The file `.lock` is never deleted, since two processes could then lock two files of that name. Where the file
    system has no locks `is_held` is False: then only the comparison of heads before a save tells writers apart.
    """

    def __init__(self, path: str) -> None:
        self.is_held, self.is_released, self._owner = True, False, os.getpid()
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            self._file: int | None = disk.open_file(path + ".lock", flags, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{path}: there is no folder {os.path.dirname(path)}; make it first") from None
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise
            raise StateError(f"{path}.lock: not a regular file; remove it, or name another state file") from None
        try:
            self._take(path)
        except BaseException:
            disk.close(self._file)
            raise
        _HELD.add(self)

    def _take(self, path: str) -> None:
        assert self._file is not None
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise StateError(f"{path}.lock: not a regular file; remove it, or name another state file")
        try:
            disk.lock(self._file, disk.EXCLUSIVE)
        except BlockingIOError:
            raise InUseError(f"{path}: in use by {self._holder()}; stop it, or name another state file") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            self.is_held = False
            return
        started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        note = f"process {os.getpid()} on {socket.gethostname()}, which opened it at {started}\n"
        with naming(path + ".lock"):
            disk.truncate(self._file, 0)
            disk.write(self._file, note.encode("utf-8", "replace")[:_MOST_NOTE])

    def _holder(self) -> str:
        """Who holds it, as it wrote; it may be about to write that."""
        assert self._file is not None
        for _ in range(50):
            note = os.pread(self._file, _MOST_NOTE, 0).decode("utf-8", "replace").strip()
            if note:
                return "".join(letter if letter.isprintable() else "?" for letter in note)
            time.sleep(0.01)
        return "another process"

    def release(self) -> None:
        """Let another take it. A forked child only closes its copy, or it would free the lock of its parent."""
        file, self._file, self.is_released = self._file, None, True
        if file is None:
            return
        with contextlib.suppress(OSError):
            if self.is_held and self._owner == os.getpid():
                disk.truncate(file, 0)
                disk.lock(file, disk.UNLOCK)  # by name: closing is not enough while a forked child has a copy
        with contextlib.suppress(OSError):
            disk.close(file)


_HELD: weakref.WeakSet[Lock] = weakref.WeakSet()


def _after_fork() -> None:
    """In a child: drop the copies of the parent's locks, which would outlive the parent if it is killed."""
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_after_fork)
