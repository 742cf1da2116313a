"""Signals: the first is a wish or an exception, the second ends the process, and handlers come back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from streamavg.signals import ASKING, Signals, Stopped


@pytest.fixture(autouse=True)
def nothing_is_ignored():
    """A run in the background of a shell ignores SIGINT, and what is ignored stays so."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (getattr(signal, name) for name in ASKING)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ASKING)
def test_a_signal_is_a_wish(name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with Signals() as signals:
        assert not signals.is_set()
        signal.raise_signal(number)
        assert signals.is_set()
        assert (signals.number, signals.name) == (number, name)
    assert signal.getsignal(number) is before


def leave():
    with Signals(leave=True):
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:
            pytest.fail("it is no error")


def test_or_an_exception_that_no_except_exception_catches():
    with pytest.raises(Stopped) as caught:
        leave()
    assert caught.value.number == signal.SIGTERM
    assert str(caught.value) == "SIGTERM"


TWICE = """
import signal
from streamavg.signals import Signals
with Signals():
    signal.raise_signal(signal.SIGTERM)
    print("wished", flush=True)
    signal.raise_signal(signal.SIGINT)
    print("too late")
"""


def test_the_second_one_ends_the_process_at_once():
    ran = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + signal.SIGINT, "wished\n", "")


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert not signals.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_on_another_thread_nothing_is_set():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look():
        with Signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
