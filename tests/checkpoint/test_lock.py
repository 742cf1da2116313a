"""The lock of a state file: one holder, named to the others, free again as soon as it is dead."""

from __future__ import annotations

import errno
import os
import re
import signal

import pytest

import streamavg as sa
from streamavg.checkpoint.lock import Lock
from streamavg.checkpoint.writer import Checkpoint
from tests.checkpoint.faults import ended, forked, watched


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.sav")


def test_b6_of_ten_writers_one_wins_and_the_others_name_it(path):
    hear, say = os.pipe()
    wait, go = os.pipe()

    def work():
        os.close(go)
        try:
            with Checkpoint(path):
                os.write(say, f"{os.getpid()} won\n".encode())
                os.read(wait, 1)  # hold it until all have tried
        except sa.InUseError as error:
            os.write(say, f"{os.getpid()} {error}\n".encode())

    children = [forked(work) for _ in range(10)]
    os.close(say)
    told = b""
    while told.count(b"\n") < 10:
        part = os.read(hear, 1 << 16)
        assert part, told
        told += part
    os.close(go)
    assert [ended(child) for child in children] == [0] * 10
    os.close(hear)
    os.close(wait)
    reports = dict(line.split(" ", 1) for line in told.decode().split("\n") if line)
    winners = [pid for pid, words in reports.items() if words == "won"]
    assert len(winners) == 1
    losers = [words for words in reports.values() if words != "won"]
    assert len(losers) == 9
    for words in losers:
        assert re.search(
            rf"run\.sav: in use by process {winners[0]} on {os.uname().nodename}, which opened it at", words
        )


def test_b7_a_killed_holder_leaves_nothing_to_clean(path):
    def work():
        Checkpoint(path)
        os.kill(os.getpid(), signal.SIGKILL)

    for _ in range(3):
        assert ended(forked(work)) == -signal.SIGKILL
        assert os.path.getsize(path + ".lock") > 0
        Checkpoint(path).close()


def test_g3_a_child_does_not_outlive_the_hold_of_its_parent(path):
    """A worker forked while the file is open must not keep it locked when the parent is killed."""
    hear, say = os.pipe()
    wait, go = os.pipe()

    def work():
        with Checkpoint(path):
            worker = forked(lambda: (os.write(say, b"x"), os.close(go), os.read(wait, 1)))
            assert worker
            os.read(hear, 1)
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(work)) == -signal.SIGKILL
    Checkpoint(path).close()
    for descriptor in (go, hear, say, wait):
        os.close(descriptor)


def test_the_holder_is_named_only_while_it_holds(path):
    with Checkpoint(path), pytest.raises(sa.InUseError, match=f"in use by process {os.getpid()} on"):
        Checkpoint(path)
    with open(path + ".lock", encoding="utf-8") as file:
        assert file.read() == ""
    assert os.stat(path + ".lock").st_mode & 0o777 == 0o600


def test_a_note_that_is_no_text_is_harmless(path):
    with Checkpoint(path):
        with open(path + ".lock", "wb") as file:
            file.write(b"\x1b[31m\xff\n" * 1000)
        with pytest.raises(sa.InUseError) as caught:
            Checkpoint(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600 + len(path)


def test_the_lock_follows_no_link_and_waits_for_no_fifo(path, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("mine")
    os.symlink(canary, path + ".lock")
    with pytest.raises(sa.StateError, match=r"run\.sav\.lock: not a regular file"):
        Lock(path)
    assert canary.read_text() == "mine"
    os.unlink(path + ".lock")
    os.mkfifo(path + ".lock")
    with pytest.raises(sa.StateError, match="not a regular file"):
        Lock(path)
    os.unlink(path + ".lock")
    os.mkdir(path + ".lock")
    with pytest.raises(sa.StateError, match="not a regular file"):
        Lock(path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_used_without(path, code):
    def act(name, real, arguments):
        if name == "lock":
            raise OSError(code, "no locks")
        return real(*arguments)

    with watched(act):
        one, two = Lock(path), Lock(path)
    assert not one.is_held
    one.release()
    two.release()
