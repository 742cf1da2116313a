"""Faults for tests of saving: a process killed, an error raised, or a log kept, at any operation of the disk module."""

from __future__ import annotations

import errno
import os
import warnings
from contextlib import contextmanager
from unittest.mock import patch

import streamavg as sa
from streamavg.checkpoint import disk

OPERATIONS = ("open_file", "write", "sync", "close", "link", "rename", "unlink", "truncate", "lock")
KILLED = 9


def state(number):
    """A state that is known by its rows."""
    return sa.from_confusion(["a", "b"], [[number, 0], [0, 0]]).state


@contextmanager
def watched(act):
    """Let `act(name, real, arguments)` do each disk operation instead."""
    real = {name: getattr(disk, name) for name in OPERATIONS}

    def operation(name):
        return lambda *arguments: act(name, real[name], arguments)

    with patch.multiple(disk, **{name: operation(name) for name in OPERATIONS}):
        yield


def forked(work):
    """Run `work` in a forked child; returns the child's process number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12: there may be threads; none is in a lock here
        child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        os.write(2, f"in the child: {error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def ended(child):
    """The exit status of a child, -n if signal n ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(number, when, work):
    """Run `work` in a child that dies at its N-th disk operation: "before", "after", or in "half" of a write."""
    count = 0

    def act(name, real, arguments):
        nonlocal count
        count += 1
        if count == number and when == "half":
            if name == "write":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            os._exit(KILLED)
        if count == number and when == "before":
            os._exit(KILLED)
        made = real(*arguments)
        if count == number:
            os._exit(KILLED)
        return made

    def watched_work():
        with watched(act):
            work()

    return ended(forked(watched_work))


@contextmanager
def failing(number, code, forever=False, on=OPERATIONS):
    """Let the N-th disk operation of these kinds fail, once or from then on; a write puts half of its bytes first."""
    seen = []

    def act(name, real, arguments):
        if name in on:
            seen.append(name)
        if name not in on or len(seen) < number or (len(seen) > number and not forever):
            return real(*arguments)
        if name == "write":
            real(arguments[0], arguments[1][: len(arguments[1]) // 2])
        if name == "close":
            real(*arguments)
        raise OSError(code, os.strerror(code))

    with watched(act):
        yield seen


NO_SPACE, BROKEN, QUOTA = errno.ENOSPC, errno.EIO, errno.EDQUOT
